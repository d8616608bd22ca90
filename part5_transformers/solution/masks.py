"""Masks of what attention ignores: True means ignored, as in torch.nn.MultiheadAttention."""

from __future__ import annotations

import torch
from torch import Tensor

from part5_transformers.inputs import check_lengths, check_sequences


def PadMask(padded_input: Tensor, input_lengths: Tensor) -> Tensor:
    """Return True for every step at or after a sequence's length.

    Shapes: padded_input (b, t, ...), input_lengths (b,), result (b, t), on the input's device.
    Raises TypeError for lengths that are no tensor of integers, ValueError for lengths of another shape, below 1 or
    above t.
    """
    check_sequences("padded_input", padded_input)
    batch, time = padded_input.shape[:2]
    check_lengths("input_lengths", input_lengths, batch, time)
    ### BEGIN SOLUTION masks.padding: True at and after each length
    steps = torch.arange(time, device=padded_input.device)
    return steps >= input_lengths.to(padded_input.device)[:, None]
    ### END SOLUTION


def CausalMask(padded_input: Tensor) -> Tensor:
    """Return True for every key after the query.

    Shapes: padded_input (b, t, ...), result (t, t), on the input's device.
    """
    check_sequences("padded_input", padded_input)
    time = padded_input.shape[1]
    ### BEGIN SOLUTION masks.causal: True above the diagonal
    return torch.ones(time, time, dtype=torch.bool, device=padded_input.device).triu(diagonal=1)
    ### END SOLUTION

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
    is_padding = torch.zeros(batch, time, dtype=torch.bool, device=padded_input.device)
    for row, length in enumerate(input_lengths.tolist()):
        is_padding[row, length:] = True
    return is_padding


def CausalMask(padded_input: Tensor) -> Tensor:
    """Return True for every key after the query.

    Shapes: padded_input (b, t, ...), result (t, t), on the input's device.
    """
    check_sequences("padded_input", padded_input)
    time = padded_input.shape[1]
    return ~torch.ones(time, time, dtype=torch.bool, device=padded_input.device).tril()

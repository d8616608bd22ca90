"""Masks of what attention ignores: True means ignored, as in torch.nn.MultiheadAttention."""

from __future__ import annotations

import torch
from torch import Tensor


def PadMask(padded_input: Tensor, input_lengths: Tensor) -> Tensor:
    """Return True for every step at or after a sequence's length.

    Shapes: padded_input (b, t, ...), input_lengths (b,), result (b, t), on the input's device.
    Raises ValueError for lengths of another shape, below 1 or above t.
    """
    batch, time = padded_input.shape[:2]
    if input_lengths.shape != (batch,):
        raise ValueError(f"input_lengths must have shape ({batch},); got {tuple(input_lengths.shape)}.")
    if batch and not 1 <= int(input_lengths.min()) <= int(input_lengths.max()) <= time:
        raise ValueError(f"input_lengths must lie between 1 and {time}, the steps; got {input_lengths.tolist()}.")
    steps = torch.ones(time, dtype=torch.bool, device=padded_input.device)
    return torch.stack([steps.masked_fill(steps.cumsum(0) <= length, False) for length in input_lengths.tolist()])


def CausalMask(padded_input: Tensor) -> Tensor:
    """Return True for every key after the query.

    Shapes: padded_input (b, t, ...), result (t, t), on the input's device.
    """
    time = padded_input.shape[1]
    steps = torch.arange(time, device=padded_input.device)
    return steps[None, :] > steps[:, None]

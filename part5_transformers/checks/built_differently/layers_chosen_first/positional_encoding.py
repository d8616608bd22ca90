"""Positional encoding: attention does not depend on the order of its keys, so positions are added to them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from part5_transformers.inputs import check_sequences


class PositionalEncoding(nn.Module):
    """pe[p, 2i] = sin(p / 10000^(2i / d)),  pe[p, 2i + 1] = cos(p / 10000^(2i / d))     (Vaswani et al. 2017, §3.5).

    Buffer: pe (1, max_len, d_model).  With an odd d_model the last feature is a sine without its cosine.
    Raises ValueError for sizes that are not positive.
    """

    pe: Tensor

    def __init__(self, d_model: int, max_len: int) -> None:
        super().__init__()
        for name, size in (("d_model", d_model), ("max_len", max_len)):
            if size < 1:
                raise ValueError(f"{name} must be positive; got {size}.")
        self.register_buffer("pe", self.create_pe_table(d_model, max_len))

    def create_pe_table(self, d_model: int, max_len: int) -> Tensor:
        """Compute the table of all positions.  Shape: (1, max_len, d_model)."""
        frequencies = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10_000) / d_model))
        angles = torch.arange(max_len)[:, None] * frequencies  # (t, ⌈d / 2⌉)
        return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[None, :, :d_model]

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        """Add to x the encoding of its positions, of which the first is `offset`.

        The table is float32; the result has the dtype of x.
        Shapes: x (b, t, d_model), result the same.
        Raises ValueError for another shape, and where a position is beyond max_len.
        """
        max_len, d_model = self.pe.shape[1:]
        check_sequences("x", x, d_model)
        if offset < 0 or offset + x.shape[1] > max_len:
            raise ValueError(
                f"x must end within max_len={max_len} positions; got {x.shape[1]} steps from position {offset}."
            )
        return self.pe.narrow(1, offset, x.shape[1]).to(x.dtype) + x

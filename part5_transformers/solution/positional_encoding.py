"""Positional encoding: attention does not depend on the order of its keys, so positions are added to them."""

from __future__ import annotations

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
        ### BEGIN SOLUTION positional_encoding.table: sines and cosines of ever longer waves
        positions = torch.arange(max_len, dtype=torch.float32)[:, None]  # (t, 1)
        angles = positions / 10_000 ** (torch.arange(0, d_model, 2) / d_model)  # (t, ⌈d / 2⌉)
        table = torch.zeros(1, max_len, d_model)
        table[0, :, 0::2] = angles.sin()
        table[0, :, 1::2] = angles[:, : d_model // 2].cos()
        return table
        ### END SOLUTION

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
        ### BEGIN SOLUTION positional_encoding.forward: add the rows from offset on
        return x + self.pe[:, offset : offset + x.shape[1]].to(x.dtype)
        ### END SOLUTION

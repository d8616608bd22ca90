"""A model small enough that everything about it can be counted: its logits come from a drawn table."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class EndsWith(NamedTuple):
    """The part of a tokenizer that generation needs."""

    eos_id: int


def row_of(tokens: Tensor, rows: int) -> Tensor:
    """Choose a row (n,) of a table of so many for each of these tokens (n, t): every token and its place count."""
    places = torch.arange(1, tokens.shape[1] + 1)
    return (tokens * places**2 + places).sum(dim=1) % rows


class TableScorer:
    """A score_fn whose logits after tokens (n, t) are a row of a table (m, v); notes how it is used.

    `calls` holds the tokens of each call, `logits` what it gave, and `reordered` the arguments of reorder.
    """

    def __init__(self, table: Tensor) -> None:
        self.table = table
        self.calls: list[Tensor] = []
        self.logits: list[Tensor] = []
        self.reordered: list[Tensor] = []

    def __call__(self, tokens: Tensor) -> Tensor:
        self.calls.append(tokens.clone())
        self.logits.append(self.table[row_of(tokens, len(self.table))])
        return self.logits[-1]

    def reorder(self, rows: Tensor) -> None:
        self.reordered.append(rows.clone())

"""Scoring that keeps what it has computed: each call reads only the tokens that are new. Given."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from part5_transformers.cache import KeyValueCache

Step = Callable[[Tensor, Sequence[KeyValueCache]], Tensor]


class IncrementalScorer:
    """Called like `score`, with ever longer rows; gives the same logits.

    `step(tokens, caches)` reads the tokens that follow what the caches hold, and gives the logits (rows, v) after the
    last.  `reorder` says that row i now continues what row rows[i] was, as after a step of beam search.
    """

    def __init__(self, step: Step, num_layers: int) -> None:
        self.step, self.num_layers = step, num_layers
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next call begins anew."""
        self.rows = 0
        self.caches = [KeyValueCache() for _ in range(self.num_layers)]

    @torch.no_grad()
    def __call__(self, tokens: Tensor) -> Tensor:
        """The logits (rows, v) of the token that follows each row of tokens (rows, t).

        Raises ValueError unless the rows are those of the call before, with tokens added.
        """
        seen = len(self.caches[0])
        if seen and (tokens.shape[1] <= seen or tokens.shape[0] != self.rows):
            raise ValueError(
                f"tokens must continue the {self.rows} rows of {seen} tokens that were read; got "
                f"{tuple(tokens.shape)}. Call reorder if rows have changed, reset to begin anew."
            )
        self.rows = tokens.shape[0]
        return self.step(tokens[:, seen:], self.caches)

    def reorder(self, rows: Tensor) -> None:
        """Row i continues what row rows[i] was."""
        self.rows = len(rows)
        for cache in self.caches:
            cache.reorder(rows)

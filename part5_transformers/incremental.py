"""Scoring that keeps what it has computed: each call reads only the tokens that are new. Given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from part5_transformers.cache import KeyValueCache

Step = Callable[..., Tensor]
Tensored = TypeVar("Tensored", Tensor, Tensor | None)


class IncrementalScorer:
    """Called like `score`, with ever longer rows; gives the same logits, which take no part in autograd.

    `step(tokens, caches)` reads the tokens that follow what the caches hold, and gives the logits (rows, v) after the
    last.  `reorder` says that row i now continues what row rows[i] was, as after a step of beam search.
    """

    def __init__(self, step: Step, num_layers: int) -> None:
        self.step, self.num_layers = step, num_layers
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next call begins anew."""
        self.rows = 0
        self.shared = torch.zeros(0, 0, dtype=torch.long)  # (rows, rows): how many first steps two rows have in common
        self.caches = [KeyValueCache() for _ in range(self.num_layers)]

    @torch.inference_mode()
    def __call__(self, tokens: Tensor) -> Tensor:
        """Compute the logits (rows, v) of the token that follows each row of tokens (rows, t).

        Raises ValueError unless the rows are those of the call before, with tokens added.
        """
        seen = len(self.caches[0])
        if seen and (tokens.shape[1] <= seen or tokens.shape[0] != self.rows):
            raise ValueError(
                f"tokens must continue the {self.rows} rows of {seen} tokens that were read; got "
                f"{tuple(tokens.shape)}. Call reorder if rows have changed, reset to begin anew."
            )
        self.rows = tokens.shape[0]
        if not seen:
            self.shared = torch.zeros(self.rows, self.rows, dtype=torch.long, device=tokens.device)
        return self.step_further(tokens[:, seen:])

    def step_further(self, tokens: Tensor) -> Tensor:
        """Compute the logits after the last of these tokens, which are new."""
        return self.step(tokens, self.caches)

    @torch.inference_mode()
    def reorder(self, rows: Tensor) -> None:
        """Let row i continue what row rows[i] was."""
        start = self.first_difference(rows)
        self.rows = len(rows)
        for cache in self.caches:
            cache.reorder(rows, start)

    def first_difference(self, rows: Tensor) -> int:
        """Find the step before which every row is already what it is to continue; `shared` follows the new rows.

        Beams that continue one another had most of their steps in common before: those need not be copied.
        """
        seen = len(self.caches[0])
        if not seen:
            return 0
        shared = self.shared.clone().fill_diagonal_(seen)[rows]
        self.shared = shared[:, rows]
        return int(shared.diagonal().min()) if 0 < len(rows) == self.rows else 0


class CrossAttentionScorer(IncrementalScorer):
    """The same for a decoder that also attends to an encoder's output.

    The step is called as `step(tokens, caches, cross_caches, encoded, pad_mask)`.  The first call may have several rows
    for each utterance, one after another.
    """

    def __init__(self, step: Step, num_layers: int, encoded: Tensor, pad_mask: Tensor | None) -> None:
        self.utterances = encoded, pad_mask
        super().__init__(step, num_layers)

    def reset(self) -> None:
        super().reset()
        self.encoded, self.pad_mask = self.utterances
        self.utterance = torch.arange(len(self.encoded), device=self.encoded.device)  # of each row
        self.cross_caches = [KeyValueCache(complete=True) for _ in range(self.num_layers)]

    def step_further(self, tokens: Tensor) -> Tensor:
        if len(self.encoded) != self.rows:
            self.encoded, self.pad_mask = repeated(self.encoded, self.rows), repeated(self.pad_mask, self.rows)
            self.utterance = repeated(self.utterance, self.rows)
        return self.step(tokens, self.caches, self.cross_caches, self.encoded, self.pad_mask)

    def reorder(self, rows: Tensor) -> None:
        super().reorder(rows)
        utterance = self.utterance[rows]
        if torch.equal(utterance, self.utterance):
            return  # as in beam search, whose rows stay with their utterance
        self.utterance = utterance
        self.encoded = self.encoded[rows]
        self.pad_mask = None if self.pad_mask is None else self.pad_mask[rows]
        for cache in self.cross_caches:
            cache.reorder(rows)


@torch.no_grad()
def store_by_columns(model: nn.Module) -> None:
    """Lay out the linear layers' weights so that a product with a few rows reads them from end to end.

    Values, shapes and names stay; a tied embedding, which is read by rows, stays as it is.
    """
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    for weight in model.parameters():
        if weight.ndim == 2 and id(weight) not in embeddings:
            weight.data = weight.T.contiguous().T


def repeated(x: Tensored, rows: int) -> Tensored:
    """Repeat each row of x as often as it takes to make so many: a, a, b, b.  None stays None.

    Raises ValueError for rows that are no multiple of x's.
    """
    if x is None or len(x) == rows:
        return x
    if len(x) == 0 or rows % len(x):
        raise ValueError(f"prompts must be a multiple of the {len(x)} utterances that were encoded; got {rows}.")
    return x.repeat_interleave(rows // len(x), dim=0)

"""Tiles change nothing: the truth is torch's attention, whatever the tiles; and what mistakes with tiles would give."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array, tensors
from part4_attention.tests import oracle_scaled_dot_product_attention as plain
from part4_attention.tests.oracle import attend

SHARED = (  # with attention without tiles
    plain.ONES,
    plain.NO_WEIGHTS,
    plain.NOTHING_SUBTRACTED,
    plain.NO_SOFTMAX_BACK,
    plain.BOTH_UNSCALED,
    plain.BOTH_SCALED_TWICE,
    "query_grad lacks the factor 1 / √d",
    "key_grad lacks the factor 1 / √d",
)


class Step(NamedTuple):
    """Steps of the online softmax for a tile of keys; each may be forgotten."""

    scales_output: bool = True
    scales_total: bool = True
    adds_to_total: bool = True
    divides: bool = True


MISTAKEN_STEPS = {
    "the output is not scaled down when a larger score comes": Step(scales_output=False),
    "the sum l is not scaled down when a larger score comes": Step(scales_total=False),
    "neither the output nor the sum l is scaled down when a larger score comes": Step(False, False),
    "the sum l is that of the last tile of keys; it must be added up over all": Step(adds_to_total=False),
    "the output is not divided by the sum l": Step(divides=False),
}


@truth
def attention(
    options: Answer, query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array | None = None
) -> Answer:
    """Return torch's attention with the mask, and the causal mask where it is asked for."""
    merged = _with_causal(options, query, key, mask)
    if grad_output is not None:
        return plain.attention(query, key, value, merged, grad_output)
    hidden = None if merged is None else torch.tensor(merged)
    output = attend(**tensors(query=query, key=key, value=value), mask=hidden)
    return {"output": output.detach().numpy()}  # tiles keep no weights


def attention_mistakes(
    options: Answer, query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array | None = None
) -> Answer:
    mistakes: Answer = {}
    if options["is_causal"]:
        mistakes["is_causal is ignored"] = plain.attention(query, key, value, mask, grad_output)
    hidden = _with_causal(options, query, key, mask)
    if grad_output is None:
        x = {name: torch.tensor(each) for name, each in (("query", query), ("key", key), ("value", value))}
        for sentence, step in MISTAKEN_STEPS.items():
            mistakes[sentence] = {"output": online(options, step, **x, hidden=hidden).numpy()}
        return mistakes
    known = plain.attention_mistakes(query, key, value, hidden, grad_output)
    mistakes |= {sentence: known[sentence] for sentence in SHARED}
    return mistakes | gradient_mistakes(options, query, key, value, hidden, grad_output)


def gradient_mistakes(
    options: Answer, query: Array, key: Array, value: Array, hidden: Array | None, grad_output: Array
) -> Answer:
    """Give what backward would if a tile of keys, or of queries, were taken for all of them."""
    weights, weights_grad = plain.weights_and_gradient(query, key, value, hidden, grad_output)
    scores_grad = plain.scores_gradient(query, key, value, hidden, grad_output)
    sums = np.zeros_like(weights)
    by_tile = np.zeros_like(weights)
    for rows, keys in tiles(options, *weights.shape[-2:]):
        here = (..., rows, keys)
        sums[here] = (weights_grad[here] * weights[here]).sum(axis=-1, keepdims=True)
        total = weights[here].sum(axis=-1, keepdims=True)
        by_tile[here] = weights[here] / np.where(total == 0, 1, total)
    subtracted = (weights_grad * weights).sum(axis=-1, keepdims=True)
    last_keys, last_rows = np.zeros_like(weights), np.zeros_like(weights)
    for rows, keys in tiles(options, *weights.shape[-2:]):
        last_keys[..., rows, :] = 0
        last_keys[..., rows, keys] = 1
        last_rows[..., keys] = 0
        last_rows[..., rows, keys] = 1

    def back(scores_grad: Array, weights: Array) -> Answer:
        value_grad = weights.swapaxes(-1, -2) @ grad_output
        return {**plain.through_the_scores(scores_grad, query, key), "value_grad": value_grad}

    of_last_keys, of_last_rows = (
        back(scores_grad * last_keys, weights),
        back(scores_grad * last_rows, weights * last_rows),
    )
    mistakes = {
        "the sum in dS is that of one tile of keys; it must run over all keys": back(
            weights * (weights_grad - sums), weights
        ),
        "W is the softmax of one tile of keys; it must be that of all keys": back(
            by_tile * (weights_grad - subtracted), by_tile
        ),
        "query_grad is that of the last tile of keys; it must be the sum over all": {
            "query_grad": of_last_keys["query_grad"]
        },
        "key_grad is that of the last tile of queries; it must be the sum over all": {
            "key_grad": of_last_rows["key_grad"]
        },
        "value_grad is that of the last tile of queries; it must be the sum over all": {
            "value_grad": of_last_rows["value_grad"]
        },
    }
    return {
        sentence: {name: grad.astype(query.dtype) for name, grad in known.items()}
        for sentence, known in mistakes.items()
    }


def online(options: Answer, step: Step, query: Tensor, key: Tensor, value: Tensor, hidden: Array | None) -> Tensor:
    """Attention tile by tile."""
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    if hidden is not None:
        scores = scores.masked_fill(torch.tensor(hidden), -torch.inf)
    lowest = torch.finfo(scores.dtype).min
    largest = torch.full_like(scores[..., :1], lowest)
    total, output = torch.zeros_like(largest), torch.zeros_like(largest) * value[..., :1, :]
    for rows, keys in tiles(options, *scores.shape[-2:]):
        here = scores[..., rows, keys]
        now = torch.maximum(largest[..., rows, :], here.amax(dim=-1, keepdim=True))
        shares, scale = (here - now).exp(), (largest[..., rows, :] - now).exp()
        before = total[..., rows, :] * (scale if step.scales_total else 1)
        total[..., rows, :] = before * step.adds_to_total + shares.sum(dim=-1, keepdim=True)
        output[..., rows, :] *= scale if step.scales_output else 1
        output[..., rows, :] += shares @ value[..., keys, :]
        largest[..., rows, :] = now
    return output / total.masked_fill(total == 0, 1) if step.divides else output


def tiles(options: Answer, targets: int, sources: int) -> Iterator[tuple[slice, slice]]:
    """Return tiles of queries and, for each, those of the keys that one of them may see."""
    size = options["block_size"]
    for row in range(0, targets, size):
        seen = min(sources, row + size, targets) if options["is_causal"] else sources
        for start in range(0, seen, size):
            yield slice(row, row + size), slice(start, start + size)


def _with_causal(options: Answer, query: Array, key: Array, mask: Array | None) -> Array | None:
    if not options["is_causal"]:
        return mask
    causal = np.triu(np.ones((query.shape[-2], key.shape[-2]), dtype=bool), k=1)
    return causal if mask is None else causal | mask

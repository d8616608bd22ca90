"""Torch's flatten, and what known mistakes would give."""

from __future__ import annotations

import torch

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array
from part2_layers.tests.oracle import forward_and_backward


@truth
def flatten(x: Array, start_dim: int = 1, end_dim: int = -1, grad_output: Array | None = None) -> Answer:
    return forward_and_backward(torch.nn.Flatten(start_dim, end_dim), x, grad_output)


def output_mistakes(x: Array, start_dim: int = 1, end_dim: int = -1) -> Answer:
    start, end = start_dim % x.ndim, end_dim % x.ndim
    mistakes = {
        "start_dim is ignored": x.reshape(-1, *x.shape[end + 1 :]) if x.size else x,
        "end_dim is ignored": flatten(x, start, -1)["output"],
        "the first of the flattened axes runs fastest; it must be the last": in_column_order(x, start, end),
    }
    if x.ndim > 1:
        mistakes["start_dim and end_dim are ignored"] = flatten(x)["output"]
    if end > start:
        mistakes["end_dim is left out; it belongs to the flattened axes"] = flatten(x, start, end - 1)["output"]
    return {sentence: {"output": output} for sentence, output in mistakes.items()}


def in_column_order(x: Array, start: int, end: int) -> Array:
    """Flattened with the first of the axes running fastest."""
    axes = [*range(start), *range(end, start - 1, -1), *range(end + 1, x.ndim)]
    return x.transpose(axes).reshape(flatten(x, start, end)["output"].shape)

"""Torch's flatten, and what known mistakes would give."""

from __future__ import annotations

import math

import torch

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array
from part2_layers.tests.oracle import forward_and_backward


@truth
def flatten(x: Array, start_dim: int = 1, end_dim: int = -1, grad_output: Array | None = None) -> Answer:
    return forward_and_backward(torch.nn.Flatten(start_dim, end_dim), x, grad_output)


def output_mistakes(x: Array, start_dim: int = 1, end_dim: int = -1) -> Answer:
    start, end = start_dim % x.ndim, end_dim % x.ndim
    without_end = (*x.shape[:start], math.prod(x.shape[start:end]), *x.shape[end:])
    mistakes = {
        "the axes are left as they are; those from start_dim to end_dim become one": x,
        "start_dim and end_dim are ignored": x.reshape(len(x), math.prod(x.shape[1:])),
        "start_dim is ignored": flatten(x, 0, end)["output"],
        "end_dim is ignored": flatten(x, start, -1)["output"],
        "end_dim is left out; it belongs to the flattened axes": x.reshape(without_end),
        "the first of the flattened axes runs fastest; it must be the last": in_column_order(x, start, end),
    }
    return {sentence: {"output": output} for sentence, output in mistakes.items()}


def gradient_mistakes(x: Array, start_dim: int, end_dim: int, grad_output: Array) -> Answer:
    gradients = {
        "x_grad has the shape of the output; it must have that of x": grad_output,
        "x_grad has two axes, as the default's output; it must have those of x": (
            grad_output.reshape(len(x), math.prod(x.shape[1:]))
        ),
        "the first of the flattened axes runs fastest in x_grad; it must be the last": (
            grad_output.reshape(x.shape, order="F")
        ),
    }
    return {sentence: {"x_grad": x_grad} for sentence, x_grad in gradients.items()}


def in_column_order(x: Array, start: int, end: int) -> Array:
    """Flattened with the first of the axes running fastest."""
    axes = [*range(start), *range(end, start - 1, -1), *range(end + 1, x.ndim)]
    return x.transpose(axes).reshape(flatten(x, start, end)["output"].shape)

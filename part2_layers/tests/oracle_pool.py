"""Torch's pooling, and what known mistakes would give."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array
from part2_layers.tests.oracle import array_of, forward_and_backward
from part2_layers.tests.oracle_conv2d import Pair, Size, as_pair, overwritten

LAYERS = {"max": torch.nn.MaxPool2d, "mean": torch.nn.AvgPool2d}


@truth
def pool(kind: str, x: Array, kernel_size: Size, stride: Size | None, grad_output: Array | None = None) -> Answer:
    return forward_and_backward(LAYERS[kind](kernel_size, stride), x, grad_output)


def output_mistakes(kind: str, x: Array, kernel_size: Size, stride: Size | None) -> Answer:
    def output(**changed: Any) -> Answer:
        arguments: Answer = {"kind": kind, "x": x, "kernel_size": kernel_size, "stride": stride, **changed}
        return {"output": pool(**arguments)["output"]}

    right = output()["output"]
    height, width = as_pair(kernel_size)
    down, across = as_pair(kernel_size if stride is None else stride)
    mistakes = {
        "the windows move by 1, whatever the stride": output(stride=1),
        "the windows move by kernel_size, whatever the stride": output(stride=None),
        "the strides of height and width are mixed up": output(stride=(across, down)),
    }
    if kind == "max":
        return {
            **mistakes,
            "the search for the maximum begins at zero, but a window may be negative": {"output": np.maximum(right, 0)},
            "the mean is taken instead of the maximum": output(kind="mean"),
        }
    return {
        **mistakes,
        "the sum over the window is not divided by its size": {"output": right * (height * width)},
        "the sum is divided by the height of the window squared; its size is height · width": {
            "output": right * right.dtype.type(width / height)
        },
        "the maximum is taken instead of the mean": output(kind="max"),
    }


def gradient_mistakes(kind: str, x: Array, kernel_size: Size, stride: Size | None, grad_output: Array) -> Answer:
    size, step = as_pair(kernel_size), as_pair(kernel_size if stride is None else stride)
    grad = grad_output[..., None, None]
    if kind == "mean":
        shares = np.broadcast_to(grad / grad.dtype.type(size[0] * size[1]), (*grad_output.shape, *size))
        return {
            **_overwriting(shares, x, step),
            "the gradient is not divided by the size of the window": {
                "x_grad": handed_back(x, size, step, shares * grad.dtype.type(size[0] * size[1]))
            },
            "the gradient is divided by the height of the window squared; its size is height · width": {
                "x_grad": handed_back(x, size, step, shares * grad.dtype.type(size[1] / size[0]))
            },
        }
    largest, first, last, first_by_columns = largest_places(x, size, step)
    count = largest.sum(axis=(-2, -1), keepdims=True).astype(grad.dtype)
    return {
        **_overwriting(grad * first, x, step),
        "where several are the largest, all take the whole gradient; only the first may": {
            "x_grad": handed_back(x, size, step, grad * largest)
        },
        "where several are the largest, they share the gradient; the first must take it all": {
            "x_grad": handed_back(x, size, step, grad * largest / count)
        },
        "where several are the largest, the first is counted column by column; it must be row by row": {
            "x_grad": handed_back(x, size, step, grad * first_by_columns)
        },
        "where several are the largest, the last takes the gradient; the first must": {
            "x_grad": handed_back(x, size, step, grad * last)
        },
        "every place of the window takes the gradient; only its maximum may": {
            "x_grad": handed_back(x, size, step, grad * np.ones_like(largest))
        },
    }


@truth
def pool_twice(kind: str, x: Array, kernel_size: Size, stride: Size | None, grad_output: Array) -> Answer:
    """Return what a second run gives, and the gradients of parameters, of which there are none."""
    return {"twice": pool(kind, x, kernel_size, stride, grad_output), "after zero_grad": {}}


def twice_mistakes(kind: str, x: Array, kernel_size: Size, stride: Size | None, grad_output: Array) -> Answer:
    right, (height, width) = pool(kind, x, kernel_size, stride, grad_output), as_pair(kernel_size)
    output, x_grad, size = right["output"], right["x_grad"], x.dtype.type(height * width)
    changes: Answer = {"x_grad adds to that of the backward before; it begins at zero": {"x_grad": x_grad + x_grad}}
    if kind == "mean":  # divided once more in the second run
        changes |= {
            "x was changed in place; make a new array": {"output": output / size},
            "grad_output was changed in place; make a new array": {"x_grad": x_grad / size},
        }
    return {sentence: {"twice": {**right, **changed}} for sentence, changed in changes.items()}


def largest_places(x: Array, size: Pair, stride: Pair) -> tuple[Array, Array, Array, Array]:
    """Mark the maxima of each window: all, the first, the last, and the first column by column.

    Shapes: (b, c, p, q, i, j).
    """
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=(2, 3))[:, :, :: stride[0], :: stride[1]]
    largest = windows == windows.max(axis=(-2, -1), keepdims=True)
    first, last = _first(largest), _first(largest[..., ::-1, ::-1])[..., ::-1, ::-1]
    return largest, first, last, _first(largest.swapaxes(-2, -1)).swapaxes(-2, -1)


def _first(largest: Array) -> Array:
    """Only the first of each window, row by row."""
    places = largest.reshape(*largest.shape[:4], largest.shape[4] * largest.shape[5])
    return (places & (places.cumsum(axis=-1) == 1)).reshape(largest.shape)


def handed_back(x: Array, size: Pair, stride: Pair, shares: Array) -> Array:
    """Return the gradient of x if the window (p, q) gives shares[b, c, p, q, i, j] to its place (i, j)."""
    x_tensor = torch.tensor(x, requires_grad=True)
    windows = x_tensor.unfold(2, size[0], stride[0]).unfold(3, size[1], stride[1])
    (windows * torch.tensor(shares)).sum().backward()
    return array_of(x_tensor.grad, x_tensor)


def _overwriting(shares: Array, x: Array, stride: Pair) -> Answer:
    return {
        "where windows overlap, one overwrites the other; they must add up": {
            "x_grad": overwritten(shares.transpose(4, 5, 0, 1, 2, 3), x.shape, stride)
        }
    }

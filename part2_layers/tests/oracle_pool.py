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
    mistakes = {
        "the windows move by 1, whatever the stride": output(stride=1),
        "the windows move by kernel_size, whatever the stride": output(stride=None),
    }
    if stride is not None:
        down, across = as_pair(stride)
        mistakes |= {
            "stride is swapped between height and width": output(stride=(across, down)),
            "stride of the height is used for the width too": output(stride=(down, down)),
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
        }
    largest, first, last = largest_places(x, size, step)
    count = largest.sum(axis=(-2, -1), keepdims=True).astype(grad.dtype)
    return {
        **_overwriting(grad * first, x, step),
        "where several are the largest, all take the whole gradient; only the first may": {
            "x_grad": handed_back(x, size, step, grad * largest)
        },
        "where several are the largest, they share the gradient; the first must take it all": {
            "x_grad": handed_back(x, size, step, grad * largest / count)
        },
        "where several are the largest, the last takes the gradient; the first must": {
            "x_grad": handed_back(x, size, step, grad * last)
        },
    }


def largest_places(x: Array, size: Pair, stride: Pair) -> tuple[Array, Array, Array]:
    """Where the maxima of each window are, all of them, the first and the last.  Shapes: (b, c, p, q, i, j)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=(2, 3))[:, :, :: stride[0], :: stride[1]]
    largest = windows == windows.max(axis=(-2, -1), keepdims=True)
    places = largest.reshape(*windows.shape[:4], size[0] * size[1])
    first = places & (places.cumsum(axis=-1) == 1)
    last = places & (places[..., ::-1].cumsum(axis=-1)[..., ::-1] == 1)
    return largest, first.reshape(windows.shape), last.reshape(windows.shape)


def handed_back(x: Array, size: Pair, stride: Pair, shares: Array) -> Array:
    """The gradient of x if the window (p, q) gives shares[b, c, p, q, i, j] to its place (i, j)."""
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

"""Torch's two-dimensional convolution, and what known mistakes would give."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array, with_state
from part2_layers.tests.oracle import forward_and_backward

Pair = tuple[int, int]
Size = int | Pair


@truth
def conv2d(
    x: Array,
    weight: Array,
    bias: Array | None,
    kernel_size: Size,
    stride: Size,
    padding: Size,
    grad_output: Array | None = None,
) -> Answer:
    out_channels, in_channels, *_ = weight.shape
    layer = torch.nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=bias is not None)
    return forward_and_backward(with_state(layer, {"weight": weight, "bias": bias}, weight.dtype), x, grad_output)


@truth
def state_dict(weight: Array, bias: Array | None) -> Answer:
    """Return the state dict of torch's layer with these parameters."""
    out_channels, in_channels, *kernel_size = weight.shape
    layer = torch.nn.Conv2d(in_channels, out_channels, tuple(kernel_size), bias=bias is not None)
    state = with_state(layer, {"weight": weight, "bias": bias}, weight.dtype).state_dict()
    return {name: tensor.numpy() for name, tensor in state.items()}


def output_mistakes(
    x: Array, weight: Array, bias: Array | None, kernel_size: Size, stride: Size, padding: Size
) -> Answer:
    layer: Answer = {"weight": weight, "bias": bias, "kernel_size": kernel_size, "stride": stride, "padding": padding}

    def output(**changed: Any) -> Answer:
        arguments = {**layer, **changed}
        down, across = positions(x, as_pair(kernel_size), as_pair(arguments["stride"]), as_pair(arguments["padding"]))
        if min(down, across) < 0:
            return {}  # such a mistake ends in an exception
        if min(down, across) == 0:
            return {"output": np.zeros((len(x), len(weight), down, across), x.dtype)}
        return {"output": conv2d(x, **arguments)["output"]}

    right = conv2d(x, **layer)["output"]
    mistakes = {
        "the bias is missing": output(bias=None),
        "the kernel is flipped; this layer, like torch's, does not flip it": output(weight=flipped(weight)),
        "channels and kernel are in another order in the flat weight than in the columns": output(
            weight=weight.transpose(0, 2, 3, 1).reshape(weight.shape)
        ),
        "the padding is ignored": output(padding=0),
        "the stride is ignored": output(stride=1),
        "stride and padding are both ignored": output(stride=1, padding=0),
        "height and width of the output are swapped": {
            "output": right.reshape(*right.shape[:2], right.shape[3], right.shape[2])
        },
    }
    for name in ("stride", "padding"):
        height, width = as_pair(layer[name])
        mistakes[f"{name} is swapped between height and width"] = output(**{name: (width, height)})
        mistakes[f"{name} of the height is used for the width too"] = output(**{name: (height, height)})
    return mistakes


def gradient_mistakes(
    x: Array, weight: Array, bias: Array | None, kernel_size: Size, stride: Size, padding: Size, grad_output: Array
) -> Answer:
    right = conv2d(x, weight, bias, kernel_size, stride, padding, grad_output)
    flipped_back = conv2d(x, flipped(weight), bias, kernel_size, stride, padding, grad_output)
    still_padded = conv2d(padded(x, as_pair(padding)), weight, bias, kernel_size, stride, 0, grad_output)["x_grad"]
    (top, left), (height, width) = as_pair(padding), x.shape[2:]
    reach_down, reach_across = (
        step * (count - 1) + kernel
        for step, count, kernel in zip(as_pair(stride), grad_output.shape[2:], weight.shape[2:], strict=True)
    )
    reached = still_padded[:, :, :reach_down, :reach_across]
    columns_first = right["weight_grad"].reshape(len(weight), -1).T
    shares = np.einsum("ocij,bopq->ijbcpq", weight, grad_output)
    of_parameters = {name: value for name, value in right.items() if name in ("weight_grad", "bias_grad")}
    mistakes = {
        "the gradients are averaged over the batch; only a loss averages, a layer adds up": {
            name: value / value.dtype.type(max(1, len(x))) for name, value in of_parameters.items()
        },
        "Σ cols gᵀ takes the weight's shape without being transposed; its columns are the output channels": {
            "weight_grad": columns_first.reshape(weight.shape)
        },
        "the kernel is flipped on the way back": {"x_grad": flipped_back["x_grad"]},
        "x_grad still has the padding, which is no part of x": {"x_grad": still_padded},
        "the padding is cut off at the end alone; it lies before x too": {
            "x_grad": still_padded[:, :, :height, :width]
        },
        "the padding of the height is cut off from the width too": {
            "x_grad": still_padded[:, :, top : top + height, top : top + width]
        },
        "x_grad ends where the last window does; it has the shape of x": {
            "x_grad": reached[:, :, top : top + height, left : left + width]
        },
        "where windows overlap, one overwrites the other; they must add up": {
            "x_grad": overwritten(shares, x.shape, as_pair(stride), as_pair(padding))
        },
    }
    if bias is not None:
        mean = grad_output.mean(axis=(2, 3)).sum(axis=0)
        mistakes["bias_grad is averaged over the positions; it is summed over them"] = {"bias_grad": mean}
    return mistakes


def as_pair(size: Size) -> Pair:
    """For height and width."""
    return (size, size) if isinstance(size, int) else size


def positions(x: Array, kernel_size: Pair, stride: Pair, padding: Pair) -> Pair:
    """Count the positions that the kernel has down and across the padded x; none or fewer where it does not fit."""
    down, across = (
        (length + 2 * p - k) // s + 1 for length, k, s, p in zip(x.shape[2:], kernel_size, stride, padding, strict=True)
    )
    return down, across


def flipped(weight: Array) -> Array:
    """Return the kernel, turned by 180 degrees."""
    return weight[:, :, ::-1, ::-1].copy()


def padded(x: Array, padding: Pair) -> Array:
    """x between zeros."""
    return np.pad(x, ((0, 0), (0, 0), (padding[0], padding[0]), (padding[1], padding[1])))


def overwritten(shares: Array, shape: tuple[int, ...], stride: Pair, padding: Pair = (0, 0)) -> Array:
    """Return gradients of this shape in which each place of the kernel, row by row, writes over what was there.

    shares[i, j, b, c, p, q] is what the window (p, q) gives to its place (i, j).
    """
    grad = padded(np.zeros(shape, shares.dtype), padding)
    height, width, _, _, rows, columns = shares.shape
    for i in range(height):
        for j in range(width):
            down = slice(i, i + stride[0] * (rows - 1) + 1, stride[0])
            across = slice(j, j + stride[1] * (columns - 1) + 1, stride[1])
            grad[:, :, down, across] = shares[i, j]
    return grad[:, :, padding[0] : padding[0] + shape[2], padding[1] : padding[1] + shape[3]]

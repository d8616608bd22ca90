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
    """The state dict of torch's layer with these parameters."""
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
        fits = kernel_fits(x, as_pair(kernel_size), as_pair(arguments["padding"]))
        return {"output": conv2d(x, **arguments)["output"]} if fits else {}

    mistakes = {
        "the bias is missing": output(bias=None),
        "the kernel is flipped; this layer, like torch's, does not flip it": output(weight=flipped(weight)),
        "channels and kernel are in another order in the flat weight than in the columns": output(
            weight=weight.transpose(0, 2, 3, 1).reshape(weight.shape)
        ),
        "the padding is ignored": output(padding=0),
        "the stride is ignored": output(stride=1),
        "stride and padding are both ignored": output(stride=1, padding=0),
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
    still_padded = conv2d(padded(x, as_pair(padding)), weight, bias, kernel_size, stride, 0, grad_output)
    shares = np.einsum("ocij,bopq->ijbcpq", weight, grad_output)
    of_parameters = {name: value for name, value in right.items() if name in ("weight_grad", "bias_grad")}
    return {
        "the gradients are averaged over the batch; only a loss averages, a layer adds up": {
            name: value / value.dtype.type(max(1, len(x))) for name, value in of_parameters.items()
        },
        "the kernel is flipped on the way back": {"x_grad": flipped_back["x_grad"]},
        "x_grad still has the padding, which is no part of x": {"x_grad": still_padded["x_grad"]},
        "where windows overlap, one overwrites the other; they must add up": {
            "x_grad": overwritten(shares, x.shape, as_pair(stride), as_pair(padding))
        },
    }


def as_pair(size: Size) -> Pair:
    """For height and width."""
    return (size, size) if isinstance(size, int) else size


def kernel_fits(x: Array, kernel_size: Pair, padding: Pair) -> bool:
    """Whether the kernel is no larger than the padded x."""
    return all(k <= length + 2 * p for k, length, p in zip(kernel_size, x.shape[2:], padding, strict=True))


def flipped(weight: Array) -> Array:
    """The kernel, turned by 180 degrees."""
    return weight[:, :, ::-1, ::-1].copy()


def padded(x: Array, padding: Pair) -> Array:
    """x between zeros."""
    return np.pad(x, ((0, 0), (0, 0), (padding[0], padding[0]), (padding[1], padding[1])))


def overwritten(shares: Array, shape: tuple[int, ...], stride: Pair, padding: Pair = (0, 0)) -> Array:
    """Gradients of this shape in which each place of the kernel, row by row, writes over what was there.

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

"""Torch's one-dimensional convolution, and what known mistakes would give."""

from __future__ import annotations

import torch

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array, with_state
from part2_layers.tests import oracle_conv2d
from part2_layers.tests.oracle import forward_and_backward


@truth
def conv1d(
    x: Array,
    weight: Array,
    bias: Array | None,
    kernel_size: int,
    stride: int,
    padding: int,
    grad_output: Array | None = None,
) -> Answer:
    out_channels, in_channels, _ = weight.shape
    layer = torch.nn.Conv1d(in_channels, out_channels, kernel_size, stride, padding, bias=bias is not None)
    return forward_and_backward(with_state(layer, {"weight": weight, "bias": bias}, weight.dtype), x, grad_output)


@truth
def state_dict(weight: Array, bias: Array | None) -> Answer:
    """Return the state dict of torch's layer with these parameters."""
    out_channels, in_channels, kernel_size = weight.shape
    layer = torch.nn.Conv1d(in_channels, out_channels, kernel_size, bias=bias is not None)
    state = with_state(layer, {"weight": weight, "bias": bias}, weight.dtype).state_dict()
    return {name: tensor.numpy() for name, tensor in state.items()}


def output_mistakes(x: Array, weight: Array, bias: Array | None, kernel_size: int, stride: int, padding: int) -> Answer:
    mistakes = oracle_conv2d.output_mistakes(
        x[:, :, None], weight[:, :, None], bias, (1, kernel_size), (1, stride), (0, padding)
    )
    return {sentence: _without_height(changed) for sentence, changed in mistakes.items() if "height" not in sentence}


def gradient_mistakes(
    x: Array, weight: Array, bias: Array | None, kernel_size: int, stride: int, padding: int, grad_output: Array
) -> Answer:
    mistakes = oracle_conv2d.gradient_mistakes(
        x[:, :, None], weight[:, :, None], bias, (1, kernel_size), (1, stride), (0, padding), grad_output[:, :, None]
    )
    return {sentence: _without_height(changed) for sentence, changed in mistakes.items() if "height" not in sentence}


def _without_height(changed: Answer) -> Answer:
    """Do the same in one dimension; what has a height has one of 1."""
    return {name: value[:, :, 0] if value.ndim == 4 else value for name, value in changed.items()}

"""Probes of Conv2d: build it with given parameters, run it, and read its gradients and its state dict."""

from __future__ import annotations

from typing import Any

import numpy as np

from part2_layers.conv2d import Conv2d
from part2_layers.tests import probe_layers

Array = np.ndarray
Named = dict[str, Any]
Size = int | tuple[int, int]  # for height and width


def forward(x: Array, weight: Array, bias: Array | None, kernel_size: Size, stride: Size, padding: Size) -> Named:
    """y = layer(x)"""
    return {"output": _layer(weight, bias, kernel_size, stride, padding).forward(x)}


def forward_and_backward(
    x: Array, weight: Array, bias: Array | None, kernel_size: Size, stride: Size, padding: Size, grad_output: Array
) -> Named:
    """Run forward, then backward with the upstream gradient."""
    return probe_layers.run(_layer(weight, bias, kernel_size, stride, padding), x, grad_output)


def run_twice(
    x: Array, weight: Array, bias: Array | None, kernel_size: Size, stride: Size, padding: Size, grad_output: Array
) -> Named:
    """Forward and backward two times without zero_grad between them; then zero_grad."""
    return probe_layers.run_twice(_layer(weight, bias, kernel_size, stride, padding), x, grad_output)


def run_on_views(
    x: Array, weight: Array, bias: Array | None, kernel_size: Size, stride: Size, padding: Size, grad_output: Array
) -> Named:
    """Forward and backward on arrays whose numbers do not lie in order."""
    return probe_layers.run_on_views(_layer(weight, bias, kernel_size, stride, padding), x, grad_output)


def backward_first(
    weight: Array, bias: Array | None, kernel_size: Size, stride: Size, padding: Size, grad_output: Array
) -> None:
    """Backward on a new layer, without forward."""
    _layer(weight, bias, kernel_size, stride, padding).backward(grad_output)


def exchange_state(in_channels: int, out_channels: int, kernel_size: Size, bias: bool, state: Named) -> Named:
    """Load a state dict into a new layer, and return its own."""
    layer = Conv2d(in_channels, out_channels, kernel_size, bias=bias)
    layer.load_state_dict(state)
    return {"names": list(layer.state_dict()), **layer.state_dict()}


def _layer(weight: Array, bias: Array | None, kernel_size: Size, stride: Size, padding: Size) -> Conv2d:
    out_channels, in_channels, *_ = weight.shape
    layer = Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=bias is not None, dtype=weight.dtype)
    layer.load_state_dict({"weight": weight} if bias is None else {"weight": weight, "bias": bias})
    return layer

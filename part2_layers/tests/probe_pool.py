"""Probes of the two pooling layers: build one by its name, and run it."""

from __future__ import annotations

from typing import Any

import numpy as np

from part2_layers.pool import MaxPool2d, MeanPool2d
from part2_layers.tests import probe_layers

Array = np.ndarray
Named = dict[str, Any]
Size = int | tuple[int, int]  # for height and width


def forward(kind: str, x: Array, kernel_size: Size, stride: Size | None) -> Named:
    """y = layer(x)"""
    return {"output": _layer(kind, kernel_size, stride).forward(x)}


def forward_and_backward(kind: str, x: Array, kernel_size: Size, stride: Size | None, grad_output: Array) -> Named:
    """Run forward, then backward with the upstream gradient."""
    return probe_layers.run(_layer(kind, kernel_size, stride), x, grad_output)


def run_twice(kind: str, x: Array, kernel_size: Size, stride: Size | None, grad_output: Array) -> Named:
    """Forward and backward two times."""
    return probe_layers.run_twice(_layer(kind, kernel_size, stride), x, grad_output)


def run_on_views(kind: str, x: Array, kernel_size: Size, stride: Size | None, grad_output: Array) -> Named:
    """Forward and backward on arrays whose numbers do not lie in order."""
    return probe_layers.run_on_views(_layer(kind, kernel_size, stride), x, grad_output)


def backward_first(kind: str, kernel_size: Size, stride: Size | None, grad_output: Array) -> None:
    """Backward on a new layer, without forward."""
    _layer(kind, kernel_size, stride).backward(grad_output)


def _layer(kind: str, kernel_size: Size, stride: Size | None) -> MaxPool2d | MeanPool2d:
    layer = MaxPool2d if kind == "max" else MeanPool2d
    return layer(kernel_size) if stride is None else layer(kernel_size, stride)

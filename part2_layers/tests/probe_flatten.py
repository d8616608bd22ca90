"""Probes of Flatten."""

from __future__ import annotations

from typing import Any

import numpy as np

from part2_layers.flatten import Flatten
from part2_layers.tests import probe_layers

Array = np.ndarray
Named = dict[str, Any]


def forward(x: Array, start_dim: int, end_dim: int) -> Named:
    """y = layer(x)"""
    return {"output": Flatten(start_dim, end_dim).forward(x)}


def forward_by_default(x: Array) -> Named:
    """y = layer(x), without saying which axes."""
    return {"output": Flatten().forward(x)}


def forward_and_backward(x: Array, start_dim: int, end_dim: int, grad_output: Array) -> Named:
    """Run forward, then backward with the upstream gradient."""
    return probe_layers.run(Flatten(start_dim, end_dim), x, grad_output)


def run_on_views(x: Array, start_dim: int, end_dim: int, grad_output: Array) -> Named:
    """Forward and backward on arrays whose numbers do not lie in order."""
    return probe_layers.run_on_views(Flatten(start_dim, end_dim), x, grad_output)


def backward_first(start_dim: int, end_dim: int, grad_output: Array) -> None:
    """Backward on a new layer, without forward."""
    Flatten(start_dim, end_dim).backward(grad_output)

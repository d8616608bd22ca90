"""Probes of the activations: build one by its name, run it forward and backward."""

from __future__ import annotations

from typing import Any

import numpy as np

from part2_layers import activation
from part2_layers.module import Module
from part2_layers.tests import probe_layers

Array = np.ndarray
Named = dict[str, Any]


def forward(name: str, options: Named, x: Array) -> Named:
    """y = layer(x)"""
    return {"output": _layer(name, options).forward(x)}


def forward_and_backward(name: str, options: Named, x: Array, grad_output: Array) -> Named:
    """Run forward, then backward with the upstream gradient."""
    return probe_layers.run(_layer(name, options), x, grad_output)


def forward_strictly(name: str, options: Named, x: Array) -> Named:
    """Forward, where an overflow, a division by zero and an invalid operation are errors."""
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        return forward(name, options, x)


def run_strictly(name: str, options: Named, x: Array, grad_output: Array) -> Named:
    """Forward and backward, where an overflow, a division by zero and an invalid operation are errors."""
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        return forward_and_backward(name, options, x, grad_output)


def forward_on_a_view(name: str, options: Named, x: Array) -> Named:
    """Forward on an array whose numbers do not lie in order, and what it holds afterwards."""
    x_view = probe_layers.as_view(x)
    return {"output": _layer(name, options).forward(x_view), "x afterwards": x_view}


def run_on_views(name: str, options: Named, x: Array, grad_output: Array) -> Named:
    """Forward and backward on arrays whose numbers do not lie in order."""
    return probe_layers.run_on_views(_layer(name, options), x, grad_output)


def backward_first(name: str, options: Named, grad_output: Array) -> None:
    """Backward on a new layer, without forward."""
    _layer(name, options).backward(grad_output)


def _layer(name: str, options: Named) -> Module:
    layer: Module = getattr(activation, name)(**options)
    return layer

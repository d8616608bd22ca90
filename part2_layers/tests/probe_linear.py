"""Probes of Linear: build it with given parameters, run it, and read its gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from part2_layers.linear import Linear
from part2_layers.tests import probe_layers

Array = np.ndarray
Named = dict[str, Any]


def forward(x: Array, weight: Array, bias: Array | None) -> Named:
    """y = layer(x)"""
    return {"output": _layer(weight, bias).forward(x)}


def forward_and_backward(x: Array, weight: Array, bias: Array | None, grad_output: Array) -> Named:
    """Run forward, then backward with the upstream gradient."""
    return probe_layers.run(_layer(weight, bias), x, grad_output)


def run_twice(x: Array, weight: Array, bias: Array | None, grad_output: Array) -> Named:
    """Forward and backward two times without zero_grad between them; then zero_grad."""
    return probe_layers.run_twice(_layer(weight, bias), x, grad_output)


def run_on_views(x: Array, weight: Array, bias: Array | None, grad_output: Array) -> Named:
    """Forward and backward on arrays whose numbers do not lie in order."""
    return probe_layers.run_on_views(_layer(weight, bias), x, grad_output)


def backward_first(weight: Array, bias: Array | None, grad_output: Array) -> None:
    """Backward on a new layer, without forward."""
    _layer(weight, bias).backward(grad_output)


def _layer(weight: Array, bias: Array | None) -> Linear:
    out_features, in_features = weight.shape
    layer = Linear(in_features, out_features, bias=bias is not None, dtype=weight.dtype)
    layer.load_state_dict({"weight": weight} if bias is None else {"weight": weight, "bias": bias})
    return layer

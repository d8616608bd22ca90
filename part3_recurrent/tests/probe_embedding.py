"""Probes of Embedding: they look symbols up in a given weight, and read the weight's gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from part3_recurrent.embedding import Embedding

Array = np.ndarray
Named = dict[str, Any]


def forward(weight: Array, x: Array) -> Named:
    """Take the weight's rows that x names."""
    return {"output": _layer(weight).forward(x)}


def forward_and_backward(weight: Array, x: Array, grad_output: Array) -> Named:
    """Run forward, then backward with the upstream gradient."""
    layer = _layer(weight)
    output = layer.forward(x)
    layer.backward(grad_output)
    return {"output": output, "weight_grad": layer.weight_grad}


def run_twice(weight: Array, x: Array, grad_output: Array) -> Named:
    """Run forward and backward two times without zero_grad between them; then zero_grad."""
    layer = _layer(weight)
    for _ in range(2):
        layer.forward(x)
        layer.backward(grad_output)
    twice = layer.weight_grad.copy()
    layer.zero_grad()
    return {"twice": twice, "after zero_grad": layer.weight_grad}


def backward_first(weight: Array, grad_output: Array) -> None:
    """Run backward on a new layer, without forward."""
    _layer(weight).backward(grad_output)


def _layer(weight: Array) -> Embedding:
    layer = Embedding(*weight.shape, dtype=weight.dtype)
    layer.load_state_dict({"weight": weight})
    return layer

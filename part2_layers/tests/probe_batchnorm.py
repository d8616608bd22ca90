"""Probes of BatchNorm1d: build it with a given state, run it in a mode, read its gradients and state."""

from __future__ import annotations

from typing import Any

import numpy as np

from part2_layers.batchnorm import BatchNorm1d
from part2_layers.tests import probe_layers

Array = np.ndarray
Named = dict[str, Any]


def forward(x: Array, state: Named, eps: float, momentum: float, training: bool) -> Named:
    """y = layer(x), and the state afterwards."""
    layer = _layer(state, eps, momentum, training)
    return {"output": layer.forward(x), "state": layer.state_dict()}


def forward_on_a_view(x: Array, state: Named, eps: float, momentum: float, training: bool) -> Named:
    """Forward on an array whose numbers do not lie in order, and what it holds afterwards."""
    x_view = probe_layers.as_view(x)
    return {"output": _layer(state, eps, momentum, training).forward(x_view), "x afterwards": x_view}


def train(batches: list[Array], state: Named, eps: float, momentum: float | None) -> Named:
    """Forward on several batches in training mode."""
    layer = _layer(state, eps, momentum, training=True)
    for batch in batches:
        layer.forward(batch)
    return {"state": layer.state_dict()}


def train_and_evaluate(batches: list[Array], x: Array, state: Named, eps: float, momentum: float) -> Named:
    """Forward on several batches in training mode, then on x in evaluation mode."""
    layer = _layer(state, eps, momentum, training=True)
    for batch in batches:
        layer.forward(batch)
    layer.eval()
    return {"output": layer.forward(x), "state": layer.state_dict()}


def new_state(num_features: int) -> Named:
    """Return the state of a new layer, and its names in order."""
    state = BatchNorm1d(num_features).state_dict()
    return {"names": list(state), "state": state}


def forward_and_backward(
    x: Array, state: Named, eps: float, momentum: float, training: bool, grad_output: Array
) -> Named:
    """Run forward, then backward with the upstream gradient."""
    return probe_layers.run(_layer(state, eps, momentum, training), x, grad_output)


def backward_in_the_other_mode(
    x: Array, state: Named, eps: float, momentum: float, training: bool, grad_output: Array
) -> Named:
    """Forward in one mode, and backward after a change to the other."""
    layer = _layer(state, eps, momentum, training)
    output = layer.forward(x)
    layer.train(not training)
    return {"output": output, "x_grad": layer.backward(grad_output), **probe_layers.gradients(layer)}


def run_twice(x: Array, state: Named, eps: float, momentum: float, training: bool, grad_output: Array) -> Named:
    """Forward and backward two times without zero_grad between them; then zero_grad."""
    return probe_layers.run_twice(_layer(state, eps, momentum, training), x, grad_output)


def run_on_views(x: Array, state: Named, eps: float, momentum: float, training: bool, grad_output: Array) -> Named:
    """Forward and backward on arrays whose numbers do not lie in order."""
    return probe_layers.run_on_views(_layer(state, eps, momentum, training), x, grad_output)


def backward_first(state: Named, eps: float, momentum: float, training: bool, grad_output: Array) -> None:
    """Backward on a new layer, without forward."""
    _layer(state, eps, momentum, training).backward(grad_output)


def _layer(state: Named, eps: float, momentum: float | None, training: bool) -> BatchNorm1d:
    layer = BatchNorm1d(len(state["weight"]), eps, momentum, dtype=state["weight"].dtype)
    layer.load_state_dict(state)
    return layer.train(training)

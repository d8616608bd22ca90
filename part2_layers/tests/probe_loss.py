"""Probes of a loss: compare an input with a target, and read the gradient of the input."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from part2_layers.loss import CrossEntropyLoss, MSELoss
from part2_layers.tests.probe_layers import as_view

Array = np.ndarray
Named = dict[str, Any]

LOSSES: dict[str, Any] = {"MSELoss": MSELoss, "CrossEntropyLoss": CrossEntropyLoss}


def forward(loss: str, input: Array, target: Array, options: Named) -> Named:
    """L = loss(input, target)"""
    return {"output": LOSSES[loss](**options).forward(input, target)}


def forward_and_backward(
    loss: str, input: Array, target: Array, options: Named, grad_output: Array | float | None
) -> Named:
    """Forward, then backward with the upstream gradient; None leaves it out."""
    layer = LOSSES[loss](**options)
    output = layer.forward(input, target)
    return {"output": output, "input_grad": layer.backward() if grad_output is None else layer.backward(grad_output)}


def forward_without_warning(loss: str, input: Array, target: Array, options: Named) -> Named:
    """Forward; a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        return forward(loss, input, target, options)


def run_without_warning(
    loss: str, input: Array, target: Array, options: Named, grad_output: Array | float | None
) -> Named:
    """Forward and backward; a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        return forward_and_backward(loss, input, target, options, grad_output)


def run_on_views(loss: str, input: Array, target: Array, options: Named, grad_output: Array | float | None) -> Named:
    """Do the same with arrays whose numbers do not lie in order, and what the arguments hold afterwards."""
    arguments = {"input": input, "target": target, "grad_output": grad_output}
    views = {name: _as_view(value) for name, value in arguments.items()}
    got = forward_and_backward(loss, options=options, **views)
    return {**got, **{f"{name} afterwards": view for name, view in views.items()}}


def backward_first(loss: str, options: Named, grad_output: Array | float | None) -> None:
    """Backward on a new loss, without forward."""
    layer = LOSSES[loss](**options)
    layer.backward() if grad_output is None else layer.backward(grad_output)


def _as_view(value: Any) -> Any:
    is_floats = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return as_view(value) if is_floats else value

"""Probes of either cell: they load a state dict, step forward and back, and read the gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from part3_recurrent.cell import Cell

Array = np.ndarray
Named = dict[str, Any]


def forward(kind: type[Cell], state: Named, x: Array, h: Array | None) -> Named:
    """Step once: h' = cell(x, h), or cell(x) where h is None."""
    return {"output": _step(cell(kind, state), x, h)}


def forward_steps(kind: type[Cell], state: Named, x: Array, h: Array | None) -> Named:
    """Step once for each of x, every time from the state of the step before."""
    return {"output": np.stack(_steps(cell(kind, state), x, h))}


def forward_on_views(kind: type[Cell], state: Named, x: Array, h: Array | None) -> Named:
    """Step on arrays whose numbers do not lie in order, and give these afterwards."""
    x_view, h_view = as_view(x), None if h is None else as_view(h)
    return {**forward(kind, state, x_view, h_view), "x afterwards": x_view, "h afterwards": h_view}


def forward_and_backward(kind: type[Cell], state: Named, x: Array, h: Array | None, grad_output: Array) -> Named:
    """Step once, and back."""
    built = cell(kind, state)
    output = _step(built, x, h)
    x_grad, h_grad = built.backward(grad_output)
    return {"output": output, "x_grad": x_grad, "h_grad": h_grad, **gradients(built)}


def run_steps(kind: type[Cell], state: Named, x: Array, h: Array | None, grad_output: Array) -> Named:
    """Step forward through all, then back: a state's gradient comes from its output and from the step after."""
    built = cell(kind, state)
    outputs = _steps(built, x, h)
    x_grads, h_grad = [], np.zeros_like(outputs[-1])
    for grad in grad_output[::-1]:
        x_grad, h_grad = built.backward(grad + h_grad)
        x_grads.append(x_grad)
    return {"output": np.stack(outputs), "x_grad": np.stack(x_grads[::-1]), "h_grad": h_grad, **gradients(built)}


def run_on_views(kind: type[Cell], state: Named, x: Array, h: Array | None, grad_output: Array) -> Named:
    """Step once and back on arrays whose numbers do not lie in order, and give these afterwards."""
    x_view, h_view, grad_view = as_view(x), None if h is None else as_view(h), as_view(grad_output)
    afterwards = {"x afterwards": x_view, "h afterwards": h_view, "grad_output afterwards": grad_view}
    return {**forward_and_backward(kind, state, x_view, h_view, grad_view), **afterwards}


def backward_too_often(
    kind: type[Cell], state: Named, x: Array, h: Array | None, grad_output: Array, steps: int
) -> None:
    """Step some times forward, and once more back."""
    built = cell(kind, state)
    for _ in range(steps):
        _step(built, x, h)
    for _ in range(steps + 1):
        built.backward(grad_output)


def cell(kind: type[Cell], state: Named) -> Cell:
    """Make a cell with these parameters."""
    (_, inputs), (_, hidden) = state["weight_ih"].shape, state["weight_hh"].shape
    built = kind(inputs, hidden, bias="bias_ih" in state, dtype=state["weight_ih"].dtype)
    built.load_state_dict(state)
    return built


def gradients(built: Cell) -> Named:
    """Read the gradient of every parameter, under its name followed by _grad."""
    return {f"{name}_grad": grad for name, _, grad in built.named_parameters()}


def as_view(x: Array) -> Array:
    """Copy the numbers, each between two others in memory, and with the axes in the opposite order."""
    between = np.full((*x.shape[::-1], 2), np.nan, x.dtype)
    between[..., 0] = x.T
    return between[..., 0].T


def _step(built: Cell, x: Array, h: Array | None) -> Array:
    return built.forward(x) if h is None else built.forward(x, h)


def _steps(built: Cell, x: Array, h: Array | None) -> list[Array]:
    outputs = []
    for x_t in x:
        h = _step(built, x_t, h)
        outputs.append(h)
    return outputs

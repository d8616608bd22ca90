"""Probes of GRUCell: they load a state dict, step forward and back, and read the gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from part3_recurrent.gru_cell import GRUCell
from part3_recurrent.tests import probe_cell

Array = np.ndarray
Named = dict[str, Any]


def forward(state: Named, x: Array, h: Array | None) -> Named:
    """Step once: h' = cell(x, h), or cell(x) where h is None."""
    return probe_cell.forward(GRUCell, state, x, h)


def forward_steps(state: Named, x: Array, h: Array | None) -> Named:
    """Step once for each of x, every time from the state of the step before."""
    return probe_cell.forward_steps(GRUCell, state, x, h)


def forward_on_views(state: Named, x: Array, h: Array | None) -> Named:
    """Step on arrays whose numbers do not lie in order, and give these afterwards."""
    return probe_cell.forward_on_views(GRUCell, state, x, h)


def forward_and_backward(state: Named, x: Array, h: Array | None, grad_output: Array) -> Named:
    """Step once, and back."""
    return probe_cell.forward_and_backward(GRUCell, state, x, h, grad_output)


def run_steps(state: Named, x: Array, h: Array | None, grad_output: Array) -> Named:
    """Step forward through all, then back: a state's gradient comes from its output and from the step after."""
    return probe_cell.run_steps(GRUCell, state, x, h, grad_output)


def run_on_views(state: Named, x: Array, h: Array | None, grad_output: Array) -> Named:
    """Step once and back on arrays whose numbers do not lie in order, and give these afterwards."""
    return probe_cell.run_on_views(GRUCell, state, x, h, grad_output)


def backward_too_often(state: Named, x: Array, h: Array | None, grad_output: Array, steps: int) -> None:
    """Step some times forward, and once more back."""
    probe_cell.backward_too_often(GRUCell, state, x, h, grad_output, steps)

"""Helpers of the probes of layers: a layer runs forward and backward, twice, or on views."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from part2_layers.module import Module

Named = dict[str, Any]


def run(layer: Module, x: np.ndarray, grad_output: np.ndarray) -> Named:
    """Run forward, then backward with the upstream gradient."""
    output = layer.forward(x)
    return {"output": output, "x_grad": layer.backward(grad_output), **gradients(layer)}


def run_twice(layer: Module, x: np.ndarray, grad_output: np.ndarray) -> Named:
    """Run forward and backward, and again without zero_grad between them; then zero_grad."""
    run(layer, x, grad_output)
    twice = copy.deepcopy(run(layer, x, grad_output))
    layer.zero_grad()
    return {"twice": twice, "after zero_grad": gradients(layer)}


def run_on_views(layer: Module, x: np.ndarray, grad_output: np.ndarray) -> Named:
    """Run on arrays whose numbers do not lie in order; return what the two arguments hold afterwards too."""
    x_view, grad_view = as_view(x), as_view(grad_output)
    return {**run(layer, x_view, grad_view), "x afterwards": x_view, "grad_output afterwards": grad_view}


def gradients(layer: Module) -> Named:
    """Return the gradient of every parameter, under its name followed by _grad."""
    return {f"{name}_grad": grad for name, _, grad in layer.named_parameters()}


def as_view(x: np.ndarray) -> np.ndarray:
    """Return the same numbers, each between two others in memory, and with the axes in the opposite order."""
    between = np.full((*x.shape[::-1], 2), np.nan, x.dtype)
    between[..., 0] = x.T
    return between[..., 0].T

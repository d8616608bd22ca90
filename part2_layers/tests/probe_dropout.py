"""Probes of Dropout: give it a generator with a known state, and run it in training or in evaluation."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from part2_layers.dropout import Dropout
from part2_layers.tests import probe_layers

Array = np.ndarray
Named = dict[str, Any]


def forward(x: Array, p: float, seed: int) -> Named:
    """y = layer(x) in training."""
    return {"output": _layer(p, seed).forward(x)}


def forward_without_warning(x: Array, p: float, seed: int) -> Named:
    """y = layer(x) in training; a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        return forward(x, p, seed)


def forward_twice(x: Array, p: float, seed: int) -> Named:
    """y = layer(x) in training, and once more."""
    layer = _layer(p, seed)
    return {"first": layer.forward(x), "second": layer.forward(x)}


def forward_in_both_modes(x: Array, p: float, seed: int) -> Named:
    """y = layer(x) in training, in evaluation, and in training again."""
    layer = _layer(p, seed)
    training, evaluation = layer.forward(x), layer.eval().forward(x)
    return {"training": training, "evaluation": evaluation, "training again": layer.train().forward(x)}


def forward_and_backward(x: Array, p: float, seed: int, grad_output: Array) -> Named:
    """Forward in training, then backward with the upstream gradient."""
    return probe_layers.run(_layer(p, seed), x, grad_output)


def run_in_both_modes(x: Array, p: float, seed: int, grad_output: Array) -> Named:
    """Forward and backward in training, then both in evaluation."""
    layer = _layer(p, seed)
    training = probe_layers.run(layer, x, grad_output)
    return {"training": training, "evaluation": probe_layers.run(layer.eval(), x, grad_output)}


def run_without_warning(x: Array, p: float, seed: int, grad_output: Array) -> Named:
    """Forward and backward in training; a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        return forward_and_backward(x, p, seed, grad_output)


def run_on_views(x: Array, p: float, seed: int, grad_output: Array) -> Named:
    """Forward and backward on arrays whose numbers do not lie in order."""
    return probe_layers.run_on_views(_layer(p, seed), x, grad_output)


def backward_after_two_forwards(x: Array, p: float, seed: int, grad_output: Array) -> Named:
    """Run two forwards in training, then backward, which belongs to the second."""
    layer = _layer(p, seed)
    layer.forward(x)
    return probe_layers.run(layer, x, grad_output)


def backward_in_the_other_mode(x: Array, p: float, seed: int, grad_output: Array, training: bool) -> Named:
    """Forward in training or in evaluation, then backward in the other of the two."""
    layer = _layer(p, seed).train(training)
    output = layer.forward(x)
    return {"output": output, "x_grad": layer.train(not training).backward(grad_output)}


def backward_first(p: float, seed: int, grad_output: Array) -> None:
    """Backward on a new layer, without forward."""
    _layer(p, seed).backward(grad_output)


def _layer(p: float, seed: int) -> Dropout:
    return Dropout(p, rng=np.random.default_rng(seed))

"""Torch's RNNCell, and the steps that known mistakes would make."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, sigmoid, tanh

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array
from part3_recurrent.tests.oracle_cell import (
    Parameters,
    Step,
    as_if,
    lacking,
    products,
    run,
    run_mistakes,
    torch_step,
    with_state_after,
)


@truth
def rnn_cell(state: Answer, x: Array, h: Array | None, grad_output: Array | None = None) -> Answer:
    return run(torch_step(torch.nn.RNNCell), state, x, h, grad_output)


def rnn_cell_mistakes(**problem: Any) -> Answer:
    return run_mistakes(rnn_cell(**problem), step, MISTAKEN_STEPS, **problem)


def step(parameters: Parameters, x: Tensor, h: Tensor) -> Tensor:
    """Compute tanh(W_ih x + b_ih + W_hh h + b_hh)."""
    return tanh(_total(parameters, x, h))


def _total(parameters: Parameters, x: Tensor, h: Tensor) -> Tensor:
    of_x, of_h = products(parameters, x, h)
    return of_x + of_h


def _with_sigmoid(parameters: Parameters, x: Tensor, h: Tensor) -> Tensor:
    return sigmoid(_total(parameters, x, h))


def _without_slope(parameters: Parameters, x: Tensor, h: Tensor) -> Tensor:
    return as_if(step(parameters, x, h), _total(parameters, x, h))


def _with_slope_of_total(parameters: Parameters, x: Tensor, h: Tensor) -> Tensor:
    total = _total(parameters, x, h)
    return as_if(tanh(total), total * (1 - total**2).detach())


def _with_slope_without_square(parameters: Parameters, x: Tensor, h: Tensor) -> Tensor:
    total = _total(parameters, x, h)
    return as_if(tanh(total), total * (1 - tanh(total)).detach())


def _with_transposed_weight(parameters: Parameters, x: Tensor, h: Tensor) -> Tensor:
    return step({**parameters, "weight_hh": parameters["weight_hh"].T}, x, h)


# Those of backward alone come first: a missing slope has the gradients of a missing tanh.
LAYERS_STEPS: dict[str, Step] = {  # of a layer, too
    "the slope of the tanh, 1 - h'², is missing": _without_slope,
    "weight_hh's gradient is made with the state after the step; it must be the one before": with_state_after(step),
    "both biases are missing": lacking(step, "bias_ih", "bias_hh"),
    "the state has no part in it: W_hh h is missing": lambda parameters, x, h: step(parameters, x, 0 * h),
}
MISTAKEN_STEPS: dict[str, Step] = {
    **LAYERS_STEPS,
    "the slope of the tanh is taken of what went in: it is 1 - h'², and h' the output": _with_slope_of_total,
    "the slope of the tanh is 1 - h'²; the square is missing": _with_slope_without_square,
    "bias_hh is missing": lacking(step, "bias_hh"),
    "bias_ih is missing": lacking(step, "bias_ih"),
    "W_hh is transposed: it is W_hh h": _with_transposed_weight,
    "the tanh is missing": _total,
    "there is a sigmoid in the place of the tanh": _with_sigmoid,
}

"""Torch's cells over one step or several, and the same with the steps that known mistakes would make.

A mistake in backward alone is a step with the right value and the gradient of something else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from autograder.testing import Candidate, Probe, assert_same
from autograder.testing.torch_oracle import Answer, Array
from part3_recurrent.tests.oracle import pull_back

Parameters = Mapping[str, Tensor]
Step = Callable[[Parameters, Tensor, Tensor], Tensor]


def run(step: Step, state: Answer, x: Array, h: Array | None, grad_output: Array | None = None) -> Answer:
    """The step on x (b, i); on x (t, b, i) one step for each time, every one from the state of the one before.

    Without a gradient from above: the output alone.
    """
    hidden = state["weight_hh"].shape[1]
    parameters = {name: leaf(value) for name, value in state.items()}
    inputs = {"x": leaf(x), "h": leaf(np.zeros((x.shape[-2], hidden), x.dtype) if h is None else h)}
    outputs, last = [], inputs["h"]
    for x_t in inputs["x"] if x.ndim == 3 else inputs["x"][None]:
        last = step(parameters, x_t, last)
        outputs.append(last)
    output = torch.stack(outputs).reshape(*x.shape[:-1], hidden)
    if grad_output is None:
        return {"output": output.detach().numpy()}
    return pull_back({"output": (output, grad_output)}, **inputs, **parameters)


def torch_step(kind: type[torch.nn.RNNCell | torch.nn.GRUCell]) -> Step:
    """The step of torch's cell."""

    def step(parameters: Parameters, x: Tensor, h: Tensor) -> Tensor:
        cell = kind(x.shape[1], h.shape[1], bias="bias_ih" in parameters)
        return functional_call(cell, dict(parameters), (x, h))

    return step


AVERAGED = "the parameters' gradients are averaged over the batch; only a loss averages, a layer adds up"


def run_mistakes(right: Answer, steps: Mapping[str, Step], **problem: Any) -> dict[str, Answer]:
    """What each mistaken step would give, and what the right one gives with averaged gradients."""
    averaged = {
        f"{name}_grad": right.get(f"{name}_grad", 0) / max(1, problem["x"].shape[-2]) for name in problem["state"]
    }
    return {sentence: run(step, **problem) for sentence, step in steps.items()} | {AVERAGED: averaged}


def assert_right_on_views(candidate: Candidate, probe: Probe, truth: Callable[..., Answer], problem: Answer) -> None:
    """On arrays whose numbers do not lie in order: the truth, and none of them has changed."""
    settings = ("network", "options", "state", "running")
    afterwards = {f"{name} afterwards": value for name, value in problem.items() if name not in settings}
    assert_same(candidate.run(probe, **problem), {**truth(**problem), **afterwards})


# Steps


def leaf(value: Array) -> Tensor:
    """The array as a tensor that takes a gradient."""
    return torch.tensor(value, requires_grad=True)


def products(parameters: Parameters, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """W_ih x + b_ih and W_hh h + b_hh."""
    linear = torch.nn.functional.linear
    of_x = linear(x, parameters["weight_ih"], parameters.get("bias_ih"))
    return of_x, linear(h, parameters["weight_hh"], parameters.get("bias_hh"))


def lacking(step: Step, *names: str) -> Step:
    """The step without these parameters."""
    return lambda parameters, x, h: step({k: v for k, v in parameters.items() if k not in names}, x, h)


def as_if(value: Tensor, route: Tensor) -> Tensor:
    """This value, with the gradient of the route."""
    return value.detach() + route - route.detach()

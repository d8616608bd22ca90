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
    """Run the step on x (b, i); on x (t, b, i) one step for each time, every one from the state of the one before.

    Without an upstream gradient: the output alone.
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
    """Make a step of torch's cell."""

    def step(parameters: Parameters, x: Tensor, h: Tensor) -> Tensor:
        cell = kind(x.shape[1], h.shape[1], bias="bias_ih" in parameters)
        return functional_call(cell, dict(parameters), (x, h))

    return step


AVERAGED = "the parameters' gradients are averaged over the batch; only a loss averages, a layer adds up"
OVERWRITTEN = "the parameters' gradients are overwritten; each backward must add to them"


def run_mistakes(right: Answer, step: Step, steps: Mapping[str, Step], **problem: Any) -> dict[str, Answer]:
    """Give what each mistaken step would, and mistakes of a backward whose step is right."""
    found = {sentence: run(mistaken, **problem) for sentence, mistaken in steps.items()}
    if problem.get("grad_output") is None:
        return found
    of_parameters = {f"{name}_grad" for name in problem["state"]}
    found[AVERAGED] = {name: right[name] / max(1, problem["x"].shape[-2]) for name in of_parameters}
    if problem["x"].ndim == 2:
        found["dL/dx and dL/dh are exchanged"] = {"x_grad": right["h_grad"], "h_grad": right["x_grad"]}
    else:
        last = len(problem["x"]) - 1
        found |= {
            OVERWRITTEN: run_back(step, lambda t: t, adds=False, **problem),
            "backward belongs to the first forward on the stack; it must take the last": run_back(
                step, lambda t: last - t, **problem
            ),
            "each backward belongs to the same forward; it must take that off the stack": run_back(
                step, lambda t: last, **problem
            ),
        }
    return found


def run_back(
    step: Step,
    taken: Callable[[int], int],
    state: Answer,
    x: Array,
    h: Array | None,
    grad_output: Array,
    adds: bool = True,
) -> Answer:
    """Compute the gradients of several steps where the backward of step t belongs to the forward of step `taken(t)`.

    If it does not add, the parameters' gradients are those of the last backward alone.
    """
    parameters = {name: leaf(value) for name, value in state.items()}
    hidden = torch.tensor(np.zeros_like(grad_output[0]) if h is None else h)
    kept = []
    for x_t in x:
        kept.append((leaf(x_t), leaf(hidden.detach().numpy())))
        hidden = step(parameters, *kept[-1])
    found, h_grad = {name: torch.zeros_like(value) for name, value in parameters.items()}, torch.zeros_like(hidden)
    x_grads = []
    for t in reversed(range(len(x))):
        above = (step(parameters, *kept[taken(t)]) * (torch.tensor(grad_output[t]) + h_grad)).sum()
        x_grad, h_grad, *others = torch.autograd.grad(above, (*kept[taken(t)], *parameters.values()))
        found = {name: grad + adds * found[name] for name, grad in zip(parameters, others, strict=True)}
        x_grads.append(x_grad)
    gradients = {"x": torch.stack(x_grads[::-1]), "h": h_grad, **found}
    return {f"{name}_grad": gradient.numpy() for name, gradient in gradients.items()}


def assert_right_on_views(candidate: Candidate, probe: Probe, truth: Callable[..., Answer], problem: Answer) -> None:
    """Check the answer on arrays whose numbers do not lie in order, and that none of them has changed."""
    settings = ("network", "options", "state", "running")
    afterwards = {f"{name} afterwards": value for name, value in problem.items() if name not in settings}
    assert_same(candidate.run(probe, **problem), {**truth(**problem), **afterwards})


# Steps


def leaf(value: Array) -> Tensor:
    """Make a tensor of the array that takes a gradient."""
    return torch.tensor(value, requires_grad=True)


def products(parameters: Parameters, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Compute W_ih x + b_ih and W_hh h + b_hh."""
    of_x = x @ parameters["weight_ih"].T + parameters.get("bias_ih", 0)
    return of_x, h @ parameters["weight_hh"].T + parameters.get("bias_hh", 0)


def lacking(step: Step, *names: str) -> Step:
    """Leave these parameters out of the step."""
    return lambda parameters, x, h: step({k: v for k, v in parameters.items() if k not in names}, x, h)


def with_state_after(step: Step) -> Step:
    """Make a step whose gradient of weight_hh is computed from the new state in the place of the old one."""

    def mistaken(parameters: Parameters, x: Tensor, h: Tensor) -> Tensor:
        weight, after = parameters["weight_hh"], step(parameters, x, h).detach()
        only_gradient = after @ (weight - weight.detach()).T
        bias = parameters.get("bias_hh", 0) + only_gradient
        return step({**parameters, "weight_hh": weight.detach(), "bias_hh": bias}, x, h)

    return mistaken


def as_if(value: Tensor, route: Tensor) -> Tensor:
    """Give this value the gradient of the route."""
    return value.detach() + route - route.detach()

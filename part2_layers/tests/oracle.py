"""Helpers of the oracles of part 2: torch's layers, forward and backward, and the comparison with them.

A truth takes the arguments of its probe and gives plain data under the probe's names.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from autograder.testing import Candidate, Probe, assert_same, same
from autograder.testing.torch_oracle import Answer, Array

Truth = Callable[..., Answer]


def assert_right_twice(candidate: Candidate, probe: Probe, truth: Truth, problem: Answer) -> None:
    """Two runs without zero_grad between them: the gradients of the parameters are twice the truth, then zero."""
    got, right = candidate.run(probe, **problem), truth(**problem)
    of_parameters = {name: value for name, value in right.items() if name not in ("output", "x_grad")}
    twice = {**right, **{name: value + value for name, value in of_parameters.items()}}
    zero = {name: np.zeros_like(value) for name, value in of_parameters.items()}

    def known() -> Answer:
        which = {"the gradients of the parameters are": right}
        overwritten = {name: value for name, value in of_parameters.items() if same(got["twice"][name], value)}
        if not same({**twice, **overwritten}, twice):  # so that it is only offered where it shows
            which["one of the gradients is"] = {**twice, **overwritten}
        return {
            f"{gradients} overwritten by a second backward; each backward must add": {
                "twice": wrong,
                "after zero_grad": zero,
            }
            for gradients, wrong in which.items()
        }

    assert_same(got, {"twice": twice, "after zero_grad": zero}, mistakes=known)


def assert_right_on_views(candidate: Candidate, probe: Probe, truth: Truth, problem: Answer) -> None:
    """On arrays whose numbers do not lie in order: the truth, and neither x nor grad_output has changed."""
    afterwards = {f"{name} afterwards": problem[name] for name in ("x", "grad_output")}
    got, right = candidate.run(probe, **problem), {**truth(**problem), **afterwards}

    def known() -> Answer:
        """Only where it shows: not every layer has a way to do it."""
        return {
            f"{name} was changed in place; make a new array": {**right, f"{name} afterwards": got[f"{name} afterwards"]}
            for name in ("x", "grad_output")
            if not same(got[f"{name} afterwards"], problem[name])
        }

    assert_same(got, right, mistakes=known)


def forward_and_backward(layer: torch.nn.Module, x: Array, grad_output: Array | None) -> Answer:
    """Return the output of torch's layer, x_grad, and the gradient of every parameter under its name followed by _grad.

    Without an upstream gradient: the output alone.
    """
    x_tensor = torch.tensor(x, requires_grad=True)
    if grad_output is None:
        return {"output": array_of(layer(x_tensor))}
    layer.zero_grad()
    output = layer(x_tensor)
    (output * torch.tensor(grad_output)).sum().backward()
    gradients = {f"{name}_grad": array_of(parameter.grad, parameter) for name, parameter in layer.named_parameters()}
    return {"output": array_of(output), "x_grad": array_of(x_tensor.grad, x_tensor), **gradients}


def array_of(tensor: torch.Tensor | None, like: torch.Tensor | None = None) -> Array:
    """Return the tensor as an array; zeros like another one where there is no tensor."""
    if tensor is None:
        assert like is not None
        tensor = torch.zeros_like(like)
    return tensor.detach().numpy()

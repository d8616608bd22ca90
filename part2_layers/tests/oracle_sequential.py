"""Torch's Sequential of the layers in probe_sequential.py, and what known mistakes would give."""

from __future__ import annotations

import contextlib
from typing import Any

import torch

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array
from part2_layers.tests.oracle import array_of, forward_and_backward

Layers = list[Any]


class Affine(torch.nn.Module):
    def __init__(self, weight: Array, bias: Array) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(weight))
        self.bias = torch.nn.Parameter(torch.tensor(bias))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight.T + self.bias


class Scale(torch.nn.Module):
    def __init__(self, weight: Array) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(weight))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight


class Shift(torch.nn.Module):
    def __init__(self, bias: Array) -> None:
        super().__init__()
        self.bias: torch.Tensor
        self.register_buffer("bias", torch.tensor(bias))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.bias


class Doubling(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x if self.training else x


KINDS: dict[str, Any] = {"affine": Affine, "scale": Scale, "shift": Shift, "tanh": torch.nn.Tanh, "doubling": Doubling}


@truth
def sequential(layers: Layers, x: Array, grad_output: Array | None = None) -> Answer:
    return forward_and_backward(_sequential(layers), x, grad_output)


@truth
def both_modes(layers: Layers, x: Array) -> Answer:
    """The output in evaluation and in training."""
    module, tensor = _sequential(layers), torch.tensor(x)
    return {"evaluation": array_of(module.eval()(tensor)), "training": array_of(module.train()(tensor))}


@truth
def state_dict(layers: Layers) -> Answer:
    return {name: array_of(value) for name, value in _sequential(layers).state_dict().items()}


@truth
def loaded(layers: Layers, x: Array, state_dict: Answer) -> Answer:
    """The output with these parameters and buffers."""
    module = _sequential(layers)
    module.load_state_dict({name: torch.tensor(value) for name, value in state_dict.items()})
    return {"output": array_of(module(torch.tensor(x)))}


def sequential_mistakes(layers: Layers, x: Array, grad_output: Array | None = None) -> Answer:
    others = {
        "the layers run from the last to the first": layers[::-1],
        "the last layer is left out": layers[:-1],
        "only the last layer runs; each takes the output of the one before": layers[-1:],
    }
    known = {}
    for sentence, other in others.items():
        with contextlib.suppress(RuntimeError):  # one layer does not fit the other
            known[sentence] = forward_and_backward(_sequential(other), x, None)
    if grad_output is not None:
        with contextlib.suppress(RuntimeError):
            known["backward runs from the first layer to the last; it is the other way round"] = (
                _backward_from_the_first(layers, x, grad_output)
            )
    return known


def _backward_from_the_first(layers: Layers, x: Array, grad_output: Array) -> Answer:
    """Every layer's gradients where the first layer is given the gradient from above."""
    module, value, grad = _sequential(layers), torch.tensor(x), torch.tensor(grad_output)
    for layer in module:
        given = value.detach().requires_grad_()
        value = layer(given)
        (value * grad).sum().backward()
        assert given.grad is not None
        grad = given.grad
    gradients = {f"{name}_grad": array_of(parameter.grad, parameter) for name, parameter in module.named_parameters()}
    return {"x_grad": array_of(grad), **gradients}


def _sequential(layers: Layers) -> torch.nn.Sequential:
    return torch.nn.Sequential(*(_layer(*layer) for layer in layers))


def _layer(kind: str, content: Any) -> torch.nn.Module:
    return _sequential(content) if kind == "sequential" else KINDS[kind](**content)

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


class Sine(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sin()


class Doubling(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x if self.training else x


KINDS: dict[str, Any] = {"affine": Affine, "scale": Scale, "shift": Shift, "sine": Sine, "doubling": Doubling}


@truth
def sequential(layers: Layers, x: Array, grad_output: Array | None = None) -> Answer:
    return forward_and_backward(_sequential(layers), x, grad_output)


@truth
def both_modes(layers: Layers, x: Array) -> Answer:
    """Return the output in evaluation and in training."""
    module, tensor = _sequential(layers), torch.tensor(x)
    return {"evaluation": array_of(module.eval()(tensor)), "training": array_of(module.train()(tensor))}


@truth
def state_dict(layers: Layers) -> Answer:
    return {name: array_of(value) for name, value in _sequential(layers).state_dict().items()}


@truth
def loaded(layers: Layers, x: Array, state_dict: Answer) -> Answer:
    """Return the output with these parameters and buffers."""
    module = _sequential(layers)
    module.load_state_dict({name: torch.tensor(value) for name, value in state_dict.items()})
    return {"output": array_of(module(torch.tensor(x)))}


def output_mistakes(layers: Layers, x: Array) -> Answer:
    others = {
        "the layers run from the last to the first": layers[::-1],
        "the last layer is left out": layers[:-1],
        "only the first layer runs; a return inside the loop ends it": layers[:1],
        "only the last layer runs; each takes the output of the one before": layers[-1:],
    }
    known = {}
    for sentence, other in others.items():
        with contextlib.suppress(RuntimeError):  # one layer does not fit the other
            known[sentence] = forward_and_backward(_sequential(other), x, None)
    return known


def gradient_mistakes(layers: Layers, x: Array, grad_output: Array) -> Answer:
    right, places = sequential(layers, x, grad_output), list(range(len(layers)))[::-1]
    runs = {name: 2 ** name.count(".") for name in right if name not in ("output", "x_grad")}  # 1 for each Sequential
    known: Answer = {
        "every backward runs twice, and adds to the gradients twice": {
            name: value * value.dtype.type(runs.get(name, 1)) for name, value in right.items()
        }
    }
    others = {
        "backward runs from the first layer to the last; it is the other way round": (places[::-1], True),
        "every layer is given the upstream gradient; each takes what the layer behind it gives": (places, False),
        "the first layer is left out of backward": (places[:-1], True),
        "the last layer is left out of backward": (places[1:], True),
    }
    for sentence, (order, is_handed_on) in others.items():
        with contextlib.suppress(RuntimeError):
            known[sentence] = _backward(layers, x, grad_output, order, is_handed_on)
    return known


def _backward(layers: Layers, x: Array, grad_output: Array, order: list[int], is_handed_on: bool) -> Answer:
    """Give the gradients of a backward in this order, each with the gradient of the layer before it, or all with g."""
    module, value = _sequential(layers), torch.tensor(x)
    inputs, outputs = [], []
    for layer in module:
        inputs.append(value.detach().requires_grad_())
        outputs.append(value := layer(inputs[-1]))
    x_grad = grad = torch.tensor(grad_output)
    for place in order:
        (outputs[place] * grad).sum().backward()
        of_input = inputs[place].grad
        assert of_input is not None
        x_grad = of_input
        grad = x_grad if is_handed_on else grad
    gradients = {f"{name}_grad": array_of(parameter.grad, parameter) for name, parameter in module.named_parameters()}
    return {"x_grad": array_of(x_grad), **gradients}


def _sequential(layers: Layers) -> torch.nn.Sequential:
    return torch.nn.Sequential(*(_layer(*layer) for layer in layers))


def _layer(kind: str, content: Any) -> torch.nn.Module:
    return _sequential(content) if kind == "sequential" else KINDS[kind](**content)

"""Probes of Sequential: fill it with layers that stand in this file, and run it.

A layer comes as [kind, its parameters by name]; a Sequential among them as ["sequential", its layers].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from part2_layers.module import Module
from part2_layers.sequential import Sequential
from part2_layers.tests import probe_layers

Array = np.ndarray
Named = dict[str, Any]
Layers = list[Any]


class Affine(Module):
    """y = x Wᵀ + b"""

    def __init__(self, weight: Array, bias: Array) -> None:
        super().__init__()
        self.weight: Array
        self.weight_grad: Array
        self.bias: Array
        self.bias_grad: Array
        self.add_parameter("weight", weight)
        self.add_parameter("bias", bias)

    def forward(self, x: Array) -> Array:
        self.x = x
        return x @ self.weight.T + self.bias

    def backward(self, grad_output: Array) -> Array:
        leading = tuple(range(grad_output.ndim - 1))
        self.weight_grad += np.tensordot(grad_output, self.x, axes=(leading, leading))
        self.bias_grad += grad_output.sum(axis=leading)
        return grad_output @ self.weight


class Scale(Module):
    """y = w x, with one w for each feature."""

    def __init__(self, weight: Array) -> None:
        super().__init__()
        self.weight: Array
        self.weight_grad: Array
        self.add_parameter("weight", weight)

    def forward(self, x: Array) -> Array:
        self.x = x
        return x * self.weight

    def backward(self, grad_output: Array) -> Array:
        self.weight_grad += (grad_output * self.x).reshape(-1, len(self.weight)).sum(axis=0)
        return grad_output * self.weight


class Shift(Module):
    """y = x + b, where b is kept and not learned."""

    def __init__(self, bias: Array) -> None:
        super().__init__()
        self.bias: Array
        self.add_buffer("bias", bias)

    def forward(self, x: Array) -> Array:
        return x + self.bias

    def backward(self, grad_output: Array) -> Array:
        return grad_output


class Sine(Module):
    """y = sin(x)"""

    def forward(self, x: Array) -> Array:
        self.x = x
        return np.sin(x)

    def backward(self, grad_output: Array) -> Array:
        return np.cos(self.x) * grad_output


class Doubling(Module):
    """y = 2x in training, y = x in evaluation."""

    def forward(self, x: Array) -> Array:
        return 2 * x if self.training else x

    def backward(self, grad_output: Array) -> Array:
        return 2 * grad_output if self.training else grad_output


KINDS: dict[str, Any] = {"affine": Affine, "scale": Scale, "shift": Shift, "sine": Sine, "doubling": Doubling}


def forward(layers: Layers, x: Array) -> Named:
    """y = Sequential(*layers)(x)"""
    return {"output": _sequential(layers).forward(x)}


def forward_in_both_modes(layers: Layers, x: Array) -> Named:
    """Return the output after eval(), and after train()."""
    sequential = _sequential(layers)
    return {"evaluation": sequential.eval().forward(x), "training": sequential.train().forward(x)}


def exchange(layers: Layers, x: Array, state_dict: Named) -> Named:
    """Return the names and values of the state dict, and the output after another one has been loaded."""
    sequential = _sequential(layers)
    state = sequential.state_dict()
    sequential.load_state_dict(state_dict)
    return {"names": list(state), "state": state, "output": sequential.forward(x)}


def contents(layers: Layers) -> Named:
    """len, a loop and every index: which of the layers these give, by their places."""
    given = [_layer(*layer) for layer in layers]
    place = {id(layer): position for position, layer in enumerate(given)}
    sequential, count = Sequential(*given), len(given)
    return {
        "len": len(sequential),
        "loop": [place.get(id(layer)) for layer in sequential],
        "indices": [place.get(id(sequential[position])) for position in range(-count, count)],
    }


def forward_and_backward(layers: Layers, x: Array, grad_output: Array) -> Named:
    """Run forward, then backward with the upstream gradient."""
    return probe_layers.run(_sequential(layers), x, grad_output)


def run_on_views(layers: Layers, x: Array, grad_output: Array) -> Named:
    """Forward and backward on arrays whose numbers do not lie in order."""
    return probe_layers.run_on_views(_sequential(layers), x, grad_output)


def backward_first(layers: Layers, grad_output: Array) -> None:
    """Backward on a new Sequential, without forward."""
    _sequential(layers).backward(grad_output)


def with_something_else(layers: Layers, something: Any) -> None:
    """A Sequential of layers and something that is none."""
    Sequential(*(_layer(*layer) for layer in layers), something)


def _sequential(layers: Layers) -> Sequential:
    return Sequential(*(_layer(*layer) for layer in layers))


def _layer(kind: str, content: Any) -> Module:
    return _sequential(content) if kind == "sequential" else KINDS[kind](**content)

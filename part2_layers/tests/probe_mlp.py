"""Probes of the multi-layer perceptrons and Residual: build them, load a state dict, and run them."""

from __future__ import annotations

from typing import Any

import numpy as np

from part2_layers.mlp import MLP0, MLP1, MLP4, Residual
from part2_layers.module import Module
from part2_layers.tests import probe_layers

Array = np.ndarray
Named = dict[str, Any]
NETWORKS = {"MLP0": MLP0, "MLP1": MLP1, "MLP4": MLP4}


# The networks


def run_network(network: str, sizes: Named, state: Named, training: bool, x: Array, grad_output: Array) -> Named:
    """Forward and backward in training or evaluation mode, and the state dict afterwards."""
    built = NETWORKS[network](**sizes, dtype=x.dtype, rng=np.random.default_rng(0))
    built.load_state_dict(state)
    built.train(training)
    return {**probe_layers.run(built, x, grad_output), "state afterwards": built.state_dict()}


def new_network(network: str, sizes: Named, seed: int) -> Named:
    """Return the state dict of a new network."""
    return NETWORKS[network](**sizes, rng=np.random.default_rng(seed)).state_dict()


def run_new_network(network: str, sizes: Named, seed: int, x: Array, grad_output: Array) -> Named:
    """Forward and backward of a new network."""
    return probe_layers.run(NETWORKS[network](**sizes, rng=np.random.default_rng(seed)), x, grad_output)


# Residual


class Affine(Module):
    """y = w · x + b, number by number: something for x to go around."""

    weight: Array
    weight_grad: Array
    bias: Array
    bias_grad: Array

    def __init__(self, weight: Array, bias: Array) -> None:
        super().__init__()
        self.add_parameter("weight", weight.copy())
        self.add_parameter("bias", bias.copy())

    def forward(self, x: Array) -> Array:
        """w · x + b"""
        self.x = x
        return self.weight * x + self.bias

    def backward(self, grad_output: Array) -> Array:
        """w · g"""
        self.weight_grad += (self.x * grad_output).sum(axis=0)
        self.bias_grad += grad_output.sum(axis=0)
        return self.weight * grad_output


class Wire(Module):
    """y = x, the very same array, and so is the gradient."""

    def forward(self, x: Array) -> Array:
        """x"""
        return x

    def backward(self, grad_output: Array) -> Array:
        """g"""
        return grad_output


class Constant(Module):
    """The same output, whatever the input."""

    def __init__(self, output: Array) -> None:
        super().__init__()
        self.always = output

    def forward(self, x: Array) -> Array:
        """Return the output."""
        return self.always


def forward(x: Array, weight: Array, bias: Array, depth: int) -> Named:
    """y = x + f(x), where f is affine, or again a residual around it, `depth` in all."""
    return {"output": _around(Affine(weight, bias), depth).forward(x)}


def forward_and_backward(x: Array, weight: Array, bias: Array, depth: int, grad_output: Array) -> Named:
    """Run forward, then backward with the upstream gradient."""
    return probe_layers.run(_around(Affine(weight, bias), depth), x, grad_output)


def run_twice(x: Array, weight: Array, bias: Array, depth: int, grad_output: Array) -> Named:
    """Forward and backward two times without zero_grad between them; then zero_grad."""
    return probe_layers.run_twice(_around(Affine(weight, bias), depth), x, grad_output)


def forward_around_a_wire(x: Array) -> Named:
    """y = x + x, and what x holds afterwards."""
    view = probe_layers.as_view(x)
    return {"output": Residual(Wire()).forward(view), "x afterwards": view}


def run_around_a_wire(x: Array, grad_output: Array) -> Named:
    """Forward and backward of y = x + x, and what the two arguments hold afterwards."""
    return probe_layers.run_on_views(Residual(Wire()), x, grad_output)


def forward_around_a_constant(x: Array, inner_output: Array) -> None:
    """x + f(x), where f gives this output."""
    Residual(Constant(inner_output)).forward(x)


def backward_first(weight: Array, bias: Array, depth: int, grad_output: Array) -> None:
    """Backward on a new layer, without forward."""
    _around(Affine(weight, bias), depth).backward(grad_output)


def _around(inner: Module, depth: int) -> Module:
    for _ in range(depth):
        inner = Residual(inner)
    return inner

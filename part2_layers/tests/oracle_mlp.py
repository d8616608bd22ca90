"""The same networks built from torch's layers, and what known mistakes would give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch.nn import BatchNorm1d, Linear, ReLU, Sequential

from autograder.testing import truth
from autograder.testing.strategies import Shape
from autograder.testing.torch_oracle import Answer, Array, with_state
from part2_layers.tests.oracle import array_of, forward_and_backward


class Residual(torch.nn.Module):
    """x + f(x)"""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.inner(x)


class Affine(torch.nn.Module):
    """w · x + b, number by number."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight, self.bias = torch.nn.Parameter(torch.ones(features)), torch.nn.Parameter(torch.ones(features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * x + self.bias


# The networks


def mlp0(in_features: int, hidden_size: int, out_features: int) -> list[torch.nn.Module]:
    return [Linear(in_features, hidden_size), ReLU(), Linear(hidden_size, out_features)]


def mlp1(in_features: int, hidden_sizes: Sequence[int], out_features: int) -> list[torch.nn.Module]:
    outer, inner = hidden_sizes
    return [
        *[Linear(in_features, outer), BatchNorm1d(outer), ReLU()],
        *[Linear(outer, inner), BatchNorm1d(inner), ReLU()],
        Linear(inner, out_features),
    ]


def mlp4(in_features: int, hidden_size: int, out_features: int, num_blocks: int = 4) -> list[torch.nn.Module]:
    def normalised(outputs: int) -> list[torch.nn.Module]:
        return [BatchNorm1d(hidden_size), ReLU(), Linear(hidden_size, outputs)]

    blocks = [Residual(Sequential(*normalised(hidden_size))) for _ in range(num_blocks)]
    return [Linear(in_features, hidden_size), *blocks, *normalised(out_features)]


NETWORKS: dict[str, Callable[..., list[torch.nn.Module]]] = {"MLP0": mlp0, "MLP1": mlp1, "MLP4": mlp4}


class Network(torch.nn.Module):
    """One of them."""

    def __init__(self, network: str, sizes: Answer) -> None:
        super().__init__()
        self.layers = Sequential(*NETWORKS[network](**sizes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def new_state(network: str, sizes: Answer) -> dict[str, Array]:
    """Return the state dict of a new network."""
    return {name: array_of(value) for name, value in Network(network, sizes).state_dict().items()}


@cache
def state_shapes(network: str, **sizes: Any) -> dict[str, Shape]:
    """Return the shape of everything in the network's state dict."""
    return {name: value.shape for name, value in new_state(network, sizes).items()}


@truth
def run_network(network: str, sizes: Answer, state: Answer, training: bool, x: Array, grad_output: Array) -> Answer:
    built = with_state(Network(network, sizes), state, x.dtype).train(training)
    return forward_and_backward(built, x, grad_output)


def run_network_mistakes(
    network: str, sizes: Answer, state: Answer, training: bool, x: Array, grad_output: Array
) -> Answer:
    def where(kind: type[torch.nn.Module], forward: Callable[[Any, torch.Tensor], torch.Tensor]) -> Answer:
        """Return what the network gives if modules of this kind compute something else."""
        built = with_state(Network(network, sizes), state, x.dtype).train(training)
        for module in built.modules():
            if isinstance(module, kind):
                module.forward = partial(forward, module)
        return forward_and_backward(built, x, grad_output)

    mistakes = {
        "the activations are Tanh instead of ReLU": where(ReLU, lambda _, x: torch.tanh(x)),
        "the activations are Sigmoid instead of ReLU": where(ReLU, lambda _, x: torch.sigmoid(x)),
        "the activations are GELU instead of ReLU": where(ReLU, lambda _, x: torch.nn.functional.gelu(x)),
        "there is an activation after the last layer": where(Network, lambda built, x: torch.relu(built.layers(x))),
    }
    if sizes.get("num_blocks", 0):
        mistakes["x does not go around the blocks"] = where(Residual, lambda block, x: block.inner(x))
    return mistakes


# Residual

X_CHANGED = "x was changed in place; make a new array"
GRADIENT_CHANGED = "grad_output was changed in place; make a new array"


@truth
def residual(x: Array, weight: Array, bias: Array, depth: int, grad_output: Array | None = None) -> Answer:
    layer: Any = Affine(len(weight))
    for _ in range(depth):
        layer = Residual(layer)
    state = {"inner." * depth + name: value for name, value in (("weight", weight), ("bias", bias))}
    return forward_and_backward(with_state(layer, state, x.dtype), x, grad_output)


def output_mistakes(x: Array, weight: Array, bias: Array, depth: int) -> Answer:
    y = weight * x + bias
    return {
        "x does not go around f: the output is f(x) alone": {"output": y},
        "f is left out: the output is x alone": {"output": x},
        X_CHANGED: {"output": x.dtype.type(2 ** (depth - 1)) * (x + y)},  # of several, each adds x to itself
    }


def gradient_mistakes(x: Array, weight: Array, bias: Array, depth: int, grad_output: Array) -> Answer:
    weight_grad, bias_grad = ("inner." * depth + name for name in ("weight_grad", "bias_grad"))
    runs = 2**depth
    return {
        "the way around f is missing: x_grad is f's gradient alone": {"x_grad": weight * grad_output},
        "the way through f is missing: x_grad is g alone": {
            "x_grad": grad_output,
            weight_grad: np.zeros_like(weight),
            bias_grad: np.zeros_like(bias),
        },
        "f's backward runs twice, and adds to its gradients twice": {
            weight_grad: runs * (x * grad_output).sum(axis=0),
            bias_grad: runs * grad_output.sum(axis=0),
        },
        GRADIENT_CHANGED: {"x_grad": x.dtype.type(2 ** (depth - 1)) * (grad_output + weight * grad_output)},
    }


@truth
def wire(x: Array) -> Answer:
    return {"output": x + x, "x afterwards": x}


def wire_mistakes(x: Array) -> Answer:
    return {X_CHANGED: {"x afterwards": x + x}}


@truth
def wire_and_back(x: Array, grad_output: Array) -> Answer:
    return {"x_grad": grad_output + grad_output, "x afterwards": x, "grad_output afterwards": grad_output}


def wire_and_back_mistakes(x: Array, grad_output: Array) -> Answer:
    return {GRADIENT_CHANGED: {"grad_output afterwards": grad_output + grad_output}}

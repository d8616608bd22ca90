"""Multi-layer perceptrons that are a Sequential each, which generators fill."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from part2_layers.activation import ReLU
from part2_layers.batchnorm import BatchNorm1d
from part2_layers.linear import Linear
from part2_layers.module import Module, checked_backward, checked_forward, integer
from part2_layers.sequential import Sequential


class MLP(Module):
    """Base of the three: `self.layers` is all of the network."""

    def __init__(
        self, *sizes: Any, dtype: Any = np.float32, rng: np.random.Generator | None = None, **more: Any
    ) -> None:
        super().__init__()
        self.new = {"dtype": dtype, "rng": rng or np.random.default_rng()}
        self.layers = Sequential(*self.built(*sizes, **more))

    def built(self, *sizes: Any, **more: Any) -> Iterator[Module]:
        """Yield one layer after another."""
        raise NotImplementedError

    def linear(self, in_features: int, out_features: int) -> Linear:
        """Return a new layer."""
        return Linear(in_features, out_features, **self.new)

    def norm_and_relu(self, features: int) -> tuple[Module, Module]:
        """Return two new layers."""
        return BatchNorm1d(features, dtype=self.new["dtype"]), ReLU()

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Return the output of the layers."""
        return self.layers(x)

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx."""
        return self.layers.backward(grad_output)


class MLP0(MLP):
    """Linear, ReLU, Linear."""

    def built(self, in_features: int, hidden_size: int, out_features: int) -> Iterator[Module]:
        """Yield one layer after another."""
        yield self.linear(in_features, hidden_size)
        yield ReLU()
        yield self.linear(hidden_size, out_features)


class MLP1(MLP):
    """Linear, BatchNorm1d, ReLU for both hidden sizes, then Linear."""

    def built(self, in_features: int, hidden_sizes: Sequence[int], out_features: int) -> Iterator[Module]:
        """Yield one layer after another."""
        if len(hidden_sizes) != 2:
            raise ValueError(f"hidden_sizes must be two sizes; got {hidden_sizes!r}.")
        features = in_features
        for hidden_size in hidden_sizes:
            yield self.linear(features, hidden_size)
            yield from self.norm_and_relu(hidden_size)
            features = hidden_size
        yield self.linear(features, out_features)


class Residual(Module):
    """y = x + f(x)."""

    def __init__(self, inner: Module) -> None:
        super().__init__()
        self.inner = inner

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """y = x + f(x)."""
        change = self.inner(x)
        if change.shape != x.shape:
            raise ValueError(f"f(x) must have the shape of x, {x.shape}; got {change.shape}.")
        return np.add(change, x)

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx, by both ways."""
        return sum((self.inner.backward(grad_output), grad_output), np.zeros_like(grad_output))


class MLP4(MLP):
    """Linear, num_blocks residual blocks of BatchNorm1d, ReLU, Linear, then BatchNorm1d, ReLU, Linear."""

    def built(self, in_features: int, hidden_size: int, out_features: int, num_blocks: int = 4) -> Iterator[Module]:
        """Yield one layer after another."""
        yield self.linear(in_features, hidden_size)
        for _ in range(integer("num_blocks", num_blocks, minimum=0)):
            block = *self.norm_and_relu(hidden_size), self.linear(hidden_size, hidden_size)
            yield Residual(Sequential(*block))
        yield from self.norm_and_relu(hidden_size)
        yield self.linear(hidden_size, out_features)

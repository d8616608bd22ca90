"""Activations number by number, with Python's math, and Softmax row by row, with its Jacobian."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy import ndarray

from part2_layers.module import Module, checked_backward, checked_forward

FAR = 40.0  # beyond it Φ is 0 or 1


def each(function: Callable[[float], float], x: ndarray) -> ndarray:
    """Return the function of every number, in the dtype of x."""
    return np.asarray(np.vectorize(function)(x)).astype(x.dtype)


class Elementwise(Module):
    """y = value(x) with the derivative slope(x), for each number by itself."""

    def value(self, x: float) -> float:
        """y."""
        raise NotImplementedError

    def slope(self, x: float) -> float:
        """dy/dx."""
        raise NotImplementedError

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """y = value(x)."""
        self.x = x
        return each(self.value, x)

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g · slope(x)."""
        return np.multiply(grad_output, each(self.slope, self.x))


class Identity(Elementwise):
    """y = x."""

    def value(self, x: float) -> float:
        """Do the same."""
        return x

    def slope(self, x: float) -> float:
        """One."""
        return 1.0


class Sigmoid(Elementwise):
    """σ(x), with an exponential that is never above 1."""

    def value(self, x: float) -> float:
        """1 / (1 + e⁻ˣ), or the same as eˣ / (1 + eˣ)."""
        small = math.exp(-abs(x))
        return 1 / (1 + small) if x >= 0 else small / (1 + small)

    def slope(self, x: float) -> float:
        """σ(x) · σ(-x)."""
        return self.value(x) * self.value(-x)


class Tanh(Elementwise):
    """tanh(x)."""

    def value(self, x: float) -> float:
        """Python's own."""
        return math.tanh(x)

    def slope(self, x: float) -> float:
        """(1 + tanh x) (1 - tanh x)."""
        return (1 + math.tanh(x)) * (1 - math.tanh(x))


class ReLU(Elementwise):
    """x above zero, and zero below."""

    def value(self, x: float) -> float:
        """Return the larger of x and zero."""
        return x if x > 0 else 0.0

    def slope(self, x: float) -> float:
        """Return one above zero."""
        return 1.0 if x > 0 else 0.0


class GELU(Elementwise):
    """x · Φ(x)."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ValueError(f"approximate must be 'none' or 'tanh'; got {approximate!r}.")
        self.approximate = approximate

    def value(self, x: float) -> float:
        """x · Φ(x)."""
        return x * self.cdf(x)

    def slope(self, x: float) -> float:
        """Φ(x) + x · Φ'(x)."""
        return self.cdf(x) + (x * self.density(x) if abs(x) < FAR else 0.0)

    def cdf(self, x: float) -> float:
        """Φ(x): half the complementary error function of -x/√2, or σ(2u)."""
        if self.approximate == "none":
            return math.erfc(-x / math.sqrt(2)) / 2
        near = max(-FAR, min(x, FAR))
        return (1 + math.tanh(math.sqrt(2 / math.pi) * (near + 0.044715 * near**3))) / 2

    def density(self, x: float) -> float:
        """Φ'(x)."""
        if self.approximate == "none":
            return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        inner = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
        return 2 * self.cdf(x) * self.cdf(-x) * inner


class Softmax(Module):
    """Softmax of one row after another."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Return the softmax of every row along dim."""
        if not -x.ndim <= self.dim < x.ndim:
            raise ValueError(f"dim must be an axis of x, from {-x.ndim} to {x.ndim - 1}; got {self.dim}.")
        self.output = np.apply_along_axis(_softmax_of_row, self.dim, x)
        return self.output

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """Return every row of g times the Jacobian, diag(y) - y yᵀ."""
        outputs, grads = (np.moveaxis(each, self.dim, -1) for each in (self.output, grad_output))
        rows = zip(outputs.reshape(-1, outputs.shape[-1]), grads.reshape(-1, grads.shape[-1]), strict=True)
        x_grads = np.stack([grad @ (np.diag(y) - np.outer(y, y)) for y, grad in rows])
        return np.moveaxis(x_grads.reshape(outputs.shape), -1, self.dim)


def _softmax_of_row(row: ndarray) -> ndarray:
    with np.errstate(over="ignore"):
        exponentials = np.exp(row - max(row))
    return np.asarray(exponentials / sum(exponentials))

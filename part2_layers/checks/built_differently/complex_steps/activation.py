"""Activations: functions of each number by itself, and Softmax, which looks along an axis.

f(x + i·h·g) = f(x) + i·h·J g + O(h²), and J g is Jᵀ g here: the gradient without a difference that could cancel
(Squire and Trapp 1998).
"""

from __future__ import annotations

import math

import numpy as np
from numpy import ndarray
from scipy.special import erf

from part2_layers.module import Module, checked_backward, checked_forward

STEP = 1e-20  # its square is nothing beside 1


def complex_step(x: ndarray, direction: ndarray) -> ndarray:
    """Return x + i·h·direction in double precision."""
    return np.asarray(x + 1j * STEP * direction.astype(np.float64))


class Activation(Module):
    """A function that numbers with and without an imaginary part may be given to."""

    def of(self, z: ndarray) -> ndarray:
        """Compute y from x, or from x + i·h·g."""
        raise NotImplementedError

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Compute y.  Shapes: x (...), y (...)."""
        self.x = x
        return self.of(x)

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = Im f(x + i·h·g) / h."""
        x_grad = np.imag(self.of(complex_step(self.x, grad_output))) / STEP
        return x_grad.astype(np.result_type(self.x, grad_output))


class Identity(Activation):
    """y = x."""

    def of(self, z: ndarray) -> ndarray:
        return z


class Sigmoid(Activation):
    """σ(x) = 1 / (1 + e⁻ˣ) = ½ (1 + tanh ½x)."""

    def of(self, z: ndarray) -> ndarray:
        return 0.5 * (1 + np.tanh(0.5 * z))


class Tanh(Activation):
    """tanh(x)."""

    def of(self, z: ndarray) -> ndarray:
        return np.tanh(z)


class ReLU(Activation):
    """max(x, 0)."""

    def of(self, z: ndarray) -> ndarray:
        return np.where(z.real > 0, z, 0)


class GELU(Activation):
    """x · Φ(x), where Φ is the normal distribution's cumulative function     (Hendrycks and Gimpel 2016).

    approximate="tanh": x · ½ (1 + tanh(√(2/π) (x + 0.044715 x³))).
    Raises ValueError for another approximation.
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ValueError(f"approximate must be 'none' or 'tanh'; got {approximate!r}.")
        self.approximate = approximate

    def of(self, z: ndarray) -> ndarray:
        near = np.where(np.abs(z.real) < 40, z, np.clip(z.real, -40, 40))  # beyond, Φ and tanh are constant
        if self.approximate == "none":
            return z * (0.5 * (1 + erf(near / math.sqrt(2))))
        return z * (0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (near + 0.044715 * near**3))))


class Softmax(Activation):
    """e^x / Σ e^x along an axis: positive numbers that sum to one.

    Raises ValueError if x has no axis dim.
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def of(self, z: ndarray) -> ndarray:
        if not -z.ndim <= self.dim < z.ndim:
            raise ValueError(f"dim must be an axis of x, from {-z.ndim} to {z.ndim - 1}; got {self.dim}.")
        with np.errstate(over="ignore"):  # the difference of two huge numbers may be -inf, and its exponential is 0
            exponentials = np.exp(z - z.real.max(axis=self.dim, keepdims=True, initial=-np.inf))
        return exponentials / exponentials.sum(axis=self.dim, keepdims=True)

"""Activations: functions of each number by itself, and Softmax, which looks along an axis.

None of them has parameters, so backward only multiplies grad_output by the derivative.
No finite input may overflow on the way: exp(-x) does at x = -1000, and x³ at 10¹³ in float32.
A batch of none and a single number (an array without axes) are inputs too.
"""

from __future__ import annotations

import math

import numpy as np
from numpy import ndarray
from scipy.special import erf

from part2_layers.module import Module, checked_backward, checked_forward


class Identity(Module):
    """y = x."""

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """y = x."""
        return x

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g."""
        return grad_output


class Sigmoid(Module):
    """σ(x) = 1 / (1 + e⁻ˣ)."""

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """y = 1 / (1 + e⁻ˣ), without overflow however negative x is.  Shapes: x (...), y (...)."""
        ### BEGIN SOLUTION activation.forward: y = 1 / (1 + e⁻ˣ)
        self.output = 0.5 * (1 + np.tanh(0.5 * x))  # the same function, and tanh never overflows
        return self.output
        ### END SOLUTION

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g · y (1 - y)."""
        ### BEGIN SOLUTION activation.backward: g · y (1 - y)
        return grad_output * self.output * (1 - self.output)
        ### END SOLUTION


class Tanh(Module):
    """tanh(x)."""

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """y = tanh(x).  Shapes: x (...), y (...)."""
        ### BEGIN SOLUTION activation.forward: y = tanh(x)
        self.output = np.tanh(x)
        return self.output
        ### END SOLUTION

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g · (1 - y²)."""
        ### BEGIN SOLUTION activation.backward: g · (1 - y²)
        return grad_output * (1 - self.output**2)
        ### END SOLUTION


class ReLU(Module):
    """max(x, 0)."""

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """y = max(x, 0).  Shapes: x (...), y (...)."""
        ### BEGIN SOLUTION activation.forward: y = max(x, 0)
        self.output = np.maximum(x, 0)
        return self.output
        ### END SOLUTION

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g where x > 0, and 0 elsewhere, at x = 0 too."""
        ### BEGIN SOLUTION activation.backward: g where x > 0, else 0
        return np.where(self.output > 0, grad_output, 0)  # y > 0 exactly where x > 0
        ### END SOLUTION


class GELU(Module):
    """x · Φ(x), where Φ is the normal distribution's cumulative function     (Hendrycks and Gimpel 2016).

    approximate="tanh": x · ½ (1 + tanh(√(2/π) (x + 0.044715 x³))).
    Raises ValueError for another approximation.
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ValueError(f"approximate must be 'none' or 'tanh'; got {approximate!r}.")
        self.approximate = approximate

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """y = x · Φ(x), or its approximation with tanh.  Shapes: x (...), y (...)."""
        ### BEGIN SOLUTION gelu.forward: x · Φ(x), where Φ(x) = ½ (1 + erf(x/√2)), or Φ's approximation with tanh
        self.x = x
        self.cdf = normal_cdf(x) if self.approximate == "none" else 0.5 * (1 + approximate_tanh(x))
        return x * self.cdf
        ### END SOLUTION

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g · (Φ(x) + x · Φ'(x)), where Φ'(x) = e^(-x²/2) / √(2π), or the approximation's derivative."""
        ### BEGIN SOLUTION gelu.backward: g · (Φ(x) + x · Φ'(x))
        if self.approximate == "none":
            slope = normal_density(self.x)
        else:
            tanh, near = approximate_tanh(self.x), near_zero(self.x)
            slope = 0.5 * (1 - tanh**2) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * near**2)
        return grad_output * (self.cdf + self.x * slope)
        ### END SOLUTION


def normal_cdf(x: ndarray) -> ndarray:
    """Φ(x) = ½ (1 + erf(x/√2))."""
    ### BEGIN SOLUTION gelu.forward: ½ (1 + erf(x/√2)); erf is imported
    return 0.5 * (1 + erf(x / math.sqrt(2)))
    ### END SOLUTION


def normal_density(x: ndarray) -> ndarray:
    """Φ'(x) = e^(-x²/2) / √(2π), which is zero long before x² overflows."""
    ### BEGIN SOLUTION gelu.backward: e^(-x²/2) / √(2π), where x² must not overflow
    return np.exp(-(near_zero(x) ** 2) / 2) / math.sqrt(2 * math.pi)
    ### END SOLUTION


def approximate_tanh(x: ndarray) -> ndarray:
    """tanh(√(2/π) (x + 0.044715 x³)), which is ±1 long before x³ overflows."""
    ### BEGIN SOLUTION gelu.forward: tanh(√(2/π) (x + 0.044715 x³)), where x³ must not overflow
    near = near_zero(x)
    return np.tanh(math.sqrt(2 / math.pi) * near * (1 + 0.044715 * near**2))
    ### END SOLUTION


def near_zero(x: ndarray) -> ndarray:
    """x, but no farther from zero than 40: e^(-40²/2) is zero in float64 too."""
    return np.clip(x, -40, 40)


class Softmax(Module):
    """e^x / Σ e^x along an axis: positive numbers that sum to one."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """yᵢ = exp(xᵢ - m) / Σⱼ exp(xⱼ - m) along dim, where m = max x, so that nothing overflows.

        An axis of length 0, dim too, gives an empty result.

        Shapes: x (...), y (...).  Raises ValueError if x has no axis dim.
        """
        if not -x.ndim <= self.dim < x.ndim:
            raise ValueError(f"dim must be an axis of x, from {-x.ndim} to {x.ndim - 1}; got {self.dim}.")
        ### BEGIN SOLUTION softmax.forward: exp(x - max x), divided by its sum along dim
        with np.errstate(over="ignore"):  # the difference of two huge numbers may be -inf, and its exponential is 0
            exponentials = np.exp(x - x.max(axis=self.dim, keepdims=True, initial=-np.inf))
        self.output = exponentials / exponentials.sum(axis=self.dim, keepdims=True)
        return self.output
        ### END SOLUTION

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dxᵢ = yᵢ · (gᵢ - Σⱼ gⱼ yⱼ): each input moves every output, since they sum to one."""
        ### BEGIN SOLUTION softmax.backward: y · (g - Σ g y), summed along dim
        weighted = (grad_output * self.output).sum(axis=self.dim, keepdims=True)
        return self.output * (grad_output - weighted)
        ### END SOLUTION

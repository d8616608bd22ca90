"""Activations in two halves, of the positive and of the negative numbers."""

from __future__ import annotations

import math

import numpy as np
from numpy import ndarray
from scipy.special import erfc

from part2_layers.module import Module, checked_backward, checked_forward


class Identity(Module):
    """y = x."""

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """y = x."""
        return x.copy()

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g."""
        return grad_output.copy()


class WithSlope(Module):
    """A function of each number that keeps its slope."""

    slope: ndarray

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g · dy/dx."""
        return np.multiply(self.slope, grad_output)


class Sigmoid(WithSlope):
    """1 / (1 + e⁻ˣ) above zero, and 1 less that of -x below."""

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Keep σ(x) σ(-x)."""
        small = np.exp(-np.abs(x))
        large_part, small_part = np.reciprocal(1 + small), small / (1 + small)
        self.slope = large_part * small_part
        return np.where(x < 0, small_part, large_part)


class Tanh(WithSlope):
    """(1 - e⁻²ˣ) / (1 + e⁻²ˣ) above zero, and odd."""

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Keep 4 e⁻²ˣ / (1 + e⁻²ˣ)²."""
        less = np.expm1(-2 * np.minimum(np.abs(x), 400))  # e⁻²ˣ - 1, exact near zero
        self.slope = 4 * (less + 1) / (less + 2) ** 2
        return np.copysign(less / (less + 2), x)


class ReLU(WithSlope):
    """x above zero, and zero below."""

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Keep ones and zeros."""
        self.slope = np.heaviside(x, 0)
        return self.slope * x


class GELU(WithSlope):
    """x · Φ(x)."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ValueError(f"approximate must be 'none' or 'tanh'; got {approximate!r}.")
        self.approximate = approximate

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Keep Φ(x) + x · Φ'(x)."""
        near = np.maximum(-40, np.minimum(40, x))
        if self.approximate == "none":
            cdf, density = 0.5 * erfc(near * -math.sqrt(0.5)), np.exp(-0.5 * near**2) / math.sqrt(math.tau)
        else:
            inner = math.sqrt(2 / math.pi) * (near + 0.044715 * near * near * near)
            cdf = (1 + np.tanh(inner)) / 2
            density = 2 * cdf * (1 - cdf) * math.sqrt(2 / math.pi) * (1 + 0.134145 * near * near)
        self.slope = cdf + near * density
        return cdf * x


class Softmax(Module):
    """e^x / Σ e^x along an axis, where the sum is a product with ones."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Keep y with dim last."""
        if not -x.ndim <= self.dim < x.ndim:
            raise ValueError(f"dim must be an axis of x, from {-x.ndim} to {x.ndim - 1}; got {self.dim}.")
        rows = np.moveaxis(x, self.dim, -1)
        with np.errstate(over="ignore"):  # a difference may be -inf
            powers = np.exp(rows - np.fmax.reduce(rows, axis=-1, keepdims=True, initial=-np.inf))
        self.rows = powers / (powers @ np.ones((rows.shape[-1], 1), x.dtype))
        return np.moveaxis(self.rows, -1, self.dim)

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = (g - g · y) y for each row."""
        grads = np.moveaxis(grad_output, self.dim, -1)
        return np.moveaxis((grads - np.vecdot(grads, self.rows)[..., None]) * self.rows, -1, self.dim)

"""Activations that keep x alone; their functions are SciPy's."""

from __future__ import annotations

import math

import numpy as np
from numpy import ndarray
from scipy.special import expit, ndtr

from part2_layers.module import Module, checked_backward, checked_forward


class Elementwise(Module):
    """y = value(x), whose derivative is slope(x)."""

    def value(self, x: ndarray) -> ndarray:
        """Return y."""
        raise NotImplementedError

    def slope(self, x: ndarray) -> ndarray:
        """Return dy/dx."""
        raise NotImplementedError

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Keep x, and nothing else."""
        self.x = x
        return self.value(x)

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g · slope(x)."""
        return grad_output * self.slope(self.x)


class Identity(Elementwise):
    """y = x."""

    def value(self, x: ndarray) -> ndarray:
        """Return a view."""
        return x[...]

    def slope(self, x: ndarray) -> ndarray:
        """Return ones."""
        return np.ones_like(x)


class Sigmoid(Elementwise):
    """σ(x)."""

    def value(self, x: ndarray) -> ndarray:
        """Return σ(x)."""
        return expit(x)

    def slope(self, x: ndarray) -> ndarray:
        """σ(x) · σ(-x)."""
        return expit(x) * expit(-x)


class Tanh(Elementwise):
    """tanh(x)."""

    def value(self, x: ndarray) -> ndarray:
        """Return tanh(x)."""
        return np.tanh(x)

    def slope(self, x: ndarray) -> ndarray:
        """(1 - tanh x) (1 + tanh x) = 4 σ(2x) σ(-2x)."""
        return 4 * expit(2 * np.clip(x, -400, 400)) * expit(-2 * np.clip(x, -400, 400))


class ReLU(Elementwise):
    """max(x, 0)."""

    def value(self, x: ndarray) -> ndarray:
        """Return x where it is positive."""
        return np.clip(x, 0, None)

    def slope(self, x: ndarray) -> ndarray:
        """Return True where x is positive."""
        return x > 0


class GELU(Elementwise):
    """x · Φ(x)."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ValueError(f"approximate must be 'none' or 'tanh'; got {approximate!r}.")
        self.is_exact = approximate == "none"

    def value(self, x: ndarray) -> ndarray:
        """x · Φ(x)."""
        return x * self.cdf(np.clip(x, -40, 40))

    def slope(self, x: ndarray) -> ndarray:
        """Φ(x) + x · Φ'(x)."""
        near = np.clip(x, -40, 40)
        return self.cdf(near) + near * self.density(near)

    def cdf(self, x: ndarray) -> ndarray:
        """Φ(x), or ½ (1 + tanh(u)) = σ(2u)."""
        return ndtr(x) if self.is_exact else expit(math.sqrt(8 / math.pi) * (x + 0.044715 * x**3))

    def density(self, x: ndarray) -> ndarray:
        """Φ'(x)."""
        if self.is_exact:
            return np.exp(-x * x / 2 - math.log(2 * math.pi) / 2)
        return self.cdf(x) * (1 - self.cdf(x)) * math.sqrt(8 / math.pi) * (1 + 3 * 0.044715 * x**2)


class Softmax(Module):
    """e^x / Σ e^x along an axis."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Keep x."""
        if not -x.ndim <= self.dim < x.ndim:
            raise ValueError(f"dim must be an axis of x, from {-x.ndim} to {x.ndim - 1}; got {self.dim}.")
        self.x = x
        return self.shares()

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g y - y Σ g y."""
        y = self.shares()
        weighted = grad_output * y
        return weighted - y * np.add.reduce(weighted, axis=self.dim, keepdims=True)

    def shares(self) -> ndarray:
        """Return the softmax of x, made from the last axis and turned back: a view."""
        rows = np.moveaxis(self.x, self.dim, -1)
        with np.errstate(over="ignore"):
            powers = np.exp(rows - np.max(rows, axis=-1, keepdims=True, initial=np.finfo(rows.dtype).min))
        return np.moveaxis(powers / np.einsum("...v->...", powers)[..., None], -1, self.dim)

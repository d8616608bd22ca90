"""Dropout by a draw of zeros and ones."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from part2_layers.module import Module, check_fraction, checked_backward, checked_forward


class Dropout(Module):
    """In training y = x · m / (1 - p), where each m is 0 with probability p, else 1."""

    def __init__(self, p: float = 0.5, rng: np.random.Generator | None = None) -> None:
        super().__init__()
        self.p = check_fraction("p", p)
        self.rng = rng or np.random.default_rng()

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Take every number times 0 or 1 / (1 - p), and in evaluation times 1."""
        p = self.p if self.training else 0.0
        values = np.array([0, 0 if p == 1 else 1 / (1 - p)], x.dtype)
        self.mask = self.rng.choice(values, size=x.shape, p=[p, 1 - p]) if self.training else np.ones_like(x)
        return np.multiply(self.mask, x)

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """Do the same to g."""
        return np.multiply(self.mask, grad_output)

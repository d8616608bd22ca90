"""Dropout that keeps the generator as it was, and draws the same mask from it again."""

from __future__ import annotations

import copy

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
        """Keep a copy of the generator; in evaluation None, and y is x."""
        self.rng_before = copy.deepcopy(self.rng) if self.training else None
        return x if self.rng_before is None else self.thinned(x, self.rng)

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """Do to g what forward did to x."""
        return grad_output if self.rng_before is None else self.thinned(grad_output, copy.deepcopy(self.rng_before))

    def thinned(self, x: ndarray, rng: np.random.Generator) -> ndarray:
        """Return x · m / (1 - p)."""
        kept = rng.uniform(size=x.shape) < 1 - self.p
        return np.divide(x, 1 - self.p, out=np.zeros_like(x), where=kept)

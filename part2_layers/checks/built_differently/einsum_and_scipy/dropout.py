"""Dropout: forget a random part of the input, so that no unit relies on a single other one."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from part2_layers.module import Module, check_fraction, checked_backward, checked_forward


class Dropout(Module):
    """In training y = x · m / (1 - p), where each m is 0 with probability p, else 1     (Srivastava et al. 2014).

    Divided by 1 - p the mean of y is x, so evaluation hands x on as it is ("inverted" dropout).
    The masks come from `rng`: the same generator state gives the same mask.
    Raises ValueError unless p lies between 0 and 1.
    """

    def __init__(self, p: float = 0.5, rng: np.random.Generator | None = None) -> None:
        super().__init__()
        self.p = check_fraction("p", p)
        self.rng = rng or np.random.default_rng()

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """y = x · m / (1 - p) with a fresh mask m in training, and y = x in evaluation.  Shapes: x (...), y (...)."""
        self.dropped: ndarray | None = None
        self.kept = 1.0
        if not self.training or self.p == 0:
            return x
        self.dropped = self.rng.binomial(1, self.p, x.shape) == 1
        self.kept = 1 - self.p if self.p < 1 else 1.0
        return np.where(self.dropped, np.zeros_like(x), x / x.dtype.type(self.kept))

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g · m / (1 - p) with forward's mask, and g after a forward in evaluation."""
        if self.dropped is None:
            return grad_output
        scaled = grad_output / grad_output.dtype.type(self.kept)
        scaled[self.dropped] = 0
        return scaled

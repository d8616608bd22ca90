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
        ### BEGIN SOLUTION dropout.forward: x · m / (1 - p) in training; p = 1 forgets everything
        self.scale = None
        if self.training and self.p > 0:
            keeps = self.rng.random(x.shape) >= self.p
            self.scale = keeps * x.dtype.type(0 if self.p == 1 else 1 / (1 - self.p))
        return x if self.scale is None else x * self.scale
        ### END SOLUTION

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g · m / (1 - p) with forward's mask, and g after a forward in evaluation."""
        ### BEGIN SOLUTION dropout.backward: g · m / (1 - p) with the mask of forward
        return grad_output if self.scale is None else grad_output * self.scale
        ### END SOLUTION

"""Flatten: several axes become one, so that a Linear can follow a convolution."""

from __future__ import annotations

import math

from numpy import ndarray

from part2_layers.module import Module, checked_backward, checked_forward


class Flatten(Module):
    """(b, c, height, width) becomes (b, c·height·width): the axes from start_dim to end_dim become one."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Keep the numbers and their order.  Shapes: x (b, ...), y (b, product of the rest) by default; b may be 0.

        Raises ValueError if x lacks one of the axes, or if end_dim comes before start_dim.
        """
        start, end = (dim + x.ndim if dim < 0 else dim for dim in (self.start_dim, self.end_dim))
        if not 0 <= start <= end < x.ndim:
            raise ValueError(
                f"start_dim and end_dim must be axes of x in this order, from {-x.ndim} to {x.ndim - 1}; "
                f"got {self.start_dim} and {self.end_dim}."
            )
        ### BEGIN SOLUTION flatten.forward: one axis, as long as the product of those from start to end
        self.x_shape = x.shape
        flat = math.prod(x.shape[start : end + 1])
        return x.reshape(*x.shape[:start], flat, *x.shape[end + 1 :])
        ### END SOLUTION

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """g in the shape of x."""
        ### BEGIN SOLUTION flatten.backward: g in the shape that x had
        return grad_output.reshape(self.x_shape)
        ### END SOLUTION

"""Flatten: two neighbouring axes become one, again and again."""

from __future__ import annotations

from numpy import ndarray

from part2_layers.module import Module, checked_backward, checked_forward


class Flatten(Module):
    """The axes from start_dim to end_dim become one."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Remember every shape on the way."""
        start, end = (dim + x.ndim if dim < 0 else dim for dim in (self.start_dim, self.end_dim))
        if not 0 <= start <= end < x.ndim:
            raise ValueError(f"start_dim and end_dim must be axes of x in this order; got {start} and {end}.")
        self.shapes = [x.shape]
        for _ in range(end - start):
            before, (first, second, *after) = x.shape[:start], x.shape[start:]
            x = x.reshape(*before, first * second, *after)
            self.shapes.append(x.shape)
        return x

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """Go through the same shapes from the last to the first."""
        for shape in reversed(self.shapes):
            grad_output = grad_output.reshape(shape)
        return grad_output

"""Flatten, where NumPy finds the length of the new axis; with no numbers at all it cannot."""

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
        """Return the same numbers in the same order."""
        dims = self.start_dim, self.end_dim
        if not all(-x.ndim <= dim < x.ndim for dim in dims) or dims[0] % x.ndim > dims[1] % x.ndim:
            raise ValueError(f"start_dim and end_dim must be axes of x in this order; got {dims}.")
        self.x_shape = x.shape
        before, after = x.shape[: dims[0] % x.ndim], x.shape[dims[1] % x.ndim + 1 :]
        return x.reshape(*before, -1, *after)

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """g in the shape of x."""
        return grad_output.reshape(self.x_shape)

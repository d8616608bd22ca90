"""Pooling: one number for every window, its maximum or its mean. No parameters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy import ndarray

from part2_layers.module import Module, check_shape, checked_backward, checked_forward, pair

Pair = tuple[int, int]


class Pool2d(Module):
    """Base of both: windows of kernel_size that move by stride, which is kernel_size unless given.

    Raises ValueError for sizes that are not positive.
    """

    def __init__(self, kernel_size: int | Pair, stride: int | Pair | None = None) -> None:
        super().__init__()
        self.kernel_size = pair("kernel_size", kernel_size)
        self.stride = pair("stride", kernel_size if stride is None else stride)

    def check_input(self, x: ndarray) -> None:
        """Raise ValueError unless x is (b, c, height, width) and at least as large as a window."""
        check_shape("x", x, ("batch", "channels", "height", "width"))
        if self.kernel_size[0] > x.shape[2] or self.kernel_size[1] > x.shape[3]:
            raise ValueError(f"kernel_size must not exceed the input's {x.shape[2:]}; got {self.kernel_size}.")

    def positions(self, x: ndarray) -> Pair:
        """Count the windows below one another, and those side by side."""
        height, width = x.shape[2:]
        return (height - self.kernel_size[0]) // self.stride[0] + 1, (width - self.kernel_size[1]) // self.stride[1] + 1

    def taps(self, positions: Pair) -> Iterator[tuple[slice, slice]]:
        """For every place within a window, row by row: the rows and the columns of x that lie there in all windows."""
        for i in range(self.kernel_size[0]):
            for j in range(self.kernel_size[1]):
                rows = slice(i, i + self.stride[0] * (positions[0] - 1) + 1, self.stride[0])
                columns = slice(j, j + self.stride[1] * (positions[1] - 1) + 1, self.stride[1])
                yield rows, columns


class MaxPool2d(Pool2d):
    """y[b, c, p, q] = the largest x in the window at (p · stride, q · stride)."""

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Return the maximum of every window.  Shapes: x (b, c, height, width), y (b, c, p, q); b may be 0.

        Raises ValueError for another shape, and for a window that is larger than x.
        """
        self.check_input(x)
        # YOUR CODE HERE
        raise NotImplementedError(
            "max_pool.forward: the maximum over the window. "
            "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """Give g to the maximum of its window, the first one (row by row) if there are several; windows add up."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "max_pool.backward: g to the first place of each window that equals its maximum. "
            "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )


class MeanPool2d(Pool2d):
    """y[b, c, p, q] = the mean of x over the window at (p · stride, q · stride)."""

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Return the mean of every window.  Shapes: x (b, c, height, width), y (b, c, p, q); b may be 0.

        Raises ValueError for another shape, and for a window that is larger than x.
        """
        self.check_input(x)
        # YOUR CODE HERE
        raise NotImplementedError(
            "mean_pool.forward: the mean over the window. "
            "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """Give every place of a window an equal share of its g; windows add up."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "mean_pool.backward: g, divided by the size of the window, to every place of it. "
            "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )

"""Pooling window by window; the maximum remembers its place."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy import ndarray

from part2_layers.module import Module, check_shape, checked_backward, checked_forward, pair

Pair = tuple[int, int]


class Pool2d(Module):
    """Windows of kernel_size that move by stride, which is kernel_size unless given."""

    def __init__(self, kernel_size: int | Pair, stride: int | Pair | None = None) -> None:
        super().__init__()
        self.kernel_size = pair("kernel_size", kernel_size)
        self.stride = pair("stride", kernel_size if stride is None else stride)

    def empty_output(self, x: ndarray) -> ndarray:
        """Room for a number for every window of x (b, c, height, width)."""
        check_shape("x", x, ("batch", "channels", "height", "width"))
        if self.kernel_size[0] > x.shape[2] or self.kernel_size[1] > x.shape[3]:
            raise ValueError(f"kernel_size must not exceed the input's {x.shape[2:]}; got {self.kernel_size}.")
        lengths = zip(x.shape[2:], self.kernel_size, self.stride, strict=True)
        return np.empty((*x.shape[:2], *(1 + (length - k) // s for length, k, s in lengths)), x.dtype)

    def windows(self, output: ndarray) -> Iterator[tuple[int, int, slice, slice]]:
        """Return the row and column of every window, and the rows and columns of x in it."""
        for p, q in np.ndindex(*output.shape[2:]):
            top, left = p * self.stride[0], q * self.stride[1]
            yield p, q, slice(top, top + self.kernel_size[0]), slice(left, left + self.kernel_size[1])


class MaxPool2d(Pool2d):
    """The maximum of every window."""

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Return the maximum, and its place within the window."""
        output = self.empty_output(x)
        self.x_shape, self.places = x.shape, np.empty(output.shape, dtype=np.int64)
        batch, channels = x.shape[:2]
        for p, q, rows, columns in self.windows(output):
            window = x[:, :, rows, columns].reshape(batch, channels, -1)
            self.places[:, :, p, q] = window.argmax(axis=-1)
            output[:, :, p, q] = window.max(axis=-1)
        return output

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """g to the place that forward found."""
        x_grad = np.zeros(self.x_shape, grad_output.dtype)
        for (b, c, p, q), grad in np.ndenumerate(grad_output):
            i, j = divmod(int(self.places[b, c, p, q]), self.kernel_size[1])
            x_grad[b, c, p * self.stride[0] + i, q * self.stride[1] + j] += grad
        return x_grad


class MeanPool2d(Pool2d):
    """The mean of every window."""

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Return the mean over the flat window."""
        output = self.empty_output(x)
        self.x_shape = x.shape
        batch, channels = x.shape[:2]
        for p, q, rows, columns in self.windows(output):
            output[:, :, p, q] = x[:, :, rows, columns].reshape(batch, channels, -1).mean(axis=-1)
        return output

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """Give the same share to every place of a window."""
        x_grad = np.zeros(self.x_shape, grad_output.dtype)
        for p, q, rows, columns in self.windows(grad_output):
            share = grad_output[:, :, p, q] / (self.kernel_size[0] * self.kernel_size[1])
            x_grad[:, :, rows, columns] += share[:, :, None, None]
        return x_grad

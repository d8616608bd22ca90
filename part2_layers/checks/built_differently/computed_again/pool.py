"""Pooling on sliding windows of x; what goes back is found and counted again."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view

from part2_layers.module import Module, check_shape, checked_backward, checked_forward, pair

Pair = tuple[int, int]


class Pool2d(Module):
    """Windows of kernel_size that move by stride, which is kernel_size unless given."""

    x: ndarray

    def __init__(self, kernel_size: int | Pair, stride: int | Pair | None = None) -> None:
        super().__init__()
        self.kernel_size = pair("kernel_size", kernel_size)
        self.stride = pair("stride", kernel_size if stride is None else stride)

    def windows(self, x: ndarray) -> ndarray:
        """Return a view of every window of x (b, c, height, width).  Shape: (b, c, p, q, i, j)."""
        check_shape("x", x, ("batch", "channels", "height", "width"))
        if self.kernel_size[0] > x.shape[2] or self.kernel_size[1] > x.shape[3]:
            raise ValueError(f"kernel_size must not exceed the input's {x.shape[2:]}; got {self.kernel_size}.")
        return sliding_window_view(x, self.kernel_size, axis=(2, 3))[:, :, :: self.stride[0], :: self.stride[1]]

    def add_back(self, shares: ndarray) -> ndarray:
        """Add what every place of every window gets to the number of x that lies there.  Shape: (b, c, p, q, i, j)."""
        places = self.windows(np.arange(self.x.size).reshape(self.x.shape))
        totals = np.bincount(places.ravel(), shares.ravel(), minlength=self.x.size)
        return totals.astype(shares.dtype).reshape(self.x.shape)


class MaxPool2d(Pool2d):
    """The maximum of every window."""

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Keep x."""
        output = self.windows(x).max(axis=(4, 5))
        self.x = x
        return output

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """Give g to the place at which the maximum is met for the first time."""
        windows = self.windows(self.x)
        flat = windows.reshape(*grad_output.shape, self.kernel_size[0] * self.kernel_size[1])
        is_first = flat.argmax(axis=-1)[..., None] == np.arange(flat.shape[-1])
        return self.add_back(is_first * grad_output[..., None])


class MeanPool2d(Pool2d):
    """The mean of every window."""

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Keep x."""
        output = self.windows(x).mean(axis=(4, 5))
        self.x = x
        return output

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """Give every place an equal share."""
        share = grad_output / (self.kernel_size[0] * self.kernel_size[1])
        return self.add_back(np.broadcast_to(share[..., None, None], (*share.shape, *self.kernel_size)))

"""Pooling with matrices that say where each place of a window lies; the maximum is a one-hot window."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from part2_layers.conv1d import taps  # type: ignore[attr-defined]
from part2_layers.module import Module, check_shape, checked_backward, checked_forward, pair

Pair = tuple[int, int]


class Pool2d(Module):
    """y[b, c, p, q] = Σ over i and j of share[b, c, p, q, i, j] · x[b, c, p · stride + i, q · stride + j]."""

    def __init__(self, kernel_size: int | Pair, stride: int | Pair | None = None) -> None:
        super().__init__()
        self.kernel_size = pair("kernel_size", kernel_size)
        self.stride = pair("stride", kernel_size if stride is None else stride)

    def shares(self, windows: ndarray) -> ndarray:
        """Say how much each place has of its window's output; it broadcasts to windows (b, c, p, q, i, j)."""
        raise NotImplementedError

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Weigh each place of each window.  Shapes: x (b, c, height, width), y (b, c, p, q)."""
        check_shape("x", x, ("batch", "channels", "height", "width"))
        if self.kernel_size[0] > x.shape[2] or self.kernel_size[1] > x.shape[3]:
            raise ValueError(f"kernel_size must not exceed the input's {x.shape[2:]}; got {self.kernel_size}.")
        axes = zip(x.shape[2:], self.kernel_size, self.stride, strict=True)
        self.rows, self.columns = (taps(*axis).astype(x.dtype) for axis in axes)
        windows = np.einsum("bchw,iph,jqw->bcpqij", x, self.rows, self.columns, optimize=True)
        self.share = np.broadcast_to(self.shares(windows), windows.shape)
        return np.einsum("bcpqij,bcpqij->bcpq", self.share, windows)

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """Give each place its share of g."""
        operands = grad_output, self.share, self.rows, self.columns
        return np.einsum("bcpq,bcpqij,iph,jqw->bchw", *operands, optimize=True)


class MaxPool2d(Pool2d):
    """The first maximum has all of its window."""

    def shares(self, windows: ndarray) -> ndarray:
        """One at the first maximum, zero elsewhere."""
        flat = windows.reshape(*windows.shape[:4], windows.shape[4] * windows.shape[5])
        one_hot = np.eye(flat.shape[-1], dtype=windows.dtype)[flat.argmax(axis=-1)]
        return one_hot.reshape(windows.shape)


class MeanPool2d(Pool2d):
    """Every place has as much."""

    def shares(self, windows: ndarray) -> ndarray:
        """One over the size of the window."""
        return np.full(self.kernel_size, 1 / np.prod(self.kernel_size), windows.dtype)

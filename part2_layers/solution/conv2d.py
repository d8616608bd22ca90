"""Conv2d: one small weight slides over a picture and is compared with what lies under it.

Convolution is a matrix product once every patch under the kernel has become a column (im2col).
The columns hold each pixel up to kernel² times, so they are made, used and dropped: forward keeps x alone, and
backward makes them again.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from part2_layers.module import Module, check_shape, checked_backward, checked_forward, integer, pair, uniform

Pair = tuple[int, int]


class Conv2d(Module):
    """y[b, o, p, q] = bias[o] + Σ over c, i and j of weight[o, c, i, j] · x[b, c, p · stride + i, q · stride + j].

    kernel_size, stride and padding are integers, or pairs for height and width; x is zero-padded.
    Parameters: weight (out_channels, in_channels, kernel height, kernel width), bias (out_channels,), uniform between
    ±1/√(c · height · width).  As in torch the kernel is not flipped: this is cross-correlation.
    Raises ValueError for sizes that are not positive and for a negative padding.
    """

    weight: ndarray
    weight_grad: ndarray
    bias: ndarray | None
    bias_grad: ndarray

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = integer("in_channels", in_channels)
        self.out_channels = integer("out_channels", out_channels)
        self.kernel_size = pair("kernel_size", kernel_size)
        self.stride = pair("stride", stride)
        self.padding = pair("padding", padding, minimum=0)
        rng, fan_in = rng or np.random.default_rng(), in_channels * self.kernel_size[0] * self.kernel_size[1]
        self.add_parameter("weight", uniform(rng, (out_channels, in_channels, *self.kernel_size), fan_in, dtype))
        self.add_parameter("bias", uniform(rng, (out_channels,), fan_in, dtype) if bias else None)

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """y = W · cols + b, where cols holds what lies under the kernel at every position.

        Shapes: x (b, c, height, width), y (b, o, p, q) with p = (height + 2·padding - kernel) // stride + 1, so q.
        b may be 0.
        Raises ValueError for another shape, and for a kernel that is larger than the padded input.
        """
        check_shape("x", x, ("batch", self.in_channels, "height", "width"))
        height, width = (length + 2 * padding for length, padding in zip(x.shape[2:], self.padding, strict=True))
        if self.kernel_size[0] > height or self.kernel_size[1] > width:
            raise ValueError(f"kernel_size must not exceed the padded input's {height, width}; got {self.kernel_size}.")
        ### BEGIN SOLUTION conv2d.forward: W · im2col(padded x) + b
        self.x = x
        padded = self.padded(x)
        output = self.flat_weight() @ im2col(padded, self.kernel_size, self.stride)  # (b, o, p·q)
        if self.bias is not None:
            output += self.bias[:, None]
        return output.reshape(len(x), self.out_channels, *output_size(padded.shape, self.kernel_size, self.stride))
        ### END SOLUTION

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dW = Σ g colsᵀ over b.  dL/db = Σ g over b, p and q.  dL/dcols = Wᵀ g, and from there back to x.

        Shapes: grad_output (b, o, p, q), result (b, c, height, width): zero where no window reached.
        """
        ### BEGIN SOLUTION conv2d.backward: dL/dW = Σ g colsᵀ, dL/db = Σ g, and col2im(Wᵀ g) without the padding
        padded = self.padded(self.x)
        batch, _, p, q = grad_output.shape
        grad = grad_output.reshape(batch, self.out_channels, p * q)  # (b, o, p·q)
        weight_grad = (grad @ im2col(padded, self.kernel_size, self.stride).transpose(0, 2, 1)).sum(axis=0)
        self.weight_grad += weight_grad.reshape(self.weight.shape)  # (o, c·i·j) becomes (o, c, i, j)
        if self.bias is not None:
            self.bias_grad += grad.sum(axis=(0, 2))
        cols_grad = self.flat_weight().T @ grad  # (b, c·i·j, p·q)
        padded_grad = col2im(cols_grad, padded.shape, self.kernel_size, self.stride)
        top, left = self.padding
        return padded_grad[:, :, top : top + self.x.shape[2], left : left + self.x.shape[3]]
        ### END SOLUTION

    def padded(self, x: ndarray) -> ndarray:
        """Return x with `padding` zeros on each side."""
        top, left = self.padding
        return np.pad(x, ((0, 0), (0, 0), (top, top), (left, left)))

    def flat_weight(self) -> ndarray:
        """Return the weight as a matrix with a row for every output channel.  Shape: (o, c·i·j)."""
        return self.weight.reshape(self.out_channels, -1)


def im2col(x: ndarray, kernel_size: Pair, stride: Pair) -> ndarray:
    """Return a column for every position of the kernel, with all that lies under it there.

    cols[b, (c, i, j), (p, q)] = x[b, c, p · stride + i, q · stride + j]

    Shapes: x (b, c, height, width), cols (b, c·i·j, p·q).
    """
    ### BEGIN SOLUTION conv2d.forward: one strided slice of x for every tap of the kernel
    batch, channels, *_ = x.shape
    p, q = output_size(x.shape, kernel_size, stride)
    cols = np.empty((batch, channels, *kernel_size, p, q), x.dtype)
    for i, j, rows, columns in taps(kernel_size, stride, (p, q)):
        cols[:, :, i, j] = x[:, :, rows, columns]
    return cols.reshape(batch, channels * kernel_size[0] * kernel_size[1], p * q)  # (b, c·i·j, p·q)
    ### END SOLUTION


def col2im(cols: ndarray, shape: tuple[int, ...], kernel_size: Pair, stride: Pair) -> ndarray:
    """Return zeros of `shape` (b, c, height, width), with every entry added where im2col took it from."""
    ### BEGIN SOLUTION conv2d.backward: add to one strided slice for every tap of the kernel
    batch, channels, *_ = shape
    p, q = output_size(shape, kernel_size, stride)
    cols = cols.reshape(batch, channels, *kernel_size, p, q)  # (b, c, i, j, p, q)
    x = np.zeros(shape, cols.dtype)
    for i, j, rows, columns in taps(kernel_size, stride, (p, q)):
        x[:, :, rows, columns] += cols[:, :, i, j]
    return x
    ### END SOLUTION


def output_size(shape: tuple[int, ...], kernel_size: Pair, stride: Pair) -> Pair:
    """Return p and q: how many positions the kernel has down and across an input of `shape` (b, c, height, width)."""
    ### BEGIN SOLUTION conv2d.forward: (length - kernel_size) // stride + 1, for height and width
    p, q = ((length - k) // s + 1 for length, k, s in zip(shape[2:], kernel_size, stride, strict=True))
    return p, q
    ### END SOLUTION


def taps(kernel_size: Pair, stride: Pair, positions: Pair) -> Iterator[tuple[int, int, slice, slice]]:
    """Return every tap (i, j) of the kernel, with the rows and the columns of x that it meets on its way.

    At position p the tap i lies on row p · stride + i.
    """
    for i in range(kernel_size[0]):
        for j in range(kernel_size[1]):
            rows = slice(i, i + stride[0] * (positions[0] - 1) + 1, stride[0])
            columns = slice(j, j + stride[1] * (positions[1] - 1) + 1, stride[1])
            yield i, j, rows, columns

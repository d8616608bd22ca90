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
        # YOUR CODE HERE
        raise NotImplementedError(
            "conv2d.forward: W · im2col(padded x) + b. "
            "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dW = Σ g colsᵀ over b.  dL/db = Σ g over b, p and q.  dL/dcols = Wᵀ g, and from there back to x.

        Shapes: grad_output (b, o, p, q), result (b, c, height, width): zero where no window reached.
        """
        # YOUR CODE HERE
        raise NotImplementedError(
            "conv2d.backward: dL/dW = Σ g colsᵀ, dL/db = Σ g, and col2im(Wᵀ g) without the padding. "
            "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )

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
    # YOUR CODE HERE
    raise NotImplementedError(
        "conv2d.forward: one strided slice of x for every tap of the kernel. "
        "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def col2im(cols: ndarray, shape: tuple[int, ...], kernel_size: Pair, stride: Pair) -> ndarray:
    """Return zeros of `shape` (b, c, height, width), with every entry added where im2col took it from."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "conv2d.backward: add to one strided slice for every tap of the kernel. "
        "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def output_size(shape: tuple[int, ...], kernel_size: Pair, stride: Pair) -> Pair:
    """Return p and q: how many positions the kernel has down and across an input of `shape` (b, c, height, width)."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "conv2d.forward: (length - kernel_size) // stride + 1, for height and width. "
        "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def taps(kernel_size: Pair, stride: Pair, positions: Pair) -> Iterator[tuple[int, int, slice, slice]]:
    """Return every tap (i, j) of the kernel, with the rows and the columns of x that it meets on its way.

    At position p the tap i lies on row p · stride + i.
    """
    for i in range(kernel_size[0]):
        for j in range(kernel_size[1]):
            rows = slice(i, i + stride[0] * (positions[0] - 1) + 1, stride[0])
            columns = slice(j, j + stride[1] * (positions[1] - 1) + 1, stride[1])
            yield i, j, rows, columns

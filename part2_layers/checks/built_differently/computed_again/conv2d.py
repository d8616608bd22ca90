"""Conv2d on sliding windows; the gradient of x is a convolution too, of g spread out, with the kernel turned round."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import DTypeLike

from part2_layers.module import Module, check_shape, checked_backward, checked_forward, integer, pair, uniform

Pair = tuple[int, int]


class Conv2d(Module):
    """y[b, o, p, q] = bias[o] + Σ over c, i and j of weight[o, c, i, j] · x[b, c, p · stride + i, q · stride + j]."""

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
        """Keep x.  Shapes: x (b, c, height, width), y (b, o, p, q)."""
        check_shape("x", x, ("batch", self.in_channels, "height", "width"))
        padded = tuple(length + 2 * padding for length, padding in zip(x.shape[2:], self.padding, strict=True))
        if any(size > length for size, length in zip(self.kernel_size, padded, strict=True)):
            raise ValueError(f"kernel_size must not exceed the padded input's {padded}; got {self.kernel_size}.")
        self.x = x
        output = np.tensordot(self.windows(), self.weight, ([1, 4, 5], [1, 2, 3]))  # (b, p, q, o)
        return np.moveaxis(output if self.bias is None else output + self.bias, -1, 1)

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = W turned round over g, with stride - 1 zeros between its numbers.  Shapes: g (b, o, p, q)."""
        self.weight_grad += np.tensordot(grad_output, self.windows(), ([0, 2, 3], [0, 2, 3]))
        if self.bias is not None:
            self.bias_grad += np.einsum("bopq->o", grad_output)
        batch, _, height, width = self.x.shape
        (down, across), (top, left) = (size - 1 for size in self.kernel_size), self.padding
        shape = (batch, self.out_channels, height + 2 * top + down, width + 2 * left + across)
        spread = np.zeros(shape, grad_output.dtype)
        p, q = grad_output.shape[2:]
        spread[:, :, down :: self.stride[0], across :: self.stride[1]][:, :, :p, :q] = grad_output
        windows = sliding_window_view(spread, self.kernel_size, axis=(2, 3))  # (b, o, padded height, …, i, j)
        padded_grad = np.tensordot(windows, self.weight[:, :, ::-1, ::-1], ([1, 4, 5], [0, 2, 3]))
        return np.moveaxis(padded_grad[:, top : top + height, left : left + width], -1, 1)

    def windows(self) -> ndarray:
        """Return a view of what lies under the kernel at each position.  Shape: (b, c, p, q, i, j)."""
        padded = np.pad(self.x, ((0, 0), (0, 0), *((padding, padding) for padding in self.padding)))
        return sliding_window_view(padded, self.kernel_size, axis=(2, 3))[:, :, :: self.stride[0], :: self.stride[1]]

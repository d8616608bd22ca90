"""Conv1d: one small weight slides along time and is compared with what lies under it."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from part2_layers.module import Module, check_shape, checked_backward, checked_forward, integer, uniform


class Conv1d(Module):
    """y[b, o, p] = bias[o] + Σ over c and k of weight[o, c, k] · x[b, c, p · stride + k], with x zero-padded.

    Parameters: weight (out_channels, in_channels, kernel_size), bias (out_channels,), uniform between ±1/√(c·k).
    As in torch the kernel is not flipped: this is cross-correlation.
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
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = integer("in_channels", in_channels)
        self.out_channels = integer("out_channels", out_channels)
        self.kernel_size = integer("kernel_size", kernel_size)
        self.stride = integer("stride", stride)
        self.padding = integer("padding", padding, minimum=0)
        rng, fan_in = rng or np.random.default_rng(), in_channels * kernel_size
        self.add_parameter("weight", uniform(rng, (out_channels, in_channels, kernel_size), fan_in, dtype))
        self.add_parameter("bias", uniform(rng, (out_channels,), fan_in, dtype) if bias else None)

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """y = W · cols + b, where cols holds what lies under the kernel at every position.

        Shapes: x (b, c, t), y (b, o, p) with p = (t + 2·padding - kernel_size) // stride + 1; b may be 0.
        Raises ValueError for another shape, and for a kernel that is longer than the padded input.
        """
        check_shape("x", x, ("batch", self.in_channels, "time"))
        if self.kernel_size > x.shape[2] + 2 * self.padding:
            raise ValueError(
                f"kernel_size must not exceed the padded input's length {x.shape[2] + 2 * self.padding}; "
                f"got {self.kernel_size}."
            )
        ### BEGIN SOLUTION conv1d.forward: W · im2col(padded x) + b
        self.x = x
        output = self.flat_weight() @ im2col(self.padded(x), self.kernel_size, self.stride)  # (b, o, p)
        if self.bias is not None:
            output += self.bias[:, None]
        return output
        ### END SOLUTION

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dW = Σ g colsᵀ over b.  dL/db = Σ g over b and p.  dL/dx = col2im(Wᵀ g), without the padding.

        W is the weight as a matrix (o, c·k).  Adds to weight_grad and bias_grad.
        Shapes: grad_output (b, o, p), result (b, c, t): zero where no window reached.
        """
        ### BEGIN SOLUTION conv1d.backward: dL/dW = Σ g colsᵀ, dL/db = Σ g, and col2im(Wᵀ g) without the padding
        padded = self.padded(self.x)
        # (b, o, p) (b, p, c·k), then (o, c·k)
        flat_weight_grad = (grad_output @ im2col(padded, self.kernel_size, self.stride).transpose(0, 2, 1)).sum(axis=0)
        self.weight_grad += flat_weight_grad.reshape(self.weight.shape)  # (o, c, k)
        if self.bias is not None:
            self.bias_grad += grad_output.sum(axis=(0, 2))
        cols_grad = self.flat_weight().T @ grad_output  # (b, c·k, p)
        padded_grad = col2im(cols_grad, padded.shape, self.kernel_size, self.stride)
        return padded_grad[:, :, self.padding : self.padding + self.x.shape[2]]
        ### END SOLUTION

    def padded(self, x: ndarray) -> ndarray:
        """Return x with `padding` zeros before and after."""
        return np.pad(x, ((0, 0), (0, 0), (self.padding, self.padding)))

    def flat_weight(self) -> ndarray:
        """Return the weight as a matrix with a row for every output channel.  Shape: (o, c·k)."""
        return self.weight.reshape(self.out_channels, -1)


def im2col(x: ndarray, kernel_size: int, stride: int) -> ndarray:
    """Return a column for every position of the kernel, with all that lies under it there.

    cols[b, (c, k), p] = x[b, c, p · stride + k]

    Shapes: x (b, c, t), cols (b, c·kernel_size, p).
    """
    ### BEGIN SOLUTION conv1d.forward: one strided slice of x for every k
    batch, channels, time = x.shape
    positions = (time - kernel_size) // stride + 1
    cols = np.empty((batch, channels, kernel_size, positions), x.dtype)
    for k in range(kernel_size):
        cols[:, :, k] = x[:, :, k : k + stride * (positions - 1) + 1 : stride]
    return cols.reshape(batch, channels * kernel_size, positions)  # (b, c·k, p)
    ### END SOLUTION


def col2im(cols: ndarray, shape: tuple[int, ...], kernel_size: int, stride: int) -> ndarray:
    """Return zeros of `shape` (b, c, t), with every entry of cols added where im2col took it from."""
    ### BEGIN SOLUTION conv1d.backward: add to one strided slice for every k
    batch, channels, _ = shape
    positions = cols.shape[2]
    cols = cols.reshape(batch, channels, kernel_size, positions)  # (b, c, k, p)
    x = np.zeros(shape, cols.dtype)
    for k in range(kernel_size):
        x[:, :, k : k + stride * (positions - 1) + 1 : stride] += cols[:, :, k]
    return x
    ### END SOLUTION

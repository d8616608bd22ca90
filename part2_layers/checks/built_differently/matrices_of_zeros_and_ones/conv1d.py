"""Conv1d as a sum over three arrays: the weight, x, and the matrices that say where each tap lies."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from part2_layers.module import Module, check_shape, checked_backward, checked_forward, integer, uniform


class Conv1d(Module):
    """y[b, o, p] = bias[o] + Σ over c and k of weight[o, c, k] · x[b, c, p · stride + k], with x zero-padded."""

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
        """y = Σ over c, k and t of W[o, c, k] · taps[k, p, t] · x[b, c, t] + b.  Shapes: x (b, c, t), y (b, o, p)."""
        check_shape("x", x, ("batch", self.in_channels, "time"))
        if self.kernel_size > x.shape[2] + 2 * self.padding:
            raise ValueError(f"kernel_size must not exceed the padded input's length; got {self.kernel_size}.")
        self.x = x
        self.taps = taps(x.shape[2], self.kernel_size, self.stride, self.padding).astype(x.dtype)
        output = np.einsum("ock,kpt,bct->bop", self.weight, self.taps, x, optimize=True)
        return output if self.bias is None else output + self.bias.reshape(-1, 1)

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """Sum over the other letters of the same product.  Shapes: grad_output (b, o, p), result (b, c, t)."""
        self.weight_grad += np.einsum("bop,kpt,bct->ock", grad_output, self.taps, self.x, optimize=True)
        if self.bias is not None:
            self.bias_grad += np.einsum("bop->o", grad_output)
        return np.einsum("bop,ock,kpt->bct", grad_output, self.weight, self.taps, optimize=True)


def taps(length: int, kernel_size: int, stride: int, padding: int = 0) -> ndarray:
    """Return a matrix for each tap k: True where it lies on t at position p; on the padding there is no t.

    Shape: (k, p, t).
    """
    positions = (length + 2 * padding - kernel_size) // stride + 1
    k, p, t = np.ogrid[:kernel_size, :positions, :length]
    return p * stride + k - padding == t

"""Conv2d as a sum over four arrays: the weight, x, and the matrices that say where each tap lies."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from part2_layers.conv1d import taps  # type: ignore[attr-defined]
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
        """y = Σ W[o, c, i, j] · rows[i, p, h] · columns[j, q, w] · x[b, c, h, w] + b."""
        check_shape("x", x, ("batch", self.in_channels, "height", "width"))
        padded = tuple(length + 2 * padding for length, padding in zip(x.shape[2:], self.padding, strict=True))
        if any(size > length for size, length in zip(self.kernel_size, padded, strict=True)):
            raise ValueError(f"kernel_size must not exceed the padded input's {padded}; got {self.kernel_size}.")
        self.x = x
        axes = zip(x.shape[2:], self.kernel_size, self.stride, self.padding, strict=True)
        self.rows, self.columns = (taps(*axis).astype(x.dtype) for axis in axes)
        output = np.einsum("ocij,iph,jqw,bchw->bopq", self.weight, self.rows, self.columns, x, optimize=True)
        return output if self.bias is None else output + self.bias.reshape(-1, 1, 1)

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """Sum over the other letters of the same product."""
        maps = self.rows, self.columns
        self.weight_grad += np.einsum("bopq,iph,jqw,bchw->ocij", grad_output, *maps, self.x, optimize=True)
        if self.bias is not None:
            self.bias_grad += np.einsum("bopq->o", grad_output)
        return np.einsum("bopq,iph,jqw,ocij->bchw", grad_output, *maps, self.weight, optimize=True)

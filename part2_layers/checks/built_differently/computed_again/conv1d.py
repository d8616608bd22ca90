"""Conv1d on sliding windows; the gradient of x is a convolution too, of g spread out, with the kernel turned round."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view
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
        """Keep x.  Shapes: x (b, c, t), y (b, o, p)."""
        check_shape("x", x, ("batch", self.in_channels, "time"))
        if self.kernel_size > x.shape[2] + 2 * self.padding:
            raise ValueError(f"kernel_size must not exceed the padded input's length; got {self.kernel_size}.")
        self.x = x
        output = np.tensordot(self.windows(), self.weight, ([1, 3], [1, 2])).swapaxes(1, 2)
        return output if self.bias is None else output + self.bias[:, None]

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx[t] = Σ over k of W[k] · g[(t - k) / stride], where that is a position.  Shapes: g (b, o, p)."""
        self.weight_grad += np.tensordot(grad_output, self.windows(), ([0, 2], [0, 2]))
        if self.bias is not None:
            self.bias_grad += np.einsum("bop->o", grad_output)
        batch, _, time = self.x.shape
        reach = self.kernel_size - 1
        spread = np.zeros((batch, self.out_channels, time + 2 * self.padding + reach), grad_output.dtype)
        spread[:, :, reach :: self.stride][:, :, : grad_output.shape[2]] = grad_output
        windows = sliding_window_view(spread, self.kernel_size, axis=2)  # (b, o, t + 2·padding, k)
        padded_grad = np.tensordot(windows, self.weight[:, :, ::-1], ([1, 3], [0, 2])).swapaxes(1, 2)
        return padded_grad[:, :, self.padding : self.padding + time]

    def windows(self) -> ndarray:
        """Return a view of what lies under the kernel at each position.  Shape: (b, c, p, k)."""
        padded = np.pad(self.x, ((0, 0), (0, 0), (self.padding, self.padding)))
        return sliding_window_view(padded, self.kernel_size, axis=2)[:, :, :: self.stride]

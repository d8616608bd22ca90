"""Conv1d position by position."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from part2_layers.module import Module, check_shape, checked_backward, checked_forward, integer, uniform


class Conv1d(Module):
    """At every position of every example: the kernel times what lies under it."""

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
        """y, example after example."""
        check_shape("x", x, ("batch", self.in_channels, "time"))
        length = x.shape[2] + 2 * self.padding
        if self.kernel_size > length:
            raise ValueError(f"kernel_size must not exceed the padded input's length {length}; got {self.kernel_size}.")
        self.padded = np.pad(x, ((0, 0), (0, 0), (self.padding, self.padding)))
        self.starts = range(0, length - self.kernel_size + 1, self.stride)
        return np.stack([self.of_example(example) for example in self.padded])

    def of_example(self, example: ndarray) -> ndarray:
        """Return one output (o, p)."""
        at_each = [
            np.tensordot(self.weight, example[:, start : start + self.kernel_size], axes=2) for start in self.starts
        ]
        output = np.stack(at_each, axis=1)
        return output if self.bias is None else output + self.bias[:, None]

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """x_grad, example after example."""
        return np.stack(
            [self.grad_of_example(example, grad) for example, grad in zip(self.padded, grad_output, strict=True)]
        )

    def grad_of_example(self, example: ndarray, grad: ndarray) -> ndarray:
        """Return one x_grad (c, t) without padding."""
        example_grad = np.zeros_like(example)
        for start, at_position in zip(self.starts, grad.T, strict=True):
            window = slice(start, start + self.kernel_size)
            self.weight_grad += np.multiply.outer(at_position, example[:, window])
            example_grad[:, window] += np.tensordot(at_position, self.weight, axes=1)
            if self.bias is not None:
                self.bias_grad += at_position
        return example_grad[:, self.padding : example.shape[1] - self.padding]

"""Conv2d as a sum over the taps of the kernel, picture after picture, without columns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from part2_layers.module import Module, check_shape, checked_backward, checked_forward, integer, pair, uniform

Pair = tuple[int, int]


class Conv2d(Module):
    """For every tap (i, j): weight[:, :, i, j] times the pixels that it meets."""

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
        """y, picture after picture."""
        check_shape("x", x, ("batch", self.in_channels, "height", "width"))
        (top, left), (height, width) = self.padding, x.shape[2:]
        if self.kernel_size[0] > height + 2 * top or self.kernel_size[1] > width + 2 * left:
            raise ValueError(f"kernel_size must not exceed the padded input; got {self.kernel_size}.")
        self.padded = np.pad(x, ((0, 0), (0, 0), (top, top), (left, left)))
        return np.stack([self.of_picture(picture) for picture in self.padded])

    def of_picture(self, picture: ndarray) -> ndarray:
        """Return one output (o, p, q)."""
        at_each_tap = [
            np.einsum("oc,cpq->opq", self.weight[:, :, i, j], picture[:, rows, columns])
            for i, j, rows, columns in self.taps(picture)
        ]
        output = np.sum(at_each_tap, axis=0)
        return np.asarray(output if self.bias is None else output + self.bias[:, None, None])

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """x_grad, picture after picture."""
        return np.stack(
            [self.grad_of_picture(picture, grad) for picture, grad in zip(self.padded, grad_output, strict=True)]
        )

    def grad_of_picture(self, picture: ndarray, grad: ndarray) -> ndarray:
        """Return one x_grad (c, height, width) without padding."""
        picture_grad = np.zeros_like(picture)
        for i, j, rows, columns in self.taps(picture):
            self.weight_grad[:, :, i, j] += np.einsum("opq,cpq->oc", grad, picture[:, rows, columns])
            picture_grad[:, rows, columns] += np.einsum("opq,oc->cpq", grad, self.weight[:, :, i, j])
        if self.bias is not None:
            self.bias_grad += grad.sum(axis=(1, 2))
        top, left = self.padding
        return picture_grad[:, top : picture.shape[1] - top, left : picture.shape[2] - left]

    def taps(self, picture: ndarray) -> Iterator[tuple[int, int, slice, slice]]:
        """Return every tap, with the rows and columns that it meets: it leaves as many below it as the kernel has."""
        (height, width), (down, across) = self.kernel_size, self.stride
        for i in range(height):
            for j in range(width):
                rows = slice(i, picture.shape[1] - height + i + 1, down)
                yield i, j, rows, slice(j, picture.shape[2] - width + j + 1, across)

"""Linear as one matrix: x gets a column of ones, and the weight the bias as its last column."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from part2_layers.module import Module, checked_backward, checked_forward, integer, uniform


class Linear(Module):
    """y = x Wᵀ + b for vectors x, however many axes stand before them."""

    weight: ndarray
    weight_grad: ndarray
    bias: ndarray | None
    bias_grad: ndarray

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self.in_features = integer("in_features", in_features)
        self.out_features = integer("out_features", out_features)
        rng = rng or np.random.default_rng()
        self.add_parameter("weight", uniform(rng, (out_features, in_features), in_features, dtype))
        self.add_parameter("bias", uniform(rng, (out_features,), in_features, dtype) if bias else None)

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """y = (x, 1) (W, b)ᵀ.  Shapes: x (..., in_features), y (..., out_features)."""
        if x.shape[-1:] != (self.in_features,):
            raise ValueError(f"x must have shape (..., {self.in_features}); got {x.shape}.")
        with_one = x if self.bias is None else np.concatenate([x, np.ones_like(x[..., :1])], axis=-1)
        self.rows, self.x_shape = with_one.reshape(-1, with_one.shape[-1]), x.shape
        matrix = self.weight if self.bias is None else np.column_stack([self.weight, self.bias])
        return (self.rows @ matrix.T).reshape(*x.shape[:-1], self.out_features)

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/d(W, b) = gᵀ (x, 1) and dL/dx = g W."""
        grad_rows = grad_output.reshape(-1, self.out_features)
        matrix_grad = grad_rows.T @ self.rows
        self.weight_grad += matrix_grad[:, : self.in_features]
        if self.bias is not None:
            self.bias_grad += matrix_grad[:, -1]
        return (grad_rows @ self.weight).reshape(self.x_shape)

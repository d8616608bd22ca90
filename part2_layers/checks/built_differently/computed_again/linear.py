"""Linear that keeps x; the weight's gradient is a sum of outer products."""

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
        """Every row of the weight is compared with x.  Shapes: x (..., in_features), y (..., out_features)."""
        if x.shape[-1:] != (self.in_features,):
            raise ValueError(f"x must have shape (..., {self.in_features}); got {x.shape}.")
        self.x = x
        return np.inner(x, self.weight) + (0 if self.bias is None else self.bias)

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g W.  dL/dW = Σ g ⊗ x and dL/db = Σ g over every axis before the last."""
        axes = tuple(range(grad_output.ndim - 1))
        self.weight_grad += (grad_output[..., :, None] * self.x[..., None, :]).sum(axis=axes)
        if self.bias is not None:
            self.bias_grad += grad_output.sum(axis=axes)
        return np.inner(grad_output, self.weight.T)

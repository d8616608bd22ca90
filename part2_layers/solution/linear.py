"""Linear: every output is a weighted sum of all inputs, plus a bias."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from part2_layers.module import Module, checked_backward, checked_forward, integer, uniform


class Linear(Module):
    """y = x Wᵀ + b for vectors x, however many axes stand before them.

    Parameters: weight (out_features, in_features), bias (out_features,), uniform between ±1/√in_features.
    Raises ValueError for sizes that are not positive.
    """

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
        """y = x Wᵀ + b.

        Shapes: x (..., in_features), y (..., out_features); an axis before the last may be 0 long.
        Raises ValueError if the last axis of x is not in_features long.
        """
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise ValueError(f"x must have shape (..., {self.in_features}); got {x.shape}.")
        ### BEGIN SOLUTION linear.forward: y = x Wᵀ + b
        self.x = x
        output = x @ self.weight.T
        if self.bias is not None:
            output += self.bias
        return output
        ### END SOLUTION

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g W.  dL/dW = Σ gᵀ x and dL/db = Σ g over every axis before the last.

        Shapes: grad_output (..., out_features), result (..., in_features).
        """
        ### BEGIN SOLUTION linear.backward: return dL/dx = g W, and add gᵀ x to weight_grad and Σ g to bias_grad
        x_grad = grad_output @ self.weight
        x_rows = self.x.reshape(-1, self.in_features)  # a row for every index of the axes before the last
        grad_rows = grad_output.reshape(-1, self.out_features)
        self.weight_grad += grad_rows.T @ x_rows
        if self.bias is not None:
            self.bias_grad += grad_rows.sum(axis=0)
        return x_grad
        ### END SOLUTION

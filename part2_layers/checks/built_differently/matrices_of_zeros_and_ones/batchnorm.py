"""BatchNorm1d whose centring is a matrix, I - 1/m: it takes the mean out of x, and out of the gradient."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from part2_layers.module import Module, check_fraction, checked_backward, checked_forward, integer


class BatchNorm1d(Module):
    """y = w · (x - μ) / √(σ² + ε) + b, channel by channel."""

    weight: ndarray
    weight_grad: ndarray
    bias: ndarray
    bias_grad: ndarray
    running_mean: ndarray
    running_var: ndarray
    num_batches_tracked: ndarray

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, *, dtype: DTypeLike = np.float32
    ) -> None:
        super().__init__()
        self.num_features = integer("num_features", num_features)
        if not eps > 0:
            raise ValueError(f"eps must be positive; got {eps}.")
        self.eps = eps
        self.momentum = None if momentum is None else check_fraction("momentum", momentum)
        self.add_parameter("weight", np.ones(num_features, dtype))
        self.add_parameter("bias", np.zeros(num_features, dtype))
        self.add_buffer("running_mean", np.zeros(num_features, dtype))
        self.add_buffer("running_var", np.ones(num_features, dtype))
        self.add_buffer("num_batches_tracked", np.array(0))

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """x̂ = C x / √(σ² + ε), where C = I - 1/m in training.  Shapes: x (b, c) or (b, c, t), y the same."""
        if x.ndim not in (2, 3) or x.shape[1] != self.num_features:
            raise ValueError(f"x must have shape (batch, {self.num_features}) or one axis more; got {x.shape}.")
        columns = self.columns(x)
        count = columns.shape[1]
        if self.training and count == 1:
            raise ValueError(f"x must hold more than one value per channel in training; got shape {x.shape}.")
        self.num_batches_tracked += self.training
        if self.training and count > 0:
            self.centring = np.eye(count, dtype=x.dtype) - x.dtype.type(1 / count)
            centred = columns @ self.centring
            var = np.einsum("cm,cm->c", centred, centred) / count
            fraction = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
            for running, now in (
                (self.running_mean, columns.mean(axis=1)),
                (self.running_var, var * count / (count - 1)),
            ):
                running *= 1 - fraction
                running += fraction * now
        else:
            self.centring = np.eye(count, dtype=x.dtype)
            centred, var = columns - self.running_mean[:, None], self.running_var
        self.was_training = self.training and count > 0
        self.inverse_root = (var + self.eps) ** -0.5
        self.x_hat = centred * self.inverse_root[:, None]
        return self.like(x.shape, self.x_hat * self.weight[:, None] + self.bias[:, None])

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = w / √(σ² + ε) · (C g - x̂ · Σ(g x̂) / m), in evaluation with C = I and without the second term."""
        grads = self.columns(grad_output)
        weight_grad = np.einsum("cm,cm->c", grads, self.x_hat)
        self.weight_grad += weight_grad
        self.bias_grad += grads @ np.ones_like(grads[0])
        columns_grad = grads @ self.centring
        if self.was_training:
            columns_grad -= self.x_hat * (weight_grad / grads.shape[1])[:, None]
        return self.like(grad_output.shape, columns_grad * (self.weight * self.inverse_root)[:, None])

    def columns(self, x: ndarray) -> ndarray:
        """Return a row for each channel, with all its values.  Shapes: x (b, c) or (b, c, t), result (c, m)."""
        return np.moveaxis(x, 1, 0).reshape(self.num_features, x.size // self.num_features)

    def like(self, shape: tuple[int, ...], columns: ndarray) -> ndarray:
        """Undo `columns`: a view."""
        return np.moveaxis(columns.reshape(shape[1], shape[0], *shape[2:]), 0, 1)

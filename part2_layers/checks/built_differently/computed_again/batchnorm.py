"""BatchNorm1d on rows, with a column for each channel; backward goes through mean and variance one by one."""

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
        self.add_buffer("num_batches_tracked", np.zeros((), np.int64))

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Keep x; and of evaluation the statistics, which are inputs too."""
        if x.ndim not in (2, 3) or x.shape[1] != self.num_features:
            raise ValueError(f"x must have shape (batch, {self.num_features}) or one axis more; got {x.shape}.")
        rows = self.rows(x)
        if self.training and len(rows) == 1:
            raise ValueError(f"x must hold more than one value per channel in training; got shape {x.shape}.")
        self.x = x
        self.constants: tuple[ndarray, ndarray] | None = None
        self.num_batches_tracked += self.training
        if self.training and len(rows):
            self.follow(rows)
        else:
            self.constants = self.running_mean.copy(), self.running_var.copy()
        return self.like_x(self.normalized() * self.weight + self.bias)

    def follow(self, rows: ndarray) -> None:
        """Move the running statistics towards those of the batch."""
        fraction = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean += fraction * (rows.mean(axis=0) - self.running_mean)
        self.running_var += fraction * (rows.var(axis=0, ddof=1) - self.running_var)

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """Go through x̂, then, in training, through σ² and μ."""
        grads, x_hat = self.rows(grad_output), self.normalized()
        self.weight_grad += np.einsum("mc,mc->c", grads, x_hat)
        self.bias_grad += np.einsum("mc->c", grads)
        x_hat_grad, (mean, var) = grads * self.weight, self.statistics()
        rows_grad = x_hat_grad / np.sqrt(var + self.eps)
        if self.constants is None:
            centred = self.rows(self.x) - mean
            var_grad = (x_hat_grad * centred).sum(axis=0) * -0.5 * (var + self.eps) ** -1.5
            mean_grad = -rows_grad.sum(axis=0)
            rows_grad = rows_grad + (2 * var_grad * centred + mean_grad) / len(centred)
        return self.like_x(rows_grad)

    def statistics(self) -> tuple[ndarray, ndarray]:
        """Return the mean and the variance that forward took."""
        rows = self.rows(self.x)
        return self.constants or (rows.mean(axis=0), rows.var(axis=0))

    def normalized(self) -> ndarray:
        """Return x̂ in rows."""
        mean, var = self.statistics()
        return (self.rows(self.x) - mean) / np.sqrt(var + self.eps)

    def rows(self, x: ndarray) -> ndarray:
        """Return a row for every example and time.  Shapes: x (b, c) or (b, c, t), result (b·t, c)."""
        return x if x.ndim == 2 else x.swapaxes(1, 2).reshape(x.shape[0] * x.shape[2], x.shape[1])

    def like_x(self, rows: ndarray) -> ndarray:
        """Undo `rows`, for something of the shape of x."""
        if self.x.ndim == 2:
            return rows
        batch, channels, time = self.x.shape
        return rows.reshape(batch, time, channels).swapaxes(1, 2)

"""BatchNorm1d, channel after channel in training, and example after example in evaluation."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from part2_layers.module import Module, check_fraction, checked_backward, checked_forward, integer


class BatchNorm1d(Module):
    """y = w · (x - μ) / √(σ² + ε) + b for every channel."""

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
        """y, with the statistics of the batch or the running ones."""
        if x.ndim not in (2, 3) or x.shape[1] != self.num_features:
            raise ValueError(f"x must have {self.num_features} channels on its second of two or three axes.")
        count = x.size // self.num_features
        if self.training and count == 1:
            raise ValueError(f"x must hold more than one value per channel in training; got shape {x.shape}.")
        self.x, self.uses_batch = x, self.training and count > 0
        self.num_batches_tracked += self.training
        if not self.uses_batch:
            return np.stack([self.of_example(example) for example in x])
        return np.stack([self.of_channel(channel, count) for channel in range(self.num_features)], axis=1)

    def of_channel(self, channel: int, count: int) -> ndarray:
        """Return one channel of the batch, normalised with its own statistics, which move the running ones."""
        values = self.x[:, channel]
        momentum = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        output = self.weight[channel] * self.normalised(values) + self.bias[channel]
        unbiased = values.var() * count / (count - 1)
        self.running_mean[channel] = (1 - momentum) * self.running_mean[channel] + momentum * values.mean()
        self.running_var[channel] = (1 - momentum) * self.running_var[channel] + momentum * unbiased
        return np.asarray(output, self.x.dtype)

    def of_example(self, example: ndarray) -> ndarray:
        """Return one example (c,) or (c, t), normalised with the running statistics."""
        return np.stack(
            [
                (values - mean) / np.sqrt(var + self.eps) * weight + bias
                for values, mean, var, weight, bias in zip(
                    example, self.running_mean, self.running_var, self.weight, self.bias, strict=True
                )
            ]
        ).astype(example.dtype)

    def normalised(self, values: ndarray) -> ndarray:
        """x̂ of one channel of the batch."""
        return np.asarray((values - values.mean()) / np.sqrt(values.var() + self.eps), values.dtype)

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """Return the gradient of x, in the mode of the last forward."""
        return np.stack([self.grad_of_channel(c, grad_output[:, c]) for c in range(self.num_features)], axis=1)

    def grad_of_channel(self, channel: int, grad: ndarray) -> ndarray:
        """x_grad of one channel, step by step through x̂, σ² and μ."""
        values, weight = self.x[:, channel], self.weight[channel]
        mean = values.mean() if self.uses_batch else self.running_mean[channel]
        var = values.var() if self.uses_batch else self.running_var[channel]
        distance, scale = values - mean, 1 / np.sqrt(var + self.eps)
        self.weight_grad[channel] += (grad * distance * scale).sum()
        self.bias_grad[channel] += grad.sum()
        x_hat_grad = grad * weight
        x_grad = x_hat_grad * scale
        if self.uses_batch:
            var_grad = (x_hat_grad * distance).sum() * scale**3 / -2
            x_grad = x_grad + var_grad * 2 * distance / values.size
            x_grad = x_grad - (x_hat_grad * scale).sum() / values.size
        return np.asarray(x_grad, grad.dtype)

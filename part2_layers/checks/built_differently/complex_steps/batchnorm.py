"""BatchNorm1d: give every channel mean zero and variance one over the batch, then a learned scale and shift."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from part2_layers.module import Module, check_fraction, checked_backward, checked_forward, integer

STEP = 1e-20  # its square is nothing beside 1


class BatchNorm1d(Module):
    """y = w · (x - μ) / √(σ² + ε) + b, channel by channel     (Ioffe and Szegedy 2015, algorithm 1).

    In training μ and σ² are the batch's mean and (biased) variance; in evaluation they are running_mean and
    running_var, which training moves towards the batch's mean and *unbiased* variance by the fraction `momentum`; with
    None they are the averages over all batches so far.
    Parameters: weight, bias (num_features,).  Buffers: running_mean, running_var, num_batches_tracked.
    Raises ValueError for num_features or eps that are not positive, and for a momentum outside 0 to 1.
    """

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
        """y = w x̂ + b, where x̂ = (x - μ) / √(σ² + ε).

        Shapes: x (b, c) or (b, c, t), y the same; the statistics are over b and t.
        An empty batch has no statistics: it is only counted.
        Raises ValueError for another shape, and in training for a single value per channel, which has no variance.
        """
        if x.ndim not in (2, 3) or x.shape[1] != self.num_features:
            c = self.num_features
            raise ValueError(f"x must have shape (batch, {c}) or (batch, {c}, time); got {x.shape}.")
        count = x.size // self.num_features
        if self.training and count == 1:
            raise ValueError(f"x must hold more than one value per channel in training; got shape {x.shape}.")
        self.uses_batch = self.training and count > 0
        if not self.uses_batch:
            self.num_batches_tracked += self.training  # torch counts a batch of zero too
            return self.normalize(x - per_channel(self.running_mean, x), self.running_var)
        mean, centred, var = self.batch_statistics(x)
        momentum = 1 / (int(self.num_batches_tracked) + 1) if self.momentum is None else self.momentum
        self.update_running_statistics(mean, var, count, momentum)
        return self.normalize(centred, var)

    def batch_statistics(self, x: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        """μ = mean of x, x - μ, and σ² = mean of (x - μ)²; the means are over every axis but the channels'.

        Shapes: (c,), that of x, (c,).
        """
        mean = x.mean(axis=self.other_axes(x))
        centred = x - per_channel(mean, x)
        return mean, centred, (centred * centred).mean(axis=self.other_axes(x))

    def normalize(self, centred: ndarray, var: ndarray) -> ndarray:
        """y = w x̂ + b, where x̂ = (x - μ) / √(σ² + ε); keep what backward needs."""
        self.centred, self.var = centred, var
        return per_channel(self.weight, centred) * self.x_hat(centred, var) + per_channel(self.bias, centred)

    def x_hat(self, centred: ndarray, var: ndarray) -> ndarray:
        """x̂ = (x - μ) / √(σ² + ε), of complex numbers too."""
        return centred / per_channel(np.sqrt(var + self.eps), centred)

    def update_running_statistics(self, mean: ndarray, var: ndarray, count: int, momentum: float) -> None:
        """r ← (1 - momentum) r + momentum · s for the mean and the unbiased variance of `count` values per channel."""
        unbiased_var = var * (count / (count - 1))
        self.running_mean[...] = (1 - momentum) * self.running_mean + momentum * mean
        self.running_var[...] = (1 - momentum) * self.running_var + momentum * unbiased_var
        self.num_batches_tracked += 1

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """Return the gradient of x; dL/dw = Σ g x̂ and dL/db = Σ g over every axis but the channels'.

        It is the gradient of the last forward, in the mode that forward ran in.
        """
        weight_grad, bias_grad = self.channel_sums(grad_output)
        self.weight_grad += weight_grad
        self.bias_grad += bias_grad
        if self.uses_batch:
            return self.backward_of_training(grad_output, weight_grad, bias_grad)
        return self.backward_of_evaluation(grad_output)

    def channel_sums(self, grad_output: ndarray) -> tuple[ndarray, ndarray]:
        """dL/dw = Σ g x̂ and dL/db = Σ g over every axis but the channels'.  Shapes: (c,) and (c,)."""
        axes = self.other_axes(grad_output)
        return (grad_output * self.x_hat(self.centred, self.var)).sum(axis=axes), grad_output.sum(axis=axes)

    def backward_of_training(self, grad_output: ndarray, weight_grad: ndarray, bias_grad: ndarray) -> ndarray:
        """dL/dx = w · Im x̂(x + i·h·g) / h, where μ and σ² move with x."""
        _, centred, var = self.batch_statistics(complex_step(self.centred, grad_output))
        return self.imaginary_part(self.x_hat(centred, var), grad_output)

    def backward_of_evaluation(self, grad_output: ndarray) -> ndarray:
        """dL/dx = w · Im x̂(x + i·h·g) / h: the running statistics are constants."""
        return self.imaginary_part(self.x_hat(complex_step(self.centred, grad_output), self.var), grad_output)

    def imaginary_part(self, x_hat: ndarray, grad_output: ndarray) -> ndarray:
        """dL/dx = w · Im x̂ / h."""
        x_grad = per_channel(self.weight, x_hat) * np.imag(x_hat) / STEP
        return x_grad.astype(np.result_type(self.weight, grad_output))

    def other_axes(self, x: ndarray) -> tuple[int, ...]:
        """Return every axis but the channels'."""
        return (0,) if x.ndim == 2 else (0, 2)


def per_channel(values: ndarray, x: ndarray) -> ndarray:
    """Return a value per channel in a shape that broadcasts over x: (c,) for (b, c), (c, 1) for (b, c, t)."""
    return values if x.ndim == 2 else values[:, None]


def complex_step(x: ndarray, direction: ndarray) -> ndarray:
    """Return x + i·h·direction in double precision."""
    return np.asarray(x + 1j * STEP * direction.astype(np.float64))

"""Losses: how far an output is from its target, as one number, and the gradient that training starts with.

The reduction says what becomes of the single losses: "none" keeps them, "sum" adds them, "mean" averages.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from scipy import special

from part2_layers.module import Module, array_result, check_floats, check_fraction, check_grad_output, check_reduction


class MSELoss(Module):
    """(input - target)², and its mean over all numbers, its sum, or neither.

    Raises ValueError for an unknown reduction.
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = check_reduction(reduction)
        self.dtype = np.dtype(np.float32)

    @array_result
    def forward(self, input: ndarray, target: ndarray) -> ndarray:
        """L = Σ (input - target)² / N for "mean", without 1/N for "sum", without Σ for "none".

        Shapes: input and target (...), L () or, for "none", (...).  "mean" over nothing is nan, without a warning.
        Raises TypeError for anything but floats, ValueError if the shapes differ.
        """
        check_floats("input", input)
        check_floats("target", target)
        if input.shape != target.shape:
            raise ValueError(f"target must have the input's shape {input.shape}; got {target.shape}.")
        self.output_shape = input.shape if self.reduction == "none" else ()
        self.dtype = input.dtype
        self.input, self.target = input, target
        return reduce(np.square(input - target), self.reduction)

    @array_result
    def backward(self, grad_output: ndarray | float = 1.0) -> ndarray:
        """dL/dinput = g · 2 (input - target), divided by N for "mean".  Shapes: g as L, result as input."""
        grad_output = loss_gradient(grad_output, self.output_shape, self.dtype)
        scale = grad_output / max(1, self.input.size) if self.reduction == "mean" else grad_output
        return 2 * scale * self.input - 2 * scale * self.target


class CrossEntropyLoss(Module):
    """-Σ q · log softmax(input) over the classes, where q is the distribution that the target stands for.

    A target of class numbers means q = 1 for its class; a target of floats in the shape of input is q itself.
    label_smoothing ε mixes q with the uniform distribution: (1 - ε) q + ε / v     (Szegedy et al. 2016, section 7).
    Targets that equal ignore_index have loss 0, and "mean" leaves them out.
    Raises ValueError for an unknown reduction and for a label_smoothing outside 0 to 1.
    """

    def __init__(self, reduction: str = "mean", ignore_index: int = -100, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.reduction = check_reduction(reduction)
        self.dtype = np.dtype(np.float32)
        self.ignore_index = ignore_index
        self.label_smoothing = check_fraction("label_smoothing", label_smoothing)

    @array_result
    def forward(self, input: ndarray, target: ndarray) -> ndarray:
        """L = -Σ q log p, where log p = s - log Σ eˢ and s = input - max input, so that nothing overflows.

        Shapes: input (b, v), target (b,) of integers or (b, v) of floats, L () or, for "none", (b,).
        As in torch also input (v,) with target (), and input (b, v, ...) with target (b, ...).
        "mean" over no target is nan, without a warning.
        Raises TypeError for an input that is not floats and a target that is neither, ValueError for a target of
        another shape, and for a class that is neither one of 0 to v - 1 nor ignore_index.
        """
        check_floats("input", input)
        self.check_target(input, target)
        self.class_axis = class_axis(input)
        self.output_shape = other_shape(input) if self.reduction == "none" else ()
        self.dtype = input.dtype
        self.rows = np.moveaxis(input, self.class_axis, -1)
        self.q, self.counts = self.distribution(input, target)
        surprise = -special.log_softmax(self.rows, axis=-1)
        losses = np.einsum("...v,...v->...", self.q, surprise)
        return losses * self.counts if self.reduction == "none" else reduce(losses[self.counts], self.reduction)

    @array_result
    def backward(self, grad_output: ndarray | float = 1.0) -> ndarray:
        """dL/dinput = g · (p Σ q - q), divided by the number of targets that count for "mean".

        Σ q over the classes is 1, or 0 if the target is ignored; where all are ignored the gradient is zero, not nan.
        Shapes: g as L, result as input.
        """
        grad_output = loss_gradient(grad_output, self.output_shape, self.dtype)
        rows_grad = special.softmax(self.rows, axis=-1) - self.q
        rows_grad[~self.counts] = 0
        if self.reduction == "mean":
            rows_grad /= max(1, np.count_nonzero(self.counts))
        rows_grad *= grad_output[..., None]
        return np.moveaxis(rows_grad, -1, self.class_axis)

    def distribution(self, input: ndarray, target: ndarray) -> tuple[ndarray, ndarray]:
        """q, smoothed, with the classes on the last axis; and which targets are not ignored."""
        classes = input.shape[self.class_axis]
        if target.dtype.kind == "f":
            q, counts = np.moveaxis(target, self.class_axis, -1), np.ones(other_shape(input), dtype=bool)
        else:
            counts = np.not_equal(target, self.ignore_index)
            q = np.equal(target[..., None], np.arange(classes)).astype(input.dtype)
        return q + self.label_smoothing * (1 / classes - q), counts

    def check_target(self, input: ndarray, target: ndarray) -> None:
        """Raise an error unless the target stands for a distribution over the input's classes."""
        if input.ndim == 0 or input.shape[class_axis(input)] == 0:
            raise ValueError(f"input must have an axis of classes; got shape {input.shape}.")
        if not isinstance(target, ndarray) or target.dtype.kind not in "iuf":
            got = f"an array of {target.dtype}" if isinstance(target, ndarray) else type(target).__name__
            raise TypeError(f"target must be an array of class numbers or of probabilities; got {got}.")
        is_classes = target.dtype.kind != "f"
        shape = other_shape(input) if is_classes else input.shape
        if target.shape != shape:
            raise ValueError(f"target must have shape {shape} for input {input.shape}; got {target.shape}.")
        classes = input.shape[class_axis(input)]
        if is_classes:
            wrong = target[((target < 0) | (target >= classes)) & (target != self.ignore_index)]
            if wrong.size:
                raise ValueError(f"target must lie in 0 to {classes - 1}, or be {self.ignore_index}; got {wrong[0]}.")


def class_axis(input: ndarray) -> int:
    """Return the axis of the classes: the second, or the only one."""
    return min(1, input.ndim - 1)


def other_shape(input: ndarray) -> tuple[int, ...]:
    """Return the shape of the input without its axis of classes."""
    return (*input.shape[: class_axis(input)], *input.shape[class_axis(input) + 1 :])


def reduce(losses: ndarray, reduction: str) -> ndarray:
    """Return the losses, their sum, or their mean, which for none is nan as in torch."""
    if reduction == "none":
        return losses
    if reduction == "mean" and losses.size == 0:
        return np.asarray(np.nan, losses.dtype)
    return np.asarray(losses.sum() if reduction == "sum" else losses.mean())


def loss_gradient(grad_output: ndarray | float, output_shape: tuple[int, ...] | None, dtype: np.dtype) -> ndarray:
    """grad_output as an array; a number takes this dtype.  Raises as `check_grad_output` does."""
    if isinstance(grad_output, (int, float)) and output_shape in ((), None):
        grad_output = np.asarray(grad_output, dtype)
    check_grad_output(grad_output, output_shape)
    return np.asarray(grad_output)

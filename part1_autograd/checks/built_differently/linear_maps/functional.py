"""Gradient rules as linear maps of grad_output; what need not be computed is a view."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from scipy import special

Array = np.ndarray
Axis = int | tuple[int, ...] | None

without_warnings = np.errstate(divide="ignore", invalid="ignore", over="ignore")


def unbroadcast(grad: Array, shape: tuple[int, ...]) -> Array:
    if np.broadcast_shapes(grad.shape, shape) != grad.shape:
        raise ValueError(f"shape must broadcast to {grad.shape}; got {shape}.")
    aligned = (1,) * (grad.ndim - len(shape)) + shape
    kept = [axis for axis, length in enumerate(aligned) if length != 1]
    return np.asarray(np.einsum(grad, range(grad.ndim), kept)).reshape(shape)


def unbroadcast_both(a_grad: Any, b_grad: Any, a: Array, b: Array) -> tuple[Array, Array]:
    return unbroadcast(np.asarray(a_grad), a.shape), unbroadcast(np.asarray(b_grad), b.shape)


def identity_backward(grad_output: Array, x: Array) -> tuple[Array]:
    return (grad_output[...],)


def add_backward(grad_output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    return unbroadcast_both(grad_output, grad_output, a, b)


def sub_backward(grad_output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    return unbroadcast_both(grad_output, np.negative(grad_output), a, b)


def neg_backward(grad_output: Array, x: Array) -> tuple[Array]:
    return (np.asarray(np.negative(grad_output)),)


def mul_backward(grad_output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    return unbroadcast_both(b * grad_output, a * grad_output, a, b)


@without_warnings
def div_backward(grad_output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    inverse = 1 / b
    return unbroadcast_both(inverse * grad_output, -inverse * (a * inverse) * grad_output, a, b)


@without_warnings
def pow_backward(grad_output: Array, base: Array, exponent: Array) -> tuple[Array, Array]:
    slope, log_base = np.zeros_like(grad_output), np.zeros_like(grad_output)
    np.multiply(exponent, base ** (exponent - 1), out=slope, where=exponent != 0)
    np.log(base, out=log_base, where=(base != 0) | (exponent < 0))
    return unbroadcast_both(grad_output * slope, grad_output * (base**exponent * log_base), base, exponent)


@without_warnings
def exp_backward(grad_output: Array, x: Array) -> tuple[Array]:
    return (np.asarray(np.exp(x) * grad_output),)


@without_warnings
def log_backward(grad_output: Array, x: Array) -> tuple[Array]:
    return (np.asarray(1 / x * grad_output),)


@without_warnings
def sqrt_backward(grad_output: Array, x: Array) -> tuple[Array]:
    return (np.asarray(0.5 / np.sqrt(x) * grad_output),)


def tanh_backward(grad_output: Array, x: Array) -> tuple[Array]:
    return (np.asarray(4 * special.expit(2 * x) * special.expit(-2 * x) * grad_output),)


def sigmoid(x: Array) -> Array:
    return np.asarray(np.exp(-np.logaddexp(0, -x)))


def sigmoid_backward(grad_output: Array, x: Array) -> tuple[Array]:
    y = sigmoid(x)
    return (np.asarray((y - y**2) * grad_output),)


def relu_backward(grad_output: Array, x: Array) -> tuple[Array]:
    return (np.asarray((x > 0) * grad_output),)


def matmul_backward(grad_output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    rows = np.atleast_2d(a)
    columns = b.reshape(-1, 1) if b.ndim == 1 else b
    batch = np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
    grad_output = grad_output.reshape(*batch, rows.shape[-2], columns.shape[-1])
    a_grad = (grad_output[..., :, None, :] * columns[..., None, :, :]).sum(axis=-1)  # Σ over m of (…, n, k, m)
    b_grad = (rows[..., :, :, None] * grad_output[..., :, None, :]).sum(axis=-3)  # Σ over n of (…, n, k, m)
    a_grad, b_grad = unbroadcast_both(a_grad, b_grad, rows, columns)
    return a_grad.reshape(a.shape), b_grad.reshape(b.shape)


def reduced_axes(x: Array, axis: Axis) -> tuple[int, ...]:
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(each % x.ndim for each in axes)


def with_axes(grad_output: Array, x: Array, axis: Axis) -> Array:
    """Give the reduced axes back, with length 1, whether they were kept or not."""
    axes = reduced_axes(x, axis)
    return grad_output.reshape([1 if place in axes else length for place, length in enumerate(x.shape)])


def sum_backward(grad_output: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[Array]:
    return (np.broadcast_to(with_axes(grad_output, x, axis), x.shape),)


@without_warnings
def mean_backward(grad_output: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[Array]:
    count = math.prod(x.shape[place] for place in reduced_axes(x, axis))
    return sum_backward(np.asarray(grad_output / np.asarray(count, x.dtype)), x, axis, keepdims)


def max_backward(grad_output: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[Array]:
    if isinstance(axis, int):
        places = np.moveaxis(np.zeros(x.shape, int), axis, -1) + np.arange(x.shape[axis])
        share = np.moveaxis(places, -1, axis) == x.argmax(axis=axis, keepdims=True)
    else:
        is_maximum = x == np.maximum.reduce(x, axis=axis, keepdims=True)
        share = is_maximum / np.add.reduce(is_maximum, axis=axis, keepdims=True, dtype=grad_output.dtype)
    return (np.asarray(share * with_axes(grad_output, x, axis)),)


def reshape_backward(grad_output: Array, x: Array) -> tuple[Array]:
    return (np.reshape(grad_output, x.shape),)


def transpose_backward(grad_output: Array, x: Array, axes: tuple[int, ...] | None = None) -> tuple[Array]:
    order = range(x.ndim)[::-1] if axes is None else [axis % x.ndim for axis in axes]
    return (np.asarray(np.einsum(grad_output, order, range(x.ndim))),)


def getitem_backward(grad_output: Array, x: Array, index: Any) -> tuple[Array, None]:
    positions = np.arange(x.size).reshape(x.shape)[index]
    taken_from = np.reshape(positions, (-1, 1)) == np.arange(x.size)  # a row for every element that was taken
    return (grad_output.reshape(-1) @ taken_from).reshape(x.shape), None


def concatenate_backward(grad_output: Array, *arrays: Array, axis: int = 0) -> tuple[Array, ...]:
    turned = grad_output.swapaxes(0, axis)
    ends = accumulate((array.shape[axis] for array in arrays), initial=0)
    return tuple(turned[start:end].swapaxes(0, axis) for start, end in pairwise(ends))


def where_backward(grad_output: Array, condition: Array, a: Array, b: Array) -> tuple[None, Array, Array]:
    chosen = np.asarray(condition, dtype=bool)
    return None, *unbroadcast_both(chosen * grad_output, ~chosen * grad_output, a, b)


def log_softmax(logits: Array) -> Array:
    return logits - special.logsumexp(logits, axis=1, keepdims=True)


@without_warnings
def softmax_cross_entropy(logits: Array, targets: Array) -> Array:
    probabilities = target_probabilities(logits, targets)
    surprise = np.where(probabilities == 0, 0, -log_softmax(logits))
    return np.asarray(np.vdot(probabilities, surprise) / len(logits))


@without_warnings
def softmax_cross_entropy_backward(grad_output: Array, logits: Array, targets: Array) -> tuple[Array, Array | None]:
    probabilities, log_predicted = target_probabilities(logits, targets), log_softmax(logits)
    total = np.einsum("bv->b", probabilities)
    logits_grad = np.einsum("bv,b->bv", np.exp(log_predicted), total) - probabilities
    targets_grad = None if targets.ndim == 1 else grad_output * -log_predicted / len(logits)
    return grad_output * logits_grad / len(logits), targets_grad


def target_probabilities(logits: Array, targets: Array) -> Array:
    """Return targets as probabilities (b, v): integer classes become rows with a single 1."""
    if logits.ndim != 2:
        raise ValueError(f"logits must be (batch, classes); got shape {logits.shape}.")
    if targets.shape == logits.shape:
        return targets
    if targets.shape != logits.shape[:1]:
        raise ValueError(f"targets must fit logits of shape {logits.shape}; got shape {targets.shape}.")
    if not np.issubdtype(targets.dtype, np.integer):
        raise TypeError(f"targets of shape (batch,) must be integer classes; got {targets.dtype}.")
    if not np.isin(targets, np.arange(logits.shape[1])).all():
        raise ValueError(f"targets must lie in 0..{logits.shape[1] - 1}; got {targets.min()}..{targets.max()}.")
    return (targets[:, None] == np.arange(logits.shape[1])).astype(logits.dtype)

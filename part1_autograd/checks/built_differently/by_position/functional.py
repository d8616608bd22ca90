"""Gradient rules by position: loops over axes and results, einsum, bincount, SciPy's softmax."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

Array = np.ndarray
Axis = int | tuple[int, ...] | None

without_warnings = np.errstate(all="ignore")


def unbroadcast(grad: Array, shape: tuple[int, ...]) -> Array:
    if np.broadcast_shapes(grad.shape, shape) != grad.shape:
        raise ValueError(f"shape must broadcast to {grad.shape}; got {shape}.")
    while grad.ndim > len(shape):
        grad = np.asarray(grad.sum(axis=0))
    for axis, length in enumerate(shape):
        if length != grad.shape[axis]:
            grad = grad.sum(axis=axis, keepdims=True)
    return np.asarray(grad)


def identity_backward(grad_output: Array, x: Array) -> tuple[Array]:
    return (grad_output.copy(),)


def add_backward(grad_output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    return unbroadcast(grad_output, a.shape), unbroadcast(grad_output, b.shape)


def sub_backward(grad_output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    return unbroadcast(grad_output, a.shape), np.asarray(-unbroadcast(grad_output, b.shape))


def neg_backward(grad_output: Array, x: Array) -> tuple[Array]:
    return (np.subtract(np.zeros_like(x), grad_output),) if x.ndim else (np.asarray(-1 * grad_output),)


def mul_backward(grad_output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    return unbroadcast(np.asarray(b * grad_output), a.shape), unbroadcast(np.asarray(a * grad_output), b.shape)


@without_warnings
def div_backward(grad_output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    quotient = np.asarray(a / b)
    a_grad = np.asarray(grad_output / b)
    return unbroadcast(a_grad, a.shape), unbroadcast(np.asarray(-grad_output * quotient / b), b.shape)


@without_warnings
def pow_backward(grad_output: Array, base: Array, exponent: Array) -> tuple[Array, Array]:
    one_lower = np.where(exponent == 0, 1, exponent) - 1
    base_grad = np.asarray(grad_output * exponent * base**one_lower)
    exponent_grad = np.asarray(grad_output * special.xlogy(base**exponent, base))
    exponent_grad = np.where((base == 0) & (exponent == 0), 0, exponent_grad).astype(base_grad.dtype)
    return unbroadcast(base_grad.astype(grad_output.dtype), base.shape), unbroadcast(exponent_grad, exponent.shape)


@without_warnings
def exp_backward(grad_output: Array, x: Array) -> tuple[Array]:
    return (np.multiply(np.exp(x), grad_output, out=np.empty_like(x)),)


@without_warnings
def log_backward(grad_output: Array, x: Array) -> tuple[Array]:
    return (np.asarray(grad_output * x**-1),)


@without_warnings
def sqrt_backward(grad_output: Array, x: Array) -> tuple[Array]:
    return (np.asarray(grad_output * 0.5 * x**-0.5),)


def tanh_backward(grad_output: Array, x: Array) -> tuple[Array]:
    y = np.tanh(x)
    return (np.asarray((1 - y) * (1 + y) * grad_output),)


def sigmoid(x: Array) -> Array:
    return np.asarray(special.expit(x))


def sigmoid_backward(grad_output: Array, x: Array) -> tuple[Array]:
    return (np.asarray(sigmoid(x) * sigmoid(-x) * grad_output),)


def relu_backward(grad_output: Array, x: Array) -> tuple[Array]:
    x_grad = grad_output.copy()
    x_grad[x <= 0] = 0
    return (x_grad,)


def matmul_backward(grad_output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    rows, columns = np.atleast_2d(a), b.reshape(-1, 1) if b.ndim == 1 else b
    batch = np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
    grad_output = grad_output.reshape(*batch, rows.shape[-2], columns.shape[-1])
    a_grad = np.einsum("...nm,...km->...nk", grad_output, columns)
    b_grad = np.einsum("...nk,...nm->...km", rows, grad_output)
    return unbroadcast(a_grad, rows.shape).reshape(a.shape), unbroadcast(b_grad, columns.shape).reshape(b.shape)


def reduced_axes(x: Array, axis: Axis) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.ndim))
    return tuple(sorted(each % x.ndim for each in (axis if isinstance(axis, tuple) else (axis,))))


def sum_backward(grad_output: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[Array]:
    axes = reduced_axes(x, axis)
    kept = tuple(1 if place in axes else length for place, length in enumerate(x.shape))
    x_grad = grad_output.reshape(kept)
    for place in axes:
        x_grad = np.repeat(x_grad, x.shape[place], axis=place)
    return (x_grad.copy(),)


def mean_backward(grad_output: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[Array]:
    count = x.size // grad_output.size
    return (np.asarray(sum_backward(grad_output, x, axis, keepdims)[0] / count),)


@without_warnings
def max_backward(grad_output: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[Array]:
    axes = reduced_axes(x, axis)
    others = tuple(place for place in range(x.ndim) if place not in axes)
    x_grad = np.zeros(x.shape, grad_output.dtype)
    for position, gradient in zip(np.ndindex(*(x.shape[place] for place in others)), grad_output.flat, strict=True):
        index: list[Any] = [slice(None)] * x.ndim
        for place, at in zip(others, position, strict=True):
            index[place] = at
        values = np.asarray(x[tuple(index)])
        maxima = np.argwhere(values == values.max())
        if isinstance(axis, int):
            maxima = maxima[:1]
        share = np.zeros(values.shape, grad_output.dtype)
        for maximum in maxima:
            share[tuple(maximum)] = gradient / len(maxima)
        x_grad[tuple(index)] = share
    return (x_grad,)


def reshape_backward(grad_output: Array, x: Array) -> tuple[Array]:
    return (np.array(grad_output.ravel()).reshape(x.shape),)


def transpose_backward(grad_output: Array, x: Array, axes: tuple[int, ...] | None = None) -> tuple[Array]:
    order = range(x.ndim)[::-1] if axes is None else axes
    return (np.moveaxis(grad_output, range(x.ndim), order),)


def getitem_backward(grad_output: Array, x: Array, index: Any) -> tuple[Array, None]:
    positions = np.asarray(np.arange(x.size).reshape(x.shape)[index])
    totals = np.bincount(positions.ravel(), grad_output.ravel(), x.size)
    return totals.astype(grad_output.dtype).reshape(x.shape), None


def concatenate_backward(grad_output: Array, *arrays: Array, axis: int = 0) -> tuple[Array, ...]:
    gradients, start = [], 0
    for array in arrays:
        length = array.shape[axis]
        gradients.append(np.take(grad_output, range(start, start + length), axis))
        start += length
    return tuple(gradients)


def where_backward(grad_output: Array, condition: Array, a: Array, b: Array) -> tuple[None, Array, Array]:
    chosen = np.broadcast_to(condition, grad_output.shape).astype(grad_output.dtype)
    a_grad, b_grad = np.asarray(chosen * grad_output), np.asarray((1 - chosen) * grad_output)
    return None, unbroadcast(a_grad, a.shape), unbroadcast(b_grad, b.shape)


def softmax_cross_entropy(logits: Array, targets: Array) -> Array:
    log_predicted, batch = special.log_softmax(logits, axis=1), len(logits)
    if targets.ndim == 1:
        return np.asarray(-sum(log_predicted[row, target] for row, target in enumerate(targets)) / batch)
    return np.asarray(-np.einsum("bv,bv->", targets, log_predicted) / batch)


def softmax_cross_entropy_backward(grad_output: Array, logits: Array, targets: Array) -> tuple[Array, Array | None]:
    logits_grad, scale = special.softmax(logits, axis=1), grad_output / len(logits)
    if targets.ndim == 1:
        for row, target in enumerate(targets):
            logits_grad[row, target] -= 1
        return logits_grad * scale, None
    logits_grad = logits_grad * targets.sum(axis=1, keepdims=True) - targets
    return logits_grad * scale, -special.log_softmax(logits, axis=1) * scale

"""Gradient rules as formulas, which a decorator brings to the shapes of the inputs; softmax by logaddexp."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray
Axis = int | tuple[int, ...] | None
Rule = Callable[..., tuple[Array, ...]]

without_warnings = np.errstate(divide="ignore", invalid="ignore", over="ignore")


def unbroadcast(grad: Array, shape: tuple[int, ...]) -> Array:
    aligned = (1,) * (grad.ndim - len(shape)) + shape
    if len(aligned) != grad.ndim or any(
        own not in (1, length) for own, length in zip(aligned, grad.shape, strict=True)
    ):
        raise ValueError(f"shape must broadcast to {grad.shape}; got {shape}.")
    stretched = tuple(axis for axis, own in enumerate(aligned) if own != grad.shape[axis])
    return np.asarray(np.add.reduce(grad, axis=stretched, keepdims=True)).reshape(shape)


def in_the_shapes_of_the_inputs(rule: Rule) -> Rule:
    @functools.wraps(rule)
    def backward(grad_output: Array, *inputs: Array) -> tuple[Array, ...]:
        with np.errstate(all="ignore"):
            found = rule(grad_output, *inputs)
        return tuple(unbroadcast(np.asarray(each), x.shape) for each, x in zip(found, inputs, strict=True))

    return backward


@in_the_shapes_of_the_inputs
def identity_backward(grad_output: Array, x: Array) -> tuple[Array, ...]:
    return (grad_output,)


@in_the_shapes_of_the_inputs
def add_backward(grad_output: Array, a: Array, b: Array) -> tuple[Array, ...]:
    return grad_output, grad_output


@in_the_shapes_of_the_inputs
def sub_backward(grad_output: Array, a: Array, b: Array) -> tuple[Array, ...]:
    return grad_output, -grad_output


@in_the_shapes_of_the_inputs
def neg_backward(grad_output: Array, x: Array) -> tuple[Array, ...]:
    return (-grad_output,)


@in_the_shapes_of_the_inputs
def mul_backward(grad_output: Array, a: Array, b: Array) -> tuple[Array, ...]:
    return b * grad_output, a * grad_output


@in_the_shapes_of_the_inputs
def div_backward(grad_output: Array, a: Array, b: Array) -> tuple[Array, ...]:
    return grad_output / b, -grad_output * a / (b * b)


@in_the_shapes_of_the_inputs
def pow_backward(grad_output: Array, base: Array, exponent: Array) -> tuple[Array, ...]:
    safe_base = np.where(base == 0, 1, base)  # ln 1 is 0, which is the slope at base 0
    slope = np.where(exponent == 0, 0, exponent * np.where(exponent == 0, 1, base) ** (exponent - 1))
    return grad_output * slope, grad_output * base**exponent * np.log(safe_base)


@in_the_shapes_of_the_inputs
def exp_backward(grad_output: Array, x: Array) -> tuple[Array, ...]:
    return (np.exp(x) * grad_output,)


@in_the_shapes_of_the_inputs
def log_backward(grad_output: Array, x: Array) -> tuple[Array, ...]:
    return (np.reciprocal(x) * grad_output,)


@in_the_shapes_of_the_inputs
def sqrt_backward(grad_output: Array, x: Array) -> tuple[Array, ...]:
    return (grad_output / np.sqrt(x) / 2,)


@in_the_shapes_of_the_inputs
def tanh_backward(grad_output: Array, x: Array) -> tuple[Array, ...]:
    return (grad_output / np.cosh(x) ** 2,)


def sigmoid(x: Array) -> Array:
    return np.asarray((1 + np.tanh(x / 2)) / 2)


@in_the_shapes_of_the_inputs
def sigmoid_backward(grad_output: Array, x: Array) -> tuple[Array, ...]:
    return (grad_output * (1 - np.tanh(x / 2) ** 2) / 4,)


@in_the_shapes_of_the_inputs
def relu_backward(grad_output: Array, x: Array) -> tuple[Array, ...]:
    return (grad_output * np.heaviside(x, 0),)


def matmul_backward(grad_output: Array, a: Array, b: Array) -> tuple[Array, Array]:
    if b.ndim == 1:
        a_grad, column_grad = matmul_backward(grad_output[..., None], a, b[:, None])
        return a_grad, column_grad[:, 0]
    if a.ndim == 1:
        row_grad, b_grad = matmul_backward(grad_output[..., None, :], a[None, :], b)
        return row_grad[0], b_grad
    a_grad, b_grad = np.matmul(grad_output, b.swapaxes(-1, -2)), np.matmul(a.swapaxes(-1, -2), grad_output)
    return unbroadcast(a_grad, a.shape), unbroadcast(b_grad, b.shape)


def as_kept(grad_output: Array, x: Array, axis: Axis) -> Array:
    return np.reshape(grad_output, np.add.reduce(x, axis=axis, keepdims=True).shape)


def sum_backward(grad_output: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[Array]:
    x_grad = np.empty(x.shape, grad_output.dtype)
    x_grad[...] = as_kept(grad_output, x, axis)
    return (x_grad,)


def mean_backward(grad_output: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[Array]:
    count = np.add.reduce(np.ones_like(x), axis=axis, keepdims=True)
    x_grad = np.empty(x.shape, grad_output.dtype)
    with np.errstate(all="ignore"):
        x_grad[...] = as_kept(grad_output, x, axis) / count
    return (x_grad,)


def max_backward(grad_output: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[Array]:
    is_maximum = (x == np.max(x, axis=axis, keepdims=True)).astype(grad_output.dtype)
    if isinstance(axis, int):
        is_maximum = np.where(np.cumsum(is_maximum, axis=axis) == 1, is_maximum, 0)
    share = is_maximum / np.add.reduce(is_maximum, axis=axis, keepdims=True)
    return (np.asarray(share * as_kept(grad_output, x, axis)),)


def reshape_backward(grad_output: Array, x: Array) -> tuple[Array]:
    x_grad = np.empty(x.shape, grad_output.dtype)
    np.copyto(x_grad.reshape(-1), grad_output.reshape(-1))
    return (x_grad,)


def transpose_backward(grad_output: Array, x: Array, axes: tuple[int, ...] | None = None) -> tuple[Array]:
    if axes is None:
        return (grad_output.T,)
    back = {axis % x.ndim: place for place, axis in enumerate(axes)}
    return (np.transpose(grad_output, [back[place] for place in range(x.ndim)]),)


def getitem_backward(grad_output: Array, x: Array, index: Any) -> tuple[Array, None]:
    positions = np.asarray(np.arange(x.size).reshape(x.shape)[index])
    x_grad = np.zeros(x.size, grad_output.dtype)
    for position, gradient in zip(positions.flat, grad_output.flat, strict=True):
        x_grad[position] += gradient
    return x_grad.reshape(x.shape), None


def concatenate_backward(grad_output: Array, *arrays: Array, axis: int = 0) -> tuple[Array, ...]:
    turned, gradients = np.moveaxis(grad_output, axis, 0), []
    for array in arrays:
        piece, turned = np.array_split(turned, [array.shape[axis]])
        gradients.append(np.moveaxis(piece, 0, axis))
    return tuple(gradients)


def where_backward(grad_output: Array, condition: Array, a: Array, b: Array) -> tuple[None, Array, Array]:
    a_grad, b_grad = grad_output.copy(), grad_output.copy()
    np.copyto(a_grad, 0, where=~np.asarray(condition))
    np.copyto(b_grad, 0, where=np.asarray(condition))
    return None, unbroadcast(a_grad, a.shape), unbroadcast(b_grad, b.shape)


def one_hot(targets: Array, like: Array) -> Array:
    return targets if targets.ndim == like.ndim else np.eye(like.shape[1], dtype=like.dtype)[targets]


def log_softmax(logits: Array) -> Array:
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


def softmax_cross_entropy(logits: Array, targets: Array) -> Array:
    return np.asarray((-one_hot(targets, logits) * log_softmax(logits)).sum(axis=1).mean())


def softmax_cross_entropy_backward(grad_output: Array, logits: Array, targets: Array) -> tuple[Array, Array | None]:
    log_probs, wanted, scale = log_softmax(logits), one_hot(targets, logits), grad_output / len(logits)
    targets_grad = None if targets.ndim == 1 else -log_probs * scale
    return (np.exp(log_probs) * wanted.sum(axis=1, keepdims=True) - wanted) * scale, targets_grad

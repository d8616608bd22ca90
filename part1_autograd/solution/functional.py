"""Gradient rules: what each operation does to a gradient on its way back.

For y = f(a, b) and a loss L, the rule `f_backward(grad_output, a, b)` is given grad_output = dL/dy and returns
(dL/da, dL/db): always a tuple, every gradient of its input's shape, None for an input that has no gradient.
A rule changes nothing it is given. It may return grad_output itself or a view of it: who keeps a gradient, copies it.
NumPy turns 0-d results into scalars, and np.asarray turns them back into arrays.
Source: Baydin et al. 2018, "Automatic differentiation in machine learning: a survey".
"""

from __future__ import annotations

from typing import Any

import numpy as np

Axis = int | tuple[int, ...] | None

# As in torch, 1/0 is inf and 0/0 is nan, without a warning.
without_warnings = np.errstate(divide="ignore", invalid="ignore", over="ignore")


def unbroadcast(grad: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum a gradient over the axes along which NumPy repeated the input.

    y[i, j] = x[j] for every i   gives   dL/dx[j] = Σᵢ dL/dy[i, j]

    Shapes: grad has the shape that `shape` was broadcast to, the result has `shape`.
    Raises ValueError if `shape` does not broadcast to the shape of grad.
    """
    ### BEGIN SOLUTION functional.unbroadcast: dL/dx = Σ dL/dy over every axis along which x was repeated
    if grad.shape == shape:
        return np.asarray(grad)
    new_axes = grad.ndim - len(shape)
    if new_axes < 0 or any(size not in (1, grown) for size, grown in zip(shape, grad.shape[new_axes:], strict=True)):
        raise ValueError(f"shape must broadcast to the gradient's shape; got {shape} for a gradient of {grad.shape}.")
    stretched_axes = tuple(new_axes + axis for axis, size in enumerate(shape) if size == 1)
    return np.asarray(grad.sum(axis=(*range(new_axes), *stretched_axes))).reshape(shape)
    ### END SOLUTION


def unbroadcast_both(
    a_grad: np.ndarray, b_grad: np.ndarray, a: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sum both gradients of an operation with two inputs to its inputs' shapes, which they most often have already."""
    if a.shape == b.shape != ():
        return a_grad, b_grad
    return unbroadcast(a_grad, a.shape), unbroadcast(b_grad, b.shape)


def identity_backward(grad_output: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
    """Gradient of y = x.  dy/dx = 1."""
    ### BEGIN SOLUTION functional.add: dy/dx = 1 for y = x
    return (grad_output,)
    ### END SOLUTION


def add_backward(grad_output: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of y = a + b.  ∂y/∂a = 1, ∂y/∂b = 1."""
    ### BEGIN SOLUTION functional.add: ∂y/∂a = 1 and ∂y/∂b = 1 for y = a + b
    return unbroadcast_both(grad_output, grad_output, a, b)
    ### END SOLUTION


def sub_backward(grad_output: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of y = a - b.  ∂y/∂a = 1, ∂y/∂b = -1."""
    ### BEGIN SOLUTION functional.add: ∂y/∂a = 1 and ∂y/∂b = -1 for y = a - b
    return unbroadcast_both(grad_output, -grad_output, a, b)
    ### END SOLUTION


def neg_backward(grad_output: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
    """Gradient of y = -x.  dy/dx = -1."""
    ### BEGIN SOLUTION functional.add: dy/dx = -1 for y = -x
    return (np.asarray(-grad_output),)
    ### END SOLUTION


def mul_backward(grad_output: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of y = a · b, element by element.  ∂y/∂a = b, ∂y/∂b = a."""
    ### BEGIN SOLUTION functional.mul: ∂y/∂a = b and ∂y/∂b = a for y = a · b
    return unbroadcast_both(grad_output * b, grad_output * a, a, b)
    ### END SOLUTION


@without_warnings
def div_backward(grad_output: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of y = a / b.  ∂y/∂a = 1/b, ∂y/∂b = -a/b²."""
    ### BEGIN SOLUTION functional.mul: ∂y/∂a = 1/b and ∂y/∂b = -a/b² for y = a / b
    a_grad = grad_output / b
    b_grad = -a_grad * (a / b)  # not a / b², which overflows long before a / b does
    return unbroadcast_both(a_grad, b_grad, a, b)
    ### END SOLUTION


@without_warnings
def pow_backward(grad_output: np.ndarray, base: np.ndarray, exponent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of y = base ** exponent.

    ∂y/∂base = exponent · base^(exponent - 1), and 0 where exponent = 0
    ∂y/∂exponent = y · ln base, and 0 where base = 0 and exponent ≥ 0 (nan where base < 0, as in torch)
    """
    ### BEGIN SOLUTION functional.pow: ∂y/∂base = exponent · base^(exponent - 1) and ∂y/∂exponent = y · ln base
    base_grad = grad_output * exponent * base ** (exponent - 1)
    base_grad = np.where(exponent == 0, 0, base_grad)  # base⁰ is 1 even at base = 0, where the line above has 0 · inf
    exponent_grad = grad_output * base**exponent * np.log(base)
    exponent_grad = np.where((base == 0) & (exponent >= 0), 0, exponent_grad)  # 0^exponent stays 0: no slope
    return unbroadcast_both(base_grad, exponent_grad, base, exponent)
    ### END SOLUTION


@without_warnings
def exp_backward(grad_output: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
    """Gradient of y = eˣ.  dy/dx = eˣ."""
    ### BEGIN SOLUTION functional.exp: dy/dx = eˣ for y = eˣ
    return (np.asarray(grad_output * np.exp(x)),)
    ### END SOLUTION


@without_warnings
def log_backward(grad_output: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
    """Gradient of y = ln x.  dy/dx = 1/x."""
    ### BEGIN SOLUTION functional.exp: dy/dx = 1/x for y = ln x
    return (np.asarray(grad_output / x),)
    ### END SOLUTION


@without_warnings
def sqrt_backward(grad_output: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
    """Gradient of y = √x.  dy/dx = 1 / (2√x)."""
    ### BEGIN SOLUTION functional.exp: dy/dx = 1 / (2√x) for y = √x
    return (np.asarray(grad_output / (2 * np.sqrt(x))),)
    ### END SOLUTION


def tanh_backward(grad_output: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
    """Gradient of y = tanh x.  dy/dx = 1 - tanh² x."""
    ### BEGIN SOLUTION functional.activations: dy/dx = 1 - tanh² x for y = tanh x
    return (np.asarray(grad_output * (1 - np.tanh(x) ** 2)),)
    ### END SOLUTION


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Squash any number into (0, 1).

    σ(x) = 1 / (1 + e⁻ˣ) = eˣ / (1 + eˣ)
    """
    ### BEGIN SOLUTION functional.activations: σ(x) = 1 / (1 + e⁻ˣ), without overflow for any x
    decay = np.exp(-np.abs(x))  # at most 1; e⁻ˣ alone overflows below -709 in float64
    return np.asarray(np.where(x >= 0, 1, decay) / (1 + decay))
    ### END SOLUTION


def sigmoid_backward(grad_output: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
    """Gradient of y = σ(x).  dy/dx = σ(x) · (1 - σ(x))."""
    ### BEGIN SOLUTION functional.activations: dy/dx = σ(x) · (1 - σ(x)) for y = σ(x)
    y = sigmoid(x)
    return (np.asarray(grad_output * y * (1 - y)),)
    ### END SOLUTION


def relu_backward(grad_output: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
    """Gradient of y = max(x, 0).  dy/dx = 1 where x > 0, else 0; at x = 0 the slope is taken as 0."""
    ### BEGIN SOLUTION functional.activations: dy/dx = 1 where x > 0, else 0, for y = max(x, 0)
    return (np.where(x > 0, grad_output, 0),)
    ### END SOLUTION


def matmul_backward(grad_output: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of the matrix product Y = A B (Giles 2008).

    dL/dA = dL/dY Bᵀ,  dL/dB = Aᵀ dL/dY

    Shapes: a (..., n, k), b (..., k, m), grad_output (..., n, m); leading axes broadcast.
    A 1-D a stands for a row (1, k) and a 1-D b for a column (k, 1); that axis is absent from grad_output.
    """
    ### BEGIN SOLUTION functional.matmul: dL/dA = dL/dY Bᵀ and dL/dB = Aᵀ dL/dY for Y = A B
    rows = a[np.newaxis, :] if a.ndim == 1 else a  # (…, n, k)
    columns = b[:, np.newaxis] if b.ndim == 1 else b  # (…, k, m)
    if b.ndim == 1:
        grad_output = np.expand_dims(grad_output, -1)  # (…, n, 1)
    if a.ndim == 1:
        grad_output = np.expand_dims(grad_output, -2)  # (…, 1, m)
    a_grad = unbroadcast(grad_output @ columns.mT, rows.shape)  # (…, n, m) (…, m, k)
    b_grad = unbroadcast(rows.mT @ grad_output, columns.shape)  # (…, k, n) (…, n, m)
    return a_grad.reshape(a.shape), b_grad.reshape(b.shape)
    ### END SOLUTION


def restore_axes(grad_output: np.ndarray, axis: Axis, keepdims: bool) -> np.ndarray:
    """Put back, with size 1, the axes that a reduction took away: the gradient then broadcasts against its input."""
    if keepdims or axis is None:  # for axis=None grad_output is 0-d and broadcasts as it is
        return grad_output
    return np.expand_dims(grad_output, axis)


def sum_backward(
    grad_output: np.ndarray, x: np.ndarray, axis: Axis = None, keepdims: bool = False
) -> tuple[np.ndarray]:
    """Gradient of y = x.sum(axis, keepdims).  ∂y/∂xᵢ = 1 for every xᵢ in the sum."""
    ### BEGIN SOLUTION functional.sum: ∂y/∂xᵢ = 1 for y = Σᵢ xᵢ
    repeated = np.broadcast_to(restore_axes(grad_output, axis, keepdims), x.shape)
    return (repeated.copy(),)  # a broadcast view holds one number for many elements and is read-only
    ### END SOLUTION


def mean_backward(
    grad_output: np.ndarray, x: np.ndarray, axis: Axis = None, keepdims: bool = False
) -> tuple[np.ndarray]:
    """Gradient of y = x.mean(axis, keepdims) over n elements.  ∂y/∂xᵢ = 1/n."""
    ### BEGIN SOLUTION functional.sum: ∂y/∂xᵢ = 1/n for y = (1/n) Σᵢ xᵢ
    (x_grad,) = sum_backward(grad_output, x, axis, keepdims)
    return (np.asarray(x_grad / (x.size // max(grad_output.size, 1))),)
    ### END SOLUTION


@without_warnings
def max_backward(
    grad_output: np.ndarray, x: np.ndarray, axis: Axis = None, keepdims: bool = False
) -> tuple[np.ndarray]:
    """Gradient of y = x.max(axis, keepdims).  ∂y/∂xᵢ = 1 at the maximum, else 0.

    Ties along one integer axis: the first maximum gets it all, as in torch.max(dim).
    Ties over a tuple of axes or all of them: n maxima get 1/n each, as in torch.amax.
    """
    ### BEGIN SOLUTION functional.max: ∂y/∂xᵢ = 1 at the maximum; the first tie takes it (one axis) or all share it
    grad_output = restore_axes(grad_output, axis, keepdims)
    if isinstance(axis, int | np.integer):
        x_grad = np.zeros(x.shape, grad_output.dtype)
        np.put_along_axis(x_grad, x.argmax(axis, keepdims=True), grad_output, axis)
        return (x_grad,)
    is_maximum = x == x.max(axis, keepdims=True)
    maxima = is_maximum.sum(axis, keepdims=True, dtype=grad_output.dtype)
    return (np.asarray(grad_output * is_maximum / maxima),)
    ### END SOLUTION


def reshape_backward(grad_output: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
    """Gradient of y = x.reshape(shape): the same numbers in the shape of x."""
    ### BEGIN SOLUTION functional.reshape: dL/dx holds the numbers of dL/dy in the shape of x
    return (grad_output.reshape(x.shape),)
    ### END SOLUTION


def transpose_backward(
    grad_output: np.ndarray, x: np.ndarray, axes: tuple[int, ...] | None = None
) -> tuple[np.ndarray]:
    """Gradient of y = x.transpose(axes): the axes go back to where they came from.

    Axis i of y is axis axes[i] of x; without `axes` the order is reversed.
    """
    ### BEGIN SOLUTION functional.reshape: axis i of dL/dy is axis axes[i] of dL/dx
    if axes is None:
        return (grad_output.transpose(),)
    return (grad_output.transpose(np.argsort([axis % x.ndim for axis in axes])),)  # argsort inverts a permutation
    ### END SOLUTION


def getitem_backward(grad_output: np.ndarray, x: np.ndarray, index: Any) -> tuple[np.ndarray, None]:
    """Gradient of y = x[index], for every kind of index that NumPy knows.

    dL/dxᵢ = Σ dL/dyⱼ over all j that were taken from xᵢ; 0 where nothing was taken.
    """
    ### BEGIN SOLUTION functional.getitem: dL/dxᵢ = Σ dL/dyⱼ over all j that were taken from xᵢ
    x_grad = np.zeros(x.shape, grad_output.dtype)
    np.add.at(x_grad, index, grad_output)  # x_grad[index] += grad_output would keep one of several additions
    return x_grad, None
    ### END SOLUTION


def concatenate_backward(grad_output: np.ndarray, *arrays: np.ndarray, axis: int = 0) -> tuple[np.ndarray, ...]:
    """Gradient of y = concatenate(arrays, axis): each array gets the piece of dL/dy that it filled."""
    ### BEGIN SOLUTION functional.concatenate: each array gets the piece of dL/dy that it filled
    ends = np.cumsum([array.shape[axis] for array in arrays])
    return tuple(np.split(grad_output, ends[:-1], axis))
    ### END SOLUTION


def where_backward(
    grad_output: np.ndarray, condition: np.ndarray, a: np.ndarray, b: np.ndarray
) -> tuple[None, np.ndarray, np.ndarray]:
    """Gradient of y = where(condition, a, b).  ∂y/∂a = 1 where the condition holds, ∂y/∂b = 1 elsewhere."""
    ### BEGIN SOLUTION functional.concatenate: ∂y/∂a = 1 where the condition holds and ∂y/∂b = 1 elsewhere
    a_grad = np.where(condition, grad_output, 0)
    b_grad = np.where(condition, 0, grad_output)
    return None, unbroadcast(a_grad, a.shape), unbroadcast(b_grad, b.shape)
    ### END SOLUTION


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Compute the logarithm of the softmax over the last axis.

    log softmax(x) = x - ln Σⱼ exp xⱼ
    """
    ### BEGIN SOLUTION functional.softmax_cross_entropy: log softmax(x) = x - ln Σⱼ exp xⱼ, without overflow for any x
    shifted = logits - logits.max(axis=-1, keepdims=True)  # the same softmax; exp overflows above 709 in float64
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    ### END SOLUTION


@without_warnings
def softmax_cross_entropy(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Compute the cross-entropy between targets and softmax(logits), averaged over the batch.

    L = -(1/b) Σᵢⱼ pᵢⱼ log softmax(logits)ᵢⱼ

    Shapes: logits (b, v), targets (b,) integer classes or (b, v) probabilities p, result 0-d.
    Raises TypeError or ValueError if the targets do not fit the logits.
    """
    ### BEGIN SOLUTION functional.softmax_cross_entropy: L = -(1/b) Σᵢⱼ pᵢⱼ log softmax(logits)ᵢⱼ
    probabilities = target_probabilities(logits, targets)
    terms = np.where(probabilities == 0, 0, probabilities * log_softmax(logits))  # 0 · ln 0 counts as 0
    return np.asarray(-terms.sum() / len(logits))
    ### END SOLUTION


@without_warnings
def softmax_cross_entropy_backward(
    grad_output: np.ndarray, logits: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Gradient of softmax_cross_entropy.

    ∂L/∂logits = (softmax(logits) · Σⱼ pⱼ - p) / b        (Σⱼ pⱼ is 1 for a distribution)
    ∂L/∂p = -log softmax(logits) / b, and None for integer targets
    """
    ### BEGIN SOLUTION functional.softmax_cross_entropy: ∂L/∂logits = (softmax(logits) - p) / b
    probabilities = target_probabilities(logits, targets)
    log_predicted = log_softmax(logits)
    scale = grad_output / max(len(logits), 1)
    total = probabilities.sum(axis=-1, keepdims=True)
    logits_grad = scale * (np.exp(log_predicted) * total - probabilities)
    return logits_grad, None if targets.ndim == 1 else -scale * log_predicted
    ### END SOLUTION


def target_probabilities(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return targets as probabilities (b, v): integer classes become rows with a single 1.

    Raises ValueError or TypeError if the targets do not fit the logits.
    """
    if logits.ndim != 2:
        raise ValueError(f"logits must be (batch, classes); got shape {logits.shape}.")
    if targets.shape == logits.shape:
        return targets
    if targets.shape != logits.shape[:1]:
        raise ValueError(
            f"targets must be (batch,) classes or {logits.shape} probabilities for logits of shape {logits.shape}; "
            f"got shape {targets.shape}."
        )
    if not np.issubdtype(targets.dtype, np.integer):
        raise TypeError(f"targets of shape (batch,) must be integer classes; got {targets.dtype}.")
    classes = logits.shape[1]
    if targets.size and not 0 <= targets.min() <= targets.max() < classes:
        raise ValueError(f"targets must lie in 0..{classes - 1}; got {targets.min()}..{targets.max()}.")
    probabilities = np.zeros(logits.shape, logits.dtype)
    probabilities[np.arange(len(targets)), targets] = 1
    return probabilities

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
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.unbroadcast: dL/dx = Σ dL/dy over every axis along which x was repeated. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def unbroadcast_both(
    a_grad: np.ndarray, b_grad: np.ndarray, a: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sum both gradients of an operation with two inputs to its inputs' shapes, which they most often have already."""
    if a.shape == b.shape != ():
        return a_grad, b_grad
    return unbroadcast(a_grad, a.shape), unbroadcast(b_grad, b.shape)


def identity_backward(grad_output: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
    """Gradient of y = x.  dy/dx = 1."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.add: dy/dx = 1 for y = x. See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def add_backward(grad_output: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of y = a + b.  ∂y/∂a = 1, ∂y/∂b = 1."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.add: ∂y/∂a = 1 and ∂y/∂b = 1 for y = a + b. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def sub_backward(grad_output: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of y = a - b.  ∂y/∂a = 1, ∂y/∂b = -1."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.add: ∂y/∂a = 1 and ∂y/∂b = -1 for y = a - b. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def neg_backward(grad_output: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
    """Gradient of y = -x.  dy/dx = -1."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.add: dy/dx = -1 for y = -x. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def mul_backward(grad_output: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of y = a · b, element by element.  ∂y/∂a = b, ∂y/∂b = a."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.mul: ∂y/∂a = b and ∂y/∂b = a for y = a · b. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


@without_warnings
def div_backward(grad_output: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of y = a / b.  ∂y/∂a = 1/b, ∂y/∂b = -a/b²."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.mul: ∂y/∂a = 1/b and ∂y/∂b = -a/b² for y = a / b. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


@without_warnings
def pow_backward(grad_output: np.ndarray, base: np.ndarray, exponent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of y = base ** exponent.

    ∂y/∂base = exponent · base^(exponent - 1), and 0 where exponent = 0
    ∂y/∂exponent = y · ln base, and 0 where base = 0 and exponent ≥ 0 (nan where base < 0, as in torch)
    """
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.pow: ∂y/∂base = exponent · base^(exponent - 1) and ∂y/∂exponent = y · ln base. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


@without_warnings
def exp_backward(grad_output: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
    """Gradient of y = eˣ.  dy/dx = eˣ."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.exp: dy/dx = eˣ for y = eˣ. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


@without_warnings
def log_backward(grad_output: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
    """Gradient of y = ln x.  dy/dx = 1/x."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.exp: dy/dx = 1/x for y = ln x. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


@without_warnings
def sqrt_backward(grad_output: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
    """Gradient of y = √x.  dy/dx = 1 / (2√x)."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.exp: dy/dx = 1 / (2√x) for y = √x. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def tanh_backward(grad_output: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
    """Gradient of y = tanh x.  dy/dx = 1 - tanh² x."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.activations: dy/dx = 1 - tanh² x for y = tanh x. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Squash any number into (0, 1).

    σ(x) = 1 / (1 + e⁻ˣ) = eˣ / (1 + eˣ)
    """
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.activations: σ(x) = 1 / (1 + e⁻ˣ), without overflow for any x. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def sigmoid_backward(grad_output: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
    """Gradient of y = σ(x).  dy/dx = σ(x) · (1 - σ(x))."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.activations: dy/dx = σ(x) · (1 - σ(x)) for y = σ(x). "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def relu_backward(grad_output: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
    """Gradient of y = max(x, 0).  dy/dx = 1 where x > 0, else 0; at x = 0 the slope is taken as 0."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.activations: dy/dx = 1 where x > 0, else 0, for y = max(x, 0). "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def matmul_backward(grad_output: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of the matrix product Y = A B (Giles 2008).

    dL/dA = dL/dY Bᵀ,  dL/dB = Aᵀ dL/dY

    Shapes: a (..., n, k), b (..., k, m), grad_output (..., n, m); leading axes broadcast.
    A 1-D a stands for a row (1, k) and a 1-D b for a column (k, 1); that axis is absent from grad_output.
    """
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.matmul: dL/dA = dL/dY Bᵀ and dL/dB = Aᵀ dL/dY for Y = A B. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def restore_axes(grad_output: np.ndarray, axis: Axis, keepdims: bool) -> np.ndarray:
    """Put back, with size 1, the axes that a reduction took away: the gradient then broadcasts against its input."""
    if keepdims or axis is None:  # for axis=None grad_output is 0-d and broadcasts as it is
        return grad_output
    return np.expand_dims(grad_output, axis)


def sum_backward(
    grad_output: np.ndarray, x: np.ndarray, axis: Axis = None, keepdims: bool = False
) -> tuple[np.ndarray]:
    """Gradient of y = x.sum(axis, keepdims).  ∂y/∂xᵢ = 1 for every xᵢ in the sum."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.sum: ∂y/∂xᵢ = 1 for y = Σᵢ xᵢ. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def mean_backward(
    grad_output: np.ndarray, x: np.ndarray, axis: Axis = None, keepdims: bool = False
) -> tuple[np.ndarray]:
    """Gradient of y = x.mean(axis, keepdims) over n elements.  ∂y/∂xᵢ = 1/n."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.sum: ∂y/∂xᵢ = 1/n for y = (1/n) Σᵢ xᵢ. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


@without_warnings
def max_backward(
    grad_output: np.ndarray, x: np.ndarray, axis: Axis = None, keepdims: bool = False
) -> tuple[np.ndarray]:
    """Gradient of y = x.max(axis, keepdims).  ∂y/∂xᵢ = 1 at the maximum, else 0.

    Ties along one integer axis: the first maximum gets it all, as in torch.max(dim).
    Ties over a tuple of axes or all of them: n maxima get 1/n each, as in torch.amax.
    """
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.max: ∂y/∂xᵢ = 1 at the maximum; the first tie takes it (one axis) or all share it. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def reshape_backward(grad_output: np.ndarray, x: np.ndarray) -> tuple[np.ndarray]:
    """Gradient of y = x.reshape(shape): the same numbers in the shape of x."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.reshape: dL/dx holds the numbers of dL/dy in the shape of x. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def transpose_backward(
    grad_output: np.ndarray, x: np.ndarray, axes: tuple[int, ...] | None = None
) -> tuple[np.ndarray]:
    """Gradient of y = x.transpose(axes): the axes go back to where they came from.

    Axis i of y is axis axes[i] of x; without `axes` the order is reversed.
    """
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.reshape: axis i of dL/dy is axis axes[i] of dL/dx. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def getitem_backward(grad_output: np.ndarray, x: np.ndarray, index: Any) -> tuple[np.ndarray, None]:
    """Gradient of y = x[index], for every kind of index that NumPy knows.

    dL/dxᵢ = Σ dL/dyⱼ over all j that were taken from xᵢ; 0 where nothing was taken.
    """
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.getitem: dL/dxᵢ = Σ dL/dyⱼ over all j that were taken from xᵢ. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def concatenate_backward(grad_output: np.ndarray, *arrays: np.ndarray, axis: int = 0) -> tuple[np.ndarray, ...]:
    """Gradient of y = concatenate(arrays, axis): each array gets the piece of dL/dy that it filled."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.concatenate: each array gets the piece of dL/dy that it filled. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def where_backward(
    grad_output: np.ndarray, condition: np.ndarray, a: np.ndarray, b: np.ndarray
) -> tuple[None, np.ndarray, np.ndarray]:
    """Gradient of y = where(condition, a, b).  ∂y/∂a = 1 where the condition holds, ∂y/∂b = 1 elsewhere."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.concatenate: ∂y/∂a = 1 where the condition holds and ∂y/∂b = 1 elsewhere. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Compute the logarithm of the softmax over the last axis.

    log softmax(x) = x - ln Σⱼ exp xⱼ
    """
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.softmax_cross_entropy: log softmax(x) = x - ln Σⱼ exp xⱼ, without overflow for any x. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


@without_warnings
def softmax_cross_entropy(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Compute the cross-entropy between targets and softmax(logits), averaged over the batch.

    L = -(1/b) Σᵢⱼ pᵢⱼ log softmax(logits)ᵢⱼ

    Shapes: logits (b, v), targets (b,) integer classes or (b, v) probabilities p, result 0-d.
    Raises TypeError or ValueError if the targets do not fit the logits.
    """
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.softmax_cross_entropy: L = -(1/b) Σᵢⱼ pᵢⱼ log softmax(logits)ᵢⱼ. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


@without_warnings
def softmax_cross_entropy_backward(
    grad_output: np.ndarray, logits: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Gradient of softmax_cross_entropy.

    ∂L/∂logits = (softmax(logits) · Σⱼ pⱼ - p) / b        (Σⱼ pⱼ is 1 for a distribution)
    ∂L/∂p = -log softmax(logits) / b, and None for integer targets
    """
    # YOUR CODE HERE
    raise NotImplementedError(
        "functional.softmax_cross_entropy: ∂L/∂logits = (softmax(logits) - p) / b. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


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

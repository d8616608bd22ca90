"""Probes of the gradient rules: call one, and give each gradient its name."""

from __future__ import annotations

from typing import Any

import numpy as np

from part1_autograd import functional

Array = np.ndarray
Axis = int | tuple[int, ...] | None
Named = dict[str, Any]


def unbroadcast(grad: Array, shape: tuple[int, ...]) -> Named:
    """Sum a gradient back to the shape that was broadcast."""
    return {"grad": functional.unbroadcast(grad, shape)}


def identity_backward(grad_output: Array, x: Array) -> Named:
    """Differentiate y = x."""
    return _named(functional.identity_backward(grad_output, x), "x_grad")


def add_backward(grad_output: Array, a: Array, b: Array) -> Named:
    """Return both gradients of y = a + b."""
    return _named(functional.add_backward(grad_output, a, b), "a_grad", "b_grad")


def sub_backward(grad_output: Array, a: Array, b: Array) -> Named:
    """Return both gradients of y = a - b."""
    return _named(functional.sub_backward(grad_output, a, b), "a_grad", "b_grad")


def neg_backward(grad_output: Array, x: Array) -> Named:
    """Differentiate y = -x."""
    return _named(functional.neg_backward(grad_output, x), "x_grad")


def mul_backward(grad_output: Array, a: Array, b: Array) -> Named:
    """Return both gradients of y = a * b."""
    return _named(functional.mul_backward(grad_output, a, b), "a_grad", "b_grad")


def div_backward(grad_output: Array, a: Array, b: Array) -> Named:
    """Return both gradients of y = a / b."""
    return _named(functional.div_backward(grad_output, a, b), "a_grad", "b_grad")


def pow_backward(grad_output: Array, base: Array, exponent: Array) -> Named:
    """Return both gradients of y = base ** exponent."""
    return _named(functional.pow_backward(grad_output, base, exponent), "base_grad", "exponent_grad")


def exp_backward(grad_output: Array, x: Array) -> Named:
    """Differentiate y = np.exp(x)."""
    return _named(functional.exp_backward(grad_output, x), "x_grad")


def log_backward(grad_output: Array, x: Array) -> Named:
    """Differentiate y = np.log(x)."""
    return _named(functional.log_backward(grad_output, x), "x_grad")


def sqrt_backward(grad_output: Array, x: Array) -> Named:
    """Differentiate y = np.sqrt(x)."""
    return _named(functional.sqrt_backward(grad_output, x), "x_grad")


def tanh_backward(grad_output: Array, x: Array) -> Named:
    """Differentiate y = np.tanh(x)."""
    return _named(functional.tanh_backward(grad_output, x), "x_grad")


def sigmoid_backward(grad_output: Array, x: Array) -> Named:
    """Differentiate y = 1 / (1 + np.exp(-x)); an overflow on the way is an error."""
    with np.errstate(over="raise", invalid="raise"):
        return _named(functional.sigmoid_backward(grad_output, x), "x_grad")


def relu_backward(grad_output: Array, x: Array) -> Named:
    """Differentiate y = np.maximum(x, 0)."""
    return _named(functional.relu_backward(grad_output, x), "x_grad")


def matmul_backward(grad_output: Array, a: Array, b: Array) -> Named:
    """Return both gradients of y = a @ b."""
    return _named(functional.matmul_backward(grad_output, a, b), "a_grad", "b_grad")


def sum_backward(grad_output: Array, x: Array, axis: Axis, keepdims: bool) -> Named:
    """Differentiate y = x.sum(axis=axis, keepdims=keepdims)."""
    return _named(functional.sum_backward(grad_output, x, axis=axis, keepdims=keepdims), "x_grad")


def mean_backward(grad_output: Array, x: Array, axis: Axis, keepdims: bool) -> Named:
    """Differentiate y = x.mean(axis=axis, keepdims=keepdims)."""
    return _named(functional.mean_backward(grad_output, x, axis=axis, keepdims=keepdims), "x_grad")


def max_backward(grad_output: Array, x: Array, axis: Axis, keepdims: bool) -> Named:
    """Differentiate y = x.max(axis=axis, keepdims=keepdims)."""
    return _named(functional.max_backward(grad_output, x, axis=axis, keepdims=keepdims), "x_grad")


def reshape_backward(grad_output: Array, x: Array) -> Named:
    """Differentiate y = x.reshape(grad_output.shape)."""
    return _named(functional.reshape_backward(grad_output, x), "x_grad")


def transpose_backward(grad_output: Array, x: Array, axes: tuple[int, ...] | None) -> Named:
    """Differentiate y = x.transpose(axes)."""
    return _named(functional.transpose_backward(grad_output, x, axes=axes), "x_grad")


def getitem_backward(grad_output: Array, x: Array, index: list[Any]) -> Named:
    """Differentiate y = x[index]. A list [start, stop, step] stands for a slice."""
    brackets = tuple(slice(*entry) if isinstance(entry, list) else entry for entry in index)
    return _named(functional.getitem_backward(grad_output, x, brackets), "x_grad", "index_grad")


def concatenate_backward(grad_output: Array, arrays: list[Array], axis: int) -> Named:
    """Differentiate y = np.concatenate(arrays, axis=axis), one for each array."""
    gradients = functional.concatenate_backward(grad_output, *arrays, axis=axis)
    return _named(gradients, *(f"arrays[{position}]_grad" for position in range(len(arrays))))


def where_backward(grad_output: Array, condition: Array, a: Array, b: Array) -> Named:
    """Differentiate y = np.where(condition, a, b); a condition has none."""
    return _named(functional.where_backward(grad_output, condition, a, b), "condition_grad", "a_grad", "b_grad")


def softmax_cross_entropy_backward(grad_output: Array, logits: Array, targets: Array) -> Named:
    """Return the loss and its gradients; an overflow on the way is an error."""
    with np.errstate(over="raise", invalid="raise"):
        loss = functional.softmax_cross_entropy(logits, targets)
        gradients = functional.softmax_cross_entropy_backward(grad_output, logits, targets)
    return {"loss": loss, **_named(gradients, "logits_grad", "targets_grad")}


def on_views(probe: str, arguments: dict[str, Any]) -> Named:
    """Call another probe with views instead of arrays; what it gives, and the arguments afterwards."""
    views = {name: _view(value) for name, value in arguments.items()}
    return {"gradients": globals()[probe](**views), "arguments": views}


def without_axes(probe: str, arguments: dict[str, Array]) -> Named:
    """Call another probe with arrays without axes; whether each gradient is an array too."""
    return {name: isinstance(gradient, np.ndarray) for name, gradient in globals()[probe](**arguments).items()}


def _view(value: Any) -> Any:
    """Lay the same numbers out in memory the other way round."""
    if not isinstance(value, np.ndarray) or value.ndim == 0:
        return value
    return np.ascontiguousarray(value.T[..., ::-1])[..., ::-1].T


def _named(gradients: Any, *names: str) -> Named:
    """Each gradient under its name. A rule returns a tuple, also of a single gradient."""
    if not isinstance(gradients, tuple) or len(gradients) != len(names):
        got = f"a tuple of {len(gradients)}" if isinstance(gradients, tuple) else f"a {type(gradients).__name__}"
        raise TypeError(f"the rule must return a tuple of {len(names)}: {', '.join(names)}; got {got}.")
    return dict(zip(names, gradients, strict=True))

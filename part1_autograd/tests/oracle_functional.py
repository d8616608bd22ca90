"""Torch's gradients of the rules, and what known mistakes would give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional as torch_functional

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array
from part1_autograd.tests.oracle import gradients, rule
from part1_autograd.tests.strategies import as_index

Axis = int | tuple[int, ...] | None

identity_backward = rule(torch.clone)
add_backward = rule(torch.add)
sub_backward = rule(torch.sub)
neg_backward = rule(torch.neg)
mul_backward = rule(torch.mul)
div_backward = rule(torch.div)
pow_backward = rule(torch.pow)
exp_backward = rule(torch.exp)
log_backward = rule(torch.log)
sqrt_backward = rule(torch.sqrt)
tanh_backward = rule(torch.tanh)
sigmoid_backward = rule(torch.sigmoid)
relu_backward = rule(torch.relu)
matmul_backward = rule(torch.matmul)


# Broadcasting


@truth
def unbroadcast(grad: Array, shape: tuple[int, ...]) -> Answer:
    return {"grad": torch.tensor(grad).sum_to_size(shape).numpy()}


def unbroadcast_mistakes(grad: Array, shape: tuple[int, ...]) -> Answer:
    total = _summed(grad, shape)
    copies = grad.size / max(1, total.size)
    kept = (1,) * (grad.ndim - len(shape)) + shape
    first = grad[tuple(slice(0, length) for length in kept)]
    if not grad.size:
        return {}
    return {
        "the copies' gradients are averaged; each copy acts on the loss by itself, so they add up": {
            "grad": total / max(1, copies)
        },
        "only the first copy's gradient is taken; each copy acts on the loss by itself, so they add up": {
            "grad": first.reshape(shape)
        },
    }


def _summed(grad: Array, shape: tuple[int, ...]) -> Array:
    return torch.tensor(grad).sum_to_size(shape).numpy()


def _like(right: Answer, **changed: Array) -> Answer:
    """Sum gradients of broadcast shape to the shapes and in the dtypes that they have in the right answer."""
    return {name: _summed(value, right[name].shape).astype(right[name].dtype) for name, value in changed.items()}


# Elementwise rules


def add_backward_mistakes(grad_output: Array, a: Array, b: Array) -> Answer:
    return {
        "the gradients have the shape of the output; each must be summed to the shape of its input": {
            "a_grad": grad_output,
            "b_grad": grad_output,
        }
    }


def sub_backward_mistakes(grad_output: Array, a: Array, b: Array) -> Answer:
    right = sub_backward(grad_output, a=a, b=b)
    return {"b's gradient has a's sign; d(a - b)/db is -1": _like(right, b_grad=grad_output)}


def mul_backward_mistakes(grad_output: Array, a: Array, b: Array) -> Answer:
    right = mul_backward(grad_output, a=a, b=b)
    return {
        "the factors are swapped: d(a·b)/da is b, and d(a·b)/db is a": _like(
            right, a_grad=grad_output * a, b_grad=grad_output * b
        )
    }


def times_b(grad_output: Array, a: Array, b: Array) -> Answer:
    """Multiply the upstream gradient by b, if it fits into it."""
    product = grad_output * b if b.shape == grad_output.shape else grad_output
    return {"grad_output": product, "a": a, "b": b}


def div_backward_mistakes(grad_output: Array, a: Array, b: Array) -> Answer:
    right = div_backward(grad_output, a=a, b=b)
    return {
        "the minus sign of d(a/b)/db = -a/b² is missing": _like(right, b_grad=grad_output * a / b**2),
        "b is not squared in d(a/b)/db = -a/b²": _like(right, b_grad=-grad_output * a / b),
        "a is missing from d(a/b)/db = -a/b²": _like(right, b_grad=-grad_output / b**2),
    }


def pow_backward_mistakes(grad_output: Array, base: Array, exponent: Array) -> Answer:
    right, power = pow_backward(grad_output, base=base, exponent=exponent), base**exponent
    return {
        "the exponent is not lowered by one in d(bᵉ)/db = e·bᵉ⁻¹": _like(
            right, base_grad=grad_output * exponent * power
        ),
        "the factor e is missing from d(bᵉ)/db = e·bᵉ⁻¹": _like(right, base_grad=grad_output * power / base),
        "the logarithm is missing from d(bᵉ)/de = bᵉ·ln b": _like(right, exponent_grad=grad_output * power),
        "the exponent's gradient is zero, as if it were a constant; here it is an input": _like(
            right, exponent_grad=0 * grad_output
        ),
    }


def exp_backward_mistakes(grad_output: Array, x: Array) -> Answer:
    return {"x·eˣ⁻¹ is the rule for a power; the derivative of eˣ is eˣ": {"x_grad": grad_output * x * np.exp(x - 1)}}


def log_backward_mistakes(grad_output: Array, x: Array) -> Answer:
    return {
        "the gradient is multiplied by ln x; the derivative of ln x is 1/x": {"x_grad": grad_output * np.log(x)},
        "the gradient is multiplied by x; the derivative of ln x is 1/x": {"x_grad": grad_output * x},
    }


def sqrt_backward_mistakes(grad_output: Array, x: Array) -> Answer:
    return {
        "the 2 is missing: the derivative of √x is 1 / (2√x)": {"x_grad": grad_output / np.sqrt(x)},
        "the gradient is multiplied by √x / 2; the derivative of √x is 1 / (2√x)": {
            "x_grad": grad_output * np.sqrt(x) / 2
        },
        "the root is missing: the derivative of √x is 1 / (2√x), not 1 / (2x)": {"x_grad": grad_output / (2 * x)},
    }


def tanh_backward_mistakes(grad_output: Array, x: Array) -> Answer:
    return {
        "1 - y² takes y = tanh(x), not x": {"x_grad": grad_output * (1 - x**2)},
        "tanh(x) is not squared in 1 - tanh²(x)": {"x_grad": grad_output * (1 - np.tanh(x))},
    }


def sigmoid_backward_mistakes(grad_output: Array, x: Array) -> Answer:
    y = torch.sigmoid(torch.tensor(x)).numpy()
    return {
        "y·(1 - y) takes y = σ(x), not x": {"x_grad": grad_output * x * (1 - x)},
        "the factor σ(x) is missing from σ(x)·(1 - σ(x))": {"x_grad": grad_output * (1 - y)},
        "this is the rule of tanh, 1 - y²; the derivative of σ is y·(1 - y)": {"x_grad": grad_output * (1 - y**2)},
    }


def relu_backward_mistakes(grad_output: Array, x: Array) -> Answer:
    return {
        "the gradient passes where x = 0 too; the slope there is taken as 0, as in torch": {
            "x_grad": grad_output * (x >= 0)
        },
        "the gradient is multiplied by relu(x); the slope is 1 where x > 0": {"x_grad": grad_output * np.maximum(x, 0)},
        "a negative gradient is cut off; what counts is the sign of x, not of the gradient": {
            "x_grad": np.maximum(grad_output, 0) * (x > 0)
        },
    }


# Matrices


def matmul_backward_mistakes(grad_output: Array, a: Array, b: Array) -> Answer:
    if a.ndim < 2 or b.ndim < 2:
        return {}
    right, alternatives = matmul_backward(grad_output, a=a, b=b), {}
    a_turned, b_turned = np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2)
    if b.shape[-1] == b.shape[-2]:
        alternatives["b is not transposed in dL/da = dL/dy bᵀ"] = _like(right, a_grad=grad_output @ b)
    if a.shape[-1] == a.shape[-2]:
        alternatives["a is not transposed in dL/db = aᵀ dL/dy"] = _like(right, b_grad=a @ grad_output)
    if a.shape[-2:] == b.shape[-2:] and a.shape[-1] == a.shape[-2]:
        alternatives["the factors stand in the wrong order: dL/da = dL/dy bᵀ"] = _like(
            right, a_grad=b_turned @ grad_output
        )
        alternatives["the factors stand in the wrong order: dL/db = aᵀ dL/dy"] = _like(
            right, b_grad=grad_output @ a_turned
        )
    return alternatives


# Reductions


def _axes(x: torch.Tensor, axis: Axis) -> int | tuple[int, ...]:
    return tuple(range(x.ndim)) if axis is None else axis


@truth
def sum_backward(grad_output: Array, x: Array, axis: Axis, keepdims: bool) -> Answer:
    return gradients(lambda x: torch.sum(x, _axes(x, axis), keepdims), grad_output, x=x)


@truth
def mean_backward(grad_output: Array, x: Array, axis: Axis, keepdims: bool) -> Answer:
    return gradients(lambda x: torch.mean(x, _axes(x, axis), keepdims), grad_output, x=x)


def mean_backward_mistakes(grad_output: Array, x: Array, axis: Axis, keepdims: bool) -> Answer:
    total = sum_backward(grad_output, x, axis, keepdims)["x_grad"]
    return {
        "the gradient is not divided by the number of averaged values: this is the rule of sum": {"x_grad": total},
        "the gradient is divided by the number of all values, not of those along the axis": {"x_grad": total / x.size},
    }


@truth
def max_backward(grad_output: Array, x: Array, axis: Axis, keepdims: bool) -> Answer:
    if isinstance(axis, int):
        return gradients(lambda x: torch.max(x, axis, keepdims).values, grad_output, x=x)
    return gradients(lambda x: torch.amax(x, _axes(x, axis), keepdims), grad_output, x=x)


def max_backward_mistakes(grad_output: Array, x: Array, axis: Axis, keepdims: bool) -> Answer:
    kept = grad_output if keepdims or axis is None else np.expand_dims(grad_output, axis)
    is_maximum = x == x.max(axis=axis, keepdims=True)
    ties = is_maximum.sum(axis=axis, keepdims=True, dtype=x.dtype)
    is_last = (
        is_maximum & (np.flip(np.cumsum(np.flip(is_maximum, axis), axis), axis) == 1)
        if isinstance(axis, int)
        else is_maximum
    )
    return {
        "every one of several equal maxima gets the whole gradient": {"x_grad": kept * is_maximum},
        "equal maxima share the gradient; along one axis the first maximum gets all of it": {
            "x_grad": kept * is_maximum / ties
        },
        "the last of several equal maxima gets the gradient; it belongs to the first": {"x_grad": kept * is_last},
        "the first of several equal maxima gets the whole gradient; over several axes they share it": {
            "x_grad": kept * _first_of_all(is_maximum)
        },
    }


def _first_of_all(chosen: Array) -> Array:
    """Choose the first of the chosen elements alone."""
    alone = np.zeros_like(chosen)
    alone.flat[np.flatnonzero(chosen)[:1]] = True
    return alone


# Shapes


@truth
def reshape_backward(grad_output: Array, x: Array) -> Answer:
    return gradients(lambda x: x.reshape(grad_output.shape), grad_output, x=x)


def reshape_backward_mistakes(grad_output: Array, x: Array) -> Answer:
    return {
        "the numbers are read column by column; reshape takes them row by row": {
            "x_grad": grad_output.reshape(x.shape, order="F")
        }
    }


@truth
def transpose_backward(grad_output: Array, x: Array, axes: tuple[int, ...] | None) -> Answer:
    return gradients(lambda x: x.permute(axes or tuple(reversed(range(x.ndim)))), grad_output, x=x)


def transpose_backward_mistakes(grad_output: Array, x: Array, axes: tuple[int, ...] | None) -> Answer:
    mistakes = {"the axes are moved forward once more; the way back is the inverse order": grad_output.transpose(axes)}
    if axes is not None:
        negative = "negative axes are put in order as they are; first count them from the front: axis % ndim"
        mistakes[negative] = grad_output.transpose(np.argsort(axes))
    return {sentence: {"x_grad": x_grad} for sentence, x_grad in mistakes.items()}


@truth
def getitem_backward(grad_output: Array, x: Array, index: list[Any]) -> Answer:
    positions = torch.tensor(np.arange(x.size).reshape(x.shape)[as_index(index)].copy())
    return {**gradients(lambda x: torch.take(x, positions), grad_output, x=x), "index_grad": None}


def getitem_backward_mistakes(grad_output: Array, x: Array, index: list[Any]) -> Answer:
    assigned = np.zeros_like(x)
    assigned[as_index(index)] = grad_output
    return {
        "an entry that was taken twice keeps only one of its gradients; they add up (np.add.at)": {"x_grad": assigned}
    }


@truth
def concatenate_backward(grad_output: Array, arrays: Sequence[Array], axis: int) -> Answer:
    named = {f"arrays[{position}]": value for position, value in enumerate(arrays)}
    return gradients(lambda *tensors: torch.cat(tensors, axis), grad_output, **named)


def concatenate_backward_mistakes(grad_output: Array, arrays: Sequence[Array], axis: int) -> Answer:
    pieces = np.array_split(grad_output, len(arrays), axis)
    return {
        "the pieces are as equal as can be; each must be as long as its array": {
            f"arrays[{position}]_grad": piece for position, piece in enumerate(pieces)
        }
    }


@truth
def where_backward(grad_output: Array, condition: Array, a: Array, b: Array) -> Answer:
    chosen = torch.tensor(condition)
    return {"condition_grad": None, **gradients(lambda a, b: torch.where(chosen, a, b), grad_output, a=a, b=b)}


def where_backward_mistakes(grad_output: Array, condition: Array, a: Array, b: Array) -> Answer:
    right = where_backward(grad_output, condition, a, b)
    swapped = _like(right, a_grad=np.where(condition, 0, grad_output), b_grad=np.where(condition, grad_output, 0))
    return {"a and b are swapped: a is taken where the condition holds": swapped}


# Classification


@truth
def softmax_cross_entropy_backward(grad_output: Array, logits: Array, targets: Array) -> Answer:
    if targets.ndim == logits.ndim:
        right = gradients(torch_functional.cross_entropy, grad_output, logits=logits, targets=targets)
    else:
        classes = torch.tensor(targets)
        right = gradients(lambda logits: torch_functional.cross_entropy(logits, classes), grad_output, logits=logits)
    return {"loss": right["output"], "logits_grad": right["logits_grad"], "targets_grad": right.get("targets_grad")}


def softmax_cross_entropy_backward_mistakes(grad_output: Array, logits: Array, targets: Array) -> Answer:
    right, batch = softmax_cross_entropy_backward(grad_output, logits, targets), len(logits)
    predicted = torch.softmax(torch.tensor(logits), dim=1).numpy()
    return {
        "the loss is summed over the batch; it is the average": _like(right, loss=right["loss"] * batch),
        "the gradient is not divided by the batch size, although the loss averages over the batch": _like(
            right, logits_grad=right["logits_grad"] * batch
        ),
        "the gradient is divided by the number of all logits, not by the batch size": _like(
            right, logits_grad=right["logits_grad"] / logits.shape[1]
        ),
        "the targets are not subtracted: (softmax - targets) / batch": _like(
            right, logits_grad=grad_output * predicted / batch
        ),
        "grad_output is left out": _like(right, logits_grad=right["logits_grad"] / grad_output),
        "targets that are probabilities get no gradient; the loss depends on them too": {"targets_grad": None},
    }

"""Torch's tensors, and what known mistakes would give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional as torch_functional

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array
from part1_autograd.tests.oracle import gradients, rule
from part1_autograd.tests.oracle_autograd_engine import differentiate
from part1_autograd.tests.oracle_functional import Axis, max_backward, mean_backward, sum_backward

OPERATORS: dict[str, Callable[..., torch.Tensor]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "@": lambda a, b: a @ b,
}


@truth
def operate(operator: str, a: Array, b: Array, grad_output: Array) -> Answer:
    return _each_way(gradients(OPERATORS[operator], grad_output, a=a, b=b))


def _each_way(both: Answer) -> Answer:
    """Tell what belongs to a tensor on either side, and to one on both."""
    return {
        "tensor with tensor": both,
        "tensor with array": {name: both[name] for name in ("output", "a_grad")},
        "array with tensor": {name: both[name] for name in ("output", "b_grad")},
    }


def operate_mistakes(operator: str, a: Array, b: Array, grad_output: Array) -> Answer:
    if operator not in ("-", "/", "**"):
        return {}
    swapped = gradients(lambda b: OPERATORS[operator](b, torch.tensor(a)), grad_output, b=b)
    mistakes: Answer = {_SWAPPED: {"array with tensor": swapped}}
    if operator == "/":
        products = gradients(OPERATORS["*"], grad_output, a=a, b=b)
        recorded = _each_way(
            {**products, "output": operate(operator, a, b, grad_output)["tensor with tensor"]["output"]}
        )
        mistakes["the quotient is recorded with the rule of a product"] = recorded
    return mistakes


@truth
def operate_with_number(operator: str, x: Array, number: float, grad_output: Array) -> Answer:
    """Combine with a number that stays one, so that float32 stays float32."""
    return {
        "tensor with number": gradients(lambda a: OPERATORS[operator](a, number), grad_output, a=x),
        "number with tensor": gradients(lambda b: OPERATORS[operator](number, b), grad_output, b=x),
    }


@truth
def power(x: Array, exponent: int, grad_output: Array) -> Answer:
    return gradients(lambda a: a**exponent, grad_output, a=x)


@truth
def where_with_number(condition: Array, x: Array, number: float, grad_output: Array) -> Answer:
    chosen = torch.tensor(condition)
    return {
        "tensor or number": gradients(lambda x: torch.where(chosen, x, number), grad_output, x=x),
        "number or tensor": gradients(lambda x: torch.where(chosen, number, x), grad_output, x=x),
    }


def operate_with_number_mistakes(operator: str, x: Array, number: float, grad_output: Array) -> Answer:
    swapped = gradients(lambda b: OPERATORS[operator](b, number), grad_output, b=x)
    return {_SWAPPED: {"number with tensor": swapped}}


_SWAPPED = "the reflected operands are not swapped: 2 - x calls x.__rsub__(2), which is 2 - x and not x - 2"


@truth
def call(function: str, grad_output: Array, x: Array) -> Answer:
    return gradients(getattr(torch, function), grad_output, x=x)


def call_mistakes(function: str, grad_output: Array, x: Array) -> Answer:
    others = {"sqrt": torch.log, "sigmoid": torch.tanh}
    if function == "relu":
        return {"relu gives |x|; it gives 0 below zero": {"output": np.abs(x)}}
    if function not in others:
        return {}
    other = gradients(others[function], grad_output, x=x)
    return {f"{function} is recorded with the rule of {others[function].__name__}": {"x_grad": other["x_grad"]}}


@truth
def reduce(reduction: str, grad_output: Array, x: Array, axis: Axis, keepdims: bool) -> Answer:
    rules = {"sum": sum_backward, "mean": mean_backward, "max": max_backward}
    return rules[reduction](grad_output, x, axis, keepdims)


def max_mistakes(reduction: str, grad_output: Array, x: Array, axis: Axis, keepdims: bool) -> Answer:
    """Give what a rule for the maximum of all values would, where its gradient can be broadcast."""
    lengths = zip(reversed(grad_output.shape), reversed(x.shape), strict=False)
    if not all(length in (1, of_x) for length, of_x in lengths):
        return {}
    is_maximum = x == x.max()
    return {
        "max is recorded with the rule for the maximum of all values: the axis is missing": {
            "x_grad": (grad_output * is_maximum / is_maximum.sum()).astype(x.dtype)
        }
    }


@truth
def backward(leaves: Sequence[Array], nodes: Sequence[Any], grad_outputs: Sequence[Array]) -> Answer:
    total = torch.tensor(np.stack(grad_outputs)).sum(dim=0).numpy()
    return {"before": [None] * len(leaves), "leaf_grads": differentiate(leaves, nodes, total)["leaf_grads"]}


def backward_mistakes(leaves: Sequence[Array], nodes: Sequence[Any], grad_outputs: Sequence[Array]) -> Answer:
    return {
        "a call of backward replaces the gradients; they add up": backward(leaves, nodes, grad_outputs[-1:]),
        "grad is zeros before backward; it must be None": {"before": [np.zeros_like(leaf) for leaf in leaves]},
    }


@truth
def multiply_with_detached(x: Array, grad_output: Array) -> Answer:
    return {**gradients(lambda x: x * x.detach(), grad_output, x=x), "requires_grad": False}


def multiply_with_detached_mistakes(x: Array, grad_output: Array) -> Answer:
    followed = gradients(lambda x: x * x, grad_output, x=x)
    return {"the gradient goes through detach too: x and x.detach() share one array": followed}


@truth
def apply_affine(x: Array, weight: Array, bias: Array, grad_output: Array) -> Answer:
    return gradients(
        lambda x, weight, bias: torch_functional.linear(-x, weight, bias) * 2,
        grad_output,
        x=x,
        weight=weight,
        bias=bias,
    )


def apply_affine_mistakes(x: Array, weight: Array, bias: Array, grad_output: Array) -> Answer:
    if weight.shape[0] != weight.shape[1]:
        return {}
    handed_on = "the gradient is handed on as it is; that of the input is what the layer's backward returns"
    return {handed_on: {"x_grad": -2 * grad_output}}


affine = rule(lambda x, weight, bias: torch_functional.linear(x, weight, bias))
apply_blend = rule(lambda a, b: a * torch.tanh(b))

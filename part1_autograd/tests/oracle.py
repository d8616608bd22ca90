"""The right answers of part 1, from torch; and what known mistakes would give.

A truth takes the arguments of the probe of the same name and gives plain data under the probe's names.
`<probe>_mistakes` maps a sentence about a mistake to what it changes in the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional as torch_functional

from autograder.testing import Candidate, Probe, assert_same, truth
from part1_autograd.tests.strategies import as_index

Array = np.ndarray
Axis = int | tuple[int, ...] | None
Answer = dict[str, Any]


def assert_right(
    candidate: Candidate, probe: Probe, problem: Answer, name: str = "", without: Sequence[str] = ()
) -> None:
    """A probe's answer is the truth of its name (or of another), and a known mistake of the probe is named."""
    got, right = candidate.run(probe, **problem), globals()[name or probe.name](**problem)

    @np.errstate(all="ignore")  # a wrong formula may divide by zero
    def mistakes() -> Answer:
        known = globals().get(f"{probe.name}_mistakes", lambda **problem: {})(**problem)
        return {sentence: {**right, **changed} for sentence, changed in known.items()}

    assert_same(got, right, names=[entry for entry in right if entry not in without], mistakes=mistakes)


def gradients(forward: Callable[..., torch.Tensor], grad_output: Array, **inputs: Array) -> Answer:
    """The output of `forward`, and torch's gradient of every input under the input's name followed by _grad."""
    tensors = [torch.tensor(value, requires_grad=True) for value in inputs.values()]
    output = forward(*tensors)
    found = _pull_back([output], [grad_output], tensors)
    named = {f"{name}_grad": gradient for name, gradient in zip(inputs, found, strict=True)}
    return {"output": output.detach().numpy(), **named}


def _pull_back(
    outputs: Sequence[torch.Tensor], grad_outputs: Sequence[Array], inputs: Sequence[torch.Tensor]
) -> list[Array]:
    """The gradient of every input of Σ output · grad_output, which is what grad_outputs mean.

    Given its grad_outputs argument, torch first imports its symbolic shapes, which takes longer than all tests.
    """
    parts = [
        (output * torch.tensor(grad_output)).sum() for output, grad_output in zip(outputs, grad_outputs, strict=True)
    ]
    loss = torch.stack(parts).sum()
    found = torch.autograd.grad(loss, inputs, allow_unused=True, materialize_grads=True)
    return [gradient.numpy() for gradient in found]


def _rule(forward: Callable[..., torch.Tensor]) -> Callable[..., Answer]:
    """The truth of a rule all of whose arguments are inputs."""

    @truth
    def output_and_gradients(grad_output: Array, **inputs: Array) -> Answer:
        return gradients(forward, grad_output, **inputs)

    return output_and_gradients


identity_backward = _rule(torch.clone)
add_backward = _rule(torch.add)
sub_backward = _rule(torch.sub)
neg_backward = _rule(torch.neg)
mul_backward = _rule(torch.mul)
div_backward = _rule(torch.div)
pow_backward = _rule(torch.pow)
exp_backward = _rule(torch.exp)
log_backward = _rule(torch.log)
sqrt_backward = _rule(torch.sqrt)
tanh_backward = _rule(torch.tanh)
sigmoid_backward = _rule(torch.sigmoid)
relu_backward = _rule(torch.relu)
matmul_backward = _rule(torch.matmul)


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
    """Gradients of broadcast shape, summed to the shapes and in the dtypes that they have in the right answer."""
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
    """The first of the chosen elements alone."""
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


@truth
def where_backward(grad_output: Array, condition: Array, a: Array, b: Array) -> Answer:
    chosen = torch.tensor(condition)
    return {"condition_grad": None, **gradients(lambda a, b: torch.where(chosen, a, b), grad_output, a=a, b=b)}


def where_backward_mistakes(grad_output: Array, condition: Array, a: Array, b: Array) -> Answer:
    right = where_backward(grad_output, condition, a, b)
    swapped = _like(right, a_grad=np.where(condition, 0, grad_output), b_grad=np.where(condition, grad_output, 0))
    return {"a and b are swapped: a is taken where the condition holds": swapped}


where_mistakes = where_backward_mistakes


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
    }


# The gradient buffer


@truth
def make_spots(arrays: Sequence[Array], chosen: Sequence[int]) -> Answer:
    return {
        "len": len(set(chosen)),
        "in": [position in chosen for position in range(len(arrays))],
        "gradients": [torch.zeros_like(torch.tensor(arrays[position])).numpy() for position in chosen],
    }


@truth
def update(arrays: Sequence[Array], arrivals: Sequence[Any]) -> Answer:
    totals = [torch.zeros_like(torch.tensor(array)) for array in arrays]
    for position, gradient in arrivals:
        totals[position] += torch.tensor(gradient)
    return {"gradients": [total.numpy() for total in totals]}


def update_mistakes(arrays: Sequence[Array], arrivals: Sequence[Any]) -> Answer:
    def keep_one(order: Sequence[Any]) -> Answer:
        kept = dict(order)
        return {"gradients": [kept.get(position, np.zeros_like(array)) for position, array in enumerate(arrays)]}

    return {
        "a new gradient replaces the old one; gradients add up": keep_one(arrivals),
        "only the first gradient is kept; gradients add up": keep_one(arrivals[::-1]),
    }


# Expressions

OPERATIONS: dict[str, Callable[..., torch.Tensor]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "neg": torch.neg,
    "double": lambda x: 2 * x,
    "square": lambda x: x**2,
    "tanh": torch.tanh,
    "matmul": torch.matmul,
}


def _evaluate(leaves: Sequence[torch.Tensor], nodes: Sequence[Any]) -> list[torch.Tensor]:
    values = list(leaves)
    for name, operands in nodes:
        values.append(OPERATIONS[name](*(values[operand] for operand in operands)))
    return values


@truth
def record(leaves: Sequence[Array], nodes: Sequence[Any]) -> Answer:
    """What an engine has recorded: every operation with the names of its arrays."""
    names = [f"leaf {position}" for position in range(len(leaves))]
    operations = []
    for number, (name, operands) in enumerate(nodes):
        names.append(f"result {number}")
        operations.append(
            {
                "inputs": [names[operand] for operand in operands],
                "output": names[-1],
                "gradients_to_update": [None] * len(operands),
                "backward_operation": name,
            }
        )
    return {"operations": operations}


@truth
def differentiate(leaves: Sequence[Array], nodes: Sequence[Any], grad_output: Array) -> Answer:
    tensors = [torch.tensor(leaf, requires_grad=True) for leaf in leaves]
    output = _evaluate(tensors, nodes)[-1]
    found = _pull_back([output], [grad_output], tensors)
    return {"output": output.detach().numpy(), "leaf_grads": found, "grad_output": grad_output}


def differentiate_mistakes(leaves: Sequence[Array], nodes: Sequence[Any], grad_output: Array) -> Answer:
    last = len(nodes) - 1
    overwritten = _walk_back(leaves, nodes, last, grad_output, {}, keep=lambda old, new: new)
    first = _walk_back(leaves, nodes, last, grad_output, {}, keep=lambda old, new: old)
    averaged = _walk_back(leaves, nodes, last, grad_output, {}, keep=lambda old, new: (old + new) / 2)
    return {
        "where an array is used twice the gradients are averaged; they add up": {"leaf_grads": averaged},
        "where an array is used twice the last gradient replaces the first; they add up": {"leaf_grads": overwritten},
        "where an array is used twice only one gradient is kept; they add up": {"leaf_grads": first},
    }


def _walk_back(
    leaves: Sequence[Array],
    nodes: Sequence[Any],
    start: int,
    grad_output: Array,
    arrived: dict[int, Array],
    keep: Callable[[Any, Any], Any],
    keep_at_leaves: Callable[[Any, Any], Any] | None = None,
) -> list[Array]:
    """Reverse mode that combines the gradients which meet at an array in its own way; torch does each operation."""
    values = [value.numpy() for value in _evaluate([torch.tensor(leaf) for leaf in leaves], nodes)]
    seed = len(leaves) + start
    arrived[seed] = keep(arrived[seed], grad_output) if seed in arrived else grad_output
    for number in reversed(range(len(nodes))):
        if len(leaves) + number not in arrived:
            continue
        name, operands = nodes[number]
        inputs = {str(place): values[operand] for place, operand in enumerate(operands)}
        _, *contributions = gradients(OPERATIONS[name], arrived[len(leaves) + number], **inputs).values()
        for operand, contribution in zip(operands, contributions, strict=True):
            together = keep_at_leaves or keep if operand < len(leaves) else keep
            arrived[operand] = together(arrived[operand], contribution) if operand in arrived else contribution
    return [arrived.get(position, np.zeros_like(leaf)) for position, leaf in enumerate(leaves)]


@truth
def repeat(leaves: Sequence[Array], nodes: Sequence[Any], starts: Sequence[Any]) -> Answer:
    tensors = [torch.tensor(leaf, requires_grad=True) for leaf in leaves]
    values = _evaluate(tensors, nodes)
    outputs = [values[len(leaves) + start] for start, _ in starts]
    return {"leaf_grads": _pull_back(outputs, [grad_output for _, grad_output in starts], tensors)}


def repeat_mistakes(leaves: Sequence[Array], nodes: Sequence[Any], starts: Sequence[Any]) -> Answer:
    arrived: dict[int, Array] = {}
    last: dict[int, Array] = {}
    for start, grad_output in starts:
        again = _walk_back(leaves, nodes, start, grad_output, arrived, keep=np.add)
        once: dict[int, Array] = {}
        _walk_back(leaves, nodes, start, grad_output, once, keep=np.add)
        last.update(once)
    replaced = [last.get(position, np.zeros_like(leaf)) for position, leaf in enumerate(leaves)]
    return {
        "what arrived between leaves and output is handed on again in the next call; it must start from zero": {
            "leaf_grads": again
        },
        "the last call replaces what earlier calls brought to the leaves; leaves add up": {"leaf_grads": replaced},
    }


@truth
def add_into_arrays(
    leaves: Sequence[Array], nodes: Sequence[Any], grad_output: Array, receivers: Sequence[Array]
) -> Answer:
    found = differentiate(leaves, nodes, grad_output)["leaf_grads"]
    return {"receivers": [np.asarray(receiver + gradient) for receiver, gradient in zip(receivers, found, strict=True)]}


def add_into_arrays_mistakes(
    leaves: Sequence[Array], nodes: Sequence[Any], grad_output: Array, receivers: Sequence[Array]
) -> Answer:
    last = _walk_back(leaves, nodes, len(nodes) - 1, grad_output, {}, np.add, keep_at_leaves=lambda old, new: new)
    return {
        "an array in gradients_to_update is left as it was; the gradient is added to it in place": {
            "receivers": list(receivers)
        },
        "the gradient replaces what was in the array; it is added to it": {"receivers": last},
    }


@truth
def visits(leaves: Sequence[Array], nodes: Sequence[Any], start: int, grad_output: Array) -> Answer:
    """The operations that the result of operation `start` depends on, the last recorded first."""
    needed = {len(leaves) + start}
    for number in range(start, -1, -1):
        if len(leaves) + number in needed:
            needed.update(nodes[number][1])
    return {"visited": [number for number in range(start, -1, -1) if len(leaves) + number in needed]}


@truth
def release(leaves: Sequence[Array], nodes: Sequence[Any], start: int, grad_output: Array) -> Answer:
    visited = visits(leaves, nodes, start, grad_output)["visited"]
    left = [number for number in range(len(nodes)) if number not in visited]
    return {"left": left, **repeat(leaves, nodes, [[start, grad_output]])}


@truth
def start_anew(leaves: Sequence[Array], nodes: Sequence[Any], grad_output: Array) -> Answer:
    return {"operations_left": 0, "leaf_grads": differentiate(leaves, nodes, grad_output)["leaf_grads"]}


@truth
def differentiate_without_gradient(leaves: Sequence[Array], nodes: Sequence[Any]) -> Answer:
    """The result has one element, and its gradient is one."""
    grad_output = np.ones(np.broadcast_shapes(*(leaf.shape for leaf in leaves)))
    return {"leaf_grads": differentiate(leaves, nodes, grad_output)["leaf_grads"]}


# Tensors

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
    right = gradients(OPERATORS[operator], grad_output, a=a, b=b)
    return {
        "tensor with tensor": right,
        "tensor with array": {name: right[name] for name in ("output", "a_grad")},
        "array with tensor": {name: right[name] for name in ("output", "b_grad")},
    }


def operate_mistakes(operator: str, a: Array, b: Array, grad_output: Array) -> Answer:
    if operator not in ("-", "/"):
        return {}
    swapped = gradients(lambda b: OPERATORS[operator](b, torch.tensor(a)), grad_output, b=b)
    return {_SWAPPED: {"array with tensor": swapped}}


@truth
def operate_with_number(operator: str, x: Array, number: float, grad_output: Array) -> Answer:
    """The number stays a number, so that float32 stays float32."""
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


@truth
def reduce(reduction: str, grad_output: Array, x: Array, axis: Axis, keepdims: bool) -> Answer:
    rules = {"sum": sum_backward, "mean": mean_backward, "max": max_backward}
    return rules[reduction](grad_output, x, axis, keepdims)


@truth
def backward(leaves: Sequence[Array], nodes: Sequence[Any], grad_outputs: Sequence[Array]) -> Answer:
    total = torch.tensor(np.stack(grad_outputs)).sum(dim=0).numpy()
    return {"before": [None] * len(leaves), "leaf_grads": differentiate(leaves, nodes, total)["leaf_grads"]}


def backward_mistakes(leaves: Sequence[Array], nodes: Sequence[Any], grad_outputs: Sequence[Array]) -> Answer:
    return {"a call of backward replaces the gradients; they add up": backward(leaves, nodes, grad_outputs[-1:])}


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


affine = _rule(lambda x, weight, bias: torch_functional.linear(x, weight, bias))
apply_blend = _rule(lambda a, b: a * torch.tanh(b))

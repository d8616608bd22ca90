"""Torch's gradients of expressions on a tape, and what known mistakes would give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array
from part1_autograd.tests.oracle import gradients, pull_back

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

SHARED = {"add": 2, "sub": 1}  # how many inputs get the upstream gradient itself, and not a copy


def evaluate(leaves: Sequence[torch.Tensor], nodes: Sequence[Any]) -> list[torch.Tensor]:
    values = list(leaves)
    for name, operands in nodes:
        values.append(OPERATIONS[name](*(values[operand] for operand in operands)))
    return values


@truth
def record(leaves: Sequence[Array], nodes: Sequence[Any]) -> Answer:
    """List what an engine has recorded: every operation with the names of its arrays."""
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


def record_mistakes(leaves: Sequence[Array], nodes: Sequence[Any]) -> Answer:
    operations = record(leaves, nodes)["operations"]
    copied = [{**operation, "inputs": ["another array"] * len(operation["inputs"])} for operation in operations]
    return {
        "the tape holds copies of the inputs; it must hold the very arrays": {"operations": copied},
        "the last operation stands first; the first that was recorded must": {"operations": operations[::-1]},
    }


@truth
def differentiate(leaves: Sequence[Array], nodes: Sequence[Any], grad_output: Array) -> Answer:
    tensors = [torch.tensor(leaf, requires_grad=True) for leaf in leaves]
    output = evaluate(tensors, nodes)[-1]
    found = pull_back([output], [grad_output], tensors)
    return {"output": output.detach().numpy(), "leaf_grads": found, "grad_output": grad_output}


def differentiate_mistakes(leaves: Sequence[Array], nodes: Sequence[Any], grad_output: Array) -> Answer:
    last = len(nodes) - 1
    overwritten = walk_back(leaves, nodes, last, grad_output, {}, keep=lambda old, new: new)
    first = walk_back(leaves, nodes, last, grad_output, {}, keep=lambda old, new: old)
    averaged = walk_back(leaves, nodes, last, grad_output, {}, keep=lambda old, new: (old + new) / 2)
    in_place = walk_back(leaves, nodes, last, grad_output.copy(), {}, keep=lambda old, new: np.add(old, new, out=old))
    return {
        "gradients that meet are added in place, into an array that elsewhere is another gradient": {
            "leaf_grads": in_place
        },
        "where an array is used twice the gradients are averaged; they add up": {"leaf_grads": averaged},
        "where an array is used twice the last gradient replaces the first; they add up": {"leaf_grads": overwritten},
        "where an array is used twice only one gradient is kept; they add up": {"leaf_grads": first},
    }


def walk_back(
    leaves: Sequence[Array],
    nodes: Sequence[Any],
    start: int,
    grad_output: Array,
    arrived: dict[int, Array],
    keep: Callable[[Any, Any], Any],
    keep_at_leaves: Callable[[Any, Any], Any] | None = None,
) -> list[Array]:
    """Reverse mode that combines the gradients which meet at an array in its own way; torch does each operation."""
    values = [value.numpy() for value in evaluate([torch.tensor(leaf) for leaf in leaves], nodes)]
    seed = len(leaves) + start
    arrived[seed] = keep(arrived[seed], grad_output) if seed in arrived else grad_output
    for number in reversed(range(len(nodes))):
        if len(leaves) + number not in arrived:
            continue
        name, operands = nodes[number]
        inputs = {str(place): values[operand] for place, operand in enumerate(operands)}
        upstream = arrived[len(leaves) + number]
        _, *contributions = gradients(OPERATIONS[name], upstream, **inputs).values()
        if name in SHARED:
            contributions[: SHARED[name]] = [upstream] * SHARED[name]
        for operand, contribution in zip(operands, contributions, strict=True):
            together = keep_at_leaves or keep if operand < len(leaves) else keep
            arrived[operand] = together(arrived[operand], contribution) if operand in arrived else contribution
    return [arrived.get(position, np.zeros_like(leaf)) for position, leaf in enumerate(leaves)]


@truth
def repeat(leaves: Sequence[Array], nodes: Sequence[Any], starts: Sequence[Any]) -> Answer:
    tensors = [torch.tensor(leaf, requires_grad=True) for leaf in leaves]
    values = evaluate(tensors, nodes)
    outputs = [values[len(leaves) + start] for start, _ in starts]
    return {"leaf_grads": pull_back(outputs, [grad_output for _, grad_output in starts], tensors)}


def repeat_mistakes(leaves: Sequence[Array], nodes: Sequence[Any], starts: Sequence[Any]) -> Answer:
    arrived: dict[int, Array] = {}
    last: dict[int, Array] = {}
    for start, grad_output in starts:
        again = walk_back(leaves, nodes, start, grad_output, arrived, keep=np.add)
        once: dict[int, Array] = {}
        walk_back(leaves, nodes, start, grad_output, once, keep=np.add)
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
    last = walk_back(leaves, nodes, len(nodes) - 1, grad_output, {}, np.add, keep_at_leaves=lambda old, new: new)
    return {
        "an array in gradients_to_update is left as it was; the gradient is added to it in place": {
            "receivers": list(receivers)
        },
        "the gradient replaces what was in the array; it is added to it": {"receivers": last},
    }


@truth
def visits(leaves: Sequence[Array], nodes: Sequence[Any], start: int, grad_output: Array) -> Answer:
    """List the operations that the result of operation `start` depends on."""
    needed = {len(leaves) + start}
    for number in range(start, -1, -1):
        if len(leaves) + number in needed:
            needed.update(nodes[number][1])
    return {"visited": [number for number in range(start + 1) if len(leaves) + number in needed]}


def visits_mistakes(leaves: Sequence[Array], nodes: Sequence[Any], start: int, grad_output: Array) -> Answer:
    every = list(range(len(nodes)))
    return {"all operations are visited; only those that the output depends on must be": {"visited": every}}


@truth
def release(leaves: Sequence[Array], nodes: Sequence[Any], start: int, grad_output: Array) -> Answer:
    visited = visits(leaves, nodes, start, grad_output)["visited"]
    left = [number for number in range(len(nodes)) if number not in visited]
    return {"left": left, **repeat(leaves, nodes, [[start, grad_output]])}


def release_mistakes(leaves: Sequence[Array], nodes: Sequence[Any], start: int, grad_output: Array) -> Answer:
    left = release(leaves, nodes, start, grad_output)["left"]
    return {
        "release=True takes nothing off the tape": {"left": list(range(len(nodes)))},
        "release=True takes off what was not visited, too": {"left": []},
        "what stays on the tape is in reverse order": {"left": left[::-1]},
    }


@truth
def start_anew(leaves: Sequence[Array], nodes: Sequence[Any], grad_output: Array) -> Answer:
    return {"operations_left": 0, "leaf_grads": differentiate(leaves, nodes, grad_output)["leaf_grads"]}


def start_anew_mistakes(leaves: Sequence[Array], nodes: Sequence[Any], grad_output: Array) -> Answer:
    return {"zero_grad leaves the tape; it must forget it": {"operations_left": len(nodes)}}


@truth
def differentiate_without_gradient(leaves: Sequence[Array], nodes: Sequence[Any]) -> Answer:
    """Differentiate a result of one element, whose gradient is one."""
    grad_output = np.ones(np.broadcast_shapes(*(leaf.shape for leaf in leaves)))
    return {"leaf_grads": differentiate(leaves, nodes, grad_output)["leaf_grads"]}

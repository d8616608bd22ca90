"""Probes of the engine: record expressions operation by operation, and walk back.

The rules here are this file's own, so that a mistake in functional.py costs nothing here.
An expression is a list of [operation, positions of its operands]; positions count the leaves first, then the results.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from part1_autograd.autograd_engine import Autograd

Rule = Callable[..., tuple[Any, ...]]
FORWARD: dict[str, Callable[..., np.ndarray]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "neg": lambda x: -x,
    "double": lambda x: 2 * x,
    "tanh": lambda x: np.tanh(x),
}
BACKWARD: dict[str, Rule] = {
    "add": lambda grad_output, a, b: (grad_output, grad_output),
    "sub": lambda grad_output, a, b: (grad_output, np.asarray(-grad_output)),
    "mul": lambda grad_output, a, b: (np.asarray(grad_output * b), np.asarray(grad_output * a)),
    "neg": lambda grad_output, x: (np.asarray(-grad_output),),
    "double": lambda grad_output, x: (np.asarray(2 * grad_output),),
    "tanh": lambda grad_output, x: (np.asarray(grad_output * (1 - np.tanh(x) ** 2)),),
}


def record(leaves: list[np.ndarray], nodes: list[Any]) -> dict[str, Any]:
    """Record an expression; what the tape holds then, every array by its name: leaf 0, …, result 0, …"""
    engine = Autograd()
    values = _record(engine, leaves, nodes)
    names = [f"leaf {position}" for position in range(len(leaves))]
    names += [f"result {position}" for position in range(len(nodes))]
    rules = {id(rule): name for name, rule in BACKWARD.items()}
    operations = [
        {
            "inputs": [_name(array, values, names) for array in operation.inputs],
            "output": _name(operation.output, values, names),
            "gradients_to_update": list(operation.gradients_to_update),
            "backward_operation": rules.get(id(operation.backward_operation), "another function"),
        }
        for operation in engine.operation_list
    ]
    return {"operations": operations}


def record_in_place(x: np.ndarray) -> dict[str, int]:
    """Record an operation that wrote its result into its input; how many the tape then holds."""
    engine = Autograd()
    np.negative(x, out=x)
    engine.add_operation(inputs=[x], output=x, gradients_to_update=[None], backward_operation=BACKWARD["neg"])
    return {"operations": len(engine.operation_list)}


def record_view(x: np.ndarray) -> int:
    """Record x[...], a view of x: the same memory, another array; how many operations the tape then holds."""
    engine = Autograd()
    engine.add_operation([x], x[...], [None], lambda grad_output, x: (grad_output,))
    return len(engine.operation_list)


def record_into_earlier_input(x: np.ndarray) -> None:
    """Record y = -x, and then an operation that wrote its result into x."""
    engine = Autograd()
    (_, y) = _record(engine, [x], [["neg", [0]]])
    np.negative(y, out=x)
    engine.add_operation(inputs=[y], output=x, gradients_to_update=[None], backward_operation=BACKWARD["neg"])


def record_with(x: np.ndarray, gradients_to_update: list[Any]) -> None:
    """Record y = -x with any gradients_to_update."""
    Autograd().add_operation([x], np.asarray(-x), gradients_to_update, BACKWARD["neg"])


def record_refused(x: np.ndarray, y: np.ndarray) -> dict[str, int]:
    """Record operations that are refused; what the engine keeps of them."""
    engine = Autograd()
    for output, gradients_to_update in [(y, [None, None]), (np.asarray(x + y), [None]), (x, [None, None])]:
        try:
            engine.add_operation([x, y], output, gradients_to_update, BACKWARD["add"])
        except ValueError:
            continue
    return {"operations": len(engine.operation_list), "spots": len(engine.gradient_buffer)}


def record_on_two_engines(leaves: list[np.ndarray], nodes: list[Any]) -> dict[str, int]:
    """Record an expression on one engine and its first operation on another; how much each has recorded."""
    engine, other = Autograd(), Autograd()
    _record(engine, leaves, nodes)
    _record(other, leaves, nodes[:1])
    return {"one": len(engine.operation_list), "other": len(other.operation_list)}


def differentiate(leaves: list[np.ndarray], nodes: list[Any], grad_output: np.ndarray) -> dict[str, Any]:
    """Record an expression, go backward from its last result, and ask for the gradient of every leaf."""
    engine = Autograd()
    values = _record(engine, leaves, nodes)
    engine.backward(values[-1], grad_output)
    return {"output": values[-1], "leaf_grads": _leaf_gradients(engine, leaves), "grad_output": grad_output}


def differentiate_without_gradient(leaves: list[np.ndarray], nodes: list[Any]) -> dict[str, Any]:
    """Go backward from the last result without saying with which gradient."""
    engine = Autograd()
    values = _record(engine, leaves, nodes)
    engine.backward(values[-1])
    return {"leaf_grads": _leaf_gradients(engine, leaves)}


def visits(leaves: list[np.ndarray], nodes: list[Any], start: int, grad_output: np.ndarray) -> dict[str, Any]:
    """Go backward from the result of one operation; the operations whose rules were called, in any order."""
    engine = Autograd()
    visited: list[int] = []

    def note(number: int, rule: Rule) -> Rule:
        def noting_rule(grad_output: np.ndarray, *inputs: np.ndarray) -> tuple[Any, ...]:
            visited.append(number)
            return rule(grad_output, *inputs)

        return noting_rule

    rules = [note(number, BACKWARD[name]) for number, (name, _) in enumerate(nodes)]
    values = _record(engine, leaves, nodes, rules)
    engine.backward(values[len(leaves) + start], grad_output)
    return {"visited": sorted(visited)}


def differentiate_long_chain(x: np.ndarray, length: int, grad_output: np.ndarray) -> dict[str, np.ndarray]:
    """y = -(-(… x)), one operation after the other."""
    engine = Autograd()
    values = _record(engine, [x], [["neg", [position]] for position in range(length)])
    engine.backward(values[-1], grad_output)
    return {"x_grad": engine.gradient_buffer.get(x)}


def differentiate_from_tensor(x: np.ndarray, grad_output: np.ndarray) -> dict[str, np.ndarray]:
    """y = 2x, where the output that backward is given is a Tensor."""
    from part1_autograd.tensor import Tensor  # here, so that a mistake in tensor.py costs nothing elsewhere

    engine, output = Autograd(), Tensor(2 * x)
    engine.add_operation([x], output.data, [None], BACKWARD["double"])
    engine.backward(output, grad_output)
    return {"x_grad": engine.gradient_buffer.get(x)}


def differentiate_with_wrong_rule(x: np.ndarray, grad_output: np.ndarray, returns: str) -> None:
    """Go backward through an operation of two inputs whose rule returns an array, or a tuple of one or three."""
    engine, output = Autograd(), np.asarray(2 * x)
    wrong: dict[str, Any] = {
        "an array": np.stack([grad_output, grad_output]),
        "too few": (grad_output,),
        "too many": (grad_output,) * 3,
    }
    engine.add_operation([x, x.copy()], output, [None, None], lambda grad_output, a, b: wrong[returns])
    engine.backward(output, grad_output)


def differentiate_through_view(x: np.ndarray, grad_output: np.ndarray) -> dict[str, np.ndarray]:
    """y = 2 · x[...], where x[...] is a view of x: the same memory, another array."""
    engine = Autograd()
    view, output = x[...], np.asarray(2 * x)
    engine.add_operation([x], view, [None], lambda grad_output, x: (grad_output,))
    engine.add_operation([view], output, [None], BACKWARD["double"])
    engine.backward(output, grad_output)
    return {"x_grad": engine.gradient_buffer.get(x)}


def differentiate_choice(
    condition: np.ndarray, a: np.ndarray, b: np.ndarray, grad_output: np.ndarray
) -> dict[str, np.ndarray]:
    """y = a where the condition holds, else b. The rule gives None for the condition, which has no gradient."""
    engine = Autograd()
    output = np.where(condition, a, b)
    engine.add_operation(
        inputs=[condition, a, b],
        output=output,
        gradients_to_update=[None, None, None],
        backward_operation=lambda grad_output, condition, a, b: (
            None,
            grad_output * condition,
            grad_output * ~condition,
        ),
    )
    engine.backward(output, grad_output)
    return {"a_grad": engine.gradient_buffer.get(a), "b_grad": engine.gradient_buffer.get(b)}


def differentiate_stranger(x: np.ndarray, grad_output: np.ndarray) -> None:
    """Go backward from a copy of the output, which the engine has never seen."""
    engine = Autograd()
    (_, output) = _record(engine, [x], [["neg", [0]]])
    engine.backward(output.copy(), grad_output)


def repeat(leaves: list[np.ndarray], nodes: list[Any], starts: list[list[Any]]) -> dict[str, Any]:
    """Go backward several times on one tape, each time from [operation, gradient]."""
    engine = Autograd()
    values = _record(engine, leaves, nodes)
    for start, grad_output in starts:
        engine.backward(values[len(leaves) + start], grad_output)
    return {"leaf_grads": _leaf_gradients(engine, leaves)}


def add_into_arrays(
    leaves: list[np.ndarray], nodes: list[Any], grad_output: np.ndarray, receivers: list[np.ndarray]
) -> dict[str, Any]:
    """Have the leaves' gradients added into arrays of the caller, as a layer does with its weight_grad."""
    engine, values = Autograd(), list(leaves)
    for name, operands in nodes:
        inputs = [values[operand] for operand in operands]
        output = np.asarray(FORWARD[name](*inputs))
        gradients_to_update = [receivers[operand] if operand < len(leaves) else None for operand in operands]
        engine.add_operation(inputs, output, gradients_to_update, BACKWARD[name])
        values.append(output)
    engine.backward(values[-1], grad_output)
    return {"receivers": receivers}


def add_into_array_between(x: np.ndarray, between: np.ndarray, grad_output: np.ndarray) -> dict[str, np.ndarray]:
    """h = 2x and y = -h; the gradient of h is added into an array of the caller."""
    engine = Autograd()
    h = np.asarray(2 * x)
    y = np.asarray(-h)
    engine.add_operation([x], h, [None], BACKWARD["double"])
    engine.add_operation([h], y, [between], BACKWARD["neg"])
    engine.backward(y, grad_output)
    return {"between": between, "x_grad": engine.gradient_buffer.get(x)}


def add_into_array_from_rule(x: np.ndarray, receiver: np.ndarray, gradient: np.ndarray) -> dict[str, np.ndarray]:
    """y = -x, whose rule gives this gradient; what is then in the array of the caller, and in the buffer for x."""
    engine, y = Autograd(), np.asarray(-x)
    engine.add_operation([x], y, [receiver], lambda grad_output, x: (gradient,))
    engine.backward(y, np.ones_like(x))
    kept = engine.gradient_buffer.get(x) if x in engine.gradient_buffer else np.zeros_like(x)
    return {"receiver": receiver, "kept": kept}


def gradient_between(x: np.ndarray, grad_outputs: list[np.ndarray]) -> dict[str, np.ndarray]:
    """h = 2x and y = -h; go backward from y with each gradient in turn, and ask for what has arrived at h."""
    engine = Autograd()
    _, h, y = _record(engine, [x], [["double", [0]], ["neg", [1]]])
    for grad_output in grad_outputs:
        engine.backward(y, grad_output)
    return {"h_grad": engine.gradient_buffer.get(h)}


def start_anew(leaves: list[np.ndarray], nodes: list[Any], grad_output: np.ndarray) -> dict[str, Any]:
    """Differentiate, zero_grad, and do it all again with the same leaves."""
    engine = Autograd()
    engine.backward(_record(engine, leaves, nodes)[-1], grad_output)
    engine.zero_grad()
    left = len(engine.operation_list)
    engine.backward(_record(engine, leaves, nodes)[-1], grad_output)
    return {"operations_left": left, "leaf_grads": _leaf_gradients(engine, leaves)}


def change_one_gradient(x: np.ndarray, grad_output: np.ndarray) -> dict[str, np.ndarray]:
    """y = x + z gives both leaves the same gradient; then change x's in place, as gradient clipping does."""
    engine, z = Autograd(), x.copy()
    values = _record(engine, [x, z], [["add", [0, 1]]])
    engine.backward(values[-1], grad_output)
    x_grad = engine.gradient_buffer.get(x)
    x_grad[...] = 0
    return {"z_grad": engine.gradient_buffer.get(z), "grad_output": grad_output}


def release(leaves: list[np.ndarray], nodes: list[Any], start: int, grad_output: np.ndarray) -> dict[str, Any]:
    """Go backward with release=True; the operations left on the tape, and the gradients."""
    engine = Autograd()
    values = _record(engine, leaves, nodes)
    engine.backward(values[len(leaves) + start], grad_output, release=True)
    numbers = {id(value): number for number, value in enumerate(values[len(leaves) :])}
    left = [numbers[id(operation.output)] for operation in engine.operation_list]
    return {"left": left, "leaf_grads": _leaf_gradients(engine, leaves)}


def backward_after_release(x: np.ndarray, released: np.ndarray, later: np.ndarray) -> dict[str, np.ndarray]:
    """y = -2x and z = -tanh(x); release y, then go back from z. The gradients of x and of tanh(x)."""
    engine = Autograd()
    nodes = [["double", [0]], ["tanh", [0]], ["neg", [1]], ["neg", [2]]]
    _, _, between, y, z = _record(engine, [x], nodes)
    engine.backward(y, released, release=True)
    engine.backward(z, later)
    return {"x_grad": engine.gradient_buffer.get(x), "between_grad": engine.gradient_buffer.get(between)}


def backward_through_released(x: np.ndarray, grad_output: np.ndarray, order: list[str]) -> None:
    """Two results of h = 2x; release one of them and with it h, then go back from the other."""
    engine = Autograd()
    nodes = [["double", [0]], *([name, [1]] for name in order)]
    _, _, *results = _record(engine, [x], nodes)
    engine.backward(results[order.index("neg")], grad_output, release=True)
    engine.backward(results[order.index("tanh")], grad_output)


def release_memory(x: np.ndarray, length: int, grad_output: np.ndarray) -> dict[str, int]:
    """Record a chain, keep only weak references to what lies between, release it; how many of these arrays live on."""
    engine = Autograd()
    values = _record(engine, [x], [["neg", [position]] for position in range(length)])
    between = [weakref.ref(value) for value in values[1:]]
    engine.backward(values.pop(), grad_output, release=True)
    del values
    gc.collect()
    return {"alive": sum(reference() is not None for reference in between)}


def release_repeatedly(size: int, length: int, times: int) -> dict[str, np.ndarray]:
    """Record a chain of large arrays on one engine and release it, again and again; what the first gradient holds."""
    engine, x = Autograd(), np.ones(size)
    for _ in range(times):
        values = _record(engine, [x], [["neg", [position]] for position in range(length)])
        engine.backward(values.pop(), x, release=True)
        del values
        gc.collect()
    x_grad = engine.gradient_buffer.get(x)
    return {"smallest": x_grad.min(), "largest": x_grad.max()}


def _record(
    engine: Autograd, leaves: list[np.ndarray], nodes: list[Any], rules: list[Rule] | None = None
) -> list[np.ndarray]:
    """Compute and record an expression; all its values, leaves first."""
    values = list(leaves)
    for number, (name, operands) in enumerate(nodes):
        inputs = [values[operand] for operand in operands]
        output = np.asarray(FORWARD[name](*inputs))
        engine.add_operation(
            inputs=inputs,
            output=output,
            gradients_to_update=[None] * len(inputs),
            backward_operation=rules[number] if rules else BACKWARD[name],
        )
        values.append(output)
    return values


def _leaf_gradients(engine: Autograd, leaves: list[np.ndarray]) -> list[np.ndarray]:
    return [engine.gradient_buffer.get(leaf) for leaf in leaves]


def _name(array: np.ndarray, values: list[np.ndarray], names: list[str]) -> str:
    """Name this very array; one with the same numbers is another."""
    return next((name for value, name in zip(values, names, strict=True) if value is array), "another array")

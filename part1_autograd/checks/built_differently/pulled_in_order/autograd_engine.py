"""A tape whose arrays are sorted by graphlib: each pulls its gradient from the operations that used it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from graphlib import TopologicalSorter
from typing import Any, NamedTuple

import numpy as np

from part1_autograd.gradient_buffer import GradientBuffer

Array = np.ndarray
BackwardOperation = Callable[..., tuple[Array | None, ...]]
Uses = dict[int, list[tuple[int, int]]]  # id of an array -> ids of the outputs computed from it, and at which position


class Operation(NamedTuple):
    inputs: tuple[Array, ...]
    output: Array
    gradients_to_update: tuple[Array | None, ...]
    backward_operation: BackwardOperation


class Autograd:
    def __init__(self) -> None:
        self.gradient_buffer = GradientBuffer()
        self.operation_list: list[Operation] = []
        self._released: list[Array] = []

    def add_operation(
        self,
        inputs: Sequence[Array],
        output: Array,
        gradients_to_update: Sequence[Array | None],
        backward_operation: BackwardOperation,
    ) -> None:
        if len(inputs) != len(gradients_to_update):
            raise ValueError("gradients_to_update must have one entry per input.")
        if output in self.gradient_buffer or any(array is output for array in inputs):
            raise ValueError("output must be a new array.")
        for array, receiver in zip(inputs, gradients_to_update, strict=True):
            if receiver is not None and receiver.shape != array.shape:
                raise ValueError("gradients_to_update must have the shapes of the inputs.")
        for array in inputs:
            self.gradient_buffer.add_spot(array)
        self.operation_list.append(Operation(tuple(inputs), output, tuple(gradients_to_update), backward_operation))

    def backward(self, output: Any, grad_output: Any = None, release: bool = False) -> None:
        array: Array = output if isinstance(output, np.ndarray) else output.data
        producers = {id(line[1]): Operation(*line) for line in self.operation_list}
        if id(array) not in producers and array not in self.gradient_buffer:
            raise RuntimeError("output must be on the tape.")
        arrays, uses = what_leads_to(array, producers)
        handed: dict[int, tuple[Array | None, ...]] = {}  # id of an output -> what its rule gave for each input
        leaves: list[tuple[Array, Array]] = []
        for key in TopologicalSorter({key: [user for user, _ in uses[key]] for key in uses}).static_order():
            given = [first_gradient(array, grad_output)] if key == id(array) else pulled(uses[key], handed)
            if not given:  # every rule on the way gave None
                continue
            gradient = np.asarray(sum(given[1:], start=given[0]))
            if key in producers:
                handed[key] = apply_rule(producers[key], gradient, producers)
                if arrays[key] in self.gradient_buffer:
                    self.gradient_buffer.replace(arrays[key], gradient)
            else:
                leaves.append((arrays[key], gradient))
        if any(leaf is released for leaf, _ in leaves for released in self._released):
            raise RuntimeError("output must not depend on what was released.")
        for leaf, gradient in leaves:
            self.gradient_buffer.add_spot(leaf)
            self.gradient_buffer.update(leaf, gradient)
        if release:
            self._release(handed)

    def _release(self, passed: dict[int, Any]) -> None:
        """Take the operations with these outputs off the tape; remember the outputs that it still uses."""
        outputs = [output for _, output, _, _ in self.operation_list if id(output) in passed]
        self.operation_list = [line for line in self.operation_list if id(line[1]) not in passed]
        for output in outputs:
            self.gradient_buffer.remove(output)
        used = {id(array) for inputs, _, _, _ in self.operation_list for array in inputs}
        self._released = [array for array in [*self._released, *outputs] if id(array) in used]

    def zero_grad(self) -> None:
        self.operation_list = []
        self._released = []
        self.gradient_buffer.clear()


def what_leads_to(output: Array, producers: dict[int, Operation]) -> tuple[dict[int, Array], Uses]:
    """Find every array that an output was computed from, itself included, and where each was used on the way."""
    arrays, uses, waiting = {id(output): output}, Uses({id(output): []}), [id(output)]
    while waiting:
        key = waiting.pop()
        inputs = producers[key].inputs if key in producers else ()
        for position, array in enumerate(inputs):
            if id(array) not in arrays:
                arrays[id(array)], uses[id(array)] = array, []
                waiting.append(id(array))
            uses[id(array)].append((key, position))
    return arrays, uses


def pulled(uses: list[tuple[int, int]], handed: dict[int, tuple[Array | None, ...]]) -> list[Array]:
    """Collect what the operations that used an array hand to it."""
    gradients = [handed[user][position] for user, position in uses if user in handed]
    return [gradient for gradient in gradients if gradient is not None]


def apply_rule(operation: Operation, grad_output: Array, producers: dict[int, Operation]) -> tuple[Array | None, ...]:
    """Return what the rule gives for each input; what a receiver takes goes on only to an interior array."""
    gradients = operation.backward_operation(grad_output, *operation.inputs)
    if not isinstance(gradients, tuple) or len(gradients) != len(operation.inputs):
        raise ValueError("a rule must return a tuple with a gradient for each input.")
    handed = list(gradients)
    for position, (receiver, gradient) in enumerate(zip(operation.gradients_to_update, gradients, strict=True)):
        if receiver is None or gradient is None:
            continue
        if receiver.shape != gradient.shape:
            raise ValueError("a gradient must have its input's shape.")
        receiver[...] = receiver + gradient
        if id(operation.inputs[position]) not in producers:
            handed[position] = None
    return tuple(handed)


def first_gradient(output: Array, grad_output: Any) -> Array:
    """Return what the caller gave, or one for a single element."""
    if grad_output is None:
        if output.size != 1:
            raise ValueError("grad_output must be given unless the output has one element.")
        return np.ones_like(output)
    gradient = np.array(grad_output)
    if gradient.shape != output.shape:
        raise ValueError("grad_output must have the output's shape.")
    return gradient

"""A tape that first searches what an output was computed from, and then visits that, the last recorded first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from part1_autograd.gradient_buffer import GradientBuffer

Array = np.ndarray
BackwardOperation = Callable[..., tuple[Array | None, ...]]


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
        if output in self.gradient_buffer or id(output) in map(id, inputs):
            raise ValueError("output must be a new array.")
        for array, receiver in zip(inputs, gradients_to_update, strict=True):
            if receiver is not None and receiver.shape != array.shape:
                raise ValueError("gradients_to_update must have the shapes of the inputs.")
        for array in inputs:
            self.gradient_buffer.add_spot(array)
        operation = Operation(tuple(inputs), output, tuple(gradients_to_update), backward_operation)
        self.operation_list.append(operation)

    def backward(self, output: Any, grad_output: Any = None, release: bool = False) -> None:
        array: Array = output if isinstance(output, np.ndarray) else output.data
        producers = {id(operation[1]): number for number, operation in enumerate(self.operation_list)}
        if id(array) not in producers and array not in self.gradient_buffer:
            raise RuntimeError("output must be on the tape.")
        arrived = {id(array): (array, first_gradient(array, grad_output))}
        visited = self._what_leads_to(array, producers)
        for number in visited:
            self._visit(self.operation_list[number], arrived, producers)
        if any(id(array) in arrived for array in self._released):
            raise RuntimeError("output must not depend on what was released.")
        for leaf, gradient in arrived.values():
            self.gradient_buffer.add_spot(leaf)
            self.gradient_buffer.update(leaf, gradient)
        if release:
            for number in visited:
                self.gradient_buffer.remove(self.operation_list[number][1])
                self._released.append(self.operation_list.pop(number)[1])
            used = {id(array) for operation in self.operation_list for array in operation[0]}
            self._released = [array for array in self._released if id(array) in used]

    def _what_leads_to(self, array: Array, producers: dict[int, int]) -> list[int]:
        """List the numbers of the operations that an array was computed with, the last recorded first."""
        found, waiting = set(), [array]
        while waiting:
            number = producers.get(id(waiting.pop()))
            if number is not None and number not in found:
                found.add(number)
                waiting.extend(self.operation_list[number][0])
        return sorted(found, reverse=True)

    def _visit(self, operation: Operation, arrived: dict[int, tuple[Array, Array]], producers: dict[int, int]) -> None:
        inputs, output, receivers, rule = operation
        if id(output) not in arrived:  # every rule on the way gave None
            return
        _, gradient = arrived.pop(id(output))
        if output in self.gradient_buffer:
            self.gradient_buffer.replace(output, gradient)
        contributions = rule(gradient, *inputs)
        if not isinstance(contributions, tuple) or len(contributions) != len(inputs):
            raise ValueError("a rule must return a tuple with a gradient for each input.")
        for array, receiver, contribution in zip(inputs, receivers, contributions, strict=True):
            if contribution is None:
                continue
            if receiver is not None:
                if receiver.shape != contribution.shape:
                    raise ValueError("a gradient must have its input's shape.")
                receiver[...] = receiver + contribution
            if receiver is None or id(array) in producers:
                before = arrived[id(array)][1] if id(array) in arrived else np.zeros_like(contribution)
                arrived[id(array)] = array, np.asarray(before + contribution)

    def zero_grad(self) -> None:
        self.operation_list = []
        self._released = []
        self.gradient_buffer.clear()


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

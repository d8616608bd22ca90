"""A tape of numbered operations; a heap has those that a gradient has reached, the last recorded on top."""

from __future__ import annotations

import functools
import heapq
import itertools
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from part1_autograd.gradient_buffer import GradientBuffer

Array = np.ndarray
BackwardOperation = Callable[..., tuple[Array | None, ...]]


@dataclass(frozen=True)
class Operation:
    inputs: tuple[Array, ...]
    output: Array
    gradients_to_update: tuple[Array | None, ...]
    backward_operation: BackwardOperation


class Arrivals:
    """The gradients that have arrived at each array, unsummed, and the numbers of the operations that wait."""

    def __init__(self, numbers: dict[int, int]) -> None:
        self._numbers = numbers
        self._arrived: dict[int, tuple[Array, list[Array]]] = {}
        self._waiting: list[int] = []

    def add(self, array: Array, gradient: Array) -> None:
        if id(array) not in self._arrived:
            self._arrived[id(array)] = array, []
            if id(array) in self._numbers:
                heapq.heappush(self._waiting, -self._numbers[id(array)])
        self._arrived[id(array)][1].append(gradient)

    def next_number(self) -> int | None:
        return -heapq.heappop(self._waiting) if self._waiting else None

    def take(self, array: Array) -> Array:
        """Return the sum of what has arrived at an array, and forget it."""
        _, gradients = self._arrived.pop(id(array))
        return np.asarray(functools.reduce(np.add, gradients))

    def arrays(self) -> list[Array]:
        return [array for array, _ in self._arrived.values()]


class Autograd:
    def __init__(self) -> None:
        self.gradient_buffer = GradientBuffer()
        self.zero_grad()

    def zero_grad(self) -> None:
        self.gradient_buffer.clear()
        self._tape: dict[int, Operation] = {}  # by number
        self._numbers: dict[int, int] = {}  # of the operation that made the array of this id
        self._next_number = itertools.count()
        self._released: weakref.WeakValueDictionary[int, Array] = weakref.WeakValueDictionary()

    @property
    def operation_list(self) -> list[Operation]:
        return list(self._tape.values())

    def add_operation(
        self,
        inputs: Sequence[Array],
        output: Array,
        gradients_to_update: Sequence[Array | None],
        backward_operation: BackwardOperation,
    ) -> None:
        if len(inputs) != len(gradients_to_update):
            raise ValueError("gradients_to_update must have one entry per input.")
        pairs = list(zip(inputs, gradients_to_update, strict=True))
        if any(receiver is not None and receiver.shape != array.shape for array, receiver in pairs):
            raise ValueError("gradients_to_update must have the shapes of the inputs.")
        if output in self.gradient_buffer or any(array is output for array in inputs):
            raise ValueError("output must be a new array.")
        for array, receiver in pairs:
            if receiver is None:
                self.gradient_buffer.add_spot(array)
        number = next(self._next_number)
        self._tape[number] = Operation(tuple(inputs), output, tuple(gradients_to_update), backward_operation)
        self._numbers[id(output)] = number

    def backward(self, output: Any, grad_output: Any = None, release: bool = False) -> None:
        array: Array = output if isinstance(output, np.ndarray) else output.data
        if id(array) not in self._numbers and array not in self.gradient_buffer:
            raise RuntimeError("output must be on the tape of this engine.")
        arrivals = Arrivals(self._numbers)
        arrivals.add(array, first_gradient(array, grad_output))
        for operation in self._tape.values():
            if operation.output in self.gradient_buffer:
                self.gradient_buffer.replace(operation.output, None)
        while (number := arrivals.next_number()) is not None:
            self._visit(self._tape[number], arrivals)
            if release:
                self._release(number)
        for leaf in arrivals.arrays():
            if id(leaf) in self._released:
                raise RuntimeError("output must not depend on what backward(release=True) took off the tape.")
        for leaf in arrivals.arrays():
            self.gradient_buffer.add_spot(leaf)
            self.gradient_buffer.update(leaf, arrivals.take(leaf))

    def _visit(self, operation: Operation, arrivals: Arrivals) -> None:
        gradient = arrivals.take(operation.output)
        if operation.output in self.gradient_buffer:
            self.gradient_buffer.replace(operation.output, gradient)
        found = operation.backward_operation(gradient, *operation.inputs)
        if not isinstance(found, tuple) or len(found) != len(operation.inputs):
            raise ValueError("a rule must return a tuple with a gradient for each input.")
        for array, receiver, contribution in zip(operation.inputs, operation.gradients_to_update, found, strict=True):
            if contribution is None:
                continue
            if receiver is not None:
                if receiver.shape != contribution.shape:
                    raise ValueError("a gradient must have its input's shape.")
                np.add(receiver, contribution, out=receiver)
            if receiver is None or id(array) in self._numbers:
                arrivals.add(array, contribution)

    def _release(self, number: int) -> None:
        output = self._tape.pop(number).output
        del self._numbers[id(output)]
        self.gradient_buffer.remove(output)
        self._released[id(output)] = output


def first_gradient(output: Array, grad_output: Any) -> Array:
    """Return what the caller gave, or one for a single element."""
    if grad_output is None and output.size != 1:
        raise ValueError("grad_output must be given unless the output has one element.")
    gradient = np.array(1 if grad_output is None else grad_output, output.dtype)
    if grad_output is None:
        return gradient.reshape(output.shape)
    if gradient.shape != output.shape:
        raise ValueError(f"grad_output must have the output's shape {output.shape}; got {gradient.shape}.")
    return gradient

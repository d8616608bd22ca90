"""The autograd engine: a tape of operations, and reverse-mode differentiation along it.

An operation can only use what was computed before it, so the order of recording is a topological order already:
going backwards along the tape meets every use of an array before the operation that produced it.
Nothing is sorted and nothing recurses. The tape is also known as a Wengert list (Wengert 1964); going backwards along
it is Linnainmaa's reverse mode (1976, "Taylor expansion of the accumulated rounding error").

leaf      an array that no operation on the tape produced: its gradient accumulates from call to call
interior  the output of an operation on the tape: its gradient starts from zero on every call
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from part1_autograd.gradient_buffer import GradientBuffer

# backward_operation(grad_output, *inputs) -> for every input its gradient, or None
BackwardOperation = Callable[..., tuple[np.ndarray | None, ...]]

# The gradients of one backward call: id -> (array, the sum of what has arrived at it)
Arrived = dict[int, tuple[np.ndarray, np.ndarray]]


class Operation(NamedTuple):
    """A line of the tape: output = f(*inputs), and the rule that leads back.

    A plain tuple of these four is a line too. Tensor writes those: naming the fields takes as long as a multiplication.
    """

    inputs: tuple[np.ndarray, ...]
    output: np.ndarray
    gradients_to_update: tuple[np.ndarray | None, ...]
    backward_operation: BackwardOperation


class Autograd:
    """Records operations and carries a gradient back through them.

    autograd = Autograd()
    y = x @ w
    autograd.add_operation([x, w], y, [None, w_grad], matmul_backward)
    autograd.backward(y, grad_output)       # adds dL/dw to w_grad
    autograd.gradient_buffer.get(x)         # dL/dx
    """

    __slots__ = ("_adds_in_place", "_released", "gradient_buffer", "operation_list")

    def __init__(self) -> None:
        self.gradient_buffer = GradientBuffer()
        self.operation_list: list[Operation] = []
        self._adds_in_place = False  # whether any operation came with an array to add a gradient to
        self._released: dict[int, np.ndarray] = {}  # outputs of released operations that the tape still uses

    def add_operation(
        self,
        inputs: Sequence[np.ndarray],
        output: np.ndarray,
        gradients_to_update: Sequence[np.ndarray | None],
        backward_operation: BackwardOperation,
    ) -> None:
        """Write an operation on the tape.

        gradients_to_update says for every input where its gradient goes: None keeps it in the gradient buffer,
        an array has it added to itself, in place.
        Raises ValueError, and records nothing, if the output is not a new array (it is one of the inputs, or was an
        input before) or if gradients_to_update does not fit the inputs.
        """
        ### BEGIN SOLUTION autograd_engine.add_operation: refuse an output in place, make spots, append to the tape
        inputs, receivers = tuple(inputs), tuple(gradients_to_update)
        if len(receivers) != len(inputs):
            raise ValueError(
                f"gradients_to_update must have one entry per input; got {len(receivers)} of {len(inputs)}."
            )
        if any(array is output for array in inputs) or output in self.gradient_buffer:
            raise ValueError(
                f"output must be a new array; got one of shape {output.shape} that is an input of this operation or of "
                "an earlier one. Compute it out of place."
            )
        for array, receiver in zip(inputs, receivers, strict=True):
            if receiver is not None and receiver.shape != array.shape:
                raise ValueError(
                    f"gradients_to_update must have the shapes of the inputs; got {receiver.shape} for {array.shape}."
                )
        for array, receiver in zip(inputs, receivers, strict=True):
            if receiver is None:
                self.gradient_buffer.add_spot(array)
            else:
                self._adds_in_place = True
        self.operation_list.append(Operation(inputs, output, receivers, backward_operation))
        ### END SOLUTION

    def backward(self, output: Any, grad_output: Any = None, release: bool = False) -> None:
        """Carry a gradient back from an output to everything that it was computed from.

        dL/dx = Σ dL/dy · ∂y/∂x over every y that was computed from x

        `output` is an array or a Tensor; `grad_output` is dL/d(output), one by default if the output has one element.
        The tape stays, and two calls give exactly twice the gradient at the leaves. With release=True every operation
        that is passed leaves the tape: its arrays and the interior gradients are freed.
        Raises ValueError for a missing or ill-shaped grad_output, for a rule that does not return a tuple with an
        entry for every input, and for a gradient that has not the shape of its leaf; RuntimeError for an output that
        is not on this tape or was computed from one that release=True took off it.
        """
        ### BEGIN SOLUTION autograd_engine.backward: begin with dL/d(output), sweep the tape, keep what reaches leaves
        array: Any = output if isinstance(output, np.ndarray | np.generic) else output.data
        self._require_recorded(array)
        arrived: Arrived = {id(array): (array, first_gradient(array, grad_output))}
        self._sweep(arrived, release)
        if not self._released.keys().isdisjoint(arrived):
            raise RuntimeError("output must not depend on operations that backward(release=True) took off the tape.")
        for leaf, gradient in arrived.values():
            self.gradient_buffer.add_spot(leaf)
            self.gradient_buffer.update(leaf, gradient)
        ### END SOLUTION

    def _sweep(self, arrived: Arrived, release: bool) -> None:
        """Go backwards along the tape until only the gradients of leaves are left in `arrived`."""
        ### BEGIN SOLUTION autograd_engine.backward: last operation first, dL/dy to its rule, the results to its inputs
        kept = self.gradient_buffer.identities()
        produced = {id(output) for _, output, _, _ in self.operation_list} if self._adds_in_place else set()
        skipped: list[Operation] = []
        for operation in self._take_off(skipped) if release else reversed(self.operation_list):
            inputs, output, _, backward_operation = operation
            key = id(output)
            reached = arrived.pop(key, None)
            if key in kept:
                self.gradient_buffer.replace(output, reached[1] if reached else None)
            if reached is None:  # nothing that depends on this operation leads to the output
                skipped.append(operation)
                continue
            contributions = backward_operation(reached[1], *inputs)
            if type(contributions) is not tuple or len(contributions) != len(inputs):
                raise wrong_count(operation, contributions)
            if self._adds_in_place:
                contributions = add_in_place(operation, contributions, produced)
            for position, array in enumerate(inputs):
                contribution = contributions[position]
                if contribution is None:
                    continue
                key = id(array)
                if key in arrived:
                    contribution = np.asarray(arrived[key][1] + contribution)
                arrived[key] = array, contribution
        ### END SOLUTION

    def _take_off(self, skipped: list[Operation]) -> Iterator[Operation]:
        """Yield the tape from its end; forget what the sweep has passed, and keep what it has skipped."""
        ### BEGIN SOLUTION autograd_engine.release: take operations off the tape, and their outputs out of the buffer
        passed = set()
        while self.operation_list:
            operation = self.operation_list.pop()
            yield operation
            if not skipped or skipped[-1] is not operation:
                _, output, _, _ = operation
                passed.add(id(output))
                self.gradient_buffer.remove(output)
        self.operation_list.extend(reversed(skipped))
        for inputs, _, _, _ in skipped:
            self._released.update((id(array), array) for array in inputs if id(array) in passed)
        ### END SOLUTION

    def zero_grad(self) -> None:
        """Forget the tape and all gradients in the buffer.

        Arrays in gradients_to_update stay as they are: whoever gave them sets them to zero.
        """
        ### BEGIN SOLUTION autograd_engine.accumulate: begin with an empty tape and an empty buffer
        self.operation_list.clear()
        self.gradient_buffer.clear()
        self._released.clear()
        self._adds_in_place = False
        ### END SOLUTION

    def _require_recorded(self, array: np.ndarray) -> None:
        """Raise RuntimeError if nothing on the tape leads back from an array."""
        is_output = any(output is array for _, output, _, _ in reversed(self.operation_list))
        if not is_output and array not in self.gradient_buffer:
            raise RuntimeError(
                f"output must be on the tape of this engine; got an unknown array of shape {array.shape}. "
                "It may be another engine's, or zero_grad or backward(release=True) was called since it was computed."
            )


def first_gradient(output: np.ndarray, grad_output: Any) -> np.ndarray:
    """Return dL/d(output) as an array of the output's shape: what the caller gave, or one.

    Raises ValueError if that does not fit.
    """
    dtype = output.dtype if np.issubdtype(output.dtype, np.inexact) else np.float64
    if grad_output is None and output.size != 1:
        raise ValueError(f"grad_output must be given unless the output has one element; got shape {output.shape}.")
    gradient = np.ones(output.shape, dtype) if grad_output is None else np.array(grad_output, dtype)
    if gradient.shape != output.shape:
        raise ValueError(f"grad_output must have the output's shape {output.shape}; got {gradient.shape}.")
    return gradient


def add_in_place(
    operation: Operation, contributions: tuple[np.ndarray | None, ...], produced: set[int]
) -> tuple[np.ndarray | None, ...]:
    """Add gradients to the arrays in gradients_to_update, and return those that have still to go on.

    `produced` holds the ids of all interior arrays: their gradients go on as well.
    """
    ### BEGIN SOLUTION autograd_engine.accumulate: receiver ← receiver + gradient, in place
    inputs, _, gradients_to_update, _ = operation
    remaining = list(contributions)
    for position, (receiver, contribution) in enumerate(zip(gradients_to_update, contributions, strict=True)):
        if receiver is None or contribution is None:
            continue
        if contribution.shape != receiver.shape:
            raise ValueError(f"a gradient must have its input's shape {receiver.shape}; got {contribution.shape}.")
        receiver += contribution
        if id(inputs[position]) not in produced:
            remaining[position] = None
    return tuple(remaining)
    ### END SOLUTION


def wrong_count(operation: Operation, gradients: Any) -> ValueError:
    """Make the error for a rule that does not return a tuple with one gradient per input."""
    inputs, _, _, backward_operation = operation
    rule = getattr(backward_operation, "__name__", "backward_operation")
    got = f"a tuple of {len(gradients)}" if isinstance(gradients, tuple) else f"a {type(gradients).__name__}"
    return ValueError(f"{rule} must return a tuple with a gradient for each of {len(inputs)} inputs; got {got}.")

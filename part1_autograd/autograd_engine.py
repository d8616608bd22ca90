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
        # YOUR CODE HERE
        raise NotImplementedError(
            "autograd_engine.add_operation: refuse an output in place, make spots, append to the tape. "
            "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

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
        # YOUR CODE HERE
        raise NotImplementedError(
            "autograd_engine.backward: begin with dL/d(output), sweep the tape, keep what reaches leaves. "
            "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def _sweep(self, arrived: Arrived, release: bool) -> None:
        """Go backwards along the tape until only the gradients of leaves are left in `arrived`."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "autograd_engine.backward: last operation first, dL/dy to its rule, the results to its inputs. "
            "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def _take_off(self, skipped: list[Operation]) -> Iterator[Operation]:
        """Yield the tape from its end; forget what the sweep has passed, and keep what it has skipped."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "autograd_engine.release: take operations off the tape, and their outputs out of the buffer. "
            "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def zero_grad(self) -> None:
        """Forget the tape and all gradients in the buffer.

        Arrays in gradients_to_update stay as they are: whoever gave them sets them to zero.
        """
        # YOUR CODE HERE
        raise NotImplementedError(
            "autograd_engine.accumulate: begin with an empty tape and an empty buffer. "
            "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

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
    # YOUR CODE HERE
    raise NotImplementedError(
        "autograd_engine.accumulate: receiver ← receiver + gradient, in place. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def wrong_count(operation: Operation, gradients: Any) -> ValueError:
    """Make the error for a rule that does not return a tuple with one gradient per input."""
    inputs, _, _, backward_operation = operation
    rule = getattr(backward_operation, "__name__", "backward_operation")
    got = f"a tuple of {len(gradients)}" if isinstance(gradients, tuple) else f"a {type(gradients).__name__}"
    return ValueError(f"{rule} must return a tuple with a gradient for each of {len(inputs)} inputs; got {got}.")

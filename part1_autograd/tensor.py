"""Tensor: an array that writes what is computed from it on the tape of an engine.

x = Tensor([[1.0, 2.0]], requires_grad=True)
loss = (x @ x.T).sum()
loss.backward()
x.grad                          # dL/dx = 2x
default_autograd().zero_grad()  # the tape and the gradients stay until they are dropped

A Tensor that requires no gradient is a constant. Shapes, axes and dtypes follow NumPy; a number takes the dtype of the
other operand, so that float32 stays float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy import ndarray

from part1_autograd.autograd_engine import Autograd, BackwardOperation, Operation
from part1_autograd.functional import (
    Axis,
    add_backward,
    concatenate_backward,
    div_backward,
    exp_backward,
    getitem_backward,
    log_backward,
    matmul_backward,
    max_backward,
    mean_backward,
    mul_backward,
    neg_backward,
    pow_backward,
    relu_backward,
    reshape_backward,
    sigmoid,
    sigmoid_backward,
    sqrt_backward,
    sub_backward,
    sum_backward,
    tanh_backward,
    transpose_backward,
    where_backward,
    without_warnings,
)

Operand: TypeAlias = "Tensor | ndarray | float"

divide, power = without_warnings(np.divide), without_warnings(np.power)
exp, log, sqrt = without_warnings(np.exp), without_warnings(np.log), without_warnings(np.sqrt)

_default_autograd = Autograd()
_is_recording = True


def default_autograd() -> Autograd:
    """Return the engine of every Tensor that is given none."""
    return _default_autograd


@contextmanager
def no_grad() -> Iterator[None]:
    """Record nothing inside the with statement: every result is a constant."""
    global _is_recording
    before, _is_recording = _is_recording, False
    try:
        yield
    finally:
        _is_recording = before


class Tensor:
    """An array, and whether what is computed from it is recorded.

    Raises TypeError if the data are not real numbers, or require a gradient without being floating-point numbers.
    """

    __slots__ = ("autograd", "data", "is_leaf", "requires_grad")
    __array_ufunc__ = None  # array + tensor then asks the Tensor, instead of adding it to every number of the array

    def __init__(self, data: Any, requires_grad: bool = False, autograd: Autograd | None = None) -> None:
        array = np.array(
            data
        )  # a copy: the tape tells arrays apart by identity, and the caller may change the original
        if array.dtype.kind not in "biuf":
            raise TypeError(f"data must be real numbers; got {array.dtype}.")
        if requires_grad and array.dtype.kind != "f":
            raise TypeError(f"data must be floating-point numbers to require a gradient; got {array.dtype}.")
        self.data = array
        self.requires_grad = requires_grad
        self.autograd = default_autograd() if requires_grad and autograd is None else autograd
        self.is_leaf = True  # no operation produced it

    # Operators

    def __add__(self, other: Operand) -> Tensor:
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.operators: self + other. See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def __sub__(self, other: Operand) -> Tensor:
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.operators: self - other. See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def __mul__(self, other: Operand) -> Tensor:
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.operators: self * other. See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def __truediv__(self, other: Operand) -> Tensor:
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.operators: self / other. See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def __pow__(self, other: Operand) -> Tensor:
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.operators: self ** other. See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def __matmul__(self, other: Operand) -> Tensor:
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.operators: self @ other. See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def __neg__(self) -> Tensor:
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.operators: -self. See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def __radd__(self, other: Operand) -> Tensor:
        return constant(other, like=self) + self

    def __rsub__(self, other: Operand) -> Tensor:
        return constant(other, like=self) - self

    def __rmul__(self, other: Operand) -> Tensor:
        return constant(other, like=self) * self

    def __rtruediv__(self, other: Operand) -> Tensor:
        return constant(other, like=self) / self

    def __rpow__(self, other: Operand) -> Tensor:
        return constant(other, like=self) ** self

    def __rmatmul__(self, other: Operand) -> Tensor:
        return constant(other, like=self) @ self

    # Functions

    def exp(self) -> Tensor:
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.functions: eˣ. See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def log(self) -> Tensor:
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.functions: ln x. See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def sqrt(self) -> Tensor:
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.functions: √x. See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def tanh(self) -> Tensor:
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.functions: tanh x. See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def sigmoid(self) -> Tensor:
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.functions: σ(x). See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def relu(self) -> Tensor:
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.functions: max(x, 0). See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    # Reductions

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.reductions: Σᵢ xᵢ. See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.reductions: (1/n) Σᵢ xᵢ. See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.reductions: maxᵢ xᵢ. See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    # Shapes

    def reshape(self, *shape: Any) -> Tensor:
        """Return the same numbers in another shape, given as integers or as one tuple."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.shapes: the same numbers in another shape. "
            "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def transpose(self, *axes: Any) -> Tensor:
        """Permute the axes: axis i of the result is axis axes[i] of this tensor; without axes, reverse them."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.shapes: axis i of the result is axis order[i]. "
            "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    @property
    def T(self) -> Tensor:
        """The axes in reversed order."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.shapes: the axes in reversed order. "
            "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def __getitem__(self, index: Any) -> Tensor:
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.shapes: the chosen elements; the index gets no gradient. "
            "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    # Gradients

    @property
    def grad(self) -> ndarray | None:
        """dL/d(self) once backward has brought it, else None. A result of operations has none without retain_grad."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.backward: what has arrived at this tensor's array in its engine's buffer. "
            "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    @grad.setter
    def grad(self, gradient: ndarray | None) -> None:
        if gradient is not None and np.shape(gradient) != self.shape:
            raise ValueError(f"grad must have the tensor's shape {self.shape}; got {np.shape(gradient)}.")
        self._require_engine().gradient_buffer.replace(self.data, None if gradient is None else np.asarray(gradient))

    def zero_grad(self) -> None:
        """Forget this tensor's gradient. The tape stays; the engine's zero_grad drops it."""
        self.grad = None

    def retain_grad(self) -> None:
        """Ask for the gradient of a result; leaves have theirs kept in any case."""
        self._require_engine().gradient_buffer.add_spot(self.data)

    def backward(self, grad_output: Any = None, release: bool = False) -> None:
        """Add dL/d(leaf) to the grad of every leaf that this tensor was computed from.

        grad_output is dL/d(self), one by default for a single element; release=True frees the tape on the way.
        Raises RuntimeError if this tensor requires no gradient, and what Autograd.backward raises.
        """
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.backward: the engine goes back; a leaf is its own way back. "
            "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def detach(self) -> Tensor:
        """Return the same array as a constant: no gradient goes through it."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.backward: a Tensor that requires no gradient, on no engine. "
            "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def _require_engine(self) -> Autograd:
        if self.autograd is None or not self.requires_grad:
            raise RuntimeError("a tensor must require a gradient to have one; this one is a constant.")
        return self.autograd

    @staticmethod
    def apply(layer: Any, *inputs: Any) -> Tensor:
        """Run a layer, and write it on the tape.

        A layer is any object with forward(*arrays) -> array and backward(grad_output) -> one gradient per input, alone
        or as a tuple. It is recorded even if no input requires a gradient, since its own parameters may; on the
        default engine, if no input is on any.
        A layer that remembers only its last forward can stand on the tape once.
        Raises TypeError if forward does not return one array.
        """
        # YOUR CODE HERE
        raise NotImplementedError(
            "tensor.apply: forward on the arrays; on the way back, layer.backward is the rule. "
            "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    # The array

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    def item(self) -> float:
        """Return the only element as a Python number."""
        return self.data.item()

    def numpy(self) -> ndarray:
        """Return the array itself, not a copy."""
        return self.data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> ndarray:
        return np.array(self.data, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return f"Tensor({self.data}{', requires_grad=True' if self.requires_grad else ''})"


def concatenate(tensors: Sequence[Operand], axis: int = 0) -> Tensor:
    """Join tensors along an axis that they all have."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "tensor.shapes: one operation with all tensors as its inputs. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def where(condition: Any, a: Operand, b: Operand) -> Tensor:
    """Choose between two operands: y = a where condition is True, b elsewhere.

    Shapes: condition, a and b broadcast to y.  The condition gets no gradient.
    """
    # YOUR CODE HERE
    raise NotImplementedError(
        "tensor.shapes: a where the condition holds, b elsewhere; the condition gets no gradient. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


# Recording


def record(output: ndarray, backward: BackwardOperation, *inputs: Any, always: bool = False) -> Tensor:
    """Make a Tensor of what an operation computed, and write the operation on the tape.

    Of the inputs, those Tensors that require a gradient go on the tape. All others (constants, an index, a condition)
    are bound to the rule. Inside no_grad, or if no input requires a gradient (unless `always`), nothing is recorded.
    """
    # YOUR CODE HERE
    raise NotImplementedError(
        "tensor.operators: the result as a Tensor, and a line on the tape if an input requires a gradient. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def binary(forward: Callable[..., ndarray], backward: BackwardOperation, a: Tensor, b: Operand) -> Tensor:
    """Run and record an operation on two operands, of which the second may be a number or an array."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "tensor.operators: forward on both arrays, recorded with its rule. "
        "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def bind_constants(backward: BackwardOperation, arrays: Sequence[Any], on_tape: Sequence[int]) -> BackwardOperation:
    """Bind the other inputs to a rule, which is left with those on the tape."""

    def backward_for_tape(grad_output: ndarray, *_: ndarray) -> tuple[ndarray | None, ...]:
        gradients = backward(grad_output, *arrays)
        if on_tape and len(gradients) <= on_tape[-1]:
            raise ValueError(f"backward must return a gradient for each of {len(arrays)} inputs; got {len(gradients)}.")
        return tuple(gradients[position] for position in on_tape)

    backward_for_tape.__wrapped__ = backward  # type: ignore[attr-defined]  # what graph.py takes the name from
    return backward_for_tape


def new_tensor(data: ndarray, requires_grad: bool, autograd: Autograd | None, is_leaf: bool = True) -> Tensor:
    """Make a Tensor of an array that nobody else holds: neither checked nor copied."""
    tensor = Tensor.__new__(Tensor)
    tensor.data, tensor.requires_grad, tensor.autograd, tensor.is_leaf = data, requires_grad, autograd, is_leaf
    return tensor


def constant(value: Operand, like: Operand) -> Tensor:
    """Make a number or an array a Tensor that requires no gradient.

    A number takes the dtype of what it meets, as in NumPy. Raises TypeError for anything else.
    """
    if isinstance(value, ndarray | np.generic) and value.dtype.kind in "biuf":
        array = np.asarray(value)
    elif isinstance(value, int | float):
        dtype = like.dtype if isinstance(like, Tensor | ndarray) else np.asarray(like).dtype
        array = np.asarray(value, dtype if dtype.kind == "f" else np.result_type(dtype, value))
    else:
        raise TypeError(f"operand must be a Tensor, a number or an array of numbers; got {type(value).__name__}.")
    return new_tensor(array, requires_grad=False, autograd=None)


def arrays_of(values: Sequence[Any]) -> list[Any]:
    """Return the array of every Tensor, and anything else as it is."""
    return [value.data if isinstance(value, Tensor) else value for value in values]


def common_autograd(values: Sequence[Any]) -> Autograd | None:
    """Return the engine that the Tensors are on; None if all are constants. Raises ValueError if there are two."""
    engine = None
    for value in values:
        if isinstance(value, Tensor) and value.autograd is not None:
            if engine is not None and value.autograd is not engine:
                raise ValueError(
                    "tensors must be on one engine to be combined; got two. Give all of them the same one."
                )
            engine = value.autograd
    return engine

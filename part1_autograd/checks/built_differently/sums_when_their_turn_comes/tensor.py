"""Tensor, whose operators, functions and reductions are made from tables of a forward and a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import compress
from typing import Any

import numpy as np

from part1_autograd import functional as rules
from part1_autograd.autograd_engine import Autograd, BackwardOperation

Array = np.ndarray
without_warnings = np.errstate(all="ignore")

Entry = tuple[Callable[..., Any], BackwardOperation]
OPERATORS: dict[str, Entry] = {
    "add": (np.add, rules.add_backward),
    "sub": (np.subtract, rules.sub_backward),
    "mul": (np.multiply, rules.mul_backward),
    "truediv": (np.divide, rules.div_backward),
    "pow": (np.power, rules.pow_backward),
    "matmul": (np.matmul, rules.matmul_backward),
}
FUNCTIONS: dict[str, Entry] = {
    "__neg__": (np.negative, rules.neg_backward),
    "exp": (np.exp, rules.exp_backward),
    "log": (np.log, rules.log_backward),
    "sqrt": (np.sqrt, rules.sqrt_backward),
    "tanh": (np.tanh, rules.tanh_backward),
    "sigmoid": (rules.sigmoid, rules.sigmoid_backward),
    "relu": (lambda x: x * (x > 0), rules.relu_backward),
}
REDUCTIONS: dict[str, Entry] = {
    "sum": (np.sum, rules.sum_backward),
    "mean": (np.mean, rules.mean_backward),
    "max": (np.max, rules.max_backward),
}

_engine = Autograd()
_pauses = 0


def default_autograd() -> Autograd:
    return _engine


@contextmanager
def no_grad() -> Iterator[None]:
    global _pauses
    _pauses += 1
    try:
        yield
    finally:
        _pauses -= 1


class Tensor:
    __array_ufunc__ = None

    def __init__(self, data: Any, requires_grad: bool = False, autograd: Autograd | None = None) -> None:
        array = np.array(data)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"data must be real numbers; got {array.dtype}.")
        if requires_grad and array.dtype.kind != "f":
            raise TypeError(f"data must be floating-point numbers to require a gradient; got {array.dtype}.")
        self.data = array
        self.requires_grad = requires_grad
        self.autograd = autograd or (default_autograd() if requires_grad else None)
        self.is_leaf = self.keeps_grad = True

    def reshape(self, *shape: Any) -> Tensor:
        return record(self.data.reshape(*shape), rules.reshape_backward, self)

    def transpose(self, *axes: Any) -> Tensor:
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return record(np.transpose(self.data, order), partial(rules.transpose_backward, axes=order), self)

    @property
    def T(self) -> Tensor:
        return self.transpose()

    def __getitem__(self, index: Any) -> Tensor:
        return record(self.data[index], rules.getitem_backward, self, index)

    @property
    def grad(self) -> Array | None:
        if not (self.requires_grad and self.keeps_grad and self._buffer.reached(self.data)):
            return None
        return self._buffer.get(self.data)

    @grad.setter
    def grad(self, gradient: Array | None) -> None:
        if gradient is not None and np.shape(gradient) != self.shape:
            raise ValueError(f"grad must have the tensor's shape {self.shape}; got {np.shape(gradient)}.")
        self._buffer.replace(self.data, None if gradient is None else np.asarray(gradient))

    def zero_grad(self) -> None:
        self.grad = None

    def retain_grad(self) -> None:
        self._buffer.add_spot(self.data)
        self.keeps_grad = True

    def backward(self, grad_output: Any = None, release: bool = False) -> None:
        if self.is_leaf:
            self._buffer.add_spot(self.data)
        self._require_engine().backward(self.data, grad_output, release)

    def detach(self) -> Tensor:
        return wrap(self.data)

    @staticmethod
    def apply(layer: Any, *inputs: Any) -> Tensor:
        engine_of(inputs)  # raises before the layer has run
        output = layer.forward(*map(array_of, inputs))
        if not isinstance(output, Array | np.generic):
            raise TypeError(f"forward of a layer must return one array; got {type(output).__name__}.")

        def rule(grad_output: Array, *_: Array) -> tuple[Array | None, ...]:
            gradients = layer.backward(grad_output)
            return gradients if isinstance(gradients, tuple) else (gradients,)

        return record(np.asarray(output)[...], rule, *inputs, always=True)

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
        return self.data.item()

    def numpy(self) -> Array:
        return self.data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.data, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return f"Tensor({self.data}{', requires_grad=True' if self.requires_grad else ''})"

    @property
    def _buffer(self) -> Any:
        return self._require_engine().gradient_buffer

    def _require_engine(self) -> Autograd:
        if self.autograd is None or not self.requires_grad:
            raise RuntimeError("a tensor must require a gradient to have one; this one is a constant.")
        return self.autograd


def operator(forward: Callable[..., Array], rule: BackwardOperation, is_reflected: bool) -> Callable[..., Tensor]:
    """Make a method of a Tensor and another operand, which stands on the left if it is reflected."""

    @without_warnings
    def method(self: Tensor, other: Any) -> Tensor:
        operands = [self, as_tensor(other, like=self)]
        left, right = reversed(operands) if is_reflected else operands
        return record(forward(left.data, right.data), rule, left, right)

    return method


def function(forward: Callable[..., Array], rule: BackwardOperation) -> Callable[..., Tensor]:
    @without_warnings
    def method(self: Tensor) -> Tensor:
        return record(forward(self.data), rule, self)

    return method


def reduction(forward: Callable[..., Array], rule: BackwardOperation) -> Callable[..., Tensor]:
    def method(self: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
        options = {"axis": axis, "keepdims": keepdims}
        return record(forward(self.data, **options), partial(rule, **options), self)

    return method


for name, entry in OPERATORS.items():
    setattr(Tensor, f"__{name}__", operator(*entry, is_reflected=False))
    setattr(Tensor, f"__r{name}__", operator(*entry, is_reflected=True))
for name, entry in FUNCTIONS.items():
    setattr(Tensor, name, function(*entry))
for name, entry in REDUCTIONS.items():
    setattr(Tensor, name, reduction(*entry))


def concatenate(tensors: Sequence[Any], axis: int = 0) -> Tensor:
    output = np.concatenate([np.asarray(array_of(value)) for value in tensors], axis)
    return record(output, partial(rules.concatenate_backward, axis=axis), *tensors)


def where(condition: Any, a: Any, b: Any) -> Tensor:
    left, right = as_tensor(a, like=b), as_tensor(b, like=a)
    return record(np.where(condition, left.data, right.data), rules.where_backward, condition, left, right)


def record(output: Array, rule: BackwardOperation, *inputs: Any, always: bool = False) -> Tensor:
    """Make a Tensor of an output; on the tape go the inputs that require a gradient, if there are any."""
    output, engine, arrays = np.asarray(output), engine_of(inputs), list(map(array_of, inputs))
    on_tape = [isinstance(value, Tensor) and value.requires_grad for value in inputs]
    if _pauses or not (any(on_tape) or always):
        return wrap(output, engine)

    def rule_of_tape(grad_output: Array, *_: Array) -> tuple[Array | None, ...]:
        gradients = rule(grad_output, *arrays)
        if len(gradients) != len(arrays):
            raise ValueError(f"backward must return {len(arrays)} gradients; got {len(gradients)}.")
        return tuple(compress(gradients, on_tape))

    engine = engine or default_autograd()
    kept = list(compress(arrays, on_tape))
    engine.add_operation(kept, output, [None] * len(kept), rule_of_tape)
    result = wrap(output, engine)
    result.requires_grad, result.is_leaf, result.keeps_grad = True, False, False
    return result


def wrap(array: Array, engine: Autograd | None = None) -> Tensor:
    """Make a constant of this very array."""
    tensor = Tensor(0.0, autograd=engine)
    tensor.data = array
    return tensor


def as_tensor(value: Any, like: Any) -> Tensor:
    """Make a constant of a number, which takes the dtype of what it meets, or of an array."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Array | np.generic) and value.dtype.kind in "biuf":
        return wrap(np.asarray(value))
    if isinstance(value, int | float):
        dtype = np.asarray(array_of(like)).dtype
        return wrap(np.asarray(value, dtype if dtype.kind == "f" else None))
    raise TypeError(f"operand must be a Tensor, a number or an array of numbers; got {type(value).__name__}.")


def array_of(value: Any) -> Any:
    return value.data if isinstance(value, Tensor) else value


def engine_of(values: Sequence[Any]) -> Autograd | None:
    """Return the one engine that the Tensors are on, None for constants."""
    engines = {value.autograd for value in values if isinstance(value, Tensor)} - {None}
    if len(engines) > 1:
        raise ValueError("tensors must be on one engine to be combined; got two.")
    return engines.pop() if engines else None

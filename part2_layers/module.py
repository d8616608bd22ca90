"""Module: what every layer has in common. Given.

A layer is written as two methods.  `forward(x)` computes, and keeps on the layer (`self.x = x`) what backward will
need.  `backward(grad_output)` takes dL/dy, adds dL/dw to `weight_grad` for every parameter, and returns dL/dx.
The decorators check what goes in; `add_parameter` and `add_buffer` make an array part of the state dict, whose names
are torch's.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, Self, TypeVar

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

Method = TypeVar("Method", bound=Callable[..., ndarray])


def checked_forward(forward: Method) -> Method:
    """Let only floats into forward, and remember the shape of its output for backward.

    Raises TypeError for anything but an array of floats.
    """

    @functools.wraps(forward)
    def checked(self: Module, x: ndarray) -> ndarray:
        check_floats("x", x)
        output = as_array(forward(self, x))
        self.output_shape = np.shape(output)
        return output

    return checked  # type: ignore[return-value]


def checked_backward(backward: Method) -> Method:
    """Let only a gradient of the last output's shape into backward.

    Raises RuntimeError before the first forward, TypeError for anything but floats, ValueError for another shape.
    """

    @functools.wraps(backward)
    def checked(self: Module, grad_output: ndarray) -> ndarray:
        check_grad_output(grad_output, self.output_shape)
        return as_array(backward(self, grad_output))

    return checked  # type: ignore[return-value]


def array_result(method: Method) -> Method:
    """Give back an array where NumPy makes a scalar of a single number, as the losses' sums are."""

    @functools.wraps(method)
    def with_array(*arguments: Any, **options: Any) -> Any:
        return as_array(method(*arguments, **options))

    return with_array  # type: ignore[return-value]


def computed_in_float32(method: Method) -> Method:
    """Compute in float32 what comes in float16, and give back float16: sums and squares of halves soon overflow.

    Around every forward and backward of a Module, whoever writes it.  float16 is what comes out where all floats that
    go into forward are float16, the parameters included; backward follows the last forward.
    """

    @functools.wraps(method)
    def wider(self: Module, *arguments: Any, **options: Any) -> Any:
        given = [value for value in (*arguments, *options.values()) if is_of_floats(value)]
        is_half = [value.dtype == np.float16 for value in given]
        if method.__name__ == "forward":
            own = [value for _, value, _ in self.named_parameters()] if any(is_half) else []
            self.gives_float16 = any(is_half) and all(is_half) and all(value.dtype == np.float16 for value in own)
        if any(is_half):
            arguments = tuple(map(_widened, arguments))
            options = {name: _widened(value) for name, value in options.items()}
        result = method(self, *arguments, **options)
        if not self.gives_float16:
            return result
        return tuple(map(_narrowed, result)) if isinstance(result, tuple) else _narrowed(result)

    return wider  # type: ignore[return-value]


def _widened(value: Any) -> Any:
    return value.astype(np.float32) if is_of_floats(value) and value.dtype == np.float16 else value


def _narrowed(value: Any) -> Any:
    with np.errstate(over="ignore"):  # infinity, as in torch
        return value.astype(np.float16) if is_of_floats(value) else value


class Module:
    """A layer, or several: parameters with their gradients, buffers, and the modules that it holds.

    A module that is set as an attribute is found, as in torch, and its names begin with the attribute's.
    """

    gives_float16 = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in ("forward", "backward"):
            if name in vars(cls):
                setattr(cls, name, computed_in_float32(vars(cls)[name]))

    def __init__(self) -> None:
        self.training = True
        self.output_shape: tuple[int, ...] | None = None
        self._parameters: list[str] = []
        self._buffers: list[str] = []

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Call forward."""
        return self.forward(*inputs, **options)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Return the output of the layer."""
        raise TypeError(f"{type(self).__name__} must define forward; it does not.")

    def backward(self, *grad_outputs: Any) -> Any:
        """Return the gradient of the input; the gradients of the parameters are added to theirs."""
        raise TypeError(f"{type(self).__name__} must define backward; it does not.")

    # What it consists of

    def add_parameter(self, name: str, value: ndarray | None) -> None:
        """Set `name` to what is learned, and `name`_grad to zeros of its shape and dtype. None: there is none."""
        setattr(self, name, value)
        setattr(self, f"{name}_grad", None if value is None else np.zeros_like(value))
        self._parameters.append(name)

    def add_buffer(self, name: str, value: ndarray) -> None:
        """Set `name` to what is kept and saved, but not learned."""
        setattr(self, name, value)
        self._buffers.append(name)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Return the modules that this one holds, in the order in which they were set."""
        return ((name, value) for name, value in vars(self).items() if isinstance(value, Module))

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, ndarray, ndarray]]:
        """Name, value and gradient of every parameter, the held modules' too."""
        for name in self._parameters:
            value = getattr(self, name)
            if value is not None:
                yield prefix + name, value, getattr(self, f"{name}_grad")
        for name, child in self.named_children():
            yield from child.named_parameters(f"{prefix}{name}.")

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, ndarray]]:
        """Name and value of every buffer, the held modules' too."""
        yield from ((prefix + name, getattr(self, name)) for name in self._buffers)
        for name, child in self.named_children():
            yield from child.named_buffers(f"{prefix}{name}.")

    # What can be done with it

    def zero_grad(self) -> None:
        """Set every gradient to zero, in place."""
        for _, _, grad in self.named_parameters():
            grad.fill(0)

    def train(self, mode: bool = True) -> Self:
        """Go to training mode, or with False to evaluation mode; the held modules too."""
        self.training = mode
        for _, child in self.named_children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Go to evaluation mode."""
        return self.train(False)

    def state_dict(self, prefix: str = "") -> dict[str, ndarray]:
        """Return a copy of every parameter and buffer, by torch's names and in torch's order."""
        state = {prefix + name: getattr(self, name) for name in (*self._parameters, *self._buffers)}
        state = {name: value.copy() for name, value in state.items() if value is not None}
        for name, child in self.named_children():
            state |= child.state_dict(f"{prefix}{name}.")
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Copy the values into the parameters and buffers, which keep their dtypes.

        Takes arrays and torch's tensors.  Raises ValueError, with nothing changed, that lists every name that is
        missing, unexpected, or of another shape.
        """
        own = {name: value for name, value, _ in self.named_parameters()} | dict(self.named_buffers())
        given = {name: np.asarray(value) for name, value in state_dict.items()}
        shapes = {name: (given[name].shape, own[name].shape) for name in own if name in given}
        problems = [
            *(f"missing {name}" for name in own if name not in given),
            *(f"unexpected {name}" for name in given if name not in own),
            *(
                f"{name} of shape {got} instead of {expected}"
                for name, (got, expected) in shapes.items()
                if got != expected
            ),
            *(f"{name} of dtype {given[name].dtype}" for name in shapes if given[name].dtype.kind not in "biuf"),
        ]
        if problems:
            raise ValueError(f"state_dict must fit {type(self).__name__}; got {', '.join(problems)}.")
        for name, value in own.items():
            np.copyto(value, given[name], casting="unsafe")

    def __repr__(self) -> str:
        """Return the kind of the module and the shapes of its parameters, then a line for each module that it holds."""
        own = [name for name in self._parameters if getattr(self, name) is not None]
        shapes = ", ".join(f"{name} {getattr(self, name).shape}" for name in own)
        children = [f"\n({name}) {child!r}".replace("\n", "\n  ") for name, child in self.named_children()]
        return f"{type(self).__name__}({shapes})" + "".join(children)


# New parameters


def uniform(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, dtype: DTypeLike) -> ndarray:
    """Return a new weight or bias as torch draws it: uniform between -1/√fan_in and 1/√fan_in."""
    bound = 1 / np.sqrt(fan_in)
    return rng.uniform(-bound, bound, shape).astype(dtype)


# Checks


def as_array(value: Any) -> Any:
    """Return a NumPy scalar, which is what NumPy makes of many 0-d results, as an array again."""
    return np.asarray(value) if isinstance(value, np.generic) else value


def is_of_floats(value: Any) -> bool:
    """Say whether this is an array of floats."""
    return isinstance(value, ndarray) and value.dtype.kind == "f"


def check_floats(name: str, value: Any) -> None:
    """Raise TypeError for anything but an array of floats."""
    if not is_of_floats(value):
        got = f"an array of {value.dtype}" if isinstance(value, ndarray) else type(value).__name__
        raise TypeError(f"{name} must be an array of floats; got {got}. Convert with np.asarray({name}, np.float32).")


def check_grad_output(grad_output: Any, output_shape: tuple[int, ...] | None) -> None:
    """Raise an error unless this may be the gradient of an output of this shape."""
    if output_shape is None:
        raise RuntimeError("backward must follow a forward; got none yet. Call forward first.")
    check_floats("grad_output", grad_output)
    if grad_output.shape != output_shape:
        raise ValueError(f"grad_output must have the output's shape {output_shape}; got {grad_output.shape}.")


def check_shape(name: str, value: ndarray, shape: tuple[str | int, ...]) -> None:
    """Raise ValueError unless the array has this shape, in which a word stands for any length."""
    fits = value.ndim == len(shape) and all(
        isinstance(expected, str) or length == expected for length, expected in zip(value.shape, shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name} must have shape ({', '.join(map(str, shape))}); got {value.shape}.")


def integer(name: str, value: Any, minimum: int = 1) -> int:
    """Return the value as an int. Raises TypeError if it is none, ValueError if it is too small."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer; got {value!r}.") from None
    if number < minimum:
        rule = {0: "not be negative", 1: "be positive"}.get(minimum, f"be at least {minimum}")
        raise ValueError(f"{name} must {rule}; got {number}.")
    return number


def pair(name: str, value: Any, minimum: int = 1) -> tuple[int, int]:
    """Return a pair of integers as it is, and one integer as a pair of it. Raises as `integer` does."""
    if not isinstance(value, (tuple, list)):
        value = (value, value)
    if len(value) != 2:
        raise ValueError(f"{name} must be an integer or a pair of integers; got {value!r}.")
    return integer(name, value[0], minimum), integer(name, value[1], minimum)


def check_reduction(reduction: str) -> Literal["none", "mean", "sum"]:
    """Return the reduction as it is. Raises ValueError for anything that is none."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"reduction must be 'none', 'mean' or 'sum'; got {reduction!r}.")
    return reduction  # type: ignore[return-value]


def check_fraction(name: str, value: float, below_one: bool = False) -> float:
    """Return the value as it is. Raises ValueError unless it lies between 0 and 1, for some below 1."""
    if not (0 <= value < 1 or (value == 1 and not below_one)):
        raise ValueError(f"{name} must lie between 0 and 1{', below 1' if below_one else ''}; got {value}.")
    return value

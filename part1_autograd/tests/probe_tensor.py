"""Probes of tensors: compute with them, go backward, and read the gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from part1_autograd.autograd_engine import Autograd
from part1_autograd.tensor import Tensor, default_autograd, no_grad
from part1_autograd.tensor import concatenate as concatenate_tensors
from part1_autograd.tensor import where as where_tensor

OPERATORS: dict[str, Callable[[Any, Any], Tensor]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "@": lambda a, b: a @ b,
}
EXPRESSIONS: dict[str, Callable[..., Tensor]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "matmul": lambda a, b: a @ b,
    "neg": lambda x: -x,
    "double": lambda x: 2 * x,
    "square": lambda x: x**2,
}


def operate(operator: str, a: np.ndarray, b: np.ndarray, grad_output: np.ndarray) -> dict[str, Any]:
    """a + b, a - b, …: both tensors, then only the left one, then only the right one."""
    return {
        "tensor with tensor": _operate(operator, a, b, grad_output, "a", "b"),
        "tensor with array": _operate(operator, a, b, grad_output, "a"),
        "array with tensor": _operate(operator, a, b, grad_output, "b"),
    }


def operate_with_number(operator: str, x: np.ndarray, number: float, grad_output: np.ndarray) -> dict[str, Any]:
    """x + 2 and 2 + x, x - 2 and 2 - x, …"""
    return {
        "tensor with number": _operate(operator, x, number, grad_output, "a"),
        "number with tensor": _operate(operator, number, x, grad_output, "b"),
    }


def power(x: np.ndarray, exponent: int, grad_output: np.ndarray) -> dict[str, np.ndarray]:
    """x ** exponent, where the exponent is a whole number."""
    return _operate("**", x, exponent, grad_output, "a")


def evaluate(leaves: list[np.ndarray], nodes: list[Any], grad_output: np.ndarray) -> dict[str, Any]:
    """Compute an expression with tensors, and go backward with the engine that they are recorded on."""
    engine = Autograd()
    tensors = [Tensor(leaf, requires_grad=True, autograd=engine) for leaf in leaves]
    output = _evaluate(tensors, nodes)
    engine.backward(output, grad_output)
    return {"output": output.numpy(), "leaf_grads": [engine.gradient_buffer.get(tensor.data) for tensor in tensors]}


def evaluate_without_gradients(leaves: list[np.ndarray], nodes: list[Any]) -> dict[str, Any]:
    """Compute an expression with tensors that need no gradient."""
    engine = Autograd()
    output = _evaluate([Tensor(leaf, autograd=engine) for leaf in leaves], nodes)
    return {"output": output.numpy(), "requires_grad": output.requires_grad, "operations": len(engine.operation_list)}


def mix_engines(a: np.ndarray, b: np.ndarray) -> dict[str, list[int]]:
    """Add two tensors that are recorded on two engines; how many operations each has recorded."""
    engines = [Autograd(), Autograd()]
    _ = Tensor(a, requires_grad=True, autograd=engines[0]) + Tensor(b, requires_grad=True, autograd=engines[1])
    return {"operations": [len(engine.operation_list) for engine in engines]}


def call(function: str, x: np.ndarray, grad_output: np.ndarray) -> dict[str, np.ndarray]:
    """x.exp(), x.log(), x.sqrt(), x.tanh(), x.sigmoid() or x.relu()."""
    engine = Autograd()
    tensor = Tensor(x, requires_grad=True, autograd=engine)
    return _backward(engine, getattr(tensor, function)(), grad_output, x=tensor)


def reduce(reduction: str, x: np.ndarray, axis: Any, keepdims: bool, grad_output: np.ndarray) -> dict[str, np.ndarray]:
    """x.sum(axis=axis, keepdims=keepdims), or mean, or max."""
    engine = Autograd()
    tensor = Tensor(x, requires_grad=True, autograd=engine)
    return _backward(engine, getattr(tensor, reduction)(axis=axis, keepdims=keepdims), grad_output, x=tensor)


def reshape(x: np.ndarray, grad_output: np.ndarray) -> dict[str, np.ndarray]:
    """x.reshape(shape)"""
    engine = Autograd()
    tensor = Tensor(x, requires_grad=True, autograd=engine)
    return _backward(engine, tensor.reshape(grad_output.shape), grad_output, x=tensor)


def transpose(x: np.ndarray, axes: Any, grad_output: np.ndarray) -> dict[str, np.ndarray]:
    """x.T, or x.transpose(axes)"""
    engine = Autograd()
    tensor = Tensor(x, requires_grad=True, autograd=engine)
    return _backward(engine, tensor.T if axes is None else tensor.transpose(axes), grad_output, x=tensor)


def getitem(x: np.ndarray, index: list[Any], grad_output: np.ndarray) -> dict[str, np.ndarray]:
    """x[index]. A list [start, stop, step] stands for a slice."""
    engine = Autograd()
    tensor = Tensor(x, requires_grad=True, autograd=engine)
    brackets = tuple(slice(*entry) if isinstance(entry, list) else entry for entry in index)
    return _backward(engine, tensor[brackets], grad_output, x=tensor)


def concatenate(arrays: list[np.ndarray], axis: int, grad_output: np.ndarray) -> dict[str, np.ndarray]:
    """concatenate(tensors, axis=axis)"""
    engine = Autograd()
    tensors = [Tensor(array, requires_grad=True, autograd=engine) for array in arrays]
    named = {f"arrays[{position}]": tensor for position, tensor in enumerate(tensors)}
    return _backward(engine, concatenate_tensors(tensors, axis=axis), grad_output, **named)


def concatenate_with_arrays(arrays: list[np.ndarray], axis: int, grad_output: np.ndarray) -> dict[str, np.ndarray]:
    """concatenate([tensor, array, …], axis=axis): all but the first stay arrays."""
    engine = Autograd()
    tensor = Tensor(arrays[0], requires_grad=True, autograd=engine)
    output = concatenate_tensors([tensor, *arrays[1:]], axis=axis)
    return _backward(engine, output, grad_output, **{"arrays[0]": tensor})


def where(condition: np.ndarray, a: np.ndarray, b: np.ndarray, grad_output: np.ndarray) -> dict[str, np.ndarray]:
    """where(condition, a, b)"""
    engine = Autograd()
    left, right = (Tensor(operand, requires_grad=True, autograd=engine) for operand in (a, b))
    return _backward(engine, where_tensor(condition, left, right), grad_output, a=left, b=right)


def where_with_number(
    condition: np.ndarray, x: np.ndarray, number: float, grad_output: np.ndarray
) -> dict[str, dict[str, np.ndarray]]:
    """where(condition, x, 2) and where(condition, 2, x)"""
    answers = {}
    for name in ("tensor or number", "number or tensor"):
        engine = Autograd()
        tensor = Tensor(x, requires_grad=True, autograd=engine)
        a, b = (tensor, number) if name == "tensor or number" else (number, tensor)
        answers[name] = _backward(engine, where_tensor(condition, a, b), grad_output, x=tensor)
    return answers


def backward(leaves: list[np.ndarray], nodes: list[Any], grad_outputs: list[np.ndarray]) -> dict[str, Any]:
    """Compute an expression on the default engine, and go backward from it once for each gradient."""
    tensors = [Tensor(leaf, requires_grad=True) for leaf in leaves]
    before = [tensor.grad for tensor in tensors]
    output = _evaluate(tensors, nodes)
    for grad_output in grad_outputs:
        output.backward(grad_output)
    return {"before": before, "leaf_grads": [tensor.grad for tensor in tensors]}


def backward_without_gradient(leaves: list[np.ndarray], nodes: list[Any]) -> dict[str, Any]:
    """Go backward from an expression of one element, as from a loss."""
    tensors = [Tensor(leaf, requires_grad=True) for leaf in leaves]
    _evaluate(tensors, nodes).backward()
    return {"leaf_grads": [tensor.grad for tensor in tensors]}


def backward_from_leaf(x: np.ndarray, grad_output: np.ndarray) -> dict[str, Any]:
    """Go backward from a tensor that nothing was computed for."""
    tensor = Tensor(x, requires_grad=True, autograd=Autograd())
    tensor.backward(grad_output)
    return {"x_grad": tensor.grad}


def grads_of_results(x: np.ndarray, grad_output: np.ndarray) -> dict[str, Any]:
    """h = -x, kept = -h, y = -kept and z = kept + h; go backward from y and from z, after retain_grad of kept."""
    h = -Tensor(x, requires_grad=True, autograd=Autograd())
    kept = -h
    kept.retain_grad()
    y, z = -kept, kept + h
    y.backward(grad_output)
    y_grad = y.grad
    z.backward(grad_output)
    return {"kept_grad": kept.grad, "other_grads": [h.grad, y_grad, z.grad]}


def compute_without_axes(a: np.ndarray, b: np.ndarray) -> dict[str, bool]:
    """-a, a + b and a + 2, where a and b have no axes; whether each result holds an array."""
    engine = Autograd()
    left, right = (Tensor(operand, requires_grad=True, autograd=engine) for operand in (a, b))
    results = {"-a": -left, "a + b": left + right, "a + 2": left + 2}
    return {name: isinstance(result.numpy(), np.ndarray) for name, result in results.items()}


def multiply_with_detached(x: np.ndarray, grad_output: np.ndarray) -> dict[str, Any]:
    """y = x · x.detach(): the second factor is a constant."""
    tensor = Tensor(x, requires_grad=True, autograd=Autograd())
    constant = tensor.detach()
    output = tensor * constant
    output.backward(grad_output)
    return {"output": output.numpy(), "x_grad": tensor.grad, "requires_grad": constant.requires_grad}


def multiply_with_constant(x: np.ndarray, constant: np.ndarray, grad_output: np.ndarray) -> dict[str, Any]:
    """y = x · c, where c is a tensor that needs no gradient."""
    engine = Autograd()
    tensor, other = Tensor(x, requires_grad=True, autograd=engine), Tensor(constant, autograd=engine)
    (tensor * other).backward(grad_output)
    return {"x_grad": tensor.grad, "constant_grad": other.grad}


def pause_recording(x: np.ndarray) -> dict[str, Any]:
    """Compute inside no_grad, which an exception ends, and after it."""
    engine = Autograd()
    tensor = Tensor(x, requires_grad=True, autograd=engine)
    try:
        with no_grad():
            inside = tensor * tensor
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        after = tensor * tensor
    return {"inside": inside.requires_grad, "after": after.requires_grad, "operations": len(engine.operation_list)}


class Affine:
    """A layer that knows nothing of tensors: y = x Wᵀ + b."""

    def __init__(self, weight: np.ndarray, bias: np.ndarray) -> None:
        self.weight, self.bias = weight, bias

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        return x @ self.weight.T + self.bias

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        self.weight_grad, self.bias_grad = grad_output.T @ self.x, grad_output.sum(axis=0)
        return grad_output @ self.weight


class Blend:
    """A layer with two inputs: y = a · tanh(b)."""

    def forward(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        self.a, self.gate = a, np.tanh(b)
        return np.asarray(a * self.gate)

    def backward(self, grad_output: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(grad_output * self.gate), np.asarray(grad_output * self.a * (1 - self.gate**2))


class Identity:
    """A layer that returns its input itself."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        return grad_output


class Repeating:
    """A layer whose backward gives the gradient any number of times."""

    def __init__(self, count: int) -> None:
        self.count = count

    def forward(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(a + b)

    def backward(self, grad_output: np.ndarray) -> tuple[np.ndarray, ...]:
        return (grad_output,) * self.count


class Pair:
    """An object that is no layer: its forward returns two arrays."""

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x, x

    def backward(self, grad_output: np.ndarray) -> np.ndarray:
        return grad_output


def apply_identity(x: np.ndarray, grad_output: np.ndarray) -> dict[str, np.ndarray]:
    """y = identity(x), twice"""
    engine = Autograd()
    tensor = Tensor(x, requires_grad=True, autograd=engine)
    output = Tensor.apply(Identity(), Tensor.apply(Identity(), tensor))
    return _backward(engine, output, grad_output, x=tensor)


def apply_to_constant(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, grad_output: np.ndarray, on_default: bool
) -> dict[str, np.ndarray]:
    """y = affine(x), where x needs no gradient, but the layer's parameters do; x is on an engine, or on none."""
    engine, layer = default_autograd() if on_default else Autograd(), Affine(weight, bias)
    constant = Tensor(x) if on_default else Tensor(x, autograd=engine)
    engine.backward(Tensor.apply(layer, constant), grad_output)
    return {"weight_grad": layer.weight_grad, "bias_grad": layer.bias_grad}


def apply_pair(x: np.ndarray) -> None:
    """Apply what returns two arrays."""
    Tensor.apply(Pair(), Tensor(x, requires_grad=True, autograd=Autograd()))


def apply_repeating(a: np.ndarray, b: np.ndarray, grad_output: np.ndarray, count: int) -> None:
    """Go backward through a layer with two inputs that gives so many gradients."""
    engine = Autograd()
    left, right = (Tensor(operand, requires_grad=True, autograd=engine) for operand in (a, b))
    engine.backward(Tensor.apply(Repeating(count), left, right), grad_output)


def apply_affine(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, grad_output: np.ndarray) -> dict[str, np.ndarray]:
    """y = affine(x) · 2 + affine's input, so that the layer stands in the middle of the tape."""
    engine, layer = Autograd(), Affine(weight, bias)
    tensor = Tensor(x, requires_grad=True, autograd=engine)
    output = Tensor.apply(layer, -tensor) * 2
    engine.backward(output, grad_output)
    return {
        "output": output.numpy(),
        "x_grad": engine.gradient_buffer.get(tensor.data),
        "weight_grad": layer.weight_grad,
        "bias_grad": layer.bias_grad,
    }


def apply_blend(a: np.ndarray, b: np.ndarray, grad_output: np.ndarray) -> dict[str, np.ndarray]:
    """y = blend(a, b), a layer with two inputs."""
    engine = Autograd()
    left, right = (Tensor(operand, requires_grad=True, autograd=engine) for operand in (a, b))
    return _backward(engine, Tensor.apply(Blend(), left, right), grad_output, a=left, b=right)


def _operate(operator: str, a: Any, b: Any, grad_output: np.ndarray, *tensors: str) -> dict[str, np.ndarray]:
    """Apply one operator; `tensors` names the operands that are tensors."""
    engine = Autograd()
    operands = {"a": a, "b": b}
    for name in tensors:
        operands[name] = Tensor(operands[name], requires_grad=True, autograd=engine)
    output = OPERATORS[operator](operands["a"], operands["b"])
    return _backward(engine, output, grad_output, **{name: operands[name] for name in tensors})


def _evaluate(tensors: list[Tensor], nodes: list[Any]) -> Tensor:
    values = list(tensors)
    for name, operands in nodes:
        values.append(EXPRESSIONS[name](*(values[operand] for operand in operands)))
    return values[-1]


def _backward(engine: Autograd, output: Tensor, grad_output: np.ndarray, **tensors: Tensor) -> dict[str, np.ndarray]:
    """Return the output, and after going backward the gradient of every tensor."""
    engine.backward(output, grad_output)
    found = {f"{name}_grad": engine.gradient_buffer.get(tensor.data) for name, tensor in tensors.items()}
    return {"output": output.numpy(), **found}

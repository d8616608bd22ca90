"""Known mistakes in Tensor."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

operators = partial(mistake, "tensor.operators")
functions = partial(mistake, "tensor.functions")
reductions = partial(mistake, "tensor.reductions")
shapes = partial(mistake, "tensor.shapes")
backward = partial(mistake, "tensor.backward")
apply = partial(mistake, "tensor.apply")

MISTAKES = (
    operators(
        "tensor: rsub not swapped",
        ("return constant(other, like=self) - self", "return self - other"),
        says="the reflected operands are not swapped: 2 - x calls x.__rsub__(2), which is 2 - x and not x - 2",
    ),
    operators(
        "tensor: rpow not swapped",
        ("return constant(other, like=self) ** self", "return self ** other"),
        says="the reflected operands are not swapped: 2 - x calls x.__rsub__(2), which is 2 - x and not x - 2",
    ),
    operators(
        "tensor: rdiv not swapped",
        ("return constant(other, like=self) / self", "return self / other"),
        says="the reflected operands are not swapped: 2 - x calls x.__rsub__(2), which is 2 - x and not x - 2",
    ),
    operators(
        "tensor: div records mul",
        ("binary(divide, div_backward", "binary(divide, mul_backward"),
        says="the quotient is recorded with the rule of a product",
    ),
    operators(
        "tensor: neg not recorded",
        (
            "return record(np.negative(self.data), neg_backward, self)",
            "return Tensor(np.negative(self.data), True, self.autograd)",
        ),
    ),
    operators(
        "tensor: numbers are float64",
        (
            'np.asarray(value, dtype if dtype.kind == "f" else np.result_type(dtype, value))',
            "np.asarray(value, np.float64)",
        ),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    operators(
        "tensor: records always",
        ("if not _is_recording or not (on_tape or always):", "if not _is_recording:"),
        says="operations are recorded, although no operand requires a gradient",
    ),
    operators(
        "tensor: engines mix",
        ("if engine is not None and value.autograd is not engine:", "if False:"),
        ("engine = value.autograd\n", "engine = engine or value.autograd\n"),
        says="the result is on the first operand's engine, and the second's does not know it",
    ),
    functions(
        "tensor: sqrt records log",
        ("sqrt_backward, self)", "log_backward, self)"),
        says="sqrt is recorded with the rule of log",
    ),
    functions(
        "tensor: sigmoid records tanh",
        ("sigmoid_backward, self)", "tanh_backward, self)"),
        says="sigmoid is recorded with the rule of tanh",
    ),
    functions(
        "tensor: relu forward abs",
        ("np.maximum(self.data, 0)", "np.abs(self.data)"),
        says="relu gives |x|; it gives 0 below zero",
    ),
    reductions(
        "tensor: mean uses sum's rule",
        ("partial(mean_backward,", "partial(sum_backward,"),
        says="x_grad is too large by the factor 2",
    ),
    reductions(
        "tensor: max without axis",
        ("partial(max_backward, axis=axis, keepdims=keepdims)", "max_backward"),
        says="max is recorded with the rule for the maximum of all values: the axis is missing",
    ),
    reductions(
        "tensor: sum ignores keepdims",
        ("self.data.sum(axis=axis, keepdims=keepdims), backward", "self.data.sum(axis=axis), backward"),
    ),
    shapes(
        "tensor: transpose without axes bound",
        ("partial(transpose_backward, axes=order)", "transpose_backward"),
    ),
    shapes(
        "tensor: concatenate axis 0",
        ("partial(concatenate_backward, axis=axis)", "concatenate_backward"),
    ),
    shapes(
        "tensor: where swaps",
        (
            "np.where(condition, left.data, right.data), where_backward, condition, left, right",
            "np.where(condition, left.data, right.data), where_backward, condition, right, left",
        ),
        says="a and b are swapped: a is taken where the condition holds",
    ),
    shapes("tensor: T is self", ("        return self.transpose()\n", "        return self\n")),
    backward(
        "tensor: detach keeps grad",
        (
            "return new_tensor(self.data, requires_grad=False, autograd=None)",
            "return new_tensor(self.data, requires_grad=True, autograd=self.autograd)",
        ),
        says="x_grad is too large by the factor 2",
    ),
    backward(
        "tensor: constant shares array",
        (
            (
                "    on_tape = [position for position, value in enumerate(inputs) if "
                "isinstance(value, Tensor) and value.requires_grad]"
            ),
            (
                "    on_tape = [position for position, value in enumerate(inputs) if "
                "isinstance(value, Tensor)] if any(isinstance(v, Tensor) and v.requires_grad for v "
                "in inputs) else []"
            ),
        ),
        says="the gradient goes through detach too: x and x.detach() share one array",
    ),
    backward(
        "tensor: grad never None",
        (
            ("            return None\n        return self.autograd.gradient"),
            ("            return np.zeros_like(self.data)\n        return self.autograd.gradient"),
        ),
        says="grad is zeros before backward; it must be None",
    ),
    backward(
        "tensor: grad zeroed by backward",
        (
            "        engine.backward(self, grad_output, release)",
            ("        engine.gradient_buffer._gradients.clear()\n        engine.backward(self, grad_output, release)"),
        ),
        says="a call of backward replaces the gradients; they add up",
    ),
    backward(
        "tensor: no_grad does nothing",
        ("before, _is_recording = _is_recording, False", "before = _is_recording"),
        says="no_grad does not pause the recording",
    ),
    apply(
        "tensor: apply one input only",
        ("backward, *inputs, always=True)", "backward, *inputs[:1], always=True)"),
    ),
    apply(
        "tensor: apply not recorded",
        (
            "return record(np.asarray(output).view(), backward, *inputs, always=True)",
            "return new_tensor(np.asarray(output), True, inputs[0].autograd)",
        ),
    ),
    apply(
        "tensor: apply passes output on",
        ("gradients = layer.backward(grad_output)", "gradients = (layer.backward(grad_output), grad_output)[1:]"),
        says="the gradient is handed on as it is; that of the input is what the layer's backward returns",
    ),
)

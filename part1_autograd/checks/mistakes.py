"""Known mistakes of part 1, as patches on the reference: each must lose points in its exercise."""

from __future__ import annotations

from autograder.testing.mistakes import Mistake

MISTAKES = (
    Mistake(
        "unbroadcast: mean",
        "functional.unbroadcast",
        "functional.py",
        (("np.asarray(grad.sum(axis", "np.asarray(grad.mean(axis"),),
    ),
    Mistake(
        "unbroadcast: new axes only",
        "functional.unbroadcast",
        "functional.py",
        (
            (
                "np.asarray(grad.sum(axis=(*range(new_axes), *stretched_axes))).reshape(shape)",
                "np.asarray(grad.sum(axis=tuple(range(new_axes))))",
            ),
        ),
    ),
    Mistake(
        "unbroadcast: first copy",
        "functional.unbroadcast",
        "functional.py",
        (
            (
                "return np.asarray(grad.sum(axis=(*range(new_axes), *stretched_axes))).reshape(shape)",
                ("return np.array(grad[tuple([0]*new_axes + [slice(0,1) if s==1 else slice(None) for s in shape])])"),
            ),
        ),
    ),
    Mistake(
        "add: not unbroadcast",
        "functional.add",
        "functional.py",
        (("return unbroadcast_both(grad_output, grad_output, a, b)", "return grad_output, grad_output"),),
    ),
    Mistake(
        "sub: sign",
        "functional.add",
        "functional.py",
        (("unbroadcast_both(grad_output, -grad_output, a, b)", "unbroadcast_both(grad_output, grad_output, a, b)"),),
    ),
    Mistake(
        "neg: identity",
        "functional.add",
        "functional.py",
        (("return (np.asarray(-grad_output),)", "return (grad_output,)"),),
    ),
    Mistake(
        "add: list, not tuple",
        "functional.add",
        "functional.py",
        (
            (
                "return unbroadcast_both(grad_output, grad_output, a, b)",
                "return list(unbroadcast_both(grad_output, grad_output, a, b))",
            ),
        ),
    ),
    Mistake(
        "exp: bare array",
        "functional.exp",
        "functional.py",
        (("return (np.asarray(grad_output * np.exp(x)),)", "return np.asarray(grad_output * np.exp(x))"),),
    ),
    Mistake(
        "mul: swapped",
        "functional.mul",
        "functional.py",
        (
            (
                "unbroadcast_both(grad_output * b, grad_output * a, a, b)",
                "unbroadcast_both(grad_output * a, grad_output * b, a, b)",
            ),
        ),
    ),
    Mistake(
        "mul: in place",
        "functional.mul",
        "functional.py",
        (
            (
                "return unbroadcast_both(grad_output * b, grad_output * a, a, b)",
                (
                    "b_grad = unbroadcast(grad_output * a, b.shape)\n"
                    "    if grad_output.shape == b.shape: grad_output *= b\n"
                    "    else: grad_output = grad_output * b\n"
                    "    return unbroadcast(grad_output, a.shape), b_grad"
                ),
            ),
        ),
    ),
    Mistake(
        "div: sign", "functional.mul", "functional.py", (("b_grad = -a_grad * (a / b)", "b_grad = a_grad * (a / b)"),)
    ),
    Mistake(
        "pow: exponent not lowered",
        "functional.pow",
        "functional.py",
        (("base ** (exponent - 1)", "base ** exponent"),),
    ),
    Mistake(
        "pow: 0**0 nan", "functional.pow", "functional.py", (("np.where(exponent == 0, 0, base_grad)", "base_grad"),)
    ),
    Mistake(
        "pow: no exponent grad",
        "functional.pow",
        "functional.py",
        (
            (
                "exponent_grad = grad_output * base**exponent * np.log(base)",
                "exponent_grad = grad_output * base * exponent * 0",
            ),
        ),
    ),
    Mistake(
        "exp: power rule",
        "functional.exp",
        "functional.py",
        (("grad_output * np.exp(x)", "grad_output * x * np.exp(x - 1)"),),
    ),
    Mistake("log: times", "functional.exp", "functional.py", (("grad_output / x)", "grad_output * x)"),)),
    Mistake(
        "sqrt: forgot 2",
        "functional.exp",
        "functional.py",
        (("grad_output / (2 * np.sqrt(x))", "grad_output / np.sqrt(x)"),),
    ),
    Mistake("tanh: of x", "functional.activations", "functional.py", (("(1 - np.tanh(x) ** 2)", "(1 - x ** 2)"),)),
    Mistake(
        "sigmoid: of x",
        "functional.activations",
        "functional.py",
        (("return (np.asarray(grad_output * y * (1 - y)),)", "return (np.asarray(grad_output * x * (1 - x)),)"),),
    ),
    Mistake(
        "sigmoid: overflow",
        "functional.activations",
        "functional.py",
        (("np.where(x >= 0, 1, decay) / (1 + decay)", "1 / (1 + np.exp(-x))"),),
    ),
    Mistake(
        "relu: >= 0",
        "functional.activations",
        "functional.py",
        (("np.where(x > 0, grad_output, 0)", "np.where(x >= 0, grad_output, 0)"),),
    ),
    Mistake(
        "relu: forward",
        "functional.activations",
        "functional.py",
        (("np.where(x > 0, grad_output, 0)", "np.maximum(x, 0) * grad_output"),),
    ),
    Mistake(
        "relu: on gradient",
        "functional.activations",
        "functional.py",
        (("np.where(x > 0, grad_output, 0)", "np.maximum(grad_output, 0) * (x > 0)"),),
    ),
    Mistake(
        "matmul: b not transposed",
        "functional.matmul",
        "functional.py",
        (
            (
                "grad_output @ columns.mT",
                ("(grad_output @ columns if columns.shape[-1] == columns.shape[-2] else grad_output @ columns.mT)"),
            ),
        ),
    ),
    Mistake(
        "matmul: .T on stacks",
        "functional.matmul",
        "functional.py",
        (
            ("columns.mT", "columns.T"),
            ("rows.mT", "rows.T"),
        ),
    ),
    Mistake(
        "matmul: 2-D only",
        "functional.matmul",
        "functional.py",
        (("    rows = a[np.newaxis", ("    return grad_output @ b.T, a.T @ grad_output\n    rows = a[np.newaxis")),),
    ),
    Mistake(
        "matmul: not unbroadcast",
        "functional.matmul",
        "functional.py",
        (
            ("unbroadcast(grad_output @ columns.mT, rows.shape)", "(grad_output @ columns.mT)"),
            (
                "return a_grad.reshape(a.shape), b_grad.reshape(b.shape)",
                ("return (a_grad.reshape(a.shape) if a_grad.size == a.size else a_grad), b_grad.reshape(b.shape)"),
            ),
        ),
    ),
    Mistake(
        "sum: keepdims ignored",
        "functional.sum",
        "functional.py",
        (("if keepdims or axis is None:", "if axis is None:"),),
    ),
    Mistake(
        "mean: not divided",
        "functional.sum",
        "functional.py",
        (("x_grad / (x.size // max(grad_output.size, 1))", "x_grad"),),
    ),
    Mistake(
        "mean: by all",
        "functional.sum",
        "functional.py",
        (("x_grad / (x.size // max(grad_output.size, 1))", "x_grad / x.size"),),
    ),
    Mistake(
        "max: all ties",
        "functional.max",
        "functional.py",
        (
            ("if isinstance(axis, int | np.integer):", "if False:"),
            ("grad_output * is_maximum / maxima", "grad_output * is_maximum"),
        ),
    ),
    Mistake(
        "max: even along axis",
        "functional.max",
        "functional.py",
        (("if isinstance(axis, int | np.integer):", "if False:"),),
    ),
    Mistake(
        "max: last",
        "functional.max",
        "functional.py",
        (("x.argmax(axis, keepdims=True)", "(x.shape[axis] - 1 - np.flip(x, axis).argmax(axis, keepdims=True))"),),
    ),
    Mistake(
        "max: first of all",
        "functional.max",
        "functional.py",
        (
            (
                "    is_maximum = x == x.max(axis, keepdims=True)",
                (
                    "    if axis is None:\n"
                    "        g = np.zeros(x.shape, grad_output.dtype); g.flat[x.argmax()] = "
                    "grad_output.reshape(()) ; return (g,)\n"
                    "    is_maximum = x == x.max(axis, keepdims=True)"
                ),
            ),
        ),
    ),
    Mistake(
        "transpose: forward again",
        "functional.reshape",
        "functional.py",
        (("grad_output.transpose(np.argsort([axis % x.ndim for axis in axes]))", "grad_output.transpose(axes)"),),
    ),
    Mistake(
        "transpose: negative axes",
        "functional.reshape",
        "functional.py",
        (("np.argsort([axis % x.ndim for axis in axes])", "np.argsort(axes)"),),
    ),
    Mistake(
        "reshape: Fortran order",
        "functional.reshape",
        "functional.py",
        (("grad_output.reshape(x.shape)", "grad_output.reshape(x.shape, order='F')"),),
    ),
    Mistake(
        "getitem: assigned",
        "functional.getitem",
        "functional.py",
        (("np.add.at(x_grad, index, grad_output)", "x_grad[index] = grad_output"),),
    ),
    Mistake(
        "getitem: float64 always",
        "functional.getitem",
        "functional.py",
        ((("x_grad = np.zeros(x.shape, grad_output.dtype)\n    if may"), ("x_grad = np.zeros(x.shape)\n    if may")),),
    ),
    Mistake(
        "concatenate: equal pieces",
        "functional.concatenate",
        "functional.py",
        (("np.split(grad_output, ends[:-1], axis)", "np.array_split(grad_output, len(arrays), axis)"),),
    ),
    Mistake(
        "where: swapped",
        "functional.concatenate",
        "functional.py",
        (
            (
                ("a_grad = np.where(condition, grad_output, 0)\n    b_grad = np.where(condition, 0, grad_output)"),
                ("b_grad = np.where(condition, grad_output, 0)\n    a_grad = np.where(condition, 0, grad_output)"),
            ),
        ),
    ),
    Mistake(
        "sce: sum",
        "functional.softmax_cross_entropy",
        "functional.py",
        (("scale = grad_output / max(len(logits), 1)", "scale = grad_output"),),
    ),
    Mistake(
        "sce: no upstream",
        "functional.softmax_cross_entropy",
        "functional.py",
        (("scale = grad_output / max(len(logits), 1)", "scale = np.ones_like(grad_output) / max(len(logits), 1)"),),
    ),
    Mistake(
        "sce: overflow",
        "functional.softmax_cross_entropy",
        "functional.py",
        (("shifted = logits - logits.max(axis=-1, keepdims=True)", "shifted = logits * 1"),),
    ),
    Mistake(
        "sce: no probabilities' gradient",
        "functional.softmax_cross_entropy",
        "functional.py",
        (("None if targets.ndim == 1 else -scale * log_predicted", "None"),),
    ),
    Mistake(
        "buffer: by value",
        "gradient_buffer.add_spot",
        "gradient_buffer.py",
        (("id(array)", "(array.tobytes() + str(array.shape).encode())"),),
    ),
    Mistake(
        "buffer: keeps nothing alive",
        "gradient_buffer.add_spot",
        "gradient_buffer.py",
        (
            (
                ("self._arrays[id(array)] = array\n        ### END SOLUTION\n\n    def update"),
                ("self._arrays[id(array)] = None\n        ### END SOLUTION\n\n    def update"),
            ),
        ),
    ),
    Mistake(
        "buffer: in is == ",
        "gradient_buffer.add_spot",
        "gradient_buffer.py",
        (
            (
                ("return id(array) in self._arrays\n        ### END"),
                (
                    "return any(a.shape == array.shape and (a == array).all() for a in "
                    "self._arrays.values())\n"
                    "        ### END"
                ),
            ),
        ),
    ),
    Mistake(
        "buffer: get makes a spot",
        "gradient_buffer.add_spot",
        "gradient_buffer.py",
        (
            (
                ("        self._require_spot(array)\n        arrived = self._gradients.get(id(array))\n        return"),
                ("        arrived = self._gradients.get(id(array))\n        return"),
            ),
        ),
    ),
    Mistake(
        "buffer: get float64 zeros",
        "gradient_buffer.add_spot",
        "gradient_buffer.py",
        (("np.zeros_like(array)", "np.zeros(array.shape)"),),
    ),
    Mistake(
        "buffer: clear forgets gradients only",
        "gradient_buffer.add_spot",
        "gradient_buffer.py",
        (("        self._arrays.clear()\n", ""),),
    ),
    Mistake(
        "buffer: clear keeps gradients",
        "gradient_buffer.update",
        "gradient_buffer.py",
        (("        self._gradients.clear()\n", ""),),
    ),
    Mistake(
        "buffer: overwrites",
        "gradient_buffer.update",
        "gradient_buffer.py",
        (("np.array(gradient) if arrived is None else np.asarray(arrived + gradient)", "np.array(gradient)"),),
    ),
    Mistake(
        "buffer: keeps the first",
        "gradient_buffer.update",
        "gradient_buffer.py",
        (
            (
                "np.array(gradient) if arrived is None else np.asarray(arrived + gradient)",
                "np.array(gradient) if arrived is None else arrived",
            ),
        ),
    ),
    Mistake(
        "buffer: aliases the first",
        "gradient_buffer.update",
        "gradient_buffer.py",
        (
            (
                (
                    "        self._gradients[id(array)] = np.array(gradient) if arrived is None else "
                    "np.asarray(arrived + gradient)"
                ),
                (
                    "        if arrived is None: self._gradients[id(array)] = gradient\n"
                    "        else: arrived += gradient"
                ),
            ),
        ),
    ),
    Mistake(
        "buffer: spot resets",
        "gradient_buffer.update",
        "gradient_buffer.py",
        (
            (
                ("        self._arrays[id(array)] = array\n        ### END SOLUTION\n\n    def update"),
                (
                    "        self._arrays[id(array)] = array\n"
                    "        self._gradients.pop(id(array), None)\n"
                    "        ### END SOLUTION\n"
                    "\n"
                    "    def update"
                ),
            ),
        ),
    ),
    Mistake(
        "buffer: broadcasts",
        "gradient_buffer.update",
        "gradient_buffer.py",
        (("if gradient.shape != array.shape:", "if False:"),),
    ),
    Mistake(
        "buffer: update makes a spot",
        "gradient_buffer.update",
        "gradient_buffer.py",
        (
            (
                ("        self._require_spot(array)\n        if gradient.shape"),
                ("        self._arrays[id(array)] = array\n        if gradient.shape"),
            ),
        ),
    ),
    Mistake(
        "engine: copies inputs",
        "autograd_engine.add_operation",
        "autograd_engine.py",
        (("Operation(inputs, output, receivers", "Operation(tuple(x.copy() for x in inputs), output, receivers"),),
    ),
    Mistake(
        "engine: records in front",
        "autograd_engine.add_operation",
        "autograd_engine.py",
        (
            (
                "self.operation_list.append(Operation(inputs, output, receivers, backward_operation))",
                ("self.operation_list.insert(0, Operation(inputs, output, receivers, backward_operation))"),
            ),
        ),
    ),
    Mistake(
        "engine: alias allowed",
        "autograd_engine.add_operation",
        "autograd_engine.py",
        (("if any(array is output for array in inputs) or output in self.gradient_buffer:", "if False:"),),
    ),
    Mistake(
        "engine: views refused too",
        "autograd_engine.add_operation",
        "autograd_engine.py",
        (
            (
                "if any(array is output for array in inputs)",
                "if any(np.shares_memory(array, output) for array in inputs)",
            ),
        ),
    ),
    Mistake(
        "engine: shared tape",
        "autograd_engine.add_operation",
        "autograd_engine.py",
        (
            ("        self.operation_list: list[Operation] = []", "        self.operation_list = _TAPE"),
            ("class Autograd:", ("_TAPE = []\n\n\nclass Autograd:")),
        ),
    ),
    Mistake(
        "engine: fan-out overwrites",
        "autograd_engine.backward",
        "autograd_engine.py",
        (("if key not in arrived:", "if True:"),),
    ),
    Mistake(
        "engine: fan-out keeps first",
        "autograd_engine.backward",
        "autograd_engine.py",
        (("arrived[key] = array, np.asarray(total + contribution), True", "pass"),),
    ),
    Mistake(
        "engine: fan-out in place",
        "autograd_engine.backward",
        "autograd_engine.py",
        (("_, total, is_sum = arrived[key]", "_, total, is_sum = arrived[key]; is_sum = True"),),
    ),
    Mistake(
        "engine: averages fan-out",
        "autograd_engine.backward",
        "autograd_engine.py",
        (("np.asarray(total + contribution), True", "np.asarray((total + contribution) / 2), True"),),
    ),
    Mistake(
        "engine: visits all",
        "autograd_engine.backward",
        "autograd_engine.py",
        (
            (
                ("                skipped.append(operation)\n                continue"),
                "                reached = (output, np.zeros_like(output), False)",
            ),
        ),
    ),
    Mistake(
        "engine: None not skipped",
        "autograd_engine.backward",
        "autograd_engine.py",
        (
            (
                ("                if contribution is None:\n                    continue\n                key"),
                "                key",
            ),
        ),
    ),
    Mistake(
        "engine: forward order",
        "autograd_engine.backward",
        "autograd_engine.py",
        (("else reversed(self.operation_list):", "else self.operation_list:"),),
    ),
    Mistake(
        "engine: unknown output passes",
        "autograd_engine.backward",
        "autograd_engine.py",
        (("        self._require_recorded(array)\n", ""),),
    ),
    Mistake(
        "engine: ones for any size",
        "autograd_engine.backward",
        "autograd_engine.py",
        (("if grad_output is None and output.size != 1:", "if False:"),),
    ),
    Mistake(
        "engine: stops at first leaf",
        "autograd_engine.backward",
        "autograd_engine.py",
        (
            (
                "        for leaf, gradient, _ in arrived.values():",
                "        for leaf, gradient, _ in list(arrived.values())[:1]:",
            ),
        ),
    ),
    Mistake(
        "engine: interiors persist",
        "autograd_engine.accumulate",
        "autograd_engine.py",
        (
            (
                (
                    "        arrived: Arrived = {id(array): (array, first_gradient(array, grad_output), "
                    "False)}\n"
                    "        self._sweep(arrived, release)"
                ),
                (
                    "        arrived = {}\n"
                    "        first = first_gradient(array, grad_output)\n"
                    "        if array in self.gradient_buffer:\n"
                    "            first = first + self.gradient_buffer.get(array)\n"
                    "        arrived[id(array)] = (array, first, False)\n"
                    "        self._sweep(arrived, release)"
                ),
            ),
            (
                "reached = arrived.pop(key, None)",
                (
                    "reached = arrived.pop(key, None)\n"
                    "            if reached and key in kept and output in self.gradient_buffer and "
                    "id(output) != getattr(self, '_x', 0): reached = (output, reached[1] + "
                    "self.gradient_buffer.get(output), False)"
                ),
            ),
        ),
    ),
    Mistake(
        "engine: leaves replaced",
        "autograd_engine.accumulate",
        "autograd_engine.py",
        (
            (
                "            self.gradient_buffer.update(leaf, gradient)\n",
                "            self.gradient_buffer.replace(leaf, np.array(gradient))\n",
            ),
        ),
    ),
    Mistake(
        "engine: arrays replaced",
        "autograd_engine.accumulate",
        "autograd_engine.py",
        (("        receiver += contribution", "        receiver[...] = contribution"),),
    ),
    Mistake(
        "engine: arrays not in place",
        "autograd_engine.accumulate",
        "autograd_engine.py",
        (("        receiver += contribution", "        receiver = receiver + contribution"),),
    ),
    Mistake(
        "engine: zero_grad keeps tape",
        "autograd_engine.accumulate",
        "autograd_engine.py",
        (("        self.operation_list.clear()\n", ""),),
    ),
    Mistake(
        "engine: zero_grad keeps buffer",
        "autograd_engine.accumulate",
        "autograd_engine.py",
        (("        self.gradient_buffer.clear()\n", ""),),
    ),
    Mistake(
        "engine: release does nothing",
        "autograd_engine.release",
        "autograd_engine.py",
        (("if release else reversed", "if False else reversed"),),
    ),
    Mistake(
        "engine: release empties tape",
        "autograd_engine.release",
        "autograd_engine.py",
        (("        self.operation_list.extend(reversed(skipped))\n", ""),),
    ),
    Mistake(
        "engine: release turns the rest round",
        "autograd_engine.release",
        "autograd_engine.py",
        (("extend(reversed(skipped))", "extend(skipped)"),),
    ),
    Mistake(
        "engine: release keeps buffer",
        "autograd_engine.release",
        "autograd_engine.py",
        (("                self.gradient_buffer.remove(output)\n", ""),),
    ),
    Mistake(
        "tensor: rsub not swapped",
        "tensor.operators",
        "tensor.py",
        (("return constant(other, like=self) - self", "return self - other"),),
    ),
    Mistake(
        "tensor: rpow not swapped",
        "tensor.operators",
        "tensor.py",
        (("return constant(other, like=self) ** self", "return self ** other"),),
    ),
    Mistake(
        "tensor: rdiv not swapped",
        "tensor.operators",
        "tensor.py",
        (("return constant(other, like=self) / self", "return self / other"),),
    ),
    Mistake(
        "tensor: div records mul",
        "tensor.operators",
        "tensor.py",
        (("binary(divide, div_backward", "binary(divide, mul_backward"),),
    ),
    Mistake(
        "tensor: neg not recorded",
        "tensor.operators",
        "tensor.py",
        (
            (
                "return record(np.negative(self.data), neg_backward, self)",
                "return Tensor(np.negative(self.data), True, self.autograd)",
            ),
        ),
    ),
    Mistake(
        "tensor: numbers are float64",
        "tensor.operators",
        "tensor.py",
        (
            (
                'np.asarray(value, dtype if dtype.kind == "f" else np.result_type(dtype, value))',
                "np.asarray(value, np.float64)",
            ),
        ),
    ),
    Mistake(
        "tensor: records always",
        "tensor.operators",
        "tensor.py",
        (("if not _is_recording or not (on_tape or always):", "if not _is_recording:"),),
    ),
    Mistake(
        "tensor: engines mix",
        "tensor.operators",
        "tensor.py",
        (("if engine is not None and value.autograd is not engine:", "if False:"),),
    ),
    Mistake(
        "tensor: sqrt records log", "tensor.functions", "tensor.py", (("sqrt_backward, self)", "log_backward, self)"),)
    ),
    Mistake(
        "tensor: sigmoid records tanh",
        "tensor.functions",
        "tensor.py",
        (("sigmoid_backward, self)", "tanh_backward, self)"),),
    ),
    Mistake(
        "tensor: relu forward abs",
        "tensor.functions",
        "tensor.py",
        (("np.maximum(self.data, 0)", "np.abs(self.data)"),),
    ),
    Mistake(
        "tensor: mean uses sum's rule",
        "tensor.reductions",
        "tensor.py",
        (("partial(mean_backward,", "partial(sum_backward,"),),
    ),
    Mistake(
        "tensor: max without axis",
        "tensor.reductions",
        "tensor.py",
        (("partial(max_backward, axis=axis, keepdims=keepdims)", "max_backward"),),
    ),
    Mistake(
        "tensor: sum ignores keepdims",
        "tensor.reductions",
        "tensor.py",
        (("self.data.sum(axis=axis, keepdims=keepdims), backward", "self.data.sum(axis=axis), backward"),),
    ),
    Mistake(
        "tensor: transpose without axes bound",
        "tensor.shapes",
        "tensor.py",
        (("partial(transpose_backward, axes=order)", "transpose_backward"),),
    ),
    Mistake(
        "tensor: concatenate axis 0",
        "tensor.shapes",
        "tensor.py",
        (("partial(concatenate_backward, axis=axis)", "concatenate_backward"),),
    ),
    Mistake(
        "tensor: where swaps",
        "tensor.shapes",
        "tensor.py",
        (
            (
                "np.where(condition, left.data, right.data), where_backward, condition, left, right",
                "np.where(condition, left.data, right.data), where_backward, condition, right, left",
            ),
        ),
    ),
    Mistake(
        "tensor: T is self",
        "tensor.shapes",
        "tensor.py",
        (("        return self.transpose()\n", "        return self\n"),),
    ),
    Mistake(
        "tensor: detach keeps grad",
        "tensor.backward",
        "tensor.py",
        (
            (
                "return new_tensor(self.data, requires_grad=False, autograd=None)",
                "return new_tensor(self.data, requires_grad=True, autograd=self.autograd)",
            ),
        ),
    ),
    Mistake(
        "tensor: constant shares array",
        "tensor.backward",
        "tensor.py",
        (
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
        ),
    ),
    Mistake(
        "tensor: grad never None",
        "tensor.backward",
        "tensor.py",
        (
            (
                ("            return None\n        return self.autograd.gradient"),
                ("            return np.zeros_like(self.data)\n        return self.autograd.gradient"),
            ),
        ),
    ),
    Mistake(
        "tensor: grad zeroed by backward",
        "tensor.backward",
        "tensor.py",
        (
            (
                "        engine.backward(self, grad_output, release)",
                (
                    "        engine.gradient_buffer._gradients.clear()\n"
                    "        engine.backward(self, grad_output, release)"
                ),
            ),
        ),
    ),
    Mistake(
        "tensor: no_grad does nothing",
        "tensor.backward",
        "tensor.py",
        (("before, _is_recording = _is_recording, False", "before = _is_recording"),),
    ),
    Mistake(
        "tensor: apply one input only",
        "tensor.apply",
        "tensor.py",
        (("backward, *inputs, always=True)", "backward, *inputs[:1], always=True)"),),
    ),
    Mistake(
        "tensor: apply not recorded",
        "tensor.apply",
        "tensor.py",
        (
            (
                "return record(np.asarray(output).view(), backward, *inputs, always=True)",
                "return new_tensor(np.asarray(output), True, inputs[0].autograd)",
            ),
        ),
    ),
    Mistake(
        "tensor: apply passes output on",
        "tensor.apply",
        "tensor.py",
        (("gradients = layer.backward(grad_output)", "gradients = (layer.backward(grad_output), grad_output)[1:]"),),
    ),
)

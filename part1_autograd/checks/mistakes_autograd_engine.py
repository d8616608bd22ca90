"""Known mistakes in the engine."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

add_operation = partial(mistake, "autograd_engine.add_operation")
backward = partial(mistake, "autograd_engine.backward")
accumulate = partial(mistake, "autograd_engine.accumulate")
release = partial(mistake, "autograd_engine.release")

MISTAKES = (
    add_operation(
        "engine: copies inputs",
        ("Operation(inputs, output, receivers", "Operation(tuple(x.copy() for x in inputs), output, receivers"),
        says="the tape holds copies of the inputs; it must hold the very arrays",
    ),
    add_operation(
        "engine: records in front",
        (
            "self.operation_list.append(Operation(inputs, output, receivers, backward_operation))",
            ("self.operation_list.insert(0, Operation(inputs, output, receivers, backward_operation))"),
        ),
        says="the last operation stands first; the first that was recorded must",
    ),
    add_operation(
        "engine: alias allowed",
        ("if any(array is output for array in inputs) or output in self.gradient_buffer:", "if False:"),
        says="the operation is recorded, although its output is its input",
    ),
    add_operation(
        "engine: views refused too",
        (
            "if any(array is output for array in inputs)",
            "if any(np.shares_memory(array, output) for array in inputs)",
        ),
    ),
    add_operation(
        "engine: shared tape",
        ("        self.operation_list: list[Operation] = []", "        self.operation_list = _TAPE"),
        ("class Autograd:", ("_TAPE = []\n\n\nclass Autograd:")),
    ),
    backward(
        "engine: fan-out overwrites",
        ("if key in arrived:", "if False:"),
        says="where an array is used twice the last gradient replaces the first; they add up",
    ),
    backward(
        "engine: fan-out keeps first",
        ("contribution = np.asarray(arrived[key][1] + contribution)", "contribution = arrived[key][1]"),
        says="where an array is used twice only one gradient is kept; they add up",
    ),
    backward(
        "engine: fan-out in place",
        (
            "contribution = np.asarray(arrived[key][1] + contribution)",
            "total = arrived[key][1]; total += contribution; contribution = total",
        ),
        says="gradients that meet are added in place, into an array that elsewhere is another gradient",
    ),
    backward(
        "engine: averages fan-out",
        ("np.asarray(arrived[key][1] + contribution)", "np.asarray((arrived[key][1] + contribution) / 2)"),
        says="where an array is used twice the gradients are averaged; they add up",
    ),
    backward(
        "engine: visits all",
        (
            ("                skipped.append(operation)\n                continue"),
            "                reached = (output, np.zeros_like(output))",
        ),
        says="all operations are visited; only those that the output depends on must be",
    ),
    backward(
        "engine: None not skipped",
        (
            ("                if contribution is None:\n                    continue\n                key"),
            "                key",
        ),
    ),
    backward(
        "engine: forward order",
        ("else reversed(self.operation_list):", "else self.operation_list:"),
        says="leaf_grads[#] is zero everywhere",
    ),
    backward("engine: unknown output passes", ("        self._require_recorded(array)\n", "")),
    backward(
        "engine: ones for any size",
        ("if grad_output is None and output.size != 1:", "if False:"),
        says="several elements begin with a gradient of ones; it must be given",
    ),
    backward(
        "engine: stops at first leaf",
        (
            "        for leaf, gradient in arrived.values():",
            "        for leaf, gradient in list(arrived.values())[:1]:",
        ),
        says="leaf_grads[#] is zero everywhere",
    ),
    accumulate(
        "engine: interiors persist",
        (
            (
                "        arrived: Arrived = {id(array): (array, first_gradient(array, grad_output))}\n"
                "        self._sweep(arrived, release)"
            ),
            (
                "        arrived = {}\n"
                "        first = first_gradient(array, grad_output)\n"
                "        if array in self.gradient_buffer:\n"
                "            first = first + self.gradient_buffer.get(array)\n"
                "        arrived[id(array)] = (array, first)\n"
                "        self._sweep(arrived, release)"
            ),
        ),
        (
            "reached = arrived.pop(key, None)",
            (
                "reached = arrived.pop(key, None)\n"
                "            if reached and key in kept and output in self.gradient_buffer and "
                "id(output) != getattr(self, '_x', 0): reached = (output, reached[1] + "
                "self.gradient_buffer.get(output))"
            ),
        ),
    ),
    accumulate(
        "engine: what arrived is kept",
        (
            "arrived: Arrived = {id(array): (array, first_gradient(array, grad_output))}",
            (
                "arrived = self.arrived\n"
                "        earlier = arrived[id(array)][1] if id(array) in arrived else 0\n"
                "        arrived[id(array)] = (array, first_gradient(array, grad_output) + earlier)"
            ),
        ),
        ("        self.operation_list: list[Operation] = []", "        self.operation_list, self.arrived = [], {}"),
        ("__slots__ = (", "__slots__ = ('arrived', "),
        ("reached = arrived.pop(key, None)", "reached = arrived.get(key)"),
        ("self.gradient_buffer.update(leaf, gradient)", "self.gradient_buffer.replace(leaf, np.array(gradient))"),
        says="what arrived between leaves and output is handed on again in the next call; it must start from zero",
    ),
    accumulate(
        "engine: leaves replaced",
        (
            "            self.gradient_buffer.update(leaf, gradient)\n",
            "            self.gradient_buffer.replace(leaf, np.array(gradient))\n",
        ),
        says="the last call replaces what earlier calls brought to the leaves; leaves add up",
    ),
    accumulate(
        "engine: arrays replaced",
        ("        receiver += contribution", "        receiver[...] = contribution"),
        says="the gradient replaces what was in the array; it is added to it",
    ),
    accumulate(
        "engine: arrays not in place",
        ("        receiver += contribution", "        receiver = receiver + contribution"),
        says="an array in gradients_to_update is left as it was; the gradient is added to it in place",
    ),
    accumulate(
        "engine: zero_grad keeps tape",
        ("        self.operation_list.clear()\n", ""),
        says="zero_grad leaves the tape; it must forget it",
    ),
    accumulate(
        "engine: zero_grad keeps buffer",
        ("        self.gradient_buffer.clear()\n", ""),
        says="leaf_grads[#] is too large by the factor #",
    ),
    release(
        "engine: release does nothing",
        ("if release else reversed", "if False else reversed"),
        says="release=True takes nothing off the tape",
    ),
    release(
        "engine: release empties tape",
        ("        self.operation_list.extend(reversed(skipped))\n", ""),
        says="release=True takes off what was not visited, too",
    ),
    release(
        "engine: release turns the rest round",
        ("extend(reversed(skipped))", "extend(skipped)"),
        says="what stays on the tape is in reverse order",
    ),
    release(
        "engine: release keeps buffer",
        ("                self.gradient_buffer.remove(output)\n", ""),
        says="the gradient buffer keeps what was released; its spots must go, too",
    ),
)

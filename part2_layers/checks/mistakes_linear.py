"""What may go wrong in Linear."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

forward = partial(Mistake, exercise="linear.forward", file="linear.py")
backward = partial(Mistake, exercise="linear.backward", file="linear.py")

BIAS = "output += self.bias"

MISTAKES = (
    forward("linear: no bias", edits=((BIAS, "pass"),)),
    forward("linear: bias twice", edits=((BIAS, "output += 2 * self.bias"),)),
    forward(
        "linear: bias without asking",
        edits=(("if self.bias is not None:\n            output", "if True:\n            output"),),
    ),
    forward(
        "linear: float64 always", edits=(("self.x_rows @ self.weight.T", "self.x_rows.astype(float) @ self.weight.T"),)
    ),
    backward("linear: overwrites weight_grad", edits=(("self.weight_grad += ", "self.weight_grad[...] = "),)),
    backward("linear: overwrites bias_grad", edits=(("self.bias_grad += ", "self.bias_grad[...] = "),)),
    backward(
        "linear: averages", edits=(("grad_rows.T @ self.x_rows", "grad_rows.T @ self.x_rows / max(1, len(grad_rows))"),)
    ),
    backward("linear: bias_grad averages", edits=(("grad_rows.sum(axis=0)", "grad_rows.mean(axis=0)"),)),
    backward("linear: first axis only", edits=(("grad_rows.sum(axis=0)", "grad_output.sum(axis=0)"),)),
    backward(
        "linear: adds the bias's share to x_grad",
        edits=(("grad_rows @ self.weight)", "grad_rows @ self.weight + 1)"),),
    ),
    backward("linear: changes grad_output", edits=(("grad_rows = ", "grad_output *= 2\n        grad_rows = "),)),
)

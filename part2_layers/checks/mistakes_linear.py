"""What may go wrong in Linear."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

forward = partial(Mistake, exercise="linear.forward", file="linear.py")
backward = partial(Mistake, exercise="linear.backward", file="linear.py")

OUTPUT = "return output if self.bias is None else output + self.bias"

MISTAKES = (
    forward("linear: no bias", edits=((OUTPUT, "return output"),)),
    forward("linear: bias twice", edits=((OUTPUT, OUTPUT + " + self.bias"),)),
    forward("linear: bias without asking", edits=((OUTPUT, "return output + self.bias"),)),
    forward("linear: float64 always", edits=(("x @ self.weight.T", "x.astype(float) @ self.weight.T"),)),
    backward("linear: overwrites weight_grad", edits=(("self.weight_grad += ", "self.weight_grad[...] = "),)),
    backward("linear: overwrites bias_grad", edits=(("self.bias_grad += ", "self.bias_grad[...] = "),)),
    backward("linear: averages", edits=(("grad_rows.T @ x_rows", "grad_rows.T @ x_rows / max(1, len(x_rows))"),)),
    backward("linear: bias_grad averages", edits=(("grad_rows.sum(axis=0)", "grad_rows.mean(axis=0)"),)),
    backward("linear: first axis only", edits=(("grad_rows.sum(axis=0)", "grad_output.sum(axis=0)"),)),
    backward(
        "linear: adds the bias's share to x_grad",
        edits=(("grad_output @ self.weight", "grad_output @ self.weight + 1"),),
    ),
    backward("linear: changes grad_output", edits=(("x_rows = self.x", "grad_output *= 2\n        x_rows = self.x"),)),
)

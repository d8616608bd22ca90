"""What may go wrong in Linear."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "linear.forward")
backward = partial(mistake, "linear.backward")

BIAS = "output += self.bias"

MISTAKES = (
    forward("linear: no bias", (BIAS, "pass")),
    forward("linear: bias twice", (BIAS, "output += 2 * self.bias")),
    forward(
        "linear: bias without asking", ("if self.bias is not None:\n            output", "if True:\n            output")
    ),
    forward(
        "linear: float64 always",
        ("self.x_rows @ self.weight.T", "self.x_rows.astype(float) @ self.weight.T"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    backward(
        "linear: overwrites weight_grad",
        ("self.weight_grad += ", "self.weight_grad[...] = "),
        says="weight_grad is overwritten by a second backward; each backward must add",
    ),
    backward(
        "linear: overwrites bias_grad",
        ("self.bias_grad += ", "self.bias_grad[...] = "),
        says="bias_grad is overwritten by a second backward; each backward must add",
    ),
    backward("linear: averages", ("grad_rows.T @ self.x_rows", "grad_rows.T @ self.x_rows / max(1, len(grad_rows))")),
    backward("linear: bias_grad averages", ("grad_rows.sum(axis=0)", "grad_rows.mean(axis=0)")),
    backward("linear: first axis only", ("grad_rows.sum(axis=0)", "grad_output.sum(axis=0)")),
    backward(
        "linear: adds the bias's share to x_grad",
        ("grad_rows @ self.weight)", "grad_rows @ self.weight + 1)"),
        says="x_grad is off by 1 everywhere",
    ),
    backward("linear: changes grad_output", ("grad_rows = ", "grad_output *= 2\n        grad_rows = ")),
)

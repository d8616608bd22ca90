"""Known mistakes in Linear."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "linear.forward")
backward = partial(mistake, "linear.backward")

X_GRAD = "x_grad = grad_output @ self.weight"
BIAS = "output += self.bias"
WEIGHT_GRAD, BIAS_GRAD = "grad_rows.T @ x_rows", "grad_rows.sum(axis=0)"

MISTAKES = (
    forward("linear: no bias", (BIAS, "pass"), says="the bias is missing"),
    forward("linear: bias twice", (BIAS, "output += 2 * self.bias")),
    forward(
        "linear: bias without asking", ("if self.bias is not None:\n            output", "if True:\n            output")
    ),
    forward(
        "linear: float64 always",
        ("x @ self.weight.T", "x.astype(float) @ self.weight.T"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    backward(
        "linear: overwrites the gradients",
        ("self.weight_grad += ", "self.weight_grad[...] = "),
        ("self.bias_grad += ", "self.bias_grad[...] = "),
        says="the gradients of the parameters are overwritten by a second backward; each backward must add",
    ),
    backward(
        "linear: overwrites weight_grad",
        ("self.weight_grad += ", "self.weight_grad[...] = "),
        says="one of the gradients is overwritten by a second backward; each backward must add",
    ),
    backward(
        "linear: overwrites bias_grad",
        ("self.bias_grad += ", "self.bias_grad[...] = "),
        says="one of the gradients is overwritten by a second backward; each backward must add",
    ),
    backward(
        "linear: averages",
        (WEIGHT_GRAD, f"{WEIGHT_GRAD} / len(grad_rows)"),
        (BIAS_GRAD, "grad_rows.mean(axis=0)"),
        says="the gradients are averaged over the batch; only a loss averages, a layer adds up",
    ),
    backward(
        "linear: bias_grad averages",
        (BIAS_GRAD, "grad_rows.mean(axis=0)"),
        says="bias_grad is averaged over the batch; it is the sum",
    ),
    backward("linear: first axis only", (BIAS_GRAD, "grad_output.sum(axis=0)")),
    backward(
        "linear: divides grad_output",
        (X_GRAD, f"grad_output = grad_output / max(1, grad_output.size // self.out_features)\n        {X_GRAD}"),
        says="grad_output is divided by the size of the batch; only a loss averages",
    ),
)

"""What may go wrong in the activations."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

FILE = "activation.py"
forward = partial(Mistake, exercise="activation.forward", file=FILE)
backward = partial(Mistake, exercise="activation.backward", file=FILE)
gelu_forward = partial(Mistake, exercise="gelu.forward", file=FILE)
gelu_backward = partial(Mistake, exercise="gelu.backward", file=FILE)
softmax_forward = partial(Mistake, exercise="softmax.forward", file=FILE)
softmax_backward = partial(Mistake, exercise="softmax.backward", file=FILE)

SIGMOID = "0.5 * (1 + np.tanh(0.5 * x))"
RELU = "np.maximum(x, 0)"
RELU_GRADIENT = "grad_output * (self.output > 0)"
CUBE = "np.tanh(math.sqrt(2 / math.pi) * near * (1 + 0.044715 * near**2))"
MAXIMUM = "x - x.max(axis=self.dim, keepdims=True, initial=-np.inf)"
TOTAL = "exponentials.sum(axis=self.dim, keepdims=True)"
GRADIENT = "return self.output * (grad_output - weighted)"

MISTAKES = (
    forward("activation: sigmoid as it stands in the books", edits=((SIGMOID, "1 / (1 + np.exp(-x))"),)),
    forward("activation: sigmoid of -x", edits=((SIGMOID, "0.5 * (1 - np.tanh(0.5 * x))"),)),
    forward("activation: sigmoid in float64 always", edits=((SIGMOID, "1 / (1 + np.exp(-x.astype(float)))"),)),
    forward("activation: relu in place", edits=((RELU, "np.maximum(x, 0, out=x)"),)),
    forward("activation: relu leaks", edits=((RELU, "np.where(x > 0, x, x / 100)"),)),
    backward(
        "activation: gradient passes at zero",
        edits=(
            (RELU_GRADIENT, "grad_output * (self.x >= 0)"),
            (f"self.output = {RELU}", f"self.x, self.output = x, {RELU}"),
        ),
    ),
    backward("activation: relu's gradient times relu", edits=((RELU_GRADIENT, "grad_output * self.output"),)),
    backward(
        "activation: relu changes grad_output",
        edits=(
            (
                "return grad_output * (self.output > 0)",
                "grad_output[self.output <= 0] = 0\n        return grad_output",
            ),
        ),
    ),
    backward("activation: tanh's y not squared", edits=(("(1 - self.output**2)", "(1 - self.output)"),)),
    backward("activation: sigmoid's rule lacks y", edits=(("grad_output * self.output * (1", "grad_output * (1"),)),
    backward(
        "activation: grad_output forgotten", edits=(("grad_output * (1 - self.output**2)", "1 - self.output**2"),)
    ),
    gelu_forward("gelu: erf of x", edits=(("erf(x * math.sqrt(0.5))", "erf(x)"),)),
    gelu_forward("gelu: always exact", edits=(('if self.approximate == "none" else', "if True else"),)),
    gelu_forward(
        "gelu: never exact",
        edits=(("return 0.5 * (1 + erf(x * math.sqrt(0.5)))", "return 0.5 * (1 + approximate_tanh(x))"),),
    ),
    gelu_forward("gelu: x² for x³", edits=((CUBE, "np.tanh(math.sqrt(2 / math.pi) * near * (1 + 0.044715 * near))"),)),
    gelu_forward("gelu: x³ overflows", edits=(("return np.clip(x, -40, 40)", "return x"),)),
    gelu_forward("gelu: becomes float64", edits=(("x * math.sqrt(0.5)", "x / np.sqrt(2)"),)),
    gelu_backward("gelu: first term alone", edits=(("(self.cdf + self.x * slope)", "self.cdf"),)),
    gelu_backward("gelu: x lost from the second term", edits=(("self.x * slope", "slope"),)),
    gelu_backward("gelu: density without 1/√(2π)", edits=((" * (1 / math.sqrt(2 * math.pi))", ""),)),
    gelu_backward("gelu: 3 lost from the inner derivative", edits=(("3 * 0.044715", "0.044715"),)),
    gelu_backward("gelu: density of the exact one", edits=(('if self.approximate == "none":', "if True:"),)),
    gelu_backward("gelu: x² overflows", edits=(("near_zero(x) ** 2", "x**2"), ("near_zero(self.x)", "self.x"))),
    softmax_forward("softmax: no maximum subtracted", edits=((MAXIMUM, "x"),)),
    softmax_forward("softmax: maximum of everything", edits=((MAXIMUM, "x - x.max(initial=-np.inf)"),)),
    softmax_forward(
        "softmax: maximum subtracted in place",
        edits=((MAXIMUM, "np.subtract(x, x.max(axis=self.dim, keepdims=True, initial=-np.inf), out=x)"),),
    ),
    softmax_forward(
        "softmax: always along the last axis", edits=(("axis=self.dim, keepdims=True", "axis=-1, keepdims=True"),)
    ),
    softmax_forward(
        "softmax: sum of everything", edits=((MAXIMUM, "x - x.max(initial=-np.inf)"), (TOTAL, "exponentials.sum()"))
    ),
    softmax_forward("softmax: a small number below the fraction", edits=((TOTAL, f"({TOTAL} + 1e-7)"),)),
    softmax_forward("softmax: empty axis", edits=((", initial=-np.inf", ""),)),
    softmax_backward(
        "softmax: own input only", edits=((GRADIENT, "return grad_output * self.output * (1 - self.output)"),)
    ),
    softmax_backward("softmax: sum forgotten", edits=((GRADIENT, "return grad_output * self.output"),)),
    softmax_backward("softmax: y lost from the sum", edits=(("(grad_output * self.output).sum(", "grad_output.sum("),)),
    softmax_backward(
        "softmax: gradient along the last axis",
        edits=(("(grad_output * self.output).sum(axis=self.dim", "(grad_output * self.output).sum(axis=-1"),),
    ),
)

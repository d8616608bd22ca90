"""Known mistakes in the activations."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import Whole, mistake

forward = partial(mistake, "activation.forward")
backward = partial(mistake, "activation.backward")
gelu_forward = partial(mistake, "gelu.forward")
gelu_backward = partial(mistake, "gelu.backward")
softmax_forward = partial(mistake, "softmax.forward")
softmax_backward = partial(mistake, "softmax.backward")

SIGMOID, TANH = "0.5 * (1 + np.tanh(0.5 * x))", "np.tanh(x)"
SIGMOID_GRADIENT, TANH_GRADIENT = "grad_output * self.output * (1 - self.output)", "grad_output * (1 - self.output**2)"
RELU = "np.maximum(x, 0)"
RELU_GRADIENT = "np.where(self.output > 0, grad_output, 0)"
GELU = "return x * self.cdf"
CUBE = "np.tanh(math.sqrt(2 / math.pi) * near * (1 + 0.044715 * near**2))"
MAXIMUM = "x - x.max(axis=self.dim, keepdims=True, initial=-np.inf)"
TOTAL = "exponentials.sum(axis=self.dim, keepdims=True)"
GRADIENT = "return self.output * (grad_output - weighted)"

MISTAKES = (
    forward("activation: sigmoid as it stands in the books", (SIGMOID, "1 / (1 + np.exp(-x))")),
    forward(
        "activation: sigmoid of -x",
        (SIGMOID, "0.5 * (1 - np.tanh(0.5 * x))"),
        says="the exponent has the wrong sign: σ(x) = 1 / (1 + e⁻ˣ)",
    ),
    forward(
        "activation: sigmoid in float64 always",
        (SIGMOID, "1 / (1 + np.exp(-x.astype(float)))"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    forward(
        "activation: sigmoid is tanh",
        (SIGMOID, "np.tanh(x)"),
        says="this is tanh(x); σ(x) = ½ (1 + tanh(x/2))",
    ),
    forward(
        "activation: sigmoid of 2x",
        (SIGMOID, "0.5 * (1 + np.tanh(x))"),
        says="x is not halved: σ(x) = ½ (1 + tanh(x/2))",
    ),
    forward(
        "activation: tanh with an axis more",
        ("self.output = np.tanh(x)\n", "self.output = np.tanh(x)[None]\n"),
        says="the values are right, but output has axes of length # too many: # instead of #",
    ),
    forward(
        "activation: tanh is sigmoid",
        (TANH, SIGMOID),
        says="this is σ(x); tanh(x) = 2 σ(2x) - 1",
    ),
    forward(
        "activation: tanh of x/2",
        (TANH, f"2 * ({SIGMOID}) - 1"),
        says="x is not doubled: tanh(x) = 2 σ(2x) - 1",
    ),
    forward(
        "activation: relu in place",
        (RELU, "np.maximum(x, 0, out=x)"),
        says="x was changed in place; make a new array",
    ),
    forward(
        "activation: relu leaks",
        (RELU, "np.where(x > 0, x, x / 100)"),
        says="negative numbers are multiplied by 0.01, as in leaky ReLU; ReLU makes them zero",
    ),
    forward("activation: relu is |x|", (RELU, "np.abs(x)"), says="this is |x|; ReLU makes negative numbers zero"),
    forward(
        "activation: relu is its slope",
        (RELU, "(x > 0).astype(x.dtype)"),
        says="this is the slope, 0 or 1; ReLU keeps the numbers above zero",
    ),
    forward("activation: relu is min", (RELU, "np.minimum(x, 0)"), says="this is min(x, 0), the other half"),
    backward(
        "activation: gradient passes at zero",
        (RELU_GRADIENT, "grad_output * (self.x >= 0)"),
        (f"self.output = {RELU}", f"self.x, self.output = x, {RELU}"),
        says="the gradient passes where x = 0 too; the slope there is taken as 0, as in torch",
    ),
    backward(
        "activation: relu's gradient times relu",
        (RELU_GRADIENT, "grad_output * self.output"),
        says="the gradient is multiplied by ReLU(x); the slope is 1 where x > 0",
    ),
    backward(
        "activation: relu changes grad_output",
        (
            "return np.where(self.output > 0, grad_output, 0)",
            "grad_output[self.output <= 0] = 0\n        return grad_output",
        ),
        says="grad_output was changed in place; make a new array",
    ),
    backward(
        "activation: tanh's y not squared",
        ("(1 - self.output**2)", "(1 - self.output)"),
        says="y is not squared in 1 - y²",
    ),
    backward(
        "activation: sigmoid's rule lacks y",
        ("grad_output * self.output * (1", "grad_output * (1"),
        says="the factor y is missing from y (1 - y)",
    ),
    backward(
        "activation: tanh's rule takes x",
        (TANH_GRADIENT, "grad_output * (1 - self.x**2)"),
        (f"self.output = {TANH}", f"self.x, self.output = x, {TANH}"),
        says="1 - y² takes y = tanh(x), not x",
    ),
    backward(
        "activation: tanh with sigmoid's rule",
        (TANH_GRADIENT, SIGMOID_GRADIENT),
        says="this is the rule of σ, y (1 - y); the slope of tanh is 1 - y²",
    ),
    backward(
        "activation: sigmoid with tanh's rule",
        (SIGMOID_GRADIENT, TANH_GRADIENT),
        says="this is the rule of tanh, 1 - y²; the slope of σ is y (1 - y)",
    ),
    backward(
        "activation: sigmoid's rule takes x",
        (SIGMOID_GRADIENT, "grad_output * self.x * (1 - self.x)"),
        (f"self.output = {SIGMOID}", f"self.x, self.output = x, {SIGMOID}"),
        says="y (1 - y) takes y = σ(x), not x",
    ),
    backward(
        "activation: sigmoid's rule lacks 1 - y",
        (SIGMOID_GRADIENT, "grad_output * self.output"),
        says="the factor 1 - y is missing from y (1 - y)",
    ),
    backward(
        "activation: relu of the gradient",
        (RELU_GRADIENT, "np.where(self.output > 0, np.maximum(grad_output, 0), 0)"),
        says="a negative gradient is cut off; what counts is the sign of x, not of the gradient",
    ),
    backward(
        "activation: grad_output forgotten",
        ("grad_output * (1 - self.output**2)", "1 - self.output**2"),
        says="grad_output is missing: backward gives the slope alone",
    ),
    gelu_forward("gelu: erf of x", ("erf(x / math.sqrt(2))", "erf(x)"), says="erf takes x/√2, not x"),
    gelu_forward(
        "gelu: always exact",
        ('if self.approximate == "none" else', "if True else"),
        says="approximate='tanh' was asked for; this is 'none'",
    ),
    gelu_forward(
        "gelu: never exact",
        ("return 0.5 * (1 + erf(x / math.sqrt(2)))", "return 0.5 * (1 + approximate_tanh(x))"),
        says="approximate='none' was asked for; this is 'tanh'",
    ),
    gelu_forward(
        "gelu: x² for x³",
        (CUBE, "np.tanh(math.sqrt(2 / math.pi) * near * (1 + 0.044715 * near))"),
        says="x is squared in the approximation, where it must be cubed",
    ),
    gelu_forward(
        "gelu: no √(2/π)",
        (CUBE, CUBE.replace("math.sqrt(2 / math.pi) * ", "")),
        says="√(2/π) is missing from the approximation",
    ),
    gelu_forward(
        "gelu: no x³",
        (CUBE, CUBE.replace(" * (1 + 0.044715 * near**2)", "")),
        says="x³ is missing from the approximation",
    ),
    gelu_forward("gelu: no x", (GELU, "return self.cdf"), says="the factor x is missing: GELU(x) = x · Φ(x)"),
    gelu_forward("gelu: no ½", ("0.5 * (1 + erf", "(1 + erf"), says="the ½ of Φ is missing"),
    gelu_forward("gelu: x³ overflows", ("return np.clip(x, -40, 40)", "return x")),
    gelu_forward(
        "gelu: becomes float64",
        ("x / math.sqrt(2)", "x / np.sqrt(2)"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    gelu_backward(
        "gelu: first term alone",
        ("(self.cdf + self.x * slope)", "self.cdf"),
        says="the product rule's second term, x · Φ'(x), is missing",
    ),
    gelu_backward(
        "gelu: x lost from the second term",
        ("self.x * slope", "slope"),
        says="x is missing from the product rule's second term, x · Φ'(x)",
    ),
    gelu_backward(
        "gelu: density without 1/√(2π)",
        (" / math.sqrt(2 * math.pi)", ""),
        says="1/√(2π) is missing from Φ'(x) = e^(-x²/2) / √(2π)",
    ),
    gelu_backward(
        "gelu: 3 lost from the inner derivative",
        ("3 * 0.044715", "0.044715"),
        says="the 3 is missing from the inner derivative, √(2/π) (1 + 3 · 0.044715 x²)",
    ),
    gelu_backward(
        "gelu: second term alone",
        ("(self.cdf + self.x * slope)", "self.x * slope"),
        says="the product rule's first term, Φ(x), is missing",
    ),
    gelu_backward(
        "gelu: density of x² for x²/2",
        ("-(near_zero(x) ** 2) / 2", "-(near_zero(x) ** 2)"),
        says="x² is not halved in Φ'(x) = e^(-x²/2) / √(2π)",
    ),
    gelu_backward(
        "gelu: no inner derivative",
        (" * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * near**2)", ""),
        says="the inner derivative, √(2/π) (1 + 3 · 0.044715 x²), is missing",
    ),
    gelu_backward(
        "gelu: density of the exact one",
        ('if self.approximate == "none":', "if True:"),
        says="Φ'(x) is that of the exact Φ; the approximation has a slope of its own",
    ),
    gelu_backward("gelu: x² overflows", ("near_zero(x) ** 2", "x**2"), ("near_zero(self.x)", "self.x")),
    softmax_forward(
        "softmax: by scipy",
        ("from scipy.special import erf\n", "from scipy.special import erf, softmax\n"),
        (Whole("Softmax.forward"), "self.output = softmax(x, axis=self.dim)\nreturn self.output"),
    ),
    softmax_forward("softmax: no maximum subtracted", (MAXIMUM, "x")),
    softmax_forward("softmax: maximum of everything", (MAXIMUM, "x - x.max(initial=-np.inf)")),
    softmax_forward(
        "softmax: maximum subtracted in place",
        (MAXIMUM, "np.subtract(x, x.max(axis=self.dim, keepdims=True, initial=-np.inf), out=x)"),
        says="x was changed in place; make a new array",
    ),
    softmax_forward(
        "softmax: exponentials alone",
        (MAXIMUM, "x"),
        (f"exponentials / {TOTAL}", "exponentials"),
        says="the exponentials are not divided by their sum",
    ),
    softmax_forward(
        "softmax: not divided",
        (f"exponentials / {TOTAL}", "exponentials"),
        says="max x is subtracted, but the exponentials are not divided by their sum",
    ),
    softmax_forward(
        "softmax: logarithm",
        (f"exponentials / {TOTAL}", f"np.log(exponentials / {TOTAL})"),
        says="this is the logarithm of softmax",
    ),
    softmax_forward(
        "softmax: always along the first axis",
        ("axis=self.dim, keepdims=True", "axis=0, keepdims=True"),
        says="the sum is along the first axis; it is along dim",
    ),
    softmax_forward(
        "softmax: always along the last axis",
        ("axis=self.dim, keepdims=True", "axis=-1, keepdims=True"),
        says="the sum is along the last axis; it is along dim",
    ),
    softmax_forward(
        "softmax: sum of everything",
        (MAXIMUM, "x - x.max(initial=-np.inf)"),
        (TOTAL, "exponentials.sum()"),
        says="the sum is over all exponentials; it is over those along dim",
    ),
    softmax_forward(
        "softmax: a small number below the fraction",
        (TOTAL, f"({TOTAL} + 1e-7)"),
        says="1e-07 is added to the sum of the exponentials, which without it is at least 1 and never zero",
    ),
    softmax_forward(
        "softmax: a small number in the place of the maximum",
        (MAXIMUM, "x"),
        (TOTAL, f"({TOTAL} + 1e-7)"),
        says="1e-07 is added to the sum of the exponentials, which is never zero once max x is subtracted",
    ),
    softmax_forward("softmax: empty axis", (", initial=-np.inf", "")),
    softmax_backward(
        "softmax: own input only",
        (GRADIENT, "return grad_output * self.output * (1 - self.output)"),
        says="only yᵢ's slope by xᵢ counts here, y (1 - y); each input moves every output",
    ),
    softmax_backward(
        "softmax: sum forgotten",
        (GRADIENT, "return grad_output * self.output"),
        says="Σ g y is missing: each input moves every output, since they sum to one",
    ),
    softmax_backward(
        "softmax: y lost from the sum",
        ("(grad_output * self.output).sum(", "grad_output.sum("),
        says="y is missing from Σ g y",
    ),
    softmax_backward(
        "softmax: sum of everything on the way back",
        ("(grad_output * self.output).sum(axis=self.dim, keepdims=True)", "(grad_output * self.output).sum()"),
        says="Σ g y is over everything; it is along dim",
    ),
    softmax_backward(
        "softmax: y lost in front",
        (GRADIENT, "return grad_output - weighted"),
        says="the factor y in front of (g - Σ g y) is missing",
    ),
    softmax_backward(
        "softmax: gradient along the last axis",
        ("(grad_output * self.output).sum(axis=self.dim", "(grad_output * self.output).sum(axis=-1"),
        says="Σ g y is along the last axis; it is along dim",
    ),
)

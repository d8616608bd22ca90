"""Known mistakes in the losses."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

mse_forward = partial(mistake, "mse.forward")
mse_backward = partial(mistake, "mse.backward")
forward = partial(mistake, "cross_entropy.forward")
backward = partial(mistake, "cross_entropy.backward")

SQUARES, SQUARES_COUNT = "self.difference**2", "self.reduction, input.size"
SQUARES_FACTOR = "2 * grad_output / max(1, count)"
CLASS_AXIS = "self.class_axis"
SHIFTED = "input - input.max(axis=self.class_axis, keepdims=True)"
TOTAL = "np.exp(shifted).sum(axis=self.class_axis, keepdims=True)"
LOG_TOTAL = f"np.log({TOTAL})"
LOG_PROBS = f"self.log_probs = shifted - {LOG_TOTAL}"
COUNTED, COUNT = "counts = target != self.ignore_index", "self.reduction, self.count"
SMOOTHED = "smoothed = (1 - self.label_smoothing) * q + self.label_smoothing / classes"
MASKED = "smoothed * np.expand_dims(counts, self.class_axis)"
GRADIENT, FACTOR = "np.exp(self.log_probs) * total - self.q", "(grad_output / max(1, count))"
LOSS = "return reduce((self.q * surprise).sum(axis=self.class_axis), self.reduction, self.count)"
DIVISOR = 'self.count if self.reduction == "mean" else 1'
# p · ∂L/∂p of L = -q log(p + 10⁻⁷), and what it makes of the gradient
NEAR = "self.q * np.exp(self.log_probs) / (np.exp(self.log_probs) + self.q.dtype.type(1e-7))"
NEAR_GRADIENT = f"np.exp(self.log_probs) * ({NEAR}).sum(axis=self.class_axis, keepdims=True) - {NEAR}"

MISTAKES = (
    mse_forward(
        "mse: not squared",
        (SQUARES, "abs(self.difference)"),
        says="the difference is not squared: this is |input - target|",
    ),
    mse_forward(
        "mse: halved", (SQUARES, f"0.5 * {SQUARES}"), says="the loss is halved; ½ (input - target)² is another loss"
    ),
    mse_forward(
        "mse: mean over the batch only",
        (SQUARES_COUNT, "self.reduction, len(np.atleast_1d(input))"),
        says='"mean" divides by the batch only; it divides by the number of all values',
    ),
    mse_forward(
        "mse: mean of the sum",
        (SQUARES_COUNT, '"none" if self.reduction == "none" else "mean", input.size'),
        says='"sum" gives the mean',
    ),
    mse_forward(
        "mse: float64 always",
        (SQUARES, "self.difference.astype(float) ** 2"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    mse_backward(
        "mse: no 2",
        (SQUARES_FACTOR, "grad_output / max(1, count)"),
        says="the 2 is missing from the gradient: the derivative of d² is 2d",
    ),
    mse_backward(
        "mse: target - input",
        (SQUARES_FACTOR, f"-{SQUARES_FACTOR}"),
        says="input and target are swapped in the gradient: dL/dinput = 2 (input - target)",
    ),
    mse_backward(
        "mse: gradient not divided",
        (SQUARES_FACTOR, "2 * grad_output"),
        says='"mean" gives the sum: it is not divided by the count',
    ),
    mse_backward(
        "mse: gradient of the sum divided",
        ('if self.reduction == "mean" else 1', ""),
        says='the gradient is divided by the count, whatever the reduction; only that of "mean" is',
    ),
    mse_backward("mse: no grad_output", (SQUARES_FACTOR, "2 / max(1, count)"), says="grad_output has no effect"),
    forward("cross_entropy: exp of large inputs", (SHIFTED, "input")),
    forward(
        "cross_entropy: log of a softmax that may be zero",
        (LOG_PROBS, f"self.log_probs = np.log(np.exp(shifted - {LOG_TOTAL}) + input.dtype.type(1e-12))"),
        says="log(p + 1e-12) adds a small number inside the logarithm; log p = s - log Σ eˢ needs none",
    ),
    forward(
        "cross_entropy: a small number inside the logarithm",
        (f"shifted = {SHIFTED}", "powers = np.exp(input)"),
        (LOG_PROBS, f"self.log_probs = np.log(powers / {TOTAL.replace('shifted', 'input')} + 1e-9)"),
        says="log(p + 1e-09) adds a small number inside the logarithm; log p = s - log Σ eˢ needs none",
    ),
    forward(
        "cross_entropy: a loss of shape (1, 1)",
        (LOSS, f"{LOSS}.reshape(1, 1)"),
        says="the values are right, but output has axes of length 1 too many: (1, 1) instead of ()",
    ),
    forward(
        "cross_entropy: the sum keeps its axes",
        ("losses.sum()", "losses.sum(keepdims=True)"),
        says="the values are right, but output has axes of length 1 too many: (1,) instead of ()",
    ),
    forward(
        "cross_entropy: softmax over the last axis",
        (SHIFTED, "input - input.max(axis=-1, keepdims=True)"),
        (LOG_TOTAL, LOG_TOTAL.replace(CLASS_AXIS, "-1")),
        says="the softmax runs over the last axis; the classes are on axis 1",
    ),
    forward(
        "cross_entropy: no softmax",
        (LOG_PROBS, "self.log_probs = input"),
        says="log softmax is missing: the input is taken for log-probabilities",
    ),
    forward(
        "cross_entropy: mean over the classes too",
        (COUNT, "self.reduction, input.size"),
        says='"mean" divides by the number of classes too; it averages over the targets',
    ),
    forward(
        "cross_entropy: ignored targets count in the mean",
        ("int(counts.sum())", "counts.size"),
        says='"mean" divides by the number of all targets; the ignored ones do not count',
    ),
    forward(
        "cross_entropy: only negative targets are ignored",
        (COUNTED, "counts = target >= 0"),
        says="ignore_index has no effect: its targets count like others",
    ),
    forward(
        "cross_entropy: ignored targets are smoothed",
        (
            MASKED,
            f"{MASKED} + np.expand_dims(~counts, self.class_axis).astype(q.dtype) * self.label_smoothing / classes",
        ),
        says="ignored targets are smoothed too; their q is zero",
    ),
    forward("cross_entropy: no smoothing", (SMOOTHED, "smoothed = q"), says="label_smoothing has no effect"),
    forward(
        "cross_entropy: smoothing spares the right class",
        (SMOOTHED, "smoothed = (1 - self.label_smoothing) * q + self.label_smoothing / (classes - 1) * (1 - q)"),
        says="ε is shared by the wrong classes only; ε / v goes to each of the v classes",
    ),
    forward(
        "cross_entropy: smoothing turned round",
        (SMOOTHED, "smoothed = self.label_smoothing * q + (1 - self.label_smoothing) / classes"),
        says="the target is weighted by ε and the uniform distribution by 1 - ε; it is the other way round",
    ),
    forward(
        "cross_entropy: the mean of nothing is zero",
        (COUNT, "self.reduction, max(1, self.count)"),
        says="the mean over nothing is 0; it is NaN, as in torch",
    ),
    forward("cross_entropy: class -1 is the last", ("((target < 0) | (target >= classes))", "(target >= classes)")),
    backward(
        "cross_entropy: q - p",
        (GRADIENT, "self.q - np.exp(self.log_probs) * total"),
        says="input_grad has the wrong sign",
    ),
    backward(
        "cross_entropy: ignored targets have a gradient",
        (GRADIENT, "np.exp(self.log_probs) - self.q"),
        says="ignored targets have a gradient; it is zero",
    ),
    backward(
        "cross_entropy: the gradient of a logarithm with a small number",
        (GRADIENT, NEAR_GRADIENT),
        says="log(p + 1e-07) adds a small number inside the logarithm; log p = s - log Σ eˢ needs none",
    ),
    backward(
        "cross_entropy: gradient not divided",
        (FACTOR, "grad_output"),
        says='"mean" gives the sum: it is not divided by the count',
    ),
    backward(
        "cross_entropy: gradient of the sum divided",
        (DIVISOR, "self.count"),
        says='the gradient is divided by the count, whatever the reduction; only that of "mean" is',
    ),
    backward(
        "cross_entropy: gradient divided by all targets",
        (DIVISOR, 'self.q.take(0, self.class_axis).size if self.reduction == "mean" else 1'),
        says='"mean" divides by the number of all targets; the ignored ones do not count',
    ),
    backward("cross_entropy: no grad_output", (FACTOR, "(1 / max(1, count))"), says="grad_output has no effect"),
    backward(
        "cross_entropy: upstream gradients along the last axis",
        ("np.expand_dims(grad_output, self.class_axis)", "grad_output[..., None]"),
    ),
    backward("cross_entropy: the gradient of nothing is NaN", (FACTOR, "np.divide(grad_output, count)")),
)

"""What may go wrong in the losses."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

mse_forward = partial(Mistake, exercise="mse.forward", file="loss.py")
mse_backward = partial(Mistake, exercise="mse.backward", file="loss.py")
forward = partial(Mistake, exercise="cross_entropy.forward", file="loss.py")
backward = partial(Mistake, exercise="cross_entropy.backward", file="loss.py")

SQUARES, SQUARES_COUNT = "self.difference**2", "self.reduction, input.size"
SQUARES_FACTOR = "2 * grad_output / max(1, count)"
CLASS_AXIS = "self.class_axis"
SHIFTED = "input - input.max(axis=self.class_axis, keepdims=True)"
LOG_TOTAL = "np.log(np.exp(shifted).sum(axis=self.class_axis, keepdims=True))"
LOG_PROBS = f"self.log_probs = shifted - {LOG_TOTAL}"
COUNTED, COUNT = "counts = target != self.ignore_index", "self.reduction, self.count"
SMOOTHED = "smoothed = (1 - self.label_smoothing) * q + self.label_smoothing / classes"
MASKED = "smoothed * np.expand_dims(counts, self.class_axis)"
GRADIENT, FACTOR = "np.exp(self.log_probs) * total - self.q", "(grad_output / max(1, count))"
DIVISOR = 'self.count if self.reduction == "mean" else 1'
# p · ∂L/∂p of L = -q log(p + 10⁻⁷), and what it makes of the gradient
NEAR = "self.q * np.exp(self.log_probs) / (np.exp(self.log_probs) + self.q.dtype.type(1e-7))"
NEAR_GRADIENT = f"np.exp(self.log_probs) * ({NEAR}).sum(axis=self.class_axis, keepdims=True) - {NEAR}"

MISTAKES = (
    mse_forward("mse: not squared", edits=((SQUARES, "abs(self.difference)"),)),
    mse_forward("mse: halved", edits=((SQUARES, f"0.5 * {SQUARES}"),)),
    mse_forward("mse: mean over the batch only", edits=((SQUARES_COUNT, "self.reduction, len(np.atleast_1d(input))"),)),
    mse_forward("mse: float64 always", edits=((SQUARES, "self.difference.astype(float) ** 2"),)),
    mse_backward("mse: no 2", edits=((SQUARES_FACTOR, "grad_output / max(1, count)"),)),
    mse_backward("mse: target - input", edits=((SQUARES_FACTOR, f"-{SQUARES_FACTOR}"),)),
    mse_backward("mse: gradient not divided", edits=((SQUARES_FACTOR, "2 * grad_output"),)),
    mse_backward("mse: gradient of the sum divided", edits=(('if self.reduction == "mean" else 1', ""),)),
    mse_backward("mse: no grad_output", edits=((SQUARES_FACTOR, "2 / max(1, count)"),)),
    forward("cross_entropy: exp of large inputs", edits=((SHIFTED, "input"),)),
    forward(
        "cross_entropy: log of a softmax that may be zero",
        edits=((LOG_PROBS, f"self.log_probs = np.log(np.exp(shifted - {LOG_TOTAL}) + input.dtype.type(1e-12))"),),
    ),
    forward(
        "cross_entropy: a small number inside the logarithm",
        edits=((LOG_PROBS, f"self.log_probs = np.log(np.exp(shifted - {LOG_TOTAL}) + input.dtype.type(1e-9))"),),
    ),
    forward(
        "cross_entropy: a loss of shape (1, 1)",
        edits=(
            (
                "self.class_axis), self.reduction, self.count)",
                "self.class_axis), self.reduction, self.count) * np.ones((1, 1), input.dtype)",
            ),
        ),
    ),
    forward(
        "cross_entropy: softmax over the last axis",
        edits=(
            (SHIFTED, "input - input.max(axis=-1, keepdims=True)"),
            (LOG_TOTAL, LOG_TOTAL.replace(CLASS_AXIS, "-1")),
        ),
    ),
    forward("cross_entropy: no softmax", edits=((LOG_PROBS, "self.log_probs = input"),)),
    forward("cross_entropy: mean over the classes too", edits=((COUNT, "self.reduction, input.size"),)),
    forward("cross_entropy: ignored targets count in the mean", edits=(("int(counts.sum())", "counts.size"),)),
    forward("cross_entropy: only negative targets are ignored", edits=((COUNTED, "counts = target >= 0"),)),
    forward(
        "cross_entropy: ignored targets are smoothed",
        edits=(
            (
                MASKED,
                f"{MASKED} + np.expand_dims(~counts, self.class_axis).astype(q.dtype) * self.label_smoothing / classes",
            ),
        ),
    ),
    forward("cross_entropy: no smoothing", edits=((SMOOTHED, "smoothed = q"),)),
    forward(
        "cross_entropy: smoothing spares the right class",
        edits=(
            (SMOOTHED, "smoothed = (1 - self.label_smoothing) * q + self.label_smoothing / (classes - 1) * (1 - q)"),
        ),
    ),
    forward(
        "cross_entropy: smoothing turned round",
        edits=((SMOOTHED, "smoothed = self.label_smoothing * q + (1 - self.label_smoothing) / classes"),),
    ),
    forward("cross_entropy: the mean of nothing is zero", edits=((COUNT, "self.reduction, max(1, self.count)"),)),
    forward(
        "cross_entropy: class -1 is the last", edits=(("((target < 0) | (target >= classes))", "(target >= classes)"),)
    ),
    backward("cross_entropy: q - p", edits=((GRADIENT, "self.q - np.exp(self.log_probs) * total"),)),
    backward("cross_entropy: ignored targets have a gradient", edits=((GRADIENT, "np.exp(self.log_probs) - self.q"),)),
    backward(
        "cross_entropy: the gradient of a logarithm with a small number",
        edits=((GRADIENT, NEAR_GRADIENT),),
    ),
    backward("cross_entropy: gradient not divided", edits=((FACTOR, "grad_output"),)),
    backward("cross_entropy: gradient of the sum divided", edits=((DIVISOR, "self.count"),)),
    backward(
        "cross_entropy: gradient divided by all targets",
        edits=((DIVISOR, 'self.q.take(0, self.class_axis).size if self.reduction == "mean" else 1'),),
    ),
    backward("cross_entropy: no grad_output", edits=((FACTOR, "(1 / max(1, count))"),)),
    backward(
        "cross_entropy: gradients from above along the last axis",
        edits=(("np.expand_dims(grad_output, self.class_axis)", "grad_output[..., None]"),),
    ),
    backward("cross_entropy: the gradient of nothing is NaN", edits=((FACTOR, "np.divide(grad_output, count)"),)),
)

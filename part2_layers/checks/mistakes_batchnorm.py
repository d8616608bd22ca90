"""What may go wrong in BatchNorm1d."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

FILE = "batchnorm.py"
forward = partial(Mistake, exercise="batchnorm.forward", file=FILE)
running = partial(Mistake, exercise="batchnorm.forward", file=FILE)
backward = partial(Mistake, exercise="batchnorm.backward", file=FILE)
evaluation_backward = partial(Mistake, exercise="batchnorm.evaluation_backward", file=FILE)

RUNNING = "self.running_mean, self.running_var"
VARIANCE = "x.var(axis=self.other_axes(x))"
SCALE = "1 / np.sqrt(var + self.eps)"
COUNT = "grad_output.size // self.num_features"
SUM = "grad_output.sum(axis=self.other_axes(grad_output))"
PRODUCT = "np.einsum(product, grad_output, self.x_hat)"
THROUGH_MEAN = "grad_output - per_channel(total / count, grad_output)"
THROUGH_VARIANCE = "x_grad -= self.x_hat * per_channel(along_x_hat / count, grad_output)"
EVALUATION = "return grad_output * per_channel(self.weight * self.scale, grad_output)"

MISTAKES = (
    forward("batchnorm: unbiased variance", edits=((VARIANCE, "x.var(axis=self.other_axes(x), ddof=1)"),)),
    forward(
        "batchnorm: variance as E[x²] - μ²",
        edits=((VARIANCE, "(x**2).mean(axis=self.other_axes(x)) - x.mean(axis=self.other_axes(x)) ** 2"),),
    ),
    forward("batchnorm: eps outside the root", edits=((SCALE, "1 / (np.sqrt(var) + self.eps)"),)),
    forward("batchnorm: eps of its own", edits=((SCALE, "1 / np.sqrt(var + 1e-5)"),)),
    forward("batchnorm: no root", edits=((SCALE, "1 / (var + self.eps)"),)),
    forward("batchnorm: no bias", edits=(("output += per_channel(self.bias, x)\n", "\n"),)),
    forward(
        "batchnorm: always the batch's statistics",
        edits=((RUNNING, f"*(self.batch_statistics(x) if x.size else ({RUNNING}))"),),
    ),
    forward(
        "batchnorm: changes x",
        edits=(("self.x_hat = x - per_channel(mean, x)", "x -= per_channel(mean, x)\n        self.x_hat = x.copy()"),),
    ),
    running("batchnorm: biased running variance", edits=(("var * (count / (count - 1))", "var"),)),
    running("batchnorm: momentum of the old value", edits=(("self.momentum * (", "(1 - self.momentum) * ("),)),
    running("batchnorm: batches not counted", edits=(("        self.num_batches_tracked += 1\n", ""),)),
    running("batchnorm: momentum of its own", edits=(("self.momentum * (", "0.1 * ("),)),
    running("batchnorm: no running variance", edits=(("self.running_var += ", "_ = "),)),
    backward("batchnorm: constant statistics", edits=((THROUGH_MEAN, "grad_output.copy()"), (THROUGH_VARIANCE, ""))),
    backward("batchnorm: constant variance", edits=((THROUGH_VARIANCE, ""),)),
    backward("batchnorm: constant mean", edits=((THROUGH_MEAN, "grad_output.copy()"),)),
    backward("batchnorm: sums for means", edits=((COUNT, "1"),)),
    backward("batchnorm: count of examples alone", edits=((COUNT, "len(grad_output)"),)),
    backward(
        "batchnorm: weight lost",
        edits=(("x_grad *= per_channel(self.weight * self.scale", "x_grad *= per_channel(self.scale"),),
    ),
    backward(
        "batchnorm: averages",
        edits=((PRODUCT, f"{PRODUCT} / max(1, {COUNT})"), (SUM, f"{SUM} / max(1, {COUNT})")),
    ),
    backward(
        "batchnorm: changes grad_output",
        edits=((THROUGH_MEAN, "grad_output\n        x_grad -= per_channel(total / count, grad_output)"),),
    ),
    evaluation_backward(
        "batchnorm: evaluation's weight lost", edits=((EVALUATION, EVALUATION.replace("self.weight * ", "")),)
    ),
    evaluation_backward(
        "batchnorm: evaluation's scale lost", edits=((EVALUATION, EVALUATION.replace(" * self.scale", "")),)
    ),
    evaluation_backward(
        "batchnorm: evaluation as training", edits=(("if self.uses_batch:\n", "if grad_output.size:\n"),)
    ),
    evaluation_backward(
        "batchnorm: the mode of the moment",
        edits=(("if self.uses_batch:\n", "if self.training and grad_output.size:\n"),),
    ),
)

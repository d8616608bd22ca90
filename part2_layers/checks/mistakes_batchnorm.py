"""Known mistakes in BatchNorm1d."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import Whole, mistake

forward = partial(mistake, "batchnorm.forward")
running = partial(mistake, "batchnorm.forward")
backward = partial(mistake, "batchnorm.backward")
evaluation_backward = partial(mistake, "batchnorm.evaluation_backward")

RUNNING = "x - per_channel(self.running_mean, x), self.running_var"
UPDATE = Whole("BatchNorm1d.update_running_statistics")
STATISTICS = Whole("BatchNorm1d.batch_statistics")
CENTRED = "centred = x - per_channel(mean, x)"
VARIANCE = "(centred**2).mean(axis=self.other_axes(x))"
ROOT = "np.sqrt(var + self.eps)"
COUNT = "grad_output.size // self.num_features"
SUM = "grad_output.sum(axis=axes)"
PRODUCT = "(grad_output * self.x_hat).sum(axis=axes)"
THROUGH_MEAN = "(grad_output - through_mean - "
THROUGH_VARIANCE = " - through_var)"
X_GRAD = "per_channel(self.weight / self.root, grad_output) * (grad_output - through_mean - through_var)"
AFFINE = "per_channel(self.weight, centred) * self.x_hat + per_channel(self.bias, centred)"
EVALUATION = "return per_channel(self.weight / self.root, grad_output) * grad_output\n"
EVERYTHING = """\
mean, var = (np.full(self.num_features, value) for value in (x.mean(), x.var()))
return mean, x - x.mean(), var
"""


def moved(old: str, new: str) -> str:
    """Return the update with these shares of the old and of the new value."""
    return f"""\
self.running_mean[...] = {old} * self.running_mean + {new} * mean
self.running_var[...] = {old} * self.running_var + {new} * var * (count / (count - 1))
self.num_batches_tracked += 1
"""


MISTAKES = (
    forward(
        "batchnorm: unbiased variance",
        (VARIANCE, "x.var(axis=self.other_axes(x), ddof=1)"),
        says="σ² is the unbiased variance; a batch is normalised with the biased one, Σ (x - μ)² / m",
    ),
    forward(
        "batchnorm: variance as E[x²] - μ²",
        (VARIANCE, "(x**2).mean(axis=self.other_axes(x)) - mean**2"),
    ),
    forward(
        "batchnorm: eps outside the root",
        (ROOT, "np.sqrt(var) + self.eps"),
        says="ε is added to σ; it belongs under the root, √(σ² + ε)",
    ),
    forward(
        "batchnorm: eps of its own",
        (ROOT, "np.sqrt(var + 1e-5)"),
        says="ε is the default, 1e-5; it is the layer's own",
    ),
    forward(
        "batchnorm: no root",
        (ROOT, "var + self.eps"),
        says="the root is missing: y = w · (x - μ) / √(σ² + ε) + b",
    ),
    forward(
        "batchnorm: no eps",
        (ROOT, "np.sqrt(var)"),
        says="ε is missing: y = w · (x - μ) / √(σ² + ε) + b",
    ),
    forward(
        "batchnorm: mean not subtracted",
        ("return mean, centred, ", "return mean, x, "),
        (RUNNING, "x, self.running_var"),
        says="μ is not subtracted",
    ),
    forward(
        "batchnorm: statistics of everything",
        (STATISTICS, EVERYTHING),
        says="the statistics are those of all numbers together; each channel has its own",
    ),
    forward(
        "batchnorm: no weight and no bias",
        (AFFINE, "self.x_hat.copy()"),
        says="weight and bias are missing",
    ),
    forward("batchnorm: no bias", (" + per_channel(self.bias, centred)", ""), says="the bias is missing"),
    forward(
        "batchnorm: always the batch's statistics",
        (RUNNING, f"*(self.batch_statistics(x)[1:] if x.size else ({RUNNING}))"),
        says="the statistics are those of the other mode; training takes the batch's, evaluation the running ones",
    ),
    forward(
        "batchnorm: changes x",
        (CENTRED, "x -= per_channel(mean, x)\n        centred = x.copy()"),
        says="x was changed in place; make a new array",
    ),
    running(
        "batchnorm: biased running variance",
        ("var * (count / (count - 1))", "var"),
        says="running_var moves towards the biased variance; what is kept is the unbiased one, m / (m - 1) times it",
    ),
    running(
        "batchnorm: momentum of the old value",
        (UPDATE, moved(old="momentum", new="(1 - momentum)")),
        says="momentum is the share of the new value, not of the old one",
    ),
    running(
        "batchnorm: batches not counted",
        ("        self.num_batches_tracked += 1\n", ""),
        says="num_batches_tracked does not count",
    ),
    running(
        "batchnorm: momentum of its own",
        (UPDATE, moved(old="0.9", new="0.1")),
        says="momentum is the default, 0.1; it is the layer's own",
    ),
    running(
        "batchnorm: no running variance",
        ("self.running_var[...] = ", "_ = "),
        says="running_var stays as it was",
    ),
    running(
        "batchnorm: running statistics replaced",
        (UPDATE, moved(old="0", new="1")),
        says="the running statistics are replaced; they move by momentum",
    ),
    running(
        "batchnorm: batches counted alone",
        (UPDATE, "self.num_batches_tracked += 1"),
        says="the running statistics stay as they were",
    ),
    running("batchnorm: nothing kept", (UPDATE, "pass"), says="nothing in the state has changed"),
    backward(
        "batchnorm: constant statistics",
        (THROUGH_MEAN + THROUGH_VARIANCE.removeprefix(" - "), "grad_output"),
        says="μ and σ² are taken as constants; in training they depend on every x",
    ),
    backward(
        "batchnorm: constant variance", (THROUGH_VARIANCE, ")"), says="what x does to σ² is missing: - x̂ · Σ (g x̂) / m"
    ),
    backward(
        "batchnorm: constant mean", (THROUGH_MEAN, "(grad_output - "), says="what x does to μ is missing: - Σ g / m"
    ),
    backward(
        "batchnorm: sums for means",
        (COUNT, "1"),
        says="Σ g and Σ g x̂ are not divided by m, the number of values per channel",
    ),
    backward(
        "batchnorm: count of examples alone",
        (COUNT, "len(grad_output)"),
        says="Σ g and Σ g x̂ are divided by b; m, the number of values per channel, is b · t",
    ),
    backward(
        "batchnorm: weight lost",
        ("self.weight / self.root, grad_output) * (", "1 / self.root, grad_output) * ("),
        says="the weight is missing from x_grad",
    ),
    backward(
        "batchnorm: x for x̂",
        (PRODUCT, PRODUCT.replace("self.x_hat", "self.x")),
        (CENTRED, f"{CENTRED}\n        self.x = x"),
        says="Σ g x takes the place of Σ g x̂; the weight multiplies x̂",
    ),
    backward(
        "batchnorm: sums swapped",
        (f"return {PRODUCT}, {SUM}", f"return {SUM}, {PRODUCT}"),
        says="weight_grad and bias_grad are swapped",
    ),
    backward(
        "batchnorm: averages",
        (PRODUCT, f"{PRODUCT} / max(1, {COUNT})"),
        (SUM, f"{SUM} / max(1, {COUNT})"),
        says="Σ g and Σ g x̂ are means here; only x_grad divides them by m, and once",
    ),
    backward(
        "batchnorm: changes grad_output",
        (f"return {X_GRAD}", f"x_grad = grad_output\n        x_grad[...] = {X_GRAD}\n        return x_grad"),
        says="grad_output was changed in place; make a new array",
    ),
    backward(
        "batchnorm: overwrites the gradients",
        ("self.weight_grad += ", "self.weight_grad[...] = "),
        ("self.bias_grad += ", "self.bias_grad[...] = "),
        says="the gradients of the parameters are overwritten by a second backward; each backward must add",
    ),
    evaluation_backward(
        "batchnorm: evaluation's weight lost",
        (EVALUATION, EVALUATION.replace("self.weight", "1")),
        says="the weight is missing from x_grad",
    ),
    evaluation_backward(
        "batchnorm: evaluation's scale lost",
        (EVALUATION, EVALUATION.replace(" / self.root", "")),
        says="1 / √(σ² + ε) is missing from x_grad",
    ),
    evaluation_backward(
        "batchnorm: evaluation as training",
        (EVALUATION, "return self.backward_of_training(grad_output, *self.channel_sums(grad_output))\n"),
        says="this is the gradient of training; in evaluation the statistics are constants",
    ),
    evaluation_backward(
        "batchnorm: the mode of the moment",
        ("if self.uses_batch:\n", "if self.training and grad_output.size:\n"),
        says="backward goes by the mode that the layer is in by now; what counts is the mode of its forward",
    ),
    evaluation_backward(
        "batchnorm: evaluation's root lost",
        (EVALUATION, EVALUATION.replace("self.root", "self.root**2")),
        says="the root is missing: 1 / √(σ² + ε)",
    ),
    evaluation_backward(
        "batchnorm: averages in evaluation",
        (PRODUCT, f"{PRODUCT} / max(1, {COUNT})"),
        (SUM, f"{SUM} / max(1, {COUNT})"),
        says="the gradients of the parameters are averaged; only a loss averages, a layer adds up",
    ),
)

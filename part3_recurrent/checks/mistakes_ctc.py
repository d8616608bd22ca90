"""Known mistakes in CTC."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

extend = partial(mistake, "ctc.extend")
log_forward = partial(mistake, "ctc.log_forward")
log_backward = partial(mistake, "ctc.log_backward")
log_posteriors = partial(mistake, "ctc.log_posteriors")
loss_forward = partial(mistake, "ctc.loss_forward")
loss_backward = partial(mistake, "ctc.loss_backward")

CAN_SKIP = "can_skip[3::2] = target[1:] != target[:-1]"
EXTENDED = "np.full(2 * len(target) + 1, blank, dtype=np.int64)"

START = "log_alpha[0, :2] = emissions[0, :2]"
ALPHA, ALPHA_SKIP = "return log_alpha", "before[:-2] + log_may_skip"
ARRIVALS = "np.logaddexp(np.logaddexp(stay, go_on), skip) + emissions[t]"

BETA, BETA_SKIP = "return log_beta", "after[2:] + log_may_skip"

LOG_P_OF_FRAMES = "np.logaddexp.reduce(log_walks, axis=1, keepdims=True)"
GAMMA = "log_walks - np.where(np.isneginf(log_p), 0, log_p)"

OF_AN_EXAMPLE = "log_forward(log_probs[: self.frames[b], b], self.labels[b], self.blank)"
WITHOUT_FRAMES = "[-np.inf if len(target) else 0 for target in self.labels]"
LOG_P = "np.logaddexp.reduce(self.log_alphas[b][-1, -2:])"
TARGET_LENGTHS = "[max(1, len(target)) for target in labels]"
MEAN = "(losses / self.target_lengths).mean()"
SKIPS = "can_skip[3::2] = target[1:] != target[:-1]"

LOSSES_GRAD = "np.broadcast_to(grad_output, len(self.labels))"
COUNTS = "(self.target_lengths * len(self.labels))"
LEFT_OUT = "if self.is_infeasible[b]:\n                continue\n"
TIMES_GAMMA = "-losses_grad[b] * (gamma @ is_symbol)"

MISTAKES = (
    extend(
        "ctc: skips between equal labels",
        (CAN_SKIP, "can_skip[3::2] = True"),
        says="a blank may be skipped between equal labels too; they would become one",
    ),
    extend("ctc: never skips", (CAN_SKIP, "pass"), says="no blank may ever be skipped"),
    extend(
        "ctc: skips to blanks too",
        (CAN_SKIP, "can_skip[2:] = extended[2:] != extended[1:-1]"),
        says="blanks may be skipped to, too; only a label that differs from the one before it may",
    ),
    extend(
        "ctc: skips to the first label",
        (CAN_SKIP, CAN_SKIP + "\n    can_skip[1:2] = True"),
        says="the first label may be skipped to; no state is two before it",
    ),
    extend("ctc: the blank is 0", (EXTENDED, EXTENDED.replace("blank", "0")), says="the blank is always 0"),
    log_forward(
        "ctc: α skips nothing",
        (ALPHA_SKIP, "before[:-2] - np.inf"),
        says="no blank is ever skipped",
    ),
    log_forward("ctc: α skips everywhere", (ALPHA_SKIP, "before[:-2]")),
    log_forward(
        "ctc: α begins in state 0 only",
        (START, START.replace(":2", ":1")),
        says="walks begin in state 0 only; they may begin with the first label",
    ),
    log_forward("ctc: α begins anywhere", (START, START.replace(", :2", ""))),
    log_forward(
        "ctc: α without emissions",
        (ALPHA, "return log_alpha - emissions"),
        says="the symbol of frame t is left out",
    ),
    log_forward(
        "ctc: α takes the likeliest way only",
        (ARRIVALS, ARRIVALS.replace("logaddexp", "maximum")),
        says="the likeliest walk alone counts; all walks add up",
    ),
    log_forward(
        "ctc: α is a probability",
        (ALPHA, "return np.exp(log_alpha)"),
        says="these are probabilities, not their logarithms",
    ),
    log_forward(
        "ctc: α underflows",
        (ALPHA, "return np.log(np.exp(log_alpha))"),
        says="answer holds infinity where it should be finite, as after an overflow, 1 / 0 or log 0",
    ),
    log_forward(
        "ctc: α is nan out of reach",
        (ARRIVALS, "np.log(np.exp(stay - go_on) + 1 + np.exp(skip - go_on)) + go_on + emissions[t]"),
        says="log_alpha holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞",
    ),
    log_forward(
        "ctc: α is float64",
        (ALPHA, ALPHA + ".astype(float)"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    log_backward(
        "ctc: β with frame t's emission",
        (BETA, "return log_beta + emissions"),
        says="the symbol of frame t is included; β leaves it to α",
    ),
    log_backward(
        "ctc: β with the time reversed",
        (BETA, "return log_beta[::-1]"),
        says="log_beta is in reverse order along axis 0",
    ),
    log_backward(
        "ctc: β with the states reversed",
        (BETA, "return log_beta[:, ::-1]"),
        says="log_beta is in reverse order along axis 1",
    ),
    log_backward(
        "ctc: β ends in the last state only",
        ("log_beta[-1, -2:] = 0", "log_beta[-1, -1:] = 0"),
        says="walks end in the last state only; they may end with the last label",
    ),
    log_backward(
        "ctc: β is a probability",
        (BETA, "return np.exp(log_beta)"),
        says="these are probabilities, not their logarithms",
    ),
    log_backward("ctc: β with α's skips", (BETA_SKIP, "after[2:] + np.where(can_skip, 0, -np.inf)")),
    log_backward(
        "ctc: β skips nothing",
        (BETA_SKIP, "after[2:] - np.inf"),
        says="no blank is ever skipped",
    ),
    log_backward("ctc: β skips everywhere", (BETA_SKIP, "after[2:]")),
    log_posteriors(
        "ctc: γ is not divided",
        (GAMMA, "log_walks"),
        says="log α + log β is not yet divided by its sum over the states",
    ),
    log_posteriors(
        "ctc: γ is divided by sums over the frames",
        (LOG_P_OF_FRAMES, LOG_P_OF_FRAMES.replace("axis=1", "axis=0")),
        says="the sum runs over the frames; it runs over the states",
    ),
    log_posteriors("ctc: γ is nan for what cannot be spelled", (GAMMA, "log_walks - log_p")),
    log_posteriors(
        "ctc: γ is a probability", (GAMMA, f"np.exp({GAMMA})"), says="these are probabilities, not their logarithms"
    ),
    log_posteriors(
        "ctc: γ underflows",
        (LOG_P_OF_FRAMES, "np.log(np.exp(log_walks).sum(axis=1, keepdims=True))"),
        says="the sum over the states underflows; add up in log space",
    ),
    loss_forward(
        "ctc: mean does not divide by the target lengths",
        (TARGET_LENGTHS, "[1 for target in labels]"),
        says='"mean" does not divide by the target lengths',
    ),
    loss_forward(
        "ctc: mean divides by 0",
        (TARGET_LENGTHS, "[len(target) for target in labels]"),
        says='"mean" divides by the target length, 0 too; an empty target counts as one label',
    ),
    loss_forward(
        "ctc: mean divides by all labels",
        (MEAN, "losses.sum() / losses.dtype.type(max(1, sum(map(len, self.labels))))"),
        says='"mean" divides the sum by all labels; each loss is divided by its own first',
    ),
    loss_forward(
        "ctc: mean is the sum",
        (MEAN, "losses.sum()"),
        says='"mean" gives the sum',
    ),
    loss_forward(
        "ctc: mean does not divide by the batch",
        (MEAN, MEAN.replace("mean", "sum")),
        says='"mean" does not divide by the batch',
    ),
    loss_forward(
        "ctc: mean leaves out the infeasible",
        (MEAN, MEAN.replace("mean()", "sum() / losses.dtype.type(max(1, (~self.is_infeasible).sum()))")),
        says='"mean" leaves out the infeasible examples; it counts them in, as 0',
    ),
    loss_forward(
        "ctc: input_lengths has no effect",
        ("log_probs[: self.frames[b], b]", "log_probs[:, b]"),
        ("np.flatnonzero(self.frames)", "range(len(self.frames))"),
        says="input_lengths has no effect",
    ),
    loss_forward(
        "ctc: blank has no effect",
        (OF_AN_EXAMPLE, OF_AN_EXAMPLE.replace("self.blank", "0")),
        says="the blank is always 0",
    ),
    loss_forward(
        "ctc: zero_infinity has no effect", ("if self.zero_infinity:", "if False:"), says="zero_infinity has no effect"
    ),
    loss_forward(
        "ctc: infeasible losses are always 0",
        ("if self.zero_infinity:", "if True:"),
        says="the loss of an infeasible target is always 0; it is inf without zero_infinity",
    ),
    loss_forward(
        "ctc: the sign of the loss", ("return -self.log_p", "return self.log_p"), says="output has the wrong sign"
    ),
    loss_forward(
        "ctc: the loss skips nothing",
        (SKIPS, "pass"),
        says="no blank is ever skipped",
    ),
    loss_forward("ctc: the loss skips everywhere", (SKIPS, "can_skip[3::2] = True")),
    loss_forward(
        "ctc: without a frame every target is infeasible",
        (WITHOUT_FRAMES, "[-np.inf for target in self.labels]"),
        says="without a frame the empty target is taken for infeasible; its loss is 0",
    ),
    loss_forward(
        "ctc: without a frame no target is infeasible",
        (WITHOUT_FRAMES, "[0 for target in self.labels]"),
        says="without a frame every loss is 0; only that of an empty target is",
    ),
    loss_forward(
        "ctc: the loss underflows",
        (LOG_P, "np.log(np.exp(self.log_alphas[b][-1, -2:]).sum())"),
        says="output holds infinity where it should be finite, as after an overflow, 1 / 0 or log 0",
    ),
    loss_backward(
        "ctc: the gradient of logits",
        ("(gamma @ is_symbol)", "(gamma @ is_symbol - np.exp(self.log_probs[:frames, b]))"),
        says="this is the gradient of logits, softmax and all; backward gives that of log_probs",
    ),
    loss_backward(
        "ctc: the sign of the gradient",
        (TIMES_GAMMA, TIMES_GAMMA[1:]),
        says="the sign of the gradient is wrong: it is minus the posterior",
    ),
    loss_backward(
        "ctc: grad_output has no effect",
        (LOSSES_GRAD, LOSSES_GRAD.replace("grad_output", "1")),
        says="grad_output has no effect",
    ),
    loss_backward(
        "ctc: the gradient is not averaged",
        (COUNTS, "self.target_lengths"),
        says='"mean" does not divide by the batch',
    ),
    loss_backward(
        "ctc: the gradient without target lengths",
        (COUNTS, "len(self.labels)"),
        says='"mean" does not divide by the target lengths',
    ),
    loss_backward(
        "ctc: infeasible examples times inf",
        (LEFT_OUT, LEFT_OUT.replace("continue", "pass")),
        says="log_probs_grad holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞",
    ),
    loss_backward(
        "ctc: nan for infeasible examples",
        (LEFT_OUT, LEFT_OUT.replace("continue", "log_probs_grad[:, b] = np.nan")),
        says="log_probs_grad holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞",
    ),
    loss_backward(
        "ctc: frames after the end", ("np.zeros_like(self.log_probs)", "np.full_like(self.log_probs, -0.01)")
    ),
    loss_backward(
        "ctc: one state of each symbol", ("(gamma @ is_symbol)", "(gamma[..., None] * is_symbol).max(axis=1)")
    ),
)

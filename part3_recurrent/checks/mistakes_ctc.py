"""What may go wrong in CTC."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import Whole, mistake

extend = partial(mistake, "ctc.extend")
log_forward = partial(mistake, "ctc.log_forward")
log_backward = partial(mistake, "ctc.log_backward")
log_posteriors = partial(mistake, "ctc.log_posteriors")
loss_forward = partial(mistake, "ctc.loss_forward")
loss_backward = partial(mistake, "ctc.loss_backward")

CAN_SKIP = "can_skip[3::2] = target[1:] != target[:-1]"
EXTENDED = "np.full(2 * len(target) + 1, blank, dtype=np.int64)"

START = "arrivals[0, :, :2] = 0"
FINITE = "np.maximum(largest, np.finfo(largest.dtype).min, out=largest)  # -inf - -inf would be nan"
TOTAL = "total += shares[2]"
ALPHA = "(log_arrivals(emissions[:, None], can_skip[None]) + emissions[:, None])[:, 0]"

BETA = "log_arrivals(emissions[:, None], can_skip[None])[::-1, 0, ::-1]"
BETA_FROM_THE_LAST_STATE = """
extended, can_skip = extend_target_with_blank(target, blank)
log_beta = np.full((len(log_probs), len(extended)), -np.inf, log_probs.dtype)
log_beta[-1, -1] = 0
for t in range(len(log_probs) - 2, -1, -1):
    after = log_beta[t + 1] + log_probs[t + 1, extended]
    log_beta[t] = after
    log_beta[t, :-1] = np.logaddexp(log_beta[t, :-1], after[1:])
    log_beta[t, :-2] = np.logaddexp(log_beta[t, :-2], np.where(can_skip[2:], after[2:], -np.inf))
return log_beta
"""
REVERSED_TARGET = "extend_target_with_blank(np.asarray(target)[::-1], blank)"

SUM_OF_WALKS = "total = log_sum(log_walks, axis=1)"
GAMMA = "np.where(np.isneginf(total), -np.inf, log_walks - np.where(np.isneginf(total), 0, total))"

LOSSES = "losses_and_posteriors(log_probs, self.labels, self.frames, self.blank)"
OF_THE_BATCH = "log_arrivals(emissions, can_skip)"
LENGTHS = "np.array([max(1, len(labels)) for labels in self.labels], losses.dtype)"
MEAN = "losses.mean()"
OF_NOTHING = "log_p[(frames == 0) & (states == 1)] = 0"
LOG_P = "return -log_p[:, 0], posteriors"

COUNTS = "(len(self.labels) * np.array([max(1, len(labels)) for labels in self.labels], scale.dtype))"
SCALE = "np.where(self.is_infeasible, 0, -scale)"
GRADIENT = "self.posteriors * scale[:, None]"
BY_SYMBOL = "np.matmul(gamma.swapaxes(0, 1), is_symbol).swapaxes(0, 1)"

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
        (ALPHA, ALPHA.replace("can_skip[None]", "False & can_skip[None]")),
        says="no blank is ever skipped",
    ),
    log_forward("ctc: α skips everywhere", (ALPHA, ALPHA.replace("can_skip[None]", "True | can_skip[None]"))),
    log_forward(
        "ctc: α begins in state 0 only",
        (START, "arrivals[0, :, :1] = 0"),
        says="walks begin in state 0 only; they may begin with the first label",
    ),
    log_forward("ctc: α begins anywhere", (START, "arrivals[0] = 0")),
    log_forward(
        "ctc: α without emissions",
        (ALPHA, BETA.replace("[::-1, 0, ::-1]", "[:, 0]")),
        says="the symbol of frame t is left out",
    ),
    log_forward(
        "ctc: α takes the likeliest way only",
        (TOTAL, "np.max(shares, axis=0, out=total)"),
        says="the likeliest walk alone counts; all walks add up",
    ),
    log_forward(
        "ctc: α is a probability", (ALPHA, f"np.exp({ALPHA})"), says="these are probabilities, not their logarithms"
    ),
    log_forward(
        "ctc: α underflows",
        (ALPHA, f"np.log(np.exp({ALPHA}))"),
        says="answer holds infinity where it should be finite, as after an overflow, 1 / 0 or log 0",
    ),
    log_forward(
        "ctc: α is nan out of reach",
        (FINITE, "pass"),
        says="log_alpha holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞",
    ),
    log_forward(
        "ctc: α is float64",
        (ALPHA, ALPHA + ".astype(float)"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    log_backward(
        "ctc: β with frame t's emission",
        (BETA, ALPHA.replace("[:, 0]", "[::-1, 0, ::-1]")),
        says="the symbol of frame t is included; β leaves it to α",
    ),
    log_backward(
        "ctc: β with the time reversed",
        (BETA, BETA.replace("[::-1, 0, ::-1]", "[:, 0, ::-1]")),
        says="log_beta is in reverse order along axis 0",
    ),
    log_backward(
        "ctc: β with the states reversed",
        (BETA, BETA.replace("[::-1, 0, ::-1]", "[::-1, 0]")),
        says="log_beta is in reverse order along axis 1",
    ),
    log_backward(
        "ctc: β ends in the last state only",
        (Whole("log_backward"), BETA_FROM_THE_LAST_STATE),
        says="walks end in the last state only; they may end with the last label",
    ),
    log_backward(
        "ctc: β is a probability",
        (BETA, f"np.exp({BETA})"),
        says="these are probabilities, not their logarithms",
    ),
    log_backward("ctc: β with α's skips", (REVERSED_TARGET, "extend_target_with_blank(target, blank)")),
    log_backward(
        "ctc: β skips nothing",
        (BETA, BETA.replace("can_skip[None]", "False & can_skip[None]")),
        says="no blank is ever skipped",
    ),
    log_backward("ctc: β skips everywhere", (BETA, BETA.replace("can_skip[None]", "True | can_skip[None]"))),
    log_posteriors(
        "ctc: γ is not divided",
        (GAMMA, "log_walks"),
        says="log α + log β is not yet divided by its sum over the states",
    ),
    log_posteriors(
        "ctc: γ is divided by sums over the frames",
        (SUM_OF_WALKS, "total = log_sum(log_walks, axis=0)"),
        says="the sum runs over the frames; it runs over the states",
    ),
    log_posteriors("ctc: γ is nan for what cannot be spelled", (GAMMA, "log_walks - total")),
    log_posteriors(
        "ctc: γ is a probability", (GAMMA, f"np.exp({GAMMA})"), says="these are probabilities, not their logarithms"
    ),
    log_posteriors(
        "ctc: γ underflows",
        (SUM_OF_WALKS, "total = np.log(np.exp(log_walks).sum(axis=1, keepdims=True))"),
        says="the sum over the states underflows; add up in log space",
    ),
    loss_forward(
        "ctc: mean does not divide by the target lengths",
        (LENGTHS, "1"),
        says='"mean" does not divide by the target lengths',
    ),
    loss_forward(
        "ctc: mean divides by 0",
        (LENGTHS, LENGTHS.replace("max(1, len(labels))", "len(labels)")),
        says='"mean" divides by the target length, 0 too; an empty target counts as one label',
    ),
    loss_forward(
        "ctc: mean divides by all labels",
        (LENGTHS, "1"),
        (MEAN, "losses.sum() / losses.dtype.type(max(1, sum(map(len, self.labels))))"),
        says='"mean" divides the sum by all labels; each loss is divided by its own first',
    ),
    loss_forward(
        "ctc: mean is the sum",
        ('if self.reduction == "mean":', "if False:"),
        ('self.reduction == "sum" else', 'self.reduction != "none" else'),
        says='"mean" gives the sum',
    ),
    loss_forward(
        "ctc: mean does not divide by the batch", (MEAN, "losses.sum()"), says='"mean" does not divide by the batch'
    ),
    loss_forward(
        "ctc: mean leaves out the infeasible",
        (MEAN, "losses.sum() / losses.dtype.type(max(1, (~self.is_infeasible).sum()))"),
        says='"mean" leaves out the infeasible examples; it counts them in, as 0',
    ),
    loss_forward(
        "ctc: input_lengths has no effect",
        (LOSSES, LOSSES.replace("self.frames", "np.full_like(self.frames, len(log_probs))")),
        says="input_lengths has no effect",
    ),
    loss_forward("ctc: blank has no effect", (LOSSES, LOSSES.replace("self.blank", "0")), says="the blank is always 0"),
    loss_forward(
        "ctc: zero_infinity has no effect", ("if self.zero_infinity:", "if False:"), says="zero_infinity has no effect"
    ),
    loss_forward(
        "ctc: infeasible losses are always 0",
        ("if self.zero_infinity:", "if True:"),
        says="the loss of an infeasible target is always 0; it is inf without zero_infinity",
    ),
    loss_forward(
        "ctc: the sign of the loss", (LOG_P, LOG_P.replace("-log_p", "log_p")), says="output has the wrong sign"
    ),
    loss_forward(
        "ctc: the loss skips nothing",
        (OF_THE_BATCH, "log_arrivals(emissions, False & can_skip)"),
        says="no blank is ever skipped",
    ),
    loss_forward("ctc: the loss skips everywhere", (OF_THE_BATCH, "log_arrivals(emissions, True | can_skip)")),
    loss_forward(
        "ctc: without a frame every target is infeasible",
        (OF_NOTHING, "pass"),
        says="without a frame the empty target is taken for infeasible; its loss is 0",
    ),
    loss_forward(
        "ctc: without a frame no target is infeasible",
        (OF_NOTHING, OF_NOTHING.replace(" & (states == 1)", "")),
        says="without a frame every loss is 0; only that of an empty target is",
    ),
    loss_forward(
        "ctc: the loss underflows",
        (LOG_P, "return -np.log(np.exp(log_p[:, 0])), posteriors"),
        says="output holds infinity where it should be finite, as after an overflow, 1 / 0 or log 0",
    ),
    loss_backward(
        "ctc: the gradient of logits",
        (LOG_P, LOG_P + " - np.exp(log_probs) * (np.arange(time)[:, None] < frames)[:, :, None]"),
        says="this is the gradient of logits, softmax and all; backward gives that of log_probs",
    ),
    loss_backward(
        "ctc: the sign of the gradient",
        (SCALE, SCALE.replace("-scale", "scale")),
        says="the sign of the gradient is wrong: it is minus the posterior",
    ),
    loss_backward(
        "ctc: grad_output has no effect",
        ("np.asarray(grad_output) * np.ones", "np.ones"),
        says="grad_output has no effect",
    ),
    loss_backward(
        "ctc: the gradient is not averaged",
        (COUNTS, COUNTS.replace("len(self.labels) * ", "")),
        says='"mean" does not divide by the batch',
    ),
    loss_backward(
        "ctc: the gradient without target lengths",
        (COUNTS, "len(self.labels)"),
        says='"mean" does not divide by the target lengths',
    ),
    loss_backward(
        "ctc: infeasible examples times inf",
        (SCALE, "-scale"),
        says="log_probs_grad holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞",
    ),
    loss_backward(
        "ctc: nan for infeasible examples",
        (SCALE, SCALE.replace("0, -", "np.nan, -")),
        says="log_probs_grad holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞",
    ),
    loss_backward("ctc: frames after the end", (GRADIENT, "np.maximum(self.posteriors, 0.01) * scale[:, None]")),
    loss_backward("ctc: one state of each symbol", (BY_SYMBOL, "(gamma[..., None] * is_symbol).max(axis=2)")),
)

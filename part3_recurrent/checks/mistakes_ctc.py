"""What may go wrong in CTC."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

extend = partial(Mistake, exercise="ctc.extend", file="ctc.py")
log_forward = partial(Mistake, exercise="ctc.log_forward", file="ctc.py")
log_backward = partial(Mistake, exercise="ctc.log_backward", file="ctc.py")
log_posteriors = partial(Mistake, exercise="ctc.log_posteriors", file="ctc.py")
loss_forward = partial(Mistake, exercise="ctc.loss_forward", file="ctc.py")
loss_backward = partial(Mistake, exercise="ctc.loss_backward", file="ctc.py")

CAN_SKIP = "can_skip[3::2] = target[1:] != target[:-1]"
EXTENDED = "np.full(2 * len(target) + 1, blank, dtype=np.int64)"

START = "arrivals[0, :, :2] = 0"
FINITE = "np.maximum(largest, np.finfo(largest.dtype).min, out=largest)  # -inf - -inf would be nan"
TOTAL = "total += shares[2]"
ALPHA = "(log_arrivals(emissions[:, None], can_skip[None]) + emissions[:, None])[:, 0]"

BETA = "log_arrivals(emissions[:, None], can_skip[None])[::-1, 0, ::-1]"
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
    extend("ctc: skips between equal labels", edits=((CAN_SKIP, "can_skip[3::2] = True"),)),
    extend("ctc: never skips", edits=((CAN_SKIP, "pass"),)),
    extend("ctc: skips to blanks too", edits=((CAN_SKIP, "can_skip[2:] = extended[2:] != extended[1:-1]"),)),
    extend("ctc: skips to the first label", edits=((CAN_SKIP, CAN_SKIP + "\n    can_skip[1:2] = True"),)),
    extend("ctc: the blank is 0", edits=((EXTENDED, EXTENDED.replace("blank", "0")),)),
    log_forward("ctc: α skips nothing", edits=((ALPHA, ALPHA.replace("can_skip[None]", "False & can_skip[None]")),)),
    log_forward("ctc: α skips everywhere", edits=((ALPHA, ALPHA.replace("can_skip[None]", "True | can_skip[None]")),)),
    log_forward("ctc: α begins in state 0 only", edits=((START, "arrivals[0, :, :1] = 0"),)),
    log_forward("ctc: α begins anywhere", edits=((START, "arrivals[0] = 0"),)),
    log_forward("ctc: α without emissions", edits=((ALPHA, BETA.replace("[::-1, 0, ::-1]", "[:, 0]")),)),
    log_forward("ctc: α takes the likeliest way only", edits=((TOTAL, "total.fill(1)"),)),
    log_forward("ctc: α is a probability", edits=((ALPHA, f"np.exp({ALPHA})"),)),
    log_forward("ctc: α underflows", edits=((ALPHA, f"np.log(np.exp({ALPHA}))"),)),
    log_forward("ctc: α is nan out of reach", edits=((FINITE, "pass"),)),
    log_forward("ctc: α is float64", edits=((ALPHA, ALPHA + ".astype(float)"),)),
    log_backward("ctc: β with frame t's emission", edits=((BETA, ALPHA.replace("[:, 0]", "[::-1, 0, ::-1]")),)),
    log_backward("ctc: β with the time reversed", edits=((BETA, BETA.replace("[::-1, 0, ::-1]", "[:, 0, ::-1]")),)),
    log_backward("ctc: β with the states reversed", edits=((BETA, BETA.replace("[::-1, 0, ::-1]", "[::-1, 0]")),)),
    log_backward("ctc: β with α's skips", edits=((REVERSED_TARGET, "extend_target_with_blank(target, blank)"),)),
    log_backward("ctc: β skips nothing", edits=((BETA, BETA.replace("can_skip[None]", "False & can_skip[None]")),)),
    log_backward("ctc: β skips everywhere", edits=((BETA, BETA.replace("can_skip[None]", "True | can_skip[None]")),)),
    log_posteriors("ctc: γ is not divided", edits=((GAMMA, "log_walks"),)),
    log_posteriors(
        "ctc: γ is divided by sums over the frames", edits=((SUM_OF_WALKS, "total = log_sum(log_walks, axis=0)"),)
    ),
    log_posteriors("ctc: γ is nan for what cannot be spelled", edits=((GAMMA, "log_walks - total"),)),
    log_posteriors("ctc: γ is a probability", edits=((GAMMA, f"np.exp({GAMMA})"),)),
    log_posteriors(
        "ctc: γ underflows",
        edits=((SUM_OF_WALKS, "total = np.log(np.exp(log_walks).sum(axis=1, keepdims=True))"),),
    ),
    loss_forward("ctc: mean does not divide by the target lengths", edits=((LENGTHS, "1"),)),
    loss_forward("ctc: mean divides by 0", edits=((LENGTHS, LENGTHS.replace("max(1, len(labels))", "len(labels)")),)),
    loss_forward(
        "ctc: mean divides by all labels",
        edits=(
            (LENGTHS, "1"),
            (MEAN, "losses.sum() / losses.dtype.type(max(1, sum(map(len, self.labels))))"),
        ),
    ),
    loss_forward("ctc: mean is the sum", edits=((MEAN, "losses.sum()"),)),
    loss_forward(
        "ctc: mean leaves out the infeasible",
        edits=((MEAN, "losses.sum() / losses.dtype.type(max(1, (~self.is_infeasible).sum()))"),),
    ),
    loss_forward(
        "ctc: input_lengths has no effect",
        edits=((LOSSES, LOSSES.replace("self.frames", "np.full_like(self.frames, len(log_probs))")),),
    ),
    loss_forward("ctc: blank has no effect", edits=((LOSSES, LOSSES.replace("self.blank", "0")),)),
    loss_forward("ctc: zero_infinity has no effect", edits=(("if self.zero_infinity:", "if False:"),)),
    loss_forward("ctc: infeasible losses are always 0", edits=(("if self.zero_infinity:", "if True:"),)),
    loss_forward("ctc: the sign of the loss", edits=((LOG_P, LOG_P.replace("-log_p", "log_p")),)),
    loss_forward("ctc: the loss skips nothing", edits=((OF_THE_BATCH, "log_arrivals(emissions, False & can_skip)"),)),
    loss_forward("ctc: the loss skips everywhere", edits=((OF_THE_BATCH, "log_arrivals(emissions, True | can_skip)"),)),
    loss_forward("ctc: without a frame every target is infeasible", edits=((OF_NOTHING, "pass"),)),
    loss_forward(
        "ctc: without a frame no target is infeasible",
        edits=((OF_NOTHING, OF_NOTHING.replace(" & (states == 1)", "")),),
    ),
    loss_forward("ctc: the loss underflows", edits=((LOG_P, "return -np.log(np.exp(log_p[:, 0])), posteriors"),)),
    loss_backward("ctc: the gradient of logits", edits=((LOG_P, LOG_P + " - np.exp(log_probs)"),)),
    loss_backward("ctc: the sign of the gradient", edits=((SCALE, SCALE.replace("-scale", "scale")),)),
    loss_backward("ctc: grad_output has no effect", edits=(("np.asarray(grad_output) * np.ones", "np.ones"),)),
    loss_backward("ctc: the gradient is not averaged", edits=((COUNTS, COUNTS.replace("len(self.labels) * ", "")),)),
    loss_backward("ctc: the gradient without target lengths", edits=((COUNTS, "len(self.labels)"),)),
    loss_backward("ctc: infeasible examples times inf", edits=((SCALE, "-scale"),)),
    loss_backward("ctc: nan for infeasible examples", edits=((SCALE, SCALE.replace("0, -", "np.nan, -")),)),
    loss_backward(
        "ctc: frames after the end", edits=((GRADIENT, "np.maximum(self.posteriors, 0.01) * scale[:, None]"),)
    ),
    loss_backward("ctc: one state of each symbol", edits=((BY_SYMBOL, "(gamma[..., None] * is_symbol).max(axis=2)"),)),
)

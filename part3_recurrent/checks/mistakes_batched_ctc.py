"""Known mistakes in CTC of a whole batch."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "batched_ctc.forward")
backward = partial(mistake, "batched_ctc.backward")

FRAMES, STATES = "(frame < self.frames)[:, :, None]", "(np.arange(extended.shape[1]) < states[:, None])"
FROM_END, STATE = "turned(time, self.frames)", "turned(extended.shape[1], states).T"
LABELS = "(batch + b, target[::-1])"
ARRIVALS = "log_arrivals(emissions, can_skip)"
OF_NOTHING = "log_p[(self.frames == 0) & (states == 1)] = 0"
NOT_INFINITE = "np.where(np.isneginf(log_p), 0, log_p)"
LOSSES = "return -log_p[:, 0]"
GO_ON, WAYS = "go_on[:, 1:] = stay[:, :-1]", "log_sum(ways, axis=0)[0]"
LOWEST = "initial=np.finfo(x.dtype).min"
POSTERIORS = "(self.gamma.swapaxes(0, 1) @ self.is_symbol).swapaxes(0, 1)"
GRAD, SHARE = "-share[:, None] * posteriors", "np.where(self.is_infeasible, 0, losses_grad)"

ONE_BY_ONE = "examples are taken one after another: a frame takes more instructions of Python for more of them"
INFINITE = "output holds infinity where it should be finite, as after an overflow, 1 / 0 or log 0"
NAN = "{} holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞"

MISTAKES = (
    forward(
        "batched_ctc: one example after another",
        ("def example_losses(", "def not_called("),
        ("def example_losses_backward(", "def not_called_either("),
        says=ONE_BY_ONE,
    ),
    backward(
        "batched_ctc: the gradient of one frame after another of each example",
        (
            POSTERIORS,
            "np.array([[gamma @ symbols for gamma, symbols in zip(row, self.is_symbol)] for row in self.gamma])",
        ),
        says=ONE_BY_ONE,
    ),
    forward(
        "batched_ctc: reads the padding of the frames",
        (FRAMES, "np.ones((time, batch, 1), dtype=bool)"),
        (FROM_END, "turned(time, np.full(batch, time))"),
        says="input_lengths has no effect",
    ),
    forward(
        "batched_ctc: β from the last frame of all",
        (FROM_END, "turned(time, np.full(batch, time))"),
        says="input_lengths has no effect",
    ),
    forward(
        "batched_ctc: β from the last state of all",
        (STATE, STATE.replace("states", "np.full_like(states, states.max())")),
        says=INFINITE,
    ),
    forward("batched_ctc: counts the padding of the states", (STATES, "True")),
    forward("batched_ctc: the target is not turned round", (LABELS, LABELS.replace("[::-1]", ""))),
    forward(
        "batched_ctc: skips nothing",
        (ARRIVALS, ARRIVALS.replace("can_skip", "False & can_skip")),
        says="no blank is ever skipped",
    ),
    forward("batched_ctc: skips everywhere", (ARRIVALS, ARRIVALS.replace("can_skip", "True | can_skip"))),
    forward(
        "batched_ctc: only stays and skips",
        (GO_ON, "pass"),
        says="walks stay and skip, and never go on to the next state",
    ),
    forward("batched_ctc: the likeliest way only", (WAYS, "ways.max(axis=0)")),
    forward("batched_ctc: the blank is 0", ("self.blank", "0"), says="the blank is always 0"),
    forward(
        "batched_ctc: without a frame every target is infeasible",
        (OF_NOTHING, "pass"),
        says="without a frame the empty target is taken for infeasible; its loss is 0",
    ),
    forward(
        "batched_ctc: without a frame no target is infeasible",
        (OF_NOTHING, OF_NOTHING.replace(" & (states == 1)", "")),
        says="without a frame every loss is 0; only that of an empty target is",
    ),
    forward("batched_ctc: nan where nothing arrives", (LOWEST, "initial=-np.inf"), says=NAN.format("output")),
    forward("batched_ctc: the sign of the loss", (LOSSES, "return log_p[:, 0]"), says="output has the wrong sign"),
    backward("batched_ctc: nan for what cannot be spelled", (NOT_INFINITE, "log_p"), says=NAN.format("log_probs_grad")),
    backward(
        "batched_ctc: the sign of the gradient",
        (GRAD, GRAD[1:]),
        says="the sign of the gradient is wrong: it is minus the posterior",
    ),
    backward(
        "batched_ctc: the upstream gradient counts by its sign",
        (GRAD, "-np.sign(share[:, None]) * posteriors"),
    ),
    backward("batched_ctc: infeasible examples times inf", (SHARE, "losses_grad"), says=NAN.format("log_probs_grad")),
    backward("batched_ctc: padding has a gradient", (FRAMES, "np.ones((time, batch, 1), dtype=bool)")),
    backward(
        "batched_ctc: one state of each symbol", (POSTERIORS, "(self.gamma[..., None] * self.is_symbol).max(axis=2)")
    ),
)

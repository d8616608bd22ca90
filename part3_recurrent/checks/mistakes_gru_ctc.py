"""Known mistakes in GRUCTC."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "gru_ctc.forward")
backward = partial(mistake, "gru_ctc.backward")

LOG_PROBS, TOTAL = "shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))", "np.exp(self.log_probs) * total"
SOFTMAX_BACKWARD = "(p := np.exp(self.log_probs)) * (log_probs_grad - (p * log_probs_grad).sum(axis=-1, keepdims=True))"

MISTAKES = (
    forward("gru_ctc: logits", (LOG_PROBS, "logits"), says="log softmax is missing: these are the logits"),
    forward(
        "gru_ctc: probabilities",
        (LOG_PROBS, f"np.exp({LOG_PROBS})"),
        says="the logarithm is missing: these are probabilities",
    ),
    forward(
        "gru_ctc: softmax over the batch",
        ("axis=-1", "axis=1"),
        says="the softmax runs over the batch; the classes are the last axis",
    ),
    forward(
        "gru_ctc: softmax over time",
        ("axis=-1", "axis=0"),
        says="the softmax runs over time; the classes are the last axis",
    ),
    forward("gru_ctc: not shifted", ("shifted = logits - logits.max(axis=-1, keepdims=True)", "shifted = logits")),
    forward(
        "gru_ctc: log of softmax", (LOG_PROBS, "np.log(np.exp(shifted) / np.exp(shifted).sum(axis=-1, keepdims=True))")
    ),
    forward(
        "gru_ctc: padding read",
        ("forward(x, lengths=lengths)", "forward(x)"),
        says="lengths has no effect: the padding is read too",
    ),
    backward(
        "gru_ctc: no log-softmax on the way back",
        (f" - {TOTAL}", ""),
        says="backward leaves the log-softmax out: the Linear gets g as it is",
    ),
    backward(
        "gru_ctc: softmax's gradient",
        (f"log_probs_grad - {TOTAL}", SOFTMAX_BACKWARD),
        says="the gradient is that of softmax, p (g - Σ g p); of its logarithm it is g - p Σ g",
    ),
    backward("gru_ctc: the total is taken for -1", (f"- {TOTAL}", "+ np.exp(self.log_probs)")),
    backward(
        "gru_ctc: log-probabilities for probabilities",
        (TOTAL, "self.log_probs * total"),
        says="p stands for the probabilities, here it is their logarithms: it is g - p Σ g",
    ),
    backward(
        "gru_ctc: no gradient of x", ("return x_grad", "return np.zeros_like(x_grad)"), says="x_grad is zero everywhere"
    ),
)

"""torch's CTC of a batch, and those of the known mistakes that CTC of a whole batch may make."""

from __future__ import annotations

from typing import Any

from autograder.testing.torch_oracle import Answer, Array
from part3_recurrent.tests import oracle_ctc

loss, loss_of_paths = oracle_ctc.loss, oracle_ctc.loss_of_paths

OF_THE_LOSSES = (
    "no blank is ever skipped",
    "input_lengths has no effect",
    "the blank is always 0",
    "without a frame every loss is 0; only that of an empty target is",
    "without a frame the empty target is taken for infeasible; its loss is 0",
)
BATCH = ("log_probs", "targets", "input_lengths", "target_lengths")
OF_THE_GRADIENT = ("the sign of the gradient is wrong: it is minus the posterior",)


def losses_mistakes(
    log_probs: Array, targets: Array, input_lengths: Array, target_lengths: Array, options: Answer, **more: Any
) -> dict[str, Answer]:
    batch = (log_probs, targets, input_lengths, target_lengths)
    stuck = oracle_ctc.losses_of_walks(*batch, options.get("blank", 0), go_on=False)
    known = _known(OF_THE_LOSSES, dict(zip(BATCH, batch, strict=True), options=options, **more))
    return known | {
        "walks stay and skip, and never go on to the next state": {
            "output": oracle_ctc.reduced(stuck, target_lengths, options, log_probs.dtype)
        }
    }


def gradient_mistakes(**problem: Any) -> dict[str, Answer]:
    return _known(OF_THE_GRADIENT, problem)


def _known(sentences: tuple[str, ...], problem: Answer) -> dict[str, Answer]:
    known = oracle_ctc.loss_mistakes(**problem)
    return {sentence: known[sentence] for sentence in sentences if sentence in known}

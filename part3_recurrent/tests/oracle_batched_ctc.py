"""torch's CTC of a batch, and those of the known mistakes that CTC of a whole batch may make."""

from __future__ import annotations

from typing import Any

from autograder.testing.torch_oracle import Answer
from part3_recurrent.tests import oracle_ctc

loss, loss_of_paths = oracle_ctc.loss, oracle_ctc.loss_of_paths

OF_THE_LOSSES = (
    "no blank is ever skipped",
    "input_lengths has no effect",
    "the blank is always 0",
    "without a frame every loss is 0; only that of an empty target is",
    "without a frame the empty target is taken for infeasible; its loss is 0",
)
OF_THE_GRADIENT = ("the sign of the gradient is wrong: it is minus the posterior",)


def losses_mistakes(**problem: Any) -> dict[str, Answer]:
    return _known(OF_THE_LOSSES, problem)


def gradient_mistakes(**problem: Any) -> dict[str, Answer]:
    return _known(OF_THE_GRADIENT, problem)


def _known(sentences: tuple[str, ...], problem: Answer) -> dict[str, Answer]:
    known = oracle_ctc.loss_mistakes(**problem)
    return {sentence: known[sentence] for sentence in sentences if sentence in known}

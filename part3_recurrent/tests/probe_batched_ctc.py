"""Probes of BatchedCTCLoss: the loss of a batch and its gradient, and a count of steps."""

from __future__ import annotations

import sys
from functools import cache
from types import FrameType
from typing import Any

import numpy as np

from part3_recurrent.batched_ctc import BatchedCTCLoss
from part3_recurrent.tests import probe_ctc_loss
from part3_recurrent.tests.probe_ctc_loss import warnings_as_errors

Array = np.ndarray
Named = dict[str, Any]


def forward(log_probs: Array, targets: Array, input_lengths: Array, target_lengths: Array, options: Named) -> Named:
    """Call BatchedCTCLoss(options).forward(log_probs, targets, input_lengths, target_lengths)."""
    return probe_ctc_loss.forward(BatchedCTCLoss, log_probs, targets, input_lengths, target_lengths, options)


def forward_and_backward(
    log_probs: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    options: Named,
    grad_output: Array | float | None,
) -> Named:
    """Run forward, then backward with the upstream gradient; None leaves it out."""
    batch = log_probs, targets, input_lengths, target_lengths
    return probe_ctc_loss.forward_and_backward(BatchedCTCLoss, *batch, options, grad_output)


def forward_without_warning(
    log_probs: Array, targets: Array, input_lengths: Array, target_lengths: Array, options: Named
) -> Named:
    """Run forward; a warning is an error."""
    with warnings_as_errors():
        return forward(log_probs, targets, input_lengths, target_lengths, options)


def run_without_warning(
    log_probs: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    options: Named,
    grad_output: Array | float | None,
) -> Named:
    """Run forward and backward; a warning is an error."""
    with warnings_as_errors():
        return forward_and_backward(log_probs, targets, input_lengths, target_lengths, options, grad_output)


@cache
def growth_of_a_frame() -> int:
    """Divide the instructions of Python that a further frame takes with 32 examples by those with 2."""
    few, many = (_instructions(batch, frames=30) - _instructions(batch, frames=10) for batch in (2, 32))
    return many // max(1, few)


def _instructions(batch: int, frames: int) -> int:
    """Count the instructions of Python that forward and backward take."""
    loss, instructions = BatchedCTCLoss(), 0
    log_probs = np.full((frames, batch, 3), -np.log(3), np.float32)

    def count(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal instructions
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        instructions += event == "opcode"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        loss.forward(log_probs, np.ones((batch, 2), np.int64), np.full(batch, frames), np.full(batch, 2))
        loss.backward()
    finally:
        sys.settrace(before)
    return instructions

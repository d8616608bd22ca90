"""Probes of either CTC loss: the loss of a batch, and its gradient."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from part3_recurrent.ctc import CTCLoss

Array = np.ndarray
Named = dict[str, Any]


def forward(
    kind: type[CTCLoss], log_probs: Array, targets: Array, input_lengths: Array, target_lengths: Array, options: Named
) -> Named:
    """Call kind(options).forward(log_probs, targets, input_lengths, target_lengths)."""
    return {"output": kind(**options).forward(log_probs, targets, input_lengths, target_lengths)}


def forward_and_backward(
    kind: type[CTCLoss],
    log_probs: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    options: Named,
    grad_output: Array | float | None,
) -> Named:
    """Run forward, then backward with the upstream gradient; None leaves it out."""
    loss = kind(**options)
    output = loss.forward(log_probs, targets, input_lengths, target_lengths)
    return {"output": output, "log_probs_grad": loss.backward() if grad_output is None else loss.backward(grad_output)}


@contextlib.contextmanager
def warnings_as_errors() -> Iterator[None]:
    """Make an error of each RuntimeWarning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield

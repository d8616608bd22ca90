"""Probes of CTC: the tables of one example, and the loss of a batch and its gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from part3_recurrent.ctc import CTCLoss, extend_target_with_blank, log_backward, log_forward, log_posteriors
from part3_recurrent.tests import probe_ctc_loss
from part3_recurrent.tests.probe_ctc_loss import warnings_as_errors

Array = np.ndarray
Named = dict[str, Any]

# One example


def extend(target: Array | Sequence[int], blank: int) -> Named:
    """Extend the target, and say where a blank may be skipped."""
    extended, can_skip = extend_target_with_blank(target, blank)
    return {"extended": extended, "can_skip": can_skip}


def alpha(log_probs: Array, target: Array, blank: int) -> Named:
    """Compute log α of every state at every frame."""
    return {"log_alpha": log_forward(log_probs, target, blank)}


def beta(log_probs: Array, target: Array, blank: int) -> Named:
    """Compute log β of every state at every frame."""
    return {"log_beta": log_backward(log_probs, target, blank)}


def alpha_and_beta(log_probs: Array, target: Array, blank: int) -> Named:
    """Compute both tables."""
    return {**alpha(log_probs, target, blank), **beta(log_probs, target, blank)}


def gamma(log_probs: Array, target: Array, blank: int) -> Named:
    """Compute log γ of every state at every frame."""
    return {"log_gamma": log_posteriors(log_probs, target, blank)}


def alpha_without_warning(log_probs: Array, target: Array, blank: int) -> Named:
    """Compute log α; a warning is an error."""
    with warnings_as_errors():
        return alpha(log_probs, target, blank)


def beta_without_warning(log_probs: Array, target: Array, blank: int) -> Named:
    """Compute log β; a warning is an error."""
    with warnings_as_errors():
        return beta(log_probs, target, blank)


def gamma_without_warning(log_probs: Array, target: Array, blank: int) -> Named:
    """Compute log γ; a warning is an error."""
    with warnings_as_errors():
        return gamma(log_probs, target, blank)


def tables_of_views(log_probs: Array, target: Array, blank: int) -> Named:
    """Compute all tables of arrays whose numbers do not lie in order, and give these afterwards."""
    views = {"log_probs": _as_view(log_probs), "target": _as_view(target)}
    tables = {**alpha_and_beta(**views, blank=blank), **gamma(**views, blank=blank)}
    return {**tables, **{f"{name} afterwards": view for name, view in views.items()}}


# A batch


def forward(log_probs: Array, targets: Array, input_lengths: Array, target_lengths: Array, options: Named) -> Named:
    """Call CTCLoss(options).forward(log_probs, targets, input_lengths, target_lengths)."""
    return probe_ctc_loss.forward(CTCLoss, log_probs, targets, input_lengths, target_lengths, options)


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
    return probe_ctc_loss.forward_and_backward(CTCLoss, *batch, options, grad_output)


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


def run_on_views(
    log_probs: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    options: Named,
    grad_output: Array | float | None,
) -> Named:
    """Run forward and backward on arrays whose numbers do not lie in order, and give these afterwards."""
    arguments = {
        "log_probs": log_probs,
        "targets": targets,
        "input_lengths": input_lengths,
        "target_lengths": target_lengths,
        "grad_output": grad_output,
    }
    views = {name: _as_view(value) for name, value in arguments.items()}
    got = forward_and_backward(options=options, **views)
    return {**got, **{f"{name} afterwards": view for name, view in views.items()}}


def backward_first(options: Named, grad_output: Array | float | None) -> None:
    """Run backward of a new loss, without forward."""
    loss = CTCLoss(**options)
    loss.backward() if grad_output is None else loss.backward(grad_output)


def _as_view(value: Any) -> Any:
    """Copy an array's numbers, each between two others in memory, and with the axes in the opposite order."""
    if not isinstance(value, np.ndarray):
        return value
    between = np.full((*value.shape[::-1], 2), -1, value.dtype)
    between[..., 0] = value.T
    return between[..., 0].T

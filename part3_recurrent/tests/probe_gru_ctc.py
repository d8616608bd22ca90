"""Probes of GRUCTC: they build it, load a state dict, run it, and read its gradients."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from part3_recurrent.gru_ctc import GRUCTC

Array = np.ndarray
Named = dict[str, Any]
Lengths = Array | Sequence[int] | None


def forward(sizes: Named, state: Named, x: Array, lengths: Lengths) -> Named:
    """Call log_probs = model(x)."""
    return {"log_probs": _model(sizes, state).forward(x, lengths)}


def forward_and_backward(sizes: Named, state: Named, x: Array, lengths: Lengths, log_probs_grad: Array) -> Named:
    """Run forward, then backward with the upstream gradient."""
    model = _model(sizes, state)
    model.forward(x, lengths)
    x_grad = model.backward(log_probs_grad)
    return {"x_grad": x_grad, **{f"{name}_grad": grad for name, _, grad in model.named_parameters()}}


def forward_without_warning(sizes: Named, state: Named, x: Array, lengths: Lengths) -> Named:
    """Run forward; a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        return forward(sizes, state, x, lengths)


def run_without_warning(sizes: Named, state: Named, x: Array, lengths: Lengths, log_probs_grad: Array) -> Named:
    """Run forward and backward; a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        return forward_and_backward(sizes, state, x, lengths, log_probs_grad)


def backward_first(sizes: Named, state: Named, log_probs_grad: Array) -> None:
    """Run backward on a new model, without forward."""
    _model(sizes, state).backward(log_probs_grad)


def _model(sizes: Named, state: Named) -> GRUCTC:
    model = GRUCTC(**sizes, dtype=state["linear.weight"].dtype)
    model.load_state_dict(state)
    return model

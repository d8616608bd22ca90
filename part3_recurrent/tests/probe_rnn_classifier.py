"""Probes of RNNClassifier: they build it, load a state dict, run it, and read its gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from part3_recurrent.rnn_classifier import RNNClassifier

Array = np.ndarray
Named = dict[str, Any]
Lengths = Array | Sequence[int] | None


def forward(sizes: Named, state: Named, x: Array, lengths: Lengths) -> Named:
    """Call logits = model(x)."""
    return {"logits": _model(sizes, state).forward(x, lengths)}


def forward_and_backward(sizes: Named, state: Named, x: Array, lengths: Lengths, logits_grad: Array) -> Named:
    """Run forward, then backward with the upstream gradient."""
    model = _model(sizes, state)
    model.forward(x, lengths)
    x_grad = model.backward(logits_grad)
    return {"x_grad": x_grad, **{f"{name}_grad": grad for name, _, grad in model.named_parameters()}}


def backward_first(sizes: Named, state: Named, logits_grad: Array) -> None:
    """Run backward on a new model, without forward."""
    _model(sizes, state).backward(logits_grad)


def _model(sizes: Named, state: Named) -> RNNClassifier:
    model = RNNClassifier(**sizes, dtype=state["linear.weight"].dtype)
    model.load_state_dict(state)
    return model

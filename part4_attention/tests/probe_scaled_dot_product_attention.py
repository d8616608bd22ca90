"""Probes of scaled dot-product attention: run it, read its weights and its gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from part4_attention.scaled_dot_product_attention import ScaledDotProductAttention, masked_softmax
from part4_attention.tests.probe_views import as_view, strictly

Array = np.ndarray
Named = dict[str, Any]


def softmax(scores: Array, mask: Array | None) -> Array:
    """masked_softmax(scores, mask)"""
    return masked_softmax(scores, mask)


def softmax_strictly(scores: Array, mask: Array | None) -> Array:
    """Do the same, where a warning of NumPy is an error."""
    with strictly():
        return masked_softmax(scores, mask)


def softmax_on_views(scores: Array, mask: Array | None) -> Named:
    """Do the same on arrays whose numbers do not lie in order, and what they hold afterwards."""
    scores, mask = as_view(scores), None if mask is None else as_view(mask)
    return {"weights": masked_softmax(scores, mask), "scores afterwards": scores, "mask afterwards": mask}


def forward(query: Array, key: Array, value: Array, mask: Array | None) -> Named:
    """Output and weights of ScaledDotProductAttention()."""
    attention = ScaledDotProductAttention()
    output = attention.forward(query, key, value, mask)
    return {"output": output, "attention_weights": attention.attention_weights}


def forward_strictly(query: Array, key: Array, value: Array, mask: Array | None) -> Named:
    """Do the same, where a warning of NumPy is an error."""
    with strictly():
        return forward(query, key, value, mask)


def forward_on_views(query: Array, key: Array, value: Array, mask: Array | None) -> Named:
    """Do the same on arrays whose numbers do not lie in order, and what they hold afterwards."""
    views = _views(query=query, key=key, value=value, mask=mask)
    return {**forward(**views), **{f"{name} afterwards": view for name, view in views.items()}}


def forward_and_backward(query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array) -> Named:
    """Run forward, then backward with the upstream gradient."""
    return _run(ScaledDotProductAttention(), query, key, value, mask, grad_output)


def run_twice(query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array) -> Named:
    """Forward and backward, and the same again with the same layer."""
    attention = ScaledDotProductAttention()
    _run(attention, query + 1, key - 1, value, mask, grad_output)
    return _run(attention, query, key, value, mask, grad_output)


def run_strictly(query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array) -> Named:
    """Do the same, where a warning of NumPy is an error."""
    with strictly():
        return forward_and_backward(query, key, value, mask, grad_output)


def run_on_views(query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array) -> Named:
    """Do the same on arrays whose numbers do not lie in order, and what they hold afterwards."""
    views = _views(query=query, key=key, value=value, mask=mask, grad_output=grad_output)
    return {**forward_and_backward(**views), **{f"{name} afterwards": view for name, view in views.items()}}


def weights_after_backward(query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array) -> Array:
    """attention_weights, after forward and backward."""
    attention = ScaledDotProductAttention()
    attention.forward(query, key, value, mask)
    attention.backward(grad_output)
    return attention.attention_weights


def run_and_write_into_the_output(query: Array, key: Array, value: Array, grad_output: Array, written: float) -> Named:
    """Backward, after the caller has written this number into what forward gave."""
    attention = ScaledDotProductAttention()
    attention.forward(query, key, value).fill(written)
    query_grad, key_grad, value_grad = attention.backward(grad_output)
    return {"query_grad": query_grad, "key_grad": key_grad, "value_grad": value_grad}


def backward_first(grad_output: Array) -> None:
    """Backward on a new layer, without forward."""
    ScaledDotProductAttention().backward(grad_output)


def _run(
    attention: ScaledDotProductAttention, query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array
) -> Named:
    output = attention.forward(query, key, value, mask)
    query_grad, key_grad, value_grad = attention.backward(grad_output)
    return {"output": output, "query_grad": query_grad, "key_grad": key_grad, "value_grad": value_grad}


def _views(**arrays: Array | None) -> Named:
    return {name: None if x is None else as_view(x) for name, x in arrays.items()}

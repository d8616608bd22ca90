"""Tiles change nothing: the truth is torch's attention, whatever the tiles."""

from __future__ import annotations

import numpy as np

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array
from part4_attention.tests import oracle_scaled_dot_product_attention as plain


@truth
def attention(
    options: Answer, query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array | None = None
) -> Answer:
    """Torch's attention with the mask, and the causal mask where it is asked for."""
    return plain.attention(query, key, value, _with_causal(options, query, key, mask), grad_output)


def attention_mistakes(
    options: Answer, query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array | None = None
) -> Answer:
    hidden = _with_causal(options, query, key, mask)
    mistakes = plain.attention_mistakes(query, key, value, hidden, grad_output)
    if options["is_causal"]:
        mistakes["is_causal is ignored"] = plain.attention(query, key, value, mask, grad_output)
    return mistakes


def blind_mistakes(
    options: Answer, query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array | None = None
) -> Answer:
    return plain.blind_mistakes(query, key, value, _with_causal(options, query, key, mask), grad_output)


def _with_causal(options: Answer, query: Array, key: Array, mask: Array | None) -> Array | None:
    if not options["is_causal"]:
        return mask
    causal = np.triu(np.ones((query.shape[-2], key.shape[-2]), dtype=bool), k=1)
    return causal if mask is None else causal | mask

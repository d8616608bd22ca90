"""Helpers of the oracles of part 4: torch's attention with a mask that is True where ignored."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Return torch's attention.  Its mask is True where a key is seen, and a query that sees none gets zeros."""
    sees = None if mask is None else ~mask
    return functional.scaled_dot_product_attention(query, key, value, sees)


def attention_weights(query: Tensor, key: Tensor, mask: Tensor | None) -> Tensor:
    """Return torch's weights: what it gives for values that are the rows of an identity matrix."""
    sources = key.shape[-2]
    identity = torch.eye(sources, dtype=query.dtype).expand(*key.shape[:-1], sources)
    return attend(query, key, identity, mask)

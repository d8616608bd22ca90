"""Inputs of attention: queries, keys, values and a mask, checked. Given.

A mask is True where a query may not look: the same way round as in torch.nn.MultiheadAttention.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from part2_layers.module import check_floats


def causal_mask(time: int) -> ndarray:
    """Return the mask (t, t) that hides from every query what comes after it."""
    return np.triu(np.ones((time, time), dtype=bool), k=1)


def check_inputs(query: Any, key: Any, value: Any, mask: Any = None) -> None:
    """Raise an error unless the four fit: (..., t, d), (..., s, d), (..., s, e), and what broadcasts to (..., t, s).

    TypeError for anything but floats and a mask of anything but booleans, ValueError for another shape.
    """
    for name, each in (("query", query), ("key", key), ("value", value)):
        check_floats(name, each)
        if each.ndim < 2 or each.shape[-1] == 0:
            raise ValueError(f"{name} must have shape (..., time, features); got {each.shape}.")
    if key.shape[-1] != query.shape[-1]:
        raise ValueError(f"key must have as many features as query, {query.shape[-1]}; got {key.shape[-1]}.")
    if value.shape[-2] != key.shape[-2]:
        raise ValueError(f"value must have as many time steps as key, {key.shape[-2]}; got {value.shape[-2]}.")
    for name, each in (("key", key), ("value", value)):
        if each.shape[:-2] != query.shape[:-2]:
            raise ValueError(
                f"{name} must have the leading axes of query, {query.shape[:-2]}; got {each.shape[:-2]}. "
                f"Use np.broadcast_to({name}, …) where the same {name} serves all."
            )
    if mask is not None:
        check_mask("mask", mask, (*query.shape[:-1], key.shape[-2]))


def check_mask(name: str, mask: Any, shape: tuple[int, ...]) -> None:
    """Raise TypeError for anything but an array of booleans, ValueError unless it broadcasts to this shape."""
    check_booleans(name, mask)
    pairs = zip(mask.shape[::-1], shape[::-1], strict=False)
    if mask.ndim > len(shape) or any(own not in (1, wanted) for own, wanted in pairs):
        raise ValueError(f"{name} must broadcast to {shape}; got {mask.shape}.")


def check_booleans(name: str, mask: Any) -> None:
    """Raise TypeError for anything but an array of booleans."""
    if not isinstance(mask, ndarray) or mask.dtype != bool:
        got = f"an array of {mask.dtype}" if isinstance(mask, ndarray) else type(mask).__name__
        raise TypeError(f"{name} must be an array of booleans, True where ignored; got {got}. Compare, as in m == 0.")

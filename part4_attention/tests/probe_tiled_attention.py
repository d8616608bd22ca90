"""Probes of tiled attention: run it, read its gradients, and measure what it holds."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from part4_attention.tests.probe_views import as_view, strictly
from part4_attention.tiled_attention import TiledAttention

Array = np.ndarray
Named = dict[str, Any]


def forward(options: Named, query: Array, key: Array, value: Array, mask: Array | None) -> Named:
    """Return the output of TiledAttention(**options)."""
    return {"output": TiledAttention(**options).forward(query, key, value, mask)}


def forward_strictly(options: Named, query: Array, key: Array, value: Array, mask: Array | None) -> Named:
    """Do the same, where a warning of NumPy is an error."""
    with strictly():
        return forward(options, query, key, value, mask)


def forward_and_backward(
    options: Named, query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array
) -> Named:
    """Run forward, then backward with the upstream gradient."""
    attention = TiledAttention(**options)
    output = attention.forward(query, key, value, mask)
    query_grad, key_grad, value_grad = attention.backward(grad_output)
    return {"output": output, "query_grad": query_grad, "key_grad": key_grad, "value_grad": value_grad}


def run_strictly(
    options: Named, query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array
) -> Named:
    """Do the same, where a warning of NumPy is an error."""
    with strictly():
        return forward_and_backward(options, query, key, value, mask, grad_output)


def run_on_views(
    options: Named, query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array
) -> Named:
    """Do the same on arrays whose numbers do not lie in order, and what they hold afterwards."""
    arguments: Named = {"query": query, "key": key, "value": value, "mask": mask, "grad_output": grad_output}
    views: Named = {name: None if x is None else as_view(x) for name, x in arguments.items()}
    got = forward_and_backward(options, **views)
    return {**got, **{f"{name} afterwards": view for name, view in views.items()}}


@cache
def peak_of_forward(time: int, block_size: int) -> int:
    """Measure how many bytes forward holds at most, beyond its inputs, for so many queries and keys of one feature."""
    x = np.linspace(0, 1, time, dtype=np.float32)[:, None]
    with _traced():
        TiledAttention(block_size).forward(x, x, x)
        return tracemalloc.get_traced_memory()[1]


@cache
def peak_of_backward(time: int, block_size: int) -> int:
    """Do the same for backward, with what forward has kept."""
    x = np.linspace(0, 1, time, dtype=np.float32)[:, None]
    with _traced():
        attention = TiledAttention(block_size)
        attention.forward(x, x, x)
        tracemalloc.reset_peak()
        attention.backward(x)
        return tracemalloc.get_traced_memory()[1]


def backward_first(grad_output: Array) -> None:
    """Backward on a new layer, without forward."""
    TiledAttention().backward(grad_output)


@contextmanager
def _traced() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()

"""Blocks: an order of work in which the scores stay in the processor's cache. Given, and nobody has to use it.

The scores of all heads are far larger than what they are made of, and every step over them that does not find them in
the cache waits for memory.  A block holds the scores of one head for a few queries; all steps are done on it at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy import ndarray

QUERIES = 128  # times 256 keys in float32 are 128 KiB

Block = tuple[tuple[int, ...], slice, slice]


def query_blocks(shape: tuple[int, ...], mask: ndarray | None = None) -> Iterator[Block]:
    """Blocks of the scores of this shape (..., t, s): index of the leading axes, queries, keys.

    Keys that the mask, of any shape that broadcasts, hides from every query of a block are left out where they stand
    at the end: with a causal mask, what comes after the block.
    """
    *leading, queries, keys = shape
    starts = np.arange(0, queries, QUERIES)
    ends = np.full(len(starts), keys)
    if mask is not None and queries and keys:
        by_query = np.broadcast_to(mask, (*mask.shape[:-2], queries, keys))
        seen = ~np.logical_and.reduceat(by_query, starts, axis=-2)  # by at least one query of the block
        ends = np.where(seen.any(axis=-1), keys - seen[..., ::-1].argmax(axis=-1), 0)
    ends = np.broadcast_to(ends, (*leading, len(starts)))
    for head in np.ndindex(*leading):
        for start, end in zip(starts.tolist(), ends[head].tolist(), strict=True):
            yield head, slice(start, start + QUERIES), slice(end)

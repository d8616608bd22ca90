"""Sequences of different lengths in one batch: the check, the order, and reading from the end. Given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from part2_layers.module import check_shape


def checked_lengths(name: str, lengths: ndarray | Sequence[int], time: int, batch: int, *, minimum: int = 1) -> ndarray:
    """Check the lengths.  Raises TypeError for anything but integers, ValueError outside minimum to `time`."""
    array = np.asarray(lengths)
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"{name} must be integers; got {array.dtype}.")
    check_shape(name, array, (batch,))
    if array.size and not (array.min() >= minimum and array.max() <= time):
        raise ValueError(
            f"{name} must lie between {minimum} and {time}, the number of time steps; got {array.tolist()}."
        )
    return array.astype(np.int64)


def longest_first(lengths: ndarray) -> tuple[ndarray | slice, ndarray | slice]:
    """Find the indices that sort a batch, the longest first, and those that undo it; slices where it is sorted."""
    if (lengths[1:] <= lengths[:-1]).all():
        return slice(None), slice(None)
    order = np.argsort(-lengths, kind="stable")
    return order, np.argsort(order)


def turned(time: int, lengths: ndarray) -> ndarray:
    """Find the step at each place when every sequence is read from its end, padding last.  Shape: (time, b)."""
    place = np.arange(time)[:, None]
    return np.where(place < lengths, lengths - 1 - place, place)

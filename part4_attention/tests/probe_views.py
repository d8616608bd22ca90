"""Helpers of the probes: arrays whose numbers do not lie in order, and warnings that are errors."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


def as_view(x: np.ndarray) -> np.ndarray:
    """Return the same numbers, each between two others in memory, and with the axes in the opposite order."""
    between = np.zeros((*x.shape[::-1], 2), x.dtype)
    between[..., 0] = x.T
    return between[..., 0].T


@contextmanager
def strictly() -> Iterator[None]:
    """Make a warning, as NumPy gives for an overflow or a nan, an error; but for a product of matrices.

    Some libraries' products say "invalid" now and then of numbers that are right; a nan shows in the result anyway.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "invalid value encountered in matmul")
        yield

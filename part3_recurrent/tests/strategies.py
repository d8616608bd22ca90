"""What part 3 is tested on: small arrays of simple numbers. The problems of a module stand at the top of its tests.

A problem is plain data: the arguments of a probe, by name.  The values of an array are one draw, of bytes that look up
a table in which simple numbers come first: it is fast, exact in float32 too, and failures shrink to ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
Shape = tuple[int, ...]
Problem = dict[str, Any]


def _simple_first(numbers: Iterable[float]) -> np.ndarray:
    """The numbers from simple to complicated, for shrinking: 1, then 0, -1, 2, …, then halves.

    One comes before zero: when a smaller shape is tried, hypothesis fills it with the simplest values, and among zeros
    most failures vanish.
    """

    def complexity(number: float) -> tuple[int, bool, float, bool]:
        return float(number).as_integer_ratio()[1], number != 1, abs(number), number < 0

    return np.array(sorted(numbers, key=complexity))


TABLES = {
    "numbers": _simple_first(np.arange(-128, 128) / 32),
    "positive": _simple_first(np.arange(16, 129) / 32),
    "whole": _simple_first(range(-4, 5)),
    "tied": np.array([1, 0, -1]),
    "thousands": np.array([1000, -1000, 0, 4000, -4000, 1]),
}

# float64 shows a wrong formula beyond doubt; one problem in four shows that the dtype is kept.
DTYPES = st.sampled_from(["float64", "float64", "float64", "float32"])
LENGTHS = st.sampled_from([1, 2, 3, 4])
BATCHES = st.sampled_from([1, 2, 3, 2, 3, 0])


def array(draw: Draw, shape: Shape, among: str = "numbers", dtype: str = "float64") -> np.ndarray:
    """An array of this shape with values from a table."""
    size = math.prod(shape)
    choices = np.frombuffer(draw(st.binary(min_size=size, max_size=size)), dtype=np.uint8).astype(np.intp)
    return TABLES[among][choices % len(TABLES[among])].astype(dtype).reshape(shape)


def integers(draw: Draw, shape: Shape, low: int, high: int) -> np.ndarray:
    """An int64 array with values from low to high - 1."""
    size = math.prod(shape)
    choices = np.frombuffer(draw(st.binary(min_size=size, max_size=size)), dtype=np.uint8).astype(np.int64)
    return (low + choices % (high - low)).reshape(shape)

"""The strategies of every part: small arrays of simple numbers.

A problem is plain data: the arguments of a probe, by name.  The values of an array are one draw, of bytes that look up
a table in which simple numbers come first: it is fast, and failures shrink to ones.  Most entries are numbers that
float32 cannot hold, so that what was computed in float32 shows in float64.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
Shape = tuple[int, ...]
Problem = dict[str, Any]

# float64 shows a wrong formula beyond doubt; one problem in four shows that the dtype is kept.
DTYPES = st.sampled_from(["float64", "float64", "float64", "float32"])


def simple_first(numbers: Iterable[float]) -> np.ndarray:
    """The numbers from simple to complicated, for shrinking: 1, then 0, -1, 2, …, then halves.

    One comes before zero: when a smaller shape is tried, hypothesis fills it with the simplest values, and among zeros
    most failures vanish.
    """

    def complexity(number: float) -> tuple[int, bool, float, bool]:
        return float(number).as_integer_ratio()[1], number != 1, abs(number), number < 0

    return np.array(sorted(numbers, key=complexity))


def beyond_float32(numbers: np.ndarray) -> np.ndarray:
    """The same, but what is no multiple of a quarter is moved by a 96th, to where float32 has no number."""
    return np.where(numbers * 4 == np.round(numbers * 4), numbers, numbers + 1 / 96)


_POSITIVE = np.arange(16, 129) / 32
TABLES = {
    "numbers": beyond_float32(simple_first(np.arange(-128, 128) / 32)),
    "positive": beyond_float32(simple_first(_POSITIVE)),
    "nonzero": beyond_float32(simple_first([*_POSITIVE, *-_POSITIVE])),
    "whole": simple_first(range(-4, 5)),
    "small": beyond_float32(simple_first(np.arange(-64, 65) / 32)),
    "exponents": np.array([0, 1, 2, 3]),
    "tied": np.array([1, 0, -1]),
    "thousands": np.array([1000, -1000, 0, 4000, -4000, 1]),
    "booleans": np.array([False, True]),
    "rarely": np.array([False, True, False]),
}


def array(draw: Draw, shape: Shape, among: str = "numbers", dtype: str = "float64") -> np.ndarray:
    """An array of this shape with values from a table."""
    return TABLES[among][_bytes(draw, shape) % len(TABLES[among])].astype(dtype).reshape(shape)


def integers(draw: Draw, shape: Shape, low: int, high: int) -> np.ndarray:
    """An int64 array with values from low to high - 1."""
    return (low + _bytes(draw, shape) % (high - low)).reshape(shape)


def parameters(
    draw: Draw, shapes: Mapping[str, Shape], dtype: str = "float64", among: str = "numbers", scale: float = 1 / 4
) -> dict[str, np.ndarray]:
    """A state dict of arrays between -1 and 1: small enough that rounding does not grow from layer to layer.

    Where numbers are projected and then multiplied with one another, as in attention, the scale must be smaller, or
    float32 does not hold the differences.
    """
    ends = list(itertools.accumulate(map(math.prod, shapes.values())))
    numbers = array(draw, (ends[-1],), among, dtype) * scale
    values = zip(shapes.items(), np.split(numbers, ends[:-1]), strict=True)
    return {name: value.reshape(shape) for (name, shape), value in values}


def hides(draw: Draw, shape: Shape, spares: bool = True) -> np.ndarray:
    """A mask, about a third of it True; with `spares`, one entry at least along the last axis is not."""
    hidden = array(draw, shape, "rarely", "bool")
    if spares and shape[-1]:
        hidden[..., -1] &= ~hidden.all(axis=-1)
    return hidden


def without_gradient(problem: Problem) -> Problem:
    """The arguments of forward: all but the upstream gradients."""
    return {name: value for name, value in problem.items() if name != "grad_output" and not name.endswith("_grad")}


def _bytes(draw: Draw, shape: Shape) -> np.ndarray:
    """As many numbers as the shape has, in one row: of a 0-d array, NumPy would make a scalar."""
    size = math.prod(shape)
    return np.frombuffer(draw(st.binary(min_size=size, max_size=size)), dtype=np.uint8).astype(np.int64)

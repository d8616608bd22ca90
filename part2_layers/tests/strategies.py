"""What part 2 is tested on: small arrays of simple numbers. The problems of a module stand at the top of its tests.

A problem is plain data: the arguments of a probe, by name.  The values of an array are one draw, of bytes that look up
a table in which simple numbers come first: it is fast, exact in float32 too, and failures shrink to ones.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

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
LAYOUTS = st.sampled_from(["C", "C", "reversed", "strided"])


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


# What several modules draw

LONGEST = 6


class Window(NamedTuple):
    """What moves along an axis."""

    kernel: int
    stride: int
    padding: int

    def positions(self, length: int) -> int:
        """How many positions it has on an axis of this length."""
        return (length + 2 * self.padding - self.kernel) // self.stride + 1

    def lengths(self) -> st.SearchStrategy[int]:
        """Lengths on which it has a position."""
        return st.integers(max(1, self.kernel - 2 * self.padding), LONGEST)


# From simple to complicated.  Among them are windows that overlap, leave gaps, miss the end, or lie in the padding.
# A kernel above 1 and no padding, with which most of this shows, come twice as often.
WINDOWS = sorted(itertools.starmap(Window, itertools.product([1, 2, 3, 2, 3], [1, 2, 3], [0, 1, 2, 0])), key=sum)
DENSE = [window for window in WINDOWS if window.stride == 1 and window.padding == 0]
SPARSE = [window for window in WINDOWS if window not in DENSE]
CHANNELS = st.sampled_from([1, 2, 3])


@st.composite
def sums_of_two_inputs(draw: Draw, problems: st.SearchStrategy[Problem]) -> Problem:
    """A problem of forward, another input of the same shape, and a factor."""
    problem = without_gradient(draw(problems))
    x = problem["x"]
    return {
        "problem": problem,
        "other": array(draw, x.shape, dtype=x.dtype.name),
        "factor": draw(st.sampled_from([2.0, -1.0, 0.5])),
    }


@st.composite
def unfitting_gradients(draw: Draw, problems: st.SearchStrategy[Problem]) -> Problem:
    """A problem of backward, and a gradient with an axis too long, too many or too few."""
    problem = draw(problems)
    shape = problem["grad_output"].shape
    wrong = [(*shape[:-1], shape[-1] + 1), (shape[0] + 1, *shape[1:]), (1, *shape), shape[1:], ()]
    return {"problem": problem, "grad_output": array(draw, draw(st.sampled_from(wrong)))}


def without_gradient(problem: Problem) -> Problem:
    """The arguments of forward."""
    return {name: value for name, value in problem.items() if name != "grad_output"}


def without_input(problem: Problem) -> Problem:
    """The arguments of backward alone."""
    return {name: value for name, value in problem.items() if name != "x"}


def gradients_of_parameters(problem: Problem) -> list[str]:
    """The names of the gradients that a layer with or without bias has."""
    return ["weight_grad"] if problem["bias"] is None else ["weight_grad", "bias_grad"]

"""Problems of part 2: small arrays of simple numbers. The problems of a module stand at the top of its tests."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from hypothesis import strategies as st

from autograder.testing.strategies import Draw, Problem, array, without_gradient

LENGTHS = st.sampled_from([1, 2, 3, 4])
BATCHES = st.sampled_from([2, 3, 1])
NONE = st.just(0)  # for edge cases alone


# What several modules draw

LONGEST = 6


class Window(NamedTuple):
    """A window that moves along an axis."""

    kernel: int
    stride: int
    padding: int

    def positions(self, length: int) -> int:
        """Count its positions on an axis of this length."""
        return (length + 2 * self.padding - self.kernel) // self.stride + 1

    def lengths(self) -> st.SearchStrategy[int]:
        """Draw lengths on which it has a position."""
        return st.integers(max(1, self.kernel - 2 * self.padding), LONGEST)


# From simple to complicated.  Among them are windows that overlap, leave gaps, miss the end, or lie in the padding.
# A kernel above 1 and no padding, with which most of this shows, come twice as often.
WINDOWS = sorted(itertools.starmap(Window, itertools.product([1, 2, 3, 2, 3], [1, 2, 3], [0, 1, 2, 0])), key=sum)
DENSE = [window for window in WINDOWS if window.stride == 1 and window.padding == 0]
SPARSE = [window for window in WINDOWS if window not in DENSE]
CHANNELS = st.sampled_from([1, 2, 3])


@st.composite
def sums_of_two_inputs(draw: Draw, problems: st.SearchStrategy[Problem]) -> Problem:
    """Draw a problem of forward, another input of the same shape, and a factor."""
    problem = without_gradient(draw(problems))
    x = problem["x"]
    return {
        "problem": problem,
        "other": array(draw, x.shape, dtype=x.dtype.name),
        "factor": draw(st.sampled_from([2.0, -1.0, 0.5])),
    }


@st.composite
def unfitting_gradients(draw: Draw, problems: st.SearchStrategy[Problem]) -> Problem:
    """Draw a problem of backward, and a gradient with an axis too long, too many or too few."""
    problem = draw(problems)
    shape = problem["grad_output"].shape
    wrong = [(*shape[:-1], shape[-1] + 1), (shape[0] + 1, *shape[1:]), (1, *shape), shape[1:], ()]
    return {"problem": problem, "grad_output": array(draw, draw(st.sampled_from(wrong)))}


def without_input(problem: Problem) -> Problem:
    """Draw the arguments of backward alone."""
    return {name: value for name, value in problem.items() if name != "x"}


def gradients_of_parameters(problem: Problem) -> list[str]:
    """Draw the names of the gradients that a layer with or without bias has."""
    return ["weight_grad"] if problem["bias"] is None else ["weight_grad", "bias_grad"]

"""Flatten against torch."""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, array, without_gradient
from part2_layers.tests import oracle_flatten as oracle
from part2_layers.tests.oracle import assert_right_on_views
from part2_layers.tests.strategies import BATCHES, NONE, unfitting_gradients, without_input

flatten = probes("flatten")

# The problems

LENGTHS = st.sampled_from([2, 1, 3])


def spans(ndim: int) -> list[tuple[int, int, int]]:
    """ndim with every pair of start_dim and end_dim near its axes, counted from either end or beyond both."""
    dims = range(-ndim - 1, ndim + 1)
    return [(ndim, start, end) for start, end in itertools.product(dims, repeat=2)]


def axes_of(ndim: int, start: int, end: int) -> int:
    """How many axes become one; 0 if start_dim and end_dim are not two axes in order."""
    if not (-ndim <= start < ndim and -ndim <= end < ndim):
        return 0
    return max(0, end % ndim - start % ndim + 1)


SPANS = [span for ndim in (2, 3, 4) for span in spans(ndim) if axes_of(*span) > 1]
UNFITTING_SPANS = [span for ndim in (1, 2, 3) for span in spans(ndim) if not axes_of(*span)]
SINGLE_AXES = [(3, 1, 1), (1, 0, -1), (4, -2, 2)]


@st.composite
def flattenings(draw: Draw, batches: st.SearchStrategy[int] = BATCHES) -> Problem:
    """An input, the axes to flatten, and the upstream gradient."""
    ndim, start, end = draw(st.sampled_from(SPANS + SINGLE_AXES))
    x = array(draw, draw(shapes(ndim, batches)), dtype=draw(DTYPES))
    first, last = start % ndim, end % ndim
    shape = (*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :])
    return {"x": x, "start_dim": start, "end_dim": end, "grad_output": array(draw, shape, dtype=x.dtype.name)}


@st.composite
def shapes(draw: Draw, ndim: int, batches: st.SearchStrategy[int] = BATCHES) -> tuple[int, ...]:
    """A shape with this many axes."""
    return (draw(batches), *(draw(LENGTHS) for _ in range(ndim - 1)))


@st.composite
def inputs(draw: Draw) -> Problem:
    """An input alone."""
    return {"x": array(draw, draw(shapes(draw(st.sampled_from([3, 4, 5, 2])))), dtype=draw(DTYPES))}


@st.composite
def unfitting_flattenings(draw: Draw) -> Problem:
    """An input, and start_dim and end_dim that are not two of its axes in order."""
    ndim, start, end = draw(st.sampled_from(UNFITTING_SPANS))
    return {"x": array(draw, draw(shapes(ndim))), "start_dim": start, "end_dim": end}


# Forward


@oracle_test("flatten.forward")
@given(problem=inputs())
def test_output_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Unless told otherwise, forward keeps the first axis and makes one of all the others, in the same order."""
    assert_right(candidate, flatten.forward_by_default, oracle.flatten, problem, ["output"], oracle.output_mistakes)


@oracle_test("flatten.forward")
@given(problem=flattenings())
def test_output_of_some_axes_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """The axes from start_dim to end_dim, which is one of them, become one; negative ones count from the end."""
    problem = without_gradient(problem)
    assert_right(candidate, flatten.forward, oracle.flatten, problem, ["output"], oracle.output_mistakes)


@law("flatten.forward")
@given(problem=unfitting_flattenings())
def test_axes_that_do_not_fit_are_refused(candidate: Candidate, problem: Problem) -> None:
    """An axis that x does not have, or an end_dim before start_dim, is a ValueError."""
    candidate.raises(ValueError, flatten.forward, **problem)


@law("flatten.forward")
@given(problem=inputs())
def test_integers_are_refused(candidate: Candidate, problem: Problem) -> None:
    """Integer input is a TypeError."""
    candidate.raises(TypeError, flatten.forward_by_default, x=problem["x"].astype(np.int64))


@edge_case("flatten.forward")
@given(problem=flattenings(batches=NONE))
def test_an_empty_batch_keeps_its_other_axes(candidate: Candidate, problem: Problem) -> None:
    """For a batch of none too, the new axis is as long as the product of those that it replaces."""
    assert_right(candidate, flatten.forward, oracle.flatten, without_gradient(problem), ["output"])


# Backward


@oracle_test("flatten.backward")
@given(problem=flattenings())
def test_gradient_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """backward gives the gradient the shape of x, its numbers in the same order."""
    names, mistakes = ["x_grad"], oracle.gradient_mistakes
    assert_right(candidate, flatten.forward_and_backward, oracle.flatten, problem, names, mistakes)


@law("flatten.backward")
@given(problem=flattenings())
def test_views_are_accepted_and_left_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same output and gradient, and no argument is changed."""
    assert_right_on_views(candidate, flatten.run_on_views, oracle.flatten, problem)


@law("flatten.backward")
@given(drawn=unfitting_gradients(flattenings()))
def test_a_gradient_that_does_not_fit_is_refused(candidate: Candidate, drawn: Problem) -> None:
    """A gradient without the output's shape is a ValueError, and backward before forward a RuntimeError."""
    problem = drawn["problem"]
    candidate.raises(ValueError, flatten.forward_and_backward, **{**problem, "grad_output": drawn["grad_output"]})
    candidate.raises(RuntimeError, flatten.backward_first, **without_input(problem))


@edge_case("flatten.backward")
@given(problem=flattenings(batches=NONE))
def test_an_empty_batch_has_an_empty_gradient(candidate: Candidate, problem: Problem) -> None:
    """For a batch of none the gradient is empty, in the shape of x."""
    assert_right(candidate, flatten.forward_and_backward, oracle.flatten, problem, ["x_grad"])

"""The gradient buffer: identity, accumulation, errors."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, edge_case, law, oracle_test, probes
from autograder.testing.strategies import Problem
from part1_autograd.tests import oracle_gradient_buffer as oracle
from part1_autograd.tests.strategies import EMPTY, alike, arrivals, chosen_arrays, some_arrays, unfitting_gradients

gradient_buffer = probes("gradient_buffer")


@oracle_test("gradient_buffer.add_spot")
@given(problem=chosen_arrays())
def test_a_spot_starts_at_zero(candidate: Candidate, problem: Problem) -> None:
    """An array that add_spot was called for, once or more often, has one spot, with a gradient of zeros like it."""
    probe, truth = gradient_buffer.make_spots, oracle.make_spots
    assert_right(candidate, probe, truth, problem, mistakes=oracle.make_spots_mistakes)


@oracle_test("gradient_buffer.add_spot")
@given(problem=alike("array"))
def test_arrays_are_told_apart_by_identity(candidate: Candidate, problem: Problem) -> None:
    """A copy of an array, or a view of it, is another array, although the numbers are the same."""
    got = candidate.run(gradient_buffer.make_one_spot, **problem)
    mistakes = {oracle.BY_NUMBERS: {"array": True, "copy": True, "view": True, "len": 1}}
    assert_same(got, {"array": True, "copy": False, "view": False, "len": 1}, mistakes=mistakes)


@law("gradient_buffer.add_spot")
@given(problem=alike("array"))
def test_get_without_a_spot_is_a_key_error(candidate: Candidate, problem: Problem) -> None:
    """Answering for the gradient of an array that has no spot is a KeyError."""
    mistakes = {"an array without a spot gets zeros; get must refuse it": np.zeros_like(problem["array"])}
    candidate.raises(KeyError, gradient_buffer.get_without_spot, mistakes, **problem)


@law("gradient_buffer.add_spot")
@given(count=st.integers(1, 50), length=st.integers(1, 4))
def test_arrays_stay_alive(candidate: Candidate, count: int, length: int) -> None:
    """The buffer keeps its arrays alive, so that a new array at an old address is never mistaken for one of them."""
    got = candidate.run(gradient_buffer.make_spots_for_temporaries, count=count, length=length)
    assert_same(got, {"len": count, "strangers": 0})


@law("gradient_buffer.add_spot")
@given(arrays=some_arrays())
def test_clear_forgets_every_spot(candidate: Candidate, arrays: list[np.ndarray]) -> None:
    """After clear no array has a spot."""
    got = candidate.run(gradient_buffer.clear, arrays=arrays)
    mistakes = {"clear leaves the spots; it must forget them": {"len": len(arrays), "in": [True] * len(arrays)}}
    assert_same(got, {"len": 0, "in": [False] * len(arrays)}, mistakes=mistakes)


@oracle_test("gradient_buffer.update")
@given(problem=arrivals())
def test_gradients_add_up(candidate: Candidate, problem: Problem) -> None:
    """The gradient of an array is the sum of all that arrived at it."""
    assert_right(candidate, gradient_buffer.update, oracle.update, problem, mistakes=oracle.update_mistakes)


@law("gradient_buffer.update")
@given(problem=alike("array", "gradient"))
def test_making_a_spot_again_keeps_the_gradient(candidate: Candidate, problem: Problem) -> None:
    """add_spot on an array that has a spot leaves its gradient as it is."""
    got = candidate.run(gradient_buffer.update_and_make_spot_again, **problem, clears=False)
    assert_same(got, {"gradient": problem["gradient"]})


@law("gradient_buffer.update")
@given(problem=alike("array", "gradient"))
def test_clear_forgets_the_gradients(candidate: Candidate, problem: Problem) -> None:
    """An array that gets a new spot after clear starts at zero."""
    got = candidate.run(gradient_buffer.update_and_make_spot_again, **problem, clears=True)
    mistakes = {"clear leaves the gradients; it must forget them": {"gradient": problem["gradient"]}}
    assert_same(got, {"gradient": np.zeros_like(problem["gradient"])}, mistakes=mistakes)


@law("gradient_buffer.update")
@given(problem=alike("array", "first", "second"))
def test_a_gradient_that_arrived_stays_as_it_was(candidate: Candidate, problem: Problem) -> None:
    """Bringing more to one array changes neither the caller's gradients nor another array's."""
    got = candidate.run(gradient_buffer.update_two_arrays_with_one_gradient, **problem)
    first, second = problem["first"], problem["second"]
    total = np.asarray(first + second)
    kept = {"array": total, "other": total, "first": total, "second": second}
    mistakes = {"the gradient that arrives first is kept itself, and changed when more arrives; keep a copy": kept}
    assert_same(got, {"array": total, "other": first, "first": first, "second": second}, mistakes=mistakes)


@law("gradient_buffer.update")
@given(problem=alike("array"))
def test_update_without_a_spot_is_a_key_error(candidate: Candidate, problem: Problem) -> None:
    """Bringing a gradient to an array that has no spot is a KeyError."""
    mistakes = {"update makes the spot that is missing; it must refuse the array": {"spot": True}}
    candidate.raises(KeyError, gradient_buffer.update_without_spot, mistakes, **problem)


@law("gradient_buffer.update")
@given(problem=unfitting_gradients())
def test_a_gradient_of_another_shape_is_a_value_error(candidate: Candidate, problem: Problem) -> None:
    """A gradient of another shape than its array is a ValueError, even where NumPy would broadcast it."""
    candidate.raises(ValueError, gradient_buffer.update_with_shape, **problem)


@edge_case("gradient_buffer.update")
@given(problem=arrivals(EMPTY))
def test_gradients_of_empty_arrays(candidate: Candidate, problem: Problem) -> None:
    """Arrays without values have gradients without values."""
    assert_right(candidate, gradient_buffer.update, oracle.update, problem, mistakes=oracle.update_mistakes)

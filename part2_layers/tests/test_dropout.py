"""Dropout against brute force: the two values that each output may have, and the share of the dropped ones."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, Probe, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, Shape, array, without_gradient
from part2_layers.tests.oracle_dropout import (
    assert_dropped,
    assert_gradient,
    assert_independent,
    assert_mean,
    assert_passed_on,
)
from part2_layers.tests.strategies import BATCHES, LENGTHS, NONE

dropout = probes("dropout")

SEEDS = st.integers(0, 2**32 - 1)
SHARES = st.sampled_from([0.5, 0.25, 0.75, 0.1, 0.9])
# Enough values for their share to tell p from 1 - p, and a few small ones in which a failure is easier to read.
SHAPES = [(2048,), (64, 32), (16, 8, 16), (1, 2048), (2048, 1)]
SMALL_SHAPES = [(2,), (2, 3), (2, 2, 3)]

# The problems


@st.composite
def layers(draw: Draw, shapes: list[Shape] = SHAPES) -> Problem:
    """A layer, an input without zeros, and an upstream gradient without zeros."""
    shape, dtype = draw(st.sampled_from(shapes)), draw(DTYPES)
    return {
        "x": pattern(draw, shape, dtype),
        "p": draw(SHARES),
        "seed": draw(SEEDS),
        "grad_output": pattern(draw, shape, dtype),
    }


@st.composite
def small_layers(draw: Draw, batches: st.SearchStrategy[int] = BATCHES) -> Problem:
    """The same on small arrays of any numbers."""
    shape, dtype = (draw(batches), *(draw(LENGTHS) for _ in range(draw(st.integers(0, 2))))), draw(DTYPES)
    return {
        "x": array(draw, shape, dtype=dtype),
        "p": draw(SHARES),
        "seed": draw(SEEDS),
        "grad_output": array(draw, shape, dtype=dtype),
    }


@st.composite
def rows(draw: Draw) -> Problem:
    """A layer, and a large batch whose rows are all alike."""
    row = pattern(draw, (draw(LENGTHS),), draw(DTYPES))
    return {"x": np.tile(row, (1024, 1)), "p": draw(SHARES), "seed": draw(SEEDS)}


def pattern(draw: Draw, shape: Shape, dtype: str) -> np.ndarray:
    """Twelve numbers, none of them zero, over and over."""
    numbers = array(draw, (12,), dtype=dtype)
    return np.resize(np.where(numbers == 0, 1, numbers), shape)


# Forward


@oracle_test("dropout.forward")
@given(problem=layers(SMALL_SHAPES + SHAPES))
def test_values_are_dropped_or_scaled(candidate: Candidate, problem: Problem) -> None:
    """In training each value is 0 with probability p, and x / (1 - p) otherwise."""
    problem = without_gradient(problem)
    assert_dropped(candidate.run(dropout.forward, **problem)["output"], problem["x"], problem["p"])


@oracle_test("dropout.forward")
@given(problem=layers(SMALL_SHAPES + SHAPES))
def test_evaluation_drops_nothing(candidate: Candidate, problem: Problem) -> None:
    """eval() turns dropping off, so that the output is x, and train() turns it on again."""
    problem = without_gradient(problem)
    got = candidate.run(dropout.forward_in_both_modes, **problem)
    assert_passed_on(got["evaluation"], problem["x"], problem["p"])
    for name in ("training", "training again"):
        assert_dropped(got[name], problem["x"], problem["p"])


@law("dropout.forward")
@given(problem=rows())
def test_the_mean_is_kept(candidate: Candidate, problem: Problem) -> None:
    """Over many equal rows the mean of every column's output is x, as nearly as chance lets it be."""
    assert_mean(candidate.run(dropout.forward, **problem)["output"], problem["x"], problem["p"])


@law("dropout.forward")
@given(problem=layers([(64, 32), (2048,), (16, 8, 16)]))
def test_every_value_has_a_fate_of_its_own(candidate: Candidate, problem: Problem) -> None:
    """Each value is dropped by itself: neighbours share their fate as often as chance has it, along every axis."""
    problem = without_gradient(problem)
    is_zero = checked(candidate.run(dropout.forward, **problem)["output"], problem["x"], "output") == 0
    for axis in range(is_zero.ndim):
        along = np.moveaxis(is_zero, axis, 0)
        assert_independent(f"equal neighbours along axis {axis}", along[0::2], along[1::2], problem["p"])


@law("dropout.forward")
@given(problem=layers())
def test_every_forward_has_a_new_mask(candidate: Candidate, problem: Problem) -> None:
    """The next forward drops other values."""
    problem = without_gradient(problem)
    got = candidate.run(dropout.forward_twice, **problem)
    first, second = (checked(got[name], problem["x"], name) == 0 for name in ("first", "second"))
    fate, if_equal = "values with an equal fate in two forwards", "both forwards drop the same values"
    assert_independent(fate, first, second, problem["p"], if_equal)


@law("dropout.forward")
@given(problem=layers())
def test_the_generator_decides(candidate: Candidate, problem: Problem) -> None:
    """A generator in the same state gives the same mask, one with another seed another."""
    problem = without_gradient(problem)
    one, same = (candidate.run(dropout.forward, **problem)["output"] for _ in range(2))
    assert_same({"output": same}, {"output": checked(one, problem["x"], "output")})
    other = candidate.run(dropout.forward, **{**problem, "seed": problem["seed"] + 1})["output"]
    first, second = (checked(output, problem["x"], "output") == 0 for output in (one, other))
    if_equal = "the mask does not come from the generator that was given"
    assert_independent("values with an equal fate for two seeds", first, second, problem["p"], if_equal)


@edge_case("dropout.forward")
@given(problem=small_layers(), p=st.sampled_from([0.0, 1.0]))
def test_nothing_or_everything_may_be_dropped(candidate: Candidate, problem: Problem, p: float) -> None:
    """With p = 0 the output is x, with p = 1 it is zero, and no division by 1 - p warns."""
    got = candidate.run(dropout.forward_without_warning, **{**without_gradient(problem), "p": p})
    assert_same(got, {"output": problem["x"] * problem["x"].dtype.type(1 - p)})


@law("dropout.forward")
@given(problem=small_layers(), p=st.sampled_from([1.5, -0.5, 2.0, -1.0]))
def test_a_p_that_is_no_probability_is_refused(candidate: Candidate, problem: Problem, p: float) -> None:
    """A p outside 0 to 1 is a ValueError."""
    candidate.raises(ValueError, dropout.forward, **{**without_gradient(problem), "p": p})


@law("dropout.forward")
@given(problem=small_layers())
def test_integers_are_refused(candidate: Candidate, problem: Problem) -> None:
    """Integer input is a TypeError."""
    integers = {**without_gradient(problem), "x": problem["x"].astype(np.int64)}
    candidate.raises(TypeError, dropout.forward, **integers)


@edge_case("dropout.forward")
@given(problem=small_layers(NONE))
def test_an_empty_batch_has_an_empty_output(candidate: Candidate, problem: Problem) -> None:
    """An input of no values gives an output of no values."""
    assert_same(candidate.run(dropout.forward, **without_gradient(problem)), {"output": problem["x"]})


# Backward


@oracle_test("dropout.backward")
@given(problem=layers(SMALL_SHAPES + SHAPES))
def test_the_gradient_takes_the_mask_of_forward(candidate: Candidate, problem: Problem) -> None:
    """backward gives 0 for a value that forward dropped, and g / (1 - p) for one that it kept."""
    check_gradient(candidate, dropout.forward_and_backward, problem)


@oracle_test("dropout.backward")
@given(problem=layers(SMALL_SHAPES + SHAPES))
def test_evaluation_passes_the_gradient_on(candidate: Candidate, problem: Problem) -> None:
    """After a forward in evaluation the gradient is g, whatever was dropped in training before."""
    got = candidate.run(dropout.run_in_both_modes, **problem)
    assert_same(got["evaluation"], {"x_grad": problem["grad_output"]}, names=["x_grad"])
    assert_gradient(got["training"]["x_grad"], got["training"]["output"], problem["grad_output"], problem["p"])


@law("dropout.backward")
@given(problem=layers(SMALL_SHAPES + SHAPES))
def test_the_gradient_belongs_to_the_last_forward(candidate: Candidate, problem: Problem) -> None:
    """After two forwards backward takes the mask of the second."""
    check_gradient(candidate, dropout.backward_after_two_forwards, problem)


@law("dropout.backward")
@given(problem=layers(SMALL_SHAPES + SHAPES), training=st.booleans())
def test_the_mode_of_forward_counts(candidate: Candidate, problem: Problem, training: bool) -> None:
    """eval() or train() between forward and backward changes nothing: the gradient is that of what forward did."""
    if training:
        check_gradient(candidate, dropout.backward_in_the_other_mode, {**problem, "training": True})
    else:
        got = candidate.run(dropout.backward_in_the_other_mode, **problem, training=False)
        assert_same(got, {"x_grad": problem["grad_output"]}, names=["x_grad"])


@edge_case("dropout.backward")
@given(problem=small_layers(), p=st.sampled_from([0.0, 1.0]))
def test_nothing_or_everything_comes_back(candidate: Candidate, problem: Problem, p: float) -> None:
    """With p = 0 the gradient is g, with p = 1 it is zero, and no division by 1 - p warns."""
    got = candidate.run(dropout.run_without_warning, **{**problem, "p": p})
    assert_same(got, {"x_grad": problem["grad_output"] * problem["x"].dtype.type(1 - p)}, names=["x_grad"])


@law("dropout.backward")
@given(problem=layers(SMALL_SHAPES + SHAPES))
def test_views_are_accepted_and_left_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments have gradients of the same kind, and no argument is changed."""
    got = check_gradient(candidate, dropout.run_on_views, problem)
    afterwards = {f"{name} afterwards": problem[name] for name in ("x", "grad_output")}
    assert_same(got, afterwards, names=[*afterwards])


@law("dropout.backward")
@given(problem=small_layers())
def test_backward_needs_a_forward(candidate: Candidate, problem: Problem) -> None:
    """backward before any forward is a RuntimeError."""
    without_x = {name: value for name, value in problem.items() if name != "x"}
    candidate.raises(RuntimeError, dropout.backward_first, **without_x)


@edge_case("dropout.backward")
@given(problem=small_layers(NONE))
def test_an_empty_batch_has_an_empty_gradient(candidate: Candidate, problem: Problem) -> None:
    """An output of no values has a gradient of no values."""
    assert_same(candidate.run(dropout.forward_and_backward, **problem), {"x_grad": problem["x"]}, names=["x_grad"])


def check_gradient(candidate: Candidate, probe: Probe, problem: Problem) -> Problem:
    """The gradient is zero where the output is, and g / (1 - p) elsewhere; the answer of the probe."""
    got = candidate.run(probe, **problem)
    assert_gradient(got["x_grad"], got["output"], problem["grad_output"], problem["p"])
    return got

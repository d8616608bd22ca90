"""MaxPool2d and MeanPool2d against torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, array, without_gradient
from part2_layers.tests import oracle_pool as oracle
from part2_layers.tests.oracle import assert_right_on_views
from part2_layers.tests.strategies import (
    BATCHES,
    CHANNELS,
    NONE,
    WINDOWS,
    Window,
    sums_of_two_inputs,
    unfitting_gradients,
    without_input,
)
from part2_layers.tests.test_conv2d import windows_and_options

pool = probes("pool")

# The problems

UNPADDED = [window for window in WINDOWS if window.padding == 0 and window.kernel > 1]
SINGLE = [window for window in WINDOWS if window.padding == 0 and window.kernel == 1]  # for edge cases alone
SIDE_BY_SIDE = [window for window in UNPADDED if window.kernel == window.stride]


@st.composite
def poolings(
    draw: Draw,
    kind: str,
    among: str = "numbers",
    windows: Sequence[Window] = UNPADDED,
    batches: st.SearchStrategy[int] = BATCHES,
) -> Problem:
    """A layer whose sizes are integers or pairs, an input, and the upstream gradient."""
    down, across, options = draw(windows_and_options(windows))
    batch, channels, dtype = draw(batches), draw(CHANNELS), draw(DTYPES)
    height, width = draw(down.lengths()), draw(across.lengths())
    return {
        "kind": kind,
        "x": array(draw, (batch, channels, height, width), among, dtype),
        "kernel_size": options["kernel_size"],
        "stride": None if windows is SIDE_BY_SIDE else options["stride"],
        "grad_output": array(draw, (batch, channels, down.positions(height), across.positions(width)), dtype=dtype),
    }


@st.composite
def unfitting_poolings(draw: Draw, kind: str) -> Problem:
    """A pooling with one thing wrong: rank, a window too large, or a size."""
    problem = without_gradient(draw(poolings(kind)))
    shape = problem["x"].shape
    shape, changes = draw(
        st.sampled_from(
            [
                (shape[2:], {}),
                ((*shape, 1), {}),
                ((*shape[:2], 2, 3), {"kernel_size": 3}),
                ((*shape[:2], 3, 2), {"kernel_size": (3, 3)}),
                (shape, {"kernel_size": 0}),
                (shape, {"kernel_size": (1, -1)}),
                (shape, {"stride": 0}),
                (shape, {"stride": (-1, 1)}),
            ]
        )
    )
    return {**problem, **changes, "x": array(draw, shape)}


# The maximum: forward


@oracle_test("max_pool.forward")
@given(problem=poolings("max", windows=SIDE_BY_SIDE))
def test_maximum_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives the maximum of every window; without a stride the windows lie side by side."""
    problem = without_gradient(problem)
    assert_right(candidate, pool.forward, oracle.pool, problem, ["output"], oracle.output_mistakes)


@oracle_test("max_pool.forward")
@given(problem=poolings("max"))
def test_maximum_with_a_stride_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """The windows move by stride, and may overlap or leave gaps; height and width have sizes of their own."""
    problem = without_gradient(problem)
    assert_right(candidate, pool.forward, oracle.pool, problem, ["output"], oracle.output_mistakes)


@law("max_pool.forward")
@given(problem=poolings("max"))
def test_maximum_of_a_monotone_image(candidate: Candidate, problem: Problem) -> None:
    """Where every x becomes 2x + 3, every maximum y becomes 2y + 3."""
    problem = without_gradient(problem)
    once = candidate.run(pool.forward, **problem)["output"]
    image = candidate.run(pool.forward, **{**problem, "x": 2 * problem["x"] + 3})["output"]
    assert_same(image, 2 * checked(once, oracle.pool(**problem)["output"]) + 3)


@law("max_pool.forward")
@given(problem=unfitting_poolings("max"))
def test_maximum_refuses_what_does_not_fit(candidate: Candidate, problem: Problem) -> None:
    """Another rank, a window larger than the input, and sizes that are not positive are ValueErrors."""
    candidate.raises(ValueError, pool.forward, **problem)


@law("max_pool.forward")
@given(problem=poolings("max"))
def test_maximum_refuses_integers(candidate: Candidate, problem: Problem) -> None:
    """Integer input is a TypeError."""
    integers = {**without_gradient(problem), "x": problem["x"].astype(np.int64)}
    candidate.raises(TypeError, pool.forward, **integers)


@edge_case("max_pool.forward")
@given(problem=poolings("max", batches=NONE))
def test_maximum_of_an_empty_batch_is_empty(candidate: Candidate, problem: Problem) -> None:
    """For a batch of none the output is empty, and has the other axes of any other."""
    assert_right(candidate, pool.forward, oracle.pool, without_gradient(problem), ["output"])


@edge_case("max_pool.forward")
@given(problem=poolings("max", windows=SINGLE))
def test_maximum_of_a_single_value_is_the_value(candidate: Candidate, problem: Problem) -> None:
    """A window of a single value gives that value."""
    assert_right(candidate, pool.forward, oracle.pool, without_gradient(problem), ["output"])


# The maximum: backward


@oracle_test("max_pool.backward")
@given(problem=poolings("max"))
def test_gradient_of_the_maximum_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """x_grad has the gradient of each window at its maximum, the sum where windows share it, and zero elsewhere."""
    assert_right(candidate, pool.forward_and_backward, oracle.pool, problem, ["x_grad"], oracle.gradient_mistakes)


@oracle_test("max_pool.backward")
@given(problem=poolings("max", among="tied"))
def test_gradient_of_a_tied_maximum_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Of several maxima in a window only the first takes its gradient, counted row by row."""
    assert_right(candidate, pool.forward_and_backward, oracle.pool, problem, ["x_grad"], oracle.gradient_mistakes)


@law("max_pool.backward")
@given(problem=poolings("max"))
def test_maximum_starts_from_zero_every_time(candidate: Candidate, problem: Problem) -> None:
    """A second forward and backward gives the same x_grad: nothing is left over from the first."""
    assert_right(candidate, pool.run_twice, oracle.pool_twice, problem, mistakes=oracle.twice_mistakes)


@law("max_pool.backward")
@given(problem=poolings("max"))
def test_maximum_accepts_views_and_leaves_them_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same gradient, and no argument is changed."""
    assert_right_on_views(candidate, pool.run_on_views, oracle.pool, problem)


@law("max_pool.backward")
@given(drawn=unfitting_gradients(poolings("max")))
def test_maximum_refuses_a_gradient_that_does_not_fit(candidate: Candidate, drawn: Problem) -> None:
    """A gradient without the output's shape is a ValueError, and backward before forward a RuntimeError."""
    problem = drawn["problem"]
    candidate.raises(ValueError, pool.forward_and_backward, **{**problem, "grad_output": drawn["grad_output"]})
    candidate.raises(RuntimeError, pool.backward_first, **without_input(problem))


@edge_case("max_pool.backward")
@given(problem=poolings("max", batches=NONE))
def test_gradient_of_the_maximum_of_an_empty_batch_is_empty(candidate: Candidate, problem: Problem) -> None:
    """For a batch of none the gradient is empty, and has the other axes of any other."""
    assert_right(candidate, pool.forward_and_backward, oracle.pool, problem, ["x_grad"])


@edge_case("max_pool.backward")
@given(problem=poolings("max", windows=SINGLE))
def test_gradient_of_the_maximum_of_a_single_value_is_handed_on(candidate: Candidate, problem: Problem) -> None:
    """A window of a single value hands its gradient on to that value."""
    assert_right(candidate, pool.forward_and_backward, oracle.pool, problem, ["x_grad"])


# The mean: forward


@oracle_test("mean_pool.forward")
@given(problem=poolings("mean", windows=SIDE_BY_SIDE))
def test_mean_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives the mean of every window; without a stride the windows lie side by side."""
    problem = without_gradient(problem)
    assert_right(candidate, pool.forward, oracle.pool, problem, ["output"], oracle.output_mistakes)


@oracle_test("mean_pool.forward")
@given(problem=poolings("mean"))
def test_mean_with_a_stride_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """The windows move by stride, and may overlap or leave gaps; height and width have sizes of their own."""
    problem = without_gradient(problem)
    assert_right(candidate, pool.forward, oracle.pool, problem, ["output"], oracle.output_mistakes)


@law("mean_pool.forward")
@given(drawn=sums_of_two_inputs(poolings("mean")))
def test_mean_is_linear(candidate: Candidate, drawn: Problem) -> None:
    """a·x + z gives a times the means of x, plus the means of z."""
    problem, other = drawn["problem"], drawn["other"]
    x, factor = problem["x"], other.dtype.type(drawn["factor"])
    of_x, of_other, of_sum = (
        candidate.run(pool.forward, **{**problem, "x": value})["output"] for value in (x, other, factor * x + other)
    )
    like = oracle.pool(**problem)["output"]
    assert_same(of_sum, factor * checked(of_x, like) + checked(of_other, like))


@law("mean_pool.forward")
@given(problem=unfitting_poolings("mean"))
def test_mean_refuses_what_does_not_fit(candidate: Candidate, problem: Problem) -> None:
    """Another rank, a window larger than the input, and sizes that are not positive are ValueErrors."""
    candidate.raises(ValueError, pool.forward, **problem)


@law("mean_pool.forward")
@given(problem=poolings("mean"))
def test_mean_refuses_integers(candidate: Candidate, problem: Problem) -> None:
    """Integer input is a TypeError."""
    integers = {**without_gradient(problem), "x": problem["x"].astype(np.int64)}
    candidate.raises(TypeError, pool.forward, **integers)


@edge_case("mean_pool.forward")
@given(problem=poolings("mean", batches=NONE))
def test_mean_of_an_empty_batch_is_empty(candidate: Candidate, problem: Problem) -> None:
    """For a batch of none the output is empty, and has the other axes of any other."""
    assert_right(candidate, pool.forward, oracle.pool, without_gradient(problem), ["output"])


@edge_case("mean_pool.forward")
@given(problem=poolings("mean", windows=SINGLE))
def test_mean_of_a_single_value_is_the_value(candidate: Candidate, problem: Problem) -> None:
    """A window of a single value gives that value."""
    assert_right(candidate, pool.forward, oracle.pool, without_gradient(problem), ["output"])


# The mean: backward


@oracle_test("mean_pool.backward")
@given(problem=poolings("mean"))
def test_gradient_of_the_mean_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Each place of a window takes an equal share of its gradient; where windows overlap, x_grad has the sum."""
    assert_right(candidate, pool.forward_and_backward, oracle.pool, problem, ["x_grad"], oracle.gradient_mistakes)


@law("mean_pool.backward")
@given(problem=poolings("mean"))
def test_mean_starts_from_zero_every_time(candidate: Candidate, problem: Problem) -> None:
    """A second forward and backward gives the same x_grad: nothing is left over from the first."""
    assert_right(candidate, pool.run_twice, oracle.pool_twice, problem, mistakes=oracle.twice_mistakes)


@law("mean_pool.backward")
@given(problem=poolings("mean"))
def test_mean_accepts_views_and_leaves_them_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same gradient, and no argument is changed."""
    assert_right_on_views(candidate, pool.run_on_views, oracle.pool, problem)


@law("mean_pool.backward")
@given(drawn=unfitting_gradients(poolings("mean")))
def test_mean_refuses_a_gradient_that_does_not_fit(candidate: Candidate, drawn: Problem) -> None:
    """A gradient without the output's shape is a ValueError, and backward before forward a RuntimeError."""
    problem = drawn["problem"]
    candidate.raises(ValueError, pool.forward_and_backward, **{**problem, "grad_output": drawn["grad_output"]})
    candidate.raises(RuntimeError, pool.backward_first, **without_input(problem))


@edge_case("mean_pool.backward")
@given(problem=poolings("mean", batches=NONE))
def test_gradient_of_the_mean_of_an_empty_batch_is_empty(candidate: Candidate, problem: Problem) -> None:
    """For a batch of none the gradient is empty, and has the other axes of any other."""
    assert_right(candidate, pool.forward_and_backward, oracle.pool, problem, ["x_grad"])


@edge_case("mean_pool.backward")
@given(problem=poolings("mean", windows=SINGLE))
def test_gradient_of_the_mean_of_a_single_value_is_handed_on(candidate: Candidate, problem: Problem) -> None:
    """A window of a single value hands its gradient on to that value."""
    assert_right(candidate, pool.forward_and_backward, oracle.pool, problem, ["x_grad"])

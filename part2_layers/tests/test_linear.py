"""Linear against torch."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, array, without_gradient
from part2_layers.tests import oracle_linear as oracle
from part2_layers.tests.oracle import assert_right_on_views, assert_right_twice
from part2_layers.tests.strategies import BATCHES, LENGTHS, NONE

linear = probes("linear")

GRADIENTS = ["x_grad", "weight_grad", "bias_grad"]

# The problems


@st.composite
def layers(
    draw: Draw,
    leading_axes: tuple[int, ...] = (1, 2, 0),
    has_bias: bool | None = None,
    batches: st.SearchStrategy[int] = BATCHES,
) -> Problem:
    """A layer, an input with some axes before the features, and the upstream gradient."""
    in_features, out_features, dtype = draw(LENGTHS), draw(LENGTHS), draw(DTYPES)
    leading = tuple(draw(batches) for _ in range(draw(st.sampled_from(leading_axes))))
    with_bias = draw(st.sampled_from([True, True, False])) if has_bias is None else has_bias
    return {
        "x": array(draw, (*leading, in_features), dtype=dtype),
        "weight": array(draw, (out_features, in_features), dtype=dtype),
        "bias": array(draw, (out_features,), dtype=dtype) if with_bias else None,
        "grad_output": array(draw, (*leading, out_features), dtype=dtype),
    }


@st.composite
def layers_with_wrong_inputs(draw: Draw) -> Problem:
    """A layer, and an input whose last axis is one too long, one too short or not there."""
    problem = draw(layers(leading_axes=(1,)))
    features = problem["weight"].shape[1]
    too_short = [(2, features - 1)] if features > 1 else []
    shape = draw(st.sampled_from([(2, features + 1), *too_short, (features, features + 1), ()]))
    return {"x": array(draw, shape), "weight": problem["weight"], "bias": problem["bias"]}


# Forward


@oracle_test("linear.forward")
@given(problem=layers(leading_axes=(1,)))
def test_output_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives x Wᵀ + b for a batch of vectors, and x Wᵀ where there is no bias."""
    problem = without_gradient(problem)
    assert_right(candidate, linear.forward, oracle.linear, problem, ["output"], oracle.output_mistakes)


@oracle_test("linear.forward")
@given(problem=layers(leading_axes=(2, 0, 3)))
def test_output_with_any_leading_axes_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward takes a single vector too, and any number of axes before the features."""
    problem = without_gradient(problem)
    assert_right(candidate, linear.forward, oracle.linear, problem, ["output"], oracle.output_mistakes)


@law("linear.forward")
@given(problem=layers(has_bias=False), factor=st.sampled_from([2.0, -1.0, 0.5]))
def test_forward_is_linear(candidate: Candidate, problem: Problem, factor: float) -> None:
    """Without a bias, a multiple of the input gives the same multiple of the output."""
    problem = without_gradient(problem)
    once = candidate.run(linear.forward, **problem)["output"]
    scaled = candidate.run(linear.forward, **{**problem, "x": problem["x"] * problem["x"].dtype.type(factor)})["output"]
    like = (*problem["x"].shape[:-1], len(problem["weight"])), problem["x"].dtype
    assert_same(scaled, checked(once, like) * problem["x"].dtype.type(factor))


@law("linear.forward")
@given(problem=layers_with_wrong_inputs())
def test_a_wrong_number_of_features_is_refused(candidate: Candidate, problem: Problem) -> None:
    """An input whose last axis is not in_features long is a ValueError."""
    candidate.raises(ValueError, linear.forward, **problem)


@law("linear.forward")
@given(problem=layers(leading_axes=(1,)))
def test_integers_are_refused(candidate: Candidate, problem: Problem) -> None:
    """Integer input is a TypeError, as in torch."""
    integers = {**without_gradient(problem), "x": problem["x"].astype(np.int64)}
    candidate.raises(TypeError, linear.forward, **integers)


@edge_case("linear.forward")
@given(problem=layers(leading_axes=(1, 2), batches=NONE))
def test_an_empty_batch_has_an_empty_output(candidate: Candidate, problem: Problem) -> None:
    """A batch of no vectors gives an output of no vectors."""
    assert_right(candidate, linear.forward, oracle.linear, without_gradient(problem), ["output"])


# Backward


@oracle_test("linear.backward")
@given(problem=layers(leading_axes=(1,)))
def test_gradients_match_torch(candidate: Candidate, problem: Problem) -> None:
    """backward gives dL/dx = g W, dL/dW = gᵀ x and dL/db = Σ g for any upstream gradient."""
    assert_right(
        candidate, linear.forward_and_backward, oracle.linear, problem, gradients(problem), oracle.gradient_mistakes
    )


@oracle_test("linear.backward")
@given(problem=layers(leading_axes=(2, 0, 3)))
def test_gradients_with_any_leading_axes_match_torch(candidate: Candidate, problem: Problem) -> None:
    """With more axes before the features, or none, the gradients of weight and bias are sums over all of them."""
    assert_right(
        candidate, linear.forward_and_backward, oracle.linear, problem, gradients(problem), oracle.gradient_mistakes
    )


@oracle_test("linear.backward")
@given(problem=layers())
def test_gradients_accumulate(candidate: Candidate, problem: Problem) -> None:
    """Two backward passes add up in weight_grad and bias_grad; zero_grad starts anew."""
    assert_right_twice(candidate, linear.run_twice, oracle.linear, problem)


@law("linear.backward")
@given(problem=layers())
def test_views_are_accepted_and_left_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same gradients, and no argument is changed."""
    assert_right_on_views(candidate, linear.run_on_views, oracle.linear, problem)


@law("linear.backward")
@given(problem=layers())
def test_backward_needs_a_forward(candidate: Candidate, problem: Problem) -> None:
    """backward before any forward is a RuntimeError."""
    without_x = {name: value for name, value in problem.items() if name != "x"}
    candidate.raises(RuntimeError, linear.backward_first, **without_x)


@edge_case("linear.backward")
@given(problem=layers(leading_axes=(1, 2), batches=NONE))
def test_an_empty_batch_has_gradients_of_zero(candidate: Candidate, problem: Problem) -> None:
    """After a batch of no vectors x_grad is empty, and nothing is added to weight_grad and bias_grad."""
    assert_right(candidate, linear.forward_and_backward, oracle.linear, problem, gradients(problem))


def gradients(problem: Problem) -> list[str]:
    """The names of the gradients that the layer has."""
    return [name for name in GRADIENTS if name != "bias_grad" or problem["bias"] is not None]

"""The activations against torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, array, without_gradient
from part2_layers.tests import oracle_activation as oracle
from part2_layers.tests.oracle import assert_right_on_views
from part2_layers.tests.strategies import BATCHES, LENGTHS, NONE

activation = probes("activation")

ELEMENTWISE = ["Sigmoid", "Tanh", "ReLU"]
EXACT, APPROXIMATE = {"approximate": "none"}, {"approximate": "tanh"}
AXES = st.sampled_from([2, 1, 3])
NO_AXES = st.just(0)  # for edge cases alone, as the next
SINGLE = st.just(1)
SEVERAL = st.sampled_from([3, 2, 4])

# Large inputs are whole numbers, from -4 to 4, of such units.  None is an eighth of the largest float: then -4 and 4
# units are just so far apart that their difference does not overflow.
UNITS = st.sampled_from([1000, None, None])

# The problems


@st.composite
def inputs(
    draw: Draw,
    name: str | None = None,
    among: str = "numbers",
    batches: st.SearchStrategy[int] = BATCHES,
    axes: st.SearchStrategy[int] = AXES,
) -> Problem:
    """An activation of each number by itself, an input with up to three axes, and the upstream gradient."""
    shape = tuple(draw(LENGTHS if place else batches) for place in range(draw(axes)))
    dtype = draw(DTYPES)
    return {
        "name": name or draw(st.sampled_from(ELEMENTWISE)),
        "options": {},
        "x": array(draw, shape, among, dtype),
        "grad_output": array(draw, shape, dtype=dtype),
    }


@st.composite
def gelus(
    draw: Draw,
    *options: Problem,
    batches: st.SearchStrategy[int] = BATCHES,
    axes: st.SearchStrategy[int] = AXES,
) -> Problem:
    """The same for GELU, with some of the inputs so far from zero that Φ(x) is 0 or 1."""
    problem = draw(inputs("GELU", batches=batches, axes=axes))
    factor = problem["x"].dtype.type(draw(st.sampled_from([1, 1, 8])))
    return {
        **problem,
        "options": draw(st.sampled_from(options or (EXACT, APPROXIMATE, {}))),
        "x": problem["x"] * factor,
    }


@st.composite
def softmaxes(
    draw: Draw,
    dims: str = "any",
    along: st.SearchStrategy[int] = SEVERAL,
    others: st.SearchStrategy[int] = BATCHES,
    axes: st.SearchStrategy[int] = AXES,
) -> Problem:
    """Softmax along any axis, or along the last, where dim may be left out; and the lengths of dim and the others."""
    ndim, dtype = draw(axes), draw(DTYPES)
    axis = ndim - 1 if dims == "last" else draw(st.integers(0, ndim - 1))
    shape = tuple(draw(along if place == axis else others) for place in range(ndim))
    options = [{"dim": axis}, {"dim": axis - ndim}, *([{}] if dims == "last" else [])]
    return {
        "name": "Softmax",
        "options": draw(st.sampled_from(options)),
        "x": array(draw, shape, dtype=dtype),
        "grad_output": array(draw, shape, dtype=dtype),
    }


@st.composite
def large(draw: Draw, problems: st.SearchStrategy[Problem]) -> Problem:
    """One of these problems, with inputs in the thousands or up to half the largest float, the first below zero."""
    problem = draw(problems)
    dtype = problem["x"].dtype
    unit = draw(UNITS) or np.finfo(dtype).max / 8
    x = array(draw, problem["x"].shape, "whole", dtype.name)
    x.flat[0] = -4
    return {**problem, "x": x * dtype.type(unit)}


# Forward


@oracle_test("activation.forward")
@given(problem=inputs("Sigmoid"))
def test_sigmoid_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Sigmoid gives 1 / (1 + e⁻ˣ)."""
    check_output(candidate, problem)


@oracle_test("activation.forward")
@given(problem=inputs("Tanh"))
def test_tanh_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Tanh gives tanh(x)."""
    check_output(candidate, problem)


@oracle_test("activation.forward")
@given(problem=inputs("ReLU"))
def test_relu_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """ReLU keeps what is above zero, and makes the rest zero."""
    check_output(candidate, problem)


@law("activation.forward")
@given(problem=inputs("Identity"))
def test_identity_changes_nothing(candidate: Candidate, problem: Problem) -> None:
    """Identity hands on x, and on the way back the upstream gradient."""
    got = candidate.run(activation.forward_and_backward, **problem)
    assert_same(got, {"output": problem["x"], "x_grad": problem["grad_output"]})


@law("activation.forward")
@given(problem=inputs())
def test_a_view_is_accepted_and_left_alone(candidate: Candidate, problem: Problem) -> None:
    """A transposed and strided input gives the same output, and is not changed."""
    check_output_on_a_view(candidate, problem)


@law("activation.forward")
@given(problem=inputs(among="whole"))
def test_integers_are_refused(candidate: Candidate, problem: Problem) -> None:
    """Integer input is a TypeError."""
    integers = {**without_gradient(problem), "x": problem["x"].astype(np.int64)}
    candidate.raises(TypeError, activation.forward, **integers)


@edge_case("activation.forward")
@given(problem=large(inputs()))
def test_no_number_is_too_large(candidate: Candidate, problem: Problem) -> None:
    """In the thousands and up to half the largest float the outputs are right too, and nothing overflows on the way."""
    for name in ELEMENTWISE:
        check_output(candidate, {**problem, "name": name}, activation.forward_strictly)


@edge_case("activation.forward")
@given(problem=inputs(batches=NONE))
def test_an_empty_batch_has_an_empty_output(candidate: Candidate, problem: Problem) -> None:
    """For a batch of none the output is empty, of the same shape."""
    check_output(candidate, problem)


@edge_case("activation.forward")
@given(problem=inputs(axes=NO_AXES))
def test_a_single_number_is_an_input(candidate: Candidate, problem: Problem) -> None:
    """A single number, an array without axes, is an input too."""
    check_output(candidate, problem)


# Backward


@oracle_test("activation.backward")
@given(problem=inputs("Sigmoid"))
def test_gradient_of_sigmoid_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Sigmoid's backward gives g · y (1 - y) for any upstream gradient g."""
    check_gradient(candidate, problem)


@oracle_test("activation.backward")
@given(problem=inputs("Tanh"))
def test_gradient_of_tanh_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Tanh's backward gives g · (1 - y²) for any upstream gradient g."""
    check_gradient(candidate, problem)


@oracle_test("activation.backward")
@given(problem=inputs("ReLU", among="whole"))
def test_gradient_of_relu_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """ReLU's backward gives g where x > 0, and zero elsewhere, at x = 0 too."""
    check_gradient(candidate, problem)


@law("activation.backward")
@given(problem=inputs())
def test_views_are_accepted_and_left_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same gradients, and no argument is changed."""
    assert_right_on_views(candidate, activation.run_on_views, oracle.activation, problem)


@law("activation.backward")
@given(problem=inputs())
def test_backward_needs_a_forward(candidate: Candidate, problem: Problem) -> None:
    """backward before any forward is a RuntimeError."""
    without_x = {name: value for name, value in problem.items() if name != "x"}
    candidate.raises(RuntimeError, activation.backward_first, **without_x)


@edge_case("activation.backward")
@given(problem=large(inputs()))
def test_no_number_is_too_large_for_backward(candidate: Candidate, problem: Problem) -> None:
    """In the thousands and up to half the largest float the gradients are right too, and nothing overflows."""
    for name in ELEMENTWISE:
        check_gradient(candidate, {**problem, "name": name}, activation.run_strictly)


@edge_case("activation.backward")
@given(problem=inputs(batches=NONE))
def test_an_empty_batch_has_an_empty_gradient(candidate: Candidate, problem: Problem) -> None:
    """For a batch of none the gradient is empty, of the same shape."""
    check_gradient(candidate, problem)


@edge_case("activation.backward")
@given(problem=inputs(axes=NO_AXES))
def test_a_single_number_has_a_gradient(candidate: Candidate, problem: Problem) -> None:
    """The gradient of a single number is a single number, an array without axes."""
    check_gradient(candidate, problem)


# GELU


@oracle_test("gelu.forward")
@given(problem=gelus(EXACT))
def test_gelu_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """GELU gives x · Φ(x), where Φ(x) = ½ (1 + erf(x/√2))."""
    check_output(candidate, problem)


@oracle_test("gelu.forward")
@given(problem=gelus(APPROXIMATE))
def test_approximate_gelu_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """With approximate="tanh" GELU gives x · ½ (1 + tanh(√(2/π) (x + 0.044715 x³)))."""
    check_output(candidate, problem)


@law("gelu.forward")
@given(problem=gelus())
def test_gelu_leaves_its_input_alone(candidate: Candidate, problem: Problem) -> None:
    """A transposed and strided input gives the same output, and is not changed."""
    check_output_on_a_view(candidate, problem)


@law("gelu.forward")
@given(problem=gelus(), approximate=st.sampled_from(["sigmoid", "erf", "", "Tanh"]))
def test_another_approximation_is_refused(candidate: Candidate, problem: Problem, approximate: str) -> None:
    """An approximation other than "none" and "tanh" is a ValueError."""
    unknown = {**without_gradient(problem), "options": {"approximate": approximate}}
    candidate.raises(ValueError, activation.forward, **unknown)


@edge_case("gelu.forward")
@given(problem=large(inputs("GELU")))
def test_gelu_far_from_zero_is_relu(candidate: Candidate, problem: Problem) -> None:
    """In the thousands and up to half the largest float GELU is ReLU, and nothing overflows on the way."""
    for options in (EXACT, APPROXIMATE):
        far = {**without_gradient(problem), "options": options}
        assert_right(candidate, activation.forward_strictly, oracle.far_from_zero, far)


@edge_case("gelu.forward")
@given(problem=gelus(batches=NONE))
def test_gelu_of_an_empty_batch_is_empty(candidate: Candidate, problem: Problem) -> None:
    """For a batch of none the output is empty, of the same shape."""
    check_output(candidate, problem)


@edge_case("gelu.forward")
@given(problem=gelus(axes=NO_AXES))
def test_gelu_of_a_single_number_is_one(candidate: Candidate, problem: Problem) -> None:
    """A single number, an array without axes, is an input too."""
    check_output(candidate, problem)


@oracle_test("gelu.backward")
@given(problem=gelus(EXACT))
def test_gradient_of_gelu_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """GELU's backward gives g · (Φ(x) + x · Φ'(x)) for any upstream gradient g."""
    check_gradient(candidate, problem)


@oracle_test("gelu.backward")
@given(problem=gelus(APPROXIMATE))
def test_gradient_of_approximate_gelu_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """With approximate="tanh" backward gives the gradient of the approximation, not of what it approximates."""
    check_gradient(candidate, problem)


@law("gelu.backward")
@given(problem=gelus())
def test_gelu_leaves_its_arguments_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same gradients, and no argument is changed."""
    assert_right_on_views(candidate, activation.run_on_views, oracle.activation, problem)


@edge_case("gelu.backward")
@given(problem=large(inputs("GELU")))
def test_gelu_far_from_zero_has_the_gradient_of_relu(candidate: Candidate, problem: Problem) -> None:
    """In the thousands and up to half the largest float the slope of GELU is 1 or 0, and nothing overflows."""
    x = problem["x"]
    for options in (EXACT, APPROXIMATE):
        far = {**problem, "options": options, "x": np.where(x == 0, x.dtype.type(1000), x)}
        assert_right(candidate, activation.run_strictly, oracle.far_from_zero, far, ["x_grad"])


@edge_case("gelu.backward")
@given(problem=gelus(batches=NONE))
def test_gelu_of_an_empty_batch_has_an_empty_gradient(candidate: Candidate, problem: Problem) -> None:
    """For a batch of none the gradient is empty, of the same shape."""
    check_gradient(candidate, problem)


@edge_case("gelu.backward")
@given(problem=gelus(axes=NO_AXES))
def test_gelu_of_a_single_number_has_a_gradient(candidate: Candidate, problem: Problem) -> None:
    """The gradient of a single number is a single number, an array without axes."""
    check_gradient(candidate, problem)


# Softmax


@oracle_test("softmax.forward")
@given(problem=softmaxes("last"))
def test_softmax_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Softmax gives e^x / Σ e^x along the last axis, which is dim's default."""
    check_output(candidate, problem)


@oracle_test("softmax.forward")
@given(problem=softmaxes())
def test_softmax_along_any_axis_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """The sum is taken along dim, which may be any axis, counted from the start or from the end."""
    check_output(candidate, problem)


@law("softmax.forward")
@given(problem=softmaxes(), shift=st.sampled_from([1, -3, 8]))
def test_softmax_ignores_a_constant_shift(candidate: Candidate, problem: Problem, shift: int) -> None:
    """Adding the same number to every number along dim leaves softmax unchanged."""
    problem = without_gradient(problem)
    once = candidate.run(activation.forward, **problem)["output"]
    shifted = {**problem, "x": problem["x"] + problem["x"].dtype.type(shift)}
    assert_same(candidate.run(activation.forward, **shifted), {"output": checked(once, problem["x"])})


@law("softmax.forward")
@given(problem=softmaxes())
def test_softmax_sums_to_one(candidate: Candidate, problem: Problem) -> None:
    """All that softmax gives is positive, and along dim it sums to one."""
    output = checked(candidate.run(activation.forward, **without_gradient(problem))["output"], problem["x"])
    total = output.sum(axis=problem["options"]["dim"], keepdims=True)
    assert_same(
        {"positive": output > 0, "sum": total},
        {"positive": np.ones_like(output, dtype=bool), "sum": np.ones_like(total)},
    )


@law("softmax.forward")
@given(problem=softmaxes())
def test_softmax_leaves_its_input_alone(candidate: Candidate, problem: Problem) -> None:
    """A transposed and strided input gives the same output, and is not changed."""
    check_output_on_a_view(candidate, problem)


@law("softmax.forward")
@given(problem=softmaxes())
def test_an_axis_that_is_not_there_is_refused(candidate: Candidate, problem: Problem) -> None:
    """A dim beyond the axes of x is a ValueError."""
    ndim, dim = problem["x"].ndim, problem["options"]["dim"]
    missing = {**without_gradient(problem), "options": {"dim": dim + ndim if dim >= 0 else dim - ndim}}
    candidate.raises(ValueError, activation.forward, **missing)


@edge_case("softmax.forward")
@given(problem=large(softmaxes()))
def test_no_number_is_too_large_for_softmax(candidate: Candidate, problem: Problem) -> None:
    """In the thousands and up to half the largest float softmax is right too, and nothing overflows on the way."""
    check_output(candidate, problem, activation.forward_strictly)


@edge_case("softmax.forward")
@given(problem=softmaxes(along=SINGLE))
def test_softmax_of_a_single_number_is_one(candidate: Candidate, problem: Problem) -> None:
    """Where the axis dim has a single entry, softmax is 1."""
    check_output(candidate, problem)


@edge_case("softmax.forward")
@given(problem=softmaxes(others=NONE, axes=st.sampled_from([2, 3])))
def test_softmax_of_an_empty_batch_is_empty(candidate: Candidate, problem: Problem) -> None:
    """For a batch of none, where another axis than dim has no entries, the output is empty, of the same shape."""
    check_output(candidate, problem)


@edge_case("softmax.forward")
@given(problem=softmaxes(along=NONE))
def test_softmax_of_nothing_is_nothing(candidate: Candidate, problem: Problem) -> None:
    """Where the axis dim has no entries, softmax has none either."""
    check_output(candidate, problem)


@oracle_test("softmax.backward")
@given(problem=softmaxes("last"))
def test_gradient_of_softmax_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Softmax's backward gives y · (g - Σ g y) for any upstream gradient g."""
    check_gradient(candidate, problem)


@oracle_test("softmax.backward")
@given(problem=softmaxes())
def test_gradient_of_softmax_along_any_axis_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """In backward too the sum is taken along dim, whichever axis that is."""
    check_gradient(candidate, problem)


@law("softmax.backward")
@given(problem=softmaxes())
def test_gradient_of_softmax_sums_to_zero(candidate: Candidate, problem: Problem) -> None:
    """Along dim the gradient sums to zero, since a constant shift changes nothing."""
    x_grad = checked(candidate.run(activation.forward_and_backward, **problem)["x_grad"], problem["x"])
    total = x_grad.sum(axis=problem["options"]["dim"], keepdims=True)
    assert_same({"sum of x_grad": total}, {"sum of x_grad": np.zeros_like(total)})


@law("softmax.backward")
@given(problem=softmaxes())
def test_softmax_leaves_its_arguments_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same gradients, and no argument is changed."""
    assert_right_on_views(candidate, activation.run_on_views, oracle.activation, problem)


@edge_case("softmax.backward")
@given(problem=large(softmaxes()))
def test_no_number_is_too_large_for_softmax_backward(candidate: Candidate, problem: Problem) -> None:
    """In the thousands and up to half the largest float the gradients are right too, and nothing overflows."""
    check_gradient(candidate, problem, activation.run_strictly)


@edge_case("softmax.backward")
@given(problem=softmaxes(along=SINGLE))
def test_gradient_of_softmax_of_a_single_number_is_zero(candidate: Candidate, problem: Problem) -> None:
    """Where the axis dim has a single entry, softmax is always 1, and its gradient is zero."""
    check_gradient(candidate, problem)


@edge_case("softmax.backward")
@given(problem=softmaxes(others=NONE, axes=st.sampled_from([2, 3])) | softmaxes(along=NONE))
def test_softmax_of_an_empty_batch_has_an_empty_gradient(candidate: Candidate, problem: Problem) -> None:
    """For a batch of none, or an axis dim without entries, the gradient is empty, of the same shape."""
    check_gradient(candidate, problem)


def check_output(candidate: Candidate, problem: Problem, probe: Any = activation.forward) -> None:
    """The output is torch's."""
    assert_right(candidate, probe, oracle.activation, without_gradient(problem), mistakes=oracle.output_mistakes)


def check_output_on_a_view(candidate: Candidate, problem: Problem) -> None:
    """The output for a view of x is torch's, and x is what it was."""
    problem = without_gradient(problem)
    got = candidate.run(activation.forward_on_a_view, **problem)
    right = {**oracle.activation(**problem), "x afterwards": problem["x"]}
    in_place = {"x was changed in place; make a new array": {**right, "x afterwards": got["x afterwards"]}}
    assert_same(got, right, mistakes=in_place)


def check_gradient(candidate: Candidate, problem: Problem, probe: Any = activation.forward_and_backward) -> None:
    """The gradient of x is torch's."""
    assert_right(candidate, probe, oracle.activation, problem, ["x_grad"], oracle.gradient_mistakes)

"""The gradient rules against torch."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, Probe, assert_right, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import Problem
from part1_autograd.tests import oracle_functional as oracle
from part1_autograd.tests.strategies import (
    EMPTY,
    NONE,
    array_indexings,
    basic_indexings,
    calls,
    classifications,
    empty_indexings,
    empty_products,
    empty_reductions,
    joins,
    large_classifications,
    pairs,
    powers_of_zero,
    products,
    reductions,
    reductions_without_results,
    reshapes,
    selections,
    single_classifications,
    single_reductions,
    singles,
    transposes,
    turned_shapes,
    unbroadcasts,
    unfitting_shapes,
)

functional = probes("functional")


# Broadcasting


@oracle_test("functional.unbroadcast")
@given(problem=unbroadcasts())
def test_unbroadcast_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """unbroadcast sums over the axes that broadcasting added and over those that it stretched."""
    assert_right(candidate, functional.unbroadcast, oracle.unbroadcast, problem, mistakes=oracle.unbroadcast_mistakes)


@law("functional.unbroadcast")
@given(problem=unbroadcasts())
def test_unbroadcast_keeps_the_total(candidate: Candidate, problem: Problem) -> None:
    """Nothing of a gradient is lost on the way back: its total stays the same."""
    got = candidate.run(functional.unbroadcast, **problem)["grad"]
    total = checked(got, (problem["shape"], problem["grad"].dtype)).sum()
    assert_same({"total": np.asarray(total)}, {"total": np.asarray(problem["grad"].sum())})


@law("functional.unbroadcast")
@given(problem=unfitting_shapes())
def test_unbroadcast_refuses_a_shape_that_does_not_fit(candidate: Candidate, problem: Problem) -> None:
    """A shape that does not broadcast to the gradient's shape is a ValueError."""
    candidate.raises(ValueError, functional.unbroadcast, **problem)


@law("functional.unbroadcast")
@given(problem=turned_shapes())
def test_unbroadcast_refuses_the_axes_in_another_order(candidate: Candidate, problem: Problem) -> None:
    """A shape with the axes the other way round is a ValueError, although it has as many values."""
    candidate.raises(ValueError, functional.unbroadcast, **problem)


@edge_case("functional.unbroadcast")
@given(problem=unbroadcasts(EMPTY))
def test_unbroadcast_of_an_empty_gradient(candidate: Candidate, problem: Problem) -> None:
    """A gradient without values is summed to an empty one, or to zeros where the input was stretched."""
    assert_right(candidate, functional.unbroadcast, oracle.unbroadcast, problem, mistakes=oracle.unbroadcast_mistakes)


# Elementwise rules


@oracle_test("functional.add")
@given(problem=pairs())
def test_add_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """add_backward hands the gradient to both inputs, each in its own shape."""
    check(candidate, functional.add_backward, problem)


@oracle_test("functional.add")
@given(problem=pairs())
def test_sub_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """sub_backward hands the gradient to a, and its negative to b."""
    check(candidate, functional.sub_backward, problem)


@oracle_test("functional.add")
@given(problem=singles())
def test_neg_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """neg_backward gives the gradient the other sign."""
    check(candidate, functional.neg_backward, problem)


@law("functional.add")
@given(problem=singles())
def test_identity_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """identity_backward hands the gradient on as it is."""
    check(candidate, functional.identity_backward, problem)


@edge_case("functional.add")
@given(call=calls(add_backward=pairs(shapes=EMPTY), sub_backward=pairs(shapes=EMPTY)))
def test_add_and_sub_of_empty_arrays(candidate: Candidate, call: tuple[str, Problem]) -> None:
    """add_backward and sub_backward work where an input has no values."""
    check_call(candidate, call)


@oracle_test("functional.mul")
@given(problem=pairs())
def test_mul_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """mul_backward multiplies the gradient by the other factor."""
    check(candidate, functional.mul_backward, problem)


@oracle_test("functional.mul")
@given(problem=pairs("numbers", "nonzero"))
def test_div_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """div_backward multiplies the gradient by 1/b for the dividend and by -a/b² for the divisor."""
    check(candidate, functional.div_backward, problem)


@law("functional.mul")
@given(rule=st.sampled_from(["mul_backward", "div_backward"]), problem=pairs("numbers", "nonzero"))
def test_mul_and_div_leave_their_arguments_alone(candidate: Candidate, rule: str, problem: Problem) -> None:
    """mul_backward and div_backward accept views, and change none of their arguments."""
    in_place = {"grad_output is multiplied by b in place; it is the caller's": oracle.times_b(**problem)}
    check_on_views(candidate, rule, problem, in_place if rule == "mul_backward" else None)


@law("functional.mul")
@given(rule=st.sampled_from(["mul_backward", "div_backward"]), problem=pairs("numbers", "nonzero", shapes=st.just(())))
def test_gradients_without_axes_are_arrays(candidate: Candidate, rule: str, problem: Problem) -> None:
    """Where the inputs have no axes, the gradients are arrays without axes, not NumPy scalars."""
    got = candidate.run(functional.without_axes, probe=rule, arguments=problem)
    assert_same(got, {"a_grad": True, "b_grad": True})


@edge_case("functional.mul")
@given(call=calls(mul_backward=pairs(shapes=EMPTY), div_backward=pairs("numbers", "nonzero", shapes=EMPTY)))
def test_mul_and_div_of_empty_arrays(candidate: Candidate, call: tuple[str, Problem]) -> None:
    """mul_backward and div_backward work where an input has no values."""
    check_call(candidate, call)


@oracle_test("functional.pow")
@given(problem=pairs("positive", "small", ("base", "exponent")))
def test_pow_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """pow_backward gives the gradients of a positive base and of its exponent."""
    check(candidate, functional.pow_backward, problem)


@oracle_test("functional.pow")
@given(problem=pairs("nonzero", "exponents", ("base", "exponent")))
def test_pow_of_any_base_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """With the exponents 0, 1, 2 and 3 the base may be negative too."""
    assert_right(
        candidate, functional.pow_backward, oracle.pow_backward, problem, ["base_grad"], oracle.pow_backward_mistakes
    )


@law("functional.pow")
@given(problem=pairs("positive", "small", ("base", "exponent")))
def test_pow_leaves_its_arguments_alone(candidate: Candidate, problem: Problem) -> None:
    """pow_backward accepts views, and changes none of its arguments."""
    check_on_views(candidate, "pow_backward", problem)


@edge_case("functional.pow")
@given(problem=powers_of_zero())
def test_pow_of_zero_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """For a base of 0 no gradient is nan: that of base⁰ is 0, and so is that of the exponent."""
    check(candidate, functional.pow_backward, problem)


@edge_case("functional.pow")
@given(problem=pairs("positive", "small", ("base", "exponent"), EMPTY))
def test_pow_of_empty_arrays(candidate: Candidate, problem: Problem) -> None:
    """pow_backward works where an input has no values."""
    check(candidate, functional.pow_backward, problem)


@oracle_test("functional.exp")
@given(problem=singles())
def test_exp_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """exp_backward multiplies the gradient by eˣ."""
    check(candidate, functional.exp_backward, problem)


@oracle_test("functional.exp")
@given(problem=singles("positive"))
def test_log_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """log_backward divides the gradient by x."""
    check(candidate, functional.log_backward, problem)


@oracle_test("functional.exp")
@given(problem=singles("positive"))
def test_sqrt_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """sqrt_backward divides the gradient by 2√x."""
    check(candidate, functional.sqrt_backward, problem)


@law("functional.exp")
@given(rule=st.sampled_from(["exp_backward", "log_backward", "sqrt_backward"]), problem=singles("positive"))
def test_exp_log_and_sqrt_leave_their_arguments_alone(candidate: Candidate, rule: str, problem: Problem) -> None:
    """exp_backward, log_backward and sqrt_backward accept views, and change none of their arguments."""
    check_on_views(candidate, rule, problem)


@edge_case("functional.exp")
@given(
    call=calls(
        exp_backward=singles("positive", EMPTY),
        log_backward=singles("positive", EMPTY),
        sqrt_backward=singles("positive", EMPTY),
    )
)
def test_exp_log_and_sqrt_of_empty_arrays(candidate: Candidate, call: tuple[str, Problem]) -> None:
    """exp_backward, log_backward and sqrt_backward work where the input has no values."""
    check_call(candidate, call)


# Activations


@oracle_test("functional.activations")
@given(problem=singles())
def test_tanh_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """tanh_backward multiplies the gradient by 1 - tanh²(x)."""
    check(candidate, functional.tanh_backward, problem)


@oracle_test("functional.activations")
@given(problem=singles())
def test_sigmoid_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """sigmoid_backward multiplies the gradient by σ(x)·(1 - σ(x))."""
    check(candidate, functional.sigmoid_backward, problem)


@oracle_test("functional.activations")
@given(problem=singles("whole"))
def test_relu_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """relu_backward lets the gradient through where x > 0, and nothing where x is zero or less."""
    check(candidate, functional.relu_backward, problem)


@law("functional.activations")
@given(rule=st.sampled_from(["tanh_backward", "sigmoid_backward", "relu_backward"]), problem=singles())
def test_activations_leave_their_arguments_alone(candidate: Candidate, rule: str, problem: Problem) -> None:
    """tanh_backward, sigmoid_backward and relu_backward accept views, and change none of their arguments."""
    check_on_views(candidate, rule, problem)


@edge_case("functional.activations")
@given(problem=singles("thousands"))
def test_sigmoid_does_not_overflow(candidate: Candidate, problem: Problem) -> None:
    """For inputs in the thousands sigmoid_backward is right too, and nothing overflows on the way."""
    check(candidate, functional.sigmoid_backward, problem)


@edge_case("functional.activations")
@given(
    call=calls(
        tanh_backward=singles(shapes=EMPTY),
        sigmoid_backward=singles(shapes=EMPTY),
        relu_backward=singles(shapes=EMPTY),
    )
)
def test_activations_of_empty_arrays(candidate: Candidate, call: tuple[str, Problem]) -> None:
    """tanh_backward, sigmoid_backward and relu_backward work where the input has no values."""
    check_call(candidate, call)


# Matrix product


@oracle_test("functional.matmul")
@given(problem=products("matrices"))
def test_matmul_of_matrices_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """For two matrices matmul_backward gives dL/da = dL/dy bᵀ and dL/db = aᵀ dL/dy."""
    check(candidate, functional.matmul_backward, problem)


@oracle_test("functional.matmul")
@given(problem=products("stacks"))
def test_matmul_of_stacks_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """matmul_backward covers stacks of matrices, whose leading axes broadcast."""
    check(candidate, functional.matmul_backward, problem)


@oracle_test("functional.matmul")
@given(problem=products("vectors"))
def test_matmul_with_vectors_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """matmul_backward covers a vector on the left (a row), on the right (a column), and on both sides."""
    check(candidate, functional.matmul_backward, problem)


@law("functional.matmul")
@given(problem=st.one_of(products("matrices"), products("stacks"), products("vectors")))
def test_matmul_leaves_its_arguments_alone(candidate: Candidate, problem: Problem) -> None:
    """matmul_backward accepts views, transposed ones too, and changes none of its arguments."""
    check_on_views(candidate, "matmul_backward", problem)


@edge_case("functional.matmul")
@given(problem=empty_products())
def test_matmul_of_empty_arrays(candidate: Candidate, problem: Problem) -> None:
    """matmul_backward works where an operand has no values; a gradient that sums nothing is 0."""
    check(candidate, functional.matmul_backward, problem)


# Reductions


@oracle_test("functional.sum")
@given(problem=reductions())
def test_sum_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """sum_backward repeats the gradient along the summed axes: one, several, or all, kept or not."""
    check(candidate, functional.sum_backward, problem)


@oracle_test("functional.sum")
@given(problem=reductions())
def test_mean_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """mean_backward repeats the gradient and divides it by the number of values averaged."""
    check(candidate, functional.mean_backward, problem)


@law("functional.sum")
@given(rule=st.sampled_from(["sum_backward", "mean_backward"]), problem=reductions())
def test_sum_and_mean_leave_their_arguments_alone(candidate: Candidate, rule: str, problem: Problem) -> None:
    """sum_backward and mean_backward accept views, and change none of their arguments."""
    check_on_views(candidate, rule, problem)


@edge_case("functional.sum")
@given(call=calls(sum_backward=single_reductions(), mean_backward=single_reductions()))
def test_sum_and_mean_of_single_values(candidate: Candidate, call: tuple[str, Problem]) -> None:
    """sum_backward and mean_backward work along an axis of length 1, and for a 0-d input: the gradient is handed on."""
    check_call(candidate, call)


@edge_case("functional.sum")
@given(call=calls(sum_backward=empty_reductions(), mean_backward=empty_reductions()))
def test_sum_and_mean_of_empty_arrays(candidate: Candidate, call: tuple[str, Problem]) -> None:
    """The gradient of a sum or a mean of an empty array has the shape of the array."""
    check_call(candidate, call)


@oracle_test("functional.max")
@given(problem=st.one_of(reductions("integer"), reductions("integer", "tied")))
def test_max_along_an_axis_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Along one axis the gradient goes to the maximum; of several equal maxima the first gets all of it."""
    check(candidate, functional.max_backward, problem)


@oracle_test("functional.max")
@given(problem=st.one_of(reductions("several"), reductions("several", "tied")))
def test_max_over_several_axes_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Over a tuple of axes, or over all of them, equal maxima share the gradient evenly."""
    check(candidate, functional.max_backward, problem)


@law("functional.max")
@given(problem=reductions("any", "tied"))
def test_max_leaves_its_arguments_alone(candidate: Candidate, problem: Problem) -> None:
    """max_backward accepts views, and changes none of its arguments."""
    check_on_views(candidate, "max_backward", problem)


@edge_case("functional.max")
@given(problem=single_reductions())
def test_max_of_single_values(candidate: Candidate, problem: Problem) -> None:
    """Along an axis of length 1, and for a 0-d input, the only value is the maximum and gets the gradient."""
    check(candidate, functional.max_backward, problem)


@edge_case("functional.max")
@given(problem=reductions_without_results())
def test_max_of_empty_arrays(candidate: Candidate, problem: Problem) -> None:
    """Where an empty array is reduced along axes that are not empty, the gradient has the shape of the array."""
    check(candidate, functional.max_backward, problem)


# Shapes


@oracle_test("functional.reshape")
@given(problem=reshapes())
def test_reshape_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """reshape_backward gives the gradient the shape of x."""
    check(candidate, functional.reshape_backward, problem)


@oracle_test("functional.reshape")
@given(problem=transposes())
def test_transpose_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """transpose_backward moves the axes back to where they came from."""
    check(candidate, functional.transpose_backward, problem)


@law("functional.reshape")
@given(problem=reshapes())
def test_reshape_leaves_its_arguments_alone(candidate: Candidate, problem: Problem) -> None:
    """reshape_backward accepts a gradient that is not contiguous in memory, and changes none of its arguments."""
    check_on_views(candidate, "reshape_backward", problem)


@edge_case("functional.reshape")
@given(call=calls(reshape_backward=reshapes(EMPTY), transpose_backward=transposes(EMPTY)))
def test_reshape_and_transpose_of_empty_arrays(candidate: Candidate, call: tuple[str, Problem]) -> None:
    """reshape_backward and transpose_backward work where the input has no values."""
    check_call(candidate, call)


@oracle_test("functional.getitem")
@given(problem=basic_indexings())
def test_getitem_with_slices_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """With integers, slices and new axes the gradient goes to where the values were taken, and zero elsewhere."""
    check(candidate, functional.getitem_backward, problem)


@oracle_test("functional.getitem")
@given(problem=array_indexings())
def test_getitem_with_arrays_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """With integer arrays and masks too; an entry that was taken several times gets the sum of its gradients."""
    check(candidate, functional.getitem_backward, problem)


@law("functional.getitem")
@given(problem=array_indexings())
def test_getitem_leaves_its_arguments_alone(candidate: Candidate, problem: Problem) -> None:
    """getitem_backward accepts views, and changes none of its arguments."""
    check_on_views(candidate, "getitem_backward", problem)


@edge_case("functional.getitem")
@given(problem=empty_indexings())
def test_getitem_that_takes_nothing(candidate: Candidate, problem: Problem) -> None:
    """Where a slice, an integer array or a mask takes nothing, the gradient is zeros."""
    check(candidate, functional.getitem_backward, problem)


@oracle_test("functional.concatenate")
@given(problem=joins())
def test_concatenate_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """concatenate_backward gives each array, long or short, the piece of the gradient that it filled."""
    check(candidate, functional.concatenate_backward, problem)


@oracle_test("functional.concatenate")
@given(problem=selections())
def test_where_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """where_backward gives a the gradient where the condition holds and b the rest; all three may be broadcast."""
    check(candidate, functional.where_backward, problem)


@law("functional.concatenate")
@given(call=calls(concatenate_backward=joins(), where_backward=selections()))
def test_concatenate_and_where_leave_their_arguments_alone(candidate: Candidate, call: tuple[str, Problem]) -> None:
    """concatenate_backward and where_backward accept views, and change none of their arguments."""
    check_on_views(candidate, *call)


@edge_case("functional.concatenate")
@given(call=calls(concatenate_backward=joins(NONE), where_backward=selections(shapes=EMPTY)))
def test_concatenate_and_where_of_empty_arrays(candidate: Candidate, call: tuple[str, Problem]) -> None:
    """concatenate_backward and where_backward work where an array has no values."""
    check_call(candidate, call)


# Classification


@oracle_test("functional.softmax_cross_entropy")
@given(problem=classifications("indices"))
def test_softmax_cross_entropy_of_classes_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """For integer targets: the mean loss, and the gradient (softmax - one-hot) / batch times grad_output."""
    check(candidate, functional.softmax_cross_entropy_backward, problem)


@oracle_test("functional.softmax_cross_entropy")
@given(problem=classifications("probabilities"))
def test_softmax_cross_entropy_of_probabilities_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """For targets that are probabilities: the same, and the gradient of the probabilities themselves."""
    check(candidate, functional.softmax_cross_entropy_backward, problem)


@law("functional.softmax_cross_entropy")
@given(problem=classifications("indices"), factor=st.sampled_from([2.0, -1.0, 0.5]))
def test_softmax_cross_entropy_is_linear_in_the_gradient(candidate: Candidate, problem: Problem, factor: float) -> None:
    """An upstream gradient that is twice as large gives a gradient that is twice as large."""
    once = candidate.run(functional.softmax_cross_entropy_backward, **problem)["logits_grad"]
    scaled = {**problem, "grad_output": np.asarray(factor * problem["grad_output"])}
    again = candidate.run(functional.softmax_cross_entropy_backward, **scaled)
    assert_same(again, {"logits_grad": factor * checked(once, problem["logits"])})


@edge_case("functional.softmax_cross_entropy")
@given(problem=large_classifications())
def test_softmax_cross_entropy_does_not_overflow(candidate: Candidate, problem: Problem) -> None:
    """With logits in the thousands loss and gradient are right too, and nothing overflows on the way."""
    check(candidate, functional.softmax_cross_entropy_backward, problem)


@edge_case("functional.softmax_cross_entropy")
@given(problem=single_classifications())
def test_softmax_cross_entropy_of_one_example_or_class(candidate: Candidate, problem: Problem) -> None:
    """A batch of one example, and logits of a single class: the loss of the latter is 0."""
    check(candidate, functional.softmax_cross_entropy_backward, problem)


def check(candidate: Candidate, probe: Probe, problem: Problem) -> None:
    """A rule's gradients are right; the output is computed by NumPy and not part of the answer."""
    truth, mistakes = getattr(oracle, probe.name), getattr(oracle, f"{probe.name}_mistakes", None)
    names = [name for name in truth(**problem) if name != "output"]
    assert_right(candidate, probe, truth, problem, names, mistakes)


def check_call(candidate: Candidate, call: tuple[str, Problem]) -> None:
    """A rule, given by its name, is right."""
    rule, problem = call
    check(candidate, getattr(functional, rule), problem)


def check_on_views(candidate: Candidate, rule: str, problem: Problem, mistakes: Problem | None = None) -> None:
    """A rule is right on views, and its arguments are afterwards what they were before."""
    got = candidate.run(functional.on_views, probe=rule, arguments=problem)
    right = {name: value for name, value in getattr(oracle, rule)(**problem).items() if name.endswith("_grad")}
    assert_same(got["gradients"], right)
    assert_same(got["arguments"], problem, mistakes=mistakes)

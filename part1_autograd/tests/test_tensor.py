"""Tensors against torch."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, edge_case, law, oracle_test, probes
from autograder.testing.strategies import Problem
from part1_autograd.tests import oracle_autograd_engine as engine_oracle
from part1_autograd.tests import oracle_functional as rules
from part1_autograd.tests import oracle_tensor as oracle
from part1_autograd.tests.strategies import (
    EMPTY,
    NONE,
    TENSOR_OPERATIONS,
    affine_problems,
    alike,
    array_indexings,
    basic_indexings,
    calls,
    empty_indexings,
    empty_operands,
    expressions,
    joins,
    operands,
    operands_with_numbers,
    pairs,
    powers_with_zero,
    reductions,
    reductions_without_results,
    repeated_gradients,
    reshapes,
    selections,
    selections_with_numbers,
    single_reductions,
    singles,
    transposes,
)

tensor = probes("tensor")


# Operators


@oracle_test("tensor.operators")
@given(problem=operands("-", "/", "+", "*"))
def test_arithmetic_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """+ - * / between tensors, and between a tensor and an array on either side: value, dtype and gradients."""
    assert_right(candidate, tensor.operate, oracle.operate, problem, mistakes=oracle.operate_mistakes)


@oracle_test("tensor.operators")
@given(problem=operands("**"))
def test_powers_match_torch(candidate: Candidate, problem: Problem) -> None:
    """** with a tensor as the base, as the exponent, and as both."""
    assert_right(candidate, tensor.operate, oracle.operate, problem, mistakes=oracle.operate_mistakes)


@oracle_test("tensor.operators")
@given(problem=operands("@"))
def test_matrix_products_match_torch(candidate: Candidate, problem: Problem) -> None:
    """@ between tensors, and between a tensor and an array on either side."""
    assert_right(candidate, tensor.operate, oracle.operate, problem, mistakes=oracle.operate_mistakes)


@oracle_test("tensor.operators")
@given(problem=operands_with_numbers())
def test_operators_with_numbers_match_torch(candidate: Candidate, problem: Problem) -> None:
    """Every operator but @ with a number on either side: a float32 tensor stays float32."""
    assert_right(
        candidate,
        tensor.operate_with_number,
        oracle.operate_with_number,
        problem,
        mistakes=oracle.operate_with_number_mistakes,
    )


@oracle_test("tensor.operators")
@given(problem=expressions(TENSOR_OPERATIONS, broadcast=True))
def test_expressions_match_torch(candidate: Candidate, problem: Problem) -> None:
    """Whatever is computed from tensors with operators, its value and the gradients of all leaves are right."""
    assert_right(candidate, tensor.evaluate, engine_oracle.differentiate, problem, ["output", "leaf_grads"])


@law("tensor.operators")
@given(problem=expressions(TENSOR_OPERATIONS, broadcast=True))
def test_nothing_is_recorded_without_need(candidate: Candidate, problem: Problem) -> None:
    """Where no tensor requires a gradient, the values are the same and the tape stays empty."""
    got = candidate.run(tensor.evaluate_without_gradients, leaves=problem["leaves"], nodes=problem["nodes"])
    right = {"output": engine_oracle.differentiate(**problem)["output"], "requires_grad": False, "operations": 0}
    recorded = {**right, "requires_grad": True, "operations": len(problem["nodes"])}
    mistakes = {"operations are recorded, although no operand requires a gradient": recorded}
    assert_same(got, right, mistakes=mistakes)


@law("tensor.operators")
@given(problem=alike("a", "b"))
def test_engines_do_not_mix(candidate: Candidate, problem: Problem) -> None:
    """Tensors of two engines cannot be combined: a ValueError."""
    mistakes = {
        "the result is on the first operand's engine, and the second's does not know it": {"operations": [1, 0]}
    }
    candidate.raises(ValueError, tensor.mix_engines, mistakes, **problem)


@law("tensor.operators")
@given(problem=alike("a", "b", shapes=st.just(())))
def test_results_without_axes_are_arrays(candidate: Candidate, problem: Problem) -> None:
    """What is computed from tensors without axes holds an array without axes, not a NumPy scalar."""
    assert_same(candidate.run(tensor.compute_without_axes, **problem), {"-a": True, "a + b": True, "a + 2": True})


@edge_case("tensor.operators")
@given(problem=empty_operands())
def test_operators_of_empty_arrays(candidate: Candidate, problem: Problem) -> None:
    """Every operator works where an operand has no values; a product that sums nothing is 0."""
    assert_right(candidate, tensor.operate, oracle.operate, problem, mistakes=oracle.operate_mistakes)


@edge_case("tensor.operators")
@given(problem=powers_with_zero())
def test_powers_of_zero_match_torch(candidate: Candidate, problem: Problem) -> None:
    """Zero and negative numbers to the power of 0, 1 and 2: x⁰ is 1 with a gradient of 0, also at x = 0."""
    assert_right(candidate, tensor.power, oracle.power, problem)


# Functions and reductions


@oracle_test("tensor.functions")
@given(problem=singles())
def test_functions_match_torch(candidate: Candidate, problem: Problem) -> None:
    """exp, tanh, sigmoid and relu: value and gradient, for any number."""
    for function in ("exp", "tanh", "sigmoid", "relu"):
        called = {"function": function, **problem}
        assert_right(candidate, tensor.call, oracle.call, called, mistakes=oracle.call_mistakes)


@oracle_test("tensor.functions")
@given(function=st.sampled_from(["log", "sqrt"]), problem=singles("positive"))
def test_log_and_sqrt_match_torch(candidate: Candidate, function: str, problem: Problem) -> None:
    """log and sqrt: value and gradient, for positive numbers."""
    called = {"function": function, **problem}
    assert_right(candidate, tensor.call, oracle.call, called, mistakes=oracle.call_mistakes)


@edge_case("tensor.functions")
@given(
    function=st.sampled_from(["exp", "tanh", "sigmoid", "relu", "log", "sqrt"]),
    problem=singles("positive", EMPTY),
)
def test_functions_of_empty_arrays(candidate: Candidate, function: str, problem: Problem) -> None:
    """Every function works on a tensor without values."""
    assert_right(candidate, tensor.call, oracle.call, {"function": function, **problem})


@edge_case("tensor.functions")
@given(problem=singles("thousands"))
def test_sigmoid_of_large_numbers_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """For inputs in the thousands sigmoid is 0 or 1, and its gradient 0."""
    assert_right(candidate, tensor.call, oracle.call, {"function": "sigmoid", **problem})


@oracle_test("tensor.reductions")
@given(reduction=st.sampled_from(["sum", "mean"]), problem=reductions())
def test_sum_and_mean_match_torch(candidate: Candidate, reduction: str, problem: Problem) -> None:
    """sum and mean over any axes, kept or not: value and gradient."""
    assert_right(candidate, tensor.reduce, oracle.reduce, {"reduction": reduction, **problem})


@oracle_test("tensor.reductions")
@given(problem=reductions(among="tied"))
def test_max_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """max over any axes, kept or not: value and gradient, also where several values are the largest."""
    of_max = {"reduction": "max", **problem}
    assert_right(candidate, tensor.reduce, oracle.reduce, of_max, mistakes=oracle.max_mistakes)


@edge_case("tensor.reductions")
@given(reduction=st.sampled_from(["sum", "mean", "max"]), problem=single_reductions())
def test_reductions_of_single_values(candidate: Candidate, reduction: str, problem: Problem) -> None:
    """sum, mean and max along an axis of length 1, and of a 0-d tensor, give the values themselves."""
    assert_right(candidate, tensor.reduce, oracle.reduce, {"reduction": reduction, **problem})


@edge_case("tensor.reductions")
@given(reduction=st.sampled_from(["sum", "mean", "max"]), problem=reductions_without_results())
def test_reductions_of_empty_tensors(candidate: Candidate, reduction: str, problem: Problem) -> None:
    """sum, mean and max of a tensor without values along axes that are not empty: value and gradient are empty too."""
    assert_right(candidate, tensor.reduce, oracle.reduce, {"reduction": reduction, **problem})


# Shapes


@oracle_test("tensor.shapes")
@given(problem=reshapes())
def test_reshape_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """reshape to any shape that holds as many values, its own too."""
    assert_right(candidate, tensor.reshape, rules.reshape_backward, problem)


@oracle_test("tensor.shapes")
@given(problem=transposes())
def test_transpose_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """T reverses the axes, transpose puts them into any order."""
    assert_right(candidate, tensor.transpose, rules.transpose_backward, problem)


@oracle_test("tensor.shapes")
@given(problem=st.one_of(basic_indexings(), array_indexings()))
def test_getitem_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Indexing with integers, slices, integer arrays that repeat, and masks."""
    assert_right(candidate, tensor.getitem, rules.getitem_backward, problem, ["output", "x_grad"])


@oracle_test("tensor.shapes")
@given(problem=joins())
def test_concatenate_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """concatenate joins several tensors along any axis."""
    assert_right(candidate, tensor.concatenate, rules.concatenate_backward, problem)


@law("tensor.shapes")
@given(problem=joins())
def test_concatenate_takes_arrays(candidate: Candidate, problem: Problem) -> None:
    """concatenate joins arrays to a tensor as well; the tensor gets its gradient."""
    got, right = candidate.run(tensor.concatenate_with_arrays, **problem), rules.concatenate_backward(**problem)
    assert_same(got, right, names=["output", "arrays[0]_grad"])


@oracle_test("tensor.shapes")
@given(problem=selections())
def test_where_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """where takes a where the condition holds, and b elsewhere; all three may be broadcast."""
    assert_right(
        candidate,
        tensor.where,
        rules.where_backward,
        problem,
        ["output", "a_grad", "b_grad"],
        mistakes=rules.where_backward_mistakes,
    )


@law("tensor.shapes")
@given(problem=selections_with_numbers())
def test_where_takes_a_number(candidate: Candidate, problem: Problem) -> None:
    """where takes a number in place of either tensor: a float32 tensor stays float32."""
    assert_right(candidate, tensor.where_with_number, oracle.where_with_number, problem)


@edge_case("tensor.shapes")
@given(
    call=calls(
        reshape=reshapes(EMPTY),
        transpose=transposes(EMPTY),
        getitem=empty_indexings(),
        concatenate=joins(NONE),
        where=selections(shapes=EMPTY),
    )
)
def test_shapes_of_empty_tensors(candidate: Candidate, call: tuple[str, Problem]) -> None:
    """reshape, transpose, concatenate and where take tensors without values, and an index may take nothing."""
    operation, problem = call
    truth = getattr(rules, f"{operation}_backward")
    names = [name for name in truth(**problem) if name not in ("index_grad", "condition_grad")]
    assert_right(candidate, getattr(tensor, operation), truth, problem, names)


# Going backward


@oracle_test("tensor.backward")
@given(problem=repeated_gradients())
def test_grad_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """grad is None at first; every call of backward adds to the gradients of all leaves."""
    assert_right(candidate, tensor.backward, oracle.backward, problem, mistakes=oracle.backward_mistakes)


@oracle_test("tensor.backward")
@given(problem=alike("x", "grad_output"))
def test_detach_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """detach gives a constant with the same numbers: in x * x.detach() only the first factor gets a gradient."""
    assert_right(
        candidate,
        tensor.multiply_with_detached,
        oracle.multiply_with_detached,
        problem,
        mistakes=oracle.multiply_with_detached_mistakes,
    )


@law("tensor.backward")
@given(problem=expressions(TENSOR_OPERATIONS, size=1))
def test_a_loss_needs_no_gradient(candidate: Candidate, problem: Problem) -> None:
    """backward() without an argument starts with one, where the output has one element."""
    expression = {"leaves": problem["leaves"], "nodes": problem["nodes"]}
    assert_right(candidate, tensor.backward_without_gradient, engine_oracle.differentiate_without_gradient, expression)


@law("tensor.backward")
@given(problem=alike("x", "grad_output"))
def test_a_leaf_is_its_own_way_back(candidate: Candidate, problem: Problem) -> None:
    """backward of a leaf brings the leaf its gradient, although nothing was computed."""
    got = candidate.run(tensor.backward_from_leaf, **problem)
    assert_same(got, {"x_grad": problem["grad_output"]})


@law("tensor.backward")
@given(problem=alike("x", "grad_output"))
def test_a_result_keeps_its_grad_if_asked_to(candidate: Candidate, problem: Problem) -> None:
    """A result of operations has grad None after backward too, unless retain_grad was called before."""
    got = candidate.run(tensor.grads_of_results, **problem)
    assert_same(got, {"kept_grad": problem["grad_output"], "other_grads": [None] * 3})


@law("tensor.backward")
@given(problem=pairs(names=("x", "constant")))
def test_a_constant_has_no_gradient(candidate: Candidate, problem: Problem) -> None:
    """A tensor that requires no gradient keeps grad None, and the others get theirs."""
    got = candidate.run(tensor.multiply_with_constant, **problem)
    right = rules.mul_backward(problem["grad_output"], x=problem["x"], constant=problem["constant"])
    assert_same(got, {"x_grad": right["x_grad"], "constant_grad": None})


@law("tensor.backward")
@given(problem=alike("x"))
def test_no_grad_pauses_the_recording(candidate: Candidate, problem: Problem) -> None:
    """Nothing is recorded inside no_grad; after it everything is again, even if an exception ended it."""
    got = candidate.run(tensor.pause_recording, **problem)
    mistakes = {"no_grad does not pause the recording": {"inside": True, "after": True, "operations": 2}}
    assert_same(got, {"inside": False, "after": True, "operations": 1}, mistakes=mistakes)


# Layers


@oracle_test("tensor.apply")
@given(problem=affine_problems())
def test_a_layer_on_the_tape_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """apply records a layer: its output goes on, and its backward is part of the way back."""
    truth, mistakes = oracle.apply_affine, oracle.apply_affine_mistakes
    assert_right(candidate, tensor.apply_affine, truth, problem, mistakes=mistakes)


@oracle_test("tensor.apply")
@given(problem=alike("a", "b", "grad_output"))
def test_a_layer_with_two_inputs_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """apply takes several inputs, and the layer's backward gives one gradient for each."""
    assert_right(candidate, tensor.apply_blend, oracle.apply_blend, problem)


@law("tensor.apply")
@given(problem=alike("x", "grad_output"))
def test_a_layer_may_return_its_input(candidate: Candidate, problem: Problem) -> None:
    """A layer may return its input itself: the result is another tensor, and the gradient goes through."""
    got = candidate.run(tensor.apply_identity, **problem)
    assert_same(got, {"output": problem["x"], "x_grad": problem["grad_output"]})


@law("tensor.apply")
@given(problem=affine_problems(), on_default=st.booleans())
def test_a_layer_of_a_constant_is_recorded(candidate: Candidate, problem: Problem, on_default: bool) -> None:
    """A layer is recorded although its input requires no gradient, also on the default engine: its parameters may."""
    got = candidate.run(tensor.apply_to_constant, **problem, on_default=on_default)
    assert_same(got, oracle.affine(**problem), names=["weight_grad", "bias_grad"])


@law("tensor.apply")
@given(problem=alike("a", "b", "grad_output"), count=st.sampled_from([1, 3]))
def test_a_layer_gives_a_gradient_for_every_input(candidate: Candidate, problem: Problem, count: int) -> None:
    """A layer whose backward gives more or fewer gradients than it has inputs is a ValueError."""
    candidate.raises(ValueError, tensor.apply_repeating, **problem, count=count)


@law("tensor.apply")
@given(problem=alike("x"))
def test_a_layer_returns_one_array(candidate: Candidate, problem: Problem) -> None:
    """A layer whose forward returns two arrays is a TypeError."""
    candidate.raises(TypeError, tensor.apply_pair, **problem)


@edge_case("tensor.apply")
@given(problem=affine_problems(NONE))
def test_a_layer_on_an_empty_batch(candidate: Candidate, problem: Problem) -> None:
    """A layer may be applied to a batch without examples: its parameters get gradients of 0."""
    assert_right(candidate, tensor.apply_affine, oracle.apply_affine, problem)

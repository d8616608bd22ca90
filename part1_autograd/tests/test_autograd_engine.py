"""The tape: recording, going back, accumulating, releasing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, edge_case, law, oracle_test, probes
from autograder.testing.strategies import Problem
from part1_autograd.tests import oracle_autograd_engine as oracle
from part1_autograd.tests import oracle_functional as rules
from part1_autograd.tests.strategies import (
    EMPTY,
    alike,
    chains,
    expressions,
    received_expressions,
    restarted_expressions,
    selections,
    started_expressions,
    unfitting_gradients,
)

autograd_engine = probes("autograd_engine")


# Recording


@oracle_test("autograd_engine.add_operation")
@given(problem=expressions())
def test_the_tape_holds_what_was_recorded(candidate: Candidate, problem: Problem) -> None:
    """operation_list holds every operation in order, with the very arrays that it was given."""
    probe, expression = autograd_engine.record, without_gradient(problem)
    assert_right(candidate, probe, oracle.record, expression, mistakes=oracle.record_mistakes)


@law("autograd_engine.add_operation")
@given(problem=alike("x"))
def test_an_operation_in_place_is_refused(candidate: Candidate, problem: Problem) -> None:
    """An output that is also one of the inputs is a ValueError: the tape could not tell its two gradients apart."""
    mistakes = {"the operation is recorded, although its output is its input": {"operations": 1}}
    candidate.raises(ValueError, autograd_engine.record_in_place, mistakes, **problem)


@law("autograd_engine.add_operation")
@given(problem=alike("x"))
def test_a_view_of_an_input_is_a_new_array(candidate: Candidate, problem: Problem) -> None:
    """An output may be a view of an input: the memory is the same, and the array another."""
    assert_same({"operations": candidate.run(autograd_engine.record_view, **problem)}, {"operations": 1})


@law("autograd_engine.add_operation")
@given(problem=alike("x"))
def test_a_result_in_an_earlier_input_is_refused(candidate: Candidate, problem: Problem) -> None:
    """An output that an earlier operation had as its input is a ValueError too."""
    candidate.raises(ValueError, autograd_engine.record_into_earlier_input, **problem)


@law("autograd_engine.add_operation")
@given(problem=unfitting_gradients())
def test_an_array_to_add_to_has_its_inputs_shape(candidate: Candidate, problem: Problem) -> None:
    """An array in gradients_to_update that has not its input's shape is a ValueError, even if it broadcasts."""
    x, receiver = problem["array"], problem["gradient"]
    candidate.raises(ValueError, autograd_engine.record_with, x=x, gradients_to_update=[receiver])


@law("autograd_engine.add_operation")
@given(problem=alike("x"), count=st.sampled_from([0, 2, 3]))
def test_gradients_to_update_has_an_entry_for_every_input(candidate: Candidate, problem: Problem, count: int) -> None:
    """gradients_to_update with more or fewer entries than there are inputs is a ValueError."""
    candidate.raises(ValueError, autograd_engine.record_with, **problem, gradients_to_update=[None] * count)


@law("autograd_engine.add_operation")
@given(problem=alike("x", "y"))
def test_a_refused_operation_leaves_no_trace(candidate: Candidate, problem: Problem) -> None:
    """After a ValueError the tape is empty, and none of the inputs has a spot."""
    got = candidate.run(autograd_engine.record_refused, **problem)
    assert_same(got, {"operations": 0, "spots": 0})


@law("autograd_engine.add_operation")
@given(problem=expressions())
def test_engines_are_independent(candidate: Candidate, problem: Problem) -> None:
    """What one engine records is not on another's tape."""
    got = candidate.run(autograd_engine.record_on_two_engines, **without_gradient(problem))
    assert_same(got, {"one": len(problem["nodes"]), "other": 1})


# Going back


@oracle_test("autograd_engine.backward")
@given(problem=chains())
def test_a_chain_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """backward hands the gradient from operation to operation, down to the leaf."""
    check_gradients(candidate, problem)


@oracle_test("autograd_engine.backward")
@given(problem=expressions(("mul", "add", "sub"), most=3))
def test_arrays_used_twice_match_torch(candidate: Candidate, problem: Problem) -> None:
    """Where an array is used several times, or twice in one operation as in x * x, its gradients add up."""
    check_gradients(candidate, problem)


@oracle_test("autograd_engine.backward")
@given(problem=expressions())
def test_expressions_match_torch(candidate: Candidate, problem: Problem) -> None:
    """Whatever the expression, every leaf gets its gradient, and the upstream gradient is not changed."""
    check_gradients(candidate, problem)


@oracle_test("autograd_engine.backward")
@given(problem=started_expressions())
def test_only_what_the_output_depends_on_is_visited(candidate: Candidate, problem: Problem) -> None:
    """From any result backward calls the rules that it depends on, no others, once each."""
    assert_right(candidate, autograd_engine.visits, oracle.visits, problem, mistakes=oracle.visits_mistakes)


@law("autograd_engine.backward")
@given(problem=alike("x", "grad_output"))
def test_backward_takes_a_tensor(candidate: Candidate, problem: Problem) -> None:
    """backward takes a Tensor as well: it goes back from the tensor's array."""
    got = candidate.run(autograd_engine.differentiate_from_tensor, **problem)
    assert_same(got, {"x_grad": np.asarray(2 * problem["grad_output"])})


@law("autograd_engine.backward")
@given(problem=alike("x"), gradient_shape=st.sampled_from([(1, 1, 1, 1), (9,)]))
def test_a_gradient_of_another_shape_is_refused(
    candidate: Candidate, problem: Problem, gradient_shape: tuple[int, ...]
) -> None:
    """A grad_output of another shape than the output is a ValueError, even where NumPy would broadcast it."""
    probe, nodes = autograd_engine.differentiate, [["neg", [0]]]
    candidate.raises(ValueError, probe, leaves=[problem["x"]], nodes=nodes, grad_output=np.ones(gradient_shape))


@law("autograd_engine.backward")
@given(problem=alike("x", "grad_output"), returns=st.sampled_from(["an array", "too few", "too many"]))
def test_a_rule_gives_a_gradient_for_every_input(candidate: Candidate, problem: Problem, returns: str) -> None:
    """A rule that does not return a tuple with an entry for every input is a ValueError."""
    candidate.raises(ValueError, autograd_engine.differentiate_with_wrong_rule, **problem, returns=returns)


@law("autograd_engine.backward")
@given(problem=selections(broadcast=False))
def test_a_rule_may_give_none(candidate: Candidate, problem: Problem) -> None:
    """Where a rule gives None for an input, the other inputs get their gradients all the same."""
    assert_right(candidate, autograd_engine.differentiate_choice, rules.where_backward, problem, ["a_grad", "b_grad"])


@law("autograd_engine.backward")
@given(problem=alike("x", "grad_output"))
def test_a_view_is_another_array(candidate: Candidate, problem: Problem) -> None:
    """A result may be a view of its input: the tape tells the two apart."""
    got = candidate.run(autograd_engine.differentiate_through_view, **problem)
    assert_same(got, {"x_grad": np.asarray(2 * problem["grad_output"])})


@law("autograd_engine.backward")
@given(problem=expressions(size=1))
def test_the_gradient_of_a_single_element_is_one(candidate: Candidate, problem: Problem) -> None:
    """Without grad_output a result of one element, of any number of axes, starts with one."""
    assert_right(
        candidate,
        autograd_engine.differentiate_without_gradient,
        oracle.differentiate_without_gradient,
        without_gradient(problem),
    )


@law("autograd_engine.backward")
@given(length=st.integers(2, 4))
def test_several_elements_need_a_gradient(candidate: Candidate, length: int) -> None:
    """Without grad_output a result of several elements is a ValueError."""
    probe, leaves, nodes = autograd_engine.differentiate_without_gradient, [np.ones(length)], [["neg", [0]]]
    mistakes = {"several elements begin with a gradient of ones; it must be given": {"leaf_grads": [-np.ones(length)]}}
    candidate.raises(ValueError, probe, mistakes, leaves=leaves, nodes=nodes)


@law("autograd_engine.backward")
@given(problem=alike("x", "grad_output"))
def test_an_unknown_output_is_refused(candidate: Candidate, problem: Problem) -> None:
    """Going backward from an array that is not on the tape is a RuntimeError, also if one with its numbers is."""
    candidate.raises(RuntimeError, autograd_engine.differentiate_stranger, **problem)


@law("autograd_engine.backward")
@given(length=st.just(20_000))
def test_a_long_chain_needs_no_recursion(candidate: Candidate, length: int) -> None:
    """A chain of 20 000 operations is no harder than a short one."""
    x = np.ones(1)
    got = candidate.run(autograd_engine.differentiate_long_chain, x=x, length=length, grad_output=x)
    assert_same(got, {"x_grad": x})


@edge_case("autograd_engine.backward")
@given(problem=chains(EMPTY))
def test_a_chain_of_empty_arrays(candidate: Candidate, problem: Problem) -> None:
    """Arrays without values go through the tape as others do."""
    check_gradients(candidate, problem)


# Accumulating


@oracle_test("autograd_engine.accumulate")
@given(problem=restarted_expressions())
def test_repeated_calls_match_torch(candidate: Candidate, problem: Problem) -> None:
    """Calls from several results of one tape add up at the leaves; what lies between starts from zero every time."""
    assert_right(candidate, autograd_engine.repeat, oracle.repeat, problem, mistakes=oracle.repeat_mistakes)


@oracle_test("autograd_engine.accumulate")
@given(problem=received_expressions())
def test_gradients_are_added_into_arrays(candidate: Candidate, problem: Problem) -> None:
    """An array in gradients_to_update gets its input's gradient added, in place, to what it holds."""
    assert_right(
        candidate,
        autograd_engine.add_into_arrays,
        oracle.add_into_arrays,
        problem,
        mistakes=oracle.add_into_arrays_mistakes,
    )


@law("autograd_engine.accumulate")
@given(problem=alike("x", "between", "grad_output"))
def test_a_result_that_adds_to_an_array_hands_its_gradient_on(candidate: Candidate, problem: Problem) -> None:
    """The gradient of a result is added to its array in gradients_to_update, and goes on to the leaf."""
    got = candidate.run(autograd_engine.add_into_array_between, **problem)
    gradient = np.asarray(-problem["grad_output"])
    assert_same(got, {"between": np.asarray(problem["between"] + gradient), "x_grad": np.asarray(2 * gradient)})


@law("autograd_engine.accumulate")
@given(problem=alike("x", "receiver", "gradient"))
def test_what_is_added_to_an_array_is_not_kept_too(candidate: Candidate, problem: Problem) -> None:
    """A gradient that is added to an array in gradients_to_update does not go to the buffer as well."""
    got = candidate.run(autograd_engine.add_into_array_from_rule, **problem)
    x, receiver, gradient = problem.values()
    assert_same(got, {"receiver": np.asarray(receiver + gradient), "kept": np.zeros_like(x)})


@law("autograd_engine.accumulate")
@given(problem=unfitting_gradients())
def test_a_gradient_of_another_shape_is_not_added(candidate: Candidate, problem: Problem) -> None:
    """A rule's gradient that has not the shape of the array to add it to is a ValueError, even if it broadcasts."""
    x, gradient = problem["array"], problem["gradient"]
    probe = autograd_engine.add_into_array_from_rule
    candidate.raises(ValueError, probe, x=x, receiver=np.zeros_like(x), gradient=gradient)


@law("autograd_engine.accumulate")
@given(problem=alike("x", "first", "second"))
def test_the_buffer_keeps_the_last_gradient_of_a_result(candidate: Candidate, problem: Problem) -> None:
    """The buffer has the gradients of the results between too: those of the last call alone."""
    gradients = [problem["first"], problem["second"]]
    got = candidate.run(autograd_engine.gradient_between, x=problem["x"], grad_outputs=gradients)
    assert_same(got, {"h_grad": np.asarray(-problem["second"])})


@law("autograd_engine.accumulate")
@given(problem=expressions())
def test_two_calls_give_twice_the_gradient(candidate: Candidate, problem: Problem) -> None:
    """Going backward twice from the same result gives every leaf exactly twice its gradient."""
    leaves, nodes = problem["leaves"], problem["nodes"]
    start = [len(nodes) - 1, problem["grad_output"]]
    once = candidate.run(autograd_engine.repeat, leaves=leaves, nodes=nodes, starts=[start])["leaf_grads"]
    twice = candidate.run(autograd_engine.repeat, leaves=leaves, nodes=nodes, starts=[start, start])
    assert_same(twice, {"leaf_grads": [np.asarray(2 * gradient) for gradient in once]})


@law("autograd_engine.accumulate")
@given(problem=expressions())
def test_zero_grad_starts_anew(candidate: Candidate, problem: Problem) -> None:
    """After zero_grad the tape is empty, and the same leaves start from zero."""
    assert_right(candidate, autograd_engine.start_anew, oracle.start_anew, problem, mistakes=oracle.start_anew_mistakes)


@law("autograd_engine.accumulate")
@given(problem=alike("x", "grad_output"))
def test_gradients_share_no_memory(candidate: Candidate, problem: Problem) -> None:
    """Changing one leaf's gradient in place changes neither another leaf's nor the upstream gradient."""
    got = candidate.run(autograd_engine.change_one_gradient, **problem)
    assert_same(got, {"z_grad": problem["grad_output"], "grad_output": problem["grad_output"]})


# Releasing


@oracle_test("autograd_engine.release")
@given(problem=started_expressions())
def test_release_keeps_what_was_not_passed(candidate: Candidate, problem: Problem) -> None:
    """With release=True the gradients are the same, and of the tape only what was not visited is left."""
    assert_right(candidate, autograd_engine.release, oracle.release, problem, mistakes=oracle.release_mistakes)


@law("autograd_engine.release")
@given(length=st.integers(1, 5))
def test_release_frees_the_arrays_between(candidate: Candidate, length: int) -> None:
    """With release=True nothing keeps the results that were passed: their memory is free again."""
    x = np.ones(3)
    got = candidate.run(autograd_engine.release_memory, x=x, length=length, grad_output=x)
    mistakes = {"the gradient buffer keeps what was released; its spots must go, too": {"alive": length - 1}}
    assert_same(got, {"alive": 0}, mistakes=mistakes)


@law("autograd_engine.release")
@given(problem=st.just({"size": 2**17, "length": 4, "times": 32}))
def test_what_is_released_makes_room(candidate: Candidate, problem: Problem) -> None:
    """Where 32 arrays have room, 128 have it by turns, each released before the next; the gradients still add up."""
    got = candidate.run_within(32 * 2**20, autograd_engine.release_repeatedly, **problem)
    assert_same(got, {"smallest": np.array(32.0), "largest": np.array(32.0)})


@law("autograd_engine.release")
@given(problem=alike("x", "released", "later"))
def test_what_was_not_passed_can_be_gone_back_from(candidate: Candidate, problem: Problem) -> None:
    """From a result that release=True did not pass, backward works later, and what lies between has its gradient."""
    got = candidate.run(autograd_engine.backward_after_release, **problem)
    x, released, later = problem.values()
    x_grad = np.asarray(-2 * released - later * (1 - np.tanh(x) ** 2))
    assert_same(got, {"x_grad": x_grad, "between_grad": np.asarray(-later)})


@law("autograd_engine.release")
@given(problem=alike("x", "grad_output"), order=st.sampled_from([["neg", "tanh"], ["tanh", "neg"]]))
def test_what_was_released_ends_the_way_back(candidate: Candidate, problem: Problem, order: list[str]) -> None:
    """Going backward later through a result that release=True took off the tape is a RuntimeError, as in torch."""
    candidate.raises(RuntimeError, autograd_engine.backward_through_released, **problem, order=order)


def check_gradients(candidate: Candidate, problem: Problem) -> None:
    """Compare the gradients of an expression with torch's."""
    probe, truth = autograd_engine.differentiate, oracle.differentiate
    assert_right(candidate, probe, truth, problem, mistakes=oracle.differentiate_mistakes)


def without_gradient(problem: Problem) -> Problem:
    """An expression alone."""
    return {"leaves": problem["leaves"], "nodes": problem["nodes"]}

"""CTC of a whole batch against torch and all paths; and that a frame takes no more steps for more examples."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from autograder.testing import (
    Candidate,
    Probe,
    assert_at_most,
    assert_right,
    assert_same,
    checked,
    edge_case,
    law,
    oracle_test,
    probes,
)
from autograder.testing.strategies import Problem
from part3_recurrent.tests import oracle_batched_ctc as oracle
from part3_recurrent.tests.strategies_ctc import (
    SINGLE_LOSSES,
    batches,
    batches_of_nothing,
    batches_with_empty_targets,
    batches_with_no_frames,
    infeasible_batches,
    long_batch,
    tiny_batches,
    with_gradients,
    with_impossible_symbols,
    with_other_padding,
)

batched = probes("batched_ctc")

GROWTH = "what a frame takes with 32 examples, in instructions of Python and as a multiple of what it takes with 2,"
ONE_BY_ONE = "examples are taken one after another: a frame takes more instructions of Python for more of them"

# Forward


@oracle_test("batched_ctc.forward")
@given(problem=batches())
def test_loss_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives torch's loss for examples of any lengths; a frame takes as many Python steps for 32 as for 2."""
    check_loss(candidate, batched.forward, problem)


@oracle_test("batched_ctc.forward")
@given(problem=batches(is_concatenated=True))
def test_loss_of_concatenated_targets_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """It does so for targets that stand one after another, in as few steps."""
    check_loss(candidate, batched.forward, problem)


@law("batched_ctc.forward")
def test_loss_of_a_long_example_matches_torch(candidate: Candidate) -> None:
    """2000 frames of float32 neither underflow nor overflow in a batch of one."""
    check_loss(candidate, batched.forward, long_batch("float32"))


@edge_case("batched_ctc.forward")
@given(problem=infeasible_batches())
def test_loss_of_infeasible_targets_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """If a target of the batch is too long for its frames, its own loss alone is inf, or 0 with zero_infinity."""
    check_loss(candidate, batched.forward, problem)


@edge_case("batched_ctc.forward")
@given(problem=with_impossible_symbols(tiny_batches()))
def test_loss_with_impossible_symbols(candidate: Candidate, problem: Problem) -> None:
    """A log-probability of -inf, for one example's symbol or for all its paths, gives no nan and no warning."""
    assert_right(candidate, batched.forward_without_warning, oracle.loss_of_paths, problem, ["output"])
    check_steps(candidate)


@edge_case("batched_ctc.forward")
@given(problem=batches_with_empty_targets())
def test_loss_of_empty_targets_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Beside others, an empty target has the loss of blanks alone; all targets of a batch may be empty."""
    check_loss(candidate, batched.forward, problem)


@edge_case("batched_ctc.forward")
@given(problem=batches_with_no_frames() | batches_of_nothing())
def test_loss_without_frames_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Beside others, an input length of 0 gives the loss inf, or 0 with zero_infinity and for an empty target."""
    check_loss(candidate, batched.forward, problem)


# Backward


@oracle_test("batched_ctc.backward")
@given(problem=with_gradients(batches()))
def test_gradient_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """backward gives torch's gradient, for lengths of all kinds and any upstream gradient, in as few steps."""
    check_gradient(candidate, batched.forward_and_backward, problem)


@oracle_test("batched_ctc.backward")
@given(problem=with_gradients(tiny_batches()))
def test_gradient_is_the_share_of_the_paths(candidate: Candidate, problem: Problem) -> None:
    """dL/dlog_probs[t, b, v] is minus the share of b's paths that name v at t, times what its loss counts for."""
    assert_right(candidate, batched.forward_and_backward, oracle.loss_of_paths, problem, ["log_probs_grad"])
    check_steps(candidate)


@law("batched_ctc.backward")
@given(problem=with_gradients(batches(reductions=SINGLE_LOSSES)))
def test_gradient_sums_to_minus_one_at_every_frame(candidate: Candidate, problem: Problem) -> None:
    """Over the symbols the gradient sums to -g at each example's own frames, and is zero in its padding."""
    got = checked(candidate.run(batched.forward_and_backward, **problem)["log_probs_grad"], problem["log_probs"])
    has_frame = np.arange(len(got))[:, None] < problem["input_lengths"]
    assert_same(got.sum(axis=2), -problem["grad_output"] * has_frame.astype(got.dtype))
    check_steps(candidate)


@law("batched_ctc.backward")
@given(problem=with_gradients(batches()))
def test_padding_changes_nothing(candidate: Candidate, problem: Problem) -> None:
    """nan after an example's frames, and other padding of the targets, change neither loss nor gradient."""
    other = with_other_padding(problem, np.nan)
    assert_same(candidate.run(batched.forward_and_backward, **other), oracle.loss(**problem))
    check_steps(candidate)


@edge_case("batched_ctc.backward")
@given(problem=with_gradients(infeasible_batches()))
def test_gradient_of_infeasible_targets_is_zero(candidate: Candidate, problem: Problem) -> None:
    """Of a batch in which a target is too long, that example has zero gradient, and the others keep theirs."""
    check_gradient(candidate, batched.forward_and_backward, problem)


@edge_case("batched_ctc.backward")
@given(problem=infeasible_batches(reductions=SINGLE_LOSSES))
def test_an_infinite_upstream_gradient_changes_nothing(candidate: Candidate, problem: Problem) -> None:
    """Beside others, an infeasible target has zero gradient also if the upstream one is inf."""
    twice = 2 * oracle.loss(**problem)["output"]
    finite = np.where(np.isinf(twice), 0, twice).astype(twice.dtype)
    right = oracle.loss(**problem, grad_output=finite)
    assert_same(candidate.run(batched.forward_and_backward, **problem, grad_output=twice), right, ["log_probs_grad"])
    check_steps(candidate)


@edge_case("batched_ctc.backward")
@given(problem=with_gradients(with_impossible_symbols(tiny_batches())))
def test_gradient_with_impossible_symbols(candidate: Candidate, problem: Problem) -> None:
    """Where a symbol's log-probability is -inf its gradient is zero, without nan and without a warning."""
    assert_right(candidate, batched.run_without_warning, oracle.loss_of_paths, problem, ["log_probs_grad"])
    check_steps(candidate)


@edge_case("batched_ctc.backward")
@given(problem=with_gradients(batches_with_empty_targets() | batches_with_no_frames() | batches_of_nothing()))
def test_gradient_of_examples_without_labels_or_frames(candidate: Candidate, problem: Problem) -> None:
    """Beside others, an empty target has a gradient for the blank alone, and an example without a frame none."""
    check_gradient(candidate, batched.forward_and_backward, problem)


def check_loss(candidate: Candidate, probe: Probe, problem: Problem) -> None:
    """Check that the loss is torch's, and that no loop runs over examples."""
    assert_right(candidate, probe, oracle.loss, problem, ["output"], oracle.losses_mistakes)
    check_steps(candidate)


def check_gradient(candidate: Candidate, probe: Probe, problem: Problem) -> None:
    """Check that the gradient is torch's, and that no loop runs over examples."""
    assert_right(candidate, probe, oracle.loss, problem, ["log_probs_grad"], oracle.gradient_mistakes)
    check_steps(candidate)


def check_steps(candidate: Candidate) -> None:
    """Check that a further frame takes as many instructions of Python for 32 examples as for 2.

    Whatever the problem, it is measured once for a submission: right numbers alone do not make an answer here.
    """
    growth: int = candidate.run(batched.growth_of_a_frame)
    assert_at_most(growth, 1, GROWTH, mistake=ONE_BY_ONE if growth != 1 else "")

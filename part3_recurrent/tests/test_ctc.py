"""CTC against all paths on tiny cases, and against torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import Problem
from part3_recurrent.tests import oracle_ctc as oracle
from part3_recurrent.tests.strategies_ctc import (
    NONE,
    SINGLE_LOSSES,
    SINGLE_NUMBERS,
    batches,
    batches_of_nothing,
    batches_with_empty_targets,
    batches_with_no_frames,
    empty_batches,
    examples,
    infeasible_batches,
    infeasible_examples,
    long_batch,
    long_example,
    partly_infeasible_batches,
    refused_batches,
    targets,
    tiny_batches,
    wide_examples,
    with_gradients,
    with_impossible_symbols,
    with_other_padding,
)

ctc = probes("ctc")

# The extended target


@oracle_test("ctc.extend")
@given(problem=targets())
def test_a_blank_stands_around_every_label(candidate: Candidate, problem: Problem) -> None:
    """The extended target has a blank, whichever symbol that is, before, between and after the labels."""
    assert_right(candidate, ctc.extend, oracle.extend, problem, ["extended"], oracle.extend_mistakes)


@oracle_test("ctc.extend")
@given(problem=targets())
def test_a_blank_is_skipped_between_different_labels(candidate: Candidate, problem: Problem) -> None:
    """can_skip is true at every label that differs from the label before it, and nowhere else."""
    assert_right(candidate, ctc.extend, oracle.extend, problem, ["can_skip"], oracle.extend_mistakes)


@law("ctc.extend")
@given(problem=targets())
def test_a_target_may_be_a_list(candidate: Candidate, problem: Problem) -> None:
    """A target may be a list; the results are arrays of int64 and of bool all the same."""
    assert_right(candidate, ctc.extend, oracle.extend, {**problem, "target": problem["target"].tolist()})


@edge_case("ctc.extend")
@given(problem=targets(lengths=NONE), is_list=st.booleans())
def test_an_empty_target_is_extended(candidate: Candidate, problem: Problem, is_list: bool) -> None:
    """An empty target, an array or a list, becomes one blank, which nothing skips to."""
    empty = {**problem, "target": [] if is_list else problem["target"]}
    assert_right(candidate, ctc.extend, oracle.extend, empty, mistakes=oracle.extend_mistakes)


# log α


@oracle_test("ctc.log_forward")
@given(problem=examples())
def test_alpha_sums_the_beginnings_of_all_paths(candidate: Candidate, problem: Problem) -> None:
    """log α[t, s] is what summing all beginnings of paths one by one gives; -inf for states that none has reached."""
    assert_right(candidate, ctc.alpha, oracle.alpha, problem, mistakes=oracle.alpha_mistakes)


@oracle_test("ctc.log_forward")
@given(problem=wide_examples())
def test_alpha_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """At every frame, α on a label and on the blank after it sum to what torch gives for the labels up to there."""
    got = checked(candidate.run(ctc.alpha, **problem)["log_alpha"], table_of(problem), "log_alpha")
    on_labels = np.insert(got[:, 1::2], 0, -np.inf, axis=1)
    assert_same(log_sum(got[:, ::2], on_labels), oracle.beginnings(**problem))


@edge_case("ctc.log_forward")
@given(problem=with_impossible_symbols(examples()))
def test_alpha_with_impossible_symbols(candidate: Candidate, problem: Problem) -> None:
    """A symbol's log-probability may be -inf, and a state out of reach: that gives no nan and no warning."""
    assert_right(candidate, ctc.alpha_without_warning, oracle.alpha, problem)


@law("ctc.log_forward")
@given(problem=wide_examples(spare_frames=1))
def test_alpha_does_not_know_the_future(candidate: Candidate, problem: Problem) -> None:
    """Without the last frame, the rows of log α before it are the same."""
    whole = checked(candidate.run(ctc.alpha, **problem)["log_alpha"], table_of(problem), "log_alpha")
    shorter = {**problem, "log_probs": problem["log_probs"][:-1]}
    assert_same(candidate.run(ctc.alpha, **shorter)["log_alpha"], whole[:-1])


@law("ctc.log_forward")
def test_alpha_of_a_long_example(candidate: Candidate) -> None:
    """2000 frames of float32 do not underflow: the last two states at the last frame sum to torch's probability."""
    problem = long_example("float32")
    got = checked(candidate.run(ctc.alpha, **problem)["log_alpha"], table_of(problem), "log_alpha")
    assert_same(log_sum(got[-1, -1], got[-1, -2]), oracle.log_probability(**problem)["log_p"])


@edge_case("ctc.log_forward")
@given(problem=examples(lengths=NONE))
def test_alpha_of_an_empty_target(candidate: Candidate, problem: Problem) -> None:
    """For an empty target there is one state, whose log α is the sum of the blank's log-probabilities until there."""
    assert_right(candidate, ctc.alpha, oracle.alpha, problem, mistakes=oracle.alpha_mistakes)


@edge_case("ctc.log_forward")
@given(problem=infeasible_examples())
def test_alpha_of_an_infeasible_target(candidate: Candidate, problem: Problem) -> None:
    """For a target that needs more frames than there are, log α says how far walks come; the rest is -inf."""
    assert_right(candidate, ctc.alpha_without_warning, oracle.alpha, problem)


# log β


@oracle_test("ctc.log_backward")
@given(problem=examples())
def test_beta_sums_the_ends_of_all_paths(candidate: Candidate, problem: Problem) -> None:
    """log β[t, s] is what summing all ends of paths after frame t one by one gives; -inf where none leads to an end."""
    assert_right(candidate, ctc.beta, oracle.beta, problem, mistakes=oracle.beta_mistakes)


@oracle_test("ctc.log_backward")
@given(problem=wide_examples())
def test_beta_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """With frame t's symbol, β on a blank and on the next label sum to what torch gives for the labels from there."""
    got = checked(candidate.run(ctc.beta, **problem)["log_beta"], table_of(problem), "log_beta")
    log_probs, target = problem["log_probs"], problem["target"]
    on_blanks = log_probs[:, [problem["blank"]]] + got[:, ::2]
    on_labels = np.insert(log_probs[:, target] + got[:, 1::2], len(target), -np.inf, axis=1)
    assert_same(log_sum(on_blanks, on_labels), oracle.ends(**problem))


@edge_case("ctc.log_backward")
@given(problem=with_impossible_symbols(examples()))
def test_beta_with_impossible_symbols(candidate: Candidate, problem: Problem) -> None:
    """A symbol's log-probability may be -inf, and an end out of reach: that gives no nan and no warning."""
    assert_right(candidate, ctc.beta_without_warning, oracle.beta, problem)


@law("ctc.log_backward")
@given(problem=wide_examples())
def test_alpha_and_beta_agree_at_every_frame(candidate: Candidate, problem: Problem) -> None:
    """The logsumexp of log α + log β over the states is the log-probability of the target, at every frame."""
    assert_agree_at_every_frame(candidate, problem)


@law("ctc.log_backward")
def test_alpha_and_beta_of_a_long_example_agree(candidate: Candidate) -> None:
    """They agree on 2000 frames too, where every probability would underflow."""
    assert_agree_at_every_frame(candidate, long_example("float64"))


@edge_case("ctc.log_backward")
@given(problem=examples(lengths=NONE))
def test_beta_of_an_empty_target(candidate: Candidate, problem: Problem) -> None:
    """For an empty target there is one state, whose log β is the sum of the blank's log-probabilities after frame t."""
    assert_right(candidate, ctc.beta, oracle.beta, problem, mistakes=oracle.beta_mistakes)


@edge_case("ctc.log_backward")
@given(problem=infeasible_examples())
def test_beta_of_an_infeasible_target(candidate: Candidate, problem: Problem) -> None:
    """For a target that needs more frames than there are, log β says from where walks end; the rest is -inf."""
    assert_right(candidate, ctc.beta_without_warning, oracle.beta, problem)


# log γ


@oracle_test("ctc.log_posteriors")
@given(problem=examples())
def test_gamma_is_the_share_of_the_paths(candidate: Candidate, problem: Problem) -> None:
    """γ[t, s] is the share, among all paths that spell the target, of those in state s at frame t."""
    assert_right(candidate, ctc.gamma, oracle.gamma, problem, mistakes=oracle.gamma_mistakes)


@oracle_test("ctc.log_posteriors")
@given(problem=wide_examples())
def test_gamma_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Over the states of a symbol, γ sums to the posterior of the symbol that is in torch's gradient."""
    got = checked(candidate.run(ctc.gamma, **problem)["log_gamma"], table_of(problem), "log_gamma")
    states = oracle.extend(problem["target"], problem["blank"])["extended"]
    is_symbol = states[:, None] == np.arange(problem["log_probs"].shape[1])
    assert_same(probabilities(got) @ is_symbol.astype(got.dtype), oracle.log_probability(**problem)["posteriors"])


@edge_case("ctc.log_posteriors")
@given(problem=with_impossible_symbols(examples()))
def test_gamma_with_impossible_symbols(candidate: Candidate, problem: Problem) -> None:
    """A symbol's log-probability may be -inf, even all paths impossible: that gives no nan and no warning."""
    assert_right(candidate, ctc.gamma_without_warning, oracle.gamma, problem)


@edge_case("ctc.log_posteriors")
@given(problem=infeasible_examples())
def test_gamma_of_an_infeasible_target(candidate: Candidate, problem: Problem) -> None:
    """For a target that needs more frames than there are, log γ is -inf everywhere, without a warning."""
    shape, dtype = table_of(problem)
    assert_same(candidate.run(ctc.gamma_without_warning, **problem), {"log_gamma": np.full(shape, -np.inf, dtype)})


@edge_case("ctc.log_posteriors")
@given(problem=examples(lengths=NONE))
def test_gamma_of_an_empty_target(candidate: Candidate, problem: Problem) -> None:
    """For an empty target every walk stands in the one state: its log γ is 0 at every frame."""
    assert_right(candidate, ctc.gamma, oracle.gamma, problem, mistakes=oracle.gamma_mistakes)


@law("ctc.log_posteriors")
def test_gamma_of_a_long_example_sums_to_one(candidate: Candidate) -> None:
    """γ sums to one over the states at every frame, also at each of 2000."""
    problem = long_example("float64")
    got = checked(candidate.run(ctc.gamma, **problem)["log_gamma"], table_of(problem), "log_gamma")
    known = {"the sum over the states underflows; add up in log space": np.zeros(len(got))}
    assert_same(probabilities(got).sum(axis=1), np.ones(len(got)), mistakes=known)


@law("ctc.log_posteriors")
@given(problem=examples())
def test_tables_accept_views_and_leave_them_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same three tables, and no argument is changed."""
    afterwards = {f"{name} afterwards": problem[name] for name in ("log_probs", "target")}
    assert_same(candidate.run(ctc.tables_of_views, **problem), {**oracle.tables(**problem), **afterwards})


# The loss


@oracle_test("ctc.loss_forward")
@given(problem=batches())
def test_loss_of_padded_targets_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives torch's loss for padded targets: mean, which divides by the target lengths first, sum, or none."""
    assert_right(candidate, ctc.forward, oracle.loss, problem, ["output"], oracle.loss_mistakes)


@oracle_test("ctc.loss_forward")
@given(problem=batches(is_concatenated=True))
def test_loss_of_concatenated_targets_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives torch's loss for targets that stand one after another, with any blank and any lengths."""
    assert_right(candidate, ctc.forward, oracle.loss, problem, ["output"], oracle.loss_mistakes)


@edge_case("ctc.loss_forward")
@given(problem=infeasible_batches())
def test_loss_of_infeasible_targets_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """A target that is too long for its frames has loss inf, or with zero_infinity 0."""
    assert_right(candidate, ctc.forward, oracle.loss, problem, ["output"], oracle.loss_mistakes)


@edge_case("ctc.loss_forward")
@given(problem=partly_infeasible_batches())
def test_mean_counts_infeasible_targets_in(candidate: Candidate, problem: Problem) -> None:
    """With zero_infinity, "mean" divides by all examples of the batch, those whose target is infeasible too."""
    assert_right(candidate, ctc.forward, oracle.loss, problem, ["output"], oracle.loss_mistakes)


@oracle_test("ctc.loss_forward")
@given(problem=tiny_batches())
def test_loss_sums_all_paths(candidate: Candidate, problem: Problem) -> None:
    """The loss is minus the logarithm of the sum over all paths that spell the target, reduced."""
    assert_right(candidate, ctc.forward, oracle.loss_of_paths, problem, ["output"], oracle.loss_mistakes)


@law("ctc.loss_forward")
def test_loss_of_a_long_example_matches_torch(candidate: Candidate) -> None:
    """2000 frames of float32 neither underflow nor overflow."""
    assert_right(candidate, ctc.forward, oracle.loss, long_batch("float32"), ["output"])


@edge_case("ctc.loss_forward")
@given(problem=with_impossible_symbols(tiny_batches()))
def test_loss_with_impossible_symbols(candidate: Candidate, problem: Problem) -> None:
    """A symbol's log-probability may be -inf; where no path is left the loss is inf. Nothing of it warns."""
    assert_right(candidate, ctc.forward_without_warning, oracle.loss_of_paths, problem, ["output"])


@law("ctc.loss_forward")
@given(problem=batches(reductions=SINGLE_LOSSES), order=st.permutations(range(3)))
def test_losses_follow_their_examples(candidate: Candidate, problem: Problem, order: list[int]) -> None:
    """Another order of the examples gives the same losses in that order."""
    batch = problem["log_probs"].shape[1]
    order = [b for b in order if b < batch]
    losses = checked(candidate.run(ctc.forward, **problem)["output"], ((batch,), problem["log_probs"].dtype))
    permuted = {
        "log_probs": problem["log_probs"][:, order],
        **{name: problem[name][order] for name in ("targets", "input_lengths", "target_lengths")},
    }
    assert_same(candidate.run(ctc.forward, **{**problem, **permuted})["output"], losses[order])


@law("ctc.loss_forward")
@given(problem=batches(), names=st.permutations(range(4)))
def test_symbols_may_be_renamed(candidate: Candidate, problem: Problem, names: list[int]) -> None:
    """Other numbers for the symbols, the blank's too, leave the loss as it is."""
    log_probs, blank = problem["log_probs"], problem["options"].get("blank", 0)
    new = np.array([name for name in names if name < log_probs.shape[2]])
    renamed = {
        "log_probs": log_probs[:, :, np.argsort(new)],
        "targets": new[problem["targets"]],
        "options": {**problem["options"], "blank": int(new[blank])},
    }
    like = log_probs.shape[1:2] if problem["options"].get("reduction") == "none" else (), log_probs.dtype
    once = checked(candidate.run(ctc.forward, **problem)["output"], like)
    assert_same(candidate.run(ctc.forward, **{**problem, **renamed})["output"], once)


@law("ctc.loss_forward")
@given(refused=refused_batches())
def test_loss_refuses(candidate: Candidate, refused: Problem) -> None:
    """A label, shape, length or option that the docstring rules out is a ValueError, a dtype a TypeError."""
    error: Any = {"ValueError": ValueError, "TypeError": TypeError}[refused["error"]]
    candidate.raises(error, ctc.forward, **refused["problem"])


@edge_case("ctc.loss_forward")
@given(problem=batches_with_empty_targets())
def test_loss_of_empty_targets_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """The loss of an empty target is that of blanks alone, and "mean" divides it by 1; all targets may be empty."""
    assert_right(candidate, ctc.forward, oracle.loss, problem, ["output"], oracle.loss_mistakes)


@edge_case("ctc.loss_forward")
@given(problem=batches_with_no_frames())
def test_loss_without_frames_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """An input length of 0 gives the loss inf, or with zero_infinity 0."""
    assert_right(candidate, ctc.forward, oracle.loss, problem, ["output"], oracle.loss_mistakes)


@edge_case("ctc.loss_forward")
@given(problem=batches_of_nothing())
def test_an_empty_target_without_frames_costs_nothing(candidate: Candidate, problem: Problem) -> None:
    """For an empty target an input length of 0 is enough: the loss is 0, as torch's is."""
    assert_right(candidate, ctc.forward, oracle.loss, problem, ["output"], oracle.loss_mistakes)


@edge_case("ctc.loss_forward")
@given(problem=empty_batches())
def test_no_examples_are_refused(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 is a ValueError; torch refuses it, too."""
    candidate.raises(ValueError, ctc.forward, **problem)


# The gradient


@oracle_test("ctc.loss_backward")
@given(problem=with_gradients(batches()))
def test_gradient_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Through a log-softmax, backward gives torch's gradient, for any reduction and upstream gradient."""
    assert_right_gradient(candidate, problem)


@oracle_test("ctc.loss_backward")
@given(problem=with_gradients(batches(is_concatenated=True)))
def test_gradient_for_concatenated_targets_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """It does so for targets that stand one after another, with any blank and any lengths."""
    assert_right_gradient(candidate, problem)


@edge_case("ctc.loss_backward")
@given(problem=with_gradients(infeasible_batches()))
def test_gradient_of_infeasible_targets_is_zero(candidate: Candidate, problem: Problem) -> None:
    """An example whose target is too long has zero gradient, with or without zero_infinity; the others keep theirs."""
    assert_right_gradient(candidate, problem)


@edge_case("ctc.loss_backward")
@given(problem=infeasible_batches(reductions=SINGLE_LOSSES))
def test_an_infinite_upstream_gradient_changes_nothing(candidate: Candidate, problem: Problem) -> None:
    """Where losses are squared, the upstream gradient is inf for an infeasible target: its gradient is zero still."""
    twice = 2 * oracle.loss(**problem)["output"]
    finite = np.where(np.isinf(twice), 0, twice).astype(twice.dtype)
    right = oracle.loss(**problem, grad_output=finite)
    assert_same(candidate.run(ctc.forward_and_backward, **problem, grad_output=twice), right, ["log_probs_grad"])


@oracle_test("ctc.loss_backward")
@given(problem=with_gradients(tiny_batches()))
def test_gradient_is_the_share_of_the_paths(candidate: Candidate, problem: Problem) -> None:
    """dL/dlog_probs[t, b, v] is minus the share of the paths that name v at t, times what the loss counts for."""
    names, mistakes = ["log_probs_grad"], oracle.loss_mistakes
    assert_right(candidate, ctc.forward_and_backward, oracle.loss_of_paths, problem, names, mistakes)


@law("ctc.loss_backward")
def test_gradient_of_a_long_example_matches_torch(candidate: Candidate) -> None:
    """2000 frames, whose probabilities would underflow, have torch's gradient."""
    problem = {**long_batch("float64"), "grad_output": 1.0}
    assert_right(candidate, ctc.forward_and_backward, oracle.loss, problem, ["log_probs_grad"])


@law("ctc.loss_backward")
@given(problem=with_gradients(batches(reductions=SINGLE_LOSSES)))
def test_gradient_sums_to_minus_one_at_every_frame(candidate: Candidate, problem: Problem) -> None:
    """Over the symbols the gradient sums to -g at each of an example's frames, and is zero after them."""
    got = checked(candidate.run(ctc.forward_and_backward, **problem)["log_probs_grad"], problem["log_probs"])
    has_frame = np.arange(len(got))[:, None] < problem["input_lengths"]
    assert_same(got.sum(axis=2), -problem["grad_output"] * has_frame.astype(got.dtype))
    assert_same(got[~has_frame], np.zeros_like(got[~has_frame]))


@law("ctc.loss_backward")
@given(problem=with_gradients(batches()))
def test_what_lies_after_an_end_changes_nothing(candidate: Candidate, problem: Problem) -> None:
    """Other log-probabilities after an example's frames, and other padding of the targets, change nothing."""
    other = with_other_padding(problem, -100.0)
    assert_same(candidate.run(ctc.forward_and_backward, **other), oracle.loss(**problem))


@edge_case("ctc.loss_backward")
@given(problem=with_gradients(with_impossible_symbols(tiny_batches())))
def test_gradient_with_impossible_symbols(candidate: Candidate, problem: Problem) -> None:
    """A symbol whose log-probability is -inf has gradient zero; an example without a path too. Nothing of it warns."""
    assert_right(candidate, ctc.run_without_warning, oracle.loss_of_paths, problem, ["log_probs_grad"])


@law("ctc.loss_backward")
@given(problem=with_gradients(batches()))
def test_loss_accepts_views(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same loss and gradient, and no argument is changed."""
    arguments = ("log_probs", "targets", "input_lengths", "target_lengths", "grad_output")
    afterwards = {f"{name} afterwards": problem[name] for name in arguments}
    assert_same(candidate.run(ctc.run_on_views, **problem), {**oracle.loss(**problem), **afterwards})


@law("ctc.loss_backward")
@given(problem=with_gradients(batches()))
def test_backward_needs_a_forward(candidate: Candidate, problem: Problem) -> None:
    """backward before any forward is a RuntimeError."""
    candidate.raises(RuntimeError, ctc.backward_first, options=problem["options"], grad_output=problem["grad_output"])


@law("ctc.loss_backward")
@given(problem=with_gradients(batches(reductions=SINGLE_NUMBERS)))
def test_upstream_gradient_has_the_shape_of_the_loss(candidate: Candidate, problem: Problem) -> None:
    """An upstream gradient of another shape than the loss is a ValueError."""
    batch, dtype = problem["log_probs"].shape[1], problem["log_probs"].dtype
    candidate.raises(ValueError, ctc.forward_and_backward, **{**problem, "grad_output": np.ones(batch, dtype)})


@edge_case("ctc.loss_backward")
@given(problem=with_gradients(batches_with_empty_targets() | batches_of_nothing()))
def test_gradient_of_empty_targets_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """An empty target has a gradient for the blank alone, and without a frame none; all targets may be empty."""
    assert_right_gradient(candidate, problem)


@edge_case("ctc.loss_backward")
@given(problem=with_gradients(batches_with_no_frames()))
def test_gradient_without_frames_is_zero(candidate: Candidate, problem: Problem) -> None:
    """An example with an input length of 0 has zero gradient; the others keep theirs."""
    assert_right_gradient(candidate, problem)


def table_of(problem: Problem) -> tuple[tuple[int, int], np.dtype]:
    """Give shape and dtype of a table for this example."""
    log_probs = problem["log_probs"]
    return (len(log_probs), 2 * len(problem["target"]) + 1), log_probs.dtype


@np.errstate(all="ignore")  # a wrong table may hold anything
def log_sum(*logarithms: np.ndarray) -> np.ndarray:
    """Compute the logarithm of the sum of what these are logarithms of."""
    return np.asarray(np.logaddexp.reduce(logarithms, axis=0))


@np.errstate(all="ignore")
def probabilities(logarithms: np.ndarray) -> np.ndarray:
    """Compute what these are logarithms of."""
    return np.asarray(np.exp(logarithms))


@np.errstate(all="ignore")
def assert_agree_at_every_frame(candidate: Candidate, problem: Problem) -> None:
    """Check that the sum of α β over the states is P at every frame."""
    got = candidate.run(ctc.alpha_and_beta, **problem)
    alpha, beta = (checked(got[name], table_of(problem), name) for name in ("log_alpha", "log_beta"))
    every_frame = np.broadcast_to(oracle.log_probability(**problem)["log_p"], len(alpha))
    assert_same(log_sum(*(alpha + beta).T), every_frame)


def assert_right_gradient(candidate: Candidate, problem: Problem) -> None:
    """Check the gradient, and name a known mistake."""
    assert_right(candidate, ctc.forward_and_backward, oracle.loss, problem, ["log_probs_grad"], oracle.loss_mistakes)

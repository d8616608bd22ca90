"""CTC decoding, step by step and as a whole, against all alignments, plain Python and torch's CTC loss."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, Probe, assert_right, assert_same, edge_case, law, oracle_test, probes
from autograder.testing.strategies import Problem
from part6_decoding.tests import oracle_ctc_decoding as oracle
from part6_decoding.tests.strategies_ctc_decoding import (
    ALL,
    FRAMES,
    NO_MODEL,
    NO_MODELS,
    NONE,
    ONE,
    SYMBOLS,
    beams,
    candidates,
    paths,
    prefixes_to_score,
    refused_searches,
    refused_utterances,
    searches,
    shifted,
    utterances,
    with_excluded_tokens,
    with_impossible_symbols,
    with_nothing_to_read,
    with_other_endings,
)

ctc = probes("ctc_decoding")

FAR_BELOW = -2000.0  # exp is 0 there
LONG = utterances(SYMBOLS, FRAMES)
NO_UTTERANCE = utterances(batches=NONE)

# The best path


@oracle_test("ctc.greedy")
@given(problem=paths())
def test_best_paths_are_merged(candidate: Candidate, problem: Problem) -> None:
    """The best path of each utterance, up to its length, is given without repetitions and then without blanks."""
    check_greedy(candidate, problem)


@edge_case("ctc.greedy")
@given(problem=with_other_endings(paths()))
def test_greedy_reads_nothing_after_the_end(candidate: Candidate, problem: Problem) -> None:
    """What stands after an utterance's length may be anything, nan too."""
    check_greedy(candidate, problem)


@law("ctc.greedy")
@given(problem=paths())
def test_greedy_changes_no_input(candidate: Candidate, problem: Problem) -> None:
    """Log-probabilities may have a gradient, and are the same afterwards, as are the lengths."""
    got, expected = candidate.run(ctc.greedy_and_inputs, **problem), oracle.greedy(**problem)
    assert_same(got, {**expected, **{name: problem[name] for name in ("log_probs", "lengths")}})


@edge_case("ctc.greedy")
@given(problem=refused_utterances())
def test_greedy_refuses_what_cannot_be_decoded(candidate: Candidate, problem: Problem) -> None:
    """A wrong shape, length or blank, and nan, +inf or nothing but -inf at a frame, is a ValueError that names it."""
    check_refused(candidate, ctc.greedy, problem)


@edge_case("ctc.greedy")
@given(problem=with_nothing_to_read(paths()))
def test_greedy_of_no_frames(candidate: Candidate, problem: Problem) -> None:
    """An utterance of length 0 has no labels."""
    check_greedy(candidate, problem)


@edge_case("ctc.greedy")
@given(problem=with_impossible_symbols(paths()))
def test_greedy_with_impossible_symbols(candidate: Candidate, problem: Problem) -> None:
    """A log-probability may be -inf."""
    check_greedy(candidate, problem)


@edge_case("ctc.greedy")
@given(problem=NO_UTTERANCE)
def test_greedy_of_no_utterances(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 gives an empty list."""
    check_greedy(candidate, problem)


# One frame more


@oracle_test("ctc.read_frame")
@given(problem=beams())
def test_prefixes_stay(candidate: Candidate, problem: Problem) -> None:
    """A prefix stays by a blank, or by its last label once more where it ends in that label."""
    check_frame(candidate, problem, ["log_blank", "log_label"])


@oracle_test("ctc.read_frame")
@given(problem=beams())
def test_labels_extend_prefixes(candidate: Candidate, problem: Problem) -> None:
    """Every label extends every prefix; its last one only where it ends in a blank, and the blank none."""
    check_frame(candidate, problem, ["extended"])


@oracle_test("ctc.read_frame")
@given(problem=beams(extends=True))
def test_the_same_prefix_is_merged(candidate: Candidate, problem: Problem) -> None:
    """Where a prefix of the beam and a label are another prefix of it, they are added to that one, and only there."""
    check_frame(candidate, problem, ["log_blank", "log_label", "extended"])


@law("ctc.read_frame")
@given(problem=beams(extends=True))
def test_a_frame_loses_no_probability(candidate: Candidate, problem: Problem) -> None:
    """The probabilities of what stays and of what is extended sum to those of the beam before."""
    got = candidate.run(ctc.one_frame, **problem)
    before = sum(np.exp(problem["beam"][name]).sum() for name in ("log_blank", "log_label"))
    after = sum(np.exp(got[name]).sum() for name in ("log_blank", "log_label", "extended"))
    assert_same(float(after), float(before))


@law("ctc.read_frame")
@given(problem=beams(extends=True))
def test_a_frame_changes_no_input(candidate: Candidate, problem: Problem) -> None:
    """The new beam has the prefixes of the given one, in their order, and what is added; the given one is the same
    afterwards."""
    got, beam = candidate.run(ctc.one_frame_and_inputs, **problem), problem["beam"]
    kept = {name: beam[name] for name in ("prefixes", "added")}
    expected = {**kept, "beam afterwards": beam, "frame afterwards": problem["frame"]}
    assert_same(got, expected)


@edge_case("ctc.read_frame")
@given(problem=shifted(beams(extends=True), FAR_BELOW))
def test_a_frame_of_unlikely_prefixes(candidate: Candidate, problem: Problem) -> None:
    """Log-probabilities may be -2000, where exp is 0."""
    check_frame(candidate, problem, ["log_blank", "log_label", "extended"])


@edge_case("ctc.read_frame")
@given(problem=beams(extends=True), symbol=st.integers(0, 3))
def test_a_frame_with_an_impossible_symbol(candidate: Candidate, problem: Problem, symbol: int) -> None:
    """A symbol's log-probability may be -inf, the blank's too: that gives no nan."""
    frame = problem["frame"]
    impossible = np.where(np.arange(len(frame)) == symbol % len(frame), -math.inf, frame)
    check_frame(candidate, {**problem, "frame": impossible}, ["log_blank", "log_label", "extended"])


# What is kept


@oracle_test("ctc.keep_best")
@given(problem=candidates(ALL))
def test_candidates_keep_their_numbers(candidate: Candidate, problem: Problem) -> None:
    """Where beam_width allows all, what stays is as it was; what a label extends ends in that label, and adds what
    its prefix and the label add; what is impossible is left out."""
    check_kept(candidate, problem)


@oracle_test("ctc.keep_best")
@given(problem=candidates())
def test_the_largest_ranks_are_kept(candidate: Candidate, problem: Problem) -> None:
    """The beam_width candidates of largest log-probability and what is added are kept."""
    check_kept(candidate, problem)


@law("ctc.keep_best")
@given(problem=candidates())
def test_keeping_changes_no_input(candidate: Candidate, problem: Problem) -> None:
    """The given beam, extensions and additions are the same afterwards."""
    got = candidate.run(ctc.kept_and_inputs, **problem)
    expected = {f"{name} afterwards": problem[name] for name in ("beam", "extended", "additions")}
    assert_same(got, expected)


@edge_case("ctc.keep_best")
@given(problem=shifted(candidates(), FAR_BELOW))
def test_unlikely_candidates_are_kept(candidate: Candidate, problem: Problem) -> None:
    """Log-probabilities may be -2000, where exp is 0."""
    check_kept(candidate, problem)


# A language model


@oracle_test("ctc.language_model")
@given(problem=prefixes_to_score())
def test_a_language_model_gives_log_probabilities(candidate: Candidate, problem: Problem) -> None:
    """For each prefix, in the order of the call, it gives the log-softmax of score_fn's logits after sos_id and the
    prefix."""
    check_next_log_probs(candidate, problem)


@law("ctc.language_model")
@given(problem=prefixes_to_score())
def test_each_prefix_is_scored_once(candidate: Candidate, problem: Problem) -> None:
    """score_fn scores each prefix once, in whichever calls, and nothing else."""
    calls = candidate.run(ctc.next_log_probs, **problem)["calls"]
    again = "a prefix is asked about again that is known"
    sos_id, given = problem["sos_id"], problem["given"]
    mistakes = {again: oracle.rows_of(sos_id, given, repeats=True)}
    assert_same(sorted(row for call in calls for row in call.tolist()), oracle.rows_of(sos_id, given), None, mistakes)


@law("ctc.language_model")
@given(problem=prefixes_to_score())
def test_logits_are_not_changed(candidate: Candidate, problem: Problem) -> None:
    """The logits that score_fn gave are the same afterwards."""
    got, table = candidate.run(ctc.next_log_probs, **problem), problem["table"]
    rows = [[oracle.row_in(table, row) for row in call.tolist()] for call in got["calls"]]
    assert_same(got["logits"], [table[call] for call in rows])


@edge_case("ctc.language_model")
@given(problem=with_excluded_tokens(prefixes_to_score()))
def test_a_language_model_may_exclude_tokens(candidate: Candidate, problem: Problem) -> None:
    """A logit may be -inf: so is its log-probability."""
    check_next_log_probs(candidate, problem)


# Whole utterances


@oracle_test("ctc.prefix_beam")
@given(problem=searches(utterances(), ALL, NO_MODELS))
def test_alignments_are_summed(candidate: Candidate, problem: Problem) -> None:
    """In a beam that is wide enough, all labels that are possible come with the sum over all their alignments, best
    first."""
    assert_right(candidate, ctc.decode, oracle.all_alignments, problem, mistakes=oracle.decode_mistakes)


@oracle_test("ctc.prefix_beam")
@given(problem=searches(utterances(), ALL))
def test_a_language_model_and_a_bonus_count(candidate: Candidate, problem: Problem) -> None:
    """Each label adds lm_weight · log P_lm and length_bonus to the rank; with eos_id, the end adds its log P_lm too."""
    assert_right(candidate, ctc.decode, oracle.all_alignments, problem, mistakes=oracle.decode_mistakes)


@oracle_test("ctc.prefix_beam")
@given(problem=searches(LONG))
def test_a_narrow_beam_keeps_the_best(candidate: Candidate, problem: Problem) -> None:
    """In a narrow beam, the prefixes of largest rank are kept at every frame, language model and bonus counted."""
    check_decoded(candidate, problem)


@oracle_test("ctc.prefix_beam")
@given(problem=searches(utterances(frames=st.sampled_from([5, 6, 4])), ALL, NO_MODELS))
def test_log_probabilities_match_torch(candidate: Candidate, problem: Problem) -> None:
    """In a beam that is wide enough, the log-probabilities of all labels are those of torch's CTC loss."""
    assert_right(candidate, ctc.decode, oracle.by_torch, problem)


@law("ctc.prefix_beam")
@given(problem=searches(LONG, models=NO_MODELS))
def test_a_narrow_beam_finds_no_more_than_there_is(candidate: Candidate, problem: Problem) -> None:
    """There are at most beam_width labels, each once, best first, and none more likely than torch's CTC loss says."""
    for row, result in enumerate(candidate.run(ctc.decode, **problem)["results"]):
        labels, ranks = [tuple(labels) for labels, _ in result], [rank for _, rank in result]
        frames = problem["log_probs"][: problem["lengths"][row], row]
        most = oracle.log_probabilities(frames, labels, problem["blank"])
        is_so = {
            "at most beam_width": len(result) <= problem["beam_width"],
            "each once": len(set(labels)) == len(labels),
            "best first": ranks == sorted(ranks, reverse=True),
            "at most log P": all(rank < log_prob + 1e-8 for rank, log_prob in zip(ranks, most, strict=True)),
        }
        assert_same(is_so, dict.fromkeys(is_so, True))


@law("ctc.prefix_beam")
@given(problem=searches(LONG))
def test_a_batch_is_its_utterances(candidate: Candidate, problem: Problem) -> None:
    """Each utterance of a batch has the results that it has alone."""
    alone = [
        {**problem, "log_probs": problem["log_probs"][:length, [row]], "lengths": problem["lengths"][[row]]}
        for row, length in enumerate(problem["lengths"])
    ]
    whole = candidate.run(ctc.decode, **problem)["results"]
    assert_same([candidate.run(ctc.decode, **each)["results"] for each in alone], [[result] for result in whole])


@edge_case("ctc.prefix_beam")
@given(problem=with_other_endings(searches(LONG)))
def test_a_search_reads_nothing_after_the_end(candidate: Candidate, problem: Problem) -> None:
    """What stands after an utterance's length may be anything, nan too."""
    check_decoded(candidate, problem)


@law("ctc.prefix_beam")
@given(problem=searches(LONG))
def test_without_weight_a_language_model_is_none(candidate: Candidate, problem: Problem) -> None:
    """With lm_weight 0 the results are those without score_fn."""
    without = {**problem, **NO_MODEL, "length_bonus": problem["length_bonus"]}
    assert_same(candidate.run(ctc.decode, **{**problem, "lm_weight": 0.0}), oracle.decoded(**without))


@law("ctc.prefix_beam")
@given(problem=searches(utterances(), ALL, NO_MODELS), bonus=st.sampled_from([1000.0, -1000.0]))
def test_a_large_bonus_sorts_by_length(candidate: Candidate, problem: Problem, bonus: float) -> None:
    """With a large length_bonus longer labels come before shorter ones; with one far below 0, shorter ones."""
    results = candidate.run(ctc.decode, **{**problem, "length_bonus": bonus})["results"]
    counts = [[len(labels) for labels, _ in result] for result in results]
    assert_same(counts, [sorted(each, reverse=bonus > 0) for each in counts])


@law("ctc.prefix_beam")
@given(problem=searches(LONG))
def test_float32_is_searched_in_float64(candidate: Candidate, problem: Problem) -> None:
    """Log-probabilities of float32 give the results of the same numbers in float64."""
    rounded = problem["log_probs"].astype(np.float32)
    expected = oracle.decoded(**{**problem, "log_probs": rounded.astype(np.float64)})
    assert_same(candidate.run(ctc.decode, **{**problem, "log_probs": rounded}), expected)


@law("ctc.prefix_beam")
@given(problem=searches(LONG))
def test_a_search_changes_no_input(candidate: Candidate, problem: Problem) -> None:
    """Log-probabilities and score_fn's logits may have gradients; none is recorded, and the arguments are the same
    afterwards."""
    got = candidate.run(ctc.decode_and_inputs, **problem)
    given = {name: problem[name] for name in ("log_probs", "lengths")}
    assert_same(got, {**oracle.decoded(**problem), **given, "gradients recorded": False})


@law("ctc.prefix_beam")
@given(problem=searches(LONG))
def test_score_fn_scores_prefixes(candidate: Candidate, problem: Problem) -> None:
    """score_fn's rows begin with sos_id, go on without blanks, and each comes once for the whole batch."""
    calls = candidate.run(ctc.decode_and_inputs, **problem)["calls"]
    rows = [row for call in calls for row in call.tolist()]
    is_so = {
        "sos_id is first": all(row[0] == problem["sos_id"] for row in rows),
        "no blank follows": all(problem["blank"] not in row[1:] for row in rows),
        "each comes once": len({tuple(row) for row in rows}) == len(rows),
    }
    assert_same(is_so, dict.fromkeys(is_so, True))


@edge_case("ctc.prefix_beam")
@given(problem=refused_searches())
def test_a_search_refuses_what_cannot_be_searched(candidate: Candidate, problem: Problem) -> None:
    """What cannot be decoded, a beam of 0, no sos_id, and logits of another shape or without a number is a ValueError
    that names the argument."""
    check_refused(candidate, ctc.decode, problem)


@edge_case("ctc.prefix_beam")
@given(problem=with_nothing_to_read(searches(utterances())))
def test_a_search_of_no_frames(candidate: Candidate, problem: Problem) -> None:
    """An utterance of length 0 has no labels, with log-probability 0 and what the end counts."""
    check_decoded(candidate, problem)


@edge_case("ctc.prefix_beam")
@given(problem=searches(NO_UTTERANCE))
def test_a_search_of_no_utterances(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 gives an empty list."""
    check_decoded(candidate, problem)


@edge_case("ctc.prefix_beam")
@given(problem=searches(utterances(symbols=ONE), models=NO_MODELS))
def test_a_search_without_labels(candidate: Candidate, problem: Problem) -> None:
    """Where the blank is the only symbol, there are no labels, with the sum of its log-probabilities."""
    check_decoded(candidate, problem)


@edge_case("ctc.prefix_beam")
@given(problem=with_impossible_symbols(searches(LONG, models=NO_MODELS)))
def test_a_search_with_impossible_symbols(candidate: Candidate, problem: Problem) -> None:
    """A log-probability may be -inf, the blank's too: no labels of probability 0 are among the results."""
    check_decoded(candidate, problem)


@edge_case("ctc.prefix_beam")
@given(problem=with_impossible_symbols(searches(LONG)))
def test_a_language_model_may_exclude_labels(candidate: Candidate, problem: Problem) -> None:
    """A logit of score_fn may be -inf: what it excludes is not among the results."""
    check_decoded(candidate, problem)


def check_greedy(candidate: Candidate, problem: Problem) -> None:
    """Check that the labels are those of the best paths."""
    assert_right(candidate, ctc.greedy, oracle.greedy, problem, mistakes=oracle.greedy_mistakes)


def check_frame(candidate: Candidate, problem: Problem, names: list[str]) -> None:
    """Check that these entries are what plain Python makes of the prefixes, one by one."""
    assert_right(candidate, ctc.one_frame, oracle.one_frame, problem, names, oracle.frame_mistakes)


def check_kept(candidate: Candidate, problem: Problem) -> None:
    """Check that the beam that is kept is what sorting all candidates gives."""
    assert_right(candidate, ctc.kept, oracle.kept, problem, mistakes=oracle.kept_mistakes)


def check_next_log_probs(candidate: Candidate, problem: Problem) -> None:
    """Check that the log-probabilities are those of the table."""
    assert_right(
        candidate, ctc.next_log_probs, oracle.next_log_probs, problem, ["log_probs"], oracle.next_log_probs_mistakes
    )


def check_decoded(candidate: Candidate, problem: Problem) -> None:
    """Check that the results are those of the search that keeps a dictionary."""
    assert_right(candidate, ctc.decode, oracle.decoded, problem, mistakes=oracle.decode_mistakes)


def check_refused(candidate: Candidate, probe: Probe, problem: Problem) -> None:
    """Check that the error names the argument."""
    message = candidate.raises(ValueError, probe, **problem["problem"])
    assert_same({"names the argument": problem["name"] in message}, {"names the argument": True})

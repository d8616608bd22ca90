"""Beam search, function by function and as a whole, against plain Python and against all sequences there are."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import Problem
from part6_decoding.tests import oracle_beam_functions as functions
from part6_decoding.tests import oracle_beam_search as oracle
from part6_decoding.tests.strategies_beam_search import (
    ENDED,
    GOES_ON,
    SPARE,
    SPARE_ENDED,
    as_wide_as_the_tree,
    best_among_beams,
    ended_and_others,
    one_of_each_kind,
    pushed_out,
    ranked_candidates,
    searches,
    settings_of,
    steps,
)

beam = probes("beam_search")

ONE_GROUP = st.sampled_from([(1, 2), (1, 3), (1, 4)])
GROUPS = st.sampled_from([(2, 2), (3, 2), (2, 3), (3, 1)])
ALONE = st.just((1, 1))
NO_PENALTY = st.just(0.0)

PLAIN = settings_of(ONE_GROUP, filtered=False, length_penalties=NO_PENALTY)
FULL = settings_of()
DIVERSE = settings_of(st.sampled_from([(3, 1), (4, 1)])).map(lambda settings: {**settings, "diversity_penalty": 1000.0})

# Candidates


@oracle_test("beam.candidate_scores")
@given(problem=one_of_each_kind())
def test_candidates_cost_their_log_probability(candidate: Candidate, problem: Problem) -> None:
    """A candidate's score is its beam's plus the token's log-probability; after an ended beam EOS costs nothing, and
    all else is -inf."""
    probe, known = beam.scores_of_candidates, functions.candidate_mistakes
    assert_right(candidate, probe, functions.candidate_scores, problem, mistakes=known)


# Selection


@oracle_test("beam.select")
@given(problem=ranked_candidates(ONE_GROUP))
def test_the_best_candidates_of_all_beams_are_chosen(candidate: Candidate, problem: Problem) -> None:
    """In one group, the w candidates of highest rank are chosen, whichever beams they continue."""
    check_selected(candidate, problem)


@oracle_test("beam.select")
@given(problem=ranked_candidates(GROUPS, penalised=False))
def test_groups_choose_apart(candidate: Candidate, problem: Problem) -> None:
    """Each group chooses among its own beams, and sources count through all beams of the prompt."""
    check_selected(candidate, problem)


@oracle_test("beam.select")
@given(problem=ranked_candidates(GROUPS))
def test_what_earlier_groups_chose_is_penalised(candidate: Candidate, problem: Problem) -> None:
    """A token costs diversity_penalty for every beam of the groups before that goes on with it."""
    check_selected(candidate, problem)


@oracle_test("beam.select")
@given(problem=ranked_candidates(GROUPS, (GOES_ON, ENDED, ENDED)))
def test_ended_beams_are_neither_penalised_nor_counted(candidate: Candidate, problem: Problem) -> None:
    """The EOS after a beam that has ended is not penalised, and does not count as chosen."""
    check_selected(candidate, problem)


@oracle_test("beam.select")
@given(problem=ranked_candidates(GROUPS, first=(SPARE, SPARE, ENDED)))
def test_spare_beams_do_not_count(candidate: Candidate, problem: Problem) -> None:
    """Where a group has fewer candidates than beams, what fills it up has rank -inf, and does not count as chosen."""
    check_selected(candidate, problem)


@law("beam.select")
@given(problem=ranked_candidates(GROUPS, (GOES_ON, SPARE, SPARE_ENDED, ENDED)))
def test_what_is_chosen_exists(candidate: Candidate, problem: Problem) -> None:
    """Every source is a beam of its group and every token is in the vocabulary, also where candidates are too few."""
    got = candidate.run(beam.selected, **problem)
    like, vocab = (problem["is_finished"].shape, np.int64), problem["ranks"].shape[2]
    sources, tokens = checked(got["sources"], like, "sources"), checked(got["tokens"], like, "tokens")
    size = like[0][1] // problem["num_groups"]
    is_own = sources // size == np.arange(like[0][1]) // size
    assert_same({"all of the group": bool(is_own.all())}, {"all of the group": True})
    assert_same({"all tokens": bool(((tokens >= 0) & (tokens < vocab)).all())}, {"all tokens": True})


# The best that has ended


@oracle_test("beam.better_ended")
@given(problem=ended_and_others((GOES_ON, ENDED, ENDED)))
def test_the_best_that_has_ended_is_kept(candidate: Candidate, problem: Problem) -> None:
    """better_ended gives the beam of highest rank among those that have ended, before or now."""
    check_better(candidate, problem)


@oracle_test("beam.better_ended")
@given(problem=ended_and_others((GOES_ON, ENDED, SPARE, SPARE_ENDED), before=False))
def test_the_first_that_ends_is_taken(candidate: Candidate, problem: Problem) -> None:
    """Where none had ended before, the best of those that end now is taken; beams with score -inf are none."""
    check_better(candidate, problem)


@law("beam.better_ended")
@given(problem=ended_and_others((GOES_ON, SPARE), before=False))
def test_without_an_end_the_score_is_lowest(candidate: Candidate, problem: Problem) -> None:
    """Where no beam has ended, the score is -inf."""
    got = candidate.run(beam.better, **problem)
    assert_same(got, {"scores": np.full_like(problem["best"]["scores"], -np.inf)}, ["scores"])


# The results


@oracle_test("beam.ranked")
@given(problem=ended_and_others((GOES_ON, ENDED, SPARE)))
def test_results_are_ranked_with_the_best_ended_one(candidate: Candidate, problem: Problem) -> None:
    """ranked gives the w best of the beams and the best one that has ended, by falling rank, spare ones last."""
    check_ranked(candidate, problem)


@oracle_test("beam.ranked")
@given(problem=best_among_beams())
def test_the_best_ended_one_counts_once(candidate: Candidate, problem: Problem) -> None:
    """The best one that has ended is there once, also if it is one of the beams; a spare beam's tokens do not count."""
    check_ranked(candidate, problem)


@oracle_test("beam.ranked")
@given(problem=ended_and_others((GOES_ON, SPARE), before=False))
def test_without_an_end_the_beams_are_ranked(candidate: Candidate, problem: Problem) -> None:
    """Where none has ended, the beams are the results."""
    check_ranked(candidate, problem)


@edge_case("beam.ranked")
@given(problem=searches(FULL, further=st.just(0)))
def test_a_prompt_may_be_as_long_as_allowed(candidate: Candidate, problem: Problem) -> None:
    """Where the prompt has max_length tokens, it is the best result, with score 0."""
    right = oracle.results(**problem)
    check_results(candidate, problem, {**right, "scores": right["scores"].astype(np.float32)})


@edge_case("beam.ranked")
@given(problem=searches(FULL, batches=st.just(0)))
def test_a_batch_may_be_empty(candidate: Candidate, problem: Problem) -> None:
    """No prompts give no results."""
    got = candidate.run(beam.results, **problem)
    width, time = problem["settings"]["beam_width"], problem["prompts"].shape[1]
    assert_same(got, {"tokens": np.zeros((0, width, time), np.int64), "scores": np.zeros((0, width), np.float32)})


# One step


@oracle_test("beam.step")
@given(problem=steps(FULL, scored_once=False))
def test_beams_go_on_a_token(candidate: Candidate, problem: Problem) -> None:
    """beam_step chooses by score / length**length_penalty, and gives tokens, scores, lengths, is_finished and sources
    of what is chosen."""
    check_step(candidate, problem)


@oracle_test("beam.step")
@given(problem=steps(FULL, scored_once=True))
def test_the_first_step_widens(candidate: Candidate, problem: Problem) -> None:
    """In the first step each group chooses among the tokens after its prompt, which score_fn scores once."""
    check_step(candidate, problem)


@oracle_test("beam.step")
@given(problem=st.booleans().flatmap(lambda once: steps(FULL, scored_once=once)))
def test_rows_are_read_and_reordered(candidate: Candidate, problem: Problem) -> None:
    """score_fn scores the first `scored` beams of each prompt, batch-major, and reorder is told which of these rows
    every new one continues."""
    got = candidate.run(beam.one_step, **problem)
    tokens, scored = problem["beams"]["tokens"], problem["scored"]
    batch, width, time = tokens.shape
    sources = checked(got["sources"], ((batch, width), np.int64), "sources")
    first = np.arange(batch)[:, None] * scored
    expected = {
        "calls": [tokens[:, :scored].reshape(batch * scored, time)],
        "reordered": [(first + sources % scored).reshape(batch * width)],
    }
    told = {
        "reorder is told which beam of its prompt a row continues; rows count through the batch": sources,
        "reorder is told rows as if every beam had been read": first * width // scored + sources,
        "reorder is told each row's own number": np.arange(batch * width),
    }
    mistakes = {sentence: {**expected, "reordered": [rows.reshape(batch * width)]} for sentence, rows in told.items()}
    mistakes["reorder is not told"] = {**expected, "reordered": []}
    assert_same(got, expected, ["calls", "reordered"], mistakes)


# Whole searches


@oracle_test("beam.step")
@given(problem=searches(PLAIN))
def test_every_step_matches_plain_python(candidate: Candidate, problem: Problem) -> None:
    """After each step the beams are those of a beam search in plain Python."""
    check_steps(candidate, problem)


@oracle_test("beam.step")
@given(problem=searches(FULL))
def test_every_step_matches_with_all_settings(candidate: Candidate, problem: Problem) -> None:
    """The same with temperature, repetition penalty, length penalty, and groups with a penalty for diversity."""
    check_steps(candidate, problem)


@law("beam.step")
@given(problem=searches(FULL))
def test_results_match_plain_python(candidate: Candidate, problem: Problem) -> None:
    """The results are the w best of the last beams and of the best that ever ended, by falling rank."""
    check_results(candidate, problem, oracle.results(**problem))


@law("beam.step")
@given(problem=pushed_out())
def test_what_was_pushed_out_is_found_again(candidate: Candidate, problem: Problem) -> None:
    """The best that has ended is a result, also where others have pushed it out and then end worse."""
    check_results(candidate, problem, oracle.results(**problem))


@law("beam.step")
@given(problem=searches(settings_of(ALONE)))
def test_a_width_of_1_is_greedy(candidate: Candidate, problem: Problem) -> None:
    """With beam_width 1 each prompt goes on with its likeliest token until EOS."""
    check_results(candidate, problem, oracle.greedy(**problem))


@law("beam.step")
@given(problem=st.sampled_from([(3, 2), (3, 3), (2, 4), (4, 3)]).flatmap(as_wide_as_the_tree))
def test_a_beam_as_wide_as_the_tree_finds_all(candidate: Candidate, problem: Problem) -> None:
    """With as many beams as there are sequences, all of them are found, best first."""
    check_results(candidate, problem, oracle.everything(**problem))


@law("beam.step")
@given(problem=searches(settings_of(ONE_GROUP, length_penalties=NO_PENALTY)))
def test_the_best_equals_that_of_a_search_with_a_pool(candidate: Candidate, problem: Problem) -> None:
    """Without length penalty the best score is that of a search which keeps all that ends in a pool and goes on with
    the others."""
    right = oracle.results(**problem)
    scores = checked(candidate.run(beam.results, **problem)["scores"], right["scores"], "scores")
    assert_same(scores[:, 0], oracle.best_of_pool(**problem))


@law("beam.step")
@given(problem=searches(FULL))
def test_scores_are_sums_of_log_probabilities(candidate: Candidate, problem: Problem) -> None:
    """A score is the sum of the new tokens' log-probabilities up to the first EOS, whatever penalties say of ranks."""
    got, right = candidate.run(beam.results, **problem), oracle.results(**problem)
    tokens, scores = (checked(got[name], right[name], name) for name in ("tokens", "scores"))
    of_search = {name: problem[name] for name in ("table", "eos_id", "prompts", "settings")}
    again = oracle.rescored(**of_search, tokens=tokens)
    assert_same(scores, np.where(np.isneginf(scores), scores, again))


@law("beam.step")
@given(problem=searches(settings_of(ONE_GROUP)))
def test_no_sequence_is_found_twice(candidate: Candidate, problem: Problem) -> None:
    """Within a group no two results are the same."""
    got, right = candidate.run(beam.results, **problem), oracle.results(**problem)
    tokens, scores = (checked(got[name], right[name], name) for name in ("tokens", "scores"))
    for row in range(len(tokens)):
        found = [tuple(each) for each in tokens[row][np.isfinite(scores[row])].tolist()]
        assert_same({"different": len(set(found))}, {"different": len(found)})


@law("beam.step")
@given(problem=searches(FULL, batches=st.sampled_from([2, 3])))
def test_a_batch_gives_what_its_rows_give(candidate: Candidate, problem: Problem) -> None:
    """Every prompt of a batch is continued as it would be alone, and padded with EOS."""
    whole, right = candidate.run(beam.results, **problem), oracle.results(**problem)
    tokens, scores = (checked(whole[name], right[name], name) for name in ("tokens", "scores"))
    for row, alone in enumerate(candidate.run(beam.results_of_each, **problem)):
        time = np.shape(alone["tokens"])[-1]
        together = {"tokens": tokens[row : row + 1, :, :time], "scores": scores[row : row + 1]}
        assert_same(functions.blanked(together), functions.blanked(alone))
        rest = tokens[row, np.isfinite(scores[row]), time:]
        assert_same(rest, np.full_like(rest, problem["eos_id"]))


@law("beam.step")
@given(problem=searches(FULL))
def test_rows_follow_what_reorder_was_told(candidate: Candidate, problem: Problem) -> None:
    """score_fn first scores the prompts and then b · w rows, batch-major; each row without its last token is the one
    that reorder named, after every step."""
    got = candidate.run(beam.search, **problem)
    calls = [problem["prompts"], *(step["tokens"].reshape(-1, step["tokens"].shape[2]) for step in got["steps"])]
    assert_same(got["calls"], calls[:-1])
    assert_same(len(got["reordered"]), len(got["calls"]))
    for before, rows, after in zip(calls, got["reordered"], calls[1:], strict=False):
        assert_same(before[checked(rows, ((len(after),), np.int64), "reordered")], after[:, :-1])


@law("beam.step")
@given(problem=searches(FULL))
def test_logits_are_not_modified(candidate: Candidate, problem: Problem) -> None:
    """The logits that score_fn gave are as it gave them."""
    got = candidate.run(beam.search, **problem)
    assert_same(got["logits"], [oracle.logits(problem["table"], tokens) for tokens in got["calls"]])


@law("beam.step")
@given(problem=searches(FULL))
def test_the_callback_sees_each_step(candidate: Candidate, problem: Problem) -> None:
    """The callback gets each step's tokens, scores and sources, and no later step changes them; an ended beam keeps its
    score and goes on with EOS."""
    seen, eos_id = candidate.run(beam.search, **problem)["steps"], problem["eos_id"]
    assert_same(len(seen), len(oracle.steps(**problem)))
    for before, after in itertools.pairwise(seen):
        each = np.arange(len(before["tokens"]))[:, None], after["sources"]
        assert_same(after["tokens"][..., :-1], before["tokens"][each])
        had_ended = before["is_finished"][each] & np.isfinite(after["scores"])
        assert_same(after["scores"][had_ended], before["scores"][each][had_ended])
        assert_same(bool((after["tokens"][..., -1][had_ended] == eos_id).all()), True)
        assert_same(bool(after["is_finished"][had_ended].all()), True)


@law("beam.step")
@given(problem=searches(FULL))
def test_logits_of_ended_rows_do_not_count(candidate: Candidate, problem: Problem) -> None:
    """Where score_fn gives nan for sequences that have ended, the results are the same."""
    assert_same(
        functions.blanked(candidate.run(beam.results_where_the_rest_is_nan, **problem)),
        oracle.results(**problem),
    )


@law("beam.step")
@given(problem=searches(DIVERSE, vocabularies=st.sampled_from([4, 5])))
def test_groups_of_one_differ_in_their_first_tokens(candidate: Candidate, problem: Problem) -> None:
    """With as many groups as beams and a large diversity_penalty, all first tokens differ."""
    step = candidate.run(beam.search, **problem)["steps"][0]
    first = checked(step["tokens"], ((*step["scores"].shape, problem["prompts"].shape[1] + 1), np.int64))[..., -1]
    counts = [len(set(row)) for row in first.tolist()]
    assert_same(counts, [problem["settings"]["beam_width"]] * len(first))


@law("beam.step")
@given(problem=searches(FULL), wrong=st.sampled_from([(0, 1), (3, 2), (2, 3), (2, 0)]))
def test_groups_divide_the_beams(candidate: Candidate, problem: Problem, wrong: tuple[int, int]) -> None:
    """A beam_width below 1, or groups that do not share it evenly, are a ValueError that names both."""
    width, groups = wrong
    settings = {**problem["settings"], "beam_width": width, "num_groups": groups}
    said = candidate.raises(ValueError, beam.results, **{**problem, "settings": settings})
    assert_same([name in said for name in ("beam_width", "num_groups")], [True, True])


@edge_case("beam.step")
@given(problem=searches(settings_of(st.sampled_from([(1, 5), (2, 4)])), vocabularies=st.just(2)))
def test_candidates_may_be_too_few(candidate: Candidate, problem: Problem) -> None:
    """Where there are fewer candidates than beams, what is missing has score -inf."""
    check_steps(candidate, problem)


# How results are compared


def check_selected(candidate: Candidate, problem: Problem) -> None:
    """Check the candidates that each group chooses, in whatever order."""
    got, like = candidate.run(beam.selected, **problem), (problem["is_finished"].shape, np.int64)
    ranks, number = problem["ranks"], problem["num_groups"]

    def settled(choice: dict[str, Any]) -> dict[str, Any]:
        return functions.settled_choice(choice, ranks, number)

    assert_same(
        settled({name: checked(got[name], like, name) for name in ("sources", "tokens")}),
        settled(functions.selected(**problem)),
        mistakes=lambda: {
            sentence: settled(choice) for sentence, choice in functions.select_mistakes(**problem).items()
        },
    )


def check_better(candidate: Candidate, problem: Problem) -> None:
    """Check the beam; of a spare one, only the score counts."""
    got = candidate.run(beam.better, **problem)
    assert_same(
        blanked(got, problem["best"]),
        functions.better(**problem),
        mistakes=lambda: functions.better_mistakes(**problem),
    )


def check_ranked(candidate: Candidate, problem: Problem) -> None:
    """Check the results and their order; the tokens of spare ones do not count."""
    got, like = candidate.run(beam.in_order, **problem), functions.only_results(problem["beams"])
    assert_same(blanked(got, like), functions.ranked(**problem), mistakes=lambda: functions.ranked_mistakes(**problem))


def check_step(candidate: Candidate, problem: Problem) -> None:
    """Check the beams after one step, in whatever order within a group."""
    right, number = oracle.one_step(**problem), problem["settings"]["num_groups"]
    got = candidate.run(beam.one_step, **problem)
    fields = {name: checked(got[name], value, name) for name, value in right.items()}
    assert_same(
        functions.settled(fields, number),
        functions.settled(right, number),
        mistakes=lambda: oracle.step_mistakes(**problem),
    )


def check_steps(candidate: Candidate, problem: Problem) -> None:
    """Check the beams after each step, in whatever order within a group."""
    right, got = oracle.steps(**problem), candidate.run(beam.search, **problem)["steps"]
    number = problem["settings"]["num_groups"]
    assert_same(len(got), len(right))
    fields = [
        functions.settled({name: checked(step[name], value, name) for name, value in rights.items()}, number)
        for step, rights in zip(got, right, strict=True)
    ]
    assert_same(fields, right, mistakes=lambda: oracle.other_settings(**problem))


def check_results(candidate: Candidate, problem: Problem, right: dict[str, Any]) -> None:
    """Check the results and their order."""
    assert_same(blanked(candidate.run(beam.results, **problem), right), right)


def blanked(got: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    """Check shapes and dtypes, and set what is arbitrary of spare beams to fixed values."""
    return functions.blanked({name: checked(got[name], value, name) for name, value in like.items()})

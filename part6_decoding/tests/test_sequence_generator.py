"""SequenceGenerator against plain Python, on logits from a small table, and what it draws against exact chances."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import (
    Candidate,
    Probe,
    assert_right,
    assert_same,
    checked,
    edge_case,
    law,
    oracle_test,
    probes,
)
from autograder.testing.strategies import Draw, Problem, integers
from part6_decoding.tests import oracle_sequence_generator as oracle

generator = probes("sequence_generator")

ROWS = 7  # of a table
DRAWS = 1000
SPACING = 3 / 4  # of logits
SEEDS = st.integers(0, 2**32 - 1)
GENERATORS = SEEDS.map(np.random.default_rng)  # a table that hypothesis draws itself is often the same in all rows
BATCHES = st.sampled_from([3, 2, 4, 1])
STEPS = st.sampled_from([4, 6, 3, 8, 2])
ONE = st.just(1)
NONE = st.just(0)  # for edge cases alone
SETTINGS: dict[str, st.SearchStrategy[float]] = {
    "repeat_penalty": st.sampled_from([2.0, 3.0, 0.5]),
    "temperature": st.sampled_from([0.5, 2.0, 1.5]),
    "top_k": st.sampled_from([4, 5, 3]),
    "top_p": st.sampled_from([0.875, 0.75, 0.8125]),
    "min_p": st.sampled_from([0.125, 0.25, 0.1875]),
}
# What is refused, and the argument that the message must name.
REFUSED_FILTERS = [
    ("repeat_penalty", 0.0),
    ("temperature", 0.0),
    ("temperature", -1.0),
    ("top_k", -1),
    ("top_p", 0.0),
    ("top_p", 1.5),
    ("min_p", -0.5),
]
REFUSED_LOGITS = {
    "of one axis": np.zeros(2),
    "of too few rows": np.zeros((1, 3)),
    "with nan": np.array([[0, 1, 2], [0, np.nan, 1]]),
    "with infinity": np.array([[0, 1, 2], [0, np.inf, 1]]),
    "with a row of -inf": np.array([[0, 1, 2], [-np.inf, -np.inf, -np.inf]]),
}
REFUSED_PROMPTS: dict[str, np.ndarray] = {
    "x of no token": np.zeros((2, 0), np.int64),
    "x of floats": np.zeros((2, 1)),
    "x of one axis": np.zeros(2, np.int64),
    "max_length below the prompt's": np.zeros((2, 9), np.int64),
}

# The problems


def logits(draw: Draw, rng: np.random.Generator, vocab: int) -> np.ndarray:
    """Draw a table (rows, v): each row the same levels in another order, apart from one another; about half of them are
    positive, or most, or few."""
    levels = rng.permuted(np.tile(np.arange(vocab), (ROWS, 1)), axis=1)
    zero = draw(st.sampled_from([1 / 2, 1 / 4, 7 / 8])) * vocab
    return SPACING * (levels - zero + rng.uniform(-1 / 4, 1 / 4, levels.shape))


def filters_of(draw: Draw, *names: str) -> Problem:
    """Draw a setting of each of these filters."""
    return {name: draw(SETTINGS[name]) for name in names}


@st.composite
def prompts(
    draw: Draw, *filters: str, batches: st.SearchStrategy[int] = BATCHES, steps: st.SearchStrategy[int] = STEPS
) -> Problem:
    """Draw a table, the token that is EOS, prompts, which may hold EOS too, and how long they may become."""
    rng, vocab, time = draw(GENERATORS), draw(st.sampled_from([4, 3, 5])), draw(st.sampled_from([2, 1, 3]))
    return {
        "table": logits(draw, rng, vocab),
        "eos_id": draw(st.integers(0, vocab - 1)),
        "x": rng.integers(0, vocab, (draw(batches), time)),
        "max_length": time + draw(steps),
        "filters": filters_of(draw, *filters),
    }


@st.composite
def ranked_prompts(
    draw: Draw, batches: st.SearchStrategy[int] = BATCHES, steps: st.SearchStrategy[int] = STEPS
) -> Problem:
    """Draw these, the rank of the token that is chosen, 0 for the likeliest, and a temperature."""
    return {**draw(prompts("temperature", batches=batches, steps=steps)), "rank": draw(st.sampled_from([0, 1, 2]))}


@st.composite
def next_tokens(draw: Draw, *filters: str) -> Problem:
    """Draw a table for eight tokens, rows with repetitions, and filters."""
    rng, shape = draw(GENERATORS), draw(st.sampled_from([(6, 4), (5, 3), (7, 6)]))
    return {"table": logits(draw, rng, 8), "tokens": rng.integers(0, 8, shape), "filters": filters_of(draw, *filters)}


@st.composite
def filtered_alone(draw: Draw) -> Problem:
    """Draw these with one of the filters."""
    return draw(next_tokens(draw(st.sampled_from(list(SETTINGS)))))


@st.composite
def drawings(draw: Draw, *filters: str) -> Problem:
    """Draw one of a few tables, and the same prompt many times: few, since all possible sequences are counted."""
    rng = np.random.default_rng(draw(st.sampled_from([1, 2, 3])))
    return {
        "table": rng.uniform(-2, 2, (ROWS, 4)),
        "eos_id": int(rng.integers(4)),
        "x": np.tile(rng.integers(0, 4, 2), (DRAWS, 1)),
        "max_length": 4,
        "filters": filters_of(draw, *filters),
        "seed": draw(st.sampled_from([1, 2])),
        "is_own": draw(st.booleans()),
    }


@st.composite
def near_equal_choices(draw: Draw) -> Problem:
    """Draw logits of eight tokens, none with a probability above 1/5, and EOS nearly impossible.

    So two sequences of 20 new tokens are equal by chance in less than one of 10¹³ times.
    """
    rng = draw(GENERATORS)
    table = np.concatenate([logits(draw, rng, 8) / 8, np.full((ROWS, 1), -100.0)], axis=1)
    return {"table": table, "eos_id": 8, "x": rng.integers(0, 8, (1, 2)), "max_length": 22}


@st.composite
def generated(draw: Draw, batches: st.SearchStrategy[int]) -> Problem:
    """Draw sequences of which most have EOS, some more than once."""
    shape = draw(batches), draw(st.sampled_from([4, 3, 6]))
    return {"sequence": integers(draw, shape, 0, 3), "eos_id": draw(st.sampled_from([1, 0, 2]))}


def arguments(problem: Problem, *names: str) -> Problem:
    """Leave these out of the problem."""
    return {name: value for name, value in problem.items() if name not in names}


# log_probs


@oracle_test("generator.log_probs")
@given(problem=next_tokens())
def test_without_filters_it_is_log_softmax(candidate: Candidate, problem: Problem) -> None:
    """With the default filters, log_probs gives the log-softmax of score_fn's logits."""
    assert_log_probs(candidate, problem)


@oracle_test("generator.log_probs")
@given(problem=filtered_alone())
def test_each_filter_has_its_effect(candidate: Candidate, problem: Problem) -> None:
    """With one filter, log_probs gives the log-softmax of what that filter makes of the logits."""
    assert_log_probs(candidate, problem)


@oracle_test("generator.log_probs")
@given(problem=next_tokens(*SETTINGS))
def test_all_filters_come_in_order(candidate: Candidate, problem: Problem) -> None:
    """With all filters they come in this order: penalty, temperature, top-k, top-p, min-p, log-softmax."""
    assert_log_probs(candidate, problem)


@oracle_test("generator.log_probs")
@given(problem=next_tokens("repeat_penalty", "top_k"))
def test_the_penalty_comes_before_top_k(candidate: Candidate, problem: Problem) -> None:
    """top_k keeps the tokens that are the likeliest after the penalty."""
    assert_log_probs(candidate, problem)


@law("generator.log_probs")
@given(problem=next_tokens(*SETTINGS))
def test_score_fn_is_called_once(candidate: Candidate, problem: Problem) -> None:
    """score_fn is called once, with just these tokens, and its logits are not changed."""
    table, tokens = problem["table"], problem["tokens"]
    expected = {"calls": [tokens], "logits": [oracle.logits_after(table, tokens)]}
    mistakes = {"score_fn is called twice": {name: 2 * each for name, each in expected.items()}}
    assert_same(candidate.run(generator.log_probs_and_calls, **problem), expected, mistakes=mistakes)


@law("generator.log_probs")
@given(which=st.sampled_from(list(REFUSED_LOGITS)))
def test_logits_that_say_nothing_are_refused(candidate: Candidate, which: str) -> None:
    """Logits not of shape (rows, v), with nan or +inf, or a row of -inf are a ValueError that names score_fn."""
    tokens = np.zeros((2, 1), np.int64)
    assert_refused(
        candidate, "score_fn", generator.log_probs_of, logits=REFUSED_LOGITS[which], tokens=tokens, filters={}
    )


@law("generator.log_probs")
@given(problem=next_tokens(), setting=st.sampled_from(REFUSED_FILTERS))
def test_settings_out_of_range_are_refused(candidate: Candidate, problem: Problem, setting: tuple[str, float]) -> None:
    """A filter's setting out of its range is a ValueError that names it: temperature 0, top_p 1.5 and so on."""
    assert_refused(candidate, setting[0], generator.log_probs, **{**problem, "filters": dict([setting])})


@edge_case("generator.log_probs")
@given(problem=next_tokens(), token=st.integers(0, 7))
def test_what_is_impossible_stays_so(candidate: Candidate, problem: Problem, token: int) -> None:
    """A logit of -inf stays a log-probability of -inf."""
    table = problem["table"].copy()
    table[:, token] = -np.inf
    assert_log_probs(candidate, {**problem, "table": table})


# extend


@oracle_test("generator.extend")
@given(problem=ranked_prompts())
def test_rows_get_what_is_chosen_until_they_end(candidate: Candidate, problem: Problem) -> None:
    """Each row gets what choose takes up to EOS, which counts; then it is filled with EOS until all have ended."""
    assert_right(
        candidate, generator.extend, oracle.continued, problem, ["sequences", "scores"], oracle.extend_mistakes
    )


@oracle_test("generator.extend")
@given(problem=ranked_prompts())
def test_the_callback_sees_each_step(candidate: Candidate, problem: Problem) -> None:
    """After each step the callback sees the tokens, the scores, and which rows have ended."""
    assert_right(candidate, generator.extend, oracle.continued, problem, ["steps"], oracle.extend_mistakes)


@law("generator.extend")
@given(problem=ranked_prompts())
def test_score_fn_is_called_with_all_rows_in_each_step(candidate: Candidate, problem: Problem) -> None:
    """score_fn is called once a step, with all rows, a token longer each time, and the prompt is not changed."""
    right = oracle.continued(**problem)["sequences"]
    expected = {"calls": oracle.calls(right, problem["x"].shape[1]), "prompt afterwards": problem["x"]}
    mistakes = {"score_fn is called once more after the last step": {**expected, "calls": [*expected["calls"], right]}}
    assert_same(candidate.run(generator.extend, **problem), expected, ["calls", "prompt afterwards"], mistakes)


@law("generator.extend")
@given(problem=ranked_prompts())
def test_what_follows_an_end_may_be_anything(candidate: Candidate, problem: Problem) -> None:
    """Where score_fn gives nan after an EOS that it has ended with, sequences and scores are the same."""
    got = candidate.run(generator.extend_with_nan_after_ends, **problem)
    assert_same(got, oracle.continued(**problem), ["sequences", "scores"])


@law("generator.extend")
@given(problem=ranked_prompts(), which=st.sampled_from(list(REFUSED_PROMPTS)))
def test_what_cannot_be_continued_is_refused(candidate: Candidate, problem: Problem, which: str) -> None:
    """A prompt that is empty, of floats, not of shape (b, t), or longer than max_length is a ValueError."""
    problem = {**problem, "x": REFUSED_PROMPTS[which], "max_length": 8}
    assert_refused(candidate, which.partition(" ")[0], generator.extend, **problem)


@edge_case("generator.extend")
@given(problem=ranked_prompts(steps=NONE))
def test_a_prompt_may_be_as_long_as_allowed(candidate: Candidate, problem: Problem) -> None:
    """Where the prompt has max_length tokens, it comes back with a score of 0, and score_fn is not called."""
    expected = {**oracle.continued(**problem), "calls": []}
    assert_same(candidate.run(generator.extend, **problem), expected)


@edge_case("generator.extend")
@given(problem=ranked_prompts(batches=NONE))
def test_no_prompts_have_no_continuation(candidate: Candidate, problem: Problem) -> None:
    """A batch of no prompts comes back as it is, with no scores."""
    assert_same(candidate.run(generator.extend, **problem), oracle.continued(**problem), ["sequences", "scores"])


# Greedy


@oracle_test("generator.greedy")
@given(problem=prompts())
def test_the_likeliest_token_is_taken(candidate: Candidate, problem: Problem) -> None:
    """generate_greedy takes the likeliest token in each step, and adds up their log-probabilities."""
    assert_greedy(candidate, problem, ["sequences", "scores"])


@oracle_test("generator.greedy")
@given(problem=prompts("repeat_penalty", "temperature"))
def test_greedy_applies_penalty_and_temperature(candidate: Candidate, problem: Problem) -> None:
    """With repeat_penalty and temperature the tokens and the scores are those of the changed logits."""
    assert_greedy(candidate, problem, ["sequences", "scores"])


@law("generator.greedy")
@given(problem=prompts("temperature"))
def test_greedy_hands_on_the_callback(candidate: Candidate, problem: Problem) -> None:
    """The callback sees each step of generate_greedy."""
    assert_greedy(candidate, problem, ["steps"])


@law("generator.greedy")
@given(problem=prompts())
def test_a_function_will_do(candidate: Candidate, problem: Problem) -> None:
    """score_fn may be any function, and no gradient is recorded."""
    expected = {**oracle.continued(**problem), "scores have a gradient": False}
    got = candidate.run(generator.greedy_of_a_function, **problem)
    mistakes = {"gradients are recorded: torch.no_grad is missing": {**expected, "scores have a gradient": True}}
    assert_same(got, expected, ["sequences", "scores", "scores have a gradient"], mistakes)


# Sample


@oracle_test("generator.sample")
@given(problem=drawings())
def test_sequences_are_as_frequent_as_the_logits_say(candidate: Candidate, problem: Problem) -> None:
    """Of many draws each sequence has the share that is the product of its tokens' probabilities."""
    assert_right_shares(candidate, problem)


@oracle_test("generator.sample")
@given(problem=drawings("repeat_penalty", "temperature"))
def test_samples_follow_penalty_and_temperature(candidate: Candidate, problem: Problem) -> None:
    """With repeat_penalty and temperature the shares are those of the changed logits."""
    assert_right_shares(candidate, problem)


@oracle_test("generator.sample")
@given(problem=drawings("top_k", "top_p", "min_p"), only=st.sampled_from(["top_k", "top_p", "min_p"]))
def test_samples_leave_out_what_is_filtered(candidate: Candidate, problem: Problem, only: str) -> None:
    """With top_k, top_p or min_p what is filtered is never drawn, and the rest has shares that sum to 1."""
    assert_right_shares(candidate, {**problem, "filters": {only: problem["filters"][only]}})


@oracle_test("generator.sample")
@given(problem=drawings(*SETTINGS))
def test_scores_are_those_of_what_was_drawn(candidate: Candidate, problem: Problem) -> None:
    """Each score is the sum of the log-probabilities, after all filters, of the new tokens up to EOS."""
    got, of_draws = drawn(candidate, problem), arguments(problem, "x", "max_length", "seed", "is_own")
    sequences, prompt = np.clip(got["sequences"], 0, 3), problem["x"][0].tolist()
    right = oracle.scores_of(sequences, **of_draws, prompt=prompt)
    of_draws["filters"] = {"repeat_penalty": problem["filters"]["repeat_penalty"]}
    unfiltered = oracle.scores_of(sequences, **of_draws, prompt=prompt)
    known = {"the scores are those before temperature, top_k, top_p and min_p": {"scores": unfiltered}}
    assert_same(got, {"scores": right}, ["scores"], mistakes=known)


@oracle_test("generator.sample")
@given(problem=prompts("repeat_penalty", "temperature"), seed=SEEDS)
def test_of_one_choice_the_likeliest_is_drawn(candidate: Candidate, problem: Problem, seed: int) -> None:
    """With top_k = 1 generate_sample takes what generate_greedy takes, and the callback sees each step."""
    problem = {**problem, "filters": {**problem["filters"], "top_k": 1}}
    right = oracle.continued(**problem)
    more = ((0, 0), (0, problem["max_length"] - right["sequences"].shape[1]))
    filled = np.pad(right["sequences"], more, constant_values=problem["eos_id"])
    expected = {**right, "sequences": filled}
    mistakes = {oracle.NO_CALLBACK: {**expected, "steps": []}}
    assert_same(candidate.run(generator.sample, **problem, seed=seed), expected, mistakes=mistakes)


@law("generator.sample")
@given(problem=near_equal_choices(), seed=SEEDS, is_own=st.booleans())
def test_the_generator_decides(candidate: Candidate, problem: Problem, seed: int, is_own: bool) -> None:
    """A generator with the same seed draws the same, one with another seed another; so does torch's own if none is
    given."""
    seeds = [seed, seed, seed + 1]
    drawn = candidate.run(generator.sample_of_seeds, **problem, seeds=seeds, is_own=is_own)
    one, same, other = (checked(each, ((1, 22), "int64"), "sequences") for each in drawn)
    assert_same({"sequences": same}, {"sequences": one})
    mistakes = {"the seed has no effect on what is drawn": {"sequences differ": False}}
    assert_same({"sequences differ": bool((one != other).any())}, {"sequences differ": True}, mistakes=mistakes)


@law("generator.sample")
@given(problem=near_equal_choices(), seed=SEEDS)
def test_torchs_own_generator_is_left_alone(candidate: Candidate, problem: Problem, seed: int) -> None:
    """Where a generator is given, it alone is used: torch's own stays as it is."""
    got = candidate.run(generator.changes_of_generators, **problem, seed=seed)
    assert_same(got, {"the given one has moved": True, "torch's own has moved": False})


# After generation


@oracle_test("generator.post_process")
@given(problem=generated(ONE))
def test_a_row_is_cut_after_eos(candidate: Candidate, problem: Problem) -> None:
    """One row gives a tensor, up to its first EOS and with it; without EOS, the whole row."""
    row = problem["sequence"][0]
    problem = {**problem, "sequence": row}
    expected = {"cut": oracle.cut(row, problem["eos_id"])}
    known = {mistake: {"cut": cut} for mistake, cut in oracle.cut_mistakes(row, problem["eos_id"]).items()}
    assert_same(candidate.run(generator.post_process, **problem), expected, mistakes=known)


@oracle_test("generator.post_process")
@given(problem=generated(st.sampled_from([2, 3, 4])))
def test_several_rows_are_a_list(candidate: Candidate, problem: Problem) -> None:
    """Several rows give a list of tensors, each cut after its own first EOS."""
    expected = {"cut": [oracle.cut(row, problem["eos_id"]) for row in problem["sequence"]]}
    assert_same(candidate.run(generator.post_process, **problem), expected)


@edge_case("generator.post_process")
@given(shape=st.sampled_from([(0,), (2, 0), (0, 3)]))
def test_nothing_may_be_cut(candidate: Candidate, shape: tuple[int, ...]) -> None:
    """A row of no token stays so, and no rows are an empty list."""
    nothing = np.zeros(shape, np.int64)
    expected = {"cut": list(nothing) if nothing.ndim == 2 else nothing}
    assert_same(candidate.run(generator.post_process, sequence=nothing, eos_id=0), expected)


# What the tests share


def assert_log_probs(candidate: Candidate, problem: Problem) -> None:
    """Check the log-probabilities, and name a known mistake."""
    assert_right(candidate, generator.log_probs, oracle.log_probs, problem, mistakes=oracle.log_probs_mistakes)


def assert_greedy(candidate: Candidate, problem: Problem, names: list[str]) -> None:
    """Check these entries of generate_greedy, and name a known mistake."""
    assert_right(candidate, generator.greedy, oracle.continued, problem, names, oracle.greedy_mistakes)


def assert_refused(candidate: Candidate, name: str, probe: Probe, **problem: Any) -> None:
    """Check that the probe raises ValueError, and that the message names this argument."""
    message = candidate.raises(ValueError, probe, **problem)
    assert_same({f"the message names {name}": name in message}, {f"the message names {name}": True})


def drawn(candidate: Candidate, problem: Problem) -> Problem:
    """Draw the many sequences and their scores, of the right shape and dtype."""
    got = candidate.run(generator.sample, **problem)
    return {
        "sequences": checked(got["sequences"], ((DRAWS, problem["max_length"]), "int64"), "sequences"),
        "scores": checked(got["scores"], ((DRAWS,), "float64"), "scores"),
    }


def assert_right_shares(candidate: Candidate, problem: Problem) -> None:
    """Check that each sequence is drawn about as often as its probability says, and name a known mistake."""
    sequences, prompt = drawn(candidate, problem)["sequences"], problem["x"][0].tolist()
    oracle.assert_counts(sequences, **arguments(problem, "x", "max_length", "seed", "is_own"), prompt=prompt)

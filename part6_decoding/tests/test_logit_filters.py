"""The filters of the logits against their definitions."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, array, integers
from part6_decoding.tests import oracle_logit_filters as oracle

filters = probes("logit_filters")

ROWS = st.sampled_from([2, 3, 1])
VOCABS = st.sampled_from([4, 5, 8, 3])
APART = 1e-3  # what a probability must differ from a bound by: float32 must not decide
PENALTIES = st.sampled_from([2.0, 1.25, 3.0, 0.5])
TEMPERATURES = st.sampled_from([2.0, 0.5, 1.5])
IN_PLACE = "the logits that were given are changed in place; the result must be a new tensor"

# The problems


def distinct(draw: Draw, rows: int, vocab: int, step: float = 0.5) -> np.ndarray:
    """Draw logits, no two of a row equal, negative and positive, more spread in some rows than in others."""
    order = np.argsort(integers(draw, (rows, vocab), 0, 256) * vocab + np.arange(vocab), axis=1)
    spread = array(draw, (rows, 1), "exponents") * 0.25 + 1
    return (order - vocab / 2 + 0.2) * step * spread


@st.composite
def logits_of(draw: Draw, vocabs: st.SearchStrategy[int] = VOCABS) -> Problem:
    """Draw distinct logits (rows, v)."""
    return {"logits": distinct(draw, draw(ROWS), draw(vocabs)).astype(draw(DTYPES))}


@st.composite
def repetitions(draw: Draw, penalties: st.SearchStrategy[float] = PENALTIES) -> Problem:
    """Draw logits, and rows of tokens, at least one of them twice, and never all there are."""
    problem = draw(logits_of(st.sampled_from([5, 6, 8])))
    rows, vocab = problem["logits"].shape
    others = integers(draw, (rows, draw(st.sampled_from([2, 1]))), 0, vocab)
    likeliest, least = problem["logits"].argmax(axis=1)[:, None], problem["logits"].argmin(axis=1)[:, None]
    sequences = np.concatenate([likeliest, others, least, likeliest, others[:, :1]], axis=1)
    return {**problem, "sequences": sequences, "penalty": draw(penalties)}


@st.composite
def hot_or_cold(draw: Draw) -> Problem:
    return {**draw(logits_of()), "temperature": draw(TEMPERATURES)}


@st.composite
def some_of_them(draw: Draw) -> Problem:
    """Draw a k that keeps some and drops some."""
    problem = draw(logits_of())
    return {**problem, "k": draw(st.integers(2, problem["logits"].shape[1] - 1))}


def between(draw: Draw, bounds: np.ndarray) -> float:
    """Choose a number between two of these that are not close."""
    bounds = np.sort(bounds, axis=None)
    (wide,) = np.nonzero(np.diff(bounds) > 2 * APART)
    below = wide[draw(st.integers(0, len(wide) - 1))]
    return float(bounds[below : below + 2].mean())


@st.composite
def nuclei(draw: Draw) -> Problem:
    """Draw a p that in some row keeps two tokens or more, and drops one in some row."""
    problem = draw(logits_of())
    cumulative = np.cumsum(-np.sort(-oracle.probabilities(problem["logits"]), axis=1), axis=1)
    return {**problem, "p": between(draw, cumulative[:, :-1])}


@st.composite
def bounded(draw: Draw) -> Problem:
    """Draw a min_p that in some row keeps two tokens or more, and drops one in some row."""
    problem = draw(logits_of())
    each = np.sort(oracle.probabilities(problem["logits"]), axis=1)
    return {**problem, "min_p": between(draw, (each / each[:, -1:])[:, :-1])}


@st.composite
def with_dropped(draw: Draw, problems: st.SearchStrategy[Problem]) -> Problem:
    """Make the least likely tokens of a problem -inf."""
    problem = draw(problems)
    logits = problem["logits"].copy()
    logits[np.arange(len(logits)), logits.argmin(axis=1)] = -math.inf
    return {**problem, "logits": logits}


@st.composite
def tied(draw: Draw) -> Problem:
    """Draw logits that are equal or half as large, more equal ones than are kept."""
    vocab = draw(st.sampled_from([5, 6, 8]))
    places = np.argsort(integers(draw, (2, vocab), 0, 256) * vocab + np.arange(vocab), axis=1)
    return {"logits": np.where(places < 4, 1.0, 0.5), "k": draw(st.sampled_from([1, 2, 3]))}


@st.composite
def far_from_zero(draw: Draw, problems: st.SearchStrategy[Problem]) -> Problem:
    """Shift the logits of a problem so far that their exponentials are 0 or infinite."""
    problem = draw(problems)
    return {**problem, "logits": problem["logits"].astype("float64") + draw(st.sampled_from([1000.0, -1000.0]))}


# The repetition penalty


@oracle_test("filters.repetition_penalty")
@given(problem=repetitions())
def test_tokens_of_the_row_become_less_likely(candidate: Candidate, problem: Problem) -> None:
    """A token that the row has is divided by the penalty if its logit is positive and multiplied if it is not, once."""
    mistakes = oracle.repetition_penalty_mistakes
    assert_right(candidate, filters.repetition_penalty, oracle.repetition_penalty, problem, mistakes=mistakes)


@edge_case("filters.repetition_penalty")
@given(problem=with_dropped(repetitions()))
def test_what_is_impossible_stays_so_under_the_penalty(candidate: Candidate, problem: Problem) -> None:
    """A logit of -inf stays -inf, whether the row has its token or not."""
    mistakes = oracle.impossible_penalty_mistakes
    assert_right(candidate, filters.repetition_penalty, oracle.repetition_penalty, problem, mistakes=mistakes)


@law("filters.repetition_penalty")
@given(problem=repetitions(st.just(1.0)))
def test_a_penalty_of_1_changes_nothing(candidate: Candidate, problem: Problem) -> None:
    """A penalty of 1 gives the logits themselves."""
    assert_same(candidate.run(filters.repetition_penalty, **problem), {"logits": problem["logits"]})


@law("filters.repetition_penalty")
@given(problem=repetitions())
def test_the_penalty_leaves_its_arguments_alone(candidate: Candidate, problem: Problem) -> None:
    """apply_repetition_penalty changes neither the logits nor the sequences."""
    unchanged = {"logits changed": False, "sequences changed": False}
    mistakes = {IN_PLACE: {**unchanged, "logits changed": True}}
    assert_same(candidate.run(filters.repetition_penalty_and_arguments, **problem), unchanged, None, mistakes)


@law("filters.repetition_penalty")
@given(problem=repetitions(st.sampled_from([0.0, -1.0, math.nan])))
def test_a_penalty_that_is_not_positive_is_refused(candidate: Candidate, problem: Problem) -> None:
    """A penalty of 0, below it or nan is a ValueError."""
    candidate.raises(ValueError, filters.repetition_penalty, **problem)


# The temperature


@oracle_test("filters.temperature")
@given(problem=hot_or_cold())
def test_the_temperature_divides(candidate: Candidate, problem: Problem) -> None:
    """apply_temperature gives logits / temperature."""
    assert_right(candidate, filters.temperature, oracle.temperature, problem, mistakes=oracle.temperature_mistakes)


@law("filters.temperature")
@given(problem=hot_or_cold())
def test_the_temperature_leaves_its_argument_alone(candidate: Candidate, problem: Problem) -> None:
    """apply_temperature does not change the logits."""
    check_unchanged(candidate, "temperature", problem["logits"], problem["temperature"])


@law("filters.temperature")
@given(problem=logits_of(), temperature=st.sampled_from([0.0, -1.0, math.nan]))
def test_a_temperature_that_is_not_positive_is_refused(
    candidate: Candidate, problem: Problem, temperature: float
) -> None:
    """A temperature of 0, below it or nan is a ValueError."""
    candidate.raises(ValueError, filters.temperature, **problem, temperature=temperature)


# Top k


@oracle_test("filters.top_k")
@given(problem=some_of_them())
def test_the_k_largest_stay(candidate: Candidate, problem: Problem) -> None:
    """filter_top_k keeps the k largest logits of each row, and gives all others -inf."""
    assert_right(candidate, filters.top_k, oracle.top_k, problem, mistakes=oracle.top_k_mistakes)


@edge_case("filters.top_k")
@given(problem=tied())
def test_of_equal_logits_exactly_k_stay(candidate: Candidate, problem: Problem) -> None:
    """Of equal logits those of the lowest index stay, exactly k in all."""
    assert_right(candidate, filters.top_k, oracle.top_k, problem, mistakes=oracle.tied_top_k_mistakes)


@law("filters.top_k")
@given(problem=logits_of(), further=st.sampled_from([0, 1, 5]))
def test_a_large_k_keeps_all(candidate: Candidate, problem: Problem, further: int) -> None:
    """A k of the vocabulary's size or above it keeps every logit, and so does 0."""
    k = problem["logits"].shape[1] + further
    assert_same(candidate.run(filters.top_k, **problem, k=k), problem)
    assert_same(candidate.run(filters.top_k, **problem, k=0), problem)


@edge_case("filters.top_k")
@given(problem=with_dropped(some_of_them()))
def test_what_is_impossible_is_not_among_the_k(candidate: Candidate, problem: Problem) -> None:
    """A logit of -inf comes last, and stays -inf."""
    assert_right(candidate, filters.top_k, oracle.top_k, problem)


@law("filters.top_k")
@given(problem=some_of_them())
def test_top_k_leaves_its_argument_alone(candidate: Candidate, problem: Problem) -> None:
    """filter_top_k does not change the logits."""
    check_unchanged(candidate, "top_k", problem["logits"], problem["k"])


@law("filters.top_k")
@given(problem=logits_of(), k=st.sampled_from([-1, -5]))
def test_a_negative_k_is_refused(candidate: Candidate, problem: Problem, k: int) -> None:
    """A k below 0 is a ValueError."""
    candidate.raises(ValueError, filters.top_k, **problem, k=k)


# Top p


@oracle_test("filters.top_p")
@given(problem=nuclei())
def test_the_likeliest_that_reach_p_stay(candidate: Candidate, problem: Problem) -> None:
    """filter_top_p keeps the likeliest tokens until their probabilities reach p, the one that crosses p too."""
    assert_right(candidate, filters.top_p, oracle.top_p, problem, mistakes=oracle.top_p_mistakes)


@edge_case("filters.top_p")
@given(problem=logits_of(), p=st.sampled_from([0.01, 1e-9]))
def test_the_likeliest_token_always_stays(candidate: Candidate, problem: Problem, p: float) -> None:
    """However small p is, the likeliest token of each row stays."""
    assert_right(candidate, filters.top_p, oracle.top_p, {**problem, "p": p})


@edge_case("filters.top_p")
@given(problem=tied(), part=st.sampled_from([0.5, 1.5, 2.5]))
def test_of_equal_probabilities_the_first_stay(candidate: Candidate, problem: Problem, part: float) -> None:
    """Of equally likely tokens those of the lowest index stay, as many as it takes to reach p."""
    logits = problem["logits"]
    problem = {"logits": logits, "p": float(oracle.probabilities(logits).max(axis=1).min() * part)}
    assert_right(candidate, filters.top_p, oracle.top_p, problem, mistakes=oracle.tied_top_p_mistakes)


@edge_case("filters.top_p")
@given(vocab=st.sampled_from([4, 2, 8]), kept=st.sampled_from([1, 2, 3]), logit=st.sampled_from([0.5, -3.0, 20.0]))
def test_what_reaches_p_exactly_is_enough(candidate: Candidate, vocab: int, kept: int, logit: float) -> None:
    """Where the probabilities reach p exactly, the next token is dropped."""
    logits, kept = np.full((2, vocab), logit), min(kept, vocab - 1)
    right = np.where(np.arange(vocab) < kept, logits, -math.inf)
    assert_same(candidate.run(filters.top_p, logits=logits, p=kept / vocab), {"logits": right})


@edge_case("filters.top_p")
@given(problem=with_dropped(logits_of()))
def test_a_p_of_1_keeps_all(candidate: Candidate, problem: Problem) -> None:
    """A p of 1 keeps every logit."""
    assert_same(candidate.run(filters.top_p, **problem, p=1.0), problem)


@edge_case("filters.top_p")
@given(problem=far_from_zero(nuclei()))
def test_top_p_of_logits_far_from_zero(candidate: Candidate, problem: Problem) -> None:
    """Logits around 1000 and -1000 have probabilities like others."""
    assert_right(candidate, filters.top_p, oracle.top_p, problem)


@law("filters.top_p")
@given(problem=nuclei())
def test_top_p_leaves_its_argument_alone(candidate: Candidate, problem: Problem) -> None:
    """filter_top_p does not change the logits."""
    check_unchanged(candidate, "top_p", problem["logits"], problem["p"])


@law("filters.top_p")
@given(problem=logits_of(), p=st.sampled_from([0.0, -0.5, 1.5, math.nan]))
def test_a_p_that_is_no_probability_is_refused(candidate: Candidate, problem: Problem, p: float) -> None:
    """A p of 0, below it, above 1 or nan is a ValueError."""
    candidate.raises(ValueError, filters.top_p, **problem, p=p)


# Min p


@oracle_test("filters.min_p")
@given(problem=bounded())
def test_what_comes_near_the_likeliest_stays(candidate: Candidate, problem: Problem) -> None:
    """filter_min_p keeps the tokens that are at least min_p times as likely as the likeliest of their row."""
    assert_right(candidate, filters.min_p, oracle.min_p, problem, mistakes=oracle.min_p_mistakes)


@edge_case("filters.min_p")
@given(problem=tied())
def test_a_min_p_of_1_keeps_what_is_as_likely_as_the_likeliest(candidate: Candidate, problem: Problem) -> None:
    """A min_p of 1 keeps all tokens that are as likely as the likeliest."""
    problem = {"logits": problem["logits"], "min_p": 1.0}
    assert_right(candidate, filters.min_p, oracle.min_p, problem, mistakes=oracle.tied_min_p_mistakes)


@edge_case("filters.min_p")
@given(problem=with_dropped(logits_of()))
def test_a_min_p_of_0_keeps_all(candidate: Candidate, problem: Problem) -> None:
    """A min_p of 0 keeps every logit."""
    assert_same(candidate.run(filters.min_p, **problem, min_p=0.0), problem)


@edge_case("filters.min_p")
@given(problem=far_from_zero(bounded()))
def test_min_p_of_logits_far_from_zero(candidate: Candidate, problem: Problem) -> None:
    """Logits around 1000 and -1000 have probabilities like others."""
    assert_right(candidate, filters.min_p, oracle.min_p, problem)


@law("filters.min_p")
@given(problem=bounded())
def test_min_p_leaves_its_argument_alone(candidate: Candidate, problem: Problem) -> None:
    """filter_min_p does not change the logits."""
    check_unchanged(candidate, "min_p", problem["logits"], problem["min_p"])


@law("filters.min_p")
@given(problem=logits_of(), min_p=st.sampled_from([-0.5, 1.5, math.nan]))
def test_a_min_p_that_is_no_share_is_refused(candidate: Candidate, problem: Problem, min_p: float) -> None:
    """A min_p below 0, above 1 or nan is a ValueError."""
    candidate.raises(ValueError, filters.min_p, **problem, min_p=min_p)


def check_unchanged(candidate: Candidate, name: str, logits: np.ndarray, setting: float) -> None:
    """Check that the filter of this name does not change the logits."""
    got = candidate.run(filters.filter_and_argument, name=name, logits=logits, setting=setting)
    assert_same(got, {"logits changed": False}, mistakes={IN_PLACE: {"logits changed": True}})

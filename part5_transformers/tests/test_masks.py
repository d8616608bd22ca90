"""Masks against brute force."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, array, integers
from part5_transformers.tests import oracle_masks as oracle
from part5_transformers.tests.strategies import BATCHES, NONE, TIMES

masks = probes("masks")

FEATURES = st.sampled_from([(1,), (2,), (5,), (3, 2)])
TOKENS = st.just(())

# The problems


@st.composite
def padded_inputs(
    draw: Draw,
    features: st.SearchStrategy[tuple[int, ...]] = FEATURES,
    batches: st.SearchStrategy[int] = BATCHES,
) -> Problem:
    """Draw sequences (b, t, ...) with any numbers, zeros among them; tokens (b, t) are integers."""
    trailing = draw(features)
    shape = (draw(batches), draw(TIMES), *trailing)
    return {"padded_input": array(draw, shape, dtype=draw(DTYPES)) if trailing else integers(draw, shape, 0, 4)}


@st.composite
def with_lengths(
    draw: Draw,
    features: st.SearchStrategy[tuple[int, ...]] = FEATURES,
    batches: st.SearchStrategy[int] = BATCHES,
) -> Problem:
    """Draw the same with a length between 1 and t for every sequence."""
    problem = draw(padded_inputs(features, batches))
    batch, time = problem["padded_input"].shape[:2]
    return {**problem, "input_lengths": integers(draw, (batch,), 1, time + 1)}


@st.composite
def with_an_impossible_length(draw: Draw) -> tuple[Problem, int, int]:
    """Draw the same, a row, and a length for it that is below 1 or above t."""
    problem = draw(with_lengths())
    batch, time = problem["padded_input"].shape[:2]
    return problem, draw(st.integers(0, batch - 1)), draw(st.sampled_from([0, -1, time + 1, time + 3]))


@st.composite
def with_lengths_of_another_shape(draw: Draw) -> Problem:
    """Draw the same with lengths for another batch, or not (b,)."""
    problem = draw(with_lengths())
    lengths = problem["input_lengths"]
    shapes = [(len(lengths) + 1,), (len(lengths), 1), (1, len(lengths)), ()]
    return {**problem, "input_lengths": np.ones(draw(st.sampled_from(shapes)), dtype=np.int64)}


# Padding


@oracle_test("masks.padding")
@given(problem=with_lengths())
def test_steps_after_the_length_are_padding(candidate: Candidate, problem: Problem) -> None:
    """PadMask of sequences of vectors is (b, t), boolean, and True at and after each sequence's length."""
    assert_right(candidate, masks.padding, oracle.padding, problem, mistakes=oracle.padding_mistakes)


@oracle_test("masks.padding")
@given(problem=with_lengths(TOKENS))
def test_tokens_have_padding_too(candidate: Candidate, problem: Problem) -> None:
    """PadMask of tokens (b, t) is the lengths' alone: whatever a token's number, it may be padding or not."""
    assert_right(candidate, masks.padding, oracle.padding, problem, mistakes=oracle.padding_mistakes)


@edge_case("masks.padding")
@given(problem=with_lengths(batches=NONE))
def test_no_sequences_have_no_padding(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 gives a mask (0, t)."""
    assert_right(candidate, masks.padding, oracle.padding, problem)


@law("masks.padding")
@given(problem=with_lengths())
def test_padding_leaves_its_arguments_alone(candidate: Candidate, problem: Problem) -> None:
    """PadMask changes neither the input nor the lengths."""
    afterwards = {f"{name} afterwards": value for name, value in problem.items()}
    right = {**oracle.padding(**problem), **afterwards}
    padded = problem["padded_input"].copy()
    padded[right["mask"]] = 0
    in_place = {**right, "padded_input afterwards": padded}
    mistakes = {"the padding of the input is set to 0; only the mask is asked for": in_place}
    assert_same(candidate.run(masks.padding_and_arguments, **problem), right, mistakes=mistakes)


@law("masks.padding")
@given(wrong=with_an_impossible_length())
def test_impossible_lengths_are_refused(candidate: Candidate, wrong: tuple[Problem, int, int]) -> None:
    """A length below 1 or above t is a ValueError."""
    problem, row, length = wrong
    lengths = problem["input_lengths"].copy()
    lengths[row] = length
    candidate.raises(ValueError, masks.padding, **{**problem, "input_lengths": lengths})


@law("masks.padding")
@given(problem=with_lengths_of_another_shape())
def test_lengths_of_another_shape_are_refused(candidate: Candidate, problem: Problem) -> None:
    """Lengths that are not one for every sequence, (b,), are a ValueError."""
    candidate.raises(ValueError, masks.padding, **problem)


# The causal mask


@oracle_test("masks.causal")
@given(problem=padded_inputs())
def test_later_keys_are_hidden(candidate: Candidate, problem: Problem) -> None:
    """CausalMask of sequences of vectors is (t, t), boolean, and True where the key comes after the query."""
    assert_right(candidate, masks.causal, oracle.causal, problem, mistakes=oracle.causal_mistakes)


@oracle_test("masks.causal")
@given(problem=padded_inputs(TOKENS))
def test_later_tokens_are_hidden(candidate: Candidate, problem: Problem) -> None:
    """CausalMask of tokens (b, t) is that of their t steps, whatever their numbers."""
    assert_right(candidate, masks.causal, oracle.causal, problem, mistakes=oracle.causal_mistakes)


@edge_case("masks.causal")
@given(problem=padded_inputs(batches=NONE))
def test_no_sequences_have_a_causal_mask(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 has the causal mask of its t steps."""
    assert_right(candidate, masks.causal, oracle.causal, problem)


@law("masks.causal")
@given(problem=padded_inputs())
def test_the_causal_mask_leaves_its_argument_alone(candidate: Candidate, problem: Problem) -> None:
    """CausalMask does not change the input."""
    afterwards = {"padded_input afterwards": problem["padded_input"]}
    assert_same(candidate.run(masks.causal_and_argument, **problem), {**oracle.causal(**problem), **afterwards})

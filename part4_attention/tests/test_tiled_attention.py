"""Tiled attention against torch."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, Probe, assert_right, assert_same, law, oracle_test, probes
from autograder.testing.strategies import Draw, Problem, without_gradient
from part4_attention.tests import oracle_tiled_attention as oracle
from part4_attention.tests.strategies import MASKS, attentions, with_large_scores

tiled = probes("tiled_attention")

GRADIENTS = ["query_grad", "key_grad", "value_grad"]
BLOCK_SIZES = st.sampled_from([1, 2, 3, 4, 100])

# The problems


@st.composite
def in_tiles(draw: Draw, problems: st.SearchStrategy[Problem], causal: bool | None = None) -> Problem:
    """One of these problems, and tiles of some size; up to five queries and keys make several tiles, some not full."""
    is_causal = draw(st.booleans()) if causal is None else causal
    return {"options": {"block_size": draw(BLOCK_SIZES), "is_causal": is_causal}, **draw(problems)}


# Forward


@oracle_test("tiled.forward")
@given(problem=in_tiles(attentions(), causal=False))
def test_output_without_a_mask_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives softmax(Q Kᵀ / √d) V in tiles of any size."""
    check_output(candidate, problem)


@oracle_test("tiled.forward")
@given(problem=in_tiles(attentions(MASKS)))
def test_output_with_masks_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """A mask, and is_causal beside it, hide keys from queries, in tiles of any size."""
    check_output(candidate, problem)


@oracle_test("tiled.forward")
@given(problem=in_tiles(attentions(MASKS, empties=True)))
def test_a_query_that_sees_nothing_gets_zeros(candidate: Candidate, problem: Problem) -> None:
    """A query whose every key is hidden gets zeros, without nan and without a warning."""
    problem = without_gradient(problem)
    assert_same(candidate.run(tiled.forward_strictly, **problem), oracle.attention(**problem), names=["output"])


@oracle_test("tiled.forward")
@given(problem=in_tiles(with_large_scores(attentions(MASKS))))
def test_scores_in_the_thousands(candidate: Candidate, problem: Problem) -> None:
    """Scores in the thousands give the right output too, and nothing overflows when the largest score changes."""
    problem = without_gradient(problem)
    assert_same(candidate.run(tiled.forward_strictly, **problem), oracle.attention(**problem), names=["output"])


@law("tiled.forward")
@given(time=st.sampled_from([512, 768, 1024]))
def test_forward_holds_no_score_for_every_query_and_key(candidate: Candidate, time: int) -> None:
    """For 512 tokens and more, forward never holds more than an eighth of what all scores would take."""
    check_peak(candidate, tiled.peak_of_forward, time)


@law("tiled.forward")
@given(block_size=st.sampled_from([0, -1, -128]))
def test_a_tile_holds_something(candidate: Candidate, block_size: int) -> None:
    """A block_size that is not positive is a ValueError."""
    candidate.raises(ValueError, tiled.peak_of_forward, time=1, block_size=block_size)


# Backward


@oracle_test("tiled.backward")
@given(problem=in_tiles(attentions(), causal=False))
def test_gradients_without_a_mask_match_torch(candidate: Candidate, problem: Problem) -> None:
    """backward gives the gradients of query, key and value in tiles of any size."""
    check_gradients(candidate, problem)


@oracle_test("tiled.backward")
@given(problem=in_tiles(attentions(MASKS)))
def test_gradients_with_masks_match_torch(candidate: Candidate, problem: Problem) -> None:
    """With a mask, and is_causal beside it, the gradients are torch's too."""
    check_gradients(candidate, problem)


@oracle_test("tiled.backward")
@given(problem=in_tiles(attentions(MASKS, empties=True)))
def test_a_query_that_sees_nothing_has_no_gradient(candidate: Candidate, problem: Problem) -> None:
    """A query whose every key is hidden has a zero gradient and sends none to keys and values, without nan."""
    assert_same(candidate.run(tiled.run_strictly, **problem), oracle.attention(**problem), names=GRADIENTS)


@oracle_test("tiled.backward")
@given(problem=in_tiles(with_large_scores(attentions(MASKS))))
def test_gradients_of_scores_in_the_thousands(candidate: Candidate, problem: Problem) -> None:
    """Scores in the thousands have the right gradients too, and nothing overflows on the way."""
    assert_same(candidate.run(tiled.run_strictly, **problem), oracle.attention(**problem), names=GRADIENTS)


@law("tiled.backward")
@given(time=st.sampled_from([512, 768, 1024]))
def test_backward_holds_no_weight_for_every_query_and_key(candidate: Candidate, time: int) -> None:
    """For 512 tokens and more, backward never holds more than an eighth of what all weights would take."""
    check_peak(candidate, tiled.peak_of_backward, time)


@law("tiled.backward")
@given(problem=in_tiles(attentions(MASKS)))
def test_views_are_accepted_and_left_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same gradients, and no argument is changed."""
    afterwards = {f"{name} afterwards": value for name, value in problem.items() if name != "options"}
    assert_same(candidate.run(tiled.run_on_views, **problem), {**oracle.attention(**problem), **afterwards})


@law("tiled.backward")
@given(problem=attentions())
def test_backward_needs_a_forward(candidate: Candidate, problem: Problem) -> None:
    """backward before any forward is a RuntimeError."""
    candidate.raises(RuntimeError, tiled.backward_first, grad_output=problem["grad_output"])


def check_output(candidate: Candidate, problem: Problem) -> None:
    """The output is torch's."""
    problem = without_gradient(problem)
    assert_right(candidate, tiled.forward, oracle.attention, problem, ["output"], oracle.attention_mistakes)


def check_gradients(candidate: Candidate, problem: Problem) -> None:
    """The gradients are torch's."""
    probe = tiled.forward_and_backward
    assert_right(candidate, probe, oracle.attention, problem, GRADIENTS, oracle.attention_mistakes)


def check_peak(candidate: Candidate, probe: Probe, time: int) -> None:
    """With tiles of 16 the peak is at most an eighth of all scores in float32."""
    limit = time * time * 4 // 8
    peak: int = candidate.run(probe, time=time, block_size=16)
    assert_same(
        {"the peak in bytes, or the limit if that is more,": max(peak, limit)},
        {"the peak in bytes, or the limit if that is more,": limit},
    )

"""Tiled attention against torch."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import (
    Candidate,
    Probe,
    assert_at_most,
    assert_right,
    assert_same,
    edge_case,
    law,
    oracle_test,
    probes,
)
from autograder.testing.strategies import Draw, Problem, without_gradient
from part4_attention.tests import oracle_tiled_attention as oracle
from part4_attention.tests.strategies import BLINDING_MASKS, MASKS, NONE, attentions, with_large_scores

tiled = probes("tiled_attention")

GRADIENTS = ["query_grad", "key_grad", "value_grad"]
BLOCK_SIZES = st.sampled_from([1, 2, 3, 4, 100])
PEAK = "the peak in bytes for 640 tokens in tiles of 32"
ALL_AT_ONCE = "a number for every query and key is held at once; go through the scores in tiles of block_size"

# What 4096 tokens take is kept from outside the worker: what it measures itself, a submission can make up.
LONG: Problem = {
    "options": {"block_size": 128, "is_causal": False},
    **{
        name: np.random.default_rng(seed).normal(size=(4096, 1))
        for seed, name in enumerate(("query", "key", "value", "grad_output"))
    },
    "mask": None,
}
HALF_OF_ALL = 4096 * 4096 * 8 // 2

# The problems


@st.composite
def in_tiles(draw: Draw, problems: st.SearchStrategy[Problem], causal: bool | None = None) -> Problem:
    """One of these problems, and tiles of some size; up to five queries and keys make several tiles, some not full.

    With is_causal a query that the mask lets see a key sees the first, which is after no query.
    """
    is_causal, problem = draw(st.booleans()) if causal is None else causal, draw(problems)
    if is_causal and problem["mask"] is not None:
        problem["mask"][..., 0] &= problem["mask"].all(axis=-1)
    return {"options": {"block_size": draw(BLOCK_SIZES), "is_causal": is_causal}, **problem}


# Forward


@oracle_test("tiled.forward")
@given(problem=in_tiles(attentions(), causal=False))
def test_output_without_a_mask_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives softmax(Q Kᵀ / √d) V in tiles of any size; for 640 tokens it holds at most half of all scores."""
    check_output(candidate, problem)


@oracle_test("tiled.forward")
@given(problem=in_tiles(attentions(MASKS)))
def test_output_with_masks_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """A mask, and is_causal beside it, hide keys from queries, in tiles of any size and no more memory."""
    check_output(candidate, problem)


@oracle_test("tiled.forward")
@given(problem=st.just(LONG))
def test_the_output_of_long_sequences_needs_little_memory(candidate: Candidate, problem: Problem) -> None:
    """For 4096 queries and keys forward gives torch's output in 64 MiB, half of what all scores take."""
    problem = without_gradient(problem)
    assert_same(candidate.run_within(HALF_OF_ALL, tiled.forward, **problem), oracle.attention(**problem), ["output"])


@law("tiled.forward")
@given(block_size=st.sampled_from([0, -1, -128]))
def test_a_tile_holds_something(candidate: Candidate, block_size: int) -> None:
    """A block_size that is not positive is a ValueError."""
    candidate.raises(ValueError, tiled.peak_of_forward, time=1, block_size=block_size)


@edge_case("tiled.forward")
@given(problem=in_tiles(attentions(BLINDING_MASKS, blind=True)))
def test_a_query_that_sees_nothing_gets_zeros(candidate: Candidate, problem: Problem) -> None:
    """A query whose every key is hidden gets zeros, without nan and without a warning."""
    problem = without_gradient(problem)
    assert_right(candidate, tiled.forward_strictly, oracle.attention, problem, ["output"])


@edge_case("tiled.forward")
@given(problem=in_tiles(with_large_scores(attentions(MASKS))))
def test_scores_in_the_thousands(candidate: Candidate, problem: Problem) -> None:
    """Scores in the thousands give the right output too, and nothing overflows when the largest score changes."""
    problem = without_gradient(problem)
    assert_same(candidate.run(tiled.forward_strictly, **problem), oracle.attention(**problem), names=["output"])


@edge_case("tiled.forward")
@given(problem=in_tiles(attentions(MASKS, leading_axes=NONE)))
def test_a_batch_may_be_empty(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 gives an output of 0 sequences."""
    problem = without_gradient(problem)
    assert_same(candidate.run(tiled.forward, **problem), oracle.attention(**problem), names=["output"])


# Backward


@oracle_test("tiled.backward")
@given(problem=in_tiles(attentions(), causal=False))
def test_gradients_without_a_mask_match_torch(candidate: Candidate, problem: Problem) -> None:
    """backward gives all gradients in tiles of any size; for 640 tokens it holds at most half of all weights."""
    check_gradients(candidate, problem)


@oracle_test("tiled.backward")
@given(problem=in_tiles(attentions(MASKS)))
def test_gradients_with_masks_match_torch(candidate: Candidate, problem: Problem) -> None:
    """With a mask, and is_causal beside it, the gradients are torch's too, and take no more memory."""
    check_gradients(candidate, problem)


@oracle_test("tiled.backward")
@given(problem=st.just(LONG))
def test_the_gradients_of_long_sequences_need_little_memory(candidate: Candidate, problem: Problem) -> None:
    """For 4096 queries and keys backward gives torch's gradients in 64 MiB, half of what all weights take."""
    got = candidate.run_within(HALF_OF_ALL, tiled.forward_and_backward, **problem)
    assert_same(got, oracle.attention(**problem), GRADIENTS)


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


@edge_case("tiled.backward")
@given(problem=in_tiles(attentions(BLINDING_MASKS, blind=True)))
def test_a_query_that_sees_nothing_has_no_gradient(candidate: Candidate, problem: Problem) -> None:
    """A query whose every key is hidden has a zero gradient and sends none to keys and values, without nan."""
    assert_right(candidate, tiled.run_strictly, oracle.attention, problem, GRADIENTS)


@edge_case("tiled.backward")
@given(problem=in_tiles(with_large_scores(attentions(MASKS))))
def test_gradients_of_scores_in_the_thousands(candidate: Candidate, problem: Problem) -> None:
    """Scores in the thousands have the right gradients too, and nothing overflows on the way."""
    assert_same(candidate.run(tiled.run_strictly, **problem), oracle.attention(**problem), names=GRADIENTS)


@edge_case("tiled.backward")
@given(problem=in_tiles(attentions(MASKS, leading_axes=NONE)))
def test_an_empty_batch_has_empty_gradients(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 has gradients of 0 sequences."""
    assert_same(candidate.run(tiled.forward_and_backward, **problem), oracle.attention(**problem), names=GRADIENTS)


def check_output(candidate: Candidate, problem: Problem) -> None:
    """The output is torch's, and forward works in tiles."""
    problem = without_gradient(problem)
    assert_right(candidate, tiled.forward, oracle.attention, problem, ["output"], oracle.attention_mistakes)
    check_peak(candidate, tiled.peak_of_forward)


def check_gradients(candidate: Candidate, problem: Problem) -> None:
    """The gradients are torch's, and backward works in tiles."""
    probe = tiled.forward_and_backward
    assert_right(candidate, probe, oracle.attention, problem, GRADIENTS, oracle.attention_mistakes)
    check_peak(candidate, tiled.peak_of_backward)


def check_peak(candidate: Candidate, probe: Probe) -> None:
    """The peak is at most half of all scores in float32; some rows of tiles are less, also in float64.

    Whatever the problem, it is measured once for a submission: right numbers alone do not make an answer here.
    """
    limit = 640 * 640 * 4 // 2
    peak: int = candidate.run(probe, time=640, block_size=32)
    assert_at_most(peak, limit, PEAK, mistake=ALL_AT_ONCE if peak >= 2 * limit else "")

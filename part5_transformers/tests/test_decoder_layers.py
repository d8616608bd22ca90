"""The decoders' layers against torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, Probe, assert_right, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import Draw, Problem, without_gradient
from part5_transformers.tests import oracle_decoder_layers as oracle
from part5_transformers.tests.oracle_encoder_layers import self_attention_layer, self_attention_mistakes
from part5_transformers.tests.strategies import (
    NONE,
    cross_attention_layers,
    ends_of_pieces,
    gradient_names,
    self_attention_layers,
    with_other_later_steps,
    with_other_padding,
)

decoder_layers = probes("decoder_layers")

PADDING, CAUSAL = "key_padding_mask", "attn_mask"
DECODERS, ENCODERS = "dec_key_padding_mask", "enc_key_padding_mask"
WEIGHTS = ["self_weights", "cross_weights"]

# The problems

masked = st.one_of(
    self_attention_layers(CAUSAL), self_attention_layers(PADDING), self_attention_layers(PADDING, CAUSAL)
)
cross_masked = st.one_of(
    cross_attention_layers(DECODERS, ENCODERS, CAUSAL),
    cross_attention_layers(CAUSAL),
    cross_attention_layers(DECODERS),
    cross_attention_layers(ENCODERS),
)


@st.composite
def in_pieces(draw: Draw, problems: st.SearchStrategy[Problem]) -> Problem:
    """Draw a problem, and where its pieces end."""
    problem = without_gradient(draw(problems))
    return {**problem, "ends": ends_of_pieces(draw, problem["inputs"]["x"].shape[1])}


@st.composite
def other_padding(
    draw: Draw, problems: st.SearchStrategy[Problem], sequence: str, padding: str
) -> tuple[Problem, Problem]:
    """Draw a problem, and the same with other padding in one sequence."""
    problem = without_gradient(draw(problems))
    return problem, {**problem, "inputs": with_other_padding(draw, problem["inputs"], sequence, padding)}


@st.composite
def other_later_steps(draw: Draw, problems: st.SearchStrategy[Problem]) -> tuple[Problem, Problem, int]:
    """Draw a problem, the same with other steps at the end, and how many come before them."""
    problem = without_gradient(draw(problems))
    inputs, kept = with_other_later_steps(draw, problem["inputs"])
    return problem, {**problem, "inputs": inputs}, kept


@st.composite
def reordered_sources(draw: Draw) -> tuple[Problem, list[int]]:
    """Draw a problem, and an order of the encoder's steps."""
    problem = without_gradient(draw(cross_attention_layers(DECODERS, ENCODERS, CAUSAL)))
    return problem, draw(st.permutations(range(problem["inputs"]["enc_output"].shape[1])))


# A language model's layer


@oracle_test("layers.decoder")
@given(problem=self_attention_layers())
def test_output_without_masks_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """The output is that of self-attention, then feed-forward; without an attn_mask every step sees all."""
    check_decoder(candidate, without_gradient(problem), ["output"])


@oracle_test("layers.decoder")
@given(problem=masked)
def test_output_with_masks_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """The key_padding_mask and the causal attn_mask, alone and together, hide steps; with weights wanted or not."""
    check_decoder(candidate, without_gradient(problem), ["output"])


@oracle_test("layers.decoder")
@given(problem=masked)
def test_weights_match_torch(candidate: Candidate, problem: Problem) -> None:
    """The second result is the attention's weights (b, t, t) with need_weights, and None without."""
    check_decoder(candidate, without_gradient(problem), ["weights"])


@oracle_test("layers.decoder")
@given(problem=st.one_of(self_attention_layers(), masked))
def test_gradients_match_torch(candidate: Candidate, problem: Problem) -> None:
    """The gradients of the input and of all parameters are torch's, with masks and without."""
    check_decoder(candidate, problem, gradient_names(problem))


@oracle_test("layers.decoder")
@given(problem=in_pieces(self_attention_layers(PADDING, CAUSAL)))
def test_pieces_with_a_cache_match_torch(candidate: Candidate, problem: Problem) -> None:
    """A sequence fed in pieces with a KeyValueCache gives what it gives at once, and the cache holds every step."""
    assert_right(candidate, decoder_layers.decode_in_pieces, oracle.self_attention_pieces, problem)


@law("layers.decoder")
@given(problem=self_attention_layers(PADDING, CAUSAL))
def test_weights_share_out_one(candidate: Candidate, problem: Problem) -> None:
    """Each step's weights sum to one over what it may see, and are zero elsewhere."""
    inputs = problem["inputs"]
    answer = run_with_weights(candidate, decoder_layers.decode, problem)
    check_shares(answer["weights"], inputs[PADDING][:, None] | inputs[CAUSAL], inputs["x"].dtype)


@law("layers.decoder")
@given(problems=other_later_steps(self_attention_layers(PADDING, CAUSAL)))
def test_later_steps_change_nothing(candidate: Candidate, problems: tuple[Problem, Problem, int]) -> None:
    """With the causal mask, a change in later steps changes no earlier output."""
    check_causality(candidate, decoder_layers.decode, *problems)


@law("layers.decoder")
@given(problems=other_padding(self_attention_layers(PADDING, CAUSAL), "x", PADDING))
def test_padding_changes_nothing(candidate: Candidate, problems: tuple[Problem, Problem]) -> None:
    """What stands in the padding, and how long it is, changes no output at the steps that are not padding."""
    check_valid_steps(candidate, decoder_layers.decode, *problems, padding=PADDING)


@edge_case("layers.decoder")
@given(problem=self_attention_layers(PADDING, CAUSAL, batches=NONE))
def test_a_batch_may_be_empty(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 gives an output of 0 sequences."""
    assert_same(output_of(candidate, decoder_layers.decode, without_gradient(problem)), problem["inputs"]["x"])


# The layer with cross-attention


@oracle_test("layers.cross_decoder")
@given(problem=cross_attention_layers())
def test_cross_output_without_masks_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """The output is that of self-attention, attention to the encoder's output, then feed-forward."""
    check_cross_decoder(candidate, without_gradient(problem), ["output"])


@oracle_test("layers.cross_decoder")
@given(problem=cross_masked)
def test_cross_output_with_masks_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Each mask, alone and with the others, hides what it is for; with weights wanted or not."""
    check_cross_decoder(candidate, without_gradient(problem), ["output"])


@oracle_test("layers.cross_decoder")
@given(problem=cross_masked)
def test_cross_weights_match_torch(candidate: Candidate, problem: Problem) -> None:
    """After the output come the weights of the self-attention, then the cross-attention's; or None."""
    check_cross_decoder(candidate, without_gradient(problem), WEIGHTS)


@oracle_test("layers.cross_decoder")
@given(problem=st.one_of(cross_attention_layers(), cross_masked))
def test_cross_gradients_match_torch(candidate: Candidate, problem: Problem) -> None:
    """The gradients of the input, of the encoder's output and of all parameters are torch's."""
    check_cross_decoder(candidate, problem, gradient_names(problem))


@oracle_test("layers.cross_decoder")
@given(problem=in_pieces(cross_attention_layers(DECODERS, ENCODERS, CAUSAL)))
def test_cross_pieces_with_a_cache_match_torch(candidate: Candidate, problem: Problem) -> None:
    """A sequence fed in pieces with a KeyValueCache gives what it gives at once; only the self-attention is cached."""
    assert_right(candidate, decoder_layers.translate_in_pieces, oracle.cross_attention_pieces, problem)


@law("layers.cross_decoder")
@given(problem=cross_attention_layers(DECODERS, ENCODERS, CAUSAL))
def test_cross_weights_share_out_one(candidate: Candidate, problem: Problem) -> None:
    """Each step's weights sum to one over what it may see, in both attentions, and are zero elsewhere."""
    inputs = problem["inputs"]
    steps, sources = inputs["x"].shape[1], inputs[ENCODERS]
    answer = run_with_weights(candidate, decoder_layers.translate, problem)
    check_shares(answer["self_weights"], inputs[DECODERS][:, None] | inputs[CAUSAL], inputs["x"].dtype)
    check_shares(answer["cross_weights"], sources[:, None].repeat(steps, axis=1), inputs["x"].dtype)


@law("layers.cross_decoder")
@given(problems=other_later_steps(cross_attention_layers(DECODERS, ENCODERS, CAUSAL)))
def test_cross_later_steps_change_nothing(candidate: Candidate, problems: tuple[Problem, Problem, int]) -> None:
    """With the causal mask, a change in later steps of the decoder changes no earlier output."""
    check_causality(candidate, decoder_layers.translate, *problems)


@law("layers.cross_decoder")
@given(problems=other_padding(cross_attention_layers(DECODERS, ENCODERS, CAUSAL), "x", DECODERS))
def test_the_decoders_padding_changes_nothing(candidate: Candidate, problems: tuple[Problem, Problem]) -> None:
    """What stands in the decoder's padding, and how long it is, changes no output at steps that are not padding."""
    check_valid_steps(candidate, decoder_layers.translate, *problems, padding=DECODERS)


@law("layers.cross_decoder")
@given(problems=other_padding(cross_attention_layers(DECODERS, ENCODERS, CAUSAL), "enc_output", ENCODERS))
def test_the_encoders_padding_changes_nothing(candidate: Candidate, problems: tuple[Problem, Problem]) -> None:
    """What stands in the encoder's padding, and how long it is, changes no output."""
    one, other = (output_of(candidate, decoder_layers.translate, problem) for problem in problems)
    assert_same(other, one)


@law("layers.cross_decoder")
@given(problem_and_order=reordered_sources())
def test_the_order_of_the_encoders_steps_does_not_matter(
    candidate: Candidate, problem_and_order: tuple[Problem, list[int]]
) -> None:
    """The encoder's steps in another order, with their padding, give the same output."""
    problem, order = problem_and_order
    moved = {name: problem["inputs"][name][:, order] for name in ("enc_output", ENCODERS)}
    other = output_of(candidate, decoder_layers.translate, {**problem, "inputs": {**problem["inputs"], **moved}})
    assert_same(other, output_of(candidate, decoder_layers.translate, problem))


@edge_case("layers.cross_decoder")
@given(problem=cross_attention_layers(DECODERS, ENCODERS, CAUSAL, batches=NONE))
def test_a_cross_batch_may_be_empty(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 gives an output of 0 sequences."""
    assert_same(output_of(candidate, decoder_layers.translate, without_gradient(problem)), problem["inputs"]["x"])


def check_decoder(candidate: Candidate, problem: Problem, names: list[str]) -> None:
    """Check that these entries of the answer are torch's."""
    assert_right(candidate, decoder_layers.decode, self_attention_layer, problem, names, self_attention_mistakes)


def check_cross_decoder(candidate: Candidate, problem: Problem, names: list[str]) -> None:
    """Check that these entries of the answer are torch's."""
    assert_right(
        candidate,
        decoder_layers.translate,
        oracle.cross_attention_layer,
        problem,
        names,
        oracle.cross_attention_mistakes,
    )


def check_shares(weights: Any, hidden: np.ndarray, dtype: np.dtype) -> None:
    """Check that the weights of every query sum to one over the keys that are not hidden, and are zero elsewhere."""
    weights = checked(weights, (hidden.shape, dtype), "weights")
    seen = np.where(hidden, 0, weights)
    ones = np.ones(hidden.shape[:2], dtype)
    assert_same({"weights": weights, "sums": seen.sum(axis=-1)}, {"weights": seen, "sums": ones})


def check_causality(candidate: Candidate, probe: Probe, problem: Problem, changed: Problem, kept: int) -> None:
    """Check that the first outputs are the same."""
    assert_same(output_of(candidate, probe, changed)[:, :kept], output_of(candidate, probe, problem)[:, :kept])


def check_valid_steps(candidate: Candidate, probe: Probe, problem: Problem, changed: Problem, padding: str) -> None:
    """Check that the outputs at the steps that are not padding are the same."""
    valid = ~problem["inputs"][padding]
    longer = output_of(candidate, probe, changed)[:, : valid.shape[1]]
    assert_same(longer[valid], output_of(candidate, probe, problem)[valid])


def run_with_weights(candidate: Candidate, probe: Probe, problem: Problem) -> Any:
    """Return the answer with weights."""
    return candidate.run(probe, **without_gradient({**problem, "need_weights": True}))


def output_of(candidate: Candidate, probe: Probe, problem: Problem) -> np.ndarray:
    """Return the output, and check that it has the shape and dtype of x."""
    return checked(candidate.run(probe, **problem)["output"], problem["inputs"]["x"], "output")

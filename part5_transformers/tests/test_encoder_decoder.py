"""The encoder-decoder against stacks of torch's own modules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import Draw, Problem, array, without_gradient
from part5_transformers.tests import oracle_encoder_decoder as oracle
from part5_transformers.tests.oracle_transformers import NOT_ASKED_FOR
from part5_transformers.tests.strategies import NONE, ONE, causal, ends_of_pieces
from part5_transformers.tests.strategies_encoder_decoder import (
    LAYERS,
    MAX_LEN,
    checkpoints,
    heads,
    language_model,
    linear_shapes,
    other_encoded_padding,
    other_later_tokens,
    other_source_padding,
    other_target_padding,
    pairs,
    prompts,
    searches,
    sizes_of,
    sources,
    targets,
)

encoder_decoder = probes("encoder_decoder")

YES, NO = st.just(True), st.just(False)
RATES = st.sampled_from([0.0, 1.0])
TOKEN = np.zeros((1, 1), dtype=np.int64)

# The problems


@st.composite
def whole_heads(draw: Draw) -> Problem:
    """Draw a CTC head in float32 whose logits are small whole numbers, which bfloat16 holds without rounding."""
    problem = without_gradient(draw(heads()))
    shapes = linear_shapes(problem["sizes"]["d_model"], problem["sizes"]["num_classes"], "ctc_head.")
    return {
        **problem,
        "state": {name: array(draw, shape, "tied", "float32") for name, shape in shapes.items()},
        "encoded": array(draw, problem["encoded"].shape, "whole", "float32"),
    }


@st.composite
def with_drops(draw: Draw, problems: st.SearchStrategy[Problem], side: str) -> Problem:
    """Draw a problem, and which layers of a side are left out."""
    problem = without_gradient(draw(problems))
    return {**problem, "dropped": array(draw, (problem["sizes"][f"num_{side}_layers"],), "booleans", "bool").tolist()}


@st.composite
def in_pieces(draw: Draw) -> Problem:
    """Draw prompts, and where their pieces end."""
    problem = draw(prompts(st.sampled_from([2, 3, 4, 5])))
    return {**problem, "ends": ends_of_pieces(draw, problem["tokens"].shape[1])}


@st.composite
def other_widths(draw: Draw) -> Problem:
    """Draw a checkpoint of another d_model or d_ff."""
    problem = draw(checkpoints())
    size = draw(st.sampled_from(["d_model", "d_ff_decoder"]))
    other = {**problem["config"], size: 2 + problem["config"][size]}
    return {**problem, "checkpoint": language_model(draw, other)}


# CTC's inputs


@oracle_test("encoder_decoder.ctc_inputs")
@given(problem=heads())
def test_log_probabilities_match_torch(candidate: Candidate, problem: Problem) -> None:
    """log_probs is the log-softmax over classes of ctc_head's logits, (s, b, num_classes): time first."""
    check_ctc(candidate, without_gradient(problem), ["log_probs"])


@oracle_test("encoder_decoder.ctc_inputs")
@given(problem=heads())
def test_gradients_of_the_head_match_torch(candidate: Candidate, problem: Problem) -> None:
    """The gradients of ctc_head and of what the encoder gives are torch's."""
    check_ctc(candidate, problem, gradient_names(problem, "encoded"))


@oracle_test("encoder_decoder.ctc_inputs")
@given(problem=whole_heads())
def test_log_probabilities_are_not_rounded(candidate: Candidate, problem: Problem) -> None:
    """Where autocast makes the logits bfloat16, log_probs has the dtype and the precision of float32."""
    expected = {"dtype": "torch.float32", "log_probs": oracle.ctc_inputs(**problem)["log_probs"]}
    assert_same(candidate.run(encoder_decoder.ctc_inputs_under_autocast, **problem), expected)


@law("encoder_decoder.ctc_inputs")
@given(problem=heads())
def test_lengths_are_handed_on(candidate: Candidate, problem: Problem) -> None:
    """lengths are those that ctc_inputs was given."""
    check_ctc(candidate, without_gradient(problem), ["lengths"])


@law("encoder_decoder.ctc_inputs")
@given(problem=heads())
def test_probabilities_sum_to_one(candidate: Candidate, problem: Problem) -> None:
    """At every step the probabilities of all classes sum to one."""
    got, like = candidate.run(encoder_decoder.ctc_inputs, **without_gradient(problem)), problem["grad_output"]
    log_probs = checked(got["log_probs"], like["log_probs"], "log_probs")
    assert_same(np.exp(log_probs).sum(axis=2), np.ones_like(log_probs[:, :, 0]))


# Encoder


@oracle_test("encoder_decoder.encode")
@given(problem=sources())
def test_encoded_matches_a_stack_of_torchs_layers(candidate: Candidate, problem: Problem) -> None:
    """encode gives what torch's layers and a final norm give for each utterance, with positions or without."""
    check_encoder(candidate, without_gradient(problem), ["encoded"])


@oracle_test("encoder_decoder.encode")
@given(problem=sources())
def test_masks_and_ctc_know_the_shorter_lengths(candidate: Candidate, problem: Problem) -> None:
    """The padding mask and CTC's inputs have the lengths after the reduction of time."""
    check_encoder(candidate, without_gradient(problem), ["pad_mask", "lengths", "log_probs"])


@oracle_test("encoder_decoder.encode")
@given(problem=sources())
def test_the_encoders_weights_are_named_by_layer(candidate: Candidate, problem: Problem) -> None:
    """The weights of attention stand under layer1_enc_self and so on, averaged over heads."""
    check_encoder(candidate, without_gradient(problem), ["attention"])


@oracle_test("encoder_decoder.encode")
@given(problem=sources())
def test_the_encoders_gradients_match_torch(candidate: Candidate, problem: Problem) -> None:
    """The gradients of all parameters of the encoder are torch's, from what is encoded and from CTC together."""
    check_encoder(candidate, problem, gradient_names(problem))


@law("encoder_decoder.encode")
@given(problem=sources())
def test_the_encoders_weights_share_out_one(candidate: Candidate, problem: Problem) -> None:
    """The weights of each step sum to one over an utterance's steps, and are zero on its padding."""
    problem = without_gradient(problem)
    right = oracle.encoder(**problem)
    got = candidate.run(encoder_decoder.encode, **problem)["attention"]
    for name, utterances in right["attention"].items():
        for weights, like, hidden in zip(got[name], utterances, right["pad_mask"], strict=True):
            check_shares(weights, like, hidden)


@law("encoder_decoder.encode")
@given(problems=other_source_padding())
def test_the_sources_padding_changes_nothing(candidate: Candidate, problems: tuple[Problem, Problem]) -> None:
    """What stands in the sources' padding, and how long it is, changes nothing within an utterance or for CTC."""
    problem, changed = problems
    got = candidate.run(encoder_decoder.encode, **changed)
    assert_same(got, oracle.encoder(**problem), ["encoded", "log_probs", "lengths"])


@law("encoder_decoder.encode")
@given(problem=sources())
def test_the_encoder_without_weights_is_the_same(candidate: Candidate, problem: Problem) -> None:
    """With return_attention=False the same is encoded, and the dictionary is empty."""
    problem = without_gradient(problem)
    right = oracle.encoder(**problem)
    expected = {"encoded": right["encoded"], "layers with weights": []}
    mistakes = {NOT_ASKED_FOR: {**expected, "layers with weights": list(right["attention"])}}
    assert_same(candidate.run(encoder_decoder.encode_without_weights, **problem), expected, mistakes=mistakes)


@law("encoder_decoder.encode")
@given(problem=sources())
def test_dropout_comes_after_the_positions(candidate: Candidate, problem: Problem) -> None:
    """With dropout 1 in training nothing is left but the bias of the final norm, not even positions."""
    problem = without_gradient(problem)
    right, bias = oracle.encoder(**problem), problem["state"]["encoder_norm.bias"]
    expected = [np.broadcast_to(bias, utterance.shape) for utterance in right["encoded"]]
    problem = {**problem, "sizes": {**problem["sizes"], "dropout": 1.0}}
    assert_same(candidate.run(encoder_decoder.encode_in_training, **problem), {"encoded": expected}, ["encoded"])


@law("encoder_decoder.encode")
@given(problem=with_drops(sources(), "encoder"))
def test_dropped_encoder_layers_do_nothing(candidate: Candidate, problem: Problem) -> None:
    """Where drops_layer is True, the layer changes nothing and has no weights; the others keep their numbers."""
    assert_right(candidate, encoder_decoder.encode_with_drops, oracle.encoder_with_drops, problem)


@law("encoder_decoder.encode")
@given(problem=sources(), rate=RATES)
def test_the_encoders_layers_are_dropped_at_the_rate(candidate: Candidate, problem: Problem, rate: float) -> None:
    """In training all layers run at layer_drop_rate 0, and none at 1; in evaluation all run at 1 too."""
    problem = without_gradient({**problem, "sizes": {**problem["sizes"], "layer_drop_rate": rate}})
    names = list(oracle.encoder(**problem)["attention"])
    got = candidate.run(encoder_decoder.encode_in_training, **problem)
    assert_same(got, {"layers with weights": [] if rate else names}, ["layers with weights"])
    check_encoder(candidate, problem, ["encoded"])


@law("encoder_decoder.encode")
@given(problem=sources(encoder_layers=ONE), excess=st.sampled_from([1, 2]))
def test_too_many_steps_are_refused(candidate: Candidate, problem: Problem, excess: int) -> None:
    """More steps than max_len are a ValueError; it is the steps after the reduction that count."""
    sizes = {**problem["sizes"], "skip_encoder_pe": False}
    for steps in (MAX_LEN, MAX_LEN + excess):
        time = steps * sizes["time_reduction"]
        frames = np.ones((1, time, sizes["input_dim"]), problem["sources"].dtype)
        arguments = {"sizes": sizes, "state": problem["state"], "sources": frames, "lengths": np.array([time])}
        if steps <= MAX_LEN:
            candidate.run(encoder_decoder.encode, **arguments)
        else:
            candidate.raises(ValueError, encoder_decoder.encode, **arguments)


@law("encoder_decoder.encode")
@given(problem=sources(encoder_layers=ONE), beyond=st.booleans())
def test_wrong_source_lengths_are_refused(candidate: Candidate, problem: Problem, beyond: bool) -> None:
    """A length of 0, or beyond the sources' frames, is a ValueError."""
    lengths = problem["lengths"].copy()
    lengths[-1] = problem["sources"].shape[1] + 1 if beyond else 0
    candidate.raises(ValueError, encoder_decoder.encode, **without_gradient({**problem, "lengths": lengths}))


@edge_case("encoder_decoder.encode")
@given(problem=sources(steps=ONE))
def test_an_utterance_may_be_one_step(candidate: Candidate, problem: Problem) -> None:
    """Of so few frames that one step is left of them, that step is encoded, and attends to itself alone."""
    check_encoder(candidate, without_gradient(problem), ["encoded", "attention", "log_probs"])


@edge_case("encoder_decoder.encode")
@given(problem=sources(batches=NONE))
def test_a_batch_may_be_empty(candidate: Candidate, problem: Problem) -> None:
    """With convolutions, a batch of 0 gives a mask (0, s), and empty lengths for CTC."""
    steps = problem["grad_output"]["encoded"].shape[1]
    expected = {"pad_mask": np.zeros((0, steps), dtype=bool), "lengths": problem["lengths"]}
    assert_same(candidate.run(encoder_decoder.encode, **without_gradient(problem)), expected, ["pad_mask", "lengths"])


# Decoder


@oracle_test("encoder_decoder.decode")
@given(problem=targets(padded=NO, masked=NO))
def test_logits_match_a_stack_of_torchs_decoder_layers(candidate: Candidate, problem: Problem) -> None:
    """decode gives the logits of torch's own layers with the same weights, tied or not, with positions or without."""
    check_decoder(candidate, without_gradient(problem), ["logits"])


@oracle_test("encoder_decoder.decode")
@given(problem=st.one_of(targets(padded=YES, masked=YES), targets(padded=NO, masked=YES), targets(padded=YES)))
def test_the_padding_of_both_is_masked(candidate: Candidate, problem: Problem) -> None:
    """With target_lengths no token attends to padding; with pad_mask none attends to the encoder's padding."""
    check_decoder(candidate, without_gradient(problem), ["logits"])


@oracle_test("encoder_decoder.decode")
@given(problem=targets())
def test_both_weights_are_named_by_layer(candidate: Candidate, problem: Problem) -> None:
    """The weights (b, t, t) stand under layer1_dec_self and those (b, t, s) under layer1_dec_cross, and so on."""
    check_decoder(candidate, without_gradient(problem), ["attention"])


@oracle_test("encoder_decoder.decode")
@given(problem=targets())
def test_the_decoders_gradients_match_torch(candidate: Candidate, problem: Problem) -> None:
    """The gradients of all parameters that write, and of what was encoded, are torch's."""
    check_decoder(candidate, problem, gradient_names(problem, "encoded"))


@oracle_test("encoder_decoder.decode")
@given(problem=pairs())
def test_forward_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives the logits, the weights of both sides, and CTC's inputs: encode and decode fit together."""
    names = ["logits", "attention", "log_probs", "lengths"]
    assert_right(candidate, encoder_decoder.forward, oracle.recogniser, without_gradient(problem), names)


@oracle_test("encoder_decoder.decode")
@given(problem=pairs())
def test_gradients_of_forward_match_torch(candidate: Candidate, problem: Problem) -> None:
    """The gradient of every parameter is torch's, from the logits and from CTC's log-probabilities together."""
    assert_right(candidate, encoder_decoder.forward, oracle.recogniser, problem, gradient_names(problem))


@law("encoder_decoder.decode")
@given(problem=targets())
def test_both_weights_share_out_one(candidate: Candidate, problem: Problem) -> None:
    """The weights of each token sum to one over what it may see, in both attentions, and are zero elsewhere."""
    problem = without_gradient(problem)
    (batch, time), encoded = problem["tokens"].shape, problem["encoded"]
    padding = np.zeros((batch, 1, time), dtype=bool)
    if problem["lengths"] is not None:
        padding = np.arange(time) >= problem["lengths"][:, None, None]
    pad_mask = np.zeros(encoded.shape[:2], dtype=bool) if problem["pad_mask"] is None else problem["pad_mask"]
    hidden = {"self": padding | causal(time), "cross": pad_mask[:, None]}
    got = candidate.run(encoder_decoder.decode, **problem)["attention"]
    for name, like in oracle.decoder(**problem)["attention"].items():
        check_shares(got[name], like, hidden[name.rpartition("_")[2]])


@law("encoder_decoder.decode")
@given(problems=other_later_tokens())
def test_later_tokens_change_nothing_before(candidate: Candidate, problems: tuple[Problem, Problem, int]) -> None:
    """A token that changes changes no logits before it."""
    problem, changed, kept = problems
    right = oracle.decoder(**problem)["logits"]
    got = checked(candidate.run(encoder_decoder.decode, **changed)["logits"], right, "logits")
    assert_same(got[:, :kept], right[:, :kept])


@law("encoder_decoder.decode")
@given(problems=other_target_padding())
def test_the_targets_padding_changes_nothing(candidate: Candidate, problems: tuple[Problem, Problem]) -> None:
    """Other padding of the targets, and more of it, changes no logits within a target's length."""
    problem, changed = problems
    right = oracle.decoder(**problem)["logits"]
    like = (*changed["tokens"].shape, right.shape[2]), right.dtype
    got = checked(candidate.run(encoder_decoder.decode, **changed)["logits"], like, "logits")
    valid = np.arange(right.shape[1]) < problem["lengths"][:, None]
    assert_same(got[:, : right.shape[1]][valid], right[valid])


@law("encoder_decoder.decode")
@given(problems=other_encoded_padding())
def test_what_pad_mask_hides_changes_nothing(candidate: Candidate, problems: tuple[Problem, Problem]) -> None:
    """What stands in the encoder's padding, and how long it is, changes no logits."""
    problem, changed = problems
    assert_same(candidate.run(encoder_decoder.decode, **changed), oracle.decoder(**problem), ["logits"])


@law("encoder_decoder.decode")
@given(problem=targets())
def test_the_decoder_without_weights_is_the_same(candidate: Candidate, problem: Problem) -> None:
    """With return_attention=False the logits are the same, and the dictionary is empty."""
    problem = without_gradient(problem)
    right = oracle.decoder(**problem)
    expected = {"logits": right["logits"], "layers with weights": []}
    mistakes = {NOT_ASKED_FOR: {**expected, "layers with weights": list(right["attention"])}}
    assert_same(candidate.run(encoder_decoder.decode_without_weights, **problem), expected, mistakes=mistakes)


@law("encoder_decoder.decode")
@given(problem=with_drops(targets(padded=YES), "decoder"))
def test_dropped_decoder_layers_do_nothing(candidate: Candidate, problem: Problem) -> None:
    """Where drops_layer is True, the layer changes nothing and has no weights; the others keep their numbers."""
    assert_right(candidate, encoder_decoder.decode_with_drops, oracle.decoder_with_drops, problem)


@law("encoder_decoder.decode")
@given(sizes=sizes_of(decoder_layers=LAYERS), rate=RATES)
def test_the_decoders_layers_are_dropped_at_the_rate(candidate: Candidate, sizes: Problem, rate: float) -> None:
    """In training all layers run at layer_drop_rate 0, and none at 1."""
    layers = [f"layer{n}_dec_{which}" for n in range(1, sizes["num_decoder_layers"] + 1) for which in ("self", "cross")]
    got = candidate.run(
        encoder_decoder.decode_in_training,
        sizes={**sizes, "layer_drop_rate": rate},
        tokens=TOKEN,
        lengths=np.array([1]),
        encoded=one_step(sizes),
    )
    assert_same(got, [] if rate else layers)


@law("encoder_decoder.decode")
@given(sizes=sizes_of())
def test_lengths_are_needed_in_training(candidate: Candidate, sizes: Problem) -> None:
    """Without target_lengths, decode in training mode is a ValueError."""
    arguments = {"sizes": sizes, "tokens": TOKEN, "lengths": None, "encoded": one_step(sizes)}
    candidate.raises(ValueError, encoder_decoder.decode_in_training, **arguments)


@law("encoder_decoder.decode")
@given(problem=targets(padded=NO), excess=st.sampled_from([1, 2]))
def test_too_many_tokens_are_refused(candidate: Candidate, problem: Problem, excess: int) -> None:
    """More tokens than max_len are a ValueError."""
    problem = without_gradient({**problem, "sizes": {**problem["sizes"], "skip_decoder_pe": False}})
    problem["tokens"] = np.zeros((len(problem["encoded"]), MAX_LEN + excess), dtype=np.int64)
    candidate.raises(ValueError, encoder_decoder.decode, **problem)


@edge_case("encoder_decoder.decode")
@given(problem=targets(padded=YES, masked=YES, batches=NONE))
def test_a_batch_of_targets_may_be_empty(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 gives the logits of 0 targets."""
    got, right = candidate.run(encoder_decoder.decode, **without_gradient(problem)), problem["grad_output"]["logits"]
    assert_same(got, {"logits": np.zeros_like(right)}, ["logits"])


@edge_case("encoder_decoder.decode")
@given(problem=targets(times=ONE))
def test_a_target_may_be_one_token(candidate: Candidate, problem: Problem) -> None:
    """A single token attends to itself and to what was encoded."""
    check_decoder(candidate, without_gradient(problem), ["logits", "attention"])


# Scoring


@oracle_test("encoder_decoder.score")
@given(problem=prompts())
def test_scores_are_the_last_logits(candidate: Candidate, problem: Problem) -> None:
    """score gives the logits after each prompt; the prompts of an utterance stand one after another."""
    got = candidate.run(encoder_decoder.score, **problem)
    assert_same(got, oracle.score(**problem), mistakes=lambda: oracle.score_mistakes(**problem))


@law("encoder_decoder.score")
@given(sizes=sizes_of())
def test_training_mode_is_refused(candidate: Candidate, sizes: Problem) -> None:
    """score in training mode is a RuntimeError."""
    arguments = {"sizes": sizes, "tokens": TOKEN, "encoded": one_step(sizes)}
    candidate.raises(RuntimeError, encoder_decoder.score_in_training, **arguments)


@law("encoder_decoder.score")
@given(problem=prompts())
def test_prompts_are_a_multiple_of_the_utterances(candidate: Candidate, problem: Problem) -> None:
    """Prompts whose number is no multiple of the utterances are a ValueError."""
    twice = {name: problem[name] for name in ("encoded", "pad_mask") if problem[name] is not None}
    twice = {name: np.concatenate([value, value]) for name, value in twice.items()}
    tokens = np.zeros((len(twice["encoded"]) + 1, 1), dtype=np.int64)
    candidate.raises(ValueError, encoder_decoder.score, **{**problem, **twice, "tokens": tokens})


@oracle_test("encoder_decoder.score_further")
@given(problem=in_pieces())
def test_pieces_score_like_the_whole(candidate: Candidate, problem: Problem) -> None:
    """The incremental scorer gives what score gives, whichever pieces the tokens come in, for any number of prompts."""
    whole = {name: value for name, value in problem.items() if name != "ends"}
    expected = [oracle.score(**{**whole, "tokens": whole["tokens"][:, :end]}) for end in problem["ends"]]
    got = candidate.run(encoder_decoder.score_in_pieces, **problem)
    assert_same(got, expected, mistakes=lambda: oracle.mistakes_in_pieces(**problem))


@oracle_test("encoder_decoder.score_further")
@given(search=searches())
def test_rows_can_be_reordered(candidate: Candidate, search: tuple[Problem, list[list[int]], list[np.ndarray]]) -> None:
    """After reorder, row i continues what row rows[i] was, with its utterance; rows may become more or fewer."""
    problem, moves, reads = search
    got = candidate.run(encoder_decoder.score_reordered, **problem, moves=moves, reads=reads[1:])
    utterances = np.arange(len(reads[0])) * len(problem["encoded"]) // len(reads[0])
    expected = []
    for tokens, rows in zip(reads, [range(len(utterances)), *moves], strict=True):
        utterances = utterances[list(rows)]
        encoded = {
            name: None if problem[name] is None else problem[name][utterances] for name in ("encoded", "pad_mask")
        }
        expected.append(oracle.score(**{**problem, **encoded, "tokens": tokens}))
    assert_same(got, expected)


@law("encoder_decoder.score_further")
@given(problem=in_pieces())
def test_everything_is_read_once(candidate: Candidate, problem: Problem) -> None:
    """Every layer's cache holds every token once, and its cross_cache every step of the encoder once."""
    layers, steps = problem["sizes"]["num_decoder_layers"], problem["encoded"].shape[1]
    expected = {"self-attention": [problem["tokens"].shape[1]] * layers, "cross-attention": [steps] * layers}
    assert_same(candidate.run(encoder_decoder.stored_steps, **problem), expected)


# Transfer


@oracle_test("encoder_decoder.transfer")
@given(problem=checkpoints())
def test_every_parameter_is_reported_once(candidate: Candidate, problem: Problem) -> None:
    """Every parameter is reported once, as transferred or new, in models shallower, as deep or deeper."""
    check_transfer(candidate, problem, ["transferred", "new"])


@oracle_test("encoder_decoder.transfer")
@given(problem=checkpoints())
def test_what_is_transferred_has_the_checkpoints_values(candidate: Candidate, problem: Problem) -> None:
    """What is reported as transferred has the checkpoint's values, in the report and in the model."""
    right = oracle.transferred(problem["config"], problem["checkpoint"])
    got = check_transfer(candidate, problem, ["transferred values"])
    assert_same(got["parameters"], right["transferred values"])


@oracle_test("encoder_decoder.transfer")
@given(problem=checkpoints())
def test_what_is_left_is_reported_as_unused(candidate: Candidate, problem: Problem) -> None:
    """What the checkpoint has beyond what was transferred is reported as unused, with its values."""
    check_transfer(candidate, problem, ["unused", "unused values"])


@law("encoder_decoder.transfer")
@given(problem=checkpoints())
def test_what_is_new_is_not_the_checkpoints(candidate: Candidate, problem: Problem) -> None:
    """What is reported as new does not have the checkpoint's values, even where it has a name in common."""
    checkpoint, new = problem["checkpoint"], oracle.transferred(problem["config"], problem["checkpoint"])["new"]
    got = candidate.run(encoder_decoder.transfer, **problem)["parameters"]
    differs = {
        name: not np.array_equal(got[name], checkpoint[name].astype(np.float32)) for name in new if name in checkpoint
    }
    assert_same(differs, dict.fromkeys(differs, True))


@law("encoder_decoder.transfer")
@given(problem=checkpoints())
def test_reported_parameters_are_the_models_own(candidate: Candidate, problem: Problem) -> None:
    """Those reported as transferred or new are the model's parameters, which want gradients; tied ones stay tied."""
    tied = problem["config"]["weight_tying"]
    expected = {"are the model's": True, "want gradients": True, "are tied": tied}
    assert_same(candidate.run(encoder_decoder.reported_parameters, **problem), expected)


@law("encoder_decoder.transfer")
@given(problem=other_widths())
def test_other_sizes_are_refused(candidate: Candidate, problem: Problem) -> None:
    """A checkpoint of another d_model or d_ff is a ValueError."""
    candidate.raises(ValueError, encoder_decoder.transfer, **problem)


@law("encoder_decoder.transfer")
@given(config=sizes_of())
def test_code_in_a_checkpoint_is_not_run(candidate: Candidate, config: Problem) -> None:
    """A checkpoint that holds code is a ValueError, and the code is not run."""
    candidate.raises(ValueError, encoder_decoder.transfer_code, config=config)


def check_ctc(candidate: Candidate, problem: Problem, names: Sequence[str]) -> None:
    """Check that these entries of CTC's inputs are torch's."""
    assert_right(candidate, encoder_decoder.ctc_inputs, oracle.ctc_inputs, problem, names, oracle.ctc_mistakes)


def check_encoder(candidate: Candidate, problem: Problem, names: Sequence[str]) -> None:
    """Check that these entries of the answer are those of torch's encoder layers."""
    assert_right(candidate, encoder_decoder.encode, oracle.encoder, problem, names, oracle.encoder_mistakes)


def check_decoder(candidate: Candidate, problem: Problem, names: Sequence[str]) -> None:
    """Check that these entries of the answer are those of torch's decoder layers."""
    assert_right(candidate, encoder_decoder.decode, oracle.decoder, problem, names, oracle.decoder_mistakes)


def check_transfer(candidate: Candidate, problem: Problem, names: Sequence[str]) -> Problem:
    """Return the answer, and check that these entries of the report are right."""
    arguments = problem["config"], problem["checkpoint"]
    got: Problem = candidate.run(encoder_decoder.transfer, **problem)
    assert_same(got, oracle.transferred(*arguments), names, lambda: oracle.transfer_mistakes(*arguments))
    return got


def check_shares(weights: Any, like: np.ndarray, hidden: np.ndarray) -> None:
    """Check that the weights of every query sum to one over the keys that are not hidden, and are zero elsewhere."""
    weights = checked(weights, like, "weights")
    seen = np.where(hidden, 0, weights).astype(like.dtype)
    sums = np.ones(like.shape[:-1], like.dtype)
    assert_same({"weights": weights, "sums": seen.sum(axis=-1)}, {"weights": seen, "sums": sums})


def gradient_names(problem: Problem, *inputs: str) -> list[str]:
    """Return the names of the gradients of these inputs and of all parameters."""
    return [f"{name}_grad" for name in [*inputs, *problem["state"]] if name != oracle.TABLE]


def one_step(sizes: Problem) -> np.ndarray:
    """Draw what an encoder may give of one utterance."""
    return np.ones((1, 1, sizes["d_model"]), dtype=np.float32)

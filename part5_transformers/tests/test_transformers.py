"""The language model against a stack of torch's own modules."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import Draw, Problem, Shape, integers, parameters, without_gradient
from part5_transformers.tests import oracle_transformers as oracle
from part5_transformers.tests.strategies import (
    BATCHES,
    KEYS,
    NONE,
    ONE,
    attention_shapes,
    feed_forward_shapes,
    norm_shapes,
)

transformers = probes("transformers")

MAX_LEN = 12
DROPS = 400
RATES = st.sampled_from([0.5, 0.25, 0.75])

# The problems


@st.composite
def sizes_of(draw: Draw) -> Problem:
    """Draw the arguments of a small model."""
    return {
        "num_layers": draw(st.sampled_from([1, 2, 3])),
        "d_model": draw(st.sampled_from([4, 6])),
        "num_heads": draw(st.sampled_from([1, 2])),
        "d_ff": draw(st.sampled_from([1, 2, 3])),
        "dropout": 0.0,
        "max_len": MAX_LEN,
        "num_classes": draw(st.sampled_from([2, 3, 5])),
        "weight_tying": draw(st.booleans()),
        "layer_drop_rate": 0.0,
    }


def state_shapes(sizes: Problem) -> dict[str, Shape]:
    """Return the shapes of the parameters, and of the table of positions: a wrong one costs nothing here.

    A tied model has no weight of its own for the logits.
    """
    d_model, classes = sizes["d_model"], sizes["num_classes"]
    shapes: dict[str, Shape] = {
        "target_embedding.weight": (classes, d_model),
        "positional_encoding.pe": (1, MAX_LEN, d_model),
    }
    for number in range(sizes["num_layers"]):
        attention, network = f"dec_layers.{number}.self_attn.", f"dec_layers.{number}.ffn."
        shapes |= attention_shapes(d_model, f"{attention}mha.") | norm_shapes(d_model, f"{attention}norm.")
        shapes |= feed_forward_shapes(d_model, sizes["d_ff"], f"{network}ffn.") | norm_shapes(
            d_model, f"{network}norm."
        )
    shapes |= norm_shapes(d_model)
    if not sizes["weight_tying"]:
        shapes["final_linear.weight"] = (classes, d_model)
    return {**shapes, "final_linear.bias": (classes,)}


@st.composite
def models(
    draw: Draw,
    padded: bool = False,
    times: st.SearchStrategy[int] = KEYS,
    batches: st.SearchStrategy[int] = BATCHES,
) -> Problem:
    """Draw a model, tokens, lengths or none, and the upstream gradient."""
    sizes, batch, time = draw(sizes_of()), draw(batches), draw(times)
    state = parameters(draw, state_shapes(sizes))
    logits = parameters(draw, {"grad_output": (batch, time, sizes["num_classes"])})
    return {
        "sizes": sizes,
        "state": state,
        "tokens": integers(draw, (batch, time), 0, sizes["num_classes"]),
        "lengths": integers(draw, (batch,), 1, time + 1) if padded else None,
        **logits,
    }


@st.composite
def prompts(draw: Draw, times: st.SearchStrategy[int] = KEYS) -> Problem:
    """Draw a model in float64, and tokens."""
    problem = draw(models(times=times))
    return {name: problem[name] for name in ("sizes", "state", "tokens")}


@st.composite
def changed_later(draw: Draw) -> Problem:
    """Draw a model and tokens, and a later step from which they are others."""
    problem = without_gradient(draw(models()))
    tokens, classes = problem["tokens"], problem["sizes"]["num_classes"]
    step = draw(st.integers(1, tokens.shape[1] - 1))
    other = tokens.copy()
    other[:, step:] = (tokens[:, step:] + 1) % classes
    return {"problem": problem, "other": {**problem, "tokens": other}, "step": step}


@st.composite
def padded_further(draw: Draw) -> Problem:
    """Draw a padded problem, and the same with other padding, and more of it."""
    problem = without_gradient(draw(models(padded=True)))
    tokens, lengths, classes = problem["tokens"], problem["lengths"], problem["sizes"]["num_classes"]
    more = integers(draw, (len(tokens), 2), 0, classes)
    is_padding = np.arange(tokens.shape[1]) >= lengths[:, None]
    other = np.where(is_padding, (tokens + 1) % classes, tokens)
    return {"problem": problem, "longer": {**problem, "tokens": np.concatenate([other, more], axis=1)}}


# Embedding


@oracle_test("decoder_only.embed")
@given(problem=prompts(), offset=st.sampled_from([0, 1, 5]))
def test_tokens_are_embedded_with_their_positions(candidate: Candidate, problem: Problem, offset: int) -> None:
    """embed gives the embedding times embedding_scale, plus the encoding of the positions from offset on."""
    problem = {**problem, "offset": offset}
    assert_right(candidate, transformers.embed, oracle.embedded, problem, mistakes=oracle.embedding_mistakes)


@oracle_test("decoder_only.embed")
@given(problem=prompts(), offset=st.sampled_from([0, 1, 5]))
def test_positions_can_be_skipped(candidate: Candidate, problem: Problem, offset: int) -> None:
    """Where skip_decoder_pe is True, embed gives the embedding times embedding_scale, and adds no positions."""
    problem = {**problem, "offset": offset}
    got, right = candidate.run(transformers.embed_without_positions, **problem), oracle.embedded
    assert_same(got, right(**problem, has_positions=False), mistakes=lambda: oracle.all_positions(**problem))


@law("decoder_only.embed")
@given(problem=prompts())
def test_dropout_comes_after_the_positions(candidate: Candidate, problem: Problem) -> None:
    """With dropout 1 in training nothing is left, not even positions."""
    problem = {**problem, "sizes": {**problem["sizes"], "dropout": 1.0}}
    right = oracle.embedded(**problem, offset=0)["embedded"]
    assert_same(candidate.run(transformers.embed_in_training, **problem), {"embedded": np.zeros_like(right)})


# Layer drop


@oracle_test("decoder_only.layer_drop")
@given(rate=RATES, seed=st.integers(0, 1000))
def test_layers_are_dropped_at_the_rate(candidate: Candidate, rate: float, seed: int) -> None:
    """In training drops_layer is True with probability layer_drop_rate, by torch's generator."""
    dropped = int(candidate.run(transformers.drops, rate=rate, seed=seed, times=DROPS, training=True))
    # Six and a half standard deviations: a right solution is refused with probability below 1e-9.
    far = 6.5 * np.sqrt(DROPS * rate * (1 - rate))
    assert_same(
        {"dropped at about the rate": bool(abs(dropped - DROPS * rate) < far)},
        {"dropped at about the rate": True},
        mistakes=oracle.drop_mistakes(dropped, DROPS, rate, float(far)),
    )


@oracle_test("decoder_only.layer_drop")
@given(rate=st.sampled_from([0.5, 1.0]), seed=st.integers(0, 1000))
def test_no_layer_is_dropped_in_evaluation(candidate: Candidate, rate: float, seed: int) -> None:
    """In evaluation mode, and at rate 0, no layer is dropped; at rate 1 all are in training."""
    counts = {
        "in evaluation": candidate.run(transformers.drops, rate=rate, seed=seed, times=20, training=False),
        "at rate 0": candidate.run(transformers.drops, rate=0.0, seed=seed, times=20, training=True),
        "at rate 1": candidate.run(transformers.drops, rate=1.0, seed=seed, times=20, training=True),
    }
    assert_same(counts, {"in evaluation": 0, "at rate 0": 0, "at rate 1": 20})


# Forward


@oracle_test("decoder_only.forward")
@given(problem=models())
def test_logits_match_a_stack_of_torchs_layers(candidate: Candidate, problem: Problem) -> None:
    """forward gives the logits of a stack of torch's own layers with the same weights, tied or not."""
    check(candidate, without_gradient(problem), ["logits"])


@oracle_test("decoder_only.forward")
@given(problem=models(padded=True))
def test_padding_is_masked(candidate: Candidate, problem: Problem) -> None:
    """With target_lengths no token attends to padding."""
    check(candidate, without_gradient(problem), ["logits"])


@oracle_test("decoder_only.forward")
@given(problem=models(padded=True))
def test_the_weights_are_named_by_layer(candidate: Candidate, problem: Problem) -> None:
    """The weights of attention stand under layer1_dec_self and so on, averaged over heads."""
    check(candidate, without_gradient(problem), ["attention"])


@oracle_test("decoder_only.forward")
@given(problem=models(padded=True))
def test_gradients_match_torch(candidate: Candidate, problem: Problem) -> None:
    """The gradient of every parameter is that of the stack of torch's layers."""
    right = oracle.language_model(**problem)
    names = [name for name in right if name.endswith("_grad")]
    known = oracle.language_model_mistakes
    assert_right(candidate, transformers.forward_and_backward, oracle.language_model, problem, names, known)


@law("decoder_only.forward")
@given(problem=models(padded=True))
def test_without_weights_the_logits_are_the_same(candidate: Candidate, problem: Problem) -> None:
    """With return_attention=False the logits are the same, and the dictionary is empty."""
    problem = without_gradient(problem)
    right = oracle.language_model(**problem)
    expected = {"logits": right["logits"], "layers with weights": []}
    mistakes = {oracle.NOT_ASKED_FOR: {**expected, "layers with weights": list(right["attention"])}}
    assert_same(candidate.run(transformers.forward_without_weights, **problem), expected, mistakes=mistakes)


@law("decoder_only.forward")
@given(problem=changed_later())
def test_later_tokens_change_nothing_before(candidate: Candidate, problem: Problem) -> None:
    """A token that changes changes no logits before it."""
    classes, tokens = problem["problem"]["sizes"]["num_classes"], problem["problem"]["tokens"]
    like = (*tokens.shape, classes), np.float64
    one, other = (
        checked(candidate.run(transformers.forward, **problem[which])["logits"], like) for which in ("problem", "other")
    )
    assert_same(other[:, : problem["step"]], one[:, : problem["step"]])


@law("decoder_only.forward")
@given(problem=padded_further())
def test_padding_changes_nothing(candidate: Candidate, problem: Problem) -> None:
    """Other padding, and more of it, changes no logits within a sequence's length."""
    shorter, longer = (
        candidate.run(transformers.forward, **problem[which])["logits"] for which in ("problem", "longer")
    )
    tokens, classes = problem["problem"]["tokens"], problem["problem"]["sizes"]["num_classes"]
    shorter = checked(shorter, ((*tokens.shape, classes), np.float64))
    longer = checked(longer, ((len(tokens), tokens.shape[1] + 2, classes), np.float64))
    inside = np.arange(tokens.shape[1]) < problem["problem"]["lengths"][:, None]
    assert_same(longer[:, : tokens.shape[1]][inside], shorter[inside])


@law("decoder_only.forward")
@given(sizes=sizes_of(), rate=RATES, seed=st.integers(0, 1000))
def test_what_is_dropped_has_no_weights(candidate: Candidate, sizes: Problem, rate: float, seed: int) -> None:
    """A layer that is dropped in training leaves no weights; at rate 1 none runs, at rate 0 all do."""
    tokens = np.zeros((1, 2), dtype=np.int64)
    run, layers = transformers.layers_that_ran, [f"layer{n}_dec_self" for n in range(1, sizes["num_layers"] + 1)]
    expected = {0.0: layers, 1.0: []}
    got = {
        all_or_none: candidate.run(run, sizes={**sizes, "layer_drop_rate": all_or_none}, seed=seed, tokens=tokens)
        for all_or_none in expected
    }
    assert_same(got[0.0], expected[0.0])
    assert_same(got[1.0], expected[1.0])
    some = candidate.run(run, sizes={**sizes, "layer_drop_rate": rate}, seed=seed, tokens=tokens)
    assert_same([name for name in layers if name in some], some)


@law("decoder_only.forward")
@given(sizes=sizes_of())
def test_lengths_are_needed_in_training(candidate: Candidate, sizes: Problem) -> None:
    """Without target_lengths, forward in training mode is a ValueError."""
    candidate.raises(ValueError, transformers.forward_in_training, sizes=sizes, tokens=np.zeros((1, 2), dtype=np.int64))


@law("decoder_only.forward")
@given(sizes=sizes_of())
def test_tied_weights_are_one(candidate: Candidate, sizes: Problem) -> None:
    """With weight_tying the logits' weight and the embedding are the same numbers, after loading too."""
    got = candidate.run(transformers.tied, sizes=sizes)
    assert_same(got, dict.fromkeys(("new", "loaded"), sizes["weight_tying"]))


@edge_case("decoder_only.forward")
@given(problem=models(padded=True, batches=NONE))
def test_a_batch_may_be_empty(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 gives the logits of 0 sequences."""
    got = candidate.run(transformers.forward, **without_gradient(problem))
    assert_same(got, {"logits": np.zeros_like(problem["grad_output"])}, ["logits"])


@edge_case("decoder_only.forward")
@given(problem=models(times=ONE))
def test_a_sequence_may_be_one_token(candidate: Candidate, problem: Problem) -> None:
    """A single token attends to itself alone."""
    check(candidate, without_gradient(problem), ["logits", "attention"])


# Scoring


@oracle_test("decoder_only.score")
@given(problem=prompts())
def test_scores_are_the_last_logits(candidate: Candidate, problem: Problem) -> None:
    """score gives the logits after the last token of each prompt."""
    got = candidate.run(transformers.score, **problem)
    assert_same(got, oracle.score(**problem), mistakes=lambda: oracle.score_mistakes(**problem))


@law("decoder_only.score")
@given(sizes=sizes_of())
def test_training_mode_is_refused(candidate: Candidate, sizes: Problem) -> None:
    """score in training mode is a RuntimeError."""
    candidate.raises(RuntimeError, transformers.score_in_training, sizes=sizes, tokens=np.zeros((1, 2), dtype=np.int64))


@oracle_test("decoder_only.score_further")
@given(problem=prompts(st.sampled_from([2, 3, 4, 5])), first=st.sampled_from([1, 2]), step=st.sampled_from([1, 2, 3]))
def test_pieces_score_like_the_whole(candidate: Candidate, problem: Problem, first: int, step: int) -> None:
    """The incremental scorer gives what score gives, whichever pieces the tokens come in."""
    time = problem["tokens"].shape[1]
    ends = sorted({*range(first, time, step), time})
    expected = [oracle.score(**{**problem, "tokens": problem["tokens"][:, :end]}) for end in ends]
    got = candidate.run(transformers.score_in_pieces, **problem, ends=ends)
    assert_same(got, expected, mistakes=lambda: oracle.mistakes_in_pieces(**problem, ends=ends))


@oracle_test("decoder_only.score_further")
@given(problem=prompts(), picks=st.lists(st.integers(0, 5), min_size=1, max_size=4), more=st.integers(0, 4))
def test_rows_can_be_reordered(candidate: Candidate, problem: Problem, picks: list[int], more: int) -> None:
    """After reorder, row i continues what row rows[i] was; rows may be repeated and left out."""
    tokens, classes = problem["tokens"], problem["sizes"]["num_classes"]
    rows = [pick % len(tokens) for pick in picks]
    further = ((np.arange(len(rows)) + more) % classes)[:, None]
    expected = oracle.score(**{**problem, "tokens": np.concatenate([tokens[rows], further], axis=1)})
    assert_same(candidate.run(transformers.score_reordered, **problem, rows=rows, further=further), expected)


@law("decoder_only.score_further")
@given(problem=prompts())
def test_every_token_is_read_once(candidate: Candidate, problem: Problem) -> None:
    """The cache of every layer holds every token once, so that no call reads a token again."""
    time = problem["tokens"].shape[1]
    got = candidate.run(transformers.stored_steps, **problem, ends=[1, time])
    assert_same(got, [time] * problem["sizes"]["num_layers"])


def check(candidate: Candidate, problem: Problem, names: list[str]) -> None:
    """Check that these entries of the answer are those of the stack of torch's layers."""
    known = oracle.language_model_mistakes
    assert_right(candidate, transformers.forward, oracle.language_model, problem, names, known)

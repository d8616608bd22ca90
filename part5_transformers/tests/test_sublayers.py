"""Attention and the sublayers against torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, Probe, assert_right, assert_same, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, Shape, array, hides, parameters, without_gradient
from part5_transformers.tests import oracle_sublayers as oracle
from part5_transformers.tests.oracle_sublayers import MASKS, UNMASKED
from part5_transformers.tests.strategies import (
    BATCHES,
    HEADS,
    KEYS,
    NONE,
    ONE,
    TIMES,
    attention_shapes,
    causal,
    feed_forward_shapes,
    norm_shapes,
    padding,
)

sublayers = probes("sublayers")

FEATURES = st.sampled_from([2, 3, 1])
NORMED = st.sampled_from([4, 6, 5])  # of a head, before which a LayerNorm stands: it hides nearly all of two features
# Which of three tensors are query, key and value: x for all is self-attention, x once is attention to another sequence.
ORDERS = ["xyy", "xyz", "xxy", "xyx"]
PIECES = st.lists(st.sampled_from([1, 2, 3]), min_size=2, max_size=3)
PROBABILITIES = st.sampled_from([0.5, 0.25, 0.75])
SEEDS = st.integers(0, 2**32 - 1)

# The problems


@st.composite
def projections(draw: Draw, orders: list[str]) -> Problem:
    """Draw a layer, tensors to project in this order, and the gradient of the three projections one after another."""
    problem = draw(attentions(orders))
    inputs, order = problem["inputs"], problem["order"]
    batch, _, d_model = inputs["x"].shape
    steps = sum(inputs[name].shape[1] for name in order)
    grad_output = array(draw, (batch, steps, d_model), dtype=inputs["x"].dtype.name)
    return {**{name: problem[name] for name in ("num_heads", "state", "inputs", "order")}, "grad_output": grad_output}


@st.composite
def attentions(draw: Draw, orders: list[str], features: st.SearchStrategy[int] = FEATURES) -> Problem:
    """Draw a layer, its inputs in one of these orders, masks or none, and the upstream gradient."""
    heads, dtype, order = draw(HEADS), draw(DTYPES), draw(st.sampled_from(orders))
    d_model, batch, targets = heads * draw(features), draw(BATCHES), draw(TIMES)
    sources = draw(KEYS)
    if "x" in order[1:]:
        targets = sources
    times = {"x": targets, "y": sources, "z": sources}
    return {
        "num_heads": heads,
        "state": parameters(draw, attention_shapes(d_model), dtype, scale=1 / 16),
        "inputs": {name: array(draw, (batch, times[name], d_model), dtype=dtype) for name in sorted(set(order))},
        "order": order,
        "masks": masks(draw, batch, targets, sources),
        "grad_output": array(draw, (batch, targets, d_model), dtype=dtype),
    }


def masks(draw: Draw, batch: int, targets: int, sources: int) -> Problem:
    """Draw each of the two masks or none.  The first key is never hidden: torch's layer gives nan where all are."""
    given_masks = draw(st.sampled_from([MASKS, MASKS[:1], MASKS[1:], ()]))
    return {**UNMASKED, **{name: one_mask(draw, name, batch, targets, sources) for name in given_masks}}


def one_mask(draw: Draw, name: str, batch: int, targets: int, sources: int) -> np.ndarray:
    """Draw the mask of this name."""
    if name == "key_padding_mask":
        return padding(draw, batch, sources)
    hidden = array(draw, (targets, sources), "booleans", "bool")
    hidden[:, 0] = False
    return hidden


@st.composite
def attends(draw: Draw, batches: st.SearchStrategy[int] = BATCHES, keys: st.SearchStrategy[int] = KEYS) -> Problem:
    """Draw queries, keys and values of heads, a mask that broadcasts or none, and the upstream gradient."""
    batch, heads, features, dtype = draw(batches), draw(HEADS), draw(FEATURES), draw(DTYPES)
    targets, sources = draw(TIMES), draw(keys)
    problem = {
        name: array(draw, (batch, heads, time, features), dtype=dtype)
        for name, time in (("q", targets), ("k", sources), ("v", sources))
    }
    shapes: list[Shape | None] = [
        (batch, 1, targets, sources),
        (1, 1, targets, sources),
        (batch, 1, 1, sources),
        (batch, heads, targets, sources),
        None,
    ]
    shape = draw(st.sampled_from(shapes))
    mask = None if shape is None else hides(draw, shape)
    return {**problem, "mask": mask, "grad_output": array(draw, (batch, heads, targets, features), dtype=dtype)}


@st.composite
def causal_attends(draw: Draw) -> Problem:
    """Draw the same, but each query has a key, and the mask hides the keys after it."""
    problem = draw(attends())
    causal_mask = causal(problem["k"].shape[2])[None, None]
    grad_output, q = (array(draw, problem["k"].shape, dtype=problem["k"].dtype.name) for _ in range(2))
    return {**problem, "q": q, "mask": causal_mask, "grad_output": grad_output}


@st.composite
def blind(draw: Draw) -> Problem:
    """Draw the same, but the mask hides every key from the first query, of every sequence or of all but one."""
    problem = draw(attends())
    (batch, _, targets, _), sources = problem["q"].shape, problem["k"].shape[2]
    mask = hides(draw, (draw(st.sampled_from([batch, 1])), 1, targets, sources))
    mask[0, :, 0] = True
    return {**problem, "mask": mask}


@st.composite
def dropouts_of_weights(draw: Draw) -> Problem:
    """Draw a problem whose output is the weights, twice: the values are two identities.  Over 100 of them may drop."""
    seed = draw(SEEDS)
    q, k = np.random.default_rng(seed).uniform(-1, 1, (2, 2, 2, 8, 16))
    return {
        "q": q,
        "k": k,
        "v": np.tile(np.eye(8), (2, 2, 1, 2)),
        "mask": draw(st.sampled_from([None, causal(8)[None, None]])),
        "dropout": draw(PROBABILITIES),
        "seed": seed,
    }


@st.composite
def two_masks(draw: Draw, names: tuple[str, ...]) -> Problem:
    """Draw these masks, neither of which hides everything by itself, and the shape of the scores."""
    batch, targets, sources = draw(BATCHES), draw(TIMES), draw(KEYS)
    shapes: dict[str, Shape] = {"key_padding_mask": (batch, sources), "attn_mask": (targets, sources)}
    of_names = {name: hides(draw, shapes[name]) for name in names}
    return {**UNMASKED, **of_names, "shape": [batch, draw(HEADS), targets, sources]}


@st.composite
def features_of_heads(draw: Draw, batches: st.SearchStrategy[int] = BATCHES) -> Problem:
    """Draw an array (b, t, heads · d), and the number of heads."""
    heads = draw(HEADS)
    return {
        "x": array(draw, (draw(batches), draw(TIMES), heads * draw(FEATURES)), dtype=draw(DTYPES)),
        "num_heads": heads,
    }


@st.composite
def in_pieces(
    draw: Draw,
    shapes_of: Callable[[int], dict[str, Shape]] = attention_shapes,
    features: st.SearchStrategy[int] = FEATURES,
) -> Problem:
    """Draw a layer and a sequence that it gets in pieces."""
    heads, dtype, pieces = draw(HEADS), draw(DTYPES), draw(PIECES)
    d_model = heads * draw(features)
    return {
        "num_heads": heads,
        "state": parameters(draw, shapes_of(d_model), dtype, scale=1 / 16),
        "x": array(draw, (draw(BATCHES), sum(pieces), d_model), dtype=dtype),
        "pieces": pieces,
    }


def sublayer_shapes(d_model: int) -> dict[str, Shape]:
    """Return the parameters of a sublayer with attention."""
    return attention_shapes(d_model, "mha.") | norm_shapes(d_model)


@st.composite
def attention_layers(draw: Draw, crosses: bool = False) -> Problem:
    """Draw a sublayer with attention, its input, masks or none, and the upstream gradient."""
    problem = draw(attentions(["xyy"] if crosses else ["xxx"], NORMED))
    x, d_model = problem["inputs"]["x"], problem["inputs"]["x"].shape[2]
    return {
        "num_heads": problem["num_heads"],
        "state": parameters(draw, sublayer_shapes(d_model), x.dtype.name, scale=1 / 16),
        **problem["inputs"],
        "masks": problem["masks"],
        "need_weights": draw(st.booleans()),
        "grad_output": problem["grad_output"],
    }


@st.composite
def feed_forwards(draw: Draw) -> Problem:
    """Draw a feed-forward sublayer, its input, and the upstream gradient."""
    d_model, d_ff, dtype = draw(NORMED), draw(st.sampled_from([2, 5, 1])), draw(DTYPES)
    shape = draw(BATCHES), draw(TIMES), d_model
    return {
        "state": parameters(draw, feed_forward_shapes(d_model, d_ff) | norm_shapes(d_model), dtype),
        "x": array(draw, shape, dtype=dtype),
        "grad_output": array(draw, shape, dtype=dtype),
    }


@st.composite
def dropouts(draw: Draw, shapes: dict[str, Shape], inputs: tuple[str, ...] = ("x",)) -> Problem:
    """Draw a sublayer whose output has 128 values to drop, none of them zero but by a rare chance."""
    seed = draw(SEEDS)
    rng = np.random.default_rng(seed)
    return {
        "state": {name: rng.uniform(-1, 1, shape) for name, shape in shapes.items()},
        **{name: rng.standard_normal((2, 8, 8)) for name in inputs},
        "dropout": draw(PROBABILITIES),
        "seed": seed,
    }


# Projections, and heads


@oracle_test("attention.project")
@given(problem=projections(["xxx"]))
def test_one_tensor_is_projected_three_times(candidate: Candidate, problem: Problem) -> None:
    """project of one tensor as query, key and value gives its products with the thirds of in_proj, in this order."""
    check_projections(candidate, problem)


@oracle_test("attention.project")
@given(problem=projections(ORDERS))
def test_each_tensor_has_its_projection(candidate: Candidate, problem: Problem) -> None:
    """Where query, key and value are not all the same tensor, each is projected by its own third of in_proj."""
    check_projections(candidate, problem)


@oracle_test("attention.project")
@given(problem=projections(["xxx", *ORDERS]))
def test_gradients_of_projections_match_torch(candidate: Candidate, problem: Problem) -> None:
    """project passes gradients back to query, key, value, in_proj_weight and in_proj_bias."""
    names = [f"{name}_grad" for name in (*problem["inputs"], "in_proj_weight", "in_proj_bias")]
    assert_right(candidate, sublayers.project, oracle.project, problem, names, oracle.project_mistakes)


@oracle_test("attention.project")
@given(problem=features_of_heads())
def test_heads_are_split(candidate: Candidate, problem: Problem) -> None:
    """split gives head h the h-th part of the features, at every time: (b, heads, t, d / heads)."""
    assert_right(candidate, sublayers.split, oracle.split, problem, mistakes=oracle.split_mistakes)


@edge_case("attention.project")
@given(problem=features_of_heads(NONE))
def test_an_empty_batch_has_heads_too(candidate: Candidate, problem: Problem) -> None:
    """split takes a batch of 0 like any other: no length can be left to be worked out as -1."""
    assert_right(candidate, sublayers.split, oracle.split, problem)


# Masks


@oracle_test("attention.merge_masks")
@given(problem=two_masks(MASKS[:1]))
def test_padding_hides_a_key_from_every_head_and_query(candidate: Candidate, problem: Problem) -> None:
    """A key_padding_mask (b, s) alone hides its keys from every head and every query of its sequence."""
    check_mask(candidate, problem)


@oracle_test("attention.merge_masks")
@given(problem=two_masks(MASKS[1:]))
def test_an_attention_mask_holds_for_every_head_and_sequence(candidate: Candidate, problem: Problem) -> None:
    """An attn_mask (t, s) alone holds for every head of every sequence."""
    check_mask(candidate, problem)


@oracle_test("attention.merge_masks")
@given(problem=two_masks(MASKS))
def test_a_key_is_hidden_if_either_mask_hides_it(candidate: Candidate, problem: Problem) -> None:
    """With both masks a key is hidden where either hides it, and neither mask is changed."""
    check_mask(candidate, problem)


@law("attention.merge_masks")
@given(problem=two_masks(()))
def test_without_masks_there_is_none(candidate: Candidate, problem: Problem) -> None:
    """Without any mask the result is None."""
    check_mask(candidate, problem)


# Attention with weights


@oracle_test("attention.attend")
@given(problem=attends())
def test_output_matches_torchs_function(candidate: Candidate, problem: Problem) -> None:
    """attend's output is softmax(Q Kᵀ / √dₕ) V over the keys that are not masked, for any mask that broadcasts."""
    check_attend(candidate, problem, "output")


@oracle_test("attention.attend")
@given(problem=attends())
def test_weights_are_the_mean_over_heads(candidate: Candidate, problem: Problem) -> None:
    """attend's weights are the softmax, averaged over the heads: (b, t, s)."""
    check_attend(candidate, problem, "weights")


@oracle_test("attention.attend")
@given(problem=attends())
def test_gradients_match_torchs_function(candidate: Candidate, problem: Problem) -> None:
    """attend passes gradients back to q, k and v, with a mask and without."""
    check_attend_gradients(candidate, sublayers.attend, problem)


@oracle_test("attention.attend")
@given(problem=dropouts_of_weights())
def test_weights_are_dropped_in_training_only(candidate: Candidate, problem: Problem) -> None:
    """In training dropout acts on the weights that V is multiplied with, not on those returned; in evaluation not."""
    known, got = plain_attention(problem), candidate.run(sublayers.attend_with_dropout, **problem)
    assert_same(got, {"weights": known["weights"]}, ["weights"], lambda: oracle.returned_after_dropout(got["training"]))
    check_dropped_weights(got, known["output"], problem)


@oracle_test("attention.attend")
@given(problem=attentions(["xxx", *ORDERS]))
def test_the_layer_matches_torchs(candidate: Candidate, problem: Problem) -> None:
    """MultiHeadAttention's output and weights are those of torch.nn.MultiheadAttention with the same parameters."""
    check_layer(candidate, problem, need_weights=True)


@oracle_test("attention.attend")
@given(problem=attentions(["xxx", *ORDERS]))
def test_the_layers_gradients_match_torchs(candidate: Candidate, problem: Problem) -> None:
    """All gradients of MultiHeadAttention with weights are those of torch.nn.MultiheadAttention."""
    check_layer_gradients(candidate, problem, need_weights=True)


@oracle_test("attention.attend")
@given(problem=in_pieces())
def test_a_cache_goes_on_where_the_last_piece_ended(candidate: Candidate, problem: Problem) -> None:
    """Fed in pieces with a cache, MultiHeadAttention gives the output and weights that it gives for all at once."""
    problem = {**problem, "need_weights": True}
    assert_right(candidate, sublayers.attention_in_pieces, oracle.attention_in_pieces, problem)


@edge_case("attention.attend")
@given(problem=blind())
def test_a_query_that_ignores_every_key_gets_zeros(candidate: Candidate, problem: Problem) -> None:
    """A query whose every key is masked gets a zero output, zero weights and zero gradients, and nan is nowhere."""
    check_attend(candidate, problem, "output", "weights")
    check_attend_gradients(candidate, sublayers.attend, problem)


@edge_case("attention.attend")
@given(problem=attends(keys=ONE))
def test_a_single_key_has_all_the_weight(candidate: Candidate, problem: Problem) -> None:
    """With one key every query has weight 1 for it, and its value as the output."""
    check_attend(candidate, problem, "output", "weights")


@edge_case("attention.attend")
@given(problem=attends(batches=NONE))
def test_a_batch_may_be_empty(candidate: Candidate, problem: Problem) -> None:
    """attend of a batch of 0 gives an output and weights for 0 sequences."""
    check_attend(candidate, problem, "output", "weights")


# Fused attention


@oracle_test("attention.attend_fused")
@given(problem=attends())
def test_fused_output_matches_torchs_function(candidate: Candidate, problem: Problem) -> None:
    """attend_fused gives the output of attend for any mask that broadcasts."""
    check_fused(candidate, problem)


@oracle_test("attention.attend_fused")
@given(problem=attends())
def test_fused_gradients_match_torchs_function(candidate: Candidate, problem: Problem) -> None:
    """attend_fused passes gradients back to q, k and v, with a mask and without."""
    check_attend_gradients(candidate, sublayers.attend_fused, problem)


@oracle_test("attention.attend_fused")
@given(problem=causal_attends())
def test_fused_attention_may_be_told_that_the_mask_is_causal(candidate: Candidate, problem: Problem) -> None:
    """With is_causal attend_fused gives what the causal mask gives, forward and backward."""
    check_fused(candidate, problem, sublayers.attend_causally)
    check_attend_gradients(candidate, sublayers.attend_causally, problem)


@oracle_test("attention.attend_fused")
@given(problem=dropouts_of_weights())
def test_fused_weights_are_dropped_in_training_only(candidate: Candidate, problem: Problem) -> None:
    """In training attend_fused drops weights as attend does; in evaluation it drops none."""
    known, got = plain_attention(problem), candidate.run(sublayers.attend_fused_with_dropout, **problem)
    check_dropped_weights(got, known["output"], problem)


@oracle_test("attention.attend_fused")
@given(problem=attentions(["xxx", *ORDERS]))
def test_the_layer_without_weights_matches_torchs(candidate: Candidate, problem: Problem) -> None:
    """Without need_weights MultiHeadAttention gives torch's output, and None for the weights."""
    check_layer(candidate, problem, need_weights=False)


@oracle_test("attention.attend_fused")
@given(problem=attentions(["xxx", *ORDERS]))
def test_the_gradients_of_the_layer_without_weights_match_torchs(candidate: Candidate, problem: Problem) -> None:
    """All gradients of MultiHeadAttention without weights are those of torch.nn.MultiheadAttention."""
    check_layer_gradients(candidate, problem, need_weights=False)


@oracle_test("attention.attend_fused")
@given(problem=in_pieces())
def test_a_cache_goes_on_without_weights(candidate: Candidate, problem: Problem) -> None:
    """Without need_weights too, pieces with a cache give the output that all at once gives."""
    problem = {**problem, "need_weights": False}
    assert_right(candidate, sublayers.attention_in_pieces, oracle.attention_in_pieces, problem)


@edge_case("attention.attend_fused")
@given(problem=blind())
def test_a_query_that_ignores_every_key_gets_zeros_without_weights(candidate: Candidate, problem: Problem) -> None:
    """From attend_fused too, a query whose every key is masked gets a zero output and zero gradients."""
    check_fused(candidate, problem)
    check_attend_gradients(candidate, sublayers.attend_fused, problem)


@edge_case("attention.attend_fused")
@given(problem=attends(batches=NONE))
def test_a_batch_may_be_empty_without_weights(candidate: Candidate, problem: Problem) -> None:
    """attend_fused of a batch of 0 gives an output for 0 sequences."""
    check_fused(candidate, problem)


# Self-attention


@oracle_test("sublayers.self_attention")
@given(problem=attention_layers())
def test_self_attention_is_added_to_its_input(candidate: Candidate, problem: Problem) -> None:
    """SelfAttentionLayer gives x + attention(q, q, q) with q = norm(x) under the masks; weights only if asked for."""
    check_sublayer(candidate, sublayers.self_attention, oracle.self_attention, problem, oracle.self_attention_mistakes)


@oracle_test("sublayers.self_attention")
@given(problem=attention_layers())
def test_gradients_of_self_attention_match_torch(candidate: Candidate, problem: Problem) -> None:
    """SelfAttentionLayer passes gradients back to x and to all parameters of attention and norm."""
    check_sublayer_gradients(
        candidate, sublayers.self_attention, oracle.self_attention, problem, oracle.self_attention_mistakes
    )


@oracle_test("sublayers.self_attention")
@given(problem=in_pieces(sublayer_shapes, NORMED), need_weights=st.booleans())
def test_self_attention_hands_the_cache_on(candidate: Candidate, problem: Problem, need_weights: bool) -> None:
    """Fed in pieces with a cache, SelfAttentionLayer gives what it gives for all at once."""
    problem = {**problem, "need_weights": need_weights}
    assert_right(candidate, sublayers.self_attention_in_pieces, oracle.self_attention_in_pieces, problem)


@oracle_test("sublayers.self_attention")
@given(problem=dropouts(sublayer_shapes(8)))
def test_self_attention_drops_its_output_in_training(candidate: Candidate, problem: Problem) -> None:
    """In training SelfAttentionLayer's dropout acts on attention's output, before x is added; in evaluation not."""
    problem = {**problem, "num_heads": 2}
    known = oracle.self_attention(**without_dropout(problem), masks=UNMASKED, need_weights=False)
    got = candidate.run(sublayers.self_attention_with_dropout, **problem)
    check_dropout(got, problem["x"], known["output"], problem)


# Cross-attention


@oracle_test("sublayers.cross_attention")
@given(problem=attention_layers(crosses=True))
def test_cross_attention_is_added_to_its_input(candidate: Candidate, problem: Problem) -> None:
    """CrossAttentionLayer gives x + attention(norm(x), y, y) under the masks; weights only if asked for."""
    check_sublayer(
        candidate, sublayers.cross_attention, oracle.cross_attention, problem, oracle.cross_attention_mistakes
    )


@oracle_test("sublayers.cross_attention")
@given(problem=attention_layers(crosses=True))
def test_gradients_of_cross_attention_match_torch(candidate: Candidate, problem: Problem) -> None:
    """CrossAttentionLayer passes gradients back to x, to y and to all parameters of attention and norm."""
    check_sublayer_gradients(
        candidate, sublayers.cross_attention, oracle.cross_attention, problem, oracle.cross_attention_mistakes
    )


@oracle_test("sublayers.cross_attention")
@given(problem=dropouts(sublayer_shapes(8), ("x", "y")))
def test_cross_attention_drops_its_output_in_training(candidate: Candidate, problem: Problem) -> None:
    """In training CrossAttentionLayer's dropout acts on attention's output, before x is added; in evaluation not."""
    problem = {**problem, "num_heads": 2}
    known = oracle.cross_attention(**without_dropout(problem), masks=UNMASKED, need_weights=False)
    got = candidate.run(sublayers.cross_attention_with_dropout, **problem)
    check_dropout(got, problem["x"], known["output"], problem)


# Feed-forward


@oracle_test("sublayers.feed_forward")
@given(problem=feed_forwards())
def test_the_network_is_added_to_its_input(candidate: Candidate, problem: Problem) -> None:
    """FeedForwardLayer gives x + W₂ GELU(W₁ norm(x) + b₁) + b₂, with the exact GELU."""
    check_sublayer(candidate, sublayers.feed_forward, oracle.feed_forward, problem, oracle.feed_forward_mistakes)


@oracle_test("sublayers.feed_forward")
@given(problem=feed_forwards())
def test_gradients_of_the_network_match_torch(candidate: Candidate, problem: Problem) -> None:
    """FeedForwardLayer passes gradients back to x and to all parameters of network and norm."""
    check_sublayer_gradients(
        candidate, sublayers.feed_forward, oracle.feed_forward, problem, oracle.feed_forward_mistakes
    )


@oracle_test("sublayers.feed_forward")
@given(problem=dropouts(feed_forward_shapes(8, 5) | norm_shapes(8)))
def test_the_networks_output_is_dropped_in_training(candidate: Candidate, problem: Problem) -> None:
    """In training FeedForwardLayer's dropout acts on the network's output, before x is added; in evaluation not."""
    known = oracle.feed_forward(**without_dropout(problem))
    got = candidate.run(sublayers.feed_forward_with_dropout, **problem, inside=False)
    check_dropout(got, problem["x"], known["output"], problem)


@oracle_test("sublayers.feed_forward")
@given(problem=dropouts(feed_forward_shapes(8, 8) | norm_shapes(8)))
def test_the_networks_middle_is_dropped_in_training(candidate: Candidate, problem: Problem) -> None:
    """In training dropout acts between GELU and W₂ as well; in evaluation not."""
    plain = {"ffn.3.weight": np.eye(8), "ffn.3.bias": np.zeros(8)}  # so that the output shows what was dropped
    problem = {**problem, "state": {**problem["state"], **plain}}
    known = oracle.feed_forward(**without_dropout(problem))
    got = candidate.run(sublayers.feed_forward_with_dropout, **problem, inside=True)
    check_dropout(got, problem["x"], known["output"], problem, "nothing is dropped between GELU and W₂ in training")


# What they share


def check_projections(candidate: Candidate, problem: Problem) -> None:
    """Check that the three projections are those of torch's linear function."""
    problem = without_gradient(problem)
    assert_right(candidate, sublayers.project, oracle.project, problem, ["q", "k", "v"], oracle.project_mistakes)


def check_mask(candidate: Candidate, problem: Problem) -> None:
    """Check that the merged mask is the brute force's, and the two masks are what they were."""
    assert_right(candidate, sublayers.merge, oracle.merge_masks, problem, mistakes=oracle.mask_mistakes)


def check_attend(candidate: Candidate, problem: Problem, *names: str) -> None:
    """Check that what attend gives is what torch's function gives."""
    problem = without_gradient(problem)
    assert_right(candidate, sublayers.attend, oracle.attend, problem, names, oracle.attend_mistakes)


def check_fused(candidate: Candidate, problem: Problem, probe: Probe = sublayers.attend_fused) -> None:
    """Check that what attend_fused gives is what torch's function gives."""
    problem = without_gradient(problem)
    assert_right(candidate, probe, oracle.attend, problem, ["output"], oracle.attend_mistakes)


def check_attend_gradients(candidate: Candidate, probe: Probe, problem: Problem) -> None:
    """Check that the gradients of q, k and v are those of torch's function."""
    assert_right(candidate, probe, oracle.attend, problem, ["q_grad", "k_grad", "v_grad"], oracle.attend_mistakes)


def check_layer(candidate: Candidate, problem: Problem, need_weights: bool) -> None:
    """Check that output and weights are those of torch's layer."""
    problem = {**without_gradient(problem), "need_weights": need_weights}
    assert_right(candidate, sublayers.attention, oracle.attention, problem, mistakes=oracle.attention_mistakes)


def check_layer_gradients(candidate: Candidate, problem: Problem, need_weights: bool) -> None:
    """Check that the gradients of inputs and parameters are those of torch's layer."""
    problem = {**problem, "need_weights": need_weights}
    names = [f"{name}_grad" for name in (*problem["inputs"], *problem["state"])]
    assert_right(candidate, sublayers.attention, oracle.attention, problem, names, oracle.attention_mistakes)


def check_sublayer(
    candidate: Candidate,
    probe: Probe,
    truth: Callable[..., Problem],
    problem: Problem,
    mistakes: Callable[..., Problem],
) -> None:
    """Check that what the sublayer gives is what torch's modules give."""
    assert_right(candidate, probe, truth, without_gradient(problem), mistakes=mistakes)


def check_sublayer_gradients(
    candidate: Candidate,
    probe: Probe,
    truth: Callable[..., Problem],
    problem: Problem,
    mistakes: Callable[..., Problem],
) -> None:
    """Check that the gradients of inputs and parameters are those of torch's modules."""
    inputs = [name for name in ("x", "y") if name in problem]
    names = [f"{name}_grad" for name in (*inputs, *problem["state"])]
    assert_right(candidate, probe, truth, problem, names, mistakes)


def check_dropout(
    got: Problem,
    rest: np.ndarray,
    whole: np.ndarray,
    problem: Problem,
    nothing: str = "nothing is dropped in training",
) -> None:
    """Check that evaluation gives the whole, training the rest with what dropout left; `nothing` says it left all."""
    oracle.assert_whole(got, rest, whole, problem["dropout"])
    oracle.assert_dropped(got["training"], rest, whole, problem["dropout"], nothing)


def check_dropped_weights(got: Problem, whole: np.ndarray, problem: Problem) -> None:
    """Check output of which each half is the weights, in evaluation all, in training what dropout left."""
    check_dropout(got, np.zeros_like(whole), whole, problem)
    first, second = np.split(got["training"], 2, axis=-1)
    name, mistake = (
        "the second half of the output in training",
        "dropout acts on the output; it must act on the weights",
    )
    assert_same({name: second}, {name: first}, mistakes={mistake: {name: second}})


def plain_attention(problem: Problem) -> Problem:
    """Return output and weights without dropout."""
    known: Problem = oracle.attend(**without_dropout(problem))
    return known


def without_dropout(problem: Problem) -> Problem:
    """Return the problem without what only dropout takes."""
    return {name: value for name, value in problem.items() if name not in ("dropout", "seed")}

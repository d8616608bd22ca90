"""Multi-head attention against torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, Shape, array, hides, parameters, without_gradient
from part4_attention.tests import oracle_multi_head_attention as oracle
from part4_attention.tests.oracle_multi_head_attention import MASKS
from part4_attention.tests.strategies import KEYS, LENGTHS, QUERIES

multi_head = probes("multi_head_attention")

BATCHES = st.sampled_from([1, 2, 3])
NONE = st.just(0)  # for edge cases alone
HEADS = st.sampled_from([1, 2, 3, 2])
INPUT_GRADIENTS = ["query_grad", "key_grad", "value_grad"]

# The problems


@st.composite
def layers(
    draw: Draw, masks: tuple[str, ...] = (), blind: bool = False, batches: st.SearchStrategy[int] = BATCHES
) -> Problem:
    """A layer, its inputs, these masks, and the upstream gradient.

    Every query sees the last key; with `blind`, the first query of every sequence sees none.
    """
    heads, dtype = draw(HEADS), draw(DTYPES)
    features = draw(st.sampled_from([1, 3 if heads == 2 else 2]))  # of two heads with two, √embed_dim = 2 too
    embed = heads * features
    kdim, vdim = (draw(st.sampled_from([embed, embed, 1, 3])) for _ in range(2))
    batch, targets, sources = draw(batches), draw(QUERIES), draw(KEYS)
    shapes = state_shapes(embed, kdim, vdim, draw(st.sampled_from([True, True, False])))
    masked = masks_of(draw, masks, (batch, targets, sources))
    for name in masks:
        masked[name][..., -1] = False
    if blind:
        masked["attn_mask"][..., 0, :] = True
    return {
        "num_heads": heads,
        "state": parameters(draw, shapes, dtype, scale=1 / 16),
        "inputs": {
            "query": array(draw, (batch, targets, embed), dtype=dtype),
            "key": array(draw, (batch, sources, kdim), dtype=dtype),
            "value": array(draw, (batch, sources, vdim), dtype=dtype),
            **masked,
        },
        "grad_output": array(draw, (batch, targets, embed), dtype=dtype),
    }


@st.composite
def torch_layers(draw: Draw) -> Problem:
    """The same with the parameters under torch's names: three projections in one, or apart where their sizes differ."""
    problem = draw(layers(MASKS))
    state: Problem = problem.pop("state")
    weights = [state[f"{name}_proj.weight"] for name in "qkv"]
    if len({weight.shape for weight in weights}) == 1:
        torch_state = {"in_proj_weight": np.concatenate(weights)}
    else:
        torch_state = {f"{name}_proj_weight": weight for name, weight in zip("qkv", weights, strict=True)}
    if "q_proj.bias" in state:
        torch_state["in_proj_bias"] = np.concatenate([state[f"{name}_proj.bias"] for name in "qkv"])
    torch_state |= {name: value for name, value in state.items() if name.startswith("out_proj")}
    return {**problem, "torch_state": torch_state}


def masks_of(draw: Draw, names: tuple[str, ...], shape: Shape) -> Problem:
    """The masks of these names for b, t and s, and None for the others."""
    batch, targets, sources = shape
    shapes: dict[str, Shape] = {
        "key_padding_mask": (batch, sources),
        "attn_mask": draw(st.sampled_from([(targets, sources), shape])),
    }
    return {name: hides(draw, shapes[name], spares=False) if name in names else None for name in MASKS}


def state_shapes(embed: int, kdim: int, vdim: int, bias: bool) -> dict[str, Shape]:
    """The shapes of the parameters."""
    inputs = {"q_proj": embed, "k_proj": kdim, "v_proj": vdim, "out_proj": embed}
    shapes: dict[str, Shape] = {}
    for name, features in inputs.items():
        shapes[f"{name}.weight"] = (embed, features)
        if bias:
            shapes[f"{name}.bias"] = (embed,)
    return shapes


@st.composite
def features_of_heads(draw: Draw, batches: st.SearchStrategy[int] = BATCHES) -> Problem:
    """An array (b, t, heads · d), and the number of heads."""
    heads = draw(HEADS)
    return {
        "x": array(draw, (draw(batches), draw(QUERIES), heads * draw(LENGTHS)), dtype=draw(DTYPES)),
        "num_heads": heads,
    }


@st.composite
def two_masks(draw: Draw, names: tuple[str, ...], batches: st.SearchStrategy[int] = BATCHES) -> Problem:
    """These masks, which hide nothing of one key, and the shape of the scores."""
    batch, targets, sources = draw(batches), draw(QUERIES), draw(KEYS)
    masks, seen = masks_of(draw, names, (batch, targets, sources)), draw(st.integers(0, sources - 1))
    for name in names:
        masks[name][..., seen] = False
    return {**masks, "shape": [batch, draw(HEADS), targets, sources]}


@st.composite
def masked_for_each_sequence(draw: Draw) -> Problem:
    """A layer with both masks, and an attn_mask (b, t, s), to which a key_padding_mask could be added in place."""
    problem = draw(layers(MASKS))
    inputs = problem["inputs"]
    shape = (len(inputs["query"]), inputs["query"].shape[1], inputs["key"].shape[1])
    return with_inputs(problem, {"attn_mask": np.broadcast_to(inputs["attn_mask"], shape).copy()})


@st.composite
def unfitting(draw: Draw) -> Problem:
    """A layer and inputs of which one does not fit."""
    problem = without_gradient(draw(layers(MASKS)))
    query, key, value, padding, mask = problem["inputs"].values()
    wrong: dict[str, Problem] = {
        "query of other features": {"query": np.concatenate([query, query], axis=-1)},
        "key of another batch": {"key": np.concatenate([key, np.ones_like(key, shape=(1, *key.shape[1:]))])},
        "value of another time": {"value": np.concatenate([value, value[:, :1]], axis=1)},
        "query without a batch": {"query": query.reshape(-1, query.shape[-1])},
        "padding of another time": {"key_padding_mask": np.concatenate([padding, padding[:, :1]], axis=1)},
        "padding for one sequence": {"key_padding_mask": np.zeros(padding.shape[1], dtype=bool)},
        "mask of another time": {"attn_mask": np.concatenate([mask, mask[..., :1]], axis=-1)},
        "mask for every head": {"attn_mask": np.zeros((1, 1, *mask.shape[-2:]), dtype=bool)},
    }
    return with_inputs(problem, wrong[draw(st.sampled_from(sorted(wrong)))])


def with_any_masks(
    problems: Callable[..., st.SearchStrategy[Problem]], batches: st.SearchStrategy[int]
) -> st.SearchStrategy[Problem]:
    """Problems with either mask, with both, and with none."""
    return st.one_of(*(problems(names, batches=batches) for names in (MASKS, MASKS[:1], MASKS[1:], ())))


# Heads


@oracle_test("multi_head.split_heads")
@given(problem=features_of_heads())
def test_heads_are_split(candidate: Candidate, problem: Problem) -> None:
    """split_heads gives head h the h-th part of the features, at every time: (b, heads, t, d)."""
    got = candidate.run(multi_head.split, **problem)
    assert_same(got, oracle.split_heads(**problem), mistakes=lambda: oracle.split_mistakes(**problem))


@oracle_test("multi_head.split_heads")
@given(x=features_of_heads().map(lambda problem: oracle.split_heads(**problem)))
def test_heads_are_joined(candidate: Candidate, x: np.ndarray) -> None:
    """join_heads puts the features of the heads beside one another again: (b, t, heads · d)."""
    got = candidate.run(multi_head.join, x=x)
    assert_same(got, oracle.join_heads(x), mistakes=lambda: oracle.join_mistakes(x))


@law("multi_head.split_heads")
@given(problem=features_of_heads())
def test_joining_undoes_splitting(candidate: Candidate, problem: Problem) -> None:
    """join_heads of split_heads is what it was."""
    assert_same(candidate.run(multi_head.split_and_join, **problem), problem["x"])


@edge_case("multi_head.split_heads")
@given(problem=features_of_heads(NONE))
def test_an_empty_batch_has_heads_too(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 is split and joined like any other: no length can be left to be worked out as -1."""
    assert_same(candidate.run(multi_head.split, **problem), oracle.split_heads(**problem))
    assert_same(candidate.run(multi_head.split_and_join, **problem), problem["x"])


# Masks


@oracle_test("multi_head.merge_masks")
@given(problem=two_masks(("key_padding_mask",)))
def test_padding_hides_a_key_from_every_head_and_query(candidate: Candidate, problem: Problem) -> None:
    """A key_padding_mask (b, s) alone hides its keys from every head and every query of its sequence."""
    check_mask(candidate, problem)


@oracle_test("multi_head.merge_masks")
@given(problem=two_masks(("attn_mask",)))
def test_an_attention_mask_holds_for_every_head(candidate: Candidate, problem: Problem) -> None:
    """An attn_mask alone, (t, s) for all sequences or (b, t, s), holds for every head."""
    check_mask(candidate, problem)


@oracle_test("multi_head.merge_masks")
@given(problem=two_masks(MASKS))
def test_a_key_is_hidden_if_either_mask_hides_it(candidate: Candidate, problem: Problem) -> None:
    """With both masks a key is hidden where either hides it, and neither mask is changed."""
    check_mask(candidate, problem)


@law("multi_head.merge_masks")
@given(problem=two_masks(()))
def test_without_masks_there_is_none(candidate: Candidate, problem: Problem) -> None:
    """Without any mask the result is None."""
    check_mask(candidate, problem)


@edge_case("multi_head.merge_masks")
@given(problem=with_any_masks(two_masks, NONE))
def test_an_empty_batch_has_masks_too(candidate: Candidate, problem: Problem) -> None:
    """The masks of a batch of 0, alone and together, become one for 0 sequences."""
    check_mask(candidate, problem)


# Forward


@oracle_test("multi_head.forward")
@given(problem=layers())
def test_output_without_masks_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward projects, attends in every head, joins the heads and projects, for keys and values of any size."""
    check_output(candidate, problem)


@oracle_test("multi_head.forward")
@given(problem=st.one_of(layers(("key_padding_mask",)), layers(("attn_mask",)), layers(MASKS)))
def test_output_with_masks_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Padding and attention masks, alone and together, hide keys from queries."""
    check_output(candidate, problem)


@oracle_test("multi_head.forward")
@given(problem=torch_layers())
def test_output_matches_torchs_layer(candidate: Candidate, problem: Problem) -> None:
    """With the parameters of a torch.nn.MultiheadAttention the output is its output."""
    assert_right(
        candidate, multi_head.forward_with_torch_parameters, oracle.torch_layer, without_gradient(problem), ["output"]
    )


@law("multi_head.forward")
@given(problem=st.one_of(layers(), layers(MASKS)))
def test_the_weights_are_kept(candidate: Candidate, problem: Problem) -> None:
    """The layer's `attention` keeps the weights of every head, (b, heads, t, s)."""
    problem = without_gradient(problem)
    assert_same(candidate.run(multi_head.weights, **problem), oracle.weights(**problem))


@law("multi_head.forward")
@given(problem=masked_for_each_sequence())
def test_arguments_are_left_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same output, and no argument is changed."""
    problem = without_gradient(problem)
    inputs = problem["inputs"]
    right = {**oracle.multi_head(**problem), "inputs afterwards": inputs}
    written = {**inputs, "attn_mask": oracle.with_padding(**{name: inputs[name] for name in MASKS})}
    mistakes = {oracle.WRITTEN_INTO: {**right, "inputs afterwards": written}}
    assert_same(candidate.run(multi_head.forward_on_views, **problem), right, mistakes=mistakes)


@law("multi_head.forward")
@given(problem=unfitting())
def test_what_does_not_fit_is_refused(candidate: Candidate, problem: Problem) -> None:
    """Inputs and masks that do not fit the layer or one another are a ValueError."""
    candidate.raises(ValueError, multi_head.forward, **problem)


@law("multi_head.forward")
@given(problem=layers(MASKS), name=st.sampled_from(["query", "key", "value", *MASKS]))
def test_integers_are_refused(candidate: Candidate, problem: Problem, name: str) -> None:
    """Integers in the place of floats, or in the place of a mask's booleans, are a TypeError."""
    problem = without_gradient(problem)
    integers = with_inputs(problem, {name: problem["inputs"][name].astype(np.int64)})
    candidate.raises(TypeError, multi_head.forward, **integers)


@law("multi_head.forward")
@given(num_heads=st.sampled_from([2, 3, 4]), features=st.sampled_from([1, 2]), rest=st.sampled_from([1, -1]))
def test_heads_divide_the_features(candidate: Candidate, num_heads: int, features: int, rest: int) -> None:
    """An embed_dim that num_heads does not divide is a ValueError."""
    candidate.raises(ValueError, multi_head.build, embed_dim=2 * num_heads * features + rest, num_heads=2 * num_heads)


@edge_case("multi_head.forward")
@given(problem=layers(MASKS, blind=True))
def test_a_query_that_sees_nothing_gets_the_bias(candidate: Candidate, problem: Problem) -> None:
    """A query whose every key is hidden gets out_proj's bias, without nan and without a warning."""
    problem = without_gradient(problem)
    assert_right(candidate, multi_head.forward_strictly, oracle.multi_head, problem, mistakes=oracle.blind_mistakes)


@edge_case("multi_head.forward")
@given(problem=with_any_masks(layers, NONE))
def test_a_batch_may_be_empty(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 gives an output of 0 sequences, with and without masks."""
    problem = without_gradient(problem)
    assert_same(candidate.run(multi_head.forward, **problem), oracle.multi_head(**problem))


# Backward


@oracle_test("multi_head.backward")
@given(problem=layers())
def test_gradients_without_masks_match_torch(candidate: Candidate, problem: Problem) -> None:
    """backward gives the gradients of query, key and value, and adds those of all parameters to theirs."""
    check_gradients(candidate, problem)


@oracle_test("multi_head.backward")
@given(problem=st.one_of(layers(("key_padding_mask",)), layers(("attn_mask",)), layers(MASKS)))
def test_gradients_with_masks_match_torch(candidate: Candidate, problem: Problem) -> None:
    """With padding and attention masks, alone and together, the gradients are torch's too."""
    check_gradients(candidate, problem)


@oracle_test("multi_head.backward")
@given(problem=torch_layers())
def test_gradients_match_torchs_layer(candidate: Candidate, problem: Problem) -> None:
    """With the parameters of a torch.nn.MultiheadAttention its inputs have the gradients that they have there."""
    assert_right(candidate, multi_head.run_with_torch_parameters, oracle.torch_layer, problem, INPUT_GRADIENTS)


@oracle_test("multi_head.backward")
@given(problem=layers(MASKS))
def test_gradients_accumulate(candidate: Candidate, problem: Problem) -> None:
    """Two backward passes add up in the parameters' gradients; zero_grad starts anew."""
    right = oracle.multi_head(**problem)
    of_parameters = {f"{name}_grad": right[f"{name}_grad"] for name in problem["state"]}
    twice = {name: right[name] for name in INPUT_GRADIENTS}
    twice |= {name: grad + grad for name, grad in of_parameters.items()}
    zero = {name: np.zeros_like(grad) for name, grad in of_parameters.items()}
    expected: dict[str, Any] = {"twice": twice, "after zero_grad": zero}
    sentence = "the parameters' gradients start anew with every backward; they must add up until zero_grad"
    mistakes = {sentence: {**expected, "twice": {**twice, **of_parameters}}}
    doubled = {name: grad + grad for name, grad in twice.items() if name in INPUT_GRADIENTS}
    doubled |= {name: grad + grad + grad for name, grad in of_parameters.items()}
    mistakes["backward doubles the caller's grad_output; work on a copy"] = {**expected, "twice": doubled}
    assert_same(candidate.run(multi_head.run_twice, **problem), expected, mistakes=mistakes)


@law("multi_head.backward")
@given(problem=layers(MASKS))
def test_views_are_accepted_and_left_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same gradients, and no argument is changed."""
    afterwards = {f"{name} afterwards": problem[name] for name in ("inputs", "grad_output")}
    assert_same(candidate.run(multi_head.run_on_views, **problem), {**oracle.multi_head(**problem), **afterwards})


@law("multi_head.backward")
@given(problem=layers())
def test_backward_needs_a_forward(candidate: Candidate, problem: Problem) -> None:
    """backward before any forward is a RuntimeError."""
    arguments = {name: problem[name] for name in ("num_heads", "state", "grad_output")}
    candidate.raises(RuntimeError, multi_head.backward_first, **arguments)


@law("multi_head.backward")
@given(problem=layers(), axis=st.sampled_from([-1, -2]))
def test_a_gradient_of_another_shape_is_refused(candidate: Candidate, problem: Problem, axis: int) -> None:
    """A gradient that does not have the shape of the output is a ValueError."""
    grad = problem["grad_output"]
    longer = np.concatenate([grad, grad.take([0], axis)], axis)
    candidate.raises(ValueError, multi_head.forward_and_backward, **{**problem, "grad_output": longer})


@edge_case("multi_head.backward")
@given(problem=layers(MASKS, blind=True))
def test_a_query_that_sees_nothing_has_no_gradient(candidate: Candidate, problem: Problem) -> None:
    """A query whose every key is hidden has a zero gradient, but out_proj's bias still has its own; nan is nowhere."""
    names = all_gradients(problem)
    assert_right(candidate, multi_head.run_strictly, oracle.multi_head, problem, names, oracle.blind_mistakes)


@edge_case("multi_head.backward")
@given(problem=with_any_masks(layers, NONE))
def test_an_empty_batch_has_empty_gradients(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 has gradients of 0 sequences, and leaves those of the parameters at zero."""
    got, right = candidate.run(multi_head.forward_and_backward, **problem), oracle.multi_head(**problem)
    assert_same(got, right, names=all_gradients(problem))


def check_mask(candidate: Candidate, problem: Problem) -> None:
    """The merged mask is the brute force's, and the two masks are what they were."""
    afterwards = {f"{name} afterwards": problem[name] for name in MASKS}
    expected = {"mask": oracle.merge_masks(**problem), **afterwards}

    def known() -> Problem:
        return {name: {**expected, **change} for name, change in oracle.mask_mistakes(**problem).items()}

    assert_same(candidate.run(multi_head.merge, **problem), expected, mistakes=known)


def check_output(candidate: Candidate, problem: Problem) -> None:
    """The output is that of torch's functions."""
    assert_right(
        candidate,
        multi_head.forward,
        oracle.multi_head,
        without_gradient(problem),
        ["output"],
        oracle.multi_head_mistakes,
    )


def check_gradients(candidate: Candidate, problem: Problem) -> None:
    """All gradients are those of torch's functions."""
    probe = multi_head.forward_and_backward
    assert_right(candidate, probe, oracle.multi_head, problem, all_gradients(problem), oracle.multi_head_mistakes)


def with_inputs(problem: Problem, changed: Problem) -> Problem:
    """The problem with other inputs."""
    return {**problem, "inputs": {**problem["inputs"], **changed}}


def all_gradients(problem: Problem) -> list[str]:
    """The names of the gradients of inputs and parameters."""
    return [*INPUT_GRADIENTS, *(f"{name}_grad" for name in problem["state"])]

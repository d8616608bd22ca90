"""Scaled dot-product attention against torch."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, Shape, array, hides, without_gradient
from part4_attention.tests import oracle_scaled_dot_product_attention as oracle
from part4_attention.tests.strategies import (
    BLINDING_MASKS,
    FEW,
    KEYS,
    LEADING,
    LENGTHS,
    MASKS,
    MORE_THAN_A_BLOCK,
    NONE,
    ONE,
    QUERIES,
    attentions,
    with_large_scores,
)

attention = probes("scaled_dot_product_attention")

GRADIENTS = ["query_grad", "key_grad", "value_grad"]
WRITTEN = 1000.0  # into an output by its caller

# The problems


@st.composite
def rows_of_scores(
    draw: Draw,
    masked: bool,
    leading_axes: st.SearchStrategy[Shape] = LEADING,
    keys: st.SearchStrategy[int] = KEYS,
) -> Problem:
    """Scores (..., t, s), and which of them are masked: some, but not all of a row."""
    shape = (*draw(leading_axes), draw(QUERIES), draw(keys))
    return {"scores": array(draw, shape, dtype=draw(DTYPES)), "mask": hides(draw, shape) if masked else None}


@st.composite
def rows_of_large_scores(draw: Draw) -> Problem:
    """The same with scores in the thousands, of which some are masked."""
    problem = draw(rows_of_scores(masked=True))
    return {**problem, "scores": array(draw, problem["scores"].shape, "thousands")}


@st.composite
def rows_that_see_nothing(draw: Draw) -> Problem:
    """Scores, of which whole rows are masked, and the others as they come."""
    problem = draw(rows_of_scores(masked=True))
    blind = array(draw, (*problem["scores"].shape[:-1], 1), "booleans", "bool")
    blind[..., 0, :] = True
    return {**problem, "mask": problem["mask"] | blind}


@st.composite
def sequences(draw: Draw) -> Problem:
    """Queries, keys and values of the same time steps, with the causal mask, and a later step at which all change."""
    leading, time, features, dtype = draw(LEADING), draw(st.sampled_from([2, 3, 4])), draw(LENGTHS), draw(DTYPES)
    shape = (*leading, time, features)
    changed = draw(st.integers(1, time - 1))
    before = {name: array(draw, shape, dtype=dtype) for name in ("query", "key", "value")}
    after = {name: x.copy() for name, x in before.items()}
    for x in after.values():
        x[..., changed:, :] = array(draw, x[..., changed:, :].shape, dtype=dtype)
    mask = np.triu(np.ones((time, time), dtype=bool), k=1)
    return {"before": {**before, "mask": mask}, "after": {**after, "mask": mask}, "changed": changed}


@st.composite
def padded(draw: Draw) -> Problem:
    """A problem with a mask, and the same with more keys, all of which are masked."""
    problem = without_gradient(draw(attentions(st.just("every"))))
    more = draw(st.sampled_from([1, 2, 3]))
    longer = dict(problem)
    for name in ("key", "value"):
        x = problem[name]
        end = array(draw, (*x.shape[:-2], more, x.shape[-1]), dtype=x.dtype.name)
        longer[name] = np.concatenate([x, end], axis=-2)
    end = np.ones((*problem["mask"].shape[:-1], more), dtype=bool)
    return {"problem": problem, "longer": {**longer, "mask": np.concatenate([problem["mask"], end], axis=-1)}}


@st.composite
def reordered(draw: Draw) -> Problem:
    """A problem with a mask, and an order of its keys."""
    problem = without_gradient(draw(attentions(st.just("every"))))
    order = draw(st.permutations(range(problem["key"].shape[-2])))
    return {"problem": problem, "order": order}


@st.composite
def unfitting(draw: Draw) -> Problem:
    """Queries, keys, values and a mask of which one does not fit."""
    problem = without_gradient(draw(attentions(st.just("every"))))
    query, key, value, mask = (problem[name] for name in ("query", "key", "value", "mask"))
    wrong = {
        "key of other features": {"key": np.concatenate([key, key], axis=-1)},
        "value of another time": {"value": np.concatenate([value, value[..., :1, :]], axis=-2)},
        "key of another batch": {"key": np.stack([key, key, key, key])},
        "query without time": {"query": query.reshape(-1)},
        "mask of another time": {"mask": np.concatenate([mask, mask, mask[..., :1]], axis=-1)},
        "mask with more axes": {"mask": mask[None]},
    }
    return {**problem, **wrong[draw(st.sampled_from(sorted(wrong)))]}


# The softmax over the keys that are not masked


@oracle_test("attention.softmax")
@given(problem=rows_of_scores(masked=False))
def test_weights_without_a_mask_match_torch(candidate: Candidate, problem: Problem) -> None:
    """Without a mask the weights are the softmax of the scores along the last axis."""
    check_weights(candidate, problem)


@oracle_test("attention.softmax")
@given(problem=rows_of_scores(masked=True))
def test_masked_keys_get_no_weight(candidate: Candidate, problem: Problem) -> None:
    """A masked key gets weight zero, and the others share one between them, as in torch."""
    check_weights(candidate, problem)


@law("attention.softmax")
@given(problem=rows_of_scores(masked=True))
def test_weights_of_a_row_sum_to_one(candidate: Candidate, problem: Problem) -> None:
    """The weights of every row sum to one."""
    scores = problem["scores"]
    weights = checked(candidate.run(attention.softmax, **problem), scores)
    assert_same(weights.sum(axis=-1), np.ones(scores.shape[:-1], scores.dtype))


@law("attention.softmax")
@given(problem=st.one_of(rows_of_scores(masked=True), rows_of_scores(masked=False)))
def test_scores_and_mask_are_left_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided scores give the same weights, and neither scores nor mask are changed."""
    weights = oracle.softmax(**problem)
    afterwards = {"scores afterwards": problem["scores"], "mask afterwards": problem["mask"]}
    right = {"weights": weights, **afterwards}
    overwritten = "the caller's scores hold the weights afterwards; work on a copy"
    mistakes = {overwritten: {**right, "scores afterwards": weights}}
    assert_same(candidate.run(attention.softmax_on_views, **problem), right, mistakes=mistakes)


@edge_case("attention.softmax")
@given(problem=rows_that_see_nothing())
def test_a_row_that_is_masked_everywhere_is_zero(candidate: Candidate, problem: Problem) -> None:
    """A row that is masked everywhere has only zeros: neither nan nor equal weights, and no warning."""
    got = candidate.run(attention.softmax_strictly, **problem)
    assert_same(got, oracle.softmax(**problem), mistakes=lambda: oracle.blind_softmax_mistakes(**problem))


@edge_case("attention.softmax")
@given(problem=rows_of_large_scores())
def test_scores_in_the_thousands_do_not_overflow(candidate: Candidate, problem: Problem) -> None:
    """Scores in the thousands give the right weights too, without a warning on the way."""
    got = candidate.run(attention.softmax_strictly, **problem)
    assert_same(got, oracle.softmax(**problem), mistakes=lambda: oracle.underflow_mistakes(**problem))


@edge_case("attention.softmax")
@given(problem=rows_of_scores(masked=False, keys=ONE))
def test_a_single_score_has_all_the_weight(candidate: Candidate, problem: Problem) -> None:
    """In a row of a single score its weight is one."""
    assert_same(candidate.run(attention.softmax, **problem), oracle.softmax(**problem))


@edge_case("attention.softmax")
@given(problem=st.one_of(rows_of_scores(masked=True, leading_axes=NONE), rows_of_scores(False, leading_axes=NONE)))
def test_no_scores_have_no_weights(candidate: Candidate, problem: Problem) -> None:
    """Scores of a batch of 0 have weights of the same shape."""
    assert_same(candidate.run(attention.softmax, **problem), oracle.softmax(**problem))


# Forward


@oracle_test("attention.forward")
@given(problem=attentions())
def test_output_without_a_mask_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives softmax(Q Kᵀ / √d) V for any leading axes, and for as many keys as there are."""
    check_output(candidate, problem)


@oracle_test("attention.forward")
@given(problem=attentions(MASKS))
def test_output_with_a_mask_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """A mask hides keys from queries, and may be the same for all leading axes, all queries or all keys."""
    check_output(candidate, problem)


@oracle_test("attention.forward")
@given(problem=attentions(MASKS))
def test_the_weights_are_kept(candidate: Candidate, problem: Problem) -> None:
    """attention_weights holds the softmax (..., t, s), with zeros where the mask is True."""
    problem = without_gradient(problem)
    names = ["attention_weights"]
    assert_right(candidate, attention.forward, oracle.attention, problem, names, oracle.weights_mistakes)


@law("attention.forward")
@given(problem=sequences())
def test_the_future_changes_nothing(candidate: Candidate, problem: Problem) -> None:
    """With the causal mask, what comes later changes no output before it."""
    outputs = [candidate.run(attention.forward, **problem[which])["output"] for which in ("before", "after")]
    before, after = (checked(output, problem["before"]["value"]) for output in outputs)
    earlier = slice(problem["changed"])
    assert_same(after[..., earlier, :], before[..., earlier, :])


@law("attention.forward")
@given(problem=padded())
def test_padding_changes_nothing(candidate: Candidate, problem: Problem) -> None:
    """More keys that are masked, whatever they hold, change no output."""
    output, longer = (candidate.run(attention.forward, **problem[which])["output"] for which in ("problem", "longer"))
    value = problem["problem"]["value"]
    like = (*problem["problem"]["query"].shape[:-1], value.shape[-1]), value.dtype
    assert_same(longer, checked(output, like))


@law("attention.forward")
@given(problem=reordered())
def test_the_order_of_the_keys_does_not_matter(candidate: Candidate, problem: Problem) -> None:
    """Keys in another order, with their values and their mask, give the same output; the weights move with them."""
    given_order, order = problem["problem"], problem["order"]
    moved = {name: given_order[name][..., order, :] for name in ("key", "value")}
    moved |= {"query": given_order["query"], "mask": given_order["mask"][..., order]}
    got = candidate.run(attention.forward, **given_order)
    weights = checked(got["attention_weights"], (given_order["mask"].shape, given_order["query"].dtype))
    expected = {"output": got["output"], "attention_weights": weights[..., order]}
    assert_same(candidate.run(attention.forward, **moved), expected)


@law("attention.forward")
@given(problem=unfitting())
def test_what_does_not_fit_is_refused(candidate: Candidate, problem: Problem) -> None:
    """Queries, keys, values and a mask that do not fit together are a ValueError."""
    candidate.raises(ValueError, attention.forward, **problem)


@law("attention.forward")
@given(problem=attentions(MASKS), name=st.sampled_from(["query", "key", "value", "mask"]))
def test_integers_are_refused(candidate: Candidate, problem: Problem, name: str) -> None:
    """Integers in the place of floats, or in the place of the mask's booleans, are a TypeError."""
    problem = without_gradient(problem)
    candidate.raises(TypeError, attention.forward, **{**problem, name: problem[name].astype(np.int64)})


@law("attention.forward")
@given(problem=attentions(MASKS))
def test_arguments_are_left_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same output, and no argument is changed."""
    problem = without_gradient(problem)
    afterwards = {f"{name} afterwards": value for name, value in problem.items()}
    right = {**oracle.attention(**problem), **afterwards}
    scaled = (problem["query"] / np.sqrt(problem["query"].shape[-1])).astype(problem["query"].dtype)
    mistakes = {"the caller's query is divided by √d; work on a copy": {**right, "query afterwards": scaled}}
    assert_same(candidate.run(attention.forward_on_views, **problem), right, mistakes=mistakes)


@edge_case("attention.forward")
@given(problem=attentions(BLINDING_MASKS, blind=True))
def test_a_query_that_sees_nothing_gets_zeros(candidate: Candidate, problem: Problem) -> None:
    """A query whose every key is masked gets zeros, and its weights are zeros, without nan and without a warning."""
    problem = without_gradient(problem)
    assert_right(candidate, attention.forward_strictly, oracle.attention, problem, mistakes=oracle.blind_mistakes)


@edge_case("attention.forward")
@given(problem=with_large_scores(attentions(MASKS)))
def test_scores_of_thousands(candidate: Candidate, problem: Problem) -> None:
    """Scores in the thousands give the right output too, and nothing overflows on the way."""
    got = candidate.run(attention.forward_strictly, **without_gradient(problem))
    assert_same(got, oracle.attention(**without_gradient(problem)), names=["output"])


@edge_case("attention.forward")
@given(problem=attentions(keys=ONE))
def test_a_single_key_gives_its_value(candidate: Candidate, problem: Problem) -> None:
    """Where there is a single key, every query gets its value."""
    problem = without_gradient(problem)
    assert_same(candidate.run(attention.forward, **problem), oracle.attention(**problem))


@edge_case("attention.forward")
@given(problem=st.one_of(attentions(MASKS, leading_axes=NONE), attentions(leading_axes=NONE)))
def test_a_batch_may_be_empty(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 gives an output and weights of 0 sequences."""
    problem = without_gradient(problem)
    assert_same(candidate.run(attention.forward, **problem), oracle.attention(**problem))


# Backward


@oracle_test("attention.backward")
@given(problem=attentions())
def test_gradients_without_a_mask_match_torch(candidate: Candidate, problem: Problem) -> None:
    """backward gives the gradients of query, key and value for any upstream gradient."""
    check_gradients(candidate, problem)


@oracle_test("attention.backward")
@given(problem=attentions(MASKS))
def test_gradients_with_a_mask_match_torch(candidate: Candidate, problem: Problem) -> None:
    """With a mask the gradients are torch's too: nothing flows to a key that is masked everywhere."""
    check_gradients(candidate, problem)


@law("attention.backward")
@given(problem=attentions(MASKS))
def test_views_are_accepted_and_left_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same gradients, and no argument is changed."""
    afterwards = {f"{name} afterwards": value for name, value in problem.items()}
    assert_same(candidate.run(attention.run_on_views, **problem), {**oracle.attention(**problem), **afterwards})


@law("attention.backward")
@given(problem=attentions(MASKS))
def test_each_pass_is_by_itself(candidate: Candidate, problem: Problem) -> None:
    """A layer that has run before gives the same gradients."""
    assert_same(candidate.run(attention.run_twice, **problem), oracle.attention(**problem))


@law("attention.backward")
@given(problem=attentions(MASKS, leading_axes=FEW, queries=MORE_THAN_A_BLOCK))
def test_gradients_of_many_queries(candidate: Candidate, problem: Problem) -> None:
    """With more queries than a block of 128 holds, keys and values have the gradients of all of them."""
    probe = attention.forward_and_backward
    assert_right(candidate, probe, oracle.attention, problem, mistakes=oracle.mistakes_of_the_last_block)


@law("attention.backward")
@given(problem=attentions(MASKS))
def test_the_weights_stay(candidate: Candidate, problem: Problem) -> None:
    """After backward attention_weights still holds the softmax."""
    weights = oracle.attention(**without_gradient(problem))["attention_weights"]
    mistakes = {"attention_weights holds dS after backward; work on a copy": oracle.scores_gradient(**problem)}
    assert_same(candidate.run(attention.weights_after_backward, **problem), weights, mistakes=mistakes)


@law("attention.backward")
@given(problem=attentions())
def test_the_output_is_the_callers(candidate: Candidate, problem: Problem) -> None:
    """Who writes into the output that forward gave does not change the gradients."""
    right = oracle.attention(**problem)

    def known() -> Problem:
        return {
            name: {**right, **change} for name, change in oracle.mistakes_of_a_shared_output(WRITTEN, **problem).items()
        }

    got = candidate.run(attention.run_and_write_into_the_output, **without_mask(problem), written=WRITTEN)
    assert_same(got, right, names=GRADIENTS, mistakes=known)


@law("attention.backward")
@given(problem=attentions())
def test_backward_needs_a_forward(candidate: Candidate, problem: Problem) -> None:
    """backward before any forward is a RuntimeError."""
    candidate.raises(RuntimeError, attention.backward_first, grad_output=problem["grad_output"])


@law("attention.backward")
@given(problem=attentions(), axis=st.sampled_from([-1, -2]))
def test_a_gradient_of_another_shape_is_refused(candidate: Candidate, problem: Problem, axis: int) -> None:
    """A gradient that does not have the shape of the output is a ValueError."""
    grad = problem["grad_output"]
    longer = np.concatenate([grad, grad.take([0], axis)], axis)
    candidate.raises(ValueError, attention.forward_and_backward, **{**problem, "grad_output": longer})


@edge_case("attention.backward")
@given(problem=attentions(BLINDING_MASKS, blind=True))
def test_a_query_that_sees_nothing_has_no_gradient(candidate: Candidate, problem: Problem) -> None:
    """A query whose every key is masked has a zero gradient and sends none to keys and values, without nan."""
    probe = attention.run_strictly
    assert_right(candidate, probe, oracle.attention, problem, GRADIENTS, oracle.blind_mistakes)


@edge_case("attention.backward")
@given(problem=with_large_scores(attentions(MASKS)))
def test_gradients_of_scores_in_the_thousands(candidate: Candidate, problem: Problem) -> None:
    """Scores in the thousands have the right gradients too, and nothing overflows on the way."""
    got = candidate.run(attention.run_strictly, **problem)
    assert_same(got, oracle.attention(**problem), names=GRADIENTS)


@edge_case("attention.backward")
@given(problem=attentions(keys=ONE))
def test_a_single_key_moves_only_its_value(candidate: Candidate, problem: Problem) -> None:
    """Where there is a single key, the gradients of queries and keys are zero, and its value has the sum of all."""
    assert_same(candidate.run(attention.forward_and_backward, **problem), oracle.attention(**problem), names=GRADIENTS)


@edge_case("attention.backward")
@given(problem=st.one_of(attentions(MASKS, leading_axes=NONE), attentions(leading_axes=NONE)))
def test_an_empty_batch_has_empty_gradients(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 has gradients of 0 sequences."""
    assert_same(candidate.run(attention.forward_and_backward, **problem), oracle.attention(**problem), names=GRADIENTS)


def check_weights(candidate: Candidate, problem: Problem) -> None:
    """The weights are torch's."""
    got = candidate.run(attention.softmax, **problem)
    assert_same(got, oracle.softmax(**problem), mistakes=lambda: oracle.softmax_mistakes(**problem))


def check_output(candidate: Candidate, problem: Problem) -> None:
    """The output is torch's."""
    problem = without_gradient(problem)
    assert_right(candidate, attention.forward, oracle.attention, problem, ["output"], oracle.attention_mistakes)


def check_gradients(candidate: Candidate, problem: Problem) -> None:
    """The gradients are torch's."""
    probe = attention.forward_and_backward
    assert_right(candidate, probe, oracle.attention, problem, GRADIENTS, oracle.attention_mistakes)


def without_mask(problem: Problem) -> Problem:
    """All but the mask."""
    return {name: value for name, value in problem.items() if name != "mask"}

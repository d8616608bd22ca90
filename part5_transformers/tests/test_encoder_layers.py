"""The encoder's layer against torch."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import Draw, Problem, without_gradient
from part5_transformers.tests import oracle_encoder_layers as oracle
from part5_transformers.tests.strategies import NONE, gradient_names, self_attention_layers, with_other_padding

encoder_layers = probes("encoder_layers")

PADDING = "key_padding_mask"

# The problems


@st.composite
def other_padding(draw: Draw) -> tuple[Problem, Problem]:
    """Draw a padded problem, and the same with other padding."""
    problem = without_gradient(draw(self_attention_layers(PADDING)))
    return problem, {**problem, "inputs": with_other_padding(draw, problem["inputs"], "x", PADDING)}


@st.composite
def reordered(draw: Draw) -> tuple[Problem, list[int]]:
    """Draw a problem, and an order of its steps."""
    problem = without_gradient(draw(self_attention_layers(PADDING)))
    return problem, draw(st.permutations(range(problem["inputs"]["x"].shape[1])))


# The tests


@oracle_test("layers.encoder")
@given(problem=self_attention_layers())
def test_output_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """The output is that of self-attention, then feed-forward, with weights wanted or not."""
    check(candidate, without_gradient(problem), ["output"])


@oracle_test("layers.encoder")
@given(problem=self_attention_layers(PADDING))
def test_output_with_padding_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """The key_padding_mask hides padding from every step, with weights wanted or not."""
    check(candidate, without_gradient(problem), ["output"])


@oracle_test("layers.encoder")
@given(problem=st.one_of(self_attention_layers(), self_attention_layers(PADDING)))
def test_weights_match_torch(candidate: Candidate, problem: Problem) -> None:
    """The second result is the attention's weights (b, t, t) with need_weights, and None without."""
    check(candidate, without_gradient(problem), ["weights"])


@oracle_test("layers.encoder")
@given(problem=st.one_of(self_attention_layers(), self_attention_layers(PADDING)))
def test_gradients_match_torch(candidate: Candidate, problem: Problem) -> None:
    """The gradients of the input and of all parameters are torch's, with padding and without."""
    check(candidate, problem, gradient_names(problem))


@law("layers.encoder")
@given(problem=self_attention_layers(PADDING))
def test_weights_share_out_one(candidate: Candidate, problem: Problem) -> None:
    """Each step's weights sum to one over the steps that are not padding, and are zero at padding."""
    problem = without_gradient({**problem, "need_weights": True})
    x, hidden = problem["inputs"]["x"], problem["inputs"][PADDING]
    batch, time, _ = x.shape
    weights = checked(candidate.run(encoder_layers.encode, **problem)["weights"], ((batch, time, time), x.dtype))
    seen = np.where(hidden[:, None], 0, weights)
    assert_same({"weights": weights, "sums": seen.sum(axis=-1)}, {"weights": seen, "sums": np.ones_like(x[..., 0])})


@law("layers.encoder")
@given(problems=other_padding())
def test_padding_changes_nothing(candidate: Candidate, problems: tuple[Problem, Problem]) -> None:
    """What stands in the padding, and how long it is, changes no output at the steps that are not padding."""
    valid = ~problems[0]["inputs"][PADDING]
    one, other = (checked_output(candidate, problem)[:, : valid.shape[1]][valid] for problem in problems)
    assert_same(other, one)


@law("layers.encoder")
@given(problem_and_order=reordered())
def test_the_order_of_the_steps_does_not_matter(
    candidate: Candidate, problem_and_order: tuple[Problem, list[int]]
) -> None:
    """Steps in another order have the same outputs in that order: no step knows its position."""
    problem, order = problem_and_order
    moved = {**problem, "inputs": {name: value[:, order] for name, value in problem["inputs"].items()}}
    assert_same(checked_output(candidate, moved), checked_output(candidate, problem)[:, order])


@edge_case("layers.encoder")
@given(problem=self_attention_layers(PADDING, batches=NONE))
def test_a_batch_may_be_empty(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 gives an output of 0 sequences."""
    assert_same(checked_output(candidate, without_gradient(problem)), problem["inputs"]["x"])


def check(candidate: Candidate, problem: Problem, names: list[str]) -> None:
    """Check that these entries of the answer are torch's."""
    assert_right(
        candidate,
        encoder_layers.encode,
        oracle.self_attention_layer,
        problem,
        names,
        oracle.self_attention_mistakes,
    )


def checked_output(candidate: Candidate, problem: Problem) -> np.ndarray:
    """Return the output, and check that it has the shape and dtype of x."""
    return checked(candidate.run(encoder_layers.encode, **problem)["output"], problem["inputs"]["x"], "output")

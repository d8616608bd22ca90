"""GRUCTC against the same model of torch's modules."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, array, integers, parameters, without_gradient
from part3_recurrent.tests import oracle_gru_ctc as oracle
from part3_recurrent.tests.strategies import LENGTHS, TIMES

gru_ctc = probes("gru_ctc")

CLASSES = st.sampled_from([2, 3, 4])
ONE = st.just(1)  # for edge cases alone

# The problems


@st.composite
def utterances(
    draw: Draw,
    has_lengths: bool,
    directions: tuple[Problem, ...] = ({}, {"bidirectional": False}),
    dtypes: st.SearchStrategy[str] = DTYPES,
    classes: st.SearchStrategy[int] = CLASSES,
) -> Problem:
    """Draw a model, a batch of utterances, perhaps of different lengths, and the upstream gradient."""
    sizes = {"input_size": draw(LENGTHS), "hidden_size": draw(LENGTHS), "num_classes": draw(classes)}
    sizes |= {"num_layers": draw(st.sampled_from([1, 2])), **draw(st.sampled_from(directions))}
    time, batch, dtype = draw(TIMES), draw(st.sampled_from([1, 2, 3])), draw(dtypes)
    lengths = integers(draw, (batch,), 1, time + 1) if has_lengths else None
    return {
        "sizes": sizes,
        "state": parameters(draw, oracle.state_shapes(**sizes), dtype),
        "x": array(draw, (time, batch, sizes["input_size"]), dtype=dtype),
        "lengths": lengths if lengths is None or draw(st.booleans()) else lengths.tolist(),
        "log_probs_grad": array(draw, (time, batch, sizes["num_classes"]), dtype=dtype),
    }


@st.composite
def confident_utterances(draw: Draw) -> Problem:
    """Draw these, but one class's logit lies thousands above another's.

    In float64: x - log Σ eˣ is right too, but among thousands float32 rounds it in the fourth digit.
    """
    problem = draw(utterances(has_lengths=False, dtypes=st.just("float64")))
    classes, state = problem["sizes"]["num_classes"], problem["state"]
    return {**problem, "state": {**state, "linear.bias": array(draw, (classes,), "thousands", problem["x"].dtype.name)}}


@st.composite
def empty_batches(draw: Draw) -> Problem:
    """Draw a model, and no utterance."""
    problem = draw(utterances(has_lengths=False))
    lengths = draw(st.sampled_from([None, np.zeros(0, np.int64)]))
    x, log_probs_grad = problem["x"][:, :0], problem["log_probs_grad"][:, :0]
    return {**problem, "x": x, "lengths": lengths, "log_probs_grad": log_probs_grad}


# Forward


@oracle_test("gru_ctc.forward")
@given(problem=utterances(has_lengths=False))
def test_log_probs_match_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives the log-probability of every class at every frame, with one direction or two."""
    assert_right_log_probs(candidate, problem)


@oracle_test("gru_ctc.forward")
@given(problem=utterances(has_lengths=True))
def test_log_probs_of_different_lengths_match_torch(candidate: Candidate, problem: Problem) -> None:
    """With lengths no direction reads the padding; after an end the GRU gives zero, and the Linear's bias decides."""
    assert_right_log_probs(candidate, problem)


@edge_case("gru_ctc.forward")
@given(problem=confident_utterances())
def test_large_logits_do_not_overflow(candidate: Candidate, problem: Problem) -> None:
    """With logits in the thousands the log-probabilities are finite and right, and nothing on the way warns."""
    assert_right(candidate, gru_ctc.forward_without_warning, oracle.network, without_gradient(problem))


@law("gru_ctc.forward")
@given(problem=utterances(has_lengths=True))
def test_probabilities_sum_to_one(candidate: Candidate, problem: Problem) -> None:
    """At every frame, those of the padding too, the classes' probabilities sum to one."""
    arguments = without_gradient(problem)
    like = problem["log_probs_grad"]
    total = np.exp(checked(candidate.run(gru_ctc.forward, **arguments)["log_probs"], like, "log_probs")).sum(axis=-1)
    assert_same({"sum over the classes": total}, {"sum over the classes": np.ones_like(total)})


@edge_case("gru_ctc.forward")
@given(problem=empty_batches())
def test_no_utterances_have_no_log_probs(candidate: Candidate, problem: Problem) -> None:
    """A batch of no utterances gives empty log-probabilities of the right shape."""
    assert_same(candidate.run(gru_ctc.forward, **without_gradient(problem)), {"log_probs": problem["log_probs_grad"]})


@edge_case("gru_ctc.forward")
@given(problem=utterances(has_lengths=True, classes=ONE))
def test_a_single_class_is_certain(candidate: Candidate, problem: Problem) -> None:
    """With a single class its probability is one, and the logarithm 0."""
    assert_right(candidate, gru_ctc.forward, oracle.network, without_gradient(problem))


@law("gru_ctc.forward")
@given(problem=utterances(has_lengths=True), beyond=st.sampled_from([0, 1]))
def test_lengths_out_of_range_are_refused(candidate: Candidate, problem: Problem, beyond: int) -> None:
    """A length of 0, or beyond the frames of x, is a ValueError."""
    lengths = [beyond * (len(problem["x"]) + 1)] * len(problem["lengths"])
    candidate.raises(ValueError, gru_ctc.forward, **{**without_gradient(problem), "lengths": lengths})


# Backward


@oracle_test("gru_ctc.backward")
@given(problem=utterances(has_lengths=False))
def test_gradients_match_torch(candidate: Candidate, problem: Problem) -> None:
    """backward gives the gradients of x and every parameter, through the log-softmax, for any upstream gradient."""
    assert_right_gradients(candidate, problem)


@oracle_test("gru_ctc.backward")
@given(problem=utterances(has_lengths=True))
def test_gradients_of_different_lengths_match_torch(candidate: Candidate, problem: Problem) -> None:
    """With lengths the padding has no gradient; the upstream gradient after an end reaches the Linear's bias alone."""
    assert_right_gradients(candidate, problem)


@edge_case("gru_ctc.backward")
@given(problem=confident_utterances())
def test_large_logits_have_right_gradients(candidate: Candidate, problem: Problem) -> None:
    """With logits in the thousands the gradients are finite and right, and nothing on the way warns."""
    assert_right(candidate, gru_ctc.run_without_warning, oracle.network, problem, gradients(problem))


@edge_case("gru_ctc.backward")
@given(problem=empty_batches())
def test_no_utterances_have_no_gradient(candidate: Candidate, problem: Problem) -> None:
    """For a batch of no utterances the parameters' gradients stay zero."""
    right = {f"{name}_grad": np.zeros_like(value) for name, value in problem["state"].items()}
    assert_same(candidate.run(gru_ctc.forward_and_backward, **problem), {"x_grad": problem["x"], **right})


@edge_case("gru_ctc.backward")
@given(problem=utterances(has_lengths=True, classes=ONE))
def test_a_single_class_has_no_gradient(candidate: Candidate, problem: Problem) -> None:
    """With a single class, which is certain, all gradients are zero."""
    assert_right(candidate, gru_ctc.run_without_warning, oracle.network, problem, gradients(problem))


@law("gru_ctc.backward")
@given(problem=utterances(has_lengths=False))
def test_backward_needs_a_forward(candidate: Candidate, problem: Problem) -> None:
    """backward before any forward is a RuntimeError."""
    arguments = {name: problem[name] for name in ("sizes", "state", "log_probs_grad")}
    candidate.raises(RuntimeError, gru_ctc.backward_first, **arguments)


# What the tests share


def gradients(problem: Problem) -> list[str]:
    """List the names of the gradients."""
    return ["x_grad", *(f"{name}_grad" for name in problem["state"])]


def assert_right_log_probs(candidate: Candidate, problem: Problem) -> None:
    """Check the log-probabilities, and name a known mistake."""
    arguments, mistakes = without_gradient(problem), oracle.forward_mistakes
    assert_right(candidate, gru_ctc.forward, oracle.network, arguments, mistakes=mistakes)


def assert_right_gradients(candidate: Candidate, problem: Problem) -> None:
    """Check all gradients, and name a known mistake."""
    probe, mistakes = gru_ctc.forward_and_backward, oracle.backward_mistakes
    assert_right(candidate, probe, oracle.network, problem, gradients(problem), mistakes)

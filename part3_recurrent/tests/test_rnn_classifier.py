"""RNNClassifier against the same model of torch's modules."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, array, integers, parameters, without_gradient
from part3_recurrent.tests import oracle_rnn_classifier as oracle
from part3_recurrent.tests.strategies import LENGTHS

classifier = probes("rnn_classifier")

# The problems


@st.composite
def sequences(draw: Draw, has_lengths: bool, num_layers: tuple[int, ...] = (1, 2, 3)) -> Problem:
    """Draw a classifier, a batch of sequences, perhaps of different lengths, and the upstream gradient."""
    sizes = {name: draw(LENGTHS) for name in ("input_size", "hidden_size", "num_classes")}
    sizes["num_layers"] = draw(st.sampled_from(num_layers))
    time, batch, dtype = draw(st.integers(1, 5)), draw(st.integers(1, 3)), draw(DTYPES)
    lengths = integers(draw, (batch,), 1, time + 1) if has_lengths else None
    return {
        "sizes": sizes,
        "state": parameters(draw, oracle.state_shapes(**sizes), dtype),
        "x": array(draw, (time, batch, sizes["input_size"]), dtype=dtype),
        "lengths": lengths if lengths is None or draw(st.booleans()) else lengths.tolist(),
        "logits_grad": array(draw, (batch, sizes["num_classes"]), dtype=dtype),
    }


@st.composite
def empty_batches(draw: Draw) -> Problem:
    """Draw a classifier, and no sequence."""
    problem = draw(sequences(has_lengths=False))
    lengths = draw(st.sampled_from([None, np.zeros(0, np.int64)]))
    return {**problem, "x": problem["x"][:, :0], "lengths": lengths, "logits_grad": problem["logits_grad"][:0]}


# Forward


@oracle_test("rnn_classifier.forward")
@given(problem=sequences(has_lengths=False))
def test_logits_match_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives the Linear of the top layer's last hidden state, for any number of layers."""
    assert_right_logits(candidate, problem)


@oracle_test("rnn_classifier.forward")
@given(problem=sequences(has_lengths=True))
def test_logits_at_each_end_match_torch(candidate: Candidate, problem: Problem) -> None:
    """With lengths the state that counts is that at each sequence's own end."""
    assert_right_logits(candidate, problem)


@law("rnn_classifier.forward")
@given(problem=sequences(has_lengths=True))
def test_a_sequence_does_not_know_its_neighbours(candidate: Candidate, problem: Problem) -> None:
    """A sequence has the same logits alone and without padding as in its batch."""
    problem = without_gradient(problem)
    like = (problem["x"].shape[1], problem["sizes"]["num_classes"]), problem["x"].dtype
    together = checked(candidate.run(classifier.forward, **problem)["logits"], like, "logits")
    for row, length in enumerate(problem["lengths"]):
        alone = {**problem, "x": problem["x"][:length, row : row + 1], "lengths": None}
        assert_same(candidate.run(classifier.forward, **alone), {"logits": together[row : row + 1]})


@edge_case("rnn_classifier.forward")
@given(problem=empty_batches())
def test_no_sequences_have_no_logits(candidate: Candidate, problem: Problem) -> None:
    """A batch of no sequences gives no row of logits."""
    like = np.zeros((0, problem["sizes"]["num_classes"]), problem["x"].dtype)
    assert_same(candidate.run(classifier.forward, **without_gradient(problem)), {"logits": like})


@law("rnn_classifier.forward")
@given(problem=sequences(has_lengths=True), beyond=st.sampled_from([0, 1]))
def test_lengths_out_of_range_are_refused(candidate: Candidate, problem: Problem, beyond: int) -> None:
    """A length of 0, or beyond the time steps of x, is a ValueError."""
    lengths = [beyond * (len(problem["x"]) + 1)] * len(problem["lengths"])
    candidate.raises(ValueError, classifier.forward, **{**without_gradient(problem), "lengths": lengths})


# Backward


@oracle_test("rnn_classifier.backward")
@given(problem=sequences(has_lengths=False))
def test_gradients_match_torch(candidate: Candidate, problem: Problem) -> None:
    """backward gives the gradients of x and of every parameter, in all layers."""
    assert_right_gradients(candidate, problem)


@oracle_test("rnn_classifier.backward")
@given(problem=sequences(has_lengths=True))
def test_gradients_from_each_end_match_torch(candidate: Candidate, problem: Problem) -> None:
    """With lengths the gradient enters at each sequence's own end, and the padding has none."""
    assert_right_gradients(candidate, problem)


@edge_case("rnn_classifier.backward")
@given(problem=empty_batches())
def test_no_sequences_have_no_gradient(candidate: Candidate, problem: Problem) -> None:
    """For a batch of no sequences the parameters' gradients stay zero."""
    right = {"x_grad": problem["x"]}
    right |= {f"{name}_grad": np.zeros_like(value) for name, value in problem["state"].items()}
    assert_same(candidate.run(classifier.forward_and_backward, **problem), right)


@law("rnn_classifier.backward")
@given(problem=sequences(has_lengths=False))
def test_backward_needs_a_forward(candidate: Candidate, problem: Problem) -> None:
    """backward before any forward is a RuntimeError."""
    arguments = {name: problem[name] for name in ("sizes", "state", "logits_grad")}
    candidate.raises(RuntimeError, classifier.backward_first, **arguments)


# What the tests share


def assert_right_logits(candidate: Candidate, problem: Problem) -> None:
    """Check the logits, and name a known mistake."""
    arguments = without_gradient(problem)
    assert_right(candidate, classifier.forward, oracle.classifier, arguments, mistakes=oracle.classifier_mistakes)


def assert_right_gradients(candidate: Candidate, problem: Problem) -> None:
    """Check all gradients, and name a known mistake."""
    names = ["x_grad", *(f"{name}_grad" for name in problem["state"])]
    probe, mistakes = classifier.forward_and_backward, oracle.classifier_mistakes
    assert_right(candidate, probe, oracle.classifier, problem, names, mistakes)

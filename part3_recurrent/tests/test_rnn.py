"""One direction of one layer of RNN against torch."""

from __future__ import annotations

from hypothesis import given

from autograder.testing import Candidate, assert_right, assert_same, edge_case, law, oracle_test, probes
from autograder.testing.strategies import Problem, without_gradient
from part3_recurrent.tests import oracle_rnn as oracle
from part3_recurrent.tests.oracle_cell import assert_right_on_views
from part3_recurrent.tests.oracle_rnn_and_gru import assert_adds_up, with_other_padding
from part3_recurrent.tests.strategies import NONE, directions, directions_in_two_chunks

rnn = probes("rnn")

GATES = 1

# Forward


@oracle_test("rnn.forward")
@given(problem=directions(GATES, has_ends=False))
def test_states_match_torch(candidate: Candidate, problem: Problem) -> None:
    """run gives the state at every time step, and the last one as h_n, from h_0 on."""
    forward = without_gradient(problem)
    assert_right(candidate, rnn.run, oracle.rnn, forward, ["output", "h_n"], oracle.rnn_mistakes)


@oracle_test("rnn.forward")
@given(problem=directions(GATES, has_ends=True))
def test_states_of_different_lengths_match_torch(candidate: Candidate, problem: Problem) -> None:
    """With sequences of different lengths the output is zero after each end, and h_n is the state at each end."""
    forward = without_gradient(problem)
    assert_right(candidate, rnn.run, oracle.rnn, forward, ["output", "h_n"], oracle.rnn_mistakes)


@law("rnn.forward")
@given(problem=directions_in_two_chunks(GATES))
def test_two_chunks_are_the_whole(candidate: Candidate, problem: Problem) -> None:
    """A sequence in two chunks, the second from the state of the first, gives the same as the whole at once."""
    forward = without_gradient(problem)
    assert_same(candidate.run(rnn.run_in_chunks, **forward), oracle.rnn(**without_cut(forward)))


@law("rnn.forward")
@given(problem=directions(GATES, has_ends=True))
def test_padding_is_not_read(candidate: Candidate, problem: Problem) -> None:
    """What stands in x after a sequence's end changes nothing."""
    got = candidate.run(rnn.run, **with_other_padding(without_gradient(problem)))
    assert_same(got, oracle.rnn(**without_gradient(problem)))


@law("rnn.forward")
@given(problem=directions(GATES, has_ends=True))
def test_run_accepts_views_and_leaves_them_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same states, and neither x nor h_0 is changed."""
    assert_right_on_views(candidate, rnn.run_on_views, oracle.rnn, without_gradient(problem))


@edge_case("rnn.forward")
@given(problem=directions(GATES, has_ends=False, batches=NONE))
def test_no_sequences_have_no_states(candidate: Candidate, problem: Problem) -> None:
    """For a batch of 0 output and h_n are empty, and have their other axes all the same."""
    forward = without_gradient(problem)
    assert_right(candidate, rnn.run, oracle.rnn, forward, mistakes=oracle.rnn_mistakes)


# Backward


@oracle_test("rnn.backward")
@given(problem=directions(GATES, has_ends=False))
def test_gradients_match_torch(candidate: Candidate, problem: Problem) -> None:
    """run_backward gives the gradients of x, h_0 and the parameters, for any gradients of output and h_n."""
    names = gradients(problem)
    assert_right(candidate, rnn.run_and_back, oracle.rnn, problem, names, oracle.rnn_mistakes)


@oracle_test("rnn.backward")
@given(problem=directions(GATES, has_ends=True))
def test_gradients_of_different_lengths_match_torch(candidate: Candidate, problem: Problem) -> None:
    """With sequences of different lengths h_n's gradient enters at each end, and after it x has none."""
    names = gradients(problem)
    assert_right(candidate, rnn.run_and_back, oracle.rnn, problem, names, oracle.rnn_mistakes)


@oracle_test("rnn.backward")
@given(problem=directions(GATES, has_ends=True))
def test_gradients_accumulate(candidate: Candidate, problem: Problem) -> None:
    """Two backward passes add up in the parameters' gradients; those of x and h_0 belong to the last alone."""
    assert_adds_up(candidate, rnn.run_and_back_twice, oracle.rnn(**problem), problem)


@law("rnn.backward")
@given(problem=directions_in_two_chunks(GATES))
def test_two_chunks_have_the_gradients_of_the_whole(candidate: Candidate, problem: Problem) -> None:
    """In two chunks, the gradient of the state between them handed back, the gradients are those of the whole."""
    got = candidate.run(rnn.run_and_back_in_chunks, **problem)
    assert_same(got, oracle.rnn(**without_cut(problem)), names=gradients(problem))


@law("rnn.backward")
@given(problem=directions(GATES, has_ends=True))
def test_padding_has_no_gradient(candidate: Candidate, problem: Problem) -> None:
    """What stands in x and output_grad after a sequence's end changes no gradient."""
    got = candidate.run(rnn.run_and_back, **with_other_padding(problem))
    assert_same(got, oracle.rnn(**problem), names=gradients(problem))


@law("rnn.backward")
@given(problem=directions(GATES, has_ends=True))
def test_run_backward_accepts_views_and_leaves_them_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same gradients, and no argument is changed."""
    assert_right_on_views(candidate, rnn.run_and_back_on_views, oracle.rnn, problem)


@edge_case("rnn.backward")
@given(problem=directions(GATES, has_ends=False, batches=NONE))
def test_no_sequences_have_no_gradient(candidate: Candidate, problem: Problem) -> None:
    """For a batch of 0 the gradients of x and h_0 are empty, and those of the parameters stay zero."""
    names = gradients(problem)
    assert_right(candidate, rnn.run_and_back, oracle.rnn, problem, names, oracle.rnn_mistakes)


def gradients(problem: Problem) -> list[str]:
    """List the names of all gradients."""
    return [f"{name}_grad" for name in ("x", "h_0", *problem["state"])]


def without_cut(problem: Problem) -> Problem:
    """Leave the cut out of the problem."""
    return {name: value for name, value in problem.items() if name != "cut"}

"""RNNCell against torch."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, edge_case, law, oracle_test, probes
from autograder.testing.strategies import Problem, without_gradient
from part3_recurrent.tests import oracle_rnn_cell as oracle
from part3_recurrent.tests.oracle_cell import assert_right_on_views
from part3_recurrent.tests.strategies import NONE, cells, wrong_cell_inputs

rnn_cell = probes("rnn_cell")

GATES = 1

# Forward


@oracle_test("rnn_cell.forward")
@given(problem=cells(GATES))
def test_output_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives the next state as torch does, with biases and without, and from zeros where h is None."""
    forward = without_gradient(problem)
    assert_right(candidate, rnn_cell.forward, oracle.rnn_cell, forward, ["output"], oracle.rnn_cell_mistakes)


@oracle_test("rnn_cell.forward")
@given(problem=cells(GATES, has_steps=True))
def test_several_steps_match_torch(candidate: Candidate, problem: Problem) -> None:
    """Called once per time step, each time with the state that the last call gave, forward reads a sequence."""
    forward = without_gradient(problem)
    assert_right(candidate, rnn_cell.forward_steps, oracle.rnn_cell, forward, ["output"], oracle.rnn_cell_mistakes)


@law("rnn_cell.forward")
@given(problem=cells(GATES))
def test_forward_accepts_views_and_leaves_them_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same state, and no argument is changed."""
    assert_right_on_views(candidate, rnn_cell.forward_on_views, oracle.rnn_cell, without_gradient(problem))


@law("rnn_cell.forward")
@given(problem=wrong_cell_inputs(GATES))
def test_wrong_shapes_are_refused(candidate: Candidate, problem: Problem) -> None:
    """An x or h that does not fit the cell is a ValueError."""
    candidate.raises(ValueError, rnn_cell.forward, **problem)


@law("rnn_cell.forward")
@given(problem=cells(GATES))
def test_integers_are_refused(candidate: Candidate, problem: Problem) -> None:
    """Integer input is a TypeError, as in torch."""
    integers = {**without_gradient(problem), "x": problem["x"].astype(np.int64)}
    candidate.raises(TypeError, rnn_cell.forward, **integers)


@edge_case("rnn_cell.forward")
@given(problem=cells(GATES, batches=NONE))
def test_no_rows_have_no_state(candidate: Candidate, problem: Problem) -> None:
    """For a batch of 0 the next state is empty, and has its last axis all the same."""
    forward = without_gradient(problem)
    assert_right(candidate, rnn_cell.forward, oracle.rnn_cell, forward, mistakes=oracle.rnn_cell_mistakes)


# Backward


@oracle_test("rnn_cell.backward")
@given(problem=cells(GATES))
def test_gradients_match_torch(candidate: Candidate, problem: Problem) -> None:
    """backward gives dL/dx, dL/dh and those of the parameters for any upstream gradient."""
    names = gradients(problem)
    assert_right(candidate, rnn_cell.forward_and_backward, oracle.rnn_cell, problem, names, oracle.rnn_cell_mistakes)


@oracle_test("rnn_cell.backward")
@given(problem=cells(GATES, has_steps=True))
def test_backpropagation_through_time_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """After several forwards each backward belongs to the last one left, and the parameters' gradients add up."""
    assert_right(candidate, rnn_cell.run_steps, oracle.rnn_cell, problem, gradients(problem), oracle.rnn_cell_mistakes)


@law("rnn_cell.backward")
@given(problem=cells(GATES))
def test_backward_accepts_views_and_leaves_them_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same gradients, and no argument is changed."""
    assert_right_on_views(candidate, rnn_cell.run_on_views, oracle.rnn_cell, problem)


@law("rnn_cell.backward")
@given(problem=cells(GATES), steps=st.sampled_from([0, 1, 2]))
def test_backward_needs_a_forward(candidate: Candidate, problem: Problem, steps: int) -> None:
    """After as many backward passes as forward ones, another backward is a RuntimeError."""
    candidate.raises(RuntimeError, rnn_cell.backward_too_often, **problem, steps=steps)


@edge_case("rnn_cell.backward")
@given(problem=cells(GATES, batches=NONE))
def test_no_rows_have_no_gradient(candidate: Candidate, problem: Problem) -> None:
    """For a batch of 0 the gradients of x and h are empty, and those of the parameters stay zero."""
    names = gradients(problem)
    assert_right(candidate, rnn_cell.forward_and_backward, oracle.rnn_cell, problem, names, oracle.rnn_cell_mistakes)


def gradients(problem: Problem) -> list[str]:
    """List the names of the gradients that the cell has."""
    return [f"{name}_grad" for name in ("x", "h", *problem["state"])]

"""GRUCell against torch."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, edge_case, law, oracle_test, probes
from autograder.testing.strategies import Draw, Problem, array, without_gradient
from part3_recurrent.tests import oracle_gru_cell as oracle
from part3_recurrent.tests.oracle_cell import assert_right_on_views
from part3_recurrent.tests.strategies import NONE, cells, wrong_cell_inputs

gru_cell = probes("gru_cell")

GATES = 3

# The problems


@st.composite
def kept_states(draw: Draw) -> Problem:
    """Draw a cell with a bias of z that nothing outweighs, an input, a state, and the upstream gradient."""
    problem = draw(cells(GATES))
    batch, hidden = problem["grad_output"].shape
    dtype = problem["x"].dtype.name
    bias_ih, bias_hh = (array(draw, (GATES * hidden,), dtype=dtype) for _ in range(2))
    bias_ih[hidden : 2 * hidden] = 100
    return {
        **problem,
        "state": {**problem["state"], "bias_ih": bias_ih, "bias_hh": bias_hh},
        "h": array(draw, (batch, hidden), dtype=dtype),
    }


# Forward


@oracle_test("gru_cell.forward")
@given(problem=cells(GATES))
def test_output_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives the next state as torch does, with biases and without, and from zeros where h is None."""
    forward = without_gradient(problem)
    assert_right(candidate, gru_cell.forward, oracle.gru_cell, forward, ["output"], oracle.gru_cell_mistakes)


@oracle_test("gru_cell.forward")
@given(problem=cells(GATES, has_steps=True))
def test_several_steps_match_torch(candidate: Candidate, problem: Problem) -> None:
    """Called once per time step, each time with the state that the last call gave, forward reads a sequence."""
    forward = without_gradient(problem)
    assert_right(candidate, gru_cell.forward_steps, oracle.gru_cell, forward, ["output"], oracle.gru_cell_mistakes)


@law("gru_cell.forward")
@given(problem=cells(GATES))
def test_forward_accepts_views_and_leaves_them_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same state, and no argument is changed."""
    assert_right_on_views(candidate, gru_cell.forward_on_views, oracle.gru_cell, without_gradient(problem))


@law("gru_cell.forward")
@given(problem=kept_states())
def test_z_of_one_keeps_the_state(candidate: Candidate, problem: Problem) -> None:
    """Where z's bias is so large that z is one, the new state is h, whatever x is."""
    assert_same(candidate.run(gru_cell.forward, **without_gradient(problem)), {"output": problem["h"]})


@law("gru_cell.forward")
@given(problem=wrong_cell_inputs(GATES))
def test_wrong_shapes_are_refused(candidate: Candidate, problem: Problem) -> None:
    """An x or h that does not fit the cell is a ValueError."""
    candidate.raises(ValueError, gru_cell.forward, **problem)


@law("gru_cell.forward")
@given(problem=cells(GATES))
def test_integers_are_refused(candidate: Candidate, problem: Problem) -> None:
    """Integer input is a TypeError, as in torch."""
    integers = {**without_gradient(problem), "x": problem["x"].astype(np.int64)}
    candidate.raises(TypeError, gru_cell.forward, **integers)


@edge_case("gru_cell.forward")
@given(problem=cells(GATES, batches=NONE))
def test_no_rows_have_no_state(candidate: Candidate, problem: Problem) -> None:
    """For a batch of 0 the next state is empty, and has its last axis all the same."""
    forward = without_gradient(problem)
    assert_right(candidate, gru_cell.forward, oracle.gru_cell, forward, mistakes=oracle.gru_cell_mistakes)


# Backward


@oracle_test("gru_cell.backward")
@given(problem=cells(GATES))
def test_gradients_match_torch(candidate: Candidate, problem: Problem) -> None:
    """backward gives dL/dx, dL/dh and those of the parameters for any upstream gradient."""
    names = gradients(problem)
    assert_right(candidate, gru_cell.forward_and_backward, oracle.gru_cell, problem, names, oracle.gru_cell_mistakes)


@oracle_test("gru_cell.backward")
@given(problem=cells(GATES, has_steps=True))
def test_backpropagation_through_time_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """After several forwards each backward belongs to the last one left, and the parameters' gradients add up."""
    assert_right(candidate, gru_cell.run_steps, oracle.gru_cell, problem, gradients(problem), oracle.gru_cell_mistakes)


@law("gru_cell.backward")
@given(problem=cells(GATES))
def test_backward_accepts_views_and_leaves_them_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same gradients, and no argument is changed."""
    assert_right_on_views(candidate, gru_cell.run_on_views, oracle.gru_cell, problem)


@law("gru_cell.backward")
@given(problem=kept_states())
def test_z_of_one_hands_the_gradient_on(candidate: Candidate, problem: Problem) -> None:
    """Where z is one, the gradient of h is g, unchanged, and that of x is zero: this is how a GRU remembers."""
    right = {"x_grad": np.zeros_like(problem["x"]), "h_grad": problem["grad_output"]}
    assert_same(candidate.run(gru_cell.forward_and_backward, **problem), right, names=[*right])


@law("gru_cell.backward")
@given(problem=cells(GATES), steps=st.sampled_from([0, 1, 2]))
def test_backward_needs_a_forward(candidate: Candidate, problem: Problem, steps: int) -> None:
    """After as many backward passes as forward ones, another backward is a RuntimeError."""
    candidate.raises(RuntimeError, gru_cell.backward_too_often, **problem, steps=steps)


@edge_case("gru_cell.backward")
@given(problem=cells(GATES, batches=NONE))
def test_no_rows_have_no_gradient(candidate: Candidate, problem: Problem) -> None:
    """For a batch of 0 the gradients of x and h are empty, and those of the parameters stay zero."""
    names = gradients(problem)
    assert_right(candidate, gru_cell.forward_and_backward, oracle.gru_cell, problem, names, oracle.gru_cell_mistakes)


def gradients(problem: Problem) -> list[str]:
    """List the names of the gradients that the cell has."""
    return [f"{name}_grad" for name in ("x", "h", *problem["state"])]

"""Problems of part 3: small arrays of simple numbers. The problems of a module stand at the top of its tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from autograder.testing.strategies import DTYPES, Draw, Problem, Shape, array, integers, parameters, without_gradient

LENGTHS = st.sampled_from([1, 2, 3, 4])
TIMES = st.sampled_from([2, 3, 4, 6, 3, 4, 1])
BATCHES = st.sampled_from([2, 3, 1])
NONE = st.just(0)  # for edge cases alone


# Recurrent networks


def parameter_shapes(gates: int, inputs: int, hidden: int, bias: bool, suffix: str = "") -> dict[str, Shape]:
    """Give the shapes of the parameters of a cell, or of the layer and direction with this suffix."""
    shapes: dict[str, Shape] = {"weight_ih": (gates * hidden, inputs), "weight_hh": (gates * hidden, hidden)}
    shapes |= {"bias_ih": (gates * hidden,), "bias_hh": (gates * hidden,)} if bias else {}
    return {name + suffix: shape for name, shape in shapes.items()}


@st.composite
def cells(draw: Draw, gates: int, has_steps: bool = False, batches: st.SearchStrategy[int] = BATCHES) -> Problem:
    """Draw a cell, an input, a state or none, and the upstream gradient; with steps, x and a gradient for each."""
    inputs, hidden, batch, dtype = draw(LENGTHS), draw(LENGTHS), draw(batches), draw(DTYPES)
    steps = (draw(TIMES),) if has_steps else ()
    has_bias, has_state = draw(st.sampled_from([True, True, False])), draw(st.sampled_from([True, True, False]))
    return {
        "state": parameters(draw, parameter_shapes(gates, inputs, hidden, has_bias), dtype),
        "x": array(draw, (*steps, batch, inputs), dtype=dtype),
        "h": array(draw, (batch, hidden), dtype=dtype) if has_state else None,
        "grad_output": array(draw, (*steps, batch, hidden), dtype=dtype),
    }


@st.composite
def wrong_cell_inputs(draw: Draw, gates: int) -> Problem:
    """Draw a cell, and an input or a state that does not fit it."""
    problem = without_gradient(draw(cells(gates)))
    batch, inputs = problem["x"].shape
    hidden = problem["state"]["weight_hh"].shape[1]
    wrong = [
        ("x", (batch, inputs + 1)),
        ("x", (1, batch, inputs)),
        ("h", (batch, hidden + 1)),
        ("h", (batch + 2, hidden)),
    ]
    name, shape = draw(st.sampled_from(wrong))
    return {**problem, name: array(draw, shape)}


@st.composite
def directions(
    draw: Draw,
    gates: int,
    has_ends: bool,
    times: st.SearchStrategy[int] = TIMES,
    batches: st.SearchStrategy[int] = BATCHES,
) -> Problem:
    """Draw one direction of one layer, a batch sorted by length, a state, and the upstream gradients.

    With ends, sequences may end before the last time step, all of them too.
    """
    inputs, hidden, dtype, time = draw(LENGTHS), draw(LENGTHS), draw(DTYPES), draw(times)
    batch = draw(st.sampled_from([2, 3, 1, 4]) if has_ends else batches)
    lengths = integers(draw, (batch,), 1, time + 1) if has_ends else np.full(batch, time)
    return {
        "state": parameters(draw, parameter_shapes(gates, inputs, hidden, draw(st.booleans()), "_l0"), dtype),
        "x": array(draw, (time, batch, inputs), dtype=dtype),
        "h_0": array(draw, (batch, hidden), dtype=dtype),
        "running": [int((lengths > t).sum()) for t in range(time)],
        "output_grad": array(draw, (time, batch, hidden), dtype=dtype),
        "h_n_grad": array(draw, (batch, hidden), dtype=dtype),
    }


@st.composite
def directions_in_two_chunks(draw: Draw, gates: int) -> Problem:
    """Draw these, and a time step before which they are cut."""
    problem = draw(directions(gates, has_ends=True, times=st.sampled_from([2, 3, 4, 6])))
    return {**problem, "cut": draw(st.integers(1, len(problem["x"]) - 1))}

"""What part 3 is tested on: small arrays of simple numbers. The problems of a module stand at the top of its tests.

A problem is plain data: the arguments of a probe, by name.  The values of an array are one draw, of bytes that look up
a table in which simple numbers come first: it is fast, exact in float32 too, and failures shrink to ones.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
Shape = tuple[int, ...]
Problem = dict[str, Any]


def _simple_first(numbers: Iterable[float]) -> np.ndarray:
    """The numbers from simple to complicated, for shrinking: 1, then 0, -1, 2, …, then halves.

    One comes before zero: when a smaller shape is tried, hypothesis fills it with the simplest values, and among zeros
    most failures vanish.
    """

    def complexity(number: float) -> tuple[int, bool, float, bool]:
        return float(number).as_integer_ratio()[1], number != 1, abs(number), number < 0

    return np.array(sorted(numbers, key=complexity))


TABLES = {
    "numbers": _simple_first(np.arange(-128, 128) / 32),
    "positive": _simple_first(np.arange(16, 129) / 32),
    "whole": _simple_first(range(-4, 5)),
    "tied": np.array([1, 0, -1]),
    "thousands": np.array([1000, -1000, 0, 4000, -4000, 1]),
}

# float64 shows a wrong formula beyond doubt; one problem in four shows that the dtype is kept.
DTYPES = st.sampled_from(["float64", "float64", "float64", "float32"])
LENGTHS = st.sampled_from([1, 2, 3, 4])
TIMES = st.sampled_from([2, 3, 4, 6, 3, 4, 1])
BATCHES = st.sampled_from([1, 2, 3, 2, 3, 0])


def array(draw: Draw, shape: Shape, among: str = "numbers", dtype: str = "float64") -> np.ndarray:
    """An array of this shape with values from a table."""
    size = math.prod(shape)
    choices = np.frombuffer(draw(st.binary(min_size=size, max_size=size)), dtype=np.uint8).astype(np.intp)
    return TABLES[among][choices % len(TABLES[among])].astype(dtype).reshape(shape)


def integers(draw: Draw, shape: Shape, low: int, high: int) -> np.ndarray:
    """An int64 array with values from low to high - 1."""
    size = math.prod(shape)
    choices = np.frombuffer(draw(st.binary(min_size=size, max_size=size)), dtype=np.uint8).astype(np.int64)
    return (low + choices % (high - low)).reshape(shape)


def without_gradients(problem: Problem) -> Problem:
    """The problem of a forward pass alone."""
    return {name: value for name, value in problem.items() if not name.endswith("_grad") and name != "grad_output"}


# Recurrent networks


def parameter_shapes(gates: int, inputs: int, hidden: int, bias: bool, suffix: str = "") -> dict[str, Shape]:
    """The shapes of the parameters of a cell, or of the layer and direction with this suffix."""
    shapes: dict[str, Shape] = {"weight_ih": (gates * hidden, inputs), "weight_hh": (gates * hidden, hidden)}
    shapes |= {"bias_ih": (gates * hidden,), "bias_hh": (gates * hidden,)} if bias else {}
    return {name + suffix: shape for name, shape in shapes.items()}


def parameters(
    draw: Draw, shapes: Mapping[str, Shape], dtype: str = "float64", among: str = "numbers"
) -> dict[str, np.ndarray]:
    """Numbers between -1 and 1 for all of them: small enough that rounding does not grow over the time steps."""
    ends = list(itertools.accumulate(map(math.prod, shapes.values())))
    numbers = array(draw, (ends[-1],), among, dtype) / 4
    values = zip(shapes.items(), np.split(numbers, ends[:-1]), strict=True)
    return {name: value.reshape(shape) for (name, shape), value in values}


@st.composite
def cells(draw: Draw, gates: int, has_steps: bool = False) -> Problem:
    """A cell, an input, a state or none, and the gradient from above; with steps, x and the gradient of each step."""
    inputs, hidden, batch, dtype = draw(LENGTHS), draw(LENGTHS), draw(BATCHES), draw(DTYPES)
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
    """A cell, and an input or a state that does not fit it."""
    problem = without_gradients(draw(cells(gates)))
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
def directions(draw: Draw, gates: int, has_ends: bool, times: st.SearchStrategy[int] = TIMES) -> Problem:
    """One direction of one layer, a batch sorted by length, a state, and the gradients from above.

    With ends, sequences may end before the last time step, all of them too.
    """
    inputs, hidden, dtype, time = draw(LENGTHS), draw(LENGTHS), draw(DTYPES), draw(times)
    batch = draw(st.sampled_from([2, 3, 1, 4]) if has_ends else BATCHES)
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
    """The same, and a time step before which it is cut."""
    problem = draw(directions(gates, has_ends=True, times=st.sampled_from([2, 3, 4, 6])))
    return {**problem, "cut": draw(st.integers(1, len(problem["x"]) - 1))}

"""The positional encoding against brute force."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import Draw, Problem, array
from part5_transformers.tests import oracle_positional_encoding as oracle
from part5_transformers.tests.strategies import BATCHES, NONE, TIMES

positional_encoding = probes("positional_encoding")

DTYPES = st.sampled_from(["float64", "float32"])
EVEN = st.sampled_from([2, 4, 6, 8, 16])
ODD = st.sampled_from([1, 3, 5, 7, 15])
# Up to 60, angles in float32 give sines exact to about 2e-6, whether by exp or by pow.
MAX_LENS = st.integers(1, 60)
START, LATER, ANYWHERE = st.just(0), st.integers(1, 5), st.integers(0, 5)

# The problems


@st.composite
def sizes(draw: Draw, d_models: st.SearchStrategy[int]) -> Problem:
    """Draw the arguments of PositionalEncoding."""
    return {"d_model": draw(d_models), "max_len": draw(MAX_LENS)}


@st.composite
def additions(
    draw: Draw,
    offsets: st.SearchStrategy[int],
    batches: st.SearchStrategy[int] = BATCHES,
) -> Problem:
    """Draw an x, and a table of any numbers that has its rows from the offset on, and perhaps some more."""
    batch, time, features = draw(batches), draw(TIMES), draw(st.sampled_from([1, 2, 3, 4]))
    offset, spare = draw(offsets), draw(st.sampled_from([0, 1, 3]))
    return {
        "pe": array(draw, (1, offset + time + spare, features), dtype="float32"),
        "x": array(draw, (batch, time, features), dtype=draw(DTYPES)),
        "offset": offset,
    }


@st.composite
def beyond_the_table(draw: Draw) -> Problem:
    """Draw an x that ends after the last row, or starts before the first."""
    problem = draw(additions(START))
    too_far = problem["pe"].shape[1] - problem["x"].shape[1] + 1
    return {**problem, "offset": draw(st.sampled_from([too_far, too_far + 3, -1, -2]))}


@st.composite
def with_gradient(draw: Draw) -> Problem:
    """Draw an x to encode, and the upstream gradient."""
    problem = draw(additions(ANYWHERE))
    return {**problem, "grad_output": array(draw, problem["x"].shape, dtype=problem["x"].dtype.name)}


# The table


@oracle_test("positional_encoding.table")
@given(problem=sizes(EVEN))
def test_sines_and_cosines_alternate(candidate: Candidate, problem: Problem) -> None:
    """With an even d_model, pe holds pairs of sine and cosine of position / 10000^(2i / d_model), in float32."""
    assert_right(candidate, positional_encoding.table, oracle.table, problem, mistakes=oracle.table_mistakes)


@oracle_test("positional_encoding.table")
@given(problem=sizes(ODD))
def test_the_last_sine_may_be_alone(candidate: Candidate, problem: Problem) -> None:
    """With an odd d_model, the formula is the same, and the last feature is a sine without its cosine."""
    assert_right(candidate, positional_encoding.table, oracle.table, problem, mistakes=oracle.table_mistakes)


@law("positional_encoding.table")
@given(problem=sizes(EVEN))
def test_only_the_distance_counts(candidate: Candidate, problem: Problem) -> None:
    """With an even d_model, the dot product of two positions depends only on how far apart they are."""
    d_model, max_len = problem["d_model"], problem["max_len"]
    pe = candidate.run(positional_encoding.table, **problem)["pe"]
    rows = checked(pe, ((1, max_len, d_model), np.float32), "pe")[0].astype(np.float64) / np.sqrt(d_model / 2)
    distances = np.abs(np.subtract.outer(np.arange(max_len), np.arange(max_len)))
    products = (rows @ rows.T).astype(np.float32)
    assert_same(products, products[0][distances])


@law("positional_encoding.table")
@given(problem=st.one_of(sizes(EVEN), sizes(ODD)))
def test_the_table_is_saved_and_not_trained(candidate: Candidate, problem: Problem) -> None:
    """pe, (1, max_len, d_model), is a buffer: it is in the state dict, and no parameter."""
    shapes = {"pe": [1, problem["max_len"], problem["d_model"]]}
    assert_same(candidate.run(positional_encoding.saved, **problem), {"shapes": shapes, "parameters": []})


@law("positional_encoding.table")
@given(
    problem=st.one_of(sizes(EVEN), sizes(ODD)),
    name=st.sampled_from(["d_model", "max_len"]),
    size=st.sampled_from([0, -1, -2]),
)
def test_sizes_are_positive(candidate: Candidate, problem: Problem, name: str, size: int) -> None:
    """A d_model or max_len that is not positive is a ValueError."""
    candidate.raises(ValueError, positional_encoding.table, **{**problem, name: size})


# Forward


@oracle_test("positional_encoding.forward")
@given(problem=additions(START))
def test_the_first_rows_are_added(candidate: Candidate, problem: Problem) -> None:
    """Without an offset, every sequence gets the first t rows of pe added, and the dtype of x is kept."""
    from_the_start = {name: problem[name] for name in ("pe", "x")}
    assert_right(
        candidate,
        positional_encoding.forward_from_the_start,
        oracle.forward,
        from_the_start,
        mistakes=oracle.forward_mistakes,
    )


@oracle_test("positional_encoding.forward")
@given(problem=additions(LATER))
def test_the_rows_from_the_offset_are_added(candidate: Candidate, problem: Problem) -> None:
    """With an offset, the first step gets the row of pe with that number, up to the last one of the table."""
    assert_right(candidate, positional_encoding.forward, oracle.forward, problem, mistakes=oracle.forward_mistakes)


@law("positional_encoding.forward")
@given(problem=additions(ANYWHERE))
def test_steps_may_come_one_by_one(candidate: Candidate, problem: Problem) -> None:
    """One step at a time, each with its own offset, gives what all steps at once give."""
    assert_right(candidate, positional_encoding.step_by_step, oracle.forward, problem)


@law("positional_encoding.forward")
@given(problem=additions(ANYWHERE))
def test_x_and_the_table_are_left_alone(candidate: Candidate, problem: Problem) -> None:
    """forward changes neither x nor pe."""
    afterwards = {f"{name} afterwards": problem[name] for name in ("x", "pe")}
    got, right = candidate.run(positional_encoding.forward_and_arguments, **problem), oracle.forward(**problem)
    in_place = {**right, **afterwards, "x afterwards": right["output"]}
    mistakes = {"the positions are added to x in place; the result must be a new tensor": in_place}
    assert_same(got, {**right, **afterwards}, mistakes=mistakes)


@law("positional_encoding.forward")
@given(problem=with_gradient())
def test_the_gradient_passes_through(candidate: Candidate, problem: Problem) -> None:
    """The gradient of x is the upstream gradient."""
    assert_same(candidate.run(positional_encoding.gradient, **problem), {"x_grad": problem["grad_output"]})


@edge_case("positional_encoding.forward")
@given(problem=additions(ANYWHERE, NONE))
def test_a_batch_may_be_empty(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 gives an output of 0 sequences."""
    assert_right(candidate, positional_encoding.forward, oracle.forward, problem)


@law("positional_encoding.forward")
@given(problem=beyond_the_table())
def test_positions_beyond_the_table_are_refused(candidate: Candidate, problem: Problem) -> None:
    """Positions beyond max_len, or below 0, are a ValueError."""
    candidate.raises(ValueError, positional_encoding.forward, **problem)

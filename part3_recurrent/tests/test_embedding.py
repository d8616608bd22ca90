"""Embedding against torch."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, array, integers, without_gradient
from part3_recurrent.tests import oracle_embedding as oracle
from part3_recurrent.tests.strategies import LENGTHS

embedding = probes("embedding")

# The problems


@st.composite
def lookups(draw: Draw, axes: tuple[int, ...] = (1, 2)) -> Problem:
    """Draw a weight, symbols of so many axes, and the upstream gradient."""
    num_embeddings, embedding_dim, dtype = draw(LENGTHS), draw(LENGTHS), draw(DTYPES)
    shape = tuple(draw(LENGTHS) for _ in range(draw(st.sampled_from(axes))))
    return {
        "weight": array(draw, (num_embeddings, embedding_dim), dtype=dtype),
        "x": integers(draw, shape, 0, num_embeddings),
        "grad_output": array(draw, (*shape, embedding_dim), dtype=dtype),
    }


@st.composite
def repetitions(draw: Draw) -> Problem:
    """Draw more symbols than there are different ones."""
    problem = draw(lookups(axes=(1,)))
    weight = problem["weight"]
    length = len(weight) + draw(LENGTHS)
    grad_output = array(draw, (length, weight.shape[1]), dtype=weight.dtype.name)
    return {"weight": weight, "x": integers(draw, (length,), 0, len(weight)), "grad_output": grad_output}


@st.composite
def empty_lookups(draw: Draw) -> Problem:
    """Draw a weight, and no symbols."""
    problem = draw(lookups())
    shape = draw(st.sampled_from([(0,), (3, 0), (0, 3)]))
    grad_output = np.zeros((*shape, problem["weight"].shape[1]), problem["weight"].dtype)
    return {**problem, "x": np.zeros(shape, np.int64), "grad_output": grad_output}


@st.composite
def lookups_out_of_range(draw: Draw) -> Problem:
    """Draw symbols, one of which is too large or negative, though NumPy would take it for one from the end."""
    problem = draw(lookups())
    count, x = len(problem["weight"]), problem["x"].copy()
    x.flat[draw(LENGTHS) % x.size] = draw(st.sampled_from([count, count + 1, -1, -count]))
    return {"weight": problem["weight"], "x": x}


# Forward


@oracle_test("embedding.forward")
@given(problem=lookups())
def test_rows_match_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives for each symbol its row of the weight, in the weight's dtype."""
    assert_right_rows(candidate, problem)


@oracle_test("embedding.forward")
@given(problem=lookups(axes=(3, 0)))
def test_symbols_of_any_shape_match_torch(candidate: Candidate, problem: Problem) -> None:
    """Symbols may have any number of axes, even none; the output has one more."""
    assert_right_rows(candidate, problem)


@edge_case("embedding.forward")
@given(problem=empty_lookups())
def test_no_symbols_have_no_rows(candidate: Candidate, problem: Problem) -> None:
    """For no symbols the output is empty, and has its last axis all the same."""
    assert_right(candidate, embedding.forward, oracle.embedding, without_gradient(problem))


@law("embedding.forward")
@given(problem=lookups(), dtype=st.sampled_from(["uint8", "int32", "uint64", "int8"]))
def test_every_kind_of_integer_names_a_symbol(candidate: Candidate, problem: Problem, dtype: str) -> None:
    """Symbols may be integers of any width, signed or not."""
    narrow = {**without_gradient(problem), "x": problem["x"].astype(dtype)}
    assert_right(candidate, embedding.forward, oracle.embedding, narrow)


@law("embedding.forward")
@given(problem=lookups(), dtype=st.sampled_from(["float64", "float32", "bool"]))
def test_only_integers_are_symbols(candidate: Candidate, problem: Problem, dtype: str) -> None:
    """Symbols that are not integers are a TypeError."""
    candidate.raises(TypeError, embedding.forward, **{**without_gradient(problem), "x": problem["x"].astype(dtype)})


@law("embedding.forward")
@given(problem=lookups_out_of_range())
def test_symbols_out_of_range_are_refused(candidate: Candidate, problem: Problem) -> None:
    """A symbol that the weight has no row for is a ValueError, and so is a negative one."""
    candidate.raises(ValueError, embedding.forward, **problem)


# Backward


@oracle_test("embedding.backward")
@given(problem=lookups(axes=(2, 1, 3, 0)))
def test_gradient_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """backward adds to each symbol's row the upstream gradient, whatever the shape of the symbols."""
    assert_right_gradient(candidate, problem)


@oracle_test("embedding.backward")
@given(problem=repetitions())
def test_gradients_of_repeated_symbols_add_up(candidate: Candidate, problem: Problem) -> None:
    """The gradient of a row is the sum over every place where its symbol stood."""
    assert_right_gradient(candidate, problem)


@oracle_test("embedding.backward")
@given(problem=repetitions())
def test_gradients_accumulate(candidate: Candidate, problem: Problem) -> None:
    """Two backward passes add up in weight_grad; zero_grad starts anew."""
    once = oracle.embedding(**problem)["weight_grad"]
    zero = np.zeros_like(once)
    overwritten = "weight_grad is overwritten by a second backward; each backward must add"
    assert_same(
        candidate.run(embedding.run_twice, **problem),
        {"twice": once + once, "after zero_grad": zero},
        mistakes={overwritten: {"twice": once, "after zero_grad": zero}},
    )


@edge_case("embedding.backward")
@given(problem=empty_lookups())
def test_no_symbols_have_no_gradient(candidate: Candidate, problem: Problem) -> None:
    """For no symbols weight_grad stays zero."""
    assert_right_gradient(candidate, problem)


@law("embedding.backward")
@given(problem=lookups())
def test_backward_needs_a_forward(candidate: Candidate, problem: Problem) -> None:
    """backward before any forward is a RuntimeError."""
    arguments = {name: problem[name] for name in ("weight", "grad_output")}
    candidate.raises(RuntimeError, embedding.backward_first, **arguments)


def assert_right_rows(candidate: Candidate, problem: Problem) -> None:
    """Check the rows, and name a known mistake."""
    arguments, mistakes = without_gradient(problem), oracle.forward_mistakes
    assert_right(candidate, embedding.forward, oracle.embedding, arguments, mistakes=mistakes)


def assert_right_gradient(candidate: Candidate, problem: Problem) -> None:
    """Check the gradient of the weight, and name a known mistake."""
    probe, mistakes = embedding.forward_and_backward, oracle.gradient_mistakes
    assert_right(candidate, probe, oracle.embedding, problem, ["weight_grad"], mistakes)

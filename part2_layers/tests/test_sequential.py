"""Sequential against torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, array, without_gradient
from part2_layers.tests import oracle_sequential as oracle
from part2_layers.tests.oracle import assert_right_on_views
from part2_layers.tests.strategies import BATCHES, NONE

sequential = probes("sequential")

FEATURES = st.sampled_from([1, 2, 3])
# A square one keeps the number of features: wrong orders then give wrong numbers, and elsewhere shapes that do not fit.
SQUARE = ("square", "square", "scale", "shift", "sine")
ANY = ("affine", "affine", "scale", "shift", "sine")
NESTED = (*ANY, "sequential")

# The problems; in float32 all numbers are whole, so that sums of many are exact


@st.composite
def chains(
    draw: Draw,
    counts: tuple[int, ...] = (2, 3, 1),
    kinds: tuple[str, ...] = NESTED,
    leading_axes: tuple[int, ...] = (1, 2, 0),
    batches: st.SearchStrategy[int] = BATCHES,
) -> Problem:
    """Layers that fit each other, an input with some axes before the features, and the upstream gradient."""
    features, dtype = draw(FEATURES), draw(DTYPES)
    leading = tuple(draw(batches) for _ in range(draw(st.sampled_from(leading_axes))))
    among = "whole" if dtype == "float32" else "numbers"
    layers, out_features = chain(draw, features, draw(st.sampled_from(counts)), kinds, dtype)
    return {
        "layers": layers,
        "x": array(draw, (*leading, features), among, dtype),
        "grad_output": array(draw, (*leading, out_features), among, dtype),
    }


def chain(draw: Draw, features: int, count: int, kinds: tuple[str, ...], dtype: str) -> tuple[list[Any], int]:
    """So many layers, and the number of features that the last one gives."""
    layers = []
    for _ in range(count):
        kind = draw(st.sampled_from(kinds))
        if kind == "sequential":
            inner = tuple(kind for kind in kinds if kind != "sequential")
            content, features = chain(draw, features, draw(st.sampled_from([1, 2])), inner, dtype)
            layers.append([kind, content])
        elif kind in ("affine", "square"):
            out_features = features if kind == "square" else draw(FEATURES)
            weight = array(draw, (out_features, features), "tied", dtype)
            layers.append(["affine", {"weight": weight, "bias": array(draw, (out_features,), "whole", dtype)}])
            features = out_features
        else:
            names = {"scale": ["weight"], "shift": ["bias"]}.get(kind, [])
            layers.append([kind, {name: array(draw, (features,), "whole", dtype) for name in names}])
    return layers, features


# Forward


@oracle_test("sequential.forward")
@given(problem=chains(kinds=SQUARE, leading_axes=(1,)))
def test_output_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward hands x to the first layer, and the output of each layer to the next."""
    problem = without_gradient(problem)
    assert_right(candidate, sequential.forward, oracle.sequential, problem, ["output"], oracle.output_mistakes)


@oracle_test("sequential.forward")
@given(problem=chains())
def test_output_of_nested_layers_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """A Sequential may itself be a layer of another, and the input may have more axes."""
    problem = without_gradient(problem)
    assert_right(candidate, sequential.forward, oracle.sequential, problem, ["output"], oracle.output_mistakes)


@edge_case("sequential.forward")
@given(problem=chains(counts=(0,)))
def test_nothing_changes_without_layers(candidate: Candidate, problem: Problem) -> None:
    """Without layers the output is x."""
    problem = without_gradient(problem)
    assert_same(candidate.run(sequential.forward, **problem), {"output": problem["x"]})


@law("sequential.forward")
@given(problem=chains(kinds=("doubling", "affine", "sequential")))
def test_the_mode_reaches_every_layer(candidate: Candidate, problem: Problem) -> None:
    """eval() and train() reach the layers, and the layers within these."""
    problem = without_gradient(problem)
    assert_right(candidate, sequential.forward_in_both_modes, oracle.both_modes, problem)


@law("sequential.forward")
@given(problem=chains(), change=st.sampled_from([1.0, -2.0]))
def test_state_dicts_are_those_of_torch(candidate: Candidate, problem: Problem, change: float) -> None:
    """The state dict has torch's names in torch's order (0.weight, 0.bias, 1.weight, …), and takes one of torch's."""
    problem = without_gradient(problem)
    state = oracle.state_dict(problem["layers"])
    other = {name: value + value.dtype.type(change) for name, value in state.items()}
    expected = {"names": list(state), "state": state, **oracle.loaded(**problem, state_dict=other)}
    assert_same(candidate.run(sequential.exchange, **problem, state_dict=other), expected)


@law("sequential.forward")
@given(problem=chains())
def test_layers_are_found_again(candidate: Candidate, problem: Problem) -> None:
    """len gives the number of layers, a loop the layers in their order, and an index the layer at its place."""
    places = list(range(len(problem["layers"])))
    expected = {"len": len(places), "loop": places, "indices": places + places}
    assert_same(candidate.run(sequential.contents, layers=problem["layers"]), expected)


@law("sequential.forward")
@given(problem=chains(), something=st.sampled_from(["relu", 1, np.ones(2)]))
def test_other_things_than_layers_are_refused(candidate: Candidate, problem: Problem, something: object) -> None:
    """Something that is no module, given as a layer, is a TypeError."""
    candidate.raises(TypeError, sequential.with_something_else, layers=problem["layers"], something=something)


@edge_case("sequential.forward")
@given(problem=chains(leading_axes=(1, 2), batches=NONE))
def test_an_empty_batch_has_an_empty_output(candidate: Candidate, problem: Problem) -> None:
    """An empty batch passes through the layers too."""
    assert_right(candidate, sequential.forward, oracle.sequential, without_gradient(problem), ["output"])


# Backward


@oracle_test("sequential.backward")
@given(problem=chains(kinds=SQUARE, leading_axes=(1,)))
def test_gradients_match_torch(candidate: Candidate, problem: Problem) -> None:
    """backward goes from the last layer to the first; every parameter and x get the gradients of the chain rule."""
    check_gradients(candidate, problem)


@oracle_test("sequential.backward")
@given(problem=chains())
def test_gradients_of_nested_layers_match_torch(candidate: Candidate, problem: Problem) -> None:
    """Through a Sequential that is a layer of another too, and with more axes in the input."""
    check_gradients(candidate, problem)


@edge_case("sequential.backward")
@given(problem=chains(counts=(0,)))
def test_the_gradient_passes_without_layers(candidate: Candidate, problem: Problem) -> None:
    """Without layers the gradient is g."""
    got = candidate.run(sequential.forward_and_backward, **problem)
    assert_same(got, {"x_grad": problem["grad_output"]}, names=["x_grad"])


@law("sequential.backward")
@given(problem=chains())
def test_views_are_accepted_and_left_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same gradients, and no argument is changed."""
    assert_right_on_views(candidate, sequential.run_on_views, oracle.sequential, problem)


@law("sequential.backward")
@given(problem=chains())
def test_backward_needs_a_forward(candidate: Candidate, problem: Problem) -> None:
    """backward before any forward is a RuntimeError."""
    arguments = {name: problem[name] for name in ("layers", "grad_output")}
    candidate.raises(RuntimeError, sequential.backward_first, **arguments)


@edge_case("sequential.backward")
@given(problem=chains(leading_axes=(1, 2), batches=NONE))
def test_an_empty_batch_has_an_empty_gradient(candidate: Candidate, problem: Problem) -> None:
    """After an empty batch x_grad is empty, and the gradients of the parameters are zero."""
    check_gradients(candidate, problem)


def check_gradients(candidate: Candidate, problem: Problem) -> None:
    """The gradients of x and of all parameters are torch's, and a known mistake is named."""
    names = [name for name in oracle.sequential(**problem) if name != "output"]
    probe, mistakes = sequential.forward_and_backward, oracle.gradient_mistakes
    assert_right(candidate, probe, oracle.sequential, problem, names, mistakes)

"""The multi-layer perceptrons and Residual against the same networks in torch."""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, Shape, array
from part2_layers.tests import oracle_mlp as oracle
from part2_layers.tests.oracle import assert_right_twice
from part2_layers.tests.strategies import BATCHES, LENGTHS, NONE

mlp = probes("mlp")

# The problems

SEEDS = st.integers(0, 1000)
SIZES = {
    "MLP0": st.fixed_dictionaries({"in_features": LENGTHS, "hidden_size": LENGTHS, "out_features": LENGTHS}),
    "MLP1": st.fixed_dictionaries(
        {"in_features": LENGTHS, "hidden_sizes": st.tuples(LENGTHS, LENGTHS), "out_features": LENGTHS}
    ),
    "MLP4": st.fixed_dictionaries(
        {
            "in_features": LENGTHS,
            "hidden_size": LENGTHS,
            "out_features": LENGTHS,
            "num_blocks": st.sampled_from([1, 2, 0]),
        }
    ),
}


@st.composite
def networks(draw: Draw, network: str, training: bool, batches: st.SearchStrategy[int] = BATCHES) -> Problem:
    """A network with a state dict, an input, and the upstream gradient.

    Where a batch is normalised, all weights are positive and x grows from row to row, and so does every unit: one that
    is almost the same in all rows would be magnified until only rounding is left.  Float32 has too few digits even so:
    with two rows a ReLU's input is often almost zero.
    """
    is_normalised = network != "MLP0"
    among = "positive" if is_normalised and training else "numbers"
    sizes, dtype = draw(SIZES[network]), "float64" if is_normalised else draw(DTYPES)
    batch = draw(st.sampled_from([2, 3, 4, 3, 4]) if is_normalised and training else batches)
    x = array(draw, (batch, sizes["in_features"]), among, dtype)
    return {
        "network": network,
        "sizes": sizes,
        "state": state(draw, network, sizes, among, dtype),
        "training": training,
        "x": x.cumsum(axis=0) if among == "positive" else x,
        "grad_output": array(draw, (batch, sizes["out_features"]), dtype=dtype),
    }


def state(draw: Draw, network: str, sizes: Problem, among: str, dtype: str) -> dict[str, np.ndarray]:
    """Numbers for all names in the network's state dict.

    None is zero, so that no ReLU's input is zero but for rounding: there its gradient jumps.
    """
    shapes = oracle.state_shapes(network, **sizes)
    ends = list(itertools.accumulate(map(math.prod, shapes.values())))
    numbers = array(draw, (ends[-1],), among, dtype)
    numbers[numbers == 0] = 0.5
    values = dict(zip(shapes, np.split(numbers, ends[:-1]), strict=True))
    return {name: _of_its_kind(name, value).reshape(shapes[name]) for name, value in values.items()}


def _of_its_kind(name: str, value: np.ndarray) -> np.ndarray:
    if name.endswith("running_var"):
        return np.abs(value)
    return np.array(3) if name.endswith("num_batches_tracked") else value


@st.composite
def new_networks(draw: Draw, network: str) -> Problem:
    """The sizes of a network, and a seed."""
    return {"network": network, "sizes": draw(SIZES[network]), "seed": draw(SEEDS)}


@st.composite
def new_networks_with_inputs(draw: Draw, network: str) -> Problem:
    """A new network, an input in float32, and the upstream gradient."""
    problem = draw(new_networks(network))
    x, grad_output = ((3, problem["sizes"][name]) for name in ("in_features", "out_features"))
    return {**problem, "x": array(draw, x, dtype="float32"), "grad_output": array(draw, grad_output, dtype="float32")}


@st.composite
def residuals(draw: Draw, batches: st.SearchStrategy[int] = BATCHES) -> Problem:
    """An affine f within one or more residuals, an input, and the upstream gradient."""
    features, batch, dtype = draw(LENGTHS), draw(batches), draw(DTYPES)
    return {
        "x": array(draw, (batch, features), dtype=dtype),
        "weight": array(draw, (features,), dtype=dtype),
        "bias": array(draw, (features,), dtype=dtype),
        "depth": draw(st.sampled_from([1, 2, 3])),
        "grad_output": array(draw, (batch, features), dtype=dtype),
    }


@st.composite
def wires(draw: Draw) -> Problem:
    """An input, and the upstream gradient."""
    shape, dtype = (draw(BATCHES), draw(LENGTHS)), draw(DTYPES)
    return {"x": array(draw, shape, dtype=dtype), "grad_output": array(draw, shape, dtype=dtype)}


@st.composite
def shape_changes(draw: Draw) -> Problem:
    """An input, and what f makes of it: one row or one column more."""
    batch, features = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    inner_shape = draw(st.sampled_from([(batch, features + 1), (batch + 1, features)]))
    return {"x": array(draw, (batch, features)), "inner_output": array(draw, inner_shape)}


# MLP0


@oracle_test("mlp.mlp0")
@given(problem=networks("MLP0", training=True))
def test_mlp0_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Output and gradients are those of Linear, ReLU, Linear in torch, with torch's names."""
    assert_runs_like_torch(candidate, problem)


@law("mlp.mlp0")
@given(problem=new_networks("MLP0"))
def test_a_new_mlp0_is_drawn_like_torchs(candidate: Candidate, problem: Problem) -> None:
    """New weights and biases are float32, and uniform between ±1/√in_features of their layer."""
    assert_is_drawn_like_torchs(candidate, problem)


@law("mlp.mlp0")
@given(problem=new_networks("MLP0"))
def test_mlp0_is_drawn_from_rng(candidate: Candidate, problem: Problem) -> None:
    """The same rng gives the same numbers, another one others, and no two layers have the same."""
    assert_is_drawn_from_rng(candidate, problem)


@edge_case("mlp.mlp0")
@given(problem=networks("MLP0", training=True, batches=NONE))
def test_mlp0_of_an_empty_batch_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """For an empty batch output and x_grad are empty, and all other gradients are zero."""
    assert_runs_like_torch(candidate, problem)


# MLP1


@oracle_test("mlp.mlp1")
@given(problem=networks("MLP1", training=True))
def test_mlp1_in_training_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """In training output and gradients are those of twice Linear, BatchNorm1d, ReLU, and Linear in torch."""
    assert_runs_like_torch(candidate, problem)


@oracle_test("mlp.mlp1")
@given(problem=networks("MLP1", training=False))
def test_mlp1_in_evaluation_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """In evaluation the normalisations use what they remember: eval reaches every layer."""
    assert_runs_like_torch(candidate, problem)


@law("mlp.mlp1")
@given(problem=networks("MLP1", training=False))
def test_evaluation_changes_nothing_in_mlp1(candidate: Candidate, problem: Problem) -> None:
    """In evaluation forward and backward leave the state dict as it is."""
    assert_evaluation_changes_nothing(candidate, problem)


@law("mlp.mlp1")
@given(problem=new_networks("MLP1"))
def test_a_new_mlp1_is_drawn_like_torchs(candidate: Candidate, problem: Problem) -> None:
    """New weights and biases are float32 and between ±1/√in_features; a new normalisation neither scales nor shifts."""
    assert_is_drawn_like_torchs(candidate, problem)


@law("mlp.mlp1")
@given(problem=new_networks("MLP1"))
def test_mlp1_is_drawn_from_rng(candidate: Candidate, problem: Problem) -> None:
    """The same rng gives the same numbers, another one others, and no two layers have the same."""
    assert_is_drawn_from_rng(candidate, problem)


@law("mlp.mlp1")
@given(problem=new_networks_with_inputs("MLP1"))
def test_mlp1_keeps_float32(candidate: Candidate, problem: Problem) -> None:
    """For a float32 input the output and all gradients of a new network are float32."""
    assert_keeps_float32(candidate, problem)


@law("mlp.mlp1")
@given(problem=new_networks("MLP1"), hidden_sizes=st.sampled_from([(), (3,), (3, 2, 3)]))
def test_mlp1_needs_two_hidden_sizes(candidate: Candidate, problem: Problem, hidden_sizes: Shape) -> None:
    """Any other number of hidden sizes than two is a ValueError."""
    sizes = {**problem["sizes"], "hidden_sizes": hidden_sizes}
    candidate.raises(ValueError, mlp.new_network, **{**problem, "sizes": sizes})


@edge_case("mlp.mlp1")
@given(problem=networks("MLP1", training=False, batches=NONE))
def test_mlp1_of_an_empty_batch_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """For an empty batch, in evaluation, output and x_grad are empty, and all other gradients are zero."""
    assert_runs_like_torch(candidate, problem)


# Residual


@oracle_test("residual.forward")
@given(problem=residuals())
def test_output_of_residual_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives x + f(x), also where f is such a sum itself."""
    arguments = {name: value for name, value in problem.items() if name != "grad_output"}
    assert_right(candidate, mlp.forward, oracle.residual, arguments, ["output"], oracle.output_mistakes)


@law("residual.forward")
@given(problem=wires())
def test_forward_of_residual_leaves_x_alone(candidate: Candidate, problem: Problem) -> None:
    """Also where f(x) is the very array x, the output is 2 x, and x has not changed."""
    arguments = {"x": problem["x"]}
    assert_right(candidate, mlp.forward_around_a_wire, oracle.wire, arguments, mistakes=oracle.wire_mistakes)


@law("residual.forward")
@given(problem=shape_changes())
def test_f_must_keep_the_shape(candidate: Candidate, problem: Problem) -> None:
    """If f(x) has another shape than x, that is a ValueError."""
    candidate.raises(ValueError, mlp.forward_around_a_constant, **problem)


@edge_case("residual.forward")
@given(problem=residuals(NONE))
def test_residual_takes_an_empty_batch(candidate: Candidate, problem: Problem) -> None:
    """For an empty batch the output is empty."""
    arguments = {name: value for name, value in problem.items() if name != "grad_output"}
    assert_right(candidate, mlp.forward, oracle.residual, arguments, ["output"])


@oracle_test("residual.backward")
@given(problem=residuals())
def test_gradients_of_residual_match_torch(candidate: Candidate, problem: Problem) -> None:
    """backward adds g to f's gradient, and f's parameters get theirs."""
    names = [name for name in oracle.residual(**problem) if name != "output"]
    assert_right(candidate, mlp.forward_and_backward, oracle.residual, problem, names, oracle.gradient_mistakes)


@oracle_test("residual.backward")
@given(problem=residuals())
def test_gradients_in_residual_accumulate(candidate: Candidate, problem: Problem) -> None:
    """Two backward passes add up in the gradients of f's parameters; zero_grad starts anew."""
    assert_right_twice(candidate, mlp.run_twice, oracle.residual, problem)


@law("residual.backward")
@given(problem=wires())
def test_backward_of_residual_leaves_grad_output_alone(candidate: Candidate, problem: Problem) -> None:
    """Also where f hands on the very array g, x_grad is 2 g, and g has not changed."""
    probe, mistakes = mlp.run_around_a_wire, oracle.wire_and_back_mistakes
    assert_right(candidate, probe, oracle.wire_and_back, problem, mistakes=mistakes)


@law("residual.backward")
@given(problem=residuals())
def test_backward_of_residual_needs_a_forward(candidate: Candidate, problem: Problem) -> None:
    """backward before any forward is a RuntimeError."""
    arguments = {name: value for name, value in problem.items() if name != "x"}
    candidate.raises(RuntimeError, mlp.backward_first, **arguments)


@edge_case("residual.backward")
@given(problem=residuals(NONE))
def test_gradients_of_residual_for_an_empty_batch(candidate: Candidate, problem: Problem) -> None:
    """For an empty batch x_grad is empty, and f's parameters have gradients of zero."""
    names = [name for name in oracle.residual(**problem) if name != "output"]
    assert_right(candidate, mlp.forward_and_backward, oracle.residual, problem, names)


# MLP4


@oracle_test("mlp.mlp4")
@given(problem=networks("MLP4", training=True))
def test_mlp4_in_training_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """In training output and gradients are those of the same network in torch, whatever the number of blocks."""
    assert_runs_like_torch(candidate, problem)


@oracle_test("mlp.mlp4")
@given(problem=networks("MLP4", training=False))
def test_mlp4_in_evaluation_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """In evaluation the normalisations use what they remember, those in the blocks too."""
    assert_runs_like_torch(candidate, problem)


@law("mlp.mlp4")
@given(problem=networks("MLP4", training=False))
def test_evaluation_changes_nothing_in_mlp4(candidate: Candidate, problem: Problem) -> None:
    """In evaluation forward and backward leave the state dict as it is."""
    assert_evaluation_changes_nothing(candidate, problem)


@law("mlp.mlp4")
@given(problem=new_networks("MLP4"))
def test_a_new_mlp4_is_drawn_like_torchs(candidate: Candidate, problem: Problem) -> None:
    """New weights and biases are float32 and between ±1/√in_features; a new normalisation neither scales nor shifts."""
    assert_is_drawn_like_torchs(candidate, problem)


@law("mlp.mlp4")
@given(problem=new_networks("MLP4"))
def test_mlp4_is_drawn_from_rng(candidate: Candidate, problem: Problem) -> None:
    """The same rng gives the same numbers, another one others, and no two layers have the same."""
    assert_is_drawn_from_rng(candidate, problem)


@law("mlp.mlp4")
@given(problem=new_networks_with_inputs("MLP4"))
def test_mlp4_keeps_float32(candidate: Candidate, problem: Problem) -> None:
    """For a float32 input the output and all gradients of a new network are float32."""
    assert_keeps_float32(candidate, problem)


@law("mlp.mlp4")
@given(problem=new_networks("MLP4"))
def test_mlp4_has_four_blocks_by_default(candidate: Candidate, problem: Problem) -> None:
    """Without num_blocks there are four."""
    sizes = {name: size for name, size in problem["sizes"].items() if name != "num_blocks"}
    assert_is_drawn_like_torchs(candidate, {**problem, "sizes": sizes})


@law("mlp.mlp4")
@given(problem=new_networks("MLP4"), num_blocks=st.integers(-3, -1))
def test_mlp4_refuses_a_negative_number_of_blocks(candidate: Candidate, problem: Problem, num_blocks: int) -> None:
    """A negative number of blocks is a ValueError."""
    sizes = {**problem["sizes"], "num_blocks": num_blocks}
    candidate.raises(ValueError, mlp.new_network, **{**problem, "sizes": sizes})


@edge_case("mlp.mlp4")
@given(problem=networks("MLP4", training=False, batches=NONE))
def test_mlp4_of_an_empty_batch_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """For an empty batch, in evaluation, output and x_grad are empty, and all other gradients are zero."""
    assert_runs_like_torch(candidate, problem)


# What the networks' tests share


def assert_runs_like_torch(candidate: Candidate, problem: Problem) -> None:
    """Output and gradients are torch's."""
    assert_right(candidate, mlp.run_network, oracle.run_network, problem, mistakes=oracle.run_network_mistakes)


def assert_evaluation_changes_nothing(candidate: Candidate, problem: Problem) -> None:
    """The state dict is what was loaded."""
    assert_same(candidate.run(mlp.run_network, **problem), {"state afterwards": problem["state"]})


def assert_is_drawn_like_torchs(candidate: Candidate, problem: Problem) -> None:
    """Names, shapes and dtypes are torch's; linear layers lie within its bounds, and the others hold its numbers."""
    got = candidate.run(mlp.new_network, **problem)
    like = oracle.new_state(problem["network"], problem["sizes"])
    assert_same(sorted(got), sorted(like))
    for name, value in like.items():
        drawn = checked(got[name], value, name)
        weight = like[f"{name.rpartition('.')[0]}.weight"]
        if weight.ndim == 1:  # of a normalisation
            assert_same({name: drawn}, {name: value})
        else:
            bound = np.float32(1 / math.sqrt(weight.shape[1]))
            assert_same({name: drawn}, {name: drawn.clip(-bound, bound)})


def assert_is_drawn_from_rng(candidate: Candidate, problem: Problem) -> None:
    """The seed decides on the numbers: with the same all are equal, and otherwise no two weights."""
    once = candidate.run(mlp.new_network, **problem)
    assert_same(candidate.run(mlp.new_network, **problem), once)
    other = candidate.run(mlp.new_network, **{**problem, "seed": problem["seed"] + 1})
    shapes = oracle.state_shapes(problem["network"], **problem["sizes"])
    weights = [name for name, shape in shapes.items() if len(shape) == 2 and math.prod(shape) > 1]
    drawn = [state[name].tobytes() for state in (once, other) for name in weights]
    assert_same({"different weights": len(set(drawn))}, {"different weights": len(drawn)})


def assert_keeps_float32(candidate: Candidate, problem: Problem) -> None:
    """The output and all gradients are float32."""
    dtypes = {name: value.dtype.name for name, value in candidate.run(mlp.run_new_network, **problem).items()}
    assert_same(dtypes, dict.fromkeys(dtypes, "float32"))

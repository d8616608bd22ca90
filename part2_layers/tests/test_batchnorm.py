"""BatchNorm1d against torch."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import (
    Candidate,
    Probe,
    assert_right,
    assert_same,
    checked,
    edge_case,
    law,
    oracle_test,
    probes,
)
from autograder.testing.strategies import DTYPES, Draw, Problem, array, without_gradient
from part2_layers.tests import oracle_batchnorm as oracle
from part2_layers.tests.oracle import assert_right_on_views
from part2_layers.tests.strategies import BATCHES, LENGTHS

batchnorm = probes("batchnorm")

GRADIENTS = ["x_grad", "weight_grad", "bias_grad"]

CHANNELS = st.sampled_from([2, 1, 3])
AXES = st.sampled_from([2, 3])
EPS = st.sampled_from([1e-5, 1e-3, 0.5, 2.0])
MOMENTUMS = st.sampled_from([0.1, 0.25, 0.75, 1.0, 0.0])
SEVERAL = st.sampled_from([3, 4, 5, 2])  # few of two: such a batch has hardly any gradient
SEVERAL_WITH_TIME = st.sampled_from([(2, 2), (3, 2), (2, 3), (1, 3), (3, 1), (1, 2)])

# The problems


@st.composite
def layers(draw: Draw, dtype: str = "float64") -> Problem:
    """The state and the options of a layer."""
    shape = (draw(CHANNELS),)
    return {
        "state": {
            "weight": array(draw, shape, dtype=dtype),
            "bias": array(draw, shape, dtype=dtype),
            "running_mean": array(draw, shape, dtype=dtype),
            "running_var": array(draw, shape, "positive", dtype),
            "num_batches_tracked": np.array(draw(st.sampled_from([0, 1, 7]))),
        },
        "eps": draw(EPS),
        "momentum": draw(MOMENTUMS),
    }


@st.composite
def trainings(draw: Draw, axes: st.SearchStrategy[int] = AXES, dtypes: st.SearchStrategy[str] = DTYPES) -> Problem:
    """A layer in training mode, a batch (b, c) or (b, c, t), and the upstream gradient."""
    layer = draw(layers(draw(dtypes)))
    return with_gradient(draw, {**layer, "training": True, "x": batch(draw, layer, draw(axes))})


@st.composite
def trainings_with_gradients(draw: Draw) -> Problem:
    """The same with an uneven upstream gradient: of an even one x_grad and weight_grad keep nothing."""
    problem = draw(trainings())
    grad_output = problem["grad_output"].copy()
    grad_output.reshape(*grad_output.shape[:2], -1)[0, :, 0] += 9
    return {**problem, "grad_output": grad_output}


@st.composite
def evaluations(draw: Draw) -> Problem:
    """A layer in evaluation mode, an input of any size, and the upstream gradient."""
    layer = draw(layers(draw(DTYPES)))
    return with_gradient(draw, {**layer, "training": False, "x": evaluated(draw, layer)})


@st.composite
def several_trainings(draw: Draw) -> Problem:
    """A layer, and one to three batches."""
    layer = draw(layers(draw(DTYPES)))
    return {**layer, "batches": [batch(draw, layer, draw(AXES)) for _ in range(draw(st.sampled_from([2, 3, 1])))]}


@st.composite
def several_trainings_and_an_evaluation(draw: Draw) -> Problem:
    """A layer, batches to train it on, and an input for evaluation mode."""
    problem = draw(several_trainings())
    return {**problem, "x": evaluated(draw, problem)}


@st.composite
def empty_batches(draw: Draw) -> Problem:
    """A layer in either mode, and a batch of none or of no time step."""
    layer = draw(layers(draw(DTYPES)))
    channels = len(layer["state"]["weight"])
    shape = draw(st.sampled_from([(0, channels), (0, channels, 3), (2, channels, 0)]))
    x = np.zeros(shape, layer["state"]["weight"].dtype)
    return {**layer, "training": draw(st.booleans()), "x": x, "grad_output": x}


@st.composite
def wrong_inputs(draw: Draw) -> Problem:
    """A layer, and an input with too few or too many axes or channels; in training also one value per channel."""
    layer, training = draw(layers()), draw(st.booleans())
    channels = len(layer["state"]["weight"])
    others = channels % 3 + 1  # of three channels one, which would broadcast
    shapes = [(2, channels + 1), (2, others), (channels, channels + 1, 3), (channels,), (2, channels, 2, 2), ()]
    single = [(1, channels), (1, channels, 1)] * 3
    shape = draw(st.sampled_from(shapes + single if training else shapes))
    return {**layer, "training": training, "x": array(draw, shape)}


def batch(draw: Draw, layer: Problem, axes: int) -> np.ndarray:
    """An input of training.

    The first value of a channel is well apart from the others: where all are nearly equal, rounding decides.
    """
    weight = layer["state"]["weight"]
    length, time = (draw(SEVERAL), 1) if axes == 2 else draw(SEVERAL_WITH_TIME)
    x = array(draw, (length, len(weight), time), dtype=weight.dtype.name)
    x[0, :, 0] += 9
    return x[:, :, 0] if axes == 2 else x


def evaluated(draw: Draw, layer: Problem) -> np.ndarray:
    """An input of evaluation, which may be a single one."""
    weight = layer["state"]["weight"]
    time = [draw(LENGTHS)] if draw(AXES) == 3 else []
    return array(draw, (draw(BATCHES), len(weight), *time), dtype=weight.dtype.name)


def with_gradient(draw: Draw, problem: Problem) -> Problem:
    """The problem with an upstream gradient."""
    return {**problem, "grad_output": array(draw, problem["x"].shape, dtype=problem["x"].dtype.name)}


# Forward


@oracle_test("batchnorm.forward")
@given(problem=trainings(axes=st.just(2)))
def test_output_in_training_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """In training forward gives w · (x - μ) / √(σ² + ε) + b with the mean and the biased variance of the batch."""
    check_output(candidate, problem)


@oracle_test("batchnorm.forward")
@given(problem=trainings(axes=st.just(3)))
def test_output_with_time_in_training_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """For an input (b, c, t) mean and variance of a channel are those over batch and time."""
    check_output(candidate, problem)


@oracle_test("batchnorm.forward")
@given(problem=evaluations())
def test_output_in_evaluation_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """In evaluation the running mean and variance take the place of the batch's."""
    check_output(candidate, problem)


@law("batchnorm.forward")
@given(problem=trainings(), factor=st.sampled_from([2.0, 0.5, 4.0]), shift=st.sampled_from([1.0, -3.0, 8.0]))
def test_an_affine_image_has_the_same_output(
    candidate: Candidate, problem: Problem, factor: float, shift: float
) -> None:
    """In training a·x + b with a > 0 gives the output of x, if ε, which is added to the variance, grows by a² too."""
    problem = without_gradient(problem)
    once = checked(candidate.run(batchnorm.forward, **problem)["output"], problem["x"])
    image = {**problem, "x": problem["x"] * factor + shift, "eps": problem["eps"] * factor**2}
    assert_same(candidate.run(batchnorm.forward, **image), {"output": once})


@edge_case("batchnorm.forward")
@given(problem=trainings(dtypes=st.just("float64")))
def test_a_distant_mean_costs_no_accuracy(candidate: Candidate, problem: Problem) -> None:
    """Far from zero the variance is as exact as near it; E[x²] - μ² would lose it to rounding."""
    distant = {**without_gradient(problem), "x": problem["x"] + 2.0**20}
    assert_right(candidate, batchnorm.forward, oracle.forward, distant, ["output"])


@edge_case("batchnorm.forward")
@given(problem=trainings(dtypes=st.just("float64")), level=st.sampled_from([1.0, 0.0, -2.75]))
def test_a_constant_channel_becomes_its_bias(candidate: Candidate, problem: Problem, level: float) -> None:
    """Where all values of a channel are equal, ε keeps from dividing by zero: the output is the bias."""
    x = np.full_like(problem["x"], level)
    bias = np.zeros_like(x) + problem["state"]["bias"].reshape(-1, *[1] * (x.ndim - 2))
    assert_same(candidate.run(batchnorm.forward, **{**without_gradient(problem), "x": x}), {"output": bias})


@law("batchnorm.forward")
@given(problem=trainings())
def test_in_evaluation_every_example_is_by_itself(candidate: Candidate, problem: Problem) -> None:
    """In evaluation the output for one example is the same, whatever else is in the batch."""
    evaluation = {**without_gradient(problem), "training": False}
    outputs = checked(candidate.run(batchnorm.forward, **evaluation)["output"], problem["x"])
    alone = candidate.run(batchnorm.forward, **{**evaluation, "x": problem["x"][-1:]})
    assert_same(alone, {"output": outputs[-1:]})


@law("batchnorm.forward")
@given(problem=trainings() | evaluations())
def test_a_view_is_accepted_and_left_alone(candidate: Candidate, problem: Problem) -> None:
    """A transposed and strided input gives the same output, and is not changed."""
    problem = without_gradient(problem)
    right = {"output": oracle.forward(**problem)["output"], "x afterwards": problem["x"]}
    got = candidate.run(batchnorm.forward_on_a_view, **problem)
    in_place = {"x was changed in place; make a new array": {**right, "x afterwards": got["x afterwards"]}}
    assert_same(got, right, mistakes=in_place)


@law("batchnorm.forward")
@given(problem=wrong_inputs())
def test_a_wrong_input_is_refused(candidate: Candidate, problem: Problem) -> None:
    """A wrong rank or number of channels is a ValueError, and in training one value per channel: it has no variance."""
    candidate.raises(ValueError, batchnorm.forward, **problem)


@law("batchnorm.forward")
@given(problem=trainings())
def test_integers_are_refused(candidate: Candidate, problem: Problem) -> None:
    """Integer input is a TypeError, as in torch."""
    candidate.raises(TypeError, batchnorm.forward, **{**without_gradient(problem), "x": problem["x"].astype(np.int64)})


# Running statistics


@oracle_test("batchnorm.forward")
@given(problem=several_trainings())
def test_running_statistics_match_torch(candidate: Candidate, problem: Problem) -> None:
    """Every batch moves running_mean and running_var by momentum towards its mean and unbiased variance, and counts."""
    assert_right(candidate, batchnorm.train, oracle.train, problem, mistakes=oracle.state_mistakes)


@oracle_test("batchnorm.forward")
@given(problem=several_trainings_and_an_evaluation())
def test_evaluation_after_training_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """After some batches of training, evaluation uses the statistics that they have left."""
    assert_right(candidate, batchnorm.train_and_evaluate, oracle.train_and_evaluate, problem, ["output"])


@law("batchnorm.forward")
@given(problem=evaluations())
def test_evaluation_changes_nothing(candidate: Candidate, problem: Problem) -> None:
    """In evaluation mode the state dict stays as it is."""
    got = candidate.run(batchnorm.forward, **without_gradient(problem))
    assert_same(got, {"state": problem["state"]})


@edge_case("batchnorm.forward")
@given(problem=several_trainings())
def test_without_a_momentum_the_running_statistics_are_averages(candidate: Candidate, problem: Problem) -> None:
    """With momentum None, running_mean and running_var are averages over all batches that were counted, as torch's."""
    assert_right(candidate, batchnorm.train, oracle.train, {**problem, "momentum": None})


@edge_case("batchnorm.forward")
@given(problem=empty_batches())
def test_an_empty_batch_only_counts(candidate: Candidate, problem: Problem) -> None:
    """As in torch, an empty batch has an empty output and leaves the running statistics; in training it counts."""
    assert_right(candidate, batchnorm.forward, oracle.forward, without_gradient(problem))


@law("batchnorm.forward")
@given(num_features=LENGTHS)
def test_a_new_state_matches_torch(candidate: Candidate, num_features: int) -> None:
    """The state dict of a new layer has the names of torch's in the same order, and its shapes, dtypes and values."""
    assert_right(candidate, batchnorm.new_state, oracle.new_state, {"num_features": num_features})


@law("batchnorm.forward")
@given(problem=several_trainings_and_an_evaluation())
def test_states_are_exchanged_with_torch(candidate: Candidate, problem: Problem) -> None:
    """Torch with the state that was trained here evaluates as the layer here does with the state that torch trained."""
    x, eps, momentum = problem["x"], problem["eps"], problem["momentum"]
    training = {name: value for name, value in problem.items() if name != "x"}
    from_here, from_torch = candidate.run(batchnorm.train, **training), oracle.train(**training)
    assert_same(from_here, from_torch)
    in_torch = oracle.forward(x, from_here["state"], eps, momentum, training=False)
    evaluation = {"x": x, "state": from_torch["state"], "eps": eps, "momentum": momentum, "training": False}
    assert_same(candidate.run(batchnorm.forward, **evaluation), in_torch, ["output"])


# Backward


@oracle_test("batchnorm.backward")
@given(problem=trainings(axes=st.just(2)))
def test_gradients_of_training_match_torch(candidate: Candidate, problem: Problem) -> None:
    """In training x_grad also goes through μ and σ²; weight_grad is Σ g x̂, and bias_grad is Σ g."""
    check_gradients(candidate, problem, GRADIENTS)


@oracle_test("batchnorm.backward")
@given(problem=trainings(axes=st.just(3)))
def test_gradients_of_training_with_time_match_torch(candidate: Candidate, problem: Problem) -> None:
    """For an input (b, c, t) all sums and means of backward are over batch and time."""
    check_gradients(candidate, problem, GRADIENTS)


@oracle_test("batchnorm.backward")
@given(problem=trainings_with_gradients())
def test_gradients_accumulate(candidate: Candidate, problem: Problem) -> None:
    """Two backward passes add up in weight_grad and bias_grad; zero_grad starts anew."""
    assert_right(candidate, batchnorm.run_twice, oracle.run_twice, problem, mistakes=oracle.twice_mistakes)


@law("batchnorm.backward")
@given(problem=trainings())
def test_backward_belongs_to_a_forward_of_training(candidate: Candidate, problem: Problem) -> None:
    """After a forward in training, backward gives the gradient of training, though the layer evaluates by now."""
    check_gradients_in_the_other_mode(candidate, problem)


@law("batchnorm.backward")
@given(problem=trainings())
def test_views_are_accepted_and_left_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same gradients, and no argument is changed."""
    assert_right_on_views(candidate, batchnorm.run_on_views, oracle.forward_and_backward, problem)


@law("batchnorm.backward")
@given(problem=trainings())
def test_backward_needs_a_forward(candidate: Candidate, problem: Problem) -> None:
    """backward before any forward is a RuntimeError."""
    candidate.raises(
        RuntimeError, batchnorm.backward_first, **{name: value for name, value in problem.items() if name != "x"}
    )


@oracle_test("batchnorm.evaluation_backward")
@given(problem=evaluations())
def test_gradient_of_evaluation_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """In evaluation x_grad is g · w / √(σ² + ε), since the running statistics are constants."""
    check_gradients(candidate, problem, ["x_grad"])


@oracle_test("batchnorm.evaluation_backward")
@given(problem=evaluations())
def test_gradients_of_the_parameters_in_evaluation_match_torch(candidate: Candidate, problem: Problem) -> None:
    """In evaluation too weight_grad is Σ g x̂, with the x̂ of the running statistics, and bias_grad is Σ g."""
    check_gradients(candidate, problem, ["weight_grad", "bias_grad"])


@law("batchnorm.evaluation_backward")
@given(problem=evaluations())
def test_backward_belongs_to_a_forward_of_evaluation(candidate: Candidate, problem: Problem) -> None:
    """After a forward in evaluation, backward gives the gradient of evaluation, though the layer trains by now."""
    check_gradients_in_the_other_mode(candidate, problem)


@edge_case("batchnorm.evaluation_backward")
@given(problem=empty_batches())
def test_an_empty_batch_has_an_empty_gradient(candidate: Candidate, problem: Problem) -> None:
    """The gradient of an empty batch, which has no statistics in training either, is empty, and adds nothing."""
    check_gradients(candidate, problem, GRADIENTS)


def check_output(candidate: Candidate, problem: Problem) -> None:
    """The output is torch's."""
    problem = without_gradient(problem)
    assert_right(candidate, batchnorm.forward, oracle.forward, problem, ["output"], oracle.output_mistakes)


def check_gradients(
    candidate: Candidate, problem: Problem, names: list[str], probe: Probe = batchnorm.forward_and_backward
) -> None:
    """The gradients of these names are torch's."""
    assert_right(candidate, probe, oracle.forward_and_backward, problem, names, oracle.gradient_mistakes)


def check_gradients_in_the_other_mode(candidate: Candidate, problem: Problem) -> None:
    """The gradients are torch's where the layer's mode has changed since forward."""
    probe, names = batchnorm.backward_in_the_other_mode, GRADIENTS
    assert_right(candidate, probe, oracle.forward_and_backward, problem, names, oracle.mode_mistakes)

"""RNN and GRU with all their layers and directions against torch."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, Shape, array, integers, parameters, without_gradient
from part3_recurrent.tests import oracle_recurrent as oracle
from part3_recurrent.tests.oracle_cell import assert_right_on_views
from part3_recurrent.tests.oracle_rnn_and_gru import assert_adds_up
from part3_recurrent.tests.strategies import BATCHES, NONE, parameter_shapes

recurrent = probes("recurrent")

GATES = {"RNN": 1, "GRU": 3}
SIZES = st.sampled_from([1, 2, 3])
FORWARD = ["output", "h_n"]

# The problems


@st.composite
def options(draw: Draw, directions: tuple[int, ...] = (1, 2), layers: tuple[int, ...] = (1, 2, 3)) -> Problem:
    """Draw the arguments of a network."""
    return {
        "input_size": draw(SIZES),
        "hidden_size": draw(SIZES),
        "num_layers": draw(st.sampled_from(layers)),
        "bias": draw(st.sampled_from([True, True, False])),
        "bidirectional": draw(st.sampled_from(directions)) == 2,
        "batch_first": draw(st.booleans()),
    }


@st.composite
def networks(
    draw: Draw,
    directions: tuple[int, ...] = (1, 2),
    layers: tuple[int, ...] = (1, 2, 3),
    has_lengths: bool = False,
    times: tuple[int, ...] = (2, 3, 4, 5, 3, 4, 1),
    batches: st.SearchStrategy[int] = BATCHES,
) -> Problem:
    """Draw a network with a state dict, sequences, a state or none, and the gradients of output and of h_n or none."""
    network, chosen, dtype = draw(st.sampled_from([*GATES])), draw(options(directions, layers)), draw(DTYPES)
    time, batch = draw(st.sampled_from(times)), draw(st.sampled_from([3, 2, 4, 1]) if has_lengths else batches)
    count, hidden = len(oracle.suffixes(chosen)), chosen["hidden_size"]
    states, is_given = (chosen["num_layers"] * count, batch, hidden), st.sampled_from([True, True, False])
    has_h_0, has_h_n_grad = draw(is_given), draw(is_given)
    return {
        "network": network,
        "options": chosen,
        "state": parameters(draw, shapes(network, chosen), dtype),
        "x": array(draw, in_order(chosen, time, batch, chosen["input_size"]), dtype=dtype),
        "h_0": array(draw, states, dtype=dtype) if has_h_0 else None,
        "lengths": ends(draw, batch, time) if has_lengths else None,
        "output_grad": array(draw, in_order(chosen, time, batch, count * hidden), dtype=dtype),
        "h_n_grad": array(draw, states, dtype=dtype) if has_h_n_grad else None,
    }


def shapes(network: str, options: Problem) -> dict[str, Shape]:
    """Give the shapes of all parameters."""
    suffixes, hidden = oracle.suffixes(options), options["hidden_size"]
    found: dict[str, Shape] = {}
    for layer in range(options["num_layers"]):
        inputs = len(suffixes) * hidden if layer else options["input_size"]
        for suffix in suffixes:
            found |= parameter_shapes(GATES[network], inputs, hidden, options["bias"], f"_l{layer}{suffix}")
    return found


def in_order(options: Problem, time: int, batch: int, features: int) -> Shape:
    """Give the shape of sequences."""
    return (batch, time, features) if options["batch_first"] else (time, batch, features)


def ends(draw: Draw, batch: int, time: int) -> np.ndarray | list[int]:
    """Draw a length for each sequence, in any order, as an array or a list."""
    lengths = integers(draw, (batch,), 1, time + 1)
    return draw(st.sampled_from([lengths, lengths.tolist()]))


@st.composite
def networks_in_two_chunks(draw: Draw) -> Problem:
    """Draw a network that reads forwards, and a time step before which its sequences are cut."""
    problem = draw(networks(directions=(1,), times=(2, 3, 4, 5)))
    time = problem["x"].shape[1 if problem["options"]["batch_first"] else 0]
    return {**problem, "cut": draw(st.integers(1, time - 1))}


@st.composite
def networks_that_drop_all(draw: Draw) -> Problem:
    """Draw a network of several layers in training with a dropout of 1, or in evaluation with a dropout of any size."""
    problem, training = draw(networks(layers=(2, 3))), draw(st.booleans())
    dropout = 1.0 if training else draw(st.sampled_from([0.5, 1.0]))
    return {**problem, "options": {**problem["options"], "dropout": dropout}, "training": training}


@st.composite
def networks_that_drop_some(draw: Draw) -> Problem:
    """Draw a network of one unit in each layer, one time step, and a large batch.

    Everything is positive, so that dropped and kept numbers lead to clearly different ones.
    """
    layers, batch = draw(st.sampled_from([2, 3])), 256
    chosen: Problem = {"input_size": 1, "hidden_size": 1, "num_layers": layers, "bias": True, "bidirectional": False}
    chosen |= {"batch_first": draw(st.booleans()), "dropout": draw(st.sampled_from([0.5, 0.25, 0.75]))}
    x = np.resize(array(draw, (16,), "positive"), in_order(chosen, 1, batch, 1))
    return {
        "network": "RNN",
        "options": chosen,
        "state": parameters(draw, shapes("RNN", chosen), among="positive"),
        "x": x,
        "h_0": None,
        "lengths": None,
        "output_grad": np.resize(array(draw, (16,)), x.shape),
        "h_n_grad": np.resize(array(draw, (16,)), (layers, batch, 1)),
        "seed": draw(st.integers(0, 2**32 - 1)),
    }


@st.composite
def wrong_inputs(draw: Draw) -> Problem:
    """Draw a network, and an x, h_0 or lengths that it cannot take."""
    problem = without_gradient(draw(networks(has_lengths=True)))
    chosen, x = problem["options"], problem["x"]
    batch, time = x.shape[:2] if chosen["batch_first"] else (x.shape[1], x.shape[0])
    count = chosen["num_layers"] * len(oracle.suffixes(chosen))
    wrong = [
        {"x": np.zeros((*x.shape[:2], x.shape[2] + 1))},
        {"h_0": np.zeros((count + 1, batch, chosen["hidden_size"]))},
        {"h_0": np.zeros((count, batch + 1, chosen["hidden_size"]))},
        {"lengths": [0] + [time] * (batch - 1)},
        {"lengths": [time + 1] + [time] * (batch - 1)},
        {"lengths": [time] * (batch + 1)},
    ]
    return {**problem, **draw(st.sampled_from(wrong))}


@st.composite
def networks_without_time(draw: Draw) -> Problem:
    """Draw a network, and an x that has no time step."""
    problem = without_gradient(draw(networks()))
    chosen, x = problem["options"], problem["x"]
    batch = x.shape[0 if chosen["batch_first"] else 1]
    return {**problem, "x": np.zeros(in_order(chosen, 0, batch, x.shape[2]), x.dtype)}


def with_other_padding(problem: Problem) -> Problem:
    """Change the numbers after each end, in x and, where there is one, in output_grad."""
    batch_first = problem["options"]["batch_first"]
    time = problem["x"].shape[1 if batch_first else 0]
    ended = np.arange(time)[:, None] >= np.array(problem["lengths"])
    changed: Problem = {name: problem[name].copy() for name in ("x", "output_grad") if name in problem}
    for value in changed.values():
        value[ended.T if batch_first else ended] = 100
    return {**problem, **changed}


# Forward


@oracle_test("recurrent.forward")
@given(problem=networks(directions=(1,)))
def test_layers_match_torch(candidate: Candidate, problem: Problem) -> None:
    """Output and h_n of RNN and GRU are torch's, for one to three layers, with and without h_0 and batch_first."""
    assert_forward(candidate, problem)


@oracle_test("recurrent.forward")
@given(problem=networks(directions=(2,)))
def test_two_directions_match_torch(candidate: Candidate, problem: Problem) -> None:
    """The second direction reads from the end; its output stands at its own time beside the first's."""
    assert_forward(candidate, problem)


@oracle_test("recurrent.forward")
@given(problem=networks(has_lengths=True))
def test_lengths_match_torch(candidate: Candidate, problem: Problem) -> None:
    """With lengths in any order, each sequence ends on its own, in both directions: as torch's packed sequences."""
    assert_forward(candidate, problem)


@oracle_test("recurrent.forward")
@given(problem=networks_that_drop_all())
def test_dropout_stands_between_layers(candidate: Candidate, problem: Problem) -> None:
    """In training a dropout of 1 gives every layer but the first zeros to read; in evaluation nothing is dropped."""
    forward, mistakes = without_gradient(problem), oracle.dropout_mistakes
    assert_right(candidate, recurrent.forward, oracle.recurrent, forward, FORWARD, mistakes)


@oracle_test("recurrent.forward")
@given(problem=networks_that_drop_some())
def test_dropout_acts_on_each_number(candidate: Candidate, problem: Problem) -> None:
    """In training each number between two layers is dropped with probability p, or divided by 1 - p."""
    forward = without_gradient(problem)
    got = candidate.run(recurrent.forward, **forward)
    right = oracle.with_masks(forward, got["h_n"])
    assert_same(got, right, names=FORWARD)
    oracle.assert_dropped(right["masks"], problem["options"]["dropout"])


@law("recurrent.forward")
@given(problem=networks_in_two_chunks())
def test_two_chunks_are_the_whole(candidate: Candidate, problem: Problem) -> None:
    """Sequences in two chunks, the second from the h_n of the first, give the same as the whole at once."""
    forward = {name: value for name, value in without_gradient(problem).items() if name != "lengths"}
    whole = {name: value for name, value in forward.items() if name != "cut"}
    assert_same(candidate.run(recurrent.forward_in_chunks, **forward), oracle.recurrent(**whole))


@law("recurrent.forward")
@given(problem=networks(has_lengths=True))
def test_padding_is_not_read(candidate: Candidate, problem: Problem) -> None:
    """What stands in x after a sequence's end changes nothing."""
    forward = without_gradient(problem)
    assert_same(candidate.run(recurrent.forward, **with_other_padding(forward)), oracle.recurrent(**forward))


@law("recurrent.forward")
@given(problem=networks(has_lengths=True))
def test_forward_accepts_views_and_leaves_them_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same output, and no argument is changed."""
    assert_right_on_views(candidate, recurrent.forward_on_views, oracle.recurrent, without_gradient(problem))


@law("recurrent.forward")
@given(network=st.sampled_from([*GATES]), options=options())
def test_names_are_torchs(candidate: Candidate, network: str, options: Problem) -> None:
    """The state dict has the names of torch's, in their order."""
    assert_same(candidate.run(recurrent.names, network=network, options=options), oracle.names(network, options))


@law("recurrent.forward")
@given(problem=wrong_inputs())
def test_what_does_not_fit_is_refused(candidate: Candidate, problem: Problem) -> None:
    """A wrong shape and lengths outside 1 to t are ValueErrors."""
    candidate.raises(ValueError, recurrent.forward, **problem)


@law("recurrent.forward")
@given(problem=networks())
def test_integers_are_refused(candidate: Candidate, problem: Problem) -> None:
    """Integer input is a TypeError, as in torch."""
    integers = {**without_gradient(problem), "x": problem["x"].astype(np.int64)}
    candidate.raises(TypeError, recurrent.forward, **integers)


@edge_case("recurrent.forward")
@given(problem=networks(batches=NONE), has_lengths=st.booleans())
def test_no_sequences_have_no_output(candidate: Candidate, problem: Problem, has_lengths: bool) -> None:
    """For a batch of 0, with lengths and without, output and h_n are empty, and have their other axes all the same."""
    forward = without_gradient(problem)
    got = candidate.run(recurrent.forward, **{**forward, "lengths": [] if has_lengths else None})
    assert_same(got, oracle.recurrent(**forward), FORWARD, lambda: oracle.recurrent_mistakes(**forward))


@edge_case("recurrent.forward")
@given(problem=networks_without_time())
def test_no_time_steps_are_refused(candidate: Candidate, problem: Problem) -> None:
    """An x without a time step is a ValueError; torch refuses it, too."""
    candidate.raises(ValueError, recurrent.forward, **problem)


# Backward


@oracle_test("recurrent.backward")
@given(problem=networks(directions=(1,)))
def test_gradients_of_layers_match_torch(candidate: Candidate, problem: Problem) -> None:
    """The gradients of x, h_0 and every parameter are torch's, with and without a gradient of h_n."""
    assert_backward(candidate, problem)


@oracle_test("recurrent.backward")
@given(problem=networks(directions=(2,)))
def test_gradients_of_two_directions_match_torch(candidate: Candidate, problem: Problem) -> None:
    """Both directions read the same x, so that its gradient is the sum of theirs, in every layer."""
    assert_backward(candidate, problem)


@oracle_test("recurrent.backward")
@given(problem=networks(has_lengths=True))
def test_gradients_with_lengths_match_torch(candidate: Candidate, problem: Problem) -> None:
    """With lengths in any order the gradients are those of torch's packed sequences."""
    assert_backward(candidate, problem)


@oracle_test("recurrent.backward")
@given(problem=networks())
def test_gradients_accumulate(candidate: Candidate, problem: Problem) -> None:
    """Two backward passes add up in the parameters' gradients; those of x and h_0 belong to the last alone."""
    assert_adds_up(candidate, recurrent.run_twice, oracle.recurrent(**problem), problem)


@oracle_test("recurrent.backward")
@given(problem=networks_that_drop_all())
def test_nothing_comes_back_through_a_full_dropout(candidate: Candidate, problem: Problem) -> None:
    """In training with a dropout of 1 nothing comes back to the layer below; in evaluation everything does."""
    names, mistakes = gradients(problem), oracle.dropout_mistakes
    assert_right(candidate, recurrent.forward_and_backward, oracle.recurrent, problem, names, mistakes)


@oracle_test("recurrent.backward")
@given(problem=networks_that_drop_some())
def test_the_mask_of_forward_comes_back(candidate: Candidate, problem: Problem) -> None:
    """What forward dropped between two layers has no gradient, and the rest is divided by 1 - p."""
    got = candidate.run(recurrent.forward_and_backward, **problem)
    assert_same(got, oracle.with_masks(problem, got["h_n"]), names=gradients(problem))


@law("recurrent.backward")
@given(problem=networks(has_lengths=True))
def test_padding_has_no_gradient(candidate: Candidate, problem: Problem) -> None:
    """What stands in x and output_grad after a sequence's end changes no gradient, and has none."""
    got = candidate.run(recurrent.forward_and_backward, **with_other_padding(problem))
    assert_same(got, oracle.recurrent(**problem), names=gradients(problem))


@law("recurrent.backward")
@given(problem=networks(has_lengths=True))
def test_backward_accepts_views_and_leaves_them_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same gradients, and no argument is changed."""
    assert_right_on_views(candidate, recurrent.run_on_views, oracle.recurrent, problem)


@law("recurrent.backward")
@given(problem=networks())
def test_backward_needs_a_forward(candidate: Candidate, problem: Problem) -> None:
    """backward before any forward is a RuntimeError."""
    arguments = {name: value for name, value in problem.items() if name not in ("x", "h_0", "lengths")}
    candidate.raises(RuntimeError, recurrent.backward_first, **arguments)


@law("recurrent.backward")
@given(problem=networks(), name=st.sampled_from(["output_grad", "h_n_grad"]))
def test_gradients_of_another_shape_are_refused(candidate: Candidate, problem: Problem, name: str) -> None:
    """An upstream gradient that has not the shape of output or h_n is a ValueError."""
    wrong = np.zeros((7, 7, 7))  # larger than any of them
    candidate.raises(ValueError, recurrent.forward_and_backward, **{**problem, name: wrong})


@edge_case("recurrent.backward")
@given(problem=networks(batches=NONE))
def test_no_sequences_have_no_gradient(candidate: Candidate, problem: Problem) -> None:
    """For a batch of 0 the gradients of x and h_0 are empty, and those of the parameters stay zero."""
    assert_backward(candidate, problem)


# Comparisons


def assert_forward(candidate: Candidate, problem: Problem) -> None:
    """Check output and h_n."""
    forward = without_gradient(problem)
    assert_right(candidate, recurrent.forward, oracle.recurrent, forward, FORWARD, oracle.recurrent_mistakes)


def assert_backward(candidate: Candidate, problem: Problem) -> None:
    """Check all gradients."""
    names, mistakes = gradients(problem), oracle.recurrent_mistakes
    assert_right(candidate, recurrent.forward_and_backward, oracle.recurrent, problem, names, mistakes)


def gradients(problem: Problem) -> list[str]:
    """List the names of all gradients."""
    return [f"{name}_grad" for name in ("x", "h_0", *problem["state"])]

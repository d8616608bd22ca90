"""The optimisers and gradient clipping against torch."""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, Shape, array
from part2_layers.tests import oracle_optim as oracle
from part2_layers.tests.strategies import LENGTHS

optim = probes("optim")

# The problems

LEARNING_RATES = st.sampled_from([1.0, 0.5, 0.25, 0.125])
WEIGHT_DECAYS = st.sampled_from([0.5, 0.25, 0.125])
MOMENTA = st.sampled_from([0.5, 0.75, 0.9])
BETAS = st.sampled_from([(0.5, 0.75), (0.75, 0.5), (0.9, 0.99), (0.0, 0.75)])
EPSILONS = st.sampled_from([0.5, 0.125, 1e-4])

PLAIN = st.fixed_dictionaries({}, optional={"weight_decay": WEIGHT_DECAYS})
MOMENTUM = st.fixed_dictionaries({"momentum": MOMENTA}, optional={"weight_decay": WEIGHT_DECAYS})
NESTEROV = st.fixed_dictionaries(
    {"momentum": MOMENTA, "nesterov": st.just(True)}, optional={"weight_decay": WEIGHT_DECAYS}
)
ADAM = st.fixed_dictionaries({"eps": EPSILONS}, optional={"betas": BETAS})
ADAM_WITH_DECAY = st.fixed_dictionaries({"weight_decay": WEIGHT_DECAYS}, optional={"betas": BETAS, "eps": EPSILONS})
ADAMW = st.fixed_dictionaries({}, optional={"weight_decay": WEIGHT_DECAYS, "betas": BETAS, "eps": EPSILONS})

BAD_FOR_ALL: list[Problem] = [{"lr": -0.5}, {"lr": 0.5, "weight_decay": -0.5}]
BAD_SGD = [*BAD_FOR_ALL, {"momentum": -0.5}, {"momentum": 1.5}, {"nesterov": True}, {"momentum": 0.0, "nesterov": True}]
BAD_ADAM = [
    *BAD_FOR_ALL,
    {"eps": -0.5},
    {"betas": (1.0, 0.5)},
    {"betas": (0.5, 1.0)},
    {"betas": (-0.5, 0.5)},
    {"betas": (0.5, 1.5)},
]


@st.composite
def several_arrays(draw: Draw, count: int) -> list[dict[str, np.ndarray]]:
    """A few times arrays under the names of the same two or three parameters, no two of one shape."""
    dtype, (features, outputs) = draw(DTYPES), (draw(LENGTHS), draw(LENGTHS))
    shapes: dict[str, Shape] = {"weight": (outputs, features), "bias": (outputs,)}
    if draw(st.booleans()):
        shapes["inner.weight"] = (outputs, features, 2)
    ends = list(itertools.accumulate(math.prod(shape) for shape in shapes.values()))
    rows = [np.split(row, ends[:-1]) for row in array(draw, (count, ends[-1]), dtype=dtype)]
    return [{name: part.reshape(shapes[name]) for name, part in zip(shapes, row, strict=True)} for row in rows]


@st.composite
def walks(draw: Draw, optimizer: str, options: st.SearchStrategy[Problem]) -> Problem:
    """An optimiser, parameters, and for each of several steps their gradients and a learning rate."""
    count = draw(st.integers(3, 6))
    parameters, *gradients = draw(several_arrays(count + 1))
    return {
        "optimizer": optimizer,
        "parameters": parameters,
        "gradients": gradients,
        "lrs": draw(st.lists(LEARNING_RATES, min_size=count, max_size=count)),
        "options": draw(options),
    }


@st.composite
def paused_walks(draw: Draw, optimizer: str, options: st.SearchStrategy[Problem]) -> Problem:
    """A walk, and after how many of its steps it is saved."""
    walk = draw(walks(optimizer, options))
    return {**walk, "pause": draw(st.integers(1, len(walk["lrs"]) - 1))}


@st.composite
def clippings(draw: Draw, max_norms: st.SearchStrategy[float]) -> Problem:
    """The gradients of several parameters, and how long they may be."""
    (gradients,) = draw(several_arrays(1))
    return {"gradients": gradients, "max_norm": draw(max_norms)}


@st.composite
def unclipped(draw: Draw) -> Problem:
    """Gradients that are short enough, some of them hardly."""
    (gradients,) = draw(several_arrays(1))
    norm = math.sqrt(sum(float(np.vdot(grad, grad)) for grad in gradients.values()))
    return {"gradients": gradients, "max_norm": draw(st.sampled_from([1.25, 1.75, 8.0, 1000.0])) * norm or 1.0}


@st.composite
def several_clippings(draw: Draw) -> Problem:
    """The same several times, with a max_norm above and below what the norms are."""
    return {"gradients": draw(several_arrays(3)), "max_norm": draw(st.sampled_from([1.0, 4.0, 16.0, 64.0]))}


# SGD


@oracle_test("sgd.step")
@given(problem=walks("SGD", PLAIN))
def test_plain_steps_match_torch(candidate: Candidate, problem: Problem) -> None:
    """Without momentum every step is lr · (grad + weight_decay · w), with the lr that the optimiser has by then."""
    assert_walks_like_torch(candidate, problem)


@oracle_test("sgd.step")
@given(problem=walks("SGD", MOMENTUM))
def test_steps_with_momentum_match_torch(candidate: Candidate, problem: Problem) -> None:
    """With momentum every step is lr · m, where m ← momentum · m + grad + weight_decay · w for each parameter."""
    assert_walks_like_torch(candidate, problem)


@oracle_test("sgd.step")
@given(problem=walks("SGD", NESTEROV))
def test_steps_with_nesterov_match_torch(candidate: Candidate, problem: Problem) -> None:
    """With nesterov every step is lr · (g + momentum · m), where g = grad + weight_decay · w and m is the new one."""
    assert_walks_like_torch(candidate, problem)


@law("sgd.step")
@given(problem=walks("SGD", PLAIN | MOMENTUM | NESTEROV))
def test_sgd_works_in_place(candidate: Candidate, problem: Problem) -> None:
    """A step writes into the parameters' own arrays, and leaves the gradients as they are."""
    assert_works_in_place(candidate, problem)


@law("sgd.step")
@given(problem=paused_walks("SGD", MOMENTUM | NESTEROV))
def test_sgd_goes_on_from_its_state_dict(candidate: Candidate, problem: Problem) -> None:
    """A new optimiser that loads the state_dict of another goes on exactly as that one would have."""
    assert_goes_on(candidate, problem)


@law("sgd.step")
@given(options=st.sampled_from(BAD_SGD))
def test_sgd_refuses_bad_options(candidate: Candidate, options: Problem) -> None:
    """Negative values, a momentum above 1, and nesterov without momentum are ValueErrors."""
    candidate.raises(ValueError, optim.new, optimizer="SGD", options=options)


# Adam


@oracle_test("adam.step")
@given(problem=walks("Adam", ADAM))
def test_adams_steps_match_torch(candidate: Candidate, problem: Problem) -> None:
    """Every step is lr · m̂ / (√v̂ + ε), for any betas and ε, with the lr that the optimiser has by then."""
    assert_walks_like_torch(candidate, problem)


@oracle_test("adam.step")
@given(problem=walks("Adam", ADAM_WITH_DECAY))
def test_adams_steps_with_weight_decay_match_torch(candidate: Candidate, problem: Problem) -> None:
    """With weight decay both averages are those of grad + weight_decay · w."""
    assert_walks_like_torch(candidate, problem)


@law("adam.step")
@given(problem=walks("Adam", ADAM | ADAM_WITH_DECAY))
def test_adam_works_in_place(candidate: Candidate, problem: Problem) -> None:
    """A step writes into the parameters' own arrays, and leaves the gradients as they are."""
    assert_works_in_place(candidate, problem)


@law("adam.step")
@given(problem=paused_walks("Adam", ADAM | ADAM_WITH_DECAY))
def test_adam_goes_on_from_its_state_dict(candidate: Candidate, problem: Problem) -> None:
    """A new optimiser that loads the state_dict of another goes on exactly as that one would have."""
    assert_goes_on(candidate, problem)


@law("adam.step")
@given(options=st.sampled_from(BAD_ADAM))
def test_adam_refuses_bad_options(candidate: Candidate, options: Problem) -> None:
    """Negative values and betas of 1 or more are ValueErrors."""
    candidate.raises(ValueError, optim.new, optimizer="Adam", options=options)


# AdamW


@oracle_test("adamw.step")
@given(problem=walks("AdamW", ADAMW))
def test_adamws_steps_match_torch(candidate: Candidate, problem: Problem) -> None:
    """Every step first shrinks w by the factor 1 - lr · weight_decay, 0.01 if none is given, and then is Adam's."""
    assert_walks_like_torch(candidate, problem)


@law("adamw.step")
@given(problem=walks("AdamW", ADAMW))
def test_adamw_works_in_place(candidate: Candidate, problem: Problem) -> None:
    """A step writes into the parameters' own arrays, and leaves the gradients as they are."""
    assert_works_in_place(candidate, problem)


@law("adamw.step")
@given(problem=paused_walks("AdamW", ADAMW))
def test_adamw_goes_on_from_its_state_dict(candidate: Candidate, problem: Problem) -> None:
    """A new optimiser that loads the state_dict of another goes on exactly as that one would have."""
    assert_goes_on(candidate, problem)


@law("adamw.step")
@given(options=st.sampled_from(BAD_ADAM))
def test_adamw_refuses_bad_options(candidate: Candidate, options: Problem) -> None:
    """Negative values and betas of 1 or more are ValueErrors."""
    candidate.raises(ValueError, optim.new, optimizer="AdamW", options=options)


# Clipping


@oracle_test("optim.clip_grad_norm")
@given(problem=several_clippings())
def test_the_norm_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """The result is the norm that all gradients together had before, whether they are clipped or not."""
    assert_right(candidate, optim.norms, oracle.norms, problem, mistakes=oracle.norms_mistakes)


@oracle_test("optim.clip_grad_norm")
@given(problem=clippings(st.sampled_from([1.0, 0.5, 0.25])))
def test_long_gradients_are_shortened_like_torch(candidate: Candidate, problem: Problem) -> None:
    """Gradients longer than max_norm are all multiplied by max_norm / (norm + 10⁻⁶)."""
    assert_right(candidate, optim.clip, oracle.clip, problem, ["gradient"], oracle.clip_mistakes)


@law("optim.clip_grad_norm")
@given(problem=unclipped())
def test_short_gradients_are_left_alone(candidate: Candidate, problem: Problem) -> None:
    """Gradients no longer than max_norm stay as they are."""
    assert_right(candidate, optim.clip, oracle.clip, problem, ["gradient"], oracle.clip_mistakes)


@edge_case("optim.clip_grad_norm")
@given(problem=clippings(st.sampled_from([1.0, 0.5])))
def test_zero_gradients_stay_zero(candidate: Candidate, problem: Problem) -> None:
    """Where all gradients are zero they stay so, and their norm is zero."""
    zeros = {name: np.zeros_like(grad) for name, grad in problem["gradients"].items()}
    max_norm = problem["max_norm"]
    assert_same(candidate.run(optim.clip, gradients=zeros, max_norm=max_norm), {"gradient": zeros})
    norms = candidate.run(optim.norms, gradients=[zeros], max_norm=max_norm)
    assert_same(norms, {"norm": np.zeros(1, zeros["bias"].dtype)})


@law("optim.clip_grad_norm")
@given(problem=clippings(st.sampled_from([1.0, 0.5, 0.25])))
def test_clipping_works_in_place(candidate: Candidate, problem: Problem) -> None:
    """The gradients are scaled in their own arrays, which the layers hold."""
    same_arrays = dict.fromkeys(problem["gradients"], True)
    assert_same(candidate.run(optim.clip, **problem), {"is the same array": same_arrays})


@law("optim.clip_grad_norm")
@given(problem=clippings(st.sampled_from([0.0, -1.0, -0.5])))
def test_a_max_norm_must_be_positive(candidate: Candidate, problem: Problem) -> None:
    """A max_norm that is zero or negative is a ValueError."""
    candidate.raises(ValueError, optim.clip, **problem)


# What the optimisers' tests share


def assert_walks_like_torch(candidate: Candidate, problem: Problem) -> None:
    """The parameters are torch's after every step."""
    assert_right(candidate, optim.trajectory, oracle.trajectory, problem, mistakes=oracle.trajectory_mistakes)


def assert_works_in_place(candidate: Candidate, problem: Problem) -> None:
    """After the walk the parameters are the arrays that they were, and the gradients those of the last step."""
    probe, mistakes = optim.arrays_afterwards, oracle.in_place_mistakes
    assert_right(candidate, probe, oracle.arrays_afterwards, problem, mistakes=mistakes)


def assert_goes_on(candidate: Candidate, problem: Problem) -> None:
    """The walk with a pause is the walk without one."""
    walk = {name: value for name, value in problem.items() if name != "pause"}
    assert_same(candidate.run(optim.resumed_trajectory, **problem), oracle.trajectory(**walk))

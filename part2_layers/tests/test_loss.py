"""The losses against torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, Probe, assert_right, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, Shape, array, integers
from part2_layers.tests import oracle_loss as oracle
from part2_layers.tests.strategies import LENGTHS

losses = probes("loss")

SINGLE_NUMBERS: tuple[Problem, ...] = ({"reduction": "mean"}, {"reduction": "sum"}, {})
REDUCTIONS: tuple[Problem, ...] = (*SINGLE_NUMBERS, {"reduction": "none"})
# The upstream gradient of a single number: 256 stands for a loss scale, None leaves it to the default.
GRADIENTS = st.sampled_from([1.0, 2.0, None, 0.1, -1.5, 256.0])
# Shapes: a mean over a single value, or over none, is an edge case.
SEVERAL = st.sampled_from([2, 3, 4])
VALUES = st.one_of(st.tuples(SEVERAL, LENGTHS), st.tuples(SEVERAL), st.tuples(SEVERAL, LENGTHS, LENGTHS))
NO_VALUES = st.sampled_from([(0,), (0, 3), (2, 0), (0, 1, 2)])
ONE_VALUE = st.sampled_from([(1,), (1, 1), ()])
# Shapes of an input for classes: a vector for each target, more axes behind the classes, or either.
CLASSES = st.sampled_from([2, 3, 4, 5])
VECTORS = st.tuples(SEVERAL, CLASSES)
MORE_AXES = st.one_of(st.tuples(SEVERAL, CLASSES, LENGTHS), st.tuples(SEVERAL, CLASSES, LENGTHS, LENGTHS))
ANY_AXES = st.one_of(VECTORS, VECTORS, MORE_AXES)
NO_TARGETS = st.sampled_from([(0, 3), (0, 3, 2), (2, 3, 0)])
ONE_CLASS = st.just((2, 1))
ONE_TARGET_OR_CLASS = st.sampled_from([(1, 3), (3,), (2, 1), (1, 3, 1)])

# The problems


@st.composite
def regressions(
    draw: Draw, options: tuple[Problem, ...] = REDUCTIONS, shapes: st.SearchStrategy[Shape] = VALUES
) -> Problem:
    """Two arrays of one shape for MSELoss."""
    shape, dtype = draw(shapes), draw(DTYPES)
    return {
        "loss": "MSELoss",
        "input": array(draw, shape, dtype=dtype),
        "target": array(draw, shape, dtype=dtype),
        "options": draw(st.sampled_from(options)),
    }


@st.composite
def classifications(
    draw: Draw,
    shapes: st.SearchStrategy[Shape] = VECTORS,
    are_classes: bool | None = True,
    among: str = "numbers",
) -> Problem:
    """An input for CrossEntropyLoss, and class numbers or probabilities, or (None) either."""
    shape = draw(shapes)
    # x - log Σ eˣ is right too, but among thousands float32 rounds it in the fourth digit.
    dtype = "float64" if among == "thousands" else draw(DTYPES)
    is_class = draw(st.booleans()) if are_classes is None else are_classes
    return {
        "loss": "CrossEntropyLoss",
        "input": array(draw, shape, among, dtype),
        "target": class_numbers(draw, shape) if is_class else probabilities(draw, shape, dtype),
        "options": draw(st.sampled_from(REDUCTIONS)),
    }


@st.composite
def classifications_with_ignored(draw: Draw) -> Problem:
    """Class numbers, some of which are ignored, though never the first; the ignored number may be a class."""
    problem = draw(classifications(ANY_AXES))
    ignore_index = draw(st.sampled_from([0, -1, 1, -2, 9, -100]))
    is_ignored = integers(draw, problem["target"].shape, 0, 2) == 1
    target = np.where(is_ignored, ignore_index, problem["target"])
    if target.flat[0] == ignore_index:
        target.flat[0] = 1 if ignore_index == 0 else 0
    ignoring = {} if ignore_index == -100 else {"ignore_index": ignore_index}
    return {**problem, "target": target, "options": {**problem["options"], **ignoring}}


@st.composite
def smoothed_classifications(draw: Draw) -> Problem:
    """Class numbers, some perhaps ignored, or probabilities; and a label_smoothing."""
    problem = draw(st.one_of(classifications(ANY_AXES, are_classes=None), classifications_with_ignored()))
    smoothing = draw(st.sampled_from([0.5, 0.1, 0.25, 1.0]))
    return {**problem, "options": {**problem["options"], "label_smoothing": smoothing}}


@st.composite
def ignored_classifications(draw: Draw) -> Problem:
    """Class numbers that are all ignored, also where there is but one class; perhaps a label_smoothing."""
    problem = draw(classifications(st.one_of(ANY_AXES, ONE_CLASS)))
    ignoring = draw(st.sampled_from([{}, {"ignore_index": -1}, {"ignore_index": 1}]))
    smoothing = draw(st.sampled_from([{}, {"label_smoothing": 0.5}]))
    target = np.full_like(problem["target"], ignoring.get("ignore_index", -100))
    return {**problem, "target": target, "options": {**problem["options"], **ignoring, **smoothing}}


@st.composite
def with_gradients(draw: Draw, problems: st.SearchStrategy[Problem]) -> Problem:
    """The problem, and the upstream gradient: an array of the loss's shape; for () also a number, or None."""
    problem = draw(problems)
    shape, dtype = problem["input"].shape, problem["input"].dtype
    if problem["options"].get("reduction") == "none":
        shape = shape if problem["loss"] == "MSELoss" else without_classes(shape)
        return {**problem, "grad_output": array(draw, shape, dtype=dtype.name)}
    number = draw(GRADIENTS)
    is_array = number is not None and draw(st.booleans())
    return {**problem, "grad_output": np.asarray(number, dtype) if is_array else number}


@st.composite
def refused_regressions(draw: Draw) -> Problem:
    """Something that MSELoss cannot take."""
    problem = draw(regressions())
    input, target = problem["input"], problem["target"]
    changes = [
        {"target": target[None]},
        {"target": target[..., None]},
        {"target": np.concatenate([np.atleast_1d(target)] * 2)},
        {"input": input.astype(np.int64)},
        {"options": {"reduction": "average"}},
    ]
    return {**problem, **draw(st.sampled_from(changes))}


@st.composite
def refused_classifications(draw: Draw) -> Problem:
    """Something that CrossEntropyLoss cannot take."""
    problem = draw(classifications(ANY_AXES))
    input, target, options = problem["input"], problem["target"], problem["options"]
    changes = [
        {"target": with_first(target, input.shape[1])},
        {"target": with_first(target, -1)},
        {"target": with_first(target, -100), "options": {**options, "ignore_index": 0}},
        {"target": target[..., None]},
        {"target": np.concatenate([target, target])},
        {"target": np.zeros_like(input)[:, 1:]},
        {"input": input.astype(np.int64)},
        {"options": {**options, "reduction": "average"}},
        {"options": {**options, "label_smoothing": -0.25}},
        {"options": {**options, "label_smoothing": 1.25}},
    ]
    return {**problem, **draw(st.sampled_from(changes))}


def class_numbers(draw: Draw, shape: Shape) -> np.ndarray:
    """A class for every place of an input of this shape."""
    return integers(draw, without_classes(shape), 0, shape[class_axis(shape)])


def probabilities(draw: Draw, shape: Shape, dtype: str) -> np.ndarray:
    """Quarters, which are exact and sum to one over the classes, of an input of this shape."""
    votes = integers(draw, (*without_classes(shape), 4), 0, shape[class_axis(shape)])
    shares = (votes[..., None] == np.arange(shape[class_axis(shape)])).mean(axis=-2)
    return np.moveaxis(shares, -1, class_axis(shape)).astype(dtype)


def class_axis(shape: Shape) -> int:
    """Where torch has the classes: (v,), (b, v), (b, v, ...)."""
    return min(1, len(shape) - 1)


def without_classes(shape: Shape) -> Shape:
    """The shape of the class numbers, and of the losses."""
    return (*shape[: class_axis(shape)], *shape[class_axis(shape) + 1 :])


def with_first(target: np.ndarray, number: int) -> np.ndarray:
    """A copy in which the first class number is this one."""
    changed = target.copy()
    changed.flat[0] = number
    return changed


# Mean squared error, forward


@oracle_test("mse.forward")
@given(problem=regressions(SINGLE_NUMBERS))
def test_squared_error_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives the mean of (input - target)² over all values, which is the default, or their sum."""
    assert_right(candidate, losses.forward, oracle.loss, problem, ["output"], oracle.mse_mistakes)


@oracle_test("mse.forward")
@given(problem=regressions(({"reduction": "none"},)))
def test_single_squared_errors_match_torch(candidate: Candidate, problem: Problem) -> None:
    """With reduction "none" every (input - target)² stays where it is."""
    assert_right(candidate, losses.forward, oracle.loss, problem, ["output"], oracle.mse_mistakes)


@law("mse.forward")
@given(problem=refused_regressions())
def test_squared_error_refuses(candidate: Candidate, problem: Problem) -> None:
    """Another shape of the target and an unknown reduction are ValueErrors, integer input is a TypeError."""
    candidate.raises(error_of(problem), losses.forward, **problem)


@edge_case("mse.forward")
@given(problem=regressions(shapes=NO_VALUES))
def test_squared_error_of_nothing(candidate: Candidate, problem: Problem) -> None:
    """Over no values the mean is NaN, the sum 0, and none of it warns."""
    assert_right(
        candidate, losses.forward_without_warning, oracle.loss, problem, ["output"], oracle.mistakes_of_nothing
    )


@edge_case("mse.forward")
@given(problem=regressions(shapes=ONE_VALUE))
def test_squared_error_of_a_single_value(candidate: Candidate, problem: Problem) -> None:
    """The loss of a single value, be its shape (1,), (1, 1) or (), has the shape () too, or with "none" the input's."""
    assert_right(candidate, losses.forward, oracle.loss, problem, ["output"], oracle.mse_mistakes)


# Mean squared error, backward


@oracle_test("mse.backward")
@given(problem=with_gradients(regressions(SINGLE_NUMBERS)))
def test_gradient_of_squared_error_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """backward gives g · 2 (input - target), over the number of values for "mean"; g is 1 unless one is given."""
    assert_right(candidate, losses.forward_and_backward, oracle.loss, problem, ["input_grad"], oracle.mse_mistakes)


@oracle_test("mse.backward")
@given(problem=with_gradients(regressions(({"reduction": "none"},))))
def test_gradient_of_single_squared_errors_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """With reduction "none" every value has an upstream gradient of its own."""
    assert_right(candidate, losses.forward_and_backward, oracle.loss, problem, ["input_grad"], oracle.mse_mistakes)


@law("mse.backward")
@given(problem=with_gradients(regressions()))
def test_squared_error_accepts_views(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same gradient, and no argument is changed."""
    assert_right_on_views(candidate, problem)


@law("mse.backward")
@given(problem=with_gradients(regressions()))
def test_backward_of_squared_error_needs_a_forward(candidate: Candidate, problem: Problem) -> None:
    """backward before any forward is a RuntimeError."""
    assert_needs_a_forward(candidate, problem)


@edge_case("mse.backward")
@given(problem=with_gradients(regressions(shapes=NO_VALUES)))
def test_gradient_of_squared_error_of_nothing(candidate: Candidate, problem: Problem) -> None:
    """For no values the gradient is empty too, without a warning."""
    assert_right(candidate, losses.run_without_warning, oracle.loss, problem, ["input_grad"])


@edge_case("mse.backward")
@given(problem=with_gradients(regressions(shapes=ONE_VALUE)))
def test_gradient_of_squared_error_of_a_single_value(candidate: Candidate, problem: Problem) -> None:
    """The gradient of a single value has its shape: (1,), (1, 1) or ()."""
    assert_right(candidate, losses.forward_and_backward, oracle.loss, problem, ["input_grad"], oracle.mse_mistakes)


# Cross-entropy, forward


@oracle_test("cross_entropy.forward")
@given(problem=classifications())
def test_cross_entropy_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives -log softmax(input) of the target's class: the mean over the batch, the sum, or every one."""
    assert_right_loss(candidate, losses.forward, problem)


@oracle_test("cross_entropy.forward")
@given(problem=classifications(MORE_AXES))
def test_cross_entropy_of_other_shapes_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward takes more axes behind the classes, too: (b, v, ...)."""
    assert_right_loss(candidate, losses.forward, problem)


@oracle_test("cross_entropy.forward")
@given(problem=classifications(ANY_AXES, are_classes=False))
def test_cross_entropy_of_probabilities_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """For a target of probabilities q the loss is -Σ q · log softmax(input) over the classes."""
    assert_right_loss(candidate, losses.forward, problem)


@oracle_test("cross_entropy.forward")
@given(problem=classifications_with_ignored())
def test_ignored_targets_match_torch(candidate: Candidate, problem: Problem) -> None:
    """Targets equal to ignore_index, be it a class or not, have loss 0, and the mean leaves them out."""
    assert_right_loss(candidate, losses.forward, problem)


@oracle_test("cross_entropy.forward")
@given(problem=smoothed_classifications())
def test_smoothed_targets_match_torch(candidate: Candidate, problem: Problem) -> None:
    """label_smoothing ε mixes every target that counts with the uniform distribution: (1 - ε) q + ε / v."""
    assert_right_loss(candidate, losses.forward, problem)


@law("cross_entropy.forward")
@given(problem=classifications(ANY_AXES, are_classes=None), shift=st.sampled_from([1.0, -2.0, 10.0]))
def test_cross_entropy_ignores_a_constant_shift(candidate: Candidate, problem: Problem, shift: float) -> None:
    """The same number added to the input of every class leaves the loss unchanged."""
    input = problem["input"]
    once = candidate.run(losses.forward, **problem)["output"]
    shifted = candidate.run(losses.forward, **{**problem, "input": input + input.dtype.type(shift)})["output"]
    is_single = problem["options"].get("reduction") != "none"
    assert_same(shifted, checked(once, (() if is_single else without_classes(input.shape), input.dtype)))


@law("cross_entropy.forward")
@given(problem=refused_classifications())
def test_cross_entropy_refuses(candidate: Candidate, problem: Problem) -> None:
    """A class that is not there, another shape of the target, an unknown reduction and a label_smoothing outside
    0 to 1 are ValueErrors, integer input is a TypeError."""
    candidate.raises(error_of(problem), losses.forward, **problem)


@edge_case("cross_entropy.forward")
@given(problem=classifications(ANY_AXES, are_classes=None, among="thousands"))
def test_cross_entropy_does_not_overflow(candidate: Candidate, problem: Problem) -> None:
    """With inputs in the thousands the loss is right too, and nothing on the way warns of an overflow."""
    assert_right_loss(candidate, losses.forward_without_warning, problem)


@edge_case("cross_entropy.forward")
@given(problem=classifications(NO_TARGETS, are_classes=None))
def test_cross_entropy_of_nothing(candidate: Candidate, problem: Problem) -> None:
    """With no target the mean is NaN, the sum 0, and none of it warns."""
    assert_right(
        candidate, losses.forward_without_warning, oracle.loss, problem, ["output"], oracle.mistakes_of_nothing
    )


@edge_case("cross_entropy.forward")
@given(problem=ignored_classifications())
def test_cross_entropy_of_ignored_targets_alone(candidate: Candidate, problem: Problem) -> None:
    """If all targets are ignored the mean is NaN, the sum 0, and none of it warns."""
    assert_right(
        candidate, losses.forward_without_warning, oracle.loss, problem, ["output"], oracle.mistakes_of_nothing
    )


@edge_case("cross_entropy.forward")
@given(problem=classifications(ONE_TARGET_OR_CLASS, are_classes=None))
def test_cross_entropy_of_a_single_target_or_class(candidate: Candidate, problem: Problem) -> None:
    """forward takes a batch of one, a single input (v,) with its target (), and a single class, whose loss is 0."""
    assert_right_loss(candidate, losses.forward, problem)


# Cross-entropy, backward


@oracle_test("cross_entropy.backward")
@given(problem=with_gradients(classifications(ANY_AXES)))
def test_gradient_of_cross_entropy_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """backward gives g · (softmax(input) - one-hot), over the number of targets for "mean"; g is 1 unless given."""
    assert_right_gradient(candidate, problem)


@oracle_test("cross_entropy.backward")
@given(problem=with_gradients(classifications(ANY_AXES, are_classes=False)))
def test_gradient_for_probabilities_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """For a target of probabilities q the gradient is g · (softmax(input) - q)."""
    assert_right_gradient(candidate, problem)


@oracle_test("cross_entropy.backward")
@given(problem=with_gradients(classifications_with_ignored()))
def test_gradient_for_ignored_targets_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Where the target is ignored the gradient is zero; "mean" divides by the number of those that count."""
    assert_right_gradient(candidate, problem)


@oracle_test("cross_entropy.backward")
@given(problem=with_gradients(smoothed_classifications()))
def test_gradient_for_smoothed_targets_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """With label_smoothing the gradient is that of the smoothed target."""
    assert_right_gradient(candidate, problem)


@law("cross_entropy.backward")
@given(problem=with_gradients(st.one_of(classifications(ANY_AXES, None), smoothed_classifications())))
def test_gradient_of_cross_entropy_sums_to_zero(candidate: Candidate, problem: Problem) -> None:
    """Over the classes the gradient sums to zero, since a shift of all of them changes nothing."""
    input = problem["input"]
    input_grad = checked(candidate.run(losses.forward_and_backward, **problem)["input_grad"], input)
    total = np.asarray(input_grad.sum(axis=class_axis(input.shape)) / max(1, np.abs(input_grad).max()))
    assert_same({"sum over the classes": total}, {"sum over the classes": np.zeros_like(total)})


@law("cross_entropy.backward")
@given(problem=with_gradients(classifications(ANY_AXES, are_classes=None)))
def test_cross_entropy_accepts_views(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same gradient, and no argument is changed."""
    assert_right_on_views(candidate, problem)


@law("cross_entropy.backward")
@given(problem=with_gradients(classifications()))
def test_backward_of_cross_entropy_needs_a_forward(candidate: Candidate, problem: Problem) -> None:
    """backward before any forward is a RuntimeError."""
    assert_needs_a_forward(candidate, problem)


@edge_case("cross_entropy.backward")
@given(problem=with_gradients(classifications(ANY_AXES, are_classes=None, among="thousands")))
def test_gradient_of_cross_entropy_does_not_overflow(candidate: Candidate, problem: Problem) -> None:
    """With inputs in the thousands the gradient is right too, and nothing on the way warns of an overflow."""
    assert_right(candidate, losses.run_without_warning, oracle.loss, problem, ["input_grad"])


@edge_case("cross_entropy.backward")
@given(problem=with_gradients(classifications(NO_TARGETS, are_classes=None)))
def test_gradient_of_cross_entropy_of_nothing(candidate: Candidate, problem: Problem) -> None:
    """With no target the gradient is empty, and nothing warns."""
    assert_right(candidate, losses.run_without_warning, oracle.loss, problem, ["input_grad"])


@edge_case("cross_entropy.backward")
@given(problem=with_gradients(ignored_classifications()))
def test_gradient_for_ignored_targets_alone(candidate: Candidate, problem: Problem) -> None:
    """If all targets are ignored the gradient is zero, also for a mean that is NaN, and nothing warns."""
    assert_right(candidate, losses.run_without_warning, oracle.loss, problem, ["input_grad"])


@edge_case("cross_entropy.backward")
@given(problem=with_gradients(classifications(ONE_TARGET_OR_CLASS, are_classes=None)))
def test_gradient_for_a_single_target_or_class(candidate: Candidate, problem: Problem) -> None:
    """A batch of one and a single input (v,) have gradients of their shapes; that of a single class is zero."""
    assert_right_gradient(candidate, problem)


def assert_right_loss(candidate: Candidate, probe: Probe, problem: Problem) -> None:
    """Cross-entropy is torch's, and a known mistake is named."""
    assert_right_entry(candidate, probe, problem, "output")


def assert_right_gradient(candidate: Candidate, problem: Problem) -> None:
    """The gradient of cross-entropy is torch's, and a known mistake is named."""
    assert_right_entry(candidate, losses.forward_and_backward, problem, "input_grad")


def assert_right_entry(candidate: Candidate, probe: Probe, problem: Problem, name: str) -> None:
    """The loss or its gradient is torch's; a small number in the logarithm is named before what it may look like."""
    got, right = candidate.run(probe, **problem), oracle.loss(**problem)

    @np.errstate(all="ignore")
    def known() -> Problem:
        in_the_logarithm = oracle.logarithm_mistakes({name: got.get(name)}, **problem)
        changes = in_the_logarithm | oracle.cross_entropy_mistakes(**problem)
        return {sentence: {**right, **changed} for sentence, changed in changes.items()}

    assert_same(got, right, [name], known)


def assert_right_on_views(candidate: Candidate, problem: Problem) -> None:
    """On arrays whose numbers do not lie in order: the true gradient, and the arguments have not changed."""
    right = {f"{name} afterwards": problem[name] for name in ("input", "target", "grad_output")}
    right["input_grad"] = oracle.loss(**problem)["input_grad"]
    assert_same(candidate.run(losses.run_on_views, **problem), right)


def assert_needs_a_forward(candidate: Candidate, problem: Problem) -> None:
    """backward of a new loss is a RuntimeError."""
    without_forward: dict[str, Any] = {name: problem[name] for name in ("loss", "options", "grad_output")}
    candidate.raises(RuntimeError, losses.backward_first, **without_forward)


def error_of(problem: Problem) -> type[Exception]:
    """What has to be raised for a problem that is refused."""
    return TypeError if problem["input"].dtype.kind == "i" else ValueError

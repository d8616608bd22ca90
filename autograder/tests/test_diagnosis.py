"""What the numbers look like is said when they show it, and only then."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograder.judge.diagnosis import Seen, explain
from autograder.judge.failures import Crashed, Erred, NotAttempted, TimedOut, Trace
from autograder.testing.comparison import assert_same
from autograder.testing.failures import Mismatch, Wrong

pytestmark = pytest.mark.filterwarnings("error")

NUMBERS = ["?", "i1", "i8", "u1", "u8", "f2", "f4", "f8", "c8", "c16"]
any_arrays = hnp.arrays(st.sampled_from(NUMBERS), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
SHAPE = (3, 4)
NAN = "y holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞"
INFINITY = "y holds infinity where it should be finite, as after an overflow, 1 / 0 or log 0"
BROADCAST = "y is not summed over the axes along which its input was broadcast"
# Distinct, of both signs, and without a pattern that a rule could mistake for its own.
EXPECTED = np.array([[2.0, -3.0, 5.0, 7.0], [-11.0, 13.0, 17.0, -19.0], [23.0, 29.0, -31.0, 37.0]])


def diagnosis_of(got: Any, expected: Any, **arguments: Any) -> str:
    with pytest.raises(Wrong) as caught:
        assert_same({"y": got}, {"y": expected})
    return explain(Seen(caught.value, arguments))


# Rules


@pytest.mark.parametrize(
    ("got", "sentence"),
    [
        (EXPECTED.astype("f4"), "the values are right and their dtype is not: float32 instead of float64"),
        (EXPECTED.astype("i8"), "the values are right and their dtype is not: int64 instead of float64"),
        (np.where(EXPECTED == 5, np.nan, EXPECTED), NAN),
        (np.where(EXPECTED == 5, np.inf, EXPECTED), INFINITY),
        (0 * EXPECTED, "y is zero everywhere"),
        (-EXPECTED, "y has the wrong sign"),
        (5 * EXPECTED, "y is too large by the factor 5"),
        (EXPECTED / 5, "y is too small by the factor 5"),
        (-5 * EXPECTED, "y is too large by the factor -5"),
        (EXPECTED + 0.25, "y is off by 0.25 everywhere"),
        (EXPECTED[::-1], "y is in reverse order along axis 0"),
        (EXPECTED[:, ::-1], "y is in reverse order along axis 1"),
        (EXPECTED.T, "y is transposed"),
        (EXPECTED.reshape(2, 6), "the values are right and their arrangement is not: (2, 6) instead of (3, 4)"),
        (EXPECTED.ravel(), "the values are right and their arrangement is not: (12,) instead of (3, 4)"),
        (EXPECTED[None], "the values are right, but y has axes of length 1 too many: (1, 3, 4) instead of (3, 4)"),
        (np.stack([EXPECTED, 2 * EXPECTED]) / 3, BROADCAST),
        (np.stack([EXPECTED / 2, 3 * EXPECTED / 2], axis=2), "y is not averaged over axis 2"),
        (np.where(EXPECTED == 5, 6, EXPECTED), ""),
        (EXPECTED.astype("f4") * np.float32(1 + 1e-3), ""),  # of the wrong dtype too: no offset, however small
        (EXPECTED**2, ""),
        (EXPECTED[:2], ""),
    ],
)  # fmt: skip
def test_a_mistake_is_recognised(got: np.ndarray, sentence: str) -> None:
    assert diagnosis_of(got, EXPECTED) == sentence


def test_a_square_answer_that_is_transposed_is_recognised() -> None:
    assert diagnosis_of(EXPECTED[:, :3].T, EXPECTED[:, :3]) == "y is transposed"


def test_a_gradient_that_was_not_summed_at_all_is_recognised() -> None:
    assert diagnosis_of(EXPECTED, np.asarray(EXPECTED.sum())) == BROADCAST
    assert diagnosis_of(EXPECTED, EXPECTED.sum(axis=1)) == "y is not summed over axis 1"
    assert diagnosis_of(EXPECTED, EXPECTED.sum(axis=1, keepdims=True)) == BROADCAST


def test_an_input_that_was_handed_back_is_named() -> None:
    grad_output = EXPECTED**3
    assert diagnosis_of(grad_output, EXPECTED, x=EXPECTED**2, grad_output=grad_output) == "y is grad_output, unchanged"


@pytest.mark.parametrize(
    ("factor", "name"),
    [
        (7, "7, the length of x's axis 1"),
        (1 / 7, "7, the length of x's axis 1"),
        (7**0.5, "√7, the root of the length of x's axis 1"),
        (35, "35, the number of x's values"),
        (-7, "-7, the length of x's axis 1"),
        (6.5, "6.5"),
    ],
)
def test_a_factor_is_named_after_the_shape_it_comes_from(factor: float, name: str) -> None:
    sentence = diagnosis_of(factor * EXPECTED, EXPECTED, x=np.ones((5, 7)), axis=None)
    assert sentence == f"y is too {'large' if abs(factor) > 1 else 'small'} by the factor {name}"


def test_rounding_to_float32_is_recognised_by_numbers_that_are_all_float32s() -> None:
    expected = EXPECTED / 7
    sentence = "the numbers are float32's: on the way, or at the end, they were rounded to seven digits"
    assert diagnosis_of(expected.astype("f4").astype("f8"), expected) == sentence
    assert diagnosis_of((EXPECTED.astype("f4") / np.float32(7)).astype("f8"), expected) == sentence


@pytest.mark.parametrize("epsilon", [1e-9, 1e-8, 1e-7])
def test_a_small_number_that_was_added_is_not_called_float32(epsilon: float) -> None:
    p = np.abs(EXPECTED) / 100
    assert diagnosis_of(np.log(p + epsilon), np.log(p)) == "" if epsilon > 1e-9 else True
    assert "float32" not in diagnosis_of(np.ones(3), 1 / (1 + np.array([1, 2, 3]) * epsilon) - 1e-7)


@pytest.mark.parametrize("error", [1e-4, 1e-5])
def test_an_error_that_is_larger_than_rounding_is_not_called_float32(error: float) -> None:
    expected = EXPECTED / 7
    assert "float32" not in diagnosis_of(expected + error * np.cos(EXPECTED), expected)


@given(
    expected=hnp.arrays("f8", SHAPE, elements=st.integers(-99, 99).map(float), unique=True),
    seed=st.integers(0, 2**32 - 1),
)
def test_nothing_is_said_of_numbers_that_show_nothing(expected: np.ndarray, seed: int) -> None:
    got = np.random.default_rng(seed).normal(size=SHAPE)
    assert diagnosis_of(got, expected, x=expected**2 + 0.5) == ""


@given(expected=hnp.arrays("f8", SHAPE, elements=st.integers(-99, 99).map(float), unique=True))
def test_a_wrong_sign_is_recognised_in_any_numbers(expected: np.ndarray) -> None:
    assert diagnosis_of(-expected, expected, x=np.ones(SHAPE)) == "y has the wrong sign"


@given(got=any_arrays, expected=any_arrays, argument=any_arrays)
def test_any_two_arrays_can_be_diagnosed(got: np.ndarray, expected: np.ndarray, argument: np.ndarray) -> None:
    """Neither an exception nor a warning, which would end up on the learner's terminal."""
    assert type(explain(Seen(Wrong("", Mismatch("y", got, expected)), {"x": argument, "axis": 0}))) is str


def test_numbers_that_overflow_can_be_diagnosed() -> None:
    extreme = np.array([[1e300, -1e300], [np.inf, np.nan]])
    for got in (extreme, -extreme, extreme[::-1], np.zeros((2, 2)), extreme.T):
        for expected in (extreme, np.eye(2), extreme.sum(axis=0), np.float64(0).reshape(1)):
            assert type(explain(Seen(Wrong("", Mismatch("y", got, expected)), {"x": extreme}))) is str


def test_infinity_in_another_place_is_no_overflow() -> None:
    log_probs = np.array([[-np.inf, -1.0, -2.0], [-3.0, -4.0, -5.0]])
    assert diagnosis_of(log_probs[:, ::-1] - 1, log_probs) == ""


def test_an_empty_slice_is_recognised() -> None:
    sentence = "y is empty along axis 1: a slice such as x[p:-p] is empty where p is 0"
    assert diagnosis_of(EXPECTED[:, 0:-0], EXPECTED) == sentence
    assert diagnosis_of(np.ones((3, 0, 2)), EXPECTED) == ""


def test_axes_of_length_1_are_told_from_a_sum_that_is_missing() -> None:
    kept, gone = EXPECTED.sum(axis=1, keepdims=True), EXPECTED.sum(axis=1)
    assert diagnosis_of(gone, kept) == "the values are right, but y lacks axes of length 1: (3,) instead of (3, 1)"
    assert "has its axes of length 1 elsewhere" in diagnosis_of(kept.T, kept)


# What must hold in every failure


def explanation_of(*pairs: tuple[Any, Any], **arguments: Any) -> str:
    """The sentence on the first of these failures, in the light of them all."""
    seen = []
    for got, expected in pairs:
        with pytest.raises(Wrong) as caught:
            assert_same({"y": got}, {"y": expected}, mistakes={"doubled": {"y": 2 * expected}})
        seen.append(Seen(caught.value, {name: value[: len(got)] for name, value in arguments.items()}))
    return explain(seen[0], seen[1:])


def test_what_does_not_hold_in_another_failure_is_not_said() -> None:
    assert explanation_of((-EXPECTED, EXPECTED)) == "y has the wrong sign"
    assert explanation_of((-EXPECTED, EXPECTED), (EXPECTED + 1, EXPECTED)) == ""
    assert explanation_of((2 * EXPECTED, EXPECTED), (2 * EXPECTED[:2], EXPECTED[:2])) == "doubled"
    assert explanation_of((2 * EXPECTED, EXPECTED), (3 * EXPECTED, EXPECTED)) == "y is too large by the factor 2"


def test_a_failure_of_another_kind_has_no_say() -> None:
    lost, arranged = np.where(EXPECTED == 5, np.nan, EXPECTED), EXPECTED.ravel()
    assert explanation_of((-EXPECTED, EXPECTED), (lost, EXPECTED), (arranged, EXPECTED)) == "y has the wrong sign"


def test_a_length_is_named_only_if_the_factor_follows_it() -> None:
    x = np.ones((3, 1))
    follows, stays = ((3 * EXPECTED, EXPECTED), (2 * EXPECTED[:2], EXPECTED[:2])), (3 * EXPECTED[:2], EXPECTED[:2])
    assert explanation_of(*follows, x=x) == "y is too large by the factor 3, the length of x's axis 0"
    assert explanation_of(follows[0], stays, x=x) == "y is too large by the factor 3"


def test_a_single_value_looks_like_nothing_unless_others_do_too() -> None:
    one = np.array([6.0]), np.array([2.0])
    assert explanation_of(one, x=np.ones(3)) == ""
    assert explanation_of(one, (3 * EXPECTED, EXPECTED)) == "y is too large by the factor 3"
    assert explanation_of(one, (EXPECTED + 4, EXPECTED)) == ""


# What comes before the rules


def test_a_known_mistake_of_the_test_comes_first() -> None:
    failure = Wrong("", Mismatch("y", -EXPECTED, EXPECTED), mistakes=("a and b are swapped", "b is left out"))
    assert explain(Seen(failure, {})) == "a and b are swapped"


@pytest.mark.parametrize("failure", [TimedOut("5 s"), Crashed("gone"), NotAttempted("stub"), Wrong("y is missing")])
def test_without_numbers_nothing_is_said(failure: Any) -> None:
    assert explain(Seen(failure, {"x": EXPECTED})) == ""


def test_a_boolean_answer_is_not_diagnosed() -> None:
    assert diagnosis_of(np.array([True, False]), np.array([False, True])) == ""
    assert diagnosis_of(np.array([True, False]), np.array([2.0, 3.0])) == ""


@pytest.mark.parametrize(
    ("kinds", "part_of_sentence"),
    [
        (("RecursionError", "RuntimeError"), "use a loop"),
        (("SystemExit",), "an exercise returns its result"),
        (("SyntaxError",), "not valid Python"),
        (("IndentationError", "SyntaxError"), "indentation"),
        (("ModuleNotFoundError", "ImportError"), "a module is missing"),
        (("WireError",), "not made of arrays"),
    ],
)
def test_an_exception_that_says_little_is_explained(kinds: tuple[str, ...], part_of_sentence: str) -> None:
    assert part_of_sentence in explain(Seen(Erred(Trace(kinds, "", ())), {}))


def test_an_exception_that_speaks_for_itself_is_left_alone() -> None:
    assert explain(Seen(Erred(Trace(("ValueError", "Exception"), "shapes do not fit", ())), {})) == ""

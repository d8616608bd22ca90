"""What the numbers look like is said when they show it, and only then."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograder.judge.comparison import assert_same
from autograder.judge.diagnosis import diagnose
from autograder.judge.failures import Crashed, Erred, Mismatch, NotAttempted, TimedOut, Trace, Wrong

pytestmark = pytest.mark.filterwarnings("error")

NUMBERS = ["?", "i1", "i8", "u1", "u8", "f2", "f4", "f8", "c8", "c16"]
any_arrays = hnp.arrays(st.sampled_from(NUMBERS), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
SHAPE = (3, 4)
NOT_FINITE = "where it should be finite: an overflow, a division by zero, or the logarithm of 0"
BROADCAST = "y is not summed over the axes along which its input was broadcast"
# Distinct, of both signs, and without a pattern that a rule could mistake for its own.
EXPECTED = np.array([[2.0, -3.0, 5.0, 7.0], [-11.0, 13.0, 17.0, -19.0], [23.0, 29.0, -31.0, 37.0]])


def diagnosis_of(got: Any, expected: Any, **arguments: Any) -> str:
    with pytest.raises(Wrong) as caught:
        assert_same({"y": got}, {"y": expected})
    return diagnose(caught.value, arguments)


# Rules


@pytest.mark.parametrize(
    ("got", "sentence"),
    [
        (EXPECTED.astype("f4"), "the values are right and their dtype is not: float32 instead of float64"),
        (EXPECTED.astype("i8"), "the values are right and their dtype is not: int64 instead of float64"),
        (np.where(EXPECTED == 5, np.nan, EXPECTED), f"y holds NaN {NOT_FINITE}"),
        (np.where(EXPECTED == 5, np.inf, EXPECTED), f"y holds infinity {NOT_FINITE}"),
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
        (np.stack([EXPECTED, 2 * EXPECTED]) / 3, BROADCAST),
        (np.stack([EXPECTED / 2, 3 * EXPECTED / 2], axis=2), "y is not averaged over axis 2"),
        (np.where(EXPECTED == 5, 6, EXPECTED), ""),
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


def test_float32_on_the_way_is_recognised_by_its_seven_digits() -> None:
    expected = EXPECTED / 7
    sentence = "somewhere on the way the numbers were float32: they agree to seven digits only"
    assert diagnosis_of(expected.astype("f4").astype("f8"), expected) == sentence


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
    assert type(diagnose(Wrong("", Mismatch("y", got, expected)), {"x": argument, "axis": 0})) is str


def test_numbers_that_overflow_can_be_diagnosed() -> None:
    extreme = np.array([[1e300, -1e300], [np.inf, np.nan]])
    for got in (extreme, -extreme, extreme[::-1], np.zeros((2, 2)), extreme.T):
        for expected in (extreme, np.eye(2), extreme.sum(axis=0), np.float64(0).reshape(1)):
            assert type(diagnose(Wrong("", Mismatch("y", got, expected)), {"x": extreme})) is str


# What comes before the rules


def test_a_known_mistake_of_the_test_comes_first() -> None:
    failure = Wrong("", Mismatch("y", -EXPECTED, EXPECTED), mistake="a and b are swapped")
    assert diagnose(failure, {}) == "a and b are swapped"


@pytest.mark.parametrize("failure", [TimedOut("5 s"), Crashed("gone"), NotAttempted("stub"), Wrong("y is missing")])
def test_without_numbers_nothing_is_said(failure: Any) -> None:
    assert diagnose(failure, {"x": EXPECTED}) == ""


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
    assert part_of_sentence in diagnose(Erred(Trace(kinds, "", ())), {})


def test_an_exception_that_speaks_for_itself_is_left_alone() -> None:
    assert diagnose(Erred(Trace(("ValueError", "Exception"), "shapes do not fit", ())), {}) == ""

"""Answers are compared in structure, shape and dtype, and only then in value."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograder.testing.comparison import (
    TOLERANCES,
    assert_at_most,
    assert_same,
    checked,
    close,
    describe,
    first_wrong,
    same,
    wrong_values,
)
from autograder.testing.failures import Mismatch, TooLarge, Wrong
from autograder.tests.test_wire import plain_values

pytestmark = pytest.mark.filterwarnings("error")
FLOATS = ["float16", "float32", "float64", "complex64", "complex128"]


def message_of(got: Any, expected: Any, **options: Any) -> str:
    with pytest.raises(Wrong) as caught:
        assert_same(got, expected, **options)
    return caught.value.message


# Equal


@given(value=plain_values)
def test_everything_is_the_same_as_itself(value: Any) -> None:
    assert_same(value, value)


@given(got=plain_values, expected=plain_values)
def test_any_two_values_are_the_same_or_wrong(got: Any, expected: Any) -> None:
    try:
        assert_same(got, expected)
    except Wrong as wrong:
        assert wrong.message.endswith(".")  # noqa: PT017  any other exception is a failure of this test
        assert not same(got, expected)
    else:
        assert same(got, expected)


def test_nan_and_infinity_equal_themselves_and_nothing_else() -> None:
    special = np.array([np.nan, np.inf, -np.inf, 0.0])
    assert close(special, special).all()
    assert not close(special, np.roll(special, 1)).any()
    assert_same(float("nan"), float("nan"))


@pytest.mark.parametrize("dtype", FLOATS)
@given(data=st.data())
def test_the_tolerance_is_relative_to_the_largest_magnitude(dtype: str, data: st.DataObject) -> None:
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, max_side=4)
    expected = data.draw(hnp.arrays(np.int8, shapes)).astype(dtype)
    largest = max(1.0, float(np.abs(expected).max()))
    step = np.asarray(TOLERANCES[dtype] * largest, dtype=dtype)
    assert_same(np.asarray(expected + step / 4), expected)
    assert "values differ" in message_of(np.asarray(expected + step * 4), expected)


def test_integers_and_booleans_have_no_tolerance() -> None:
    assert "2 of 3 values differ" in message_of(np.array([1, 2, 3]), np.array([1, 3, 4]))
    assert "1 of 2 values differ" in message_of(np.array([True, False]), np.array([True, True]))
    large = np.array([2**62])
    assert "1 of 1" in message_of(large + 1, large)


# Structure, shape, dtype, value: the first that is wrong is told


@pytest.mark.parametrize(
    ("got", "expected", "message"),
    [
        (None, {"y": 1}, "answer must be a dict with y; got None."),
        (np.ones(2), {"x": 1, "y": 1, "z": 1}, "answer must be a dict with x, y and z; got an array of shape (2,)."),
        ({"y": (np.ones(99),)}, {"y": np.ones(9)}, "y must be an array of shape (9,); got a tuple of 1."),
        ({"y": {"a": np.ones(9)}}, {"y": 1}, "y must be 1; got a dict with a."),
        ({"x": 1}, {"y": 1}, "y is missing from the answer."),
        ([1], (1,), "answer must be a tuple; got [1]."),
        ((1, 2), (1,), "answer must have 1 entries; got 2."),
        ({"y": [1, 2]}, {"y": [1, 3]}, "y[1] must be 3; got 2."),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "a.b must be 2; got 1."),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, "a must have b; got 'c' as well."),
        ({"a": {"b": 1, "c": 2}}, {"a": {}}, "a must have no entries; got 'b' and 'c' as well."),
        (1, True, "answer must be True; got 1."),
        (0, None, "answer must be None; got 0."),
        (np.ones(2), None, "answer must be None; got an array of shape (2,)."),
        (1.0, np.ones(()), "answer must be an array of shape (); got 1.0."),
        (True, 1.0, "answer must be 1.0; got True."),
        (np.ones((2, 1), "f4"), np.ones(2), "answer must have shape (2,); got shape (2, 1)."),
        (np.ones(2, "f4"), np.zeros(2), "answer must have dtype float64; got dtype float32."),
        (np.ones(2, "i8"), np.ones(2), "answer must have dtype float64; got dtype int64."),
        (np.ones(()), np.zeros(()), "got answer = 1, expected 0 (1 of 1 values differ, largest difference 1)."),
        (2, 1.5, "got answer = 2, expected 1.5 (1 of 1 values differ, largest difference 0.5)."),
        (np.array([-np.inf, 0]), np.array([-np.inf, 3]),
         "got answer[1] = 0, expected 3 (1 of 2 values differ, largest difference 3)."),
        (np.array([np.inf, 0]), np.array([1.0, 3]), "got answer[0] = inf, expected 1 (2 of 2 values differ)."),
        (np.array([True]), np.array([False]), "got answer[0] = True, expected False (1 of 1 values differ)."),
        ("x" * 200, "y", f"answer must be 'y'; got str 'x{'x' * 78}…."),
    ],
)  # fmt: skip
def test_a_difference_is_told(got: Any, expected: Any, message: str) -> None:
    assert message_of(got, expected) == message


def test_a_scalar_where_a_number_was_expected_is_compared_as_a_number() -> None:
    assert_same(1, 1.0)
    assert_same(1.0 + 1e-12, 1.0)
    assert_same(np.array(1.0), np.float64(1.0))  # the judge may compute a NumPy scalar; it always gets an array


def test_only_the_names_that_are_asked_for_are_compared() -> None:
    got, expected = {"x": np.ones(1), "y": np.ones(1)}, {"x": np.ones(1), "y": np.zeros(1)}
    assert_same(got, expected, names=["x"])
    assert message_of(got, expected, names=["x", "y"]).startswith("got y[0] = 1, expected 0")


@pytest.mark.parametrize("like", [np.zeros((2, 3)), ((2, 3), "float64")])
def test_what_is_far_too_large_is_not_looked_at(like: Any) -> None:
    with pytest.raises(TooLarge, match="8 times the right answer"):
        checked([np.zeros(1)] * 20_000, like)
    with pytest.raises(TooLarge, match="8 times the right answer"):
        assert_same({"y": np.zeros((2, 3)), "more": "x" * 2**21}, {"y": np.zeros((2, 3))}, names=["y"])


def test_the_mismatch_is_kept_for_the_diagnosis() -> None:
    got, expected = np.array([[1.0, 2.0]]), np.array([[1.0, np.nan]])
    with pytest.raises(Wrong) as caught:
        assert_same({"y": got}, {"y": expected})
    mismatch = caught.value.mismatch
    assert mismatch is not None
    assert mismatch.name == "y"
    assert mismatch.got is got
    assert first_wrong(mismatch) == (0, 1)
    assert describe(mismatch) == ("y[0, 1] = 2", "y[0, 1] = nan", "1 of 2 values differ")


def test_of_another_shape_everything_differs() -> None:
    mismatch = Mismatch("y", np.ones(3), np.ones((2, 2)))
    assert wrong_values(mismatch).all()
    assert wrong_values(mismatch).shape == (2, 2)
    assert describe(mismatch) == ("y of shape (3,)", "shape (2, 2)", "")


# Known mistakes


def test_a_measured_number_may_be_this_large_and_no_larger() -> None:
    assert_at_most(8, 8, "the peak")
    for got, shown in ((9, "9"), ("8", "'8'"), (None, "None"), (8.5, "8.5")):
        with pytest.raises(Wrong, match=rf"^the peak must be at most 8; got {re.escape(shown)}\.$") as caught:
            assert_at_most(got, 8, "the peak", mistake="all at once")
        assert caught.value.mistakes == ("all at once",)


def test_a_known_mistake_is_named() -> None:
    mistakes = {"it is doubled": {"y": np.array([4.0])}, "it is negated": {"y": np.array([-2.0])}}
    for answer, sentence in ((-2.0, "it is negated"), (4.0, "it is doubled"), (5.0, "")):
        for given_as in (mistakes, lambda: mistakes):
            with pytest.raises(Wrong) as caught:
                assert_same({"y": np.array([answer])}, {"y": np.array([2.0])}, mistakes=given_as)
            assert caught.value.mistakes == ((sentence,) if sentence else ())


def test_known_mistakes_are_not_computed_for_a_right_answer() -> None:
    assert_same(1.0, 1.0, mistakes=lambda: pytest.fail("computed"))


def test_a_mistake_that_has_fewer_names_is_no_match() -> None:
    with pytest.raises(Wrong) as caught:
        assert_same({"x": 1.0, "y": 1.0}, {"x": 1.0, "y": 2.0}, ["x", "y"], {"it has no y": {"x": 1.0}})
    assert caught.value.mistakes == ()


# For laws


def test_checked_hands_on_what_has_the_right_kind() -> None:
    array = np.ones((2, 3), "f4")
    assert checked(array, array) is array
    assert checked(array, ((2, 3), "float32")) is array


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "y must be an array of shape (2,); got None."),
        (1.0, "y must be an array of shape (2,); got 1.0."),
        ([1.0, 2.0], "y must be an array of shape (2,); got [1.0, 2.0]."),
        (np.ones(3), "y must have shape (2,); got shape (3,)."),
        (np.ones(2, "f4"), "y must have dtype float64; got dtype float32."),
    ],
)
def test_checked_refuses_everything_else(value: Any, message: str) -> None:
    with pytest.raises(Wrong) as caught:
        checked(value, np.zeros(2), "y")
    assert caught.value.message == message

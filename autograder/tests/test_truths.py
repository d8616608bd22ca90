"""An oracle is asked once for each problem, and its failure is ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autograder.testing import truths
from autograder.testing.failures import Failure, GraderFault
from autograder.testing.truths import truth


class Oracle:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.answer = truth(self._ask)

    def _ask(self, x: Any, scale: float = 1.0) -> Any:
        """x times scale"""
        self.calls.append((x, scale))
        return x * scale


@pytest.fixture
def oracle() -> Oracle:
    return Oracle()


def test_the_same_problem_is_computed_once(oracle: Oracle) -> None:
    for _ in range(3):
        assert oracle.answer(np.ones(2), scale=2.0).tolist() == [2.0, 2.0]
    assert len(oracle.calls) == 1


@pytest.mark.parametrize(
    "other",
    [
        np.array([1.0, 2.0, 4.0]),
        np.array([1.0, 2.0, 3.0], "f4"),
        np.array([1, 2, 3]),
        np.array([[1.0, 2.0, 3.0]]),
        np.array([1.0, 2.0, -3.0]),
    ],
    ids=["a value", "float32", "integers", "a shape", "a sign"],
)
def test_problems_that_differ_anywhere_are_two(oracle: Oracle, other: np.ndarray) -> None:
    first = np.array([1.0, 2.0, 3.0])
    assert (oracle.answer(first) == first).all()
    answer = oracle.answer(other)
    assert (answer.shape, answer.dtype) == (other.shape, (other * 1.0).dtype)
    assert (answer == other).all()
    assert len(oracle.calls) == 2


def test_an_array_that_was_changed_is_another_problem(oracle: Oracle) -> None:
    x = np.ones(2)
    oracle.answer(x)
    x += 1
    assert oracle.answer(x).tolist() == [2.0, 2.0]


def test_options_count(oracle: Oracle) -> None:
    assert [oracle.answer(1, scale=scale) for scale in (1.0, 2.0, 1.0)] == [1.0, 2.0, 1.0]
    assert len(oracle.calls) == 2


def test_two_oracles_share_nothing(oracle: Oracle) -> None:
    other = Oracle()
    oracle.answer(1)
    other.answer(1)
    assert (len(oracle.calls), len(other.calls)) == (1, 1)


@pytest.mark.parametrize("error", [ValueError("shapes"), NotImplementedError(), KeyError("x"), Failure("wrong")])
def test_a_failure_is_the_graders_fault_and_nothing_else(error: Exception) -> None:
    @truth
    def broken(x: float) -> None:
        raise error

    with pytest.raises(GraderFault, match=f"broken failed: {type(error).__name__}") as caught:
        broken(1.0)
    assert caught.value.__cause__ is error


def test_a_problem_that_cannot_cross_the_wire_is_the_graders_fault(oracle: Oracle) -> None:
    with pytest.raises(GraderFault, match="WireError"):
        oracle.answer(object())


def test_what_is_remembered_is_bounded(oracle: Oracle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truths, "MAX_REMEMBERED", 2)
    assert [oracle.answer(x) for x in (1, 2, 3, 3, 1)] == [1, 2, 3, 3, 1]
    assert len(oracle.calls) == 4


def test_an_oracle_keeps_its_name_and_its_docstring(oracle: Oracle) -> None:
    assert (oracle.answer.__name__, oracle.answer.__doc__) == ("_ask", "x times scale")

"""How outcomes become points, and one word for an exercise."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.judge import running
from autograder.judge.collection import CollectedTest
from autograder.judge.exercises import Exercise, Part
from autograder.judge.outcomes import OUTCOMES, PASSED
from autograder.judge.scoring import blocked_by, is_absent, outcome_of, points_of

ABSENT = ["not attempted", "not handed in", "refused"]
WORDS = [*OUTCOMES]


def result(kind: str, outcome: str) -> running.TestResult:
    test = CollectedTest("test_x.py::test", "x.y", kind, "", print, print, Path("test_x.py"))  # type: ignore[arg-type]
    return running.TestResult(test, outcome)


def exercise(name: str = "x.y", points: float = 10, needs: tuple[str, ...] = ()) -> Exercise:
    return Exercise(name, points, "x.py", "", (), needs)


results = st.lists(
    st.builds(result, st.sampled_from(["oracle", "law", "edge case"]), st.sampled_from([PASSED, *WORDS])),
    min_size=1,
    max_size=8,
)


# Points


@pytest.mark.parametrize(
    ("outcomes", "points"),
    [
        ([("oracle", PASSED), ("oracle", PASSED)], [5, 5]),
        ([("oracle", PASSED), ("oracle", "wrong")], [5, 0]),
        ([("oracle", PASSED), ("law", PASSED)], [5, 5]),
        ([("oracle", PASSED), ("law", "error")], [5, 0]),
        ([("oracle", PASSED), ("law", PASSED), ("edge case", "error"), ("edge case", PASSED)], [2.5, 2.5, 0, 2.5]),
        ([("oracle", "wrong"), ("edge case", PASSED)], [0, 0]),
        ([("oracle", "wrong"), ("law", PASSED)], [0, 0]),
        ([("oracle", PASSED), ("oracle", "timeout"), ("law", PASSED), ("law", PASSED)], [2.5, 0, 0, 0]),
        ([("oracle", "grader fault"), ("law", PASSED)], [0, 0]),
        ([], []),
    ],
)
def test_points_are_shared_evenly_and_laws_pay_after_the_oracle_tests(
    outcomes: list[tuple[str, str]], points: list[float]
) -> None:
    assert points_of(exercise(), [result(*outcome) for outcome in outcomes]) == points


@given(results)
def test_only_what_passed_pays_and_all_passed_pays_in_full(given_results: list[running.TestResult]) -> None:
    points = points_of(exercise(points=7), given_results)
    passed = [entry.outcome == PASSED for entry in given_results]
    assert len(points) == len(given_results)
    assert all(point >= 0 and (point == 0 or success) for point, success in zip(points, passed, strict=True))
    assert (sum(points) == pytest.approx(7)) == all(passed)


@given(results, st.integers(0, 7))
def test_one_more_failure_never_raises_the_points(given_results: list[running.TestResult], position: int) -> None:
    worse = list(given_results)
    position %= len(worse)
    worse[position] = result(worse[position].test.kind, "wrong")
    assert sum(points_of(exercise(), worse)) <= sum(points_of(exercise(), given_results))


# The word for an exercise


@given(st.lists(st.sampled_from(WORDS), min_size=1))
def test_an_exercise_passed_only_if_each_of_its_tests_did(outcomes: list[str]) -> None:
    word = outcome_of(outcomes)
    assert word in outcomes
    assert (word == PASSED) == (set(outcomes) == {PASSED})
    assert word == outcome_of(outcomes[::-1])


@pytest.mark.parametrize(
    ("outcomes", "word"),
    [
        ([PASSED, "not attempted"], "not attempted"),
        (["not attempted", "wrong"], "wrong"),
        (["wrong", "error"], "error"),
        (["timeout", "crash", "wrong"], "crash"),
        (["refused", "crash"], "refused"),
        (["grader fault", "refused"], "grader fault"),
        ([], "grader fault"),
    ],
)
def test_the_gravest_outcome_is_the_word(outcomes: list[str], word: str) -> None:
    assert outcome_of(outcomes) == word


# Blocked


@pytest.mark.parametrize("outcome", WORDS)
def test_nothing_is_there_only_if_no_oracle_test_found_anything(outcome: str) -> None:
    assert is_absent([result("oracle", outcome), result("law", PASSED)]) == (outcome in ABSENT)
    assert not is_absent([result("oracle", outcome), result("oracle", "wrong")])
    assert not is_absent([])


CHAIN = Part(
    Path("part1_x"), "", (), (exercise("a"), exercise("b", needs=("a",)), exercise("c", needs=("b",)), exercise("d"))
)


@pytest.mark.parametrize(
    ("name", "absent", "first"),
    [
        ("a", {"a", "b"}, []),
        ("b", {"a"}, ["a"]),
        ("b", {"c", "d"}, []),
        ("c", {"a"}, ["a"]),
        ("c", {"b", "a"}, ["a", "b"]),
        ("d", {"a", "b", "c"}, []),
        ("c", set(), []),
    ],
)
def test_an_exercise_waits_for_what_it_needs_and_what_that_needs(name: str, absent: set[str], first: list[str]) -> None:
    assert blocked_by(CHAIN, CHAIN.exercise(name), absent) == first

"""From outcomes to points.

An exercise's points are shared evenly by its tests.  Its laws and edge cases pay once all its oracle tests pass.
`blocked` is only for an exercise that needs one which is entirely not attempted, not handed in or refused.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from autograder.judge.exercises import Exercise, Part
from autograder.judge.outcomes import GRADER_FAULT, OUTCOMES, PASSED
from autograder.judge.running import TestResult


def points_of(exercise: Exercise, results: Sequence[TestResult]) -> list[float]:
    """Each test's points, in the order of the results."""
    share = exercise.points / len(results) if results else 0.0
    oracles_pass = all(result.outcome == PASSED for result in results if result.test.kind == "oracle")
    return [
        share if result.outcome == PASSED and (result.test.kind == "oracle" or oracles_pass) else 0.0
        for result in results
    ]


def outcome_of(outcomes: Sequence[str]) -> str:
    """The word for a whole exercise: `passed`, or the gravest of its tests' outcomes; without any test, our fault."""
    return next((word for word in OUTCOMES if word in outcomes), GRADER_FAULT)


def is_absent(results: Sequence[TestResult]) -> bool:
    """Tell if an exercise is not there at all: all oracle tests find it not attempted, not handed in or refused."""
    oracles = [result for result in results if result.test.kind == "oracle"]
    return bool(oracles) and all(OUTCOMES[result.outcome].blocks for result in oracles)


def blocked_by(part: Part, exercise: Exercise, absent: Container[str]) -> list[str]:
    """List what has to be done first: the needed exercises, direct or not, of which nothing is there."""
    needs = part.all_needs[exercise.id]
    return [other.id for other in part.exercises if other.id in needs and other.id in absent]

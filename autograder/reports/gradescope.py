"""A result as Gradescope's `results.json`: an exercise is one of its tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from autograder.atomic_files import write_whole
from autograder.judge.exercises import Part
from autograder.judge.outcomes import PASSED
from autograder.judge.record import ExerciseRecord, PartRecord
from autograder.reports.explanation import as_text, explanation, most_telling_first


class Test(msgspec.Struct, kw_only=True):
    """One of Gradescope's tests; an extra exercise adds to the score, and its maximum is 0."""

    name: str
    score: float
    max_score: float
    status: Literal["passed", "failed"]
    output: str
    output_format: Literal["text"] = "text"
    visibility: Literal["visible"] = "visible"
    tags: list[str] = []


class Results(msgspec.Struct, kw_only=True):
    """What Gradescope reads; the score is the sum of its tests'."""

    score: float
    output: str
    output_format: Literal["text"] = "text"
    execution_time: float
    visibility: Literal["visible"] = "visible"
    stdout_visibility: Literal["hidden"] = "hidden"
    tests: list[Test]


def write(path: Path, parts: Sequence[Part], results: Sequence[PartRecord]) -> None:
    """Write all parts into one file."""
    exercises = [(part, exercise) for part, result in zip(parts, results, strict=True) for exercise in result.exercises]
    seeds = ", ".join(f"{result.part} with seed {result.seed}" for result in results)
    written = Results(
        score=round(sum(exercise.points for _, exercise in exercises), 6),
        output=f"Graded {seeds}, on isolation level {results[0].isolation.level}.",
        execution_time=round(sum(test.seconds for _, exercise in exercises for test in exercise.tests), 3),
        tests=[_test(part, exercise) for part, exercise in exercises],
    )
    write_whole(path, msgspec.json.format(msgspec.json.encode(written)) + b"\n")


def _test(part: Part, exercise: ExerciseRecord) -> Test:
    failing = most_telling_first(exercise, part)
    said = as_text(explanation(failing[0])) if failing else exercise.title
    return Test(
        name=f"{exercise.id}: {exercise.title}",
        score=exercise.points,
        max_score=0.0 if exercise.extra else exercise.max_points,
        status="passed" if exercise.outcome == PASSED else "failed",
        output=said,
        tags=[part.name, exercise.outcome],
    )

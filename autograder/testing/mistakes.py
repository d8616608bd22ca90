"""Known mistakes as patches on the reference: what a part's `checks/` need to show that each of them loses points."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from autograder.judge.candidate import WorkerCandidate
from autograder.judge.collection import Collection, collect
from autograder.judge.exercises import Part
from autograder.judge.grading import grade
from autograder.judge.record import PartRecord, TestRecord
from autograder.judge.staging import stage
from autograder.judge.submission import Submission
from autograder.reports.terminal import most_telling_first
from autograder.testing.marks import Kind

SEED = 7


class Mistake(NamedTuple):
    """What a learner may do: in which exercise and file, and what it puts in the place of the reference's text."""

    name: str
    exercise: str
    file: str
    edits: tuple[tuple[str, str], ...]


def with_mistake(part: Part, mistake: Mistake) -> Submission:
    """The reference with one mistake in it.  Raises AssertionError if the reference lacks a text to replace."""
    files = {file: (part.folder / "solution" / file).read_text(encoding="utf-8") for file in part.files}
    for right, wrong in mistake.edits:
        assert right in files[mistake.file], f"{mistake.name}: the reference no longer holds {right!r}"
        files[mistake.file] = files[mistake.file].replace(right, wrong)
    compile(files[mistake.file], mistake.file, "exec")
    return Submission(mistake.name, {part.name: {file: source.encode() for file, source in files.items()}})


def report_of(part: Part, mistake: Mistake, exercises: Sequence[str] | None = None) -> PartRecord:
    """What the learner is told who makes this mistake, in its own exercise or in these."""
    with WorkerCandidate(part, stage(part, with_mistake(part, mistake))) as candidate:
        return grade(collect(part, SEED, only=exercises or [mistake.exercise]), candidate, mistake.name)


def lost_tests(result: PartRecord) -> dict[str, Kind]:
    """The tests that did not pass, by the name of their function."""
    tests = (test for exercise in result.exercises for test in exercise.tests)
    return {test.id.partition("::")[2]: test.kind for test in tests if test.outcome != "passed"}


def shown_test(part: Part, result: PartRecord) -> TestRecord:
    """The test that is shown in full: of the first exercise that fails, the one that teaches most."""
    return most_telling_first(next(one for one in result.exercises if one.outcome != "passed"), part)[0]


def assert_loses_points(part: Part, mistake: Mistake) -> None:
    """The mistake loses points in its own exercise, under problems that were not chosen for it."""
    with WorkerCandidate(part, stage(part, with_mistake(part, mistake))) as candidate:
        result = grade(_collection(part, mistake.exercise), candidate, mistake.name, shrinks=False, diagnoses=False)
    (exercise,) = result.exercises
    assert exercise.points < exercise.max_points
    assert not result.has_grader_fault


@cache
def _collection(part: Part, exercise_id: str) -> Collection:
    return collect(part, seed=SEED, only=[exercise_id])

"""Every known mistake loses points in its own exercise, under problems that were not chosen for it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from autograder.judge.candidate import WorkerCandidate
from autograder.judge.collection import Collection, collect
from autograder.judge.exercises import load_part
from autograder.judge.grading import grade
from autograder.judge.staging import stage
from autograder.judge.submission import Submission
from part1_autograd.checks.mistakes import MISTAKES, Mistake

PART = load_part(Path(__file__).resolve().parent.parent)


@cache
def collection() -> Collection:
    return collect(PART, seed=7)


def with_mistake(mistake: Mistake) -> Submission:
    """The reference with one mistake in it."""
    files = {file: (PART.folder / "solution" / file).read_text(encoding="utf-8") for file in PART.files}
    for right, wrong in mistake.edits:
        assert right in files[mistake.file], f"{mistake.name}: the reference no longer holds {right!r}"
        files[mistake.file] = files[mistake.file].replace(right, wrong)
    return Submission(mistake.name, {PART.name: {file: source.encode() for file, source in files.items()}})


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_every_mistake_is_one_of_the_reference(mistake: Mistake) -> None:
    compile(with_mistake(mistake).files[PART.name][mistake.file], mistake.file, "exec")


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_known_mistake_loses_points(mistake: Mistake) -> None:
    with WorkerCandidate(PART, stage(PART, with_mistake(mistake))) as candidate:
        result = grade(collection(), candidate, mistake.name, shrinks=False)
    exercise = next(exercise for exercise in result.exercises if exercise.id == mistake.exercise)
    assert exercise.points < exercise.max_points
    assert not result.has_grader_fault

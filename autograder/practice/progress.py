"""The memory between a learner's runs, in `.sfratorch/`: outcomes, hints, and the last failing problem of every test.

No truth is in it: of what passed, a digest of all that it depended on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from autograder.atomic_files import write_whole
from autograder.judge.exercises import Part
from autograder.judge.outcomes import NOT_ATTEMPTED, PASSED
from autograder.judge.record import ExerciseRecord, IsolationRecord, PartRecord, versions
from autograder.judge.submission import Submission
from autograder.practice.dependencies import dependencies

FOLDER = ".sfratorch"  # beside the parts
VERSION = 2


class ExerciseProgress(msgspec.Struct, forbid_unknown_fields=True):
    """One exercise's last outcome and points, what a pass depended on, and how many hints were shown.

    `reached` are the functions with which it passed, as the record names them; its tests took `seconds` the last time.
    """

    outcome: str = NOT_ATTEMPTED
    points: float = 0.0
    depended_on: str = ""
    reached: list[str] | None = None
    seconds: float = 0.0
    hints_used: int = 0


class PartProgress(msgspec.Struct, forbid_unknown_fields=True):
    """One part's: exercises by id, failing problems (as on the wire, in base64) by test.

    `tests` is a digest of the part's tests: a problem that other tests have drawn may be one that is no longer posed.
    """

    exercises: dict[str, ExerciseProgress] = {}
    failing: dict[str, str] = {}
    tests: str = ""
    version: int = VERSION

    def of(self, exercise: str) -> ExerciseProgress:
        return self.exercises.get(exercise) or ExerciseProgress()

    @property
    def reached(self) -> dict[str, list[str] | None]:
        """The functions with which each exercise passed; None where they are not known."""
        return {name: exercise.reached for name, exercise in self.exercises.items()}

    def seconds(self, names: Iterable[str]) -> dict[str, float] | None:
        """How long the tests of each of these exercises took last; None where those of one have not run."""
        taken = {name: self.of(name).seconds for name in names}
        return taken if all(taken.values()) else None

    @property
    def outcomes(self) -> dict[str, str]:
        """The last outcome of every exercise of which something is remembered."""
        return {name: exercise.outcome for name, exercise in self.exercises.items()}


class Loaded(NamedTuple):
    """What is remembered, and why nothing is where something should be."""

    progress: PartProgress
    complaint: str = ""


def load(part: Part, folder: Path | None = None) -> Loaded:
    """Read what is remembered; what cannot be read counts as nothing, and is replaced by the next run."""
    tests, path = _digest_of_tests(part), _path(part, folder)
    try:
        progress = msgspec.json.decode(path.read_bytes(), type=PartProgress)
        if progress.version != VERSION:
            raise ValueError(f"version {progress.version}")
    except FileNotFoundError:
        return Loaded(PartProgress(tests=tests))
    except (OSError, msgspec.MsgspecError, ValueError):
        complaint = f"what was remembered of {part.name} is damaged or of another version: it is begun anew."
        return Loaded(PartProgress(tests=tests), complaint)
    return Loaded(progress if progress.tests == tests else PartProgress(progress.exercises, tests=tests))


def failing_problems(progress: PartProgress) -> Mapping[str, dict[str, object]]:
    """Give the problems to begin with."""
    from autograder.judge.grading import decode_problem

    decoded = {test: decode_problem(text) for test, text in progress.failing.items()}
    return {test: problem for test, problem in decoded.items() if problem is not None}


def update(progress: PartProgress, result: PartRecord, dependencies: Mapping[str, str]) -> PartProgress:
    """Add a run to the progress; exercises that it left out stay as they were."""
    failing, exercises = dict(progress.failing), dict(progress.exercises)
    for exercise in result.exercises:
        if exercise.is_remembered:
            continue
        for test in exercise.tests:
            if test.replay is not None and test.replay.problem:
                failing[test.id] = test.replay.problem
            elif test.outcome == PASSED:
                failing.pop(test.id, None)
        exercises[exercise.id] = ExerciseProgress(
            exercise.outcome,
            exercise.points,
            depended_on=dependencies.get(exercise.id, "") if exercise.outcome == PASSED else "",
            reached=exercise.reached,
            seconds=sum(test.seconds for test in exercise.tests),
            hints_used=progress.of(exercise.id).hints_used,
        )
    return PartProgress(exercises, failing, progress.tests)


def still_passed(progress: PartProgress, dependencies: Mapping[str, str]) -> set[str]:
    """Name the exercises that passed, and nothing that they depend on has changed since."""
    return {
        name
        for name, exercise in progress.exercises.items()
        if exercise.outcome == PASSED and exercise.depended_on == dependencies.get(name)
    }


def nothing_graded(part: Part, submission: Submission) -> PartRecord:
    """The record of a run in which all is remembered."""
    nothing = IsolationRecord(level="", layers=[], missing={})
    return PartRecord(
        part=part.name, code=submission.label, points=0, max_points=0, seed=0, versions=versions(), isolation=nothing,
        exercises=[],
    )  # fmt: skip


def add_remembered(result: PartRecord, part: Part, before: PartProgress, names: Container[str]) -> None:
    """Put the exercises of these names beside those that were graded, and say how many hints each has cost."""
    records = {exercise.id: exercise for exercise in result.exercises}
    for exercise in part.exercises:
        if exercise.id in names:
            records[exercise.id] = ExerciseRecord(
                id=exercise.id, title=exercise.summary, points=before.of(exercise.id).points,
                max_points=exercise.points, extra=exercise.extra, outcome=PASSED, is_remembered=True, tests=[],
            )  # fmt: skip
    result.exercises = [records[name] for name in part.ids if name in records]
    for one in result.exercises:
        one.hints_used = before.of(one.id).hints_used
    result.points = round(sum(one.points for one in result.exercises), 6)
    result.max_points = sum(one.max_points for one in result.exercises if not one.extra)


def remember(part: Part, result: PartRecord, staged: Mapping[str, bytes]) -> None:
    """Add a run of what was staged to what is remembered now, since another run, or a hint, may have been meanwhile."""
    reached = {exercise.id: exercise.reached for exercise in result.exercises}
    save(part, update(load(part).progress, result, dependencies(part, staged, reached)))


def save(part: Part, progress: PartProgress, folder: Path | None = None) -> bool:
    """Write it whole or not at all, and tell which. A folder that cannot be written costs the memory, not the run."""
    try:
        path = _path(part, folder)
        path.parent.mkdir(exist_ok=True)
        write_whole(path, msgspec.json.format(msgspec.json.encode(progress)))
    except OSError:
        return False
    return True


def _digest_of_tests(part: Part) -> str:
    digest = hashlib.sha256()
    for path in sorted((part.folder / "tests").glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _path(part: Part, folder: Path | None) -> Path:
    return (folder or part.folder.parent / FOLDER) / f"{part.name}.json"

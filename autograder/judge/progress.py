"""The memory between a learner's runs, in `.sfratorch/`: the last outcomes, and the last failing problem of
every test."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from autograder.atomic_files import write_whole
from autograder.judge.collection import Problem
from autograder.judge.exercises import ROOT, Part
from autograder.judge.grading import decode_problem
from autograder.judge.outcomes import PASSED
from autograder.judge.record import PartRecord

FOLDER = ROOT / ".sfratorch"


class PartProgress(msgspec.Struct):
    """One part's: outcomes by exercise, failing problems (as on the wire, in base64) by test.

    `tests` is a digest of the part's tests: a problem that other tests have drawn may be one that is no longer posed.
    """

    outcomes: dict[str, str] = {}
    failing: dict[str, str] = {}
    tests: str = ""


def load(part: Part, folder: Path = FOLDER) -> PartProgress:
    """Read what is remembered; an unreadable file counts as nothing, and is replaced by the next run."""
    tests = _digest_of_tests(part)
    try:
        progress = msgspec.json.decode(_path(part, folder).read_bytes(), type=PartProgress)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return PartProgress(tests=tests)
    return progress if progress.tests == tests else PartProgress(progress.outcomes, tests=tests)


def failing_problems(progress: PartProgress) -> Mapping[str, Problem]:
    """The problems to begin with."""
    decoded = {test: decode_problem(text) for test, text in progress.failing.items()}
    return {test: problem for test, problem in decoded.items() if problem is not None}


def update(progress: PartProgress, result: PartRecord) -> PartProgress:
    """The progress after a run; exercises that it left out stay as they were."""
    failing = dict(progress.failing)
    for exercise in result.exercises:
        for test in exercise.tests:
            if test.replay is not None and test.replay.problem:
                failing[test.id] = test.replay.problem
            elif test.outcome == PASSED:
                failing.pop(test.id, None)
    outcomes = progress.outcomes | {exercise.id: exercise.outcome for exercise in result.exercises}
    return PartProgress(outcomes, failing, progress.tests)


def save(part: Part, progress: PartProgress, folder: Path = FOLDER) -> None:
    """Write it whole or not at all. A folder that cannot be written costs the memory, not the run."""
    try:
        folder.mkdir(exist_ok=True)
        write_whole(_path(part, folder), msgspec.json.format(msgspec.json.encode(progress)))
    except OSError:
        pass


def _digest_of_tests(part: Part) -> str:
    digest = hashlib.sha256()
    for path in sorted((part.folder / "tests").glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _path(part: Part, folder: Path) -> Path:
    return folder / f"{part.name}.json"

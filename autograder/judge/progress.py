"""What is remembered between a learner's runs, in `.sfratorch/`: the last outcomes, and the last failing problem of
every test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from autograder.atomic_files import write_whole
from autograder.judge.collection import Problem
from autograder.judge.exercises import ROOT, Part
from autograder.judge.grading import decode_problem
from autograder.judge.record import PartRecord

FOLDER = ROOT / ".sfratorch"


class PartProgress(msgspec.Struct):
    """One part's: outcomes by exercise, failing problems (as on the wire, in base64) by test."""

    outcomes: dict[str, str] = {}
    failing: dict[str, str] = {}


def load(part: Part, folder: Path = FOLDER) -> PartProgress:
    """What is remembered; an unreadable file counts as nothing, and is replaced by the next run."""
    try:
        return msgspec.json.decode(_path(part, folder).read_bytes(), type=PartProgress)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return PartProgress()


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
            elif test.outcome == "passed":
                failing.pop(test.id, None)
    return PartProgress(progress.outcomes | {exercise.id: exercise.outcome for exercise in result.exercises}, failing)


def save(part: Part, progress: PartProgress, folder: Path = FOLDER) -> None:
    """Write it whole or not at all. A folder that cannot be written costs the memory, not the run."""
    try:
        folder.mkdir(exist_ok=True)
        write_whole(_path(part, folder), msgspec.json.format(msgspec.json.encode(progress)))
    except OSError:
        pass


def _path(part: Part, folder: Path) -> Path:
    return folder / f"{part.name}.json"

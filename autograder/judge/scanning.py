"""What a worker says of the exercise files in its stage before a line of them has run."""

from __future__ import annotations

from collections.abc import Callable

from autograder.judge.exercises import Part
from autograder.judge.failures import Failure
from autograder.judge.staging import Stage
from autograder.worker import wire


def refused_files(part: Part, stage: Stage, ask: Callable[[Callable[[int], wire.Request]], bytes]) -> dict[str, str]:
    """Take the files with a forbidden import out of the stage, so that no other file imports them, and say why."""
    refused = {}
    for file in part.files:
        path = stage.folder / part.name / file
        if path.exists() and (sentence := _scanned(file, ask)):
            path.unlink()
            refused[file] = sentence
    return refused


def _scanned(file: str, ask: Callable[[Callable[[int], wire.Request]], bytes]) -> str:
    try:
        return str(wire.decode(ask(lambda number: wire.Scan(number, file))))
    except Failure:  # it says nothing about the policy, and the file fails in the same way when it is imported
        return ""

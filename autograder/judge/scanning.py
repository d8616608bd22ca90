"""The scan of the exercise files in its stage before a line of them has run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from autograder.judge.exercises import Exercise, Part
from autograder.judge.staging import Stage
from autograder.testing.failures import Failure
from autograder.worker import wire

Ask = Callable[[Callable[[int], wire.Request]], bytes]


@dataclass(frozen=True)
class Refusals:
    """The sentences that say why: of files, which are in the stage no longer, and of exercises in files that are."""

    files: dict[str, str] = field(default_factory=dict)
    exercises: dict[str, str] = field(default_factory=dict)

    def of(self, exercise: Exercise) -> str:
        """Why an exercise is refused, or nothing."""
        return self.files.get(exercise.file) or self.exercises.get(exercise.id, "")


def refusals(part: Part, stage: Stage, ask: Ask) -> Refusals:
    """Have the files scanned, and take those with a forbidden import out of the stage: no other file imports them."""
    found = Refusals()
    for file in part.files:
        path = stage.folder / part.name / file
        if path.exists():
            exercises = [exercise for exercise in part.exercises if exercise.file == file]
            refused, uses = _scanned(file, exercises, ask)
            if refused:
                path.unlink()
                found.files[file] = refused
            for exercise in exercises:
                for function in exercise.may_not_use:
                    if function in uses:
                        found.exercises.setdefault(exercise.id, uses[function])
    return found


def _scanned(file: str, exercises: list[Exercise], ask: Ask) -> tuple[str, dict[str, str]]:
    may_not_use = {function: list(names) for exercise in exercises for function, names in exercise.may_not_use.items()}
    try:
        refused, uses = wire.decode(ask(lambda number: wire.Scan(number, file, may_not_use)))
    except Failure:  # it says nothing about the policy, and the file fails in the same way when it is imported
        return "", {}
    return refused, uses

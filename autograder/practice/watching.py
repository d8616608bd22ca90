"""`run.py PART --watch`: grade after every save what the change can touch.

The judge stays, with the problems that it has drawn and the truths that it has computed, and a worker that has loaded
nothing of the learner's waits: what is left to do after a save is to grade what it can change.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Collection as Names
from collections.abc import Iterator
from typing import Any, Self

import watchfiles
from rich.console import Console

from autograder.judge import submission as submissions
from autograder.judge.candidate import WorkerCandidate
from autograder.judge.collection import collect
from autograder.judge.exercises import Part, find_parts
from autograder.judge.grading import grade
from autograder.judge.outcomes import PASSED
from autograder.judge.record import PartRecord
from autograder.judge.staging import StagedFiles, staged_files, write_stage
from autograder.practice import progress
from autograder.practice.dependencies import dependencies
from autograder.practice.hints import next_hint
from autograder.practice.keys import keys
from autograder.practice.places import places
from autograder.practice.progress import Loaded, PartProgress, add_remembered, nothing_graded
from autograder.reports import terminal

POLL_MILLISECONDS = 100
KEYS = "h hint · n next · a all · q quit"


def watch_part(console: Console, part: Part, upstream: str) -> None:
    """Grade what has not passed, then after every save what it can change, until Ctrl-C or q."""
    with keys() as keyboard, Watch(part, upstream) as watch:
        result = _graded(console, watch, watch.not_passed())
        for is_changed in _polls(part):
            key = keyboard.pressed()
            if key == "q":
                return
            if key == "h":
                _show_hint(console, part, result)
            elif key == "a":
                result = _graded(console, watch, part.ids)
            elif key == "n" and (following := watch.not_passed()):
                result = _graded(console, watch, following[:1])
            elif is_changed and (touched := watch.touched()):
                result = _graded(console, watch, touched)


def _polls(part: Part) -> Iterator[bool]:
    """Tell ten times a second whether something was saved, which may have been before the first time."""
    folders = [other.folder for other in find_parts(part.folder.parent) if other.number <= part.number]
    options: Any = {"rust_timeout": POLL_MILLISECONDS, "debounce": POLL_MILLISECONDS, "yield_on_timeout": True}
    saves = watchfiles.watch(*folders, watch_filter=watchfiles.PythonFilter(), **options)
    for number, changes in enumerate(saves):
        yield number == 0 or bool(changes)


def _graded(console: Console, watch: Watch, names: Names[str]) -> PartRecord:
    """Grade, show, and have the next worker ready."""
    result, before = watch.run(names)
    if console.is_terminal:
        console.clear()
    if before.complaint:
        console.print(before.complaint, style="yellow")
    terminal.show(console, watch.part, result, before.progress.outcomes, places(watch.part, watch.submission()))
    console.print(f"watching {watch.part.name}   {KEYS if console.is_terminal else 'Ctrl-C ends it'}", style="dim")
    watch.prepare()
    return result


def _show_hint(console: Console, part: Part, result: PartRecord) -> None:
    """Show the next hint of the first exercise that has not passed."""
    for exercise in result.exercises:
        if exercise.outcome != PASSED:
            for line in next_hint(part, part.exercise(exercise.id)):
                console.print(line)
            return


class Watch:
    """A part under watch: what was graded last, and what that depended on."""

    def __init__(self, part: Part, upstream: str) -> None:
        self.part, self._upstream = part, upstream
        self._collection = collect(part, random.SystemRandom().randrange(2**31))
        self._depended_on: dict[str, str] = {}
        self._waiting: WorkerCandidate | None = None

    def __enter__(self) -> Self:
        self.prepare()
        return self

    def __exit__(self, *_: object) -> None:
        if self._waiting is not None:
            self._waiting.__exit__(None, None, None)
        self._waiting = None

    def prepare(self) -> None:
        """Have a worker that waits for the next save."""
        if self._waiting is None:
            self._waiting = WorkerCandidate(self.part, write_stage(self._files()), is_practice=True).__enter__()

    def touched(self) -> list[str]:
        """Name the exercises whose outcome may be another one than when they were graded last."""
        now = self._dependencies(self._files())
        return [name for name in self.part.ids if now[name] != self._depended_on.get(name)]

    def not_passed(self) -> list[str]:
        """Name the exercises that have not passed as they are now."""
        passed = progress.still_passed(progress.load(self.part).progress, self._dependencies(self._files()))
        return [name for name in self.part.ids if name not in passed]

    def run(self, names: Names[str]) -> tuple[PartRecord, Loaded]:
        """Grade these exercises; give the record, with what is remembered of others, and what was known before."""
        files = self._files()
        loaded = progress.load(self.part)
        before = loaded.progress
        result = self._grade(files, names, before) if names else nothing_graded(self.part, self.submission())
        add_remembered(result, self.part, before, progress.still_passed(before, self._dependencies(files)) - {*names})
        progress.remember(self.part, result, files.contents)
        self._depended_on |= self._dependencies(files)
        return result, loaded

    def submission(self) -> submissions.Submission:
        return submissions.in_place(find_parts(self.part.folder.parent))

    def _grade(self, files: StagedFiles, names: Names[str], before: PartProgress) -> PartRecord:
        self.prepare()
        candidate, self._waiting = self._waiting, None
        assert candidate is not None
        with contextlib.ExitStack() as stack:
            stack.push(candidate)
            candidate.restage(files)
            earlier = progress.failing_problems(before)
            return grade(self._collection, candidate, submissions.IN_PLACE, only=names, earlier=earlier)

    def _dependencies(self, files: StagedFiles) -> dict[str, str]:
        return dependencies(self.part, files.contents, progress.load(self.part).progress.reached)

    def _files(self) -> StagedFiles:
        return staged_files(self.part, self.submission(), self._upstream, self.part.folder.parent)

"""Grade on two cores: once all is imported the judge forks, and both take one exercise after another.

What one of them learns of stubs the other does not know, so what an exercise needs is looked at once more at the end.
Only on Linux: elsewhere a fork of a process with numerical libraries is not safe, and one core does it all.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import msgspec

from autograder.judge import process_tree
from autograder.judge.candidate import WorkerCandidate
from autograder.judge.collection import Collection
from autograder.judge.exercises import Exercise
from autograder.judge.grading import Grading, Tell
from autograder.judge.outcomes import NOT_HANDED_IN, REFUSED
from autograder.judge.record import ExerciseRecord, PartRecord
from autograder.judge.scoring import blocked_by
from autograder.testing.failures import GraderFault

# With fewer, or less to do, a second worker's start takes longer than it saves: it imports torch, or NumPy alone.
MIN_TESTS, MIN_SECONDS, MIN_SECONDS_WITH_TORCH = 30, 0.8, 1.6


class Ran(msgspec.Struct, tag=True):
    """The other process ran a test of this exercise."""

    exercise: str


class Done(msgspec.Struct, tag=True):
    """All that the other process graded, and of what nothing is there."""

    exercises: list[ExerciseRecord]
    absent: list[str]


class Failed(msgspec.Struct, tag=True):
    """The other process met a fault of the grader."""

    fault: str


_decode = msgspec.json.Decoder(Ran | Done | Failed).decode


def are_worth_it(collection: Collection, seconds: Mapping[str, float] | None = None) -> bool:
    """Tell whether there are two cores, and enough for both to do: by how long each exercise took last, where known."""
    least = MIN_SECONDS_WITH_TORCH if "torch" in collection.part.may_import else MIN_SECONDS
    is_enough = len(collection.tests) >= MIN_TESTS if seconds is None else sum(seconds.values()) >= least
    return (
        sys.platform.startswith("linux")
        and len(os.sched_getaffinity(0)) > 1
        and len(collection.exercises) > 1
        and is_enough
    )


def grade_on_two_cores(
    collection: Collection,
    candidate: WorkerCandidate,
    another: Callable[[], AbstractContextManager[WorkerCandidate]],
    code: str,
    *,
    earlier: Any = None,
    seconds: Mapping[str, float] | None = None,
    tell: Callable[[str], None],
) -> PartRecord:
    """Grade as `grade` does; `another` makes a candidate of the same submission, `tell` hears whose test has run.

    What took longest last is begun first, so that neither waits long for the other at the end.
    """
    exercises, lasted = collection.exercises, seconds or {}
    order = sorted(range(len(exercises)), key=lambda number: -lasted.get(exercises[number].id, 0.0))
    left, fill = os.pipe()
    os.write(fill, bytes(order))
    os.close(fill)
    other = _Other(left, collection, another, code, earlier, tell)
    try:
        grading = Grading(collection, candidate, code, earlier, tell=lambda result: tell(result.test.exercise))
        records = {exercise.id: grading.exercise(exercise) for exercise in _taken(left, exercises)}
        done = other.result()
        grading.absent.update(done.absent)
        records |= {record.id: record for record in done.exercises}
        for exercise in exercises:
            if exercise.id not in records:  # the other process was ended from outside
                records[exercise.id] = grading.exercise(exercise)
                continue
            needed = blocked_by(collection.part, exercise, grading.absent)
            if needed and records[exercise.id].outcome not in (NOT_HANDED_IN, REFUSED):
                records[exercise.id] = grading.blocked(exercise, needed)
    finally:
        other.end()
        os.close(left)
    return grading.part_record([records[exercise.id] for exercise in exercises])


def _taken(left: int, exercises: tuple[Exercise, ...]) -> Iterator[Exercise]:
    """Take one number after another out of the pipe that both processes read."""
    while number := os.read(left, 1):
        yield exercises[number[0]]


class _Other:
    """The forked process, as this one sees it."""

    def __init__(
        self,
        left: int,
        collection: Collection,
        another: Callable[[], AbstractContextManager[WorkerCandidate]],
        code: str,
        earlier: Any,
        tell: Callable[[str], None],
    ) -> None:
        answers, write = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(answers)
            _grade_there(left, write, collection, another, code, earlier)
        os.close(write)
        self._result: Done | Failed = Done([], [])
        self._tell = tell
        self._reader = threading.Thread(target=self._read, args=(answers,), daemon=True)
        self._reader.start()

    def result(self) -> Done:
        """Wait for what it has graded; nothing, where it was ended from outside."""
        self._reader.join()
        if isinstance(self._result, Failed):
            raise GraderFault(self._result.fault)
        return self._result

    def end(self) -> None:
        """End it, if it has not ended, in the way in which Ctrl-C does, and wait until it has cleaned up."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGTERM)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    def _read(self, answers: int) -> None:
        with os.fdopen(answers, "rb") as lines:
            for line in lines:
                with contextlib.suppress(msgspec.MsgspecError):  # half a line, of a process that was killed
                    message = _decode(line)
                    if isinstance(message, Ran):
                        self._tell(message.exercise)
                    else:
                        self._result = message


def _grade_there(
    left: int,
    write: int,
    collection: Collection,
    another: Callable[[], AbstractContextManager[WorkerCandidate]],
    code: str,
    earlier: Any,
) -> None:
    """Be the forked process: grade what is left, say so, and end without a word more."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    process_tree.forget_children()
    try:
        with os.fdopen(write, "wb") as lines:

            def say(message: Ran | Done | Failed) -> None:
                lines.write(msgspec.json.encode(message) + b"\n")
                lines.flush()

            tell: Tell = lambda result: say(Ran(result.test.exercise))  # noqa: E731
            try:
                with another() as candidate:
                    grading = Grading(collection, candidate, code, earlier, tell=tell)
                    records = [grading.exercise(exercise) for exercise in _taken(left, collection.exercises)]
                say(Done(records, sorted(grading.absent)))
            except Exception as error:
                say(Failed(str(error) if isinstance(error, GraderFault) else traceback.format_exc()))
    except BaseException:  # Ctrl-C, or nobody reads: the first process says what there is to say
        os._exit(1)
    os._exit(0)

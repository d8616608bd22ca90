"""Why a submission gave no answer, and why grading could not go on.

CannotGrade            what was asked for cannot be done; one line for the person who asked; exit code 2
Erred                  the submission raised
└── Unloadable         (Ended, too)
Ended
├── NotAttempted  ├── TimedOut  ├── OutOfMemory  ├── Crashed  └── Refused

Wrong answers and faults of the grader are those of testing/failures.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from autograder.judge import outcomes
from autograder.testing.failures import Ended, Failure
from autograder.worker.wire import Frame


class CannotGrade(Exception):
    """Something the person at the keyboard can put right: an unknown part, an unreadable folder."""


@dataclass(frozen=True)
class Trace:
    """An exception as the worker told it: exact class first, its base classes, its text, its frames in the
    submission."""

    kinds: tuple[str, ...]
    message: str
    frames: tuple[Frame, ...]


class Erred(Failure):
    """The submission raised an exception."""

    outcome = outcomes.ERROR

    def __init__(self, trace: Trace) -> None:
        super().__init__(f"{trace.kinds[0]}: {trace.message}" if trace.message else trace.kinds[0])
        self.trace, self.frames = trace, trace.frames


class Unloadable(Erred, Ended):
    """The exercise file cannot be imported: it would be the same in every call."""


class NotAttempted(Ended):
    """A stub's NotImplementedError is still there; `exercise` is the id that the stub's line begins with."""

    outcome = outcomes.NOT_ATTEMPTED

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.exercise = message.partition(":")[0]


class TimedOut(Ended):
    """No answer within the deadline."""

    outcome = outcomes.TIMEOUT

    def __init__(self, message: str, frames: tuple[Frame, ...] = ()) -> None:
        super().__init__(message)
        self.frames = frames


class OutOfMemory(Ended):
    """The submission asked for more memory than it may have."""

    outcome = outcomes.MEMORY


class Crashed(Ended):
    """The worker went away, or spoke out of turn."""

    outcome = outcomes.CRASH


class Refused(Ended):
    """The submission did what the part does not allow: a forbidden import."""

    outcome = outcomes.REFUSED

"""Why a test did not pass, and why grading could not go on.

CannotGrade                what was asked for cannot be done; one line for the person who asked; exit code 2
GraderFault                our own mistake; never the learner's; never scored as 0 in silence
Failure                    the submission's; `outcome` is the word of the record
├── Wrong                  an answer came, and it is not the right one
├── Erred                  the submission raised
└── Ended                  no further answer is worth asking for in this test
    ├── TooLarge (Wrong, too)  ├── Unloadable (Erred, too)  ├── NotAttempted
    └── TimedOut  ├── OutOfMemory  ├── Crashed  └── Refused
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autograder.judge import outcomes
from autograder.judge.printable import bounded

if TYPE_CHECKING:
    import numpy as np

    from autograder.worker.wire import Frame


class CannotGrade(Exception):
    """Something the person at the keyboard can put right: an unknown part, an unreadable folder."""


class GraderFault(Exception):
    """A fault of the grader or of a test, not of the submission."""


class OracleFault(GraderFault):
    """The truth could not be computed from these arguments, of which an answer of the submission may be one."""

    def __init__(self, message: str, arguments: object) -> None:
        super().__init__(message)
        self.arguments = arguments


class Failure(AssertionError):
    """Something the submission did.  What it said of it, of any length and with any character, is made fit to show.

    `frames` are the places in the submission where it was then, the innermost last.
    """

    outcome = outcomes.WRONG
    frames: tuple[Frame, ...] = ()

    def __init__(self, message: str) -> None:
        self.message = bounded(message)
        super().__init__(self.message)


@dataclass(frozen=True)
class Mismatch:
    """The first array of an answer that differs from the truth."""

    name: str
    got: np.ndarray
    expected: np.ndarray


class Wrong(Failure):
    """An answer that is not the right one; `mismatch` says where, `mistakes` which known mistakes give just this
    answer."""

    def __init__(self, message: str, mismatch: Mismatch | None = None, mistakes: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.mismatch = mismatch
        self.mistakes = mistakes


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


class Ended(Failure):
    """An outcome after which the rest of a test is not run."""


class TooLarge(Wrong, Ended):
    """An answer so large that it is not looked at."""


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

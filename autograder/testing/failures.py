"""The findings of a test: that an answer is wrong, or that the fault is ours.

GraderFault            our own mistake; never the learner's; never scored as 0 in silence
Failure                the submission's; `outcome` is the word of the record
├── Wrong              an answer came, and it is not the right one
└── Ended              no further answer is worth asking for in this test
    └── TooLarge       (Wrong, too)

The judge adds those that a submission causes before there is an answer (judge/failures.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from autograder.printable import bounded

if TYPE_CHECKING:
    import numpy as np

    from autograder.worker.wire import Frame


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

    outcome: ClassVar[str]
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

    outcome = "wrong"

    def __init__(self, message: str, mismatch: Mismatch | None = None, mistakes: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.mismatch = mismatch
        self.mistakes = mistakes


class Ended(Failure):
    """An outcome after which the rest of a test is not run."""


class TooLarge(Wrong, Ended):
    """An answer so large that it is not looked at."""

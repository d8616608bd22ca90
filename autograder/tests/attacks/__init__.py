"""Hostile submissions of the toy part (autograder/tests/toy.py), each with the outcomes that it must come to.

An attack is the source of `toy.py`; functions that it does not define are honest ones, appended.
A test earns its points only if the outcome says `passed`, so the outcomes below are the scores as well.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

HONEST = {
    "double": "def double(x):\n    return 2.0 * x\n",
    "scale": """\
def scale(x, factor):
    if factor != factor:
        raise ValueError(f"factor must be a number; got {factor}.")
    return factor * x
""",
}


def together(*pieces: str) -> str:
    """Pieces of source, each indented as it stands in its file, as one source."""
    return "\n".join(textwrap.dedent(piece).strip("\n") for piece in pieces) + "\n"


@dataclass(frozen=True)
class Attack:
    """What is handed in as toy.py, and what becomes of the exercises: several outcomes where the order is open."""

    name: str
    source: str
    double: Iterable[str] = ("wrong",)
    scale: Iterable[str] = ("passed",)
    shift: Iterable[str] = ("passed",)
    says: str = ""  # in the message of toy.double
    limits: dict[str, Any] = field(default_factory=dict)
    needs: str = ""  # "posix"; "root": Linux, as root, where a worker is another user
    seconds: float = 15.0
    memory: int = 2**30  # bytes that the judge may need more than before
    is_slow: bool = False
    shrinks: bool = False  # whether a failing problem is made small, as for a learner

    @property
    def toy(self) -> str:
        source = together(self.source)
        return together(source, *(code for name, code in HONEST.items() if f"def {name}(" not in source))

    @property
    def outcomes(self) -> dict[str, Iterable[str]]:
        return {"toy.double": self.double, "toy.scale": self.scale, "other.shift": self.shift}


PASSED, WRONG, ERROR, CRASH = ("passed",), ("wrong",), ("error",), ("crash",)
TIMEOUT, MEMORY, REFUSED, BLOCKED = ("timeout",), ("memory",), ("refused",), ("blocked",)
NOT_ATTEMPTED, ANY_FAILURE = ("not attempted",), ("wrong", "error", "crash", "timeout", "memory")

"""`@oracle_test`, `@law` and `@edge_case`: which exercise a test belongs to, and how it pays."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

TestFunction = TypeVar("TestFunction", bound=Callable[..., Any])
Kind = Literal["oracle", "law", "edge case"]
KINDS: tuple[Kind, ...] = get_args(Kind)  # in the order in which they are run and shown


@dataclass(frozen=True)
class Mark:
    """The decorator's word about a test."""

    exercise: str
    kind: Kind


def oracle_test(exercise: str) -> Callable[[TestFunction], TestFunction]:
    """A test against torch or brute force. It pays on its own."""
    return _marker(Mark(exercise, "oracle"))


def law(exercise: str) -> Callable[[TestFunction], TestFunction]:
    """A property or an error.

    It pays once all oracle tests of its exercise pass, since a lazy answer satisfies many laws.
    """
    return _marker(Mark(exercise, "law"))


def edge_case(exercise: str) -> Callable[[TestFunction], TestFunction]:
    """An input at the edge of what is allowed: of size 0, too large for exp, with a single value to normalise.

    It pays as a law does, also where torch says what is right; and no other test draws such an input, so that code
    which is right but for the edge loses this test and nothing else.
    """
    return _marker(Mark(exercise, "edge case"))


def _marker(mark: Mark) -> Callable[[TestFunction], TestFunction]:
    def decorate(function: TestFunction) -> TestFunction:
        if not (function.__doc__ or "").strip():
            raise TypeError(f"{function.__name__} must have a docstring: the claim that the learner reads.")
        function.sfratorch_mark = mark  # type: ignore[attr-defined]
        return function

    return decorate


def mark_of(function: object) -> Mark | None:
    """The mark of a test function, or None."""
    mark = getattr(function, "sfratorch_mark", None)
    return mark if isinstance(mark, Mark) else None


_MARK = re.compile(r'^@(?:oracle_test|law|edge_case)\("([^"]+)"\)', re.MULTILINE)


def marked_exercises(source: str) -> set[str]:
    """Name the exercises of a test file without importing it."""
    return set(_MARK.findall(source))

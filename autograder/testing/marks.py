"""`@oracle_test(exercise)` and `@law(exercise)`: which exercise a test belongs to, and how it pays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

TestFunction = TypeVar("TestFunction", bound=Callable[..., Any])
Kind = Literal["oracle", "law"]


@dataclass(frozen=True)
class Mark:
    """What the decorator says of a test."""

    exercise: str
    kind: Kind


def oracle_test(exercise: str) -> Callable[[TestFunction], TestFunction]:
    """A test against torch or brute force. It pays on its own."""
    return _marker(Mark(exercise, "oracle"))


def law(exercise: str) -> Callable[[TestFunction], TestFunction]:
    """A law, an error or an empty-input test.

    It pays once all oracle tests of its exercise pass, since a lazy answer satisfies many laws.
    """
    return _marker(Mark(exercise, "law"))


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

"""The time that a submission has, and the time that the judge takes for itself."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from autograder.judge.failures import TimedOut
from autograder.worker.wire import Frame


@dataclass(frozen=True)
class Step:
    """A piece of work under a deadline of its own: the seconds that it had, and those that it took."""

    name: str
    allowed: float
    took: float


class Clock:
    """Seconds of the submission's own: it stands still while the judge is busy for another's sake.

    That is while a worker starts, and while a failure is made small and explained.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._stood_still = 0.0
        self._deadline, self._name = float("inf"), ""

    def now(self) -> float:
        return time.monotonic() - self._stood_still

    def left(self) -> float:
        """The seconds until what is being done has to end."""
        return self._deadline - self.now()

    def check(self) -> None:
        """Raise TimedOut where no time is left."""
        if self.left() <= 0:
            raise self.used_up()

    def used_up(self, frames: tuple[Frame, ...] = ()) -> TimedOut:
        """Say what had no time left, and where the submission was then."""
        return TimedOut(f"{self._name} is used up", frames)

    @contextlib.contextmanager
    def until(self, deadline: float, name: str) -> Iterator[None]:
        """End what is done meanwhile by `deadline`, as `now` tells it."""
        started, before = self.now(), (self._deadline, self._name)
        self._deadline, self._name = deadline, name
        try:
            yield
        finally:
            self._deadline, self._name = before
            self.steps.append(Step(name, deadline - started, self.now() - started))

    @contextlib.contextmanager
    def aside(self, seconds: float, name: str) -> Iterator[None]:
        """Give what is done meanwhile these seconds, at no cost to the submission."""
        started, stood_still = time.monotonic(), self._stood_still
        try:
            with self.until(self.now() + seconds, name):
                yield
        finally:
            self._stood_still = stood_still + time.monotonic() - started

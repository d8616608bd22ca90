"""Find the smallest problem on which a test fails in the same way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograder.judge.attempt import Attempt, InTime, TimeIsUp
from autograder.judge.candidate import TimedCandidate
from autograder.judge.collection import CollectedTest, Problem, shrink
from autograder.judge.diagnosis import kind_of

CALLS = 400


def smallest(test: CollectedTest, failed: Attempt, submission: TimedCandidate, seed: int, examples: int) -> Problem:
    """The smallest problem with the same failure that hypothesis finds in the time allowed.

    The same is: the same exception at the same line, or the same kind of difference.  An array of size 0 fails for
    reasons of its own: one is a last resort, for a failure that shows in nothing else.
    """
    assert failed.failure is not None
    kind = kind_of(failed.failure)
    best = (_size(failed.problem), failed.problem)
    most_empty_arrays = 0
    in_time, calls = InTime(test.body, submission), 0

    def try_smaller(candidate: object, **smaller: Any) -> None:
        nonlocal best, calls
        calls += 1
        if calls > CALLS:
            raise TimeIsUp
        if (size := _size(smaller))[0] > most_empty_arrays:
            return
        failure = in_time.attempt(smaller).failure
        if failure is not None and kind_of(failure) == kind:
            if size <= best[0]:
                best = (size, smaller)
            raise failure

    for most_empty_arrays in sorted({0, best[0][0]}):  # noqa: B007  try_smaller reads it
        with contextlib.suppress(TimeIsUp, Exception):  # hypothesis re-raises what it found, or says it is flaky
            shrink(test, try_smaller, seed, 10 * examples)  # a redraw may take longer to come upon a failure
        if best[0][0] == 0:
            break
    return best[1]


def _size(problem: Problem) -> tuple[int, int, int]:
    """Fewer empty arrays are simpler, then fewer values, then the shorter text."""
    values = list(_values(problem))
    sizes = [value.size for value in values if isinstance(value, np.ndarray)]
    return sizes.count(0), len(values) + sum(sizes), len(repr(problem))


def _values(value: Any) -> Iterator[Any]:
    """A value and all that it holds; an array as a whole."""
    yield value
    if isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _values(inner)

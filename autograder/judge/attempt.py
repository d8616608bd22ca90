"""A test's body run once on a problem, and what came of it."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from autograder.judge.candidate import Answer, Answering, TimedCandidate
from autograder.judge.collection import Problem
from autograder.judge.diagnosis import Seen
from autograder.testing.comparison import same
from autograder.testing.failures import Ended, Failure, GraderFault, OracleFault, Wrong
from autograder.testing.probes import Probe
from autograder.worker import wire

Body = Callable[..., None]
Called = tuple[Probe, dict[str, Any]]


class Attempt(Answering):
    """The candidate as the body of a test sees it, which keeps what was called last, and all that was answered.

    `failure` is what the submission did, `fault` what we did; one of them at most.
    """

    def __init__(self, candidate: TimedCandidate, problem: Problem) -> None:
        self._candidate = candidate
        self.problem = problem
        self.called: Called | None = None
        self.answers: list[bytes] = []
        self.failure: Failure | None = None
        self.fault: GraderFault | None = None

    def ask(self, probe: Probe, arguments: dict[str, Any], memory_bytes: int | None = None) -> Answer:
        self.called = probe, arguments
        answer = self._candidate.ask(probe, arguments, memory_bytes)
        self.answers.append(answer.encoded)
        return answer

    @property
    def passed(self) -> bool:
        return self.failure is None and self.fault is None

    @property
    def seen(self) -> Seen:
        """The failure's evidence, without the arrays in which it does."""
        assert self.failure is not None
        return Seen(self.failure, self.called[1] if self.called else {})

    def answers_as(self, other: Attempt) -> bool:
        """Tell whether the same problem got the same answers, but for rounding."""
        return len(self.answers) == len(other.answers) and all(
            one == another or same(wire.decode(one), wire.decode(another))
            for one, another in zip(self.answers, other.answers, strict=True)
        )


def attempt(body: Body, candidate: TimedCandidate, problem: Problem) -> Attempt:
    """Run a test's body on a problem.

    A body that stumbles over an answer (a shape it cannot add, a key that is not there) was given a wrong answer: the
    reference never makes it stumble, which the autograder's tests prove. Before any answer has come, it is the body's
    own fault.
    """
    made = Attempt(candidate, problem)
    try:
        body(made, **problem)
    except OracleFault as fault:
        if _holds(fault.arguments, made.answers, problem):
            made.failure = _unusable(fault.__cause__ or fault)
        else:
            made.fault = fault
    except Failure as failure:
        failure.__context__ = None  # it holds, as a traceback does, frames with the answers and this attempt
        made.failure = failure.with_traceback(None)
    except GraderFault as fault:
        made.fault = fault
    except Exception as error:
        if made.answers:
            made.failure = _unusable(error)
        else:
            made.fault = GraderFault("".join(traceback.format_exception(error)).strip())
    return made


def _unusable(error: BaseException) -> Wrong:
    return Wrong(f"the answer cannot be used: {type(error).__name__}: {error}")


def _holds(arguments: object, answers: list[bytes], problem: Problem) -> bool:
    """Tell whether something of these answers, which the problem does not have, is among the arguments."""
    theirs = {leaf for answer in answers for leaf in _leaves(wire.decode(answer))} - {*_leaves(problem)}
    return not theirs.isdisjoint(_leaves(arguments))


def _leaves(value: object) -> Iterator[bytes]:
    """Every key, and every value that is no container, as it crosses the wire; what cannot is of no answer."""
    if isinstance(value, dict):
        yield from map(wire.encode, value)
    if isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner)
    else:
        with contextlib.suppress(wire.WireError):
            yield wire.encode(value)


class TimeIsUp(BaseException):
    """Ends a step of the judge's; not an Exception, so that hypothesis lets it through."""


class InTime:
    """Makes one attempt after another, as long as the clock has left what the longest of them took."""

    def __init__(self, body: Body, candidate: TimedCandidate) -> None:
        self._body, self._candidate, self._longest = body, candidate, 0.0

    def attempt(self, problem: Problem) -> Attempt:
        """As `attempt`; raises TimeIsUp where no time is left, or no further answer is worth asking for."""
        clock = self._candidate.clock
        started = clock.now()
        if clock.left() <= self._longest:
            raise TimeIsUp
        made = attempt(self._body, self._candidate, problem)
        self._longest = max(self._longest, clock.now() - started)
        if made.fault is not None or isinstance(made.failure, Ended):
            raise TimeIsUp
        return made

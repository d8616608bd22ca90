"""Run one collected test on one candidate: replay its recorded problems, and shrink the first that fails.

Every test owes exactly one outcome.
"""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograder.judge.candidate import AnyCandidate, WorkerCandidate
from autograder.judge.collection import CollectedTest, Problem, shrink
from autograder.judge.comparison import describe, same
from autograder.judge.diagnosis import Seen, explain, kind_of
from autograder.judge.failures import Ended, Failure, GraderFault, OracleFault, Unloadable, Wrong
from autograder.judge.outcomes import GRADER_FAULT, PASSED, WRONG
from autograder.testing.probes import Probe
from autograder.worker import wire
from autograder.worker.wire import Frame

SHRINK_SECONDS, SHRINK_CALLS = 2.0, 400
DIAGNOSIS_SECONDS, DIAGNOSED_PROBLEMS = 2.0, 30
SHOWN_SECONDS = 5.0  # for the one call whose failure is shown


@dataclass(frozen=True)
class TestResult:
    """What came of one test; everything after `outcome` is about the failure, of which a kind and words are kept.

    The failure itself would keep answers, in its arrays and in the frames of its traceback.
    """

    test: CollectedTest
    outcome: str
    message: str = ""
    diagnosis: str = ""
    failure: type[Failure] | None = None
    difference: tuple[str, str, str] = ("", "", "")  # what was got, what was expected, how many values differ
    frames: tuple[Frame, ...] = ()  # of the submission's exception, or where it was when its time was over
    problem: Problem = field(default_factory=dict)
    called: tuple[Probe, dict[str, Any]] | None = None
    output: str = ""
    seconds: float = 0.0


class _BudgetSpent(BaseException):
    """Ends a step of the judge's; not an Exception, so that hypothesis lets it through."""


class _InTime:
    """Checks one problem after another, as long as the clock has left what the longest of them took."""

    def __init__(self, test: CollectedTest, candidate: WorkerCandidate) -> None:
        self._test, self._candidate, self._longest = test, candidate, 0.0

    def check(self, problem: Problem) -> None:
        """As `check`; raises _BudgetSpent where no time is left, or no further answer is worth asking for."""
        started = self._candidate.clock.now()
        if self._candidate.clock.left() <= self._longest:
            raise _BudgetSpent
        try:
            check(self._test.body, self._candidate, problem)
        except (Ended, GraderFault):
            raise _BudgetSpent from None
        finally:
            self._longest = max(self._longest, self._candidate.clock.now() - started)


def run_test(
    test: CollectedTest,
    problems: list[Problem],
    candidate: WorkerCandidate,
    seed: int,
    first: Problem | None = None,
    shrinks: bool = True,
    diagnoses: bool = True,
) -> TestResult:
    """Replay the problems (`first` before all others) and give the test's outcome.

    A failing problem is shrunk and what it looks like is found out; where only points are asked for, neither is needed.
    """
    started = time.perf_counter()
    candidate.forget_output()
    outcome, failure, problem = _replay(test, ([first] if first is not None else []) + problems, candidate)
    if isinstance(failure, Failure):
        found = [_seen(failure, candidate)] if diagnoses else []
        is_settled = isinstance(failure, Ended) or failure.message == _NOT_DETERMINISTIC
        if shrinks and test.is_drawn and not is_settled:
            with candidate.clock.aside(SHRINK_SECONDS, "shrinking"):
                problem = _smallest(test, failure, problem, candidate, seed, len(problems))
            with candidate.clock.aside(SHOWN_SECONDS, "showing"):
                failure = _again(test, failure, problem, candidate)
    output = candidate.output if failure is not None else ""
    diagnosis = ""
    if isinstance(failure, Failure) and diagnoses:
        with candidate.clock.aside(DIAGNOSIS_SECONDS, "diagnosing"):
            shown = _seen(failure, candidate)
            diagnosis = explain(shown, [*found, *_failures(test, failure, problems, candidate)])
    is_about_a_call = failure is not None and not isinstance(failure, Unloadable)
    message = failure.message if isinstance(failure, Failure) else str(failure or "")
    return TestResult(
        test=test,
        outcome=outcome,
        message=message,
        diagnosis=diagnosis,
        failure=type(failure) if isinstance(failure, Failure) else None,
        difference=describe(failure.mismatch) if isinstance(failure, Wrong) and failure.mismatch else ("", "", ""),
        frames=failure.frames if isinstance(failure, Failure) else (),
        problem=problem if failure is not None else {},
        called=candidate.called if is_about_a_call else None,
        output=output,
        seconds=time.perf_counter() - started,
    )


def _replay(
    test: CollectedTest, problems: list[Problem], candidate: WorkerCandidate
) -> tuple[str, Failure | GraderFault | None, Problem]:
    first_answers: list[bytes] | None = None
    for problem in problems:
        try:
            check(test.body, candidate, problem)
        except Failure as failure:
            return _failed(test, _without_frames(failure), problem, candidate)
        except GraderFault as fault:
            return GRADER_FAULT, fault, problem
        if first_answers is None:
            first_answers = list(candidate.answers)
    if problems and first_answers and not _repeats(test, problems[0], first_answers, candidate):
        return WRONG, Wrong(_NOT_DETERMINISTIC), problems[0]
    return PASSED, None, {}


_NOT_DETERMINISTIC = "not deterministic: the same call gave another answer the second time."


def _failed(
    test: CollectedTest, failure: Failure, problem: Problem, candidate: WorkerCandidate
) -> tuple[str, Failure, Problem]:
    answers = list(candidate.answers)
    if isinstance(failure, Ended) or not answers or _repeats(test, problem, answers, candidate):
        return failure.outcome, failure, problem
    return WRONG, Wrong(_NOT_DETERMINISTIC), problem


def _without_frames(failure: Failure) -> Failure:
    """The failure without the tracebacks that hold the answers, and by the frame of its holder the failure itself."""
    failure.__cause__ = failure.__context__ = None
    return failure.with_traceback(None)


def _seen(failure: Failure, candidate: WorkerCandidate) -> Seen:
    return Seen(failure, candidate.called[1] if candidate.called else {})


def _failures(
    test: CollectedTest, shown: Failure, problems: list[Problem], candidate: WorkerCandidate
) -> Iterator[Seen]:
    """What fails among the first problems, with what was called last left as it was."""
    called = candidate.called
    if isinstance(shown, Ended) or shown.message == _NOT_DETERMINISTIC:
        return
    in_time = _InTime(test, candidate)
    for problem in problems[:DIAGNOSED_PROBLEMS]:
        try:
            in_time.check(problem)
        except _BudgetSpent:
            break
        except Failure as failure:
            yield _seen(failure, candidate)
    candidate.called = called


def _repeats(test: CollectedTest, problem: Problem, answers: list[bytes], candidate: WorkerCandidate) -> bool:
    """Whether the same problem gives the same answers again."""
    called = candidate.called
    try:
        check(test.body, candidate, problem)
    except Ended:
        return False
    except (Failure, GraderFault):
        pass
    again, candidate.called = list(candidate.answers), called
    return len(again) == len(answers) and all(
        one == other or same(wire.decode(one), wire.decode(other)) for one, other in zip(again, answers, strict=True)
    )


def check(body: Callable[..., None], candidate: AnyCandidate, problem: Problem) -> None:
    """Run a test's body. Whatever it raises is a Failure or a GraderFault when it leaves here.

    A body that stumbles over an answer (a shape it cannot add, a key that is not there) was given a wrong answer: the
    reference never makes it stumble, which the autograder's tests prove. Before any answer has come, it is the body's
    own fault.
    """
    candidate.answers.clear()
    try:
        body(candidate, **problem)
    except OracleFault as fault:
        if not _holds(fault.arguments, candidate.answers, problem):
            raise
        raise _unusable(fault.__cause__ or fault) from fault
    except (Failure, GraderFault):
        raise
    except Exception as error:
        if candidate.answers:
            raise _unusable(error) from error
        raise GraderFault("".join(traceback.format_exception(error)).strip()) from error


def _unusable(error: BaseException) -> Wrong:
    return Wrong(f"the answer cannot be used: {type(error).__name__}: {error}")


def _holds(arguments: object, answers: list[bytes], problem: Problem) -> bool:
    """Whether something of these answers, which the problem does not have, is among the arguments."""
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


def _smallest(
    test: CollectedTest, failure: Failure, problem: Problem, worker: WorkerCandidate, seed: int, examples: int
) -> Problem:
    """The smallest problem with the same failure that hypothesis finds in the time allowed.

    The same is: the same exception at the same line, or the same kind of difference.  An array of size 0 fails for
    reasons of its own: one is a last resort, for a failure that shows in nothing else.
    """
    best = (_size(problem), problem)
    most_empty_arrays = 0
    in_time, calls = _InTime(test, worker), 0

    def attempt(candidate: object, **smaller: Any) -> None:
        nonlocal best, calls
        calls += 1
        if calls > SHRINK_CALLS:
            raise _BudgetSpent
        if (size := _size(smaller))[0] > most_empty_arrays:
            return
        try:
            in_time.check(smaller)
        except Failure as found:
            if kind_of(found) != kind_of(failure):
                return
            if size <= best[0]:
                best = (size, smaller)
            raise

    for most_empty_arrays in sorted({0, best[0][0]}):  # noqa: B007  attempt reads it
        with contextlib.suppress(_BudgetSpent, Exception):  # hypothesis re-raises what it found, or says it is flaky
            shrink(test, attempt, seed, 10 * examples)  # a redraw may take longer to come upon a failure
        if best[0][0] == 0:
            break
    return best[1]


def _again(test: CollectedTest, failure: Failure, problem: Problem, candidate: WorkerCandidate) -> Failure:
    """The failure of one more call, so that what is shown as printed is what this call printed."""
    candidate.forget_output()
    try:
        check(test.body, candidate, problem)
    except Ended:
        pass
    except Failure as found:
        return _without_frames(found)
    return failure


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

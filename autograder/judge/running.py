"""Run one collected test on one candidate: replay its recorded problems, and shrink the first that fails.

Every test owes exactly one outcome.
"""

from __future__ import annotations

import contextlib
import re
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograder.judge.candidate import AnyCandidate, WorkerCandidate
from autograder.judge.collection import CollectedTest, Problem, shrink
from autograder.judge.comparison import same
from autograder.judge.diagnosis import diagnose
from autograder.judge.failures import Ended, Failure, GraderFault, Unloadable, Wrong
from autograder.testing.probes import Probe
from autograder.worker import wire

PASSED, GRADER_FAULT = "passed", "grader fault"
SHRINK_SECONDS, SHRINK_CALLS = 2.0, 400
DIAGNOSED_PROBLEMS = 30


@dataclass(frozen=True)
class TestResult:
    """What came of one test; everything after `outcome` is about the failure."""

    test: CollectedTest
    outcome: str
    message: str = ""
    diagnosis: str = ""
    failure: Failure | None = None
    problem: Problem = field(default_factory=dict)
    called: tuple[Probe, dict[str, Any]] | None = None
    output: str = ""
    seconds: float = 0.0


class _BudgetSpent(BaseException):
    """Ends a shrink; not an Exception, so that hypothesis lets it through."""


def run_test(
    test: CollectedTest,
    problems: list[Problem],
    candidate: WorkerCandidate,
    seed: int,
    first: Problem | None = None,
    shrinks: bool = True,
) -> TestResult:
    """Replay the problems (`first` before all others) and give the test's outcome."""
    started = time.perf_counter()
    candidate.forget_output()
    outcome, failure, problem = _replay(test, ([first] if first is not None else []) + problems, candidate)
    if isinstance(failure, Failure):
        found = _seen(failure, candidate)
        is_settled = isinstance(failure, Ended) or failure.message == _NOT_DETERMINISTIC
        if shrinks and test.is_drawn and not is_settled:
            problem = _smallest(test, failure, problem, candidate, seed, len(problems))
            failure = _again(test, problem, candidate) or failure
    output = candidate.output if failure is not None else ""
    diagnosis = ""
    if isinstance(failure, Failure):
        diagnosis = _diagnose(test, _seen(failure, candidate), found, problems, candidate)
    is_about_a_call = failure is not None and not isinstance(failure, Unloadable)
    message = failure.message if isinstance(failure, Failure) else str(failure or "")
    return TestResult(
        test=test,
        outcome=outcome,
        message=message,
        diagnosis=diagnosis,
        failure=failure if isinstance(failure, Failure) else None,
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
        candidate.answers.clear()
        try:
            check(test.body, candidate, problem)
        except Failure as failure:
            return _failed(test, failure, problem, candidate)
        except GraderFault as fault:
            return GRADER_FAULT, fault, problem
        if first_answers is None:
            first_answers = list(candidate.answers)
    if problems and first_answers and not _repeats(test, problems[0], first_answers, candidate):
        return "wrong", Wrong(_NOT_DETERMINISTIC), problems[0]
    return PASSED, None, {}


_NOT_DETERMINISTIC = "not deterministic: the same call gave another answer the second time."


def _failed(
    test: CollectedTest, failure: Failure, problem: Problem, candidate: WorkerCandidate
) -> tuple[str, Failure, Problem]:
    answers = list(candidate.answers)
    if isinstance(failure, Ended) or not answers or _repeats(test, problem, answers, candidate):
        return failure.outcome, failure, problem
    return "wrong", Wrong(_NOT_DETERMINISTIC), problem


Seen = tuple[Failure, dict[str, Any]]  # a failure, and the arguments of the probe in which it showed


def _seen(failure: Failure, candidate: WorkerCandidate) -> Seen:
    return failure, candidate.called[1] if candidate.called else {}


def _diagnose(
    test: CollectedTest, shown: Seen, first: Seen, problems: list[Problem], candidate: WorkerCandidate
) -> str:
    """What the failure that is shown looks like: what most failures of its kind look like.

    One problem proves little: 1 + 1 looks like twice 1, and 1 · 1 like anything.
    """
    called = candidate.called
    seen = [first, *_failures(test, shown, problems, candidate)]
    candidate.called = called
    telling = [one for one in seen if _are_alike(one[0], shown[0]) and _tells_something(one[0])] or [shown]
    sentences = [diagnose(failure, arguments) for failure, arguments in telling]
    (kind, count), *_ = Counter(map(_without_numbers, sentences)).most_common()
    if 2 * count <= len(sentences):
        return ""
    own = diagnose(*shown)
    if _without_numbers(own) == kind:
        return own
    of_this_kind = next(sentence for sentence in sentences if _without_numbers(sentence) == kind)
    names_a_length = re.search(r", the (root of the )?(length|number) of ", of_this_kind)
    return f"{of_this_kind} (in another failing problem)" if names_a_length else of_this_kind


def _without_numbers(sentence: str) -> str:
    return re.sub(r"\(.*?\)|[-√]*\d\S*.*", "", sentence)


def _tells_something(failure: Failure) -> bool:
    """Whether the answer and the truth have more than one value to compare, where they are arrays."""
    mismatch = failure.mismatch if isinstance(failure, Wrong) else None
    if mismatch is None:
        return True
    is_same_shape = mismatch.got.shape == mismatch.expected.shape
    return np.unique(mismatch.expected if is_same_shape else mismatch.got).size > 1


def _failures(test: CollectedTest, shown: Seen, problems: list[Problem], candidate: WorkerCandidate) -> Iterator[Seen]:
    if isinstance(shown[0], Ended) or shown[0].message == _NOT_DETERMINISTIC:
        return
    for problem in problems[:DIAGNOSED_PROBLEMS]:
        try:
            check(test.body, candidate, problem)
        except (Ended, GraderFault):
            return
        except Failure as failure:
            yield _seen(failure, candidate)


def _are_alike(one: Failure, other: Failure) -> bool:
    """Whether two failures are in the same place and of the same kind."""
    return _kind(one) == _kind(other)


def _kind(failure: Failure) -> tuple[object, ...]:
    mismatch = failure.mismatch if isinstance(failure, Wrong) else None
    if mismatch is None:
        return (type(failure),)
    return mismatch.name, mismatch.got.shape == mismatch.expected.shape, mismatch.got.dtype == mismatch.expected.dtype


def _repeats(test: CollectedTest, problem: Problem, answers: list[bytes], candidate: WorkerCandidate) -> bool:
    """Whether the same problem gives the same answers again."""
    called = candidate.called
    candidate.answers.clear()
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
    before = len(candidate.answers)
    try:
        body(candidate, **problem)
    except (Failure, GraderFault):
        raise
    except Exception as error:
        if len(candidate.answers) > before:
            raise Wrong(f"the answer cannot be used: {type(error).__name__}: {error}") from error
        raise GraderFault("".join(traceback.format_exception(error)).strip()) from error


def _smallest(
    test: CollectedTest, failure: Failure, problem: Problem, worker: WorkerCandidate, seed: int, examples: int
) -> Problem:
    """The smallest problem with the same outcome that hypothesis finds in the time allowed."""
    best = (_size(problem), problem)
    until, calls = time.monotonic() + SHRINK_SECONDS, 0

    def attempt(candidate: object, **smaller: Any) -> None:
        nonlocal best, calls
        calls += 1
        if calls > SHRINK_CALLS or time.monotonic() > until:
            raise _BudgetSpent
        worker.answers.clear()
        try:
            check(test.body, worker, smaller)
        except (Ended, GraderFault):
            raise _BudgetSpent from None
        except Failure as found:
            if found.outcome != failure.outcome:
                return
            if (size := _size(smaller)) <= best[0]:
                best = (size, smaller)
            raise

    with contextlib.suppress(_BudgetSpent, Exception):  # hypothesis re-raises what it found, or says it is flaky
        shrink(test, attempt, seed, 10 * examples)  # a redraw may take longer to come upon a failure
    return best[1]


def _again(test: CollectedTest, problem: Problem, candidate: WorkerCandidate) -> Failure | None:
    """The failure of one more call, so that what is shown as printed is what this call printed."""
    candidate.forget_output()
    try:
        check(test.body, candidate, problem)
    except Failure as failure:
        return failure
    return None


def _size(problem: Problem) -> tuple[int, int]:
    """Fewer values are simpler; among these, the shorter text."""
    return _count(problem), len(repr(problem))


def _count(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return 1 + value.size
    if isinstance(value, dict | list | tuple):
        return 1 + sum(map(_count, value.values() if isinstance(value, dict) else value))
    return 1

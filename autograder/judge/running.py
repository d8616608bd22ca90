"""Run one collected test on one candidate: replay its recorded problems, and shrink the first that fails.

Every test owes exactly one outcome.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograder.judge.attempt import Attempt, Called, InTime, TimeIsUp, attempt
from autograder.judge.candidate import WorkerCandidate
from autograder.judge.collection import CollectedTest, Problem
from autograder.judge.diagnosis import Seen, explain, kind_of
from autograder.judge.failures import NotAttempted, TimedOut, Unloadable
from autograder.judge.outcomes import GRADER_FAULT, PASSED
from autograder.judge.shrinking import smallest
from autograder.testing.comparison import describe
from autograder.testing.failures import Ended, Failure, Mismatch, Wrong
from autograder.worker.wire import Frame

SHRINK_SECONDS = 2.0
DIAGNOSIS_SECONDS, DIAGNOSED_PROBLEMS = 2.0, 30
PICTURED_ROWS, PICTURED_COLUMNS = 24, 16
SHOWN_SECONDS = 5.0  # for the one attempt whose failure is shown


@dataclass(frozen=True)
class TestResult:
    """The outcome of one test; everything after `outcome` is about the failure, of which a kind and words are kept.

    The failure itself would keep answers, in its arrays and in the frames of its traceback.
    """

    test: CollectedTest
    outcome: str
    message: str = ""
    diagnosis: str = ""
    failure: type[Failure] | None = None
    difference: tuple[str, str, str] = ("", "", "")  # what was got, what was expected, how many values differ
    stub_of: str = ""  # the exercise into whose stub it ran
    frames: tuple[Frame, ...] = ()  # of the submission's exception, or where it was when its time was over
    problem: Problem = field(default_factory=dict)
    called: Called | None = None
    arrays: dict[str, np.ndarray] = field(default_factory=dict)  # got, expected and the arguments, where small
    is_shrunk: bool = False  # whether the problem is the smallest that fails so, as far as was looked
    output: str = ""
    seconds: float = 0.0


class NotDeterministic(Wrong):
    """The same call gave another answer the second time."""

    def __init__(self) -> None:
        super().__init__("not deterministic: the same call gave another answer the second time.")


def run_test(
    test: CollectedTest,
    problems: list[Problem],
    candidate: WorkerCandidate,
    seed: int,
    earlier: Problem | None = None,
    shrinks: bool = True,
    diagnoses: bool = True,
) -> TestResult:
    """Replay the problems, the one on which an earlier run failed before all others, and give the test's outcome.

    A failing problem is shrunk and what it looks like is found out; where only points are asked for, neither is needed.
    """
    started = time.perf_counter()
    candidate.forget_output()
    failed = _replay(test, ([earlier] if earlier is not None else []) + problems, candidate)
    if failed is None:
        return TestResult(test, PASSED, seconds=time.perf_counter() - started)
    shown, is_shrunk = failed, shrinks and test.is_drawn and not _is_settled(failed)
    if is_shrunk:
        with candidate.clock.aside(SHRINK_SECONDS, "shrinking"):
            problem = smallest(test, failed, candidate, seed, len(problems))
        with candidate.clock.aside(SHOWN_SECONDS, "showing"):
            shown = _again(test, failed, problem, candidate)
    output, diagnosis = candidate.output, ""
    if diagnoses and shown.failure is not None:
        with candidate.clock.aside(DIAGNOSIS_SECONDS, "diagnosing"):
            diagnosis = explain(shown.seen, [failed.seen, *_others(test, shown, problems, candidate)])
    seconds = time.perf_counter() - started
    return dataclasses.replace(result_of(test, shown, diagnosis, is_shrunk), output=output, seconds=seconds)


def result_of(test: CollectedTest, made: Attempt, diagnosis: str = "", is_shrunk: bool = False) -> TestResult:
    """Tell what came of a test by the attempt that failed."""
    failure = made.failure
    mismatch = failure.mismatch if isinstance(failure, Wrong) else None
    return TestResult(
        test=test,
        outcome=failure.outcome if failure is not None else GRADER_FAULT,
        message=failure.message if failure is not None else str(made.fault),
        diagnosis=diagnosis,
        failure=type(failure) if failure is not None else None,
        difference=describe(mismatch) if mismatch is not None else ("", "", ""),
        stub_of=failure.exercise if isinstance(failure, NotAttempted) else "",
        frames=failure.frames if failure is not None else (),
        problem=made.problem,
        called=None if isinstance(failure, Unloadable) else made.called,
        arrays=_small_arrays(mismatch, made),
        is_shrunk=is_shrunk,
    )


def _small_arrays(mismatch: Mismatch | None, made: Attempt) -> dict[str, np.ndarray]:
    """Keep what a picture can show, and no more of an answer."""
    compared = {"got": mismatch.got, "expected": mismatch.expected} if mismatch is not None else {}
    arguments = made.called[1] if made.called is not None else {}
    named = compared | {f"argument {name}": value for name, value in _one_by_one(arguments)}
    return {name: value for name, value in named.items() if isinstance(value, np.ndarray) and _is_small(value)}


def _one_by_one(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The arguments, and those that are lists element by element."""
    for name, value in arguments.items():
        if isinstance(value, list):
            yield from ((f"{name}[{number}]", element) for number, element in enumerate(value))
        else:
            yield name, value


def _is_small(array: np.ndarray) -> bool:
    columns = array.shape[-1] if array.ndim else 1
    return array.dtype.kind in "fiub" and 0 < array.size <= PICTURED_ROWS * columns and columns <= PICTURED_COLUMNS


def _replay(test: CollectedTest, problems: list[Problem], candidate: WorkerCandidate) -> Attempt | None:
    """The first attempt that fails, or that gets other answers when it is repeated; None where all pass."""
    first = None
    for problem in problems:
        made = attempt(test.body, candidate, problem)
        first = first or made
        if not made.passed:
            return made if _is_settled(made) else _repeated(test, made, candidate)
    if first is not None and _repeated(test, first, candidate).failure is not None:
        return first
    return None


def _repeated(test: CollectedTest, made: Attempt, candidate: WorkerCandidate) -> Attempt:
    """The same attempt, which has failed as not deterministic if it gets other answers the second time.

    Where the exercise's time is used up meanwhile, that is what ended a test which had passed.
    """
    if made.answers:
        again = attempt(test.body, candidate, made.problem)
        if isinstance(again.failure, TimedOut) and candidate.clock.left() <= 0:
            made.failure = made.failure or again.failure
        elif isinstance(again.failure, Ended) or not made.answers_as(again):
            made.failure = NotDeterministic()
    return made


def _is_settled(made: Attempt) -> bool:
    """Tell whether no further attempt would tell more."""
    return made.fault is not None or isinstance(made.failure, (Ended, NotDeterministic))


def _again(test: CollectedTest, failed: Attempt, problem: Problem, candidate: WorkerCandidate) -> Attempt:
    """One more attempt, so that what is shown as printed is what it printed; the old one where that fails otherwise."""
    assert failed.failure is not None
    candidate.forget_output()
    made = attempt(test.body, candidate, problem)
    is_same = made.failure is not None and kind_of(made.failure) == kind_of(failed.failure)
    return made if is_same else failed


def _others(test: CollectedTest, shown: Attempt, problems: list[Problem], candidate: WorkerCandidate) -> Iterator[Seen]:
    """Find what fails among the first problems."""
    if _is_settled(shown):
        return
    in_time = InTime(test.body, candidate)
    for problem in problems[:DIAGNOSED_PROBLEMS]:
        try:
            made = in_time.attempt(problem)
        except TimeIsUp:
            break
        if made.failure is not None:
            yield made.seen

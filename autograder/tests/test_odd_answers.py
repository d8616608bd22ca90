"""Whatever a submission answers, the grader is never at fault: every test is given answers that nobody expects."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from autograder.judge.attempt import Attempt, attempt
from autograder.judge.candidate import Answer, TimedCandidate, WorkerCandidate
from autograder.judge.exercises import Part
from autograder.judge.staging import make_stage
from autograder.judge.submission import reference
from autograder.testing.failures import OracleFault, Wrong
from autograder.testing.probes import Probe
from autograder.testing.truths import truth
from autograder.tests.test_exercises import collected, every_reference
from autograder.worker import wire

SEED, TIMES, OFTEN = 20170612, 1, 12
ODD: tuple[Any, ...] = (
    *(None, True, 0, -7, 10**15, 1.5, float("nan"), "text", "", [], {}, [1, [2]], {"more": 1}),
    *(np.zeros(()), np.zeros((0, 3)), np.ones((1, 2, 3, 4, 5)), np.array([True, False])),
    *(np.arange(3), np.full((2, 2), np.nan, dtype="float32"), np.full(2, 2**62), np.array([np.inf, -np.inf])),
)


class OddCandidate(TimedCandidate):
    """The reference, of whose answers something is changed."""

    def __init__(self, worker: WorkerCandidate, generator: random.Random) -> None:
        super().__init__()
        self.worker, self.generator = worker, generator

    def ask(self, probe: Probe, arguments: dict[str, Any], memory_bytes: int | None = None) -> Answer:
        answer = wire.encode(changed(self.worker.ask(probe, arguments, memory_bytes).value, self.generator))
        return Answer(answer, wire.decode(answer))


def changed(value: Any, generator: random.Random) -> Any:
    """The value with one thing changed: in it, at some depth, or all of it."""
    if isinstance(value, dict) and value and generator.random() < 0.9:
        key = generator.choice(list(value))
        return generator.choice(
            [
                {**value, key: changed(value[key], generator)},
                {**value, key: changed(value[key], generator)},
                {**value, "more": generator.choice(ODD)},
                {name: inner for name, inner in value.items() if name != key},
            ]
        )
    if isinstance(value, list) and value and generator.random() < 0.9:
        place = generator.randrange(len(value))
        inner = changed(value[place], generator)
        return generator.choice([[*value[:place], inner, *value[place + 1 :]], value[:-1], [*value, value[0]]])
    if isinstance(value, np.ndarray) and value.size and generator.random() < 0.7:
        odd: list[np.ndarray] = [value[..., None], value.reshape(-1), value[:0] if value.ndim else value, value * -1.0]
        return np.ascontiguousarray(generator.choice([*odd, value.astype("float32"), value.astype("int64")]))
    return generator.choice(ODD)


def faults(part: Part, times: int) -> Iterator[str]:
    """Every fault of the grader that odd answers to a part's tests lead to."""
    collection, generator = collected(part.folder), random.Random(SEED)
    with WorkerCandidate(part, make_stage(part, reference([part]))) as worker, np.errstate(all="ignore"):
        for test in collection.tests:
            for problem in generator.choices(collection.problems[test.id], k=times):
                made = attempt(test.body, OddCandidate(worker, generator), problem)
                if made.fault is not None:
                    yield f"{test.id}: {str(made.fault).splitlines()[-1]}"


@every_reference
def test_no_odd_answer_is_a_fault_of_the_grader(part: Part) -> None:
    assert list(faults(part, TIMES)) == []


@pytest.mark.slow
@every_reference
def test_not_even_one_of_many(part: Part) -> None:
    assert list(faults(part, OFTEN)) == []


# Whose fault it is that a truth cannot be computed


@truth
def doubled(x: Any) -> Any:
    if np.shape(x) != (2,):
        raise ValueError("x must have the shape (2,)")
    return {"y": 2 * x}


class Answers(TimedCandidate):
    """Answers this."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = Answer(wire.encode(answer), answer)

    def ask(self, probe: Probe, arguments: dict[str, Any], memory_bytes: int | None = None) -> Answer:
        return self.answer


def from_the_answer(candidate: Any, x: np.ndarray) -> None:
    doubled(candidate.run(None)["x"])


def from_the_problem(candidate: Any, x: np.ndarray) -> None:
    candidate.run(None)
    doubled(x[:1])


def attempted(body: Any, length: int) -> Attempt:
    """The body's attempt where the answer is an array of this length, and the problem one of length 2."""
    return attempt(body, Answers({"x": np.ones(length)}), {"x": np.zeros(2)})


def test_what_is_computed_from_an_answer_blames_the_answer() -> None:
    assert attempted(from_the_answer, 2).passed
    failure = attempted(from_the_answer, 3).failure
    assert isinstance(failure, Wrong)
    assert failure.message == "the answer cannot be used: ValueError: x must have the shape (2,)"


def from_what_cannot_cross(candidate: Any, x: np.ndarray) -> None:
    candidate.run(None)
    doubled(object())


def test_so_is_what_no_answer_can_hold() -> None:
    assert isinstance(attempted(from_what_cannot_cross, 3).fault, OracleFault)


def test_what_is_computed_from_the_problem_is_ours_whatever_was_answered() -> None:
    assert isinstance(attempted(from_the_problem, 3).fault, OracleFault)

"""Two processes grade as one does, and what becomes of the second changes no score."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import pytest

from autograder.authoring.stubs import generate_stub
from autograder.judge import two_cores
from autograder.judge.candidate import WorkerCandidate
from autograder.judge.collection import Collection
from autograder.judge.record import PartRecord
from autograder.judge.submission import IN_PLACE
from autograder.judge.two_cores import are_worth_it, grade_on_two_cores
from autograder.testing.failures import GraderFault
from autograder.tests.toy import SOLUTION, collect_toy, grade_toy, make_toy_part, toy_candidate

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only on Linux does the judge fork")

Another = Callable[[], AbstractContextManager[WorkerCandidate]]
SUBMISSIONS: dict[str, dict[str, str | bytes | None]] = {
    "right": {},
    "wrong": {"toy.py": SOLUTION["toy.py"].replace("2.0 * x", "x")},
    "half": {"toy.py": None},
    "broken": {"other.py": "def shift(x:\n"},
}


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return collect_toy(make_toy_part(tmp_path_factory.mktemp("two_cores")))


def grade_in_two(
    collection: Collection,
    files: Mapping[str, str | bytes | None],
    another: Another | None = None,
    told: list[str] | None = None,
    seconds: Mapping[str, float] | None = None,
) -> PartRecord:
    tell = (told if told is not None else []).append
    with toy_candidate(collection.part, files) as candidate:
        another = another or (lambda: toy_candidate(collection.part, files))
        return grade_on_two_cores(collection, candidate, another, IN_PLACE, seconds=seconds, tell=tell)


def outcomes(record: PartRecord) -> list[tuple[str, str, float, str]]:
    return [(one.id, one.outcome, one.points, one.message) for one in record.exercises]


@pytest.mark.parametrize("name", [*SUBMISSIONS, "stubs"])
def test_the_result_is_that_of_one_process(collection: Collection, name: str) -> None:
    stubs = {file: generate_stub(source, collection.part.name) for file, source in SOLUTION.items()}
    files = stubs if name == "stubs" else SUBMISSIONS[name]
    one, told = grade_toy(collection, files, shrinks=True), list[str]()
    two = grade_in_two(collection, files, told=told)
    assert outcomes(two) == outcomes(one)
    assert (two.points, two.max_points, two.isolation.level) == (one.points, one.max_points, one.isolation.level)
    assert len(told) == len(collection.tests)


def test_both_processes_grade(collection: Collection) -> None:
    """After its first test the first process waits until it hears of one that the second has run."""
    heard = threading.Event()

    class Patient(list[str]):
        def append(self, exercise: str) -> None:
            super().append(exercise)
            if threading.current_thread() is threading.main_thread():
                assert heard.wait(60)
            else:
                heard.set()

    told = Patient()
    assert grade_in_two(collection, {}, told=told).points == 100
    assert len(told) == len(collection.tests)


@pytest.mark.parametrize("end", [lambda: os._exit(3), lambda: os.kill(os.getpid(), signal.SIGKILL)])
def test_what_a_second_process_that_ended_has_left_is_graded_by_the_first(
    collection: Collection, end: Callable[[], None]
) -> None:
    def another() -> AbstractContextManager[WorkerCandidate]:
        end()
        raise AssertionError

    assert grade_in_two(collection, {}, another).points == 100


def test_a_fault_of_the_grader_in_the_second_process_is_one_here(collection: Collection) -> None:
    def another() -> AbstractContextManager[WorkerCandidate]:
        raise GraderFault("no second worker")

    with pytest.raises(GraderFault, match="no second worker"):
        grade_in_two(collection, {}, another)


def test_what_took_longest_last_is_begun_first(collection: Collection) -> None:
    def later() -> AbstractContextManager[WorkerCandidate]:
        time.sleep(0.5)  # so long the first process has them all
        return toy_candidate(collection.part, {})

    told: list[str] = []
    result = grade_in_two(collection, {}, later, told, {"toy.double": 1.0, "toy.scale": 3.0, "other.shift": 2.0})
    assert told[0] == "toy.scale"
    assert [exercise.id for exercise in result.exercises] == ["toy.double", "toy.scale", "other.shift"]


def test_a_small_collection_is_graded_in_one_process(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    assert not are_worth_it(collection)
    assert are_worth_it(collection, seconds={"toy.scale": two_cores.MIN_SECONDS})
    monkeypatch.setattr(two_cores, "MIN_TESTS", 1)
    assert are_worth_it(collection)
    assert not are_worth_it(collection, seconds={"toy.scale": two_cores.MIN_SECONDS / 2})
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})
    assert not are_worth_it(collection)


def test_nothing_runs_on_when_the_first_is_stopped(collection: Collection) -> None:
    children: list[int] = []
    fork = os.fork

    class Stopped(list[str]):
        def append(self, exercise: str) -> None:
            raise KeyboardInterrupt

    def forked() -> int:
        children.append(fork())
        return children[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fork", forked)
        with pytest.raises(KeyboardInterrupt):
            grade_in_two(collection, {}, told=Stopped())
    (child,) = children
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)

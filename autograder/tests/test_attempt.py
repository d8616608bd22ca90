"""A test's body run once: what is kept of it, and whose fault it is that it fails."""

from __future__ import annotations

from typing import Any

import pytest

from autograder.judge.attempt import attempt
from autograder.judge.candidate import Answer, TimedCandidate
from autograder.judge.failures import Crashed, TimedOut
from autograder.testing.failures import Failure, GraderFault, Wrong
from autograder.testing.probes import Probe
from autograder.worker import wire


class Answering(TimedCandidate):
    """Answers with what it is asked."""

    def ask(self, probe: Probe, arguments: dict[str, Any], memory_bytes: int | None = None) -> Answer:
        return Answer(wire.encode(arguments), arguments)


@pytest.mark.parametrize("failure", [Wrong("x"), TimedOut("x"), Crashed("x")])
def test_a_failure_is_kept_unchanged(failure: Failure) -> None:
    def body(candidate: Any) -> None:
        candidate.run(None, x=1)
        raise failure

    made = attempt(body, Answering(), {})
    assert made.failure is failure
    assert (made.fault, made.passed) == (None, False)


def test_so_is_a_fault() -> None:
    fault = GraderFault("x")

    def body(candidate: Any) -> None:
        candidate.run(None)
        raise fault

    made = attempt(body, Answering(), {})
    assert made.fault is fault
    assert (made.failure, made.passed) == (None, False)


def test_what_was_called_last_is_kept_and_all_that_was_answered() -> None:
    def body(candidate: Any, x: int) -> None:
        assert candidate.run(None, x=x) == {"x": x}
        candidate.run_within(2**20, None, y=x + 1)

    made = attempt(body, Answering(), {"x": 3})
    assert made.passed
    assert made.called is not None
    assert made.called[1] == {"y": 4}
    assert made.answers == [wire.encode({"x": 3}), wire.encode({"y": 4})]


def test_a_body_that_fails_before_any_answer_is_our_fault() -> None:
    def body(candidate: Any) -> None:
        raise ValueError("in the test")

    made = attempt(body, Answering(), {})
    assert made.failure is None
    assert "ValueError: in the test" in str(made.fault)


def test_a_body_that_stumbles_over_an_answer_was_given_a_wrong_one() -> None:
    def body(candidate: Any) -> None:
        candidate.run(None)["no such key"]

    failure = attempt(body, Answering(), {}).failure
    assert isinstance(failure, Wrong)
    assert failure.message == "the answer cannot be used: KeyError: 'no such key'"


def test_what_is_no_exception_goes_through() -> None:
    """Ctrl-C is nobody's outcome."""

    def body(candidate: Any) -> None:
        candidate.run(None)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(body, Answering(), {})

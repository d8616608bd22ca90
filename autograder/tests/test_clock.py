"""The submission's clock: what stops it, what ends, and what is kept of it."""

from __future__ import annotations

import contextlib

import pytest

from autograder.judge.clock import Clock, Step
from autograder.judge.failures import TimedOut
from autograder.tests.toy import Watch


def test_without_a_deadline_time_never_ends(watch: Watch) -> None:
    clock = Clock()
    watch.seconds += 1e9
    clock.check()
    assert clock.left() == float("inf")


def test_a_deadline_ends_what_it_names_and_nothing_after_it(watch: Watch) -> None:
    clock = Clock()
    with clock.until(clock.now() + 5, "the share"):
        watch.seconds += 4
        clock.check()
        assert clock.left() == 1
        watch.seconds += 1
        with pytest.raises(TimedOut, match="the share is used up"):
            clock.check()
    clock.check()
    assert clock.steps == [Step("the share", allowed=5, took=5)]


def test_what_is_done_aside_has_its_own_time_and_costs_none(watch: Watch) -> None:
    clock = Clock()
    with clock.until(clock.now() + 5, "the share"):
        with clock.aside(100, "shrinking"):
            watch.seconds += 60
            with clock.aside(30, "the worker's start"):
                watch.seconds += 20
                assert clock.left() == 10
            assert clock.left() == 40
        assert clock.left() == 5
    assert clock.steps == [
        Step("the worker's start", allowed=30, took=20),
        Step("shrinking", allowed=100, took=60),
        Step("the share", allowed=5, took=0),
    ]


def test_a_step_that_fails_is_kept_too(watch: Watch) -> None:
    clock = Clock()
    with contextlib.suppress(KeyError), clock.aside(3, "shrinking"):
        watch.seconds += 4
        raise KeyError
    assert clock.steps == [Step("shrinking", allowed=3, took=4)]
    assert clock.left() == float("inf")

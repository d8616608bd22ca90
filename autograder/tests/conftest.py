"""What the tests share, and what the self-test says at its end: how many of the known mistakes the report names."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from autograder.authoring.catalogue import shares
from autograder.authoring.mistakes import mistakes_of
from autograder.judge.exercises import find_parts
from autograder.tests.toy import Watch


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """The judge's time of day."""
    watch = Watch()
    monkeypatch.setattr("autograder.judge.clock.time", watch)
    return watch


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """After the tests of the catalogue, the share of the named mistakes in each part."""
    passed = terminalreporter.stats.get("passed", [])
    if any("test_catalogue.py::test_enough" in report.nodeid for report in passed):
        text = io.StringIO()
        Console(file=text, width=100).print(shares({part.name: mistakes_of(part) for part in find_parts()}))
        terminalreporter.write_line(text.getvalue().rstrip())

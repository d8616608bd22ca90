"""Fixtures that the tests share, and the end of the self-test: the cost of attacks, and the mistakes that are named."""

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
    """Say what the judge took under attack, and after the catalogue the share of the named mistakes in each part."""
    passed = terminalreporter.stats.get("passed", [])
    attacks = [cost for report in passed for name, cost in report.user_properties if name == "the judge under attack"]
    for most, unit, column in (("longest", "s", 1), ("largest", "MiB of memory", 2)) if attacks else ():
        costly = sorted(attacks, key=lambda cost: -cost[column])[:3]
        told = "; ".join(f"{cost[0]}, {cost[column]} {unit}" for cost in costly)
        terminalreporter.write_line(f"the judge under {len(attacks)} attacks, {most}: {told}")
    if any("test_catalogue.py::test_enough" in report.nodeid for report in passed):
        text = io.StringIO()
        Console(file=text, width=100).print(shares({part.name: mistakes_of(part) for part in find_parts()}))
        terminalreporter.write_line(text.getvalue().rstrip())

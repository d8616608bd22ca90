"""The table of outcomes: it has every word that is used, and the README explains each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autograder.judge import outcomes, running
from autograder.judge.exercises import ROOT
from autograder.judge.outcomes import OUTCOMES
from autograder.testing.failures import Ended, Failure


def kinds_of(kind: type[Failure]) -> Iterator[type[Failure]]:
    for further in kind.__subclasses__():
        yield further
        yield from kinds_of(further)


def test_the_table_has_every_word_once() -> None:
    words = {value for name, value in vars(outcomes).items() if name.isupper() and isinstance(value, str)}
    assert set(OUTCOMES) == words


@pytest.mark.parametrize("failure", sorted({running.NotDeterministic, *kinds_of(Failure)} - {Ended}, key=str))
def test_a_failure_has_a_word_of_the_table(failure: type[Failure]) -> None:
    assert failure.outcome in OUTCOMES
    if OUTCOMES[failure.outcome].ends_a_test:
        assert issubclass(failure, Ended)


def test_the_readme_explains_every_word() -> None:
    readme = (ROOT / "autograder" / "README.md").read_text(encoding="utf-8")
    assert [word for word in OUTCOMES if f"| `{word}`" not in readme] == []

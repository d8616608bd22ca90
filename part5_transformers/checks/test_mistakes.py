"""Every known mistake loses points in its own exercise."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.judge.exercises import load_part
from autograder.testing.mistakes import Mistake, assert_loses_points, with_mistake
from part5_transformers.checks.mistakes import MISTAKES

PART = load_part(Path(__file__).resolve().parent.parent)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_every_mistake_is_one_of_the_reference(mistake: Mistake) -> None:
    with_mistake(PART, mistake)


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_known_mistake_loses_points(mistake: Mistake) -> None:
    assert_loses_points(PART, mistake)

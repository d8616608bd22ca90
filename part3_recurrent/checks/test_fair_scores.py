"""Checks of fair scores: code that is right but for an edge case loses only that."""

from __future__ import annotations

from pathlib import Path

from autograder.authoring.mistakes import lost_tests, mistake, report_of
from autograder.judge.exercises import load_part

PART = load_part(Path(__file__).resolve().parent.parent)


def test_an_extended_target_that_fails_for_no_label_loses_only_the_empty_targets() -> None:
    """All of CTC stands on it: the tables, the loss and its gradient."""
    line = "    can_skip = np.zeros(len(extended), dtype=bool)"
    edit = (line, f"    target[0]\n{line}")
    exercises = [exercise.id for exercise in PART.exercises if exercise.file == "ctc.py"]
    result = report_of(PART, mistake(exercises[0], "no label", edit), exercises)
    assert len(result.exercises) >= 6
    assert set(lost_tests(result).values()) == {"edge case"}
    assert all(exercise.points >= 0.6 * exercise.max_points for exercise in result.exercises)

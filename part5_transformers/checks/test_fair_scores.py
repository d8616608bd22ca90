"""Fair scores: code that is right but for an edge case loses only that, and the report says what is true."""

from __future__ import annotations

from pathlib import Path

from autograder.authoring.mistakes import lost_tests, mistake, report_of, shown_test
from autograder.judge.exercises import load_part

PART = load_part(Path(__file__).resolve().parent.parent)
HIDING = """\
            scores = scores.masked_fill(mask, -torch.inf)
        weights = scores.softmax(dim=-1)
        if mask is not None:
            weights = weights.masked_fill(mask, 0)  # a query that ignores every key has nan here
"""
LARGE_NEGATIVE = """\
            scores = scores.masked_fill(mask, -1e10)
        weights = scores.softmax(dim=-1)
"""


def test_a_large_negative_number_in_the_place_of_infinity_loses_only_what_sees_nothing() -> None:
    result = report_of(PART, mistake("attention.attend", "-1e10", (HIDING, LARGE_NEGATIVE)))
    assert set(lost_tests(result).values()) == {"edge case"}
    assert result.points >= 0.85 * result.max_points
    assert shown_test(PART, result).diagnosis.startswith("a large negative score in the place of -inf: ")

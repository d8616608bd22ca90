"""What people hand in: code that is right but for an edge case loses only that, and the report says what is true."""

from __future__ import annotations

from pathlib import Path

from autograder.authoring.mistakes import lost_tests, mistake, report_of, shown_test
from autograder.judge.exercises import load_part

PART = load_part(Path(__file__).resolve().parent.parent)
ATTENTION = ["attention.softmax", "attention.forward", "attention.backward"]
TILED = ["tiled.forward", "tiled.backward"]

ONE_TILE = """
    def one_tile(self, length: int, rows: object = None) -> list[slice]:
        return [slice(0, length)]
"""


def test_a_large_negative_number_in_the_place_of_infinity_loses_only_what_sees_nothing() -> None:
    edit = ("np.copyto(weights, -np.inf, where=mask)", "np.copyto(weights, -1e10, where=mask)")
    result = report_of(PART, mistake(ATTENTION[0], "-1e10", edit), ATTENTION)
    assert set(lost_tests(result).values()) == {"edge case"}
    assert [exercise.points >= 0.85 * exercise.max_points for exercise in result.exercises] == [True] * 3
    assert shown_test(PART, result).diagnosis.startswith("a large negative score in the place of -inf: ")


def test_attention_in_one_tile_earns_next_to_nothing() -> None:
    """It is right in every number, and holds a number for every query and key."""
    lengths = ("query.shape[-2]", "key.shape[-2]", "self.query.shape[-2]", "self.key.shape[-2]")
    edits = [(f"in self.tiles({length}", f"in self.one_tile({length}") for length in lengths]
    edits.append(("    # Given\n", f"    # Given\n{ONE_TILE}"))
    result = report_of(PART, mistake(TILED[0], "one tile", *edits), TILED)
    assert result.points <= 2
    assert "for every query and key" in shown_test(PART, result).diagnosis

"""What people hand in: code that is right but for an edge case loses only that, and the report says what is true."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from autograder.authoring.mistakes import lost_tests, mistake, report_of, shown_test
from autograder.judge.exercises import load_part
from autograder.judge.record import PartRecord

PART = load_part(Path(__file__).resolve().parent.parent)
ATTENTION = ["attention.softmax", "attention.forward", "attention.backward"]
TILED = ["tiled.forward", "tiled.backward"]

ONE_TILE = """
    def one_tile(self, length: int, rows: object = None) -> list[slice]:
        return [slice(0, length)]
"""


def test_a_large_negative_number_in_the_place_of_infinity_loses_only_what_sees_nothing() -> None:
    edit = ("np.where(mask, -np.inf, scores)", "np.where(mask, -1e10, scores)")
    result = report_of(PART, mistake(ATTENTION[0], "-1e10", edit), ATTENTION)
    assert set(lost_tests(result).values()) == {"edge case"}
    assert [exercise.points >= 0.85 * exercise.max_points for exercise in result.exercises] == [True] * 3
    assert shown_test(PART, result).diagnosis.startswith("a large negative score in the place of -inf: ")


def one_tile(*edits: tuple[str, str]) -> PartRecord:
    """Attention that is right in every number, and holds one for every query and key."""
    lengths = ("query.shape[-2]", "key.shape[-2]", "self.query.shape[-2]", "self.key.shape[-2]")
    in_one = [(f"in self.tiles({length}", f"in self.one_tile({length}") for length in lengths]
    entry = mistake(TILED[0], "one tile", *in_one, ("    # Given\n", f"    # Given\n{ONE_TILE}"), *edits)
    return report_of(PART, entry, TILED)


def test_attention_in_one_tile_earns_next_to_nothing() -> None:
    result = one_tile()
    assert result.points <= 2
    assert "for every query and key" in shown_test(PART, result).diagnosis


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces a limit on address space")
def test_attention_in_one_tile_that_lies_about_its_memory_earns_what_is_right_in_small() -> None:
    lie = "import tracemalloc\ntracemalloc.get_traced_memory = lambda: (0, 0)\n"
    result = one_tile(("import math\n", f"import math\n{lie}"))
    assert result.points <= 7  # of 24
    assert [test.outcome for exercise in result.exercises for test in exercise.tests].count("memory") == 2

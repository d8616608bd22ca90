"""The table that a job on GitHub shows."""

from __future__ import annotations

from pathlib import Path

import msgspec

from autograder.reports import markdown
from autograder.tests.test_terminal import exercise_record, one_test, part_record


def test_every_exercise_is_a_row_and_every_part_a_table(tmp_path: Path) -> None:
    extra = msgspec.structs.replace(exercise_record("toy.b", one_test("wrong")), extra=True)
    result = part_record(exercise_record("toy.a", one_test("passed")), extra)
    markdown.write(tmp_path / "table.md", [result, result])
    table = """\
## part1_toy: 10 / 20 points

| | exercise | points | outcome | what |
|---|---|--:|---|---|
| ✓ | `toy.a` | 10 / 10 | passed | what toy.a is for |
| ✗ | `toy.b` (extra) | 0 / 10 | wrong | what toy.b is for |
"""
    assert (tmp_path / "table.md").read_text(encoding="utf-8") == f"{table}\n{table}"

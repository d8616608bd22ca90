"""Benchmarks say what is not written and leave it out, and a wrong option is one line."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from autograder.tests.processes import run

TOY_BENCHMARKS = """
import sys
from autograder.scripts import side_by_side

def written():
    return [side_by_side.Row("what is written", 1.0, 2.0, "torch", 0.5)]

def stub():
    raise NotImplementedError("toy.add: the sum of two numbers. See part9_toy/README.md")

sys.exit(side_by_side.main("part9_toy", None, lambda rounds: STEPS))
"""


def benchmarks(folder: Path, steps: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the benchmarks of a part in this folder."""
    (folder / "part9_toy").mkdir()
    (folder / "part9_toy/benchmarks.py").write_text(TOY_BENCHMARKS.replace("STEPS", steps), encoding="utf-8")
    return run(folder, "-m", "part9_toy.benchmarks", *options, SFRATORCH_CODE="own")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("--rounds 0", "--rounds must be at least 1; got 0."),
        ("--json none/rows.json", "--json must be a file in a folder that can be written to; got none/rows.json."),
    ],
)
def test_a_wrong_option_is_one_line(tmp_path: Path, options: str, problem: str) -> None:
    done = benchmarks(tmp_path, "[written]", *options.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"python -m part9_toy.benchmarks: {problem} --help shows the options.\n"


@pytest.mark.parametrize(
    ("steps", "code", "rows"), [("[stub, written, stub]", 0, ["what is written"]), ("[stub, stub]", 2, [])]
)
def test_what_is_not_written_is_said_once_and_not_measured(
    tmp_path: Path, steps: str, code: int, rows: list[str]
) -> None:
    done = benchmarks(tmp_path, steps, "--json", "rows.json")
    assert done.returncode == code, done.stderr
    assert done.stderr == (
        "toy.add is not written yet (part9_toy/benchmarks.py:9): the sum of two numbers. "
        "Write it, or run the reference with --solution.\n"
    )
    assert ("what is written" in done.stdout) == bool(rows)
    file = tmp_path / "rows.json"
    assert file.exists() == bool(rows)
    measured = json.loads(file.read_text(encoding="utf-8")) if rows else []
    assert [row["work"] for row in measured] == rows

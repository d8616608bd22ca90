"""The graded cells of an assignment: they ask the autograder about the files beside the notebook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def practise(part: str, exercise: str) -> None:
    """Grade one exercise of the files in place, and print the report.

    Raises AssertionError below full points, so that the Validate button names the cell.  Where nbgrader grades, nothing
    is run, and it raises: the judge writes the points, and without it there are none.
    """
    if os.environ.get("NBGRADER_EXECUTION") == "autograde":
        raise AssertionError(f"{exercise}: the judge's points stand here once it has graded.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "record.json")
        command = [sys.executable, str(ROOT / "autograder" / "run.py"), part, "-e", exercise, "--json", str(path)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False)
        print(done.stdout, end="")
        record = json.loads(path.read_bytes()) if path.exists() else None
    if record is None:
        raise RuntimeError(f"{exercise} could not be graded; the lines above say why.")
    graded = record["exercises"][0]
    if graded["points"] < graded["max_points"]:
        raise AssertionError(f"{exercise}: {graded['points']:g} of {graded['max_points']:g} points")

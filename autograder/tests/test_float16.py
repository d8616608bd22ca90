"""float16 stays float16 through every layer of the references, and is finite where torch's is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.judge.exercises import ROOT

CHECKS = sorted(path.relative_to(ROOT) for path in ROOT.glob("part*/checks/half_precision.py"))


@pytest.mark.parametrize("checks", CHECKS, ids=lambda path: path.parts[0])
def test_the_reference_keeps_float16(checks: Path) -> None:
    """The tests of a part's half_precision.py, in a process in which every part is the reference."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(checks)],
        cwd=ROOT,
        env=os.environ | {"SFRATORCH_CODE": "solution", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

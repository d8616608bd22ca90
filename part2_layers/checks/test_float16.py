"""float16 stays float16 through every layer of the reference, and is finite where torch's is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PART = Path(__file__).resolve().parent.parent


def test_the_reference_keeps_float16() -> None:
    """The tests of half_precision.py, in a process in which every part is the reference."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "part2_layers/checks/half_precision.py"],
        cwd=PART.parent,
        env=os.environ | {"SFRATORCH_CODE": "solution", "PYTHONPATH": str(PART.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

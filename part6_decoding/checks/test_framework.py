"""The reference as a framework: the examples of the README, as they stand but for their sizes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = os.environ | {"SFRATORCH_CODE": "solution", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
SMALLER = {"=512": "=16", "=2048": "=32", "heads=8": "heads=2", "layers=6": "layers=2", "max_len=16": "max_len=512"}


def smaller(example: str) -> str:
    """Shrink an example, so that there is less to compute."""
    for large, small in SMALLER.items():
        example = example.replace(large, small)
    return example


def test_there_are_three_examples() -> None:
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize("size", ["smaller", pytest.param("as it stands", marks=pytest.mark.slow)])
@pytest.mark.parametrize("number", range(3))
def test_an_example_of_the_readme_prints_what_its_comments_say(number: int, size: str, tmp_path: Path) -> None:
    example = EXAMPLES[number]
    said = re.findall(r"^print\(.*?\)\s+# (.*)$", example, re.MULTILINE)
    result = subprocess.run(
        [sys.executable, "-c", smaller(example) if size == "smaller" else example],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == said
    assert said

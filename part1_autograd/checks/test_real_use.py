"""The reference as a user has it: the benchmarks measure, the tape is drawn, and the README's examples hold."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PART = Path(__file__).resolve().parent.parent
ENVIRONMENT = os.environ | {"SFRATORCH_CODE": "solution", "PYTHONPATH": str(PART.parent)}

TAPE = """
from part1_autograd.graph import draw, to_dot
from part1_autograd.tensor import Tensor
x = Tensor([[1.0, 2.0]], requires_grad=True)
loss = (x @ x.T).sum()
"""


def run(*command: str, folder: Path) -> str:
    """What a command prints; an error of the command is the test's."""
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=ENVIRONMENT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_benchmarks_write_the_rows_that_the_contract_names(tmp_path: Path) -> None:
    run("-m", "part1_autograd.benchmarks", "--rounds", "1", "--json", "rows.json", folder=tmp_path)
    rows = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    names = {"work", "ours", "reference", "reference_name", "ratio", "must_reach", "aim_for", "better"}
    assert all(set(row) == names and row["ratio"] > 0 for row in rows)
    assert any(row["reference_name"] == "torch" and row["must_reach"] == 0.45 for row in rows)


def test_graphviz_gets_a_node_for_every_leaf_and_operation(tmp_path: Path) -> None:
    dot = run("-c", TAPE + "print(to_dot(loss))", folder=tmp_path)
    assert sorted(re.findall(r'label="(\w+)', dot)) == ["leaf", "matmul", "sum", "transpose"]
    assert dot.count("->") == 4


def test_the_tape_is_drawn_without_graphviz(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="run.py --install train adds matplotlib")
    run("-c", TAPE + "draw(loss, 'tape.png')", folder=tmp_path)
    assert (tmp_path / "tape.png").read_bytes().startswith(b"\x89PNG")


def test_the_readmes_examples_hold(tmp_path: Path) -> None:
    readme = (PART / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    for example in examples:
        run("-c", example, folder=tmp_path)

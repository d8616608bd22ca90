"""The reference as a user has it: state dicts are torch's, the README's examples hold, the benchmarks measure."""

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

STATE_DICTS = """
import numpy as np
import torch
from part3_recurrent.embedding import Embedding
from part3_recurrent.gru import GRU
from part3_recurrent.gru_cell import GRUCell
from part3_recurrent.rnn import RNN
from part3_recurrent.rnn_cell import RNNCell

stack = {"num_layers": 2, "bidirectional": True}
for ours, theirs in [
    (RNNCell(3, 4), torch.nn.RNNCell(3, 4)),
    (GRUCell(3, 4, bias=False), torch.nn.GRUCell(3, 4, bias=False)),
    (RNN(3, 4, **stack), torch.nn.RNN(3, 4, **stack)),
    (GRU(3, 4, bias=False, **stack), torch.nn.GRU(3, 4, bias=False, **stack)),
    (Embedding(3, 4), torch.nn.Embedding(3, 4)),
]:
    ours.load_state_dict(theirs.state_dict())
    state = ours.state_dict()
    assert list(state) == list(theirs.state_dict())
    theirs.load_state_dict({name: torch.from_numpy(value + 1) for name, value in state.items()})
    assert all(value.dtype == np.float32 for value in state.values())
"""


def run(*command: str, folder: Path) -> str:
    """Run a command, and return what it prints; an error of the command is the test's."""
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=ENVIRONMENT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_state_dicts_go_to_torch_and_come_back(tmp_path: Path) -> None:
    run("-c", STATE_DICTS, folder=tmp_path)


def test_the_readmes_examples_print_what_it_says(tmp_path: Path) -> None:
    readme = (PART / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    assert examples
    for example in examples:
        said = re.findall(r"print\(.*\)\s+# (.+)", example)
        assert run("-c", example, folder=tmp_path).splitlines() == said


@pytest.mark.slow
def test_the_benchmarks_write_the_rows_that_the_contract_names(tmp_path: Path) -> None:
    run("-m", "part3_recurrent.benchmarks", "--rounds", "1", "--json", "rows.json", folder=tmp_path)
    rows = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    names = {"work", "ours", "reference", "reference_name", "ratio", "must_reach", "aim_for", "better"}
    assert all(set(row) == names and row["ratio"] > 0 for row in rows)
    assert {0.85, 4.6, 1.1} <= {row["must_reach"] for row in rows}

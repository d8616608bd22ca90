"""The reference as a user has it: state dicts and first weights are torch's, examples hold, the benchmarks measure."""

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
from torch import nn
from part2_layers.batchnorm import BatchNorm1d
from part2_layers.conv1d import Conv1d
from part2_layers.conv2d import Conv2d
from part2_layers.linear import Linear
from part2_layers.sequential import Sequential

ours = Sequential(Linear(3, 4), BatchNorm1d(4), Sequential(Conv1d(2, 3, 2, bias=False), Conv2d(1, 2, (1, 2))))
torchs = nn.Sequential(
    nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Sequential(nn.Conv1d(2, 3, 2, bias=False), nn.Conv2d(1, 2, (1, 2)))
)
ours.load_state_dict(torchs.state_dict())
state = ours.state_dict()
assert list(state) == list(torchs.state_dict())
for name, tensor in torchs.state_dict().items():
    assert np.array_equal(state[name], tensor.numpy()) and state[name].dtype == tensor.numpy().dtype, name
torchs.load_state_dict({name: torch.from_numpy(np.asarray(value + 1)) for name, value in state.items()})
try:
    ours.load_state_dict({**state, "0.weight": np.zeros(3), "extra": np.zeros(1)})
except ValueError as error:
    print(error)
assert np.array_equal(ours.state_dict()["0.weight"], state["0.weight"])
"""

FIRST_WEIGHTS = """
import numpy as np
import torch
from part2_layers.conv2d import Conv2d
from part2_layers.linear import Linear

rng = np.random.default_rng(0)
for ours, theirs in [
    (Linear(50, 400, rng=rng), torch.nn.Linear(50, 400)),
    (Conv2d(8, 300, 3, rng=rng), torch.nn.Conv2d(8, 300, 3)),
]:
    for name, value in ours.state_dict().items():
        other = theirs.state_dict()[name].numpy()
        assert value.dtype == np.float32 and abs(value.std() / other.std() - 1) < 0.2, name
        assert abs(np.abs(value).max() / np.abs(other).max() - 1) < 0.02, name
"""


def run(*command: str, folder: Path) -> str:
    """What a command prints; an error of the command is the test's."""
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=ENVIRONMENT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


INFINITE = """
import numpy as np
import torch
from part2_layers.activation import ReLU

x, grad_output = np.array([-1.0, 0.0, 2.0]), np.array([np.inf, -np.inf, np.inf])
layer, tensor = ReLU(), torch.tensor(x, requires_grad=True)
layer.forward(x)
torch.relu(tensor).backward(torch.tensor(grad_output))
assert np.array_equal(layer.backward(grad_output), tensor.grad.numpy())
"""


def test_an_infinite_gradient_does_not_pass_relu_where_it_is_closed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INFINITE], env=ENVIRONMENT, capture_output=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_state_dicts_go_to_torch_and_come_back_and_one_error_lists_what_does_not_fit(tmp_path: Path) -> None:
    message = run("-c", STATE_DICTS, folder=tmp_path)
    assert message == (
        "state_dict must fit Sequential; got unexpected extra, 0.weight of shape (3,) instead of (4, 3).\n"
    )


def test_first_weights_are_drawn_as_torch_draws_them(tmp_path: Path) -> None:
    run("-c", FIRST_WEIGHTS, folder=tmp_path)


def test_the_readmes_examples_print_what_it_says(tmp_path: Path) -> None:
    readme = (PART / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    assert examples
    for example in examples:
        said = re.findall(r"print\(.*\)\s+# (.+)", example)
        printed = run("-c", example, folder=tmp_path).splitlines()
        assert [line for line, words in zip(printed, said, strict=True) if not words.startswith(line)] == []


@pytest.mark.slow
def test_the_benchmarks_write_the_rows_that_the_contract_names(tmp_path: Path) -> None:
    run("-m", "part2_layers.benchmarks", "--rounds", "1", "--json", "rows.json", folder=tmp_path)
    rows = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    names = {"work", "ours", "reference", "reference_name", "ratio", "must_reach", "aim_for", "better"}
    assert all(set(row) == names and row["ratio"] > 0 for row in rows)
    assert {1.35, 2.2, 1.5, 1.6, 0.8} <= {row["must_reach"] for row in rows}

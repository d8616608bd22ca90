"""What oracles that ask torch stand on."""

from __future__ import annotations

import subprocess
import sys

from autograder.judge.exercises import ROOT

PROGRAM = """
import sys
import torch
from autograder.testing import torch_oracle
x = torch.ones(1, 2, 4)
layer = torch.nn.MultiheadAttention(4, 2, batch_first=True)
output, _ = layer(x, x, x, key_padding_mask=torch.tensor([[False, True]]))
torch_oracle.gradients(output, x.numpy(), dict(layer.named_parameters()))
assert "sympy" not in sys.modules
"""


def test_attention_with_a_mask_and_gradients_import_no_symbolic_shapes() -> None:
    """They take half a second, for which every learner would wait."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

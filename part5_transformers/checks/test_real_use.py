"""The reference as a user has it: the README's examples, and what its errors say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PART = Path(__file__).resolve().parent.parent
ENVIRONMENT = os.environ | {"SFRATORCH_CODE": "solution", "PYTHONPATH": str(PART.parent), "PYTHONIOENCODING": "utf-8"}

ERRORS = """
import torch
from part5_transformers.masks import PadMask
from part5_transformers.positional_encoding import PositionalEncoding
from part5_transformers.sublayers import MultiHeadAttention
from part5_transformers.transformers import DecoderOnlyTransformer

def said(run, *arguments, **options):
    try:
        run(*arguments, **options)
    except (RuntimeError, ValueError) as error:
        print(f"{type(error).__name__}: {error}")

model = DecoderOnlyTransformer(1, 4, 2, 8, 0.0, 6, 5)
tokens = torch.zeros(2, 3, dtype=torch.long)
said(MultiHeadAttention, 6, 4)
said(PadMask, tokens, torch.tensor([3, 4]))
said(PadMask, tokens, torch.tensor([0, 3]))
said(PositionalEncoding(4, 6), torch.zeros(2, 7, 4))
said(model, tokens)
said(model.score, tokens)
said(model.incremental_scorer)
scorer = model.eval().incremental_scorer()
scorer(tokens)
said(scorer, tokens)
"""
MESSAGES = """\
ValueError: d_model must be divisible by num_heads; got d_model=6, num_heads=4.
ValueError: input_lengths must lie between 1 and 3, the steps; got [3, 4].
ValueError: input_lengths must lie between 1 and 3, the steps; got [0, 3].
ValueError: x must end within max_len=6 positions; got 7 steps from position 0.
ValueError: target_lengths must be given in training; got None. Without padding: the full length.
RuntimeError: score must be called in evaluation mode; got training mode. Call model.eval() first.
RuntimeError: incremental_scorer must be called in evaluation mode; got training mode. Call model.eval() first.
ValueError: tokens must continue the 2 rows of 3 tokens that were read; got (2, 3). Call reorder if rows have changed, \
reset to begin anew.
"""


def printed(*command: str, folder: Path) -> str:
    """What a command prints; an error of the command is the test's."""
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=ENVIRONMENT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_bad_input_is_named(tmp_path: Path) -> None:
    assert printed("-c", ERRORS, folder=tmp_path) == MESSAGES


def test_the_readmes_examples_print_what_it_says(tmp_path: Path) -> None:
    readme = (PART / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    assert examples
    for example in examples:
        said = re.findall(r"print\(.*\)\s+# (.+)", example)
        assert printed("-c", example, folder=tmp_path).splitlines() == said

"""Tiny checkpoints of models that have learned nothing, and ways to run the scripts that read them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = os.environ | {"SFRATORCH_CODE": "solution", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
PATIENCE = 120.0

LANGUAGE_MODEL = """
from pathlib import Path
from part5_transformers import train_lm

Path("text.txt").write_text("the quick brown fox jumps over the lazy dog\\n" * 40, encoding="utf-8")
config = train_lm.Config(data="text.txt", num_layers=1, d_model=16, num_heads=2, d_ff=32, context=8)
train_lm.save(train_lm.beginning(config), Path("lm.pt"))
"""
RECOGNISER = """
from pathlib import Path
from part5_transformers import train_asr

config = train_asr.Config(num_encoder_layers=1, num_decoder_layers=1, d_model=16, num_heads=2, d_ff=32)
train_asr.save(train_asr.beginning(config), Path("asr.pt"))
"""
EVERY_CALL = """
import contextlib, importlib, io, json, sys

main = importlib.import_module(sys.argv[1]).main
for arguments in json.loads(sys.argv[2]):
    sys.argv = ["script", *arguments]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main()
        except SystemExit as ended:
            code = ended.code
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""


class Code:
    """An object whose unpickling runs code, which a checkpoint must not."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("ran",)


def python(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


def make(script: str, folder: Path) -> None:
    """Run one of the scripts above."""
    done = python("-c", script, folder=folder)
    assert done.returncode == 0, done.stderr


def assert_refused(module: str, messages: dict[str, str], folder: Path) -> None:
    """Check that each of these command lines has exit code 2, one line that says this, and nothing else."""
    commands = list(map(shlex.split, messages))
    done = python("-c", EVERY_CALL, module, json.dumps(commands), folder=folder)  # in one process: torch starts slowly
    assert done.returncode == 0, done.stderr
    for (command, message), line in zip(messages.items(), done.stdout.splitlines(), strict=True):
        code, out, err = json.loads(line)
        assert (code, out) == (2, ""), (command, out, err)
        assert message in err, (command, err)
        assert len(err.splitlines()) == 1, (command, err)

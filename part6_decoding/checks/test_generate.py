"""generate.py: it writes what the model scores highest, follows its options and Ctrl-C, and names what is wrong."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="run.py --install train adds matplotlib")

import torch

from part6_decoding.checks.checkpoints import (
    ENVIRONMENT,
    LANGUAGE_MODEL,
    PATIENCE,
    RECOGNISER,
    Code,
    assert_refused,
    make,
    python,
)

MODULE = "part6_decoding.generate"
SCORES = """
import torch
from pathlib import Path
from part5_transformers import train_lm

model, vocabulary, context = train_lm.load(Path("lm.pt"))
tokens = [vocabulary.index(character) for character in "the "]
for _ in range(20):
    tokens.append(int(model.score(torch.tensor([tokens[-context:]])).argmax()))
print("".join(vocabulary[token] for token in tokens))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a checkpoint."""
    path = tmp_path_factory.mktemp("generate")
    make(LANGUAGE_MODEL, path)
    return path


def generate(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return python("-m", MODULE, "--solution", *arguments, folder=folder)


def test_it_writes_the_likeliest_characters_beyond_the_context_too(folder: Path) -> None:
    expected = python("-c", SCORES, folder=folder)
    done = generate("lm.pt", "--prompt", "the ", "--length", "20", "--how", "greedy", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == expected.stdout


def test_the_seed_decides_what_is_drawn(folder: Path) -> None:
    drawn = [generate("lm.pt", "--prompt", "the", "--seed", seed, folder=folder).stdout for seed in ("1", "1", "2")]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0].startswith("the")
    assert len(drawn[0]) == 3 + 300 + 1


def test_beams_are_shown_best_first(folder: Path) -> None:
    arguments = ["--prompt", "the", "--length", "12", "--how", "beam", "--beam-width", "3"]
    done = generate("lm.pt", *arguments, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    headings = [line for line in done.stdout.splitlines() if line.startswith("beam ")]
    assert [heading.partition(",")[0] for heading in headings] == ["beam 1", "beam 2", "beam 3"]
    scores = [float(heading.rpartition(" ")[2]) for heading in headings]
    assert scores == sorted(scores, reverse=True)


def test_help_shows_the_defaults_without_colours(folder: Path) -> None:
    done = generate("--help", folder=folder)
    assert done.returncode == 0
    assert "(default: 0.8)" in done.stdout
    assert "\x1b" not in done.stdout + generate("lm.pt", folder=folder).stdout


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_ends_the_line(folder: Path) -> None:
    command = [sys.executable, "-m", MODULE, "--solution", "lm.pt", "--prompt", "the", "--length", "1000000"]
    child = subprocess.Popen(
        command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )
    assert child.stdout is not None
    assert child.stdout.read(10).startswith("the")  # it streams
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, err) == (130, "")
    assert out.endswith("\n")


def test_what_cannot_be_used_is_one_line(folder: Path) -> None:
    messages = {
        "": "CHECKPOINT must be given; python -m part5_transformers.train_lm makes one, runs/train_lm/last.pt. ",
        "none.pt": "must be a file that is there; got none.pt. python -m part5_transformers.train_lm makes one.",
        "text.txt": "CHECKPOINT must be one of part5_transformers.train_lm; got text.txt: ",
        "lm.pt --prompt 'où — the'": "of characters that the model has learned; got 'ù', '—'.\n",
        "lm.pt --prompt ''": "--prompt must hold at least one character; got none.",
        "lm.pt --length 0": "length must be at least 1; got 0. --help shows the options.",
        "lm.pt --how beam --beam-width 0": "beam_width must be at least 1; got 0. ",
        "lm.pt --how beam --top-k 3": "--top-k must go with --how sample; got --how beam. ",
        "lm.pt --beam-width 3": "--beam-width must go with --how beam; got --how sample. ",
        "lm.pt --prompt the --temperature 0": "temperature must be positive; got 0.0. ",
        "lm.pt --prompt the --top-p 2": "top_p must ",
        "lm.pt --device abacus": "generate: device must be one that is here; got abacus: ",
    }
    assert_refused(MODULE, messages, folder)


def test_other_checkpoints_are_refused_and_run_no_code(folder: Path) -> None:
    make(RECOGNISER, folder)
    content, script = (folder / "lm.pt").read_bytes(), "part5_transformers.train_lm"
    (folder / "short.pt").write_bytes(content[: len(content) // 2])
    torch.save({"script": script, "model": Code()}, folder / "code.pt")
    (folder / "code.pickle").write_bytes(pickle.dumps(Code()))
    torch.save({"script": script, "config": {}, "vocabulary": "abc"}, folder / "less.pt")
    messages = {
        "asr.pt": "got asr.pt: it is of part5_transformers.train_asr",
        "short.pt": f"must be one of {script}; got short.pt: ",
        "code.pt": "got code.pt: it is damaged, or holds more than tensors",
        "code.pickle": "got code.pickle: it is damaged, or holds more than tensors",
        "less.pt": f"must be one of {script}; got less.pt: ",
    }
    assert_refused(MODULE, messages, folder)
    assert not (folder / "ran").exists()

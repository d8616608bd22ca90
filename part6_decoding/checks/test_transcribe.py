"""transcribe.py and its decoders: agreement with plain computation, and one line for what it cannot use."""

from __future__ import annotations

import subprocess
import wave
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="run.py --install train adds matplotlib")

import numpy as np

from part6_decoding.checks.checkpoints import LANGUAGE_MODEL, RECOGNISER, assert_refused, make, python

MODULE = "part6_decoding.transcribe"
NAMES = ["ctc-greedy", "ctc-beam", "attention-greedy", "attention-beam", "joint"]

GREEDY = """
import torch
from part3_recurrent.utterances import held_out
from part5_transformers import train_asr
from part6_decoding.recognise import DECODERS

sizes = {"num_encoder_layers": 1, "num_decoder_layers": 1, "d_model": 16, "num_heads": 2, "d_ff": 32}
history = train_asr.beginning(train_asr.Config(**sizes))
with torch.no_grad():
    history.model.final_linear.bias[train_asr.END] = 1.0
strings = held_out(history.config, "test", count=20)
own, by = train_asr.decoded(history, strings), train_asr.decoded_by
assert own == {name: by(DECODERS[f"{name}-greedy"], history.model, history.config, strings) for name in own}
"""

JOINT = """
import itertools, math
import torch
from torch.nn import functional
from part6_decoding.recognise import Encoded, joint
from part6_decoding.tokenizer import CharTokenizer

tokenizer = CharTokenizer("ab")
sos, eos, blank = tokenizer.sos_id, tokenizer.eos_id, tokenizer.blank_id
torch.manual_seed(0)


class Model:  # whose decoder looks at the mean of the states and at the last token
    table = torch.randn(5, 5)

    def score(self, prompts, encoded):
        return self.table[prompts[:, -1]] + encoded.mean(dim=1)


for _ in range(20):
    lengths = torch.tensor([3, 2])
    log_probs = torch.randn(3, 2, 5).log_softmax(dim=-1)
    log_probs[:, :, [sos, eos]] = -30.0
    states = torch.randn(2, 3, 5)
    expected = []
    for i, length in enumerate(lengths.tolist()):
        scores = {}
        for labels in itertools.chain.from_iterable(itertools.product((0, 1), repeat=n) for n in range(length + 1)):
            ctc = -functional.ctc_loss(log_probs[:length, i : i + 1].double(), torch.tensor([labels], dtype=torch.long),
                                       torch.tensor([length]), torch.tensor([len(labels)]), blank, "sum").item()
            row, attention = [sos, *labels, eos], 0.0
            for before, after in itertools.pairwise(row):
                logits = Model.table[before] + states[i, :length].mean(dim=0)
                attention += logits.double().log_softmax(dim=-1)[after].item()
            scores[labels] = ctc + 0.7 * attention + 0.4 * len(labels)
        expected.append(list(max(scores, key=scores.get)))
    found = joint(Model(), Encoded(states, None, log_probs, lengths), tokenizer, 0.7, 0.4, beam_width=30)
    assert found == expected, (found, expected)
"""


def write_wav(path: Path, seconds: float = 0.5, rate: int = 8000) -> None:
    """Write a sound: a tone in noise."""
    time = np.arange(int(seconds * rate)) / rate
    sound = 0.3 * np.sin(2 * np.pi * 697 * time) + 0.01 * np.random.default_rng(0).standard_normal(len(time))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((32767 * sound).astype("<i2").tobytes())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a checkpoint and sounds."""
    path = tmp_path_factory.mktemp("transcribe")
    make(RECOGNISER, path)
    write_wav(path / "one.wav")
    write_wav(path / "[x]:o:.wav", 0.3)
    return path


def transcribe(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return python("-m", MODULE, "--solution", *arguments, folder=folder)


@pytest.mark.parametrize("script", [GREEDY, JOINT], ids=["greedy", "joint"])
def test_decoders_find_what_plain_computation_finds(tmp_path: Path, script: str) -> None:
    make(script, tmp_path)


def test_all_decoders_are_shown_side_by_side(folder: Path) -> None:
    done = transcribe("asr.pt", "one.wav", "--all", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    shown = dict(line.split() for line in done.stdout.splitlines())
    assert list(shown) == NAMES
    assert all(digits == "nothing" or digits.isdecimal() for digits in shown.values())
    for name in ("ctc-greedy", "joint"):
        assert transcribe("asr.pt", "one.wav", "--how", name, folder=folder).stdout == f"{shown[name]}\n"
    assert transcribe("asr.pt", "one.wav", folder=folder).stdout == f"{shown['joint']}\n"


def test_several_files_are_named(folder: Path) -> None:
    done = transcribe("asr.pt", "one.wav", "[x]:o:.wav", "--how", "ctc-greedy", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["one.wav", "[x]:o:.wav"]
    assert "\x1b" not in done.stdout


def test_help_names_the_decoders(folder: Path) -> None:
    done = transcribe("--help", folder=folder)
    assert done.returncode == 0
    assert all(name in done.stdout for name in NAMES)


def test_what_cannot_be_used_is_one_line(folder: Path) -> None:
    make(LANGUAGE_MODEL, folder)
    write_wav(folder / "fast.wav", rate=16000)
    write_wav(folder / "empty.wav", 0.0)
    write_wav(folder / "long.wav", 20.5)
    messages = {
        "": "the following arguments are required: CHECKPOINT, FILE.wav. --help shows the options.",
        "none.pt one.wav": "CHECKPOINT must be a file that is there; got none.pt. ",
        "one.wav one.wav": "CHECKPOINT must be one of part5_transformers.train_asr; got one.wav: it is damaged, ",
        "lm.pt one.wav": "got lm.pt: it is of part5_transformers.train_lm",
        "asr.pt one.wav none.wav": "No such file or directory: 'none.wav'",
        "asr.pt one.wav fast.wav": "fast.wav must be sampled at 8000 Hz; got 16000. Convert it first.",
        "asr.pt asr.pt": "asr.pt must be a PCM WAV file; got ",
        "asr.pt empty.wav": "empty.wav must hold at least one sample; got none.",
        "asr.pt long.wav": "long.wav must last up to 20 seconds; got 20.50.",
        "asr.pt one.wav --how guess": "argument --how: invalid choice: 'guess'",
        "asr.pt one.wav --how joint --all": "argument --all: not allowed with argument --how",
    }
    assert_refused(MODULE, messages, folder)

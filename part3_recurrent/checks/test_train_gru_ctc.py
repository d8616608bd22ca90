"""Training as a user has it: reproducible, resumed exactly, stopped without loss, clear about what it cannot use."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from autograder.tests import processes
from autograder.tests.processes import on_a_full_disk

pytest.importorskip("matplotlib", reason="run.py --install train adds matplotlib")

PART = Path(__file__).resolve().parent.parent
ENVIRONMENT = os.environ | {"SFRATORCH_CODE": "solution", "PYTHONPATH": str(PART.parent)}
COMMAND = [sys.executable, "-m", "part3_recurrent.train_gru_ctc"]
QUICK = ["--epochs", "2", "--steps", "2", "--hidden-size", "4", "--batch-size", "2", "--out", "out"]
RECORDINGS = Path(os.environ.get("FSDD", PART.parent.parent / "shared" / "data" / "fsdd" / "recordings"))

RESUMED = """
import sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from part3_recurrent.train_gru_ctc import Config, beginning, resume, save, train

config = Config.tones(epochs=3, steps=2, hidden_size=4, batch_size=2, validation_strings=4, test_strings=4)
whole = train(config)

def stop(history):
    save(history, Path("last.npz"))
    if len(history.epochs) == 1:
        raise KeyboardInterrupt

stopped = train(config, on_epoch=stop)
assert stopped.interrupted and len(stopped.epochs) == 1
resumed = train(config, resume(Path("last.npz"), config))
assert "torch" not in sys.modules
assert resumed.epochs == whole.epochs and resumed.test_digit_error == whole.test_digit_error
for history in (resumed, train(config)):
    state = history.model.state_dict()
    assert all(np.array_equal(state[name], value) for name, value in whole.model.state_dict().items())
try:
    resume(Path("last.npz"), replace(config, lr=1.0))
except ValueError as error:
    print(error)
"""

INFEASIBLE = """
from itertools import chain, repeat
import numpy as np
from part3_recurrent.train_gru_ctc import Config, Utterance, beginning, record, train_epoch

history = beginning(Config.tones(steps=2, hidden_size=4, batch_size=3))
too_short = Utterance(np.ones((3, 120), np.float32), [1, 1, 2])  # a blank has to stand between two equal labels
long_enough = Utterance(np.ones((4, 120), np.float32), [1, 2, 1])
just_enough = Utterance(np.ones((3, 120), np.float32), [1, 2, 3])
strings = chain.from_iterable(repeat([too_short, long_enough, just_enough]))
loss, infeasible = train_epoch(history, strings, lambda step, loss: None)
record(history, loss, infeasible, [too_short])
assert np.isfinite(loss) and all(np.isfinite(value).all() for _, value, _ in history.model.named_parameters())
print(history.epochs[0].infeasible)
"""

INCOMPLETE = """
import json
from pathlib import Path
import numpy as np
from part2_layers import checkpoint
from part3_recurrent.train_gru_ctc import Config, resume, save, train

config, path = Config.tones(epochs=1, steps=1, hidden_size=4, batch_size=2, test_strings=1), Path("last.npz")
train(config, on_epoch=lambda history: save(history, path))
whole = checkpoint.load(path)
about = json.loads(str(whole["about"]))

def written(about, **changes):
    return np.array(json.dumps({name: value for name, value in {**about, **changes}.items() if value is not None}))

def lacking(part):
    name = next(name for name in whole if name.startswith(part))
    return {other: value for other, value in whole.items() if other != name}

for arrays in (
    lacking("about"),
    lacking("model/"),
    lacking("best/"),
    lacking("optimizer/"),
    {**whole, next(name for name in whole if name.startswith("optimizer/")): np.zeros(7)},
    {**whole, "ema/weight": np.zeros(1)},
    {**whole, "about": written(about, rng=None)},
    {**whole, "about": written(about, config={"width": 3} | about["config"])},
    {**whole, "about": written(about, rng={"bit_generator": "other"})},
    whole,
):
    checkpoint.save(path, arrays)
    try:
        resume(path, config)
    except ValueError as error:
        print(error)
"""

NOT_FINITE = """
import numpy as np
from part3_recurrent.train_gru_ctc import Config, beginning, train

config = Config.tones(steps=2, hidden_size=4, batch_size=2, validation_strings=1)
history = beginning(config)

def step():
    next(history.model.named_parameters())[1][...] = np.inf

history.optimizer.step = step
try:
    train(config, history)
except FloatingPointError as error:
    print(error)
"""


def run(*arguments: str, folder: Path, code: int = 0, environment: dict[str, str] = ENVIRONMENT) -> str:
    """Run the command, and return what it prints; its exit code must be this one."""
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def python(source: str, folder: Path) -> str:
    """Run a program, and return what it prints; an error of the program is the test's."""
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=folder, env=ENVIRONMENT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_wav(path: Path, seconds: float, rate: int = 8000) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.random.default_rng(0).integers(-999, 999, int(seconds * rate)).astype("<i2").tobytes())


def recordings(folder: Path, seconds: float = 0.3, rate: int = 8000) -> Path:
    """Make a folder with two recordings for each of training, validation and test."""
    folder.mkdir()
    for number in (0, 10, 45):
        for digit in (3, 4):
            write_wav(folder / f"{digit}_ada_{number}.wav", seconds, rate)
    return folder


def test_a_run_goes_on_bit_for_bit_where_it_was_stopped(tmp_path: Path) -> None:
    assert "must have the options of the run in last.npz; lr differ" in python(RESUMED, folder=tmp_path)


def test_weights_and_pictures_are_written(tmp_path: Path) -> None:
    said = run(*QUICK, folder=tmp_path)
    assert "epoch 2 of 2" in said
    assert "test: " in said
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "best.npz",
        "curves.png",
        "heard.png",
        "last.npz",
    ]
    assert (tmp_path / "out" / "heard.png").read_bytes().startswith(b"\x89PNG")


def test_both_losses_learn_the_same(tmp_path: Path) -> None:
    """To the four digits of a loss that are printed."""
    epochs = [
        [line for line in run(*QUICK, "--ctc", ctc, folder=tmp_path).splitlines() if line.startswith("epoch")]
        for ctc in ("plain", "batched")
    ]
    assert len(epochs[0]) == 2
    assert epochs[0] == epochs[1]


def test_recordings_are_joined(tmp_path: Path) -> None:
    assert "test: " in run(*QUICK, "--data", str(recordings(tmp_path / "wavs")), folder=tmp_path)


def test_targets_longer_than_their_sound_are_counted_and_never_infinite(tmp_path: Path) -> None:
    assert python(INFEASIBLE, folder=tmp_path) == "2\n"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder.mkdir(), "must hold <digit>_<speaker>_<number>.wav"),
        (lambda folder: None, "must be a folder"),
        (lambda folder: recordings(folder, rate=16000), "must be sampled at 8000 Hz; got 16000"),
        (
            lambda folder: (recordings(folder) / "5_bob_11.wav").write_bytes(b"RIFF"),
            "5_bob_11.wav must be a PCM WAV file",
        ),
        (lambda folder: write_wav(recordings(folder) / "x_bob_11.wav", 0.3), "x_bob_11.wav must be named"),
        (lambda folder: write_wav(recordings(folder) / "3_bob_1.wav", 0.3, 44100), "3_bob_1.wav must be sampled at"),
        (lambda folder: write_wav(recordings(folder) / "3_bob_46.wav", 0.0), "3_bob_46.wav must hold at least one"),
    ],
    ids=["empty", "missing", "sample rate", "not a WAV", "label", "test", "no samples"],
)
def test_recordings_that_cannot_be_used_are_named(make: object, message: str, tmp_path: Path) -> None:
    make(tmp_path / "wavs")  # type: ignore[operator]
    said = run(*QUICK, "--data", "wavs", folder=tmp_path, code=2)
    assert message in said
    assert said.count("\n") == 1  # nothing was trained before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "epochs must be at least 1; got 0"),
        (["--lr", "-1"], "lr must be positive; got -1.0"),
        (["--ctc", "fast"], "ctc must be one of plain, batched; got fast"),
    ],
)
def test_a_wrong_option_is_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    said = run(*arguments, folder=tmp_path, code=2)
    assert message in said
    assert said.count("\n") == 1


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    run(*QUICK, folder=tmp_path)
    checkpoint = tmp_path / "out" / "last.npz"
    whole = checkpoint.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"not an archive"):
        checkpoint.write_bytes(damaged)
        assert "last.npz" in run(*QUICK, "--resume", folder=tmp_path, code=2)
        assert checkpoint.read_bytes() == damaged


def test_a_checkpoint_of_another_version_is_refused_and_says_what_it_lacks(tmp_path: Path) -> None:
    lines = python(INCOMPLETE, folder=tmp_path).splitlines()
    messages = [
        "it lacks about.",
        "state_dict must fit GRUCTC; got missing ",
        "state_dict must fit GRUCTC; got missing ",
        "its optimizer lacks ",
        "of shape (7,) instead of ",
        "its content has besides ema.",
        "its content lacks rng.",
        "its configuration has besides width.",
        "state must be for a PCG64 ",
    ]
    assert len(lines) == len(messages), lines
    for line, message in zip(lines, messages, strict=True):
        assert line.startswith("--resume must be given a checkpoint of this script; got last.npz: "), line
        assert message in line


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on a file's size")
def test_a_checkpoint_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    done = processes.run(tmp_path, *on_a_full_disk("part3_recurrent.train_gru_ctc", "--solution", *QUICK))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("last.npz must be writable; got File too large. Make room, or choose another place.\n")
    assert done.stderr.count("\n") == 1
    assert list((tmp_path / "out").iterdir()) == []


def test_what_is_not_finite_ends_training_and_the_last_checkpoint_stays(tmp_path: Path) -> None:
    run(*QUICK, folder=tmp_path)
    kept = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.npz")}
    said = run(*QUICK, "--epochs", "1", "--steps", "9", "--lr", "1e36", folder=tmp_path, code=2)
    assert re.fullmatch(r"(loss|gradient norm) must be finite; got nan at step \d\. Try a smaller --lr\.\n", said), said
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.npz")} == kept


def test_a_parameter_that_is_not_finite_ends_training(tmp_path: Path) -> None:
    said = python(NOT_FINITE, folder=tmp_path)
    assert re.fullmatch(r"parameter \S+ must be finite; got inf at step 1\. Try a smaller --lr\.\n", said), said


def test_unfinished_exercises_are_said_in_one_line(tmp_path: Path) -> None:
    own = {**ENVIRONMENT, "SFRATORCH_CODE": "part3=own,part2=solution,part1=solution"}
    said = run(*QUICK, folder=tmp_path, code=2, environment=own)
    assert "is not written yet" in said
    assert said.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="SIGINT is sent as a POSIX system does")
def test_ctrl_c_keeps_the_last_whole_epoch(tmp_path: Path) -> None:
    arguments = ["--epochs", "1000", "--steps", "1", "--hidden-size", "4", "--batch-size", "2", "--out", "out"]
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "out" / "best.npz").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert b"--resume goes on" in said
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "best.npz",
        "curves.png",
        "heard.png",
        "last.npz",
    ]


@pytest.mark.slow
def test_touch_tones_are_transcribed_out_of_the_box(tmp_path: Path) -> None:
    said = run("--out", "out", folder=tmp_path)
    assert digit_error(said) <= 0.01, said


@pytest.mark.slow
@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="FSDD names no folder of the Free Spoken Digit Dataset")
def test_spoken_digits_are_transcribed(tmp_path: Path) -> None:
    said = run("--data", str(RECORDINGS), "--out", "out", folder=tmp_path)
    assert digit_error(said) <= 0.02, said


def digit_error(said: str) -> float:
    """Read the error in the last line, on the test."""
    return float(said.rpartition("test: ")[2].partition(" %")[0]) / 100

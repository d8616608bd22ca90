"""Part 2 in real use: digits are learned, and the best weights are kept, whatever ends training."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from autograder.authoring.stubs import generate_stub
from autograder.scripts.launch import THREAD_VARIABLES
from autograder.tests.processes import interrupt, on_a_full_disk, run
from part2_layers import checkpoint

PART = Path(__file__).resolve().parent.parent
ARRAYS: dict[str, np.ndarray] = {
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "file": np.zeros(0),
    "count": np.array(3),
}

needs_the_extra = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("sklearn", "matplotlib"))),
    reason="run.py --install train adds scikit-learn and matplotlib",
)
needs_signals = pytest.mark.skipif(os.name == "nt", reason="Windows has no signal for a single process")


def run_program(folder: Path, program: str) -> str:
    """What a program prints that uses the reference as a notebook does; its error is the test's."""
    one_thread = dict.fromkeys(THREAD_VARIABLES, "1")
    done = run(folder, "-c", program, SFRATORCH_CODE="solution", **one_thread)
    assert done.returncode == 0, done.stderr
    return done.stdout


def train(folder: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command, with what it writes in this folder."""
    return run(folder, "-m", "part2_layers.train_mlp", "--out", str(folder), *options, **variables)


def accuracies(output: str) -> dict[str, float]:
    """The test accuracies of the table."""
    return {name: float(found) for name, found in re.findall(r"│ (MLP\d) .* ([\d.]+) % │ +[\d.]+ │", output)}


# Training


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder and the output of a short training."""
    folder = tmp_path_factory.mktemp("trained")
    done = train(folder, "--solution", "--model", "MLP1", "--epochs", "25", "--seed", "3")
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@needs_the_extra
def test_weights_and_pictures_are_written(trained: tuple[Path, str]) -> None:
    folder, _ = trained
    assert sorted(os.listdir(folder)) == ["best_MLP1.npz", "learning_curves.png", "misread_MLP1.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in folder.glob("*.png"))


@needs_the_extra
def test_a_pipe_gets_lines_and_no_bar(trained: tuple[Path, str]) -> None:
    _, output = trained
    epochs = [int(number) for number in re.findall(r"(?m)^MLP1  epoch (\d+) of 25  loss [\d.]+  validation", output)]
    assert epochs == [1, *range(2, 25, 2), 25]
    assert "\x1b" not in output


@needs_the_extra
def test_a_seed_gives_the_same_numbers_again_and_the_kept_weights_give_the_accuracy(trained: tuple[Path, str]) -> None:
    folder, output = trained
    program = """
from part2_layers.train_mlp import MODELS, Config, accuracy, checkpoint, load_pictures, np, read, train
kept, test = checkpoint.load("best_MLP1.npz"), load_pictures()[2]
history = train(Config(model="MLP1", epochs=25, seed=3))
assert "layers.1.running_mean" in kept
assert all((kept[name] == value).all() for name, value in history.model.state_dict().items())
model = MODELS["MLP1"](np.random.default_rng())
model.load_state_dict(kept)
print(f"{100 * accuracy(read(model, test)[0], test.labels):.1f}", f"{100 * history.test_accuracy:.1f}")
assert train(Config(model="MLP1", epochs=1, seed=3)).epochs != train(Config(model="MLP1", epochs=1, seed=4)).epochs
"""
    printed = run_program(folder, program).split()
    assert [{"MLP1": float(found)} for found in printed] == [accuracies(output)] * 2


@needs_the_extra
def test_no_picture_is_in_two_of_the_three_parts_and_each_has_every_digit(tmp_path: Path) -> None:
    program = """
from part2_layers.train_mlp import load_pictures, np
parts = load_pictures()
print([len(part.labels) for part in parts])
assert all(np.bincount(part.labels).min() > 0.09 * len(part.labels) for part in parts)
assert len({image.tobytes() for part in parts for image in part.images}) == 1797
"""
    assert run_program(tmp_path, program) == "[1293, 144, 360]\n"


@needs_the_extra
@needs_signals
def test_ctrl_c_keeps_the_best_weights_and_draws_what_there_is(tmp_path: Path) -> None:
    options = ["--solution", "--model", "MLP0", "--epochs", "5000", "--out", str(tmp_path)]
    code, output = interrupt(tmp_path, "-m", "part2_layers.train_mlp", *options)
    assert code == 130, output
    assert f"Stopped by Ctrl-C: the best weights so far are in {tmp_path}." in output
    assert "Traceback" not in output
    assert sorted(os.listdir(tmp_path)) == ["best_MLP0.npz", "learning_curves.png", "misread_MLP0.png"]
    assert checkpoint.load(tmp_path / "best_MLP0.npz")["layers.0.weight"].shape == (256, 64)


@needs_the_extra
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("--epochs 0", "epochs must be at least 1; got 0."),
        ("--lr nan", "lr must be positive; got nan."),
        ("--lr 1e40", "lr must be less than 1e+37, since float32 holds no such step; got 1e+40."),
        ("--batch-size 1", "batch_size must be at least 2, for batch normalisation; got 1."),
        ("--model MLP2", "argument --model: invalid choice: 'MLP2'"),
        ("--out taken", "--out must be a folder that can be written to; got taken"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(tmp_path: Path, options: str, problem: str) -> None:
    (tmp_path / "taken").touch()
    done = train(tmp_path, *options.split())
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert problem in done.stderr


@needs_the_extra
def test_an_exercise_that_is_not_written_is_named_and_what_was_trained_before_is_kept(tmp_path: Path) -> None:
    """As a learner has it who is done with everything but BatchNorm1d: MLP0 trains, MLP1 cannot."""
    shutil.copytree(PART / "solution", tmp_path / "part2_layers")
    stub = generate_stub((PART / "solution/batchnorm.py").read_text(encoding="utf-8"), PART.name)
    (tmp_path / "part2_layers/batchnorm.py").write_text(stub, encoding="utf-8")
    done = train(tmp_path, "--epochs", "2", SFRATORCH_CODE=str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert re.match(r"batchnorm\.\w+ is not written yet \(part2_layers/batchnorm\.py:\d+\): ", done.stderr)
    assert done.stderr.endswith(" Write it, or run the reference with --solution.\n")
    assert list(accuracies(done.stdout)) == ["MLP0"]


@needs_the_extra
def test_a_loss_that_is_not_finite_ends_training_and_what_was_trained_before_is_kept(tmp_path: Path) -> None:
    assert train(tmp_path, "--solution", "--model", "MLP0", "--epochs", "1").returncode == 0
    kept = (tmp_path / "best_MLP0.npz").read_bytes()
    done = train(tmp_path, "--solution", "--model", "MLP0", "--epochs", "2", "--lr", "1e30")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "loss must be finite; got nan at step 2. Try a smaller --lr.\n"
    assert (tmp_path / "best_MLP0.npz").read_bytes() == kept


@needs_the_extra
@needs_signals
def test_weights_that_cannot_be_written_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "best_MLP0.npz").write_bytes(b"old")
    options = ["--solution", "--model", "MLP0", "--epochs", "2", "--out", "."]
    done = run(tmp_path, *on_a_full_disk("part2_layers.train_mlp", *options))
    said = "best_MLP0.npz must be writable; got File too large. Make room, or choose another place."
    assert (done.returncode, done.stderr) == (2, f"python -m part2_layers.train_mlp: {said}\n")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("best_MLP0.npz", b"old")]


@needs_the_extra
def test_a_parameter_that_is_not_finite_ends_training(tmp_path: Path) -> None:
    program = """
from part2_layers import train_mlp

def step(optimizer):
    next(optimizer.module.named_parameters())[1][...] = train_mlp.np.nan

train_mlp.AdamW.step = step
try:
    train_mlp.train(train_mlp.Config(model="MLP0", epochs=1))
except FloatingPointError as error:
    print(error)
"""
    expected = "parameter layers.0.weight must be finite; got nan at step 1. Try a smaller --lr.\n"
    assert run_program(tmp_path, program) == expected


@needs_the_extra
@pytest.mark.slow
def test_every_model_reads_97_of_100_test_digits(tmp_path: Path) -> None:
    found = accuracies(train(tmp_path, "--solution").stdout)
    assert list(found) == ["MLP0", "MLP1", "MLP4"]
    assert min(found.values()) >= 97, found


# Checkpoints


def test_a_checkpoint_gives_back_what_was_saved_and_numpy_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    checkpoint.save(path, ARRAYS)
    with np.load(path) as by_numpy:
        for arrays in (checkpoint.load(path), dict(by_numpy)):
            assert list(arrays) == list(ARRAYS)
            for name, array in ARRAYS.items():
                np.testing.assert_array_equal(arrays[name], array, strict=True)


def test_a_checkpoint_refuses_what_is_none(tmp_path: Path) -> None:
    good, path = tmp_path / "good.npz", tmp_path / "bad.npz"
    checkpoint.save(good, ARRAYS)
    content = good.read_bytes()
    flipped = bytearray(content)
    flipped[content.index(ARRAYS["weight"].tobytes()) + 5] ^= 1
    np.savez(path, objects=np.array([{}], dtype=object))
    for bad in (path.read_bytes(), flipped, content[:-1], content[: len(content) // 2], b"", b"text", b"PK\x03\x04"):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=rf"path must be an \.npz file of arrays; got {re.escape(str(path))}"):
            checkpoint.load(path)
    with pytest.raises(FileNotFoundError):
        checkpoint.load(tmp_path / "none.npz")
    with pytest.raises(ValueError, match="arrays must hold numbers; got dtype object for objects"):
        checkpoint.save(path, {"objects": np.array([None])})


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_save_that_is_cut_short_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = tmp_path / "best.npz"
    checkpoint.save(path, ARRAYS)
    content = path.read_bytes()

    def cut_short(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, moment, cut_short)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(path, {"weight": np.ones(3)})
    assert os.listdir(tmp_path) == ["best.npz"]
    assert path.read_bytes() == content

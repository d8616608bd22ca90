"""The language model's training: it learns, goes on exactly, minds Ctrl-C, and names what it cannot use."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.tests import processes

PART = Path(__file__).resolve().parent.parent
ENVIRONMENT = os.environ | {"SFRATORCH_CODE": "solution", "PYTHONPATH": str(PART.parent), "PYTHONIOENCODING": "utf-8"}
SMALL = ["--num-layers", "1", "--d-model", "16", "--num-heads", "2", "--d-ff", "32", "--context", "16"]
PATIENCE = 120.0

EXACT_RESUME = """
import sys
from pathlib import Path
import torch
from part5_transformers.train_lm import Config, beginning, resume, save, train

text = Path(sys.argv[1])
config = Config(data=str(text), num_layers=2, d_model=16, num_heads=2, d_ff=32, context=16, batch_size=4, steps=20,
                validate_every=5, dropout=0.1, accumulate=2, amp=sys.argv[2] == "amp")
whole = train(beginning(config))
half = train(beginning(config), until=10)
path = text.with_name("half.pt")
save(half, path)
torch.manual_seed(99)
rest = train(resume(path, config))
assert (whole.step, rest.step, half.step) == (20, 20, 10)
assert whole.points == rest.points and whole.test_loss == rest.test_loss
one, other = whole.model.state_dict(), rest.model.state_dict()
assert all(torch.equal(one[name], other[name]) for name in one)
assert whole.points[-1].training_loss < whole.points[0].training_loss
"""

INCOMPLETE = """
import sys
from pathlib import Path
import torch
from part5_transformers.train_lm import Config, beginning, load, resume, save, train

config = Config(data=sys.argv[1], num_layers=1, d_model=16, num_heads=2, d_ff=32, context=16, steps=1)
path, MISSING = Path("last.pt"), object()
history = train(beginning(config))
save(history, path)
whole = torch.load(path)
model, optimizer = whole["model"], whole["optimizer"]
name = next(iter(model))
moments = {**optimizer["state"], 0: {"step": optimizer["state"][0]["step"]}}
for change in (
    {"model": {other: value for other, value in model.items() if other != name}},
    {"optimizer": {**optimizer, "state": moments}},
    {"model": {**model, name: torch.full_like(model[name], torch.inf)}},
    {"points": MISSING},
    {"version": 2},
    {"config": {other: value for other, value in whole["config"].items() if other != "dropout"}},
    {"torch": torch.zeros(3)},
):
    torch.save({key: value for key, value in {**whole, **change}.items() if value is not MISSING}, path)
    for attempt in (lambda: resume(path, config), lambda: load(path)):
        try:
            attempt()
        except ValueError as error:
            print(error)
        else:
            print("taken")
"""

NOT_FINITE = """
import sys
from pathlib import Path
import torch
from part5_transformers.train_lm import Config, beginning, load, save, train

history = beginning(Config(data=sys.argv[1], num_layers=1, d_model=16, num_heads=2, d_ff=32, context=16))
path = Path("bad.pt")

def step():
    with torch.no_grad():
        next(history.model.parameters())[0, 0] = -torch.inf

history.optimizer.step = step
for attempt in (lambda: train(history), lambda: (save(history, path), load(path))):
    try:
        attempt()
    except (FloatingPointError, ValueError) as error:
        print(error)
"""


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Write a text with something to learn."""
    path = tmp_path / "text.txt"
    path.write_text("the quick brown fox jumps over the lazy dog\n" * 200, encoding="utf-8")
    return path


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "part5_transformers.train_lm", "--solution", *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("precision", ["float32", "amp"])
def test_twenty_steps_are_ten_and_ten(text: Path, precision: str) -> None:
    pytest.importorskip("matplotlib")
    done = subprocess.run(
        [sys.executable, "-c", EXACT_RESUME, str(text), precision],
        env=ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_it_learns_and_shows_what(text: Path) -> None:
    pytest.importorskip("matplotlib")
    steps = ["--steps", "120", "--validate-every", "60", "--warmup", "10", "--lr", "0.01"]
    done = run("--data", text.name, *SMALL, *steps, "--out", "out", folder=text.parent)
    assert done.returncode == 0, done.stderr
    nats = float(done.stdout.partition("test: ")[2].partition(" nats")[0])
    assert nats < 1.0  # the same line again and again; a letter at random would be 3.3
    assert sorted(path.name for path in (text.parent / "out").iterdir()) == ["curves.png", "last.pt"]


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_keeps_the_steps(text: Path) -> None:
    pytest.importorskip("matplotlib")
    arguments = ["--data", text.name, *SMALL, "--steps", "100000", "--validate-every", "20", "--out", "out"]
    command = [sys.executable, "-m", "part5_transformers.train_lm", "--solution", *arguments]
    child = subprocess.Popen(
        command, cwd=text.parent, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )
    assert child.stdout is not None
    assert child.stdout.readline().startswith("step 20 of 100000")
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=PATIENCE)
    assert child.returncode == 130, err
    stopped = int(out.partition("Stopped by Ctrl-C after step ")[2].partition(".")[0])
    assert stopped >= 20
    assert err == ""
    assert [path.name for path in (text.parent / "out").iterdir()] == ["last.pt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "0"], "steps must be at least 1; got 0. --help shows the options."),
        (["--lr", "nan"], "lr must be positive; got nan. --help shows the options."),
        (["--device", "abacus"], "device must be one that is here; got abacus: "),
        (["--device", "meta"], "device must be one that is here; got meta: "),
        (["--seed", str(2**63)], f"seed must be less than 2**63; got {2**63}."),
        (["--data", "missing.txt"], "[Errno 2] No such file or directory: 'missing.txt'"),
        (["--data", "bytes.bin"], "--data must be a UTF-8 text; got bytes.bin: invalid start byte."),
        (["--data", "short.txt"], "--data must hold at least 1700 characters for this context; got 5."),
        (["--num-heads", "3"], "d_model must be divisible by num_heads; got d_model=16, num_heads=3."),
        (["--resume"], "--resume must find a checkpoint; got out/last.pt, which is not there."),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_cannot_be_used_is_one_line(text: Path, arguments: list[str], message: str) -> None:
    pytest.importorskip("matplotlib")
    (text.parent / "bytes.bin").write_bytes(b"\xff\xfe" * 4000)
    (text.parent / "short.txt").write_text("short", encoding="utf-8")
    done = run("--data", text.name, *SMALL, "--out", "out", *arguments, folder=text.parent)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (text.parent / "out" / "last.pt").exists()


def test_a_loss_that_is_not_finite_ends_training_and_the_last_checkpoint_stays(text: Path) -> None:
    pytest.importorskip("matplotlib")
    once = ["--data", text.name, *SMALL, "--validate-every", "1", "--out", "out"]
    assert run(*once, "--steps", "1", folder=text.parent).returncode == 0
    path = text.parent / "out" / "last.pt"
    kept = path.read_bytes()
    done = run(*once, "--steps", "4", "--validate-every", "4", "--lr", "1e30", folder=text.parent)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "loss must be finite; got nan at step 2. Try a smaller --lr.\n"
    assert path.read_bytes() == kept


def test_parameters_that_are_not_finite_end_training_and_are_not_loaded(text: Path) -> None:
    pytest.importorskip("matplotlib")
    done = subprocess.run(
        [sys.executable, "-c", NOT_FINITE, text.name],
        cwd=text.parent,
        env=ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    refused = "CHECKPOINT must be one of part5_transformers.train_lm; got bad.pt"
    assert done.stdout.splitlines() == [
        "largest parameter must be finite; got inf at step 1. Try a smaller --lr.",
        f"{refused}: its parameters must be finite; got inf. Train again with a smaller --lr.",
    ], done.stderr


def test_a_checkpoint_of_another_version_is_refused_and_says_what_it_lacks(text: Path) -> None:
    pytest.importorskip("matplotlib")
    done = subprocess.run(
        [sys.executable, "-c", INCOMPLETE, text.name],
        cwd=text.parent,
        env=ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    messages = {  # of resume, and of load, which takes no more than the model
        "Missing key(s) in state_dict: ": "Missing key(s) in state_dict: ",
        "its optimizer lacks exp_avg, exp_avg_sq.": "taken",
        "its parameters must be finite; got inf.": "its parameters must be finite; got inf.",
        "its content lacks points.": "taken",
        "its content has besides version.": "taken",
        "its configuration lacks dropout.": "its configuration lacks dropout.",
        "RNG state": "taken",
    }
    expected = [message for pair in messages.items() for message in pair]
    lines = done.stdout.splitlines()
    assert len(lines) == len(expected), done.stdout + done.stderr
    for line, message in zip(lines, expected, strict=True):
        assert message in line, line
        assert message == "taken" or "got last.pt: " in line


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on a file's size")
def test_a_checkpoint_that_cannot_be_written_is_one_line(text: Path) -> None:
    pytest.importorskip("matplotlib")
    options = ["--solution", "--data", text.name, *SMALL, "--steps", "1", "--out", "out"]
    done = processes.run(text.parent, *processes.on_a_full_disk("part5_transformers.train_lm", *options))
    said = "out/last.pt must be writable; got File too large. Make room, or choose another place."
    assert (done.returncode, done.stderr) == (2, f"python -m part5_transformers.train_lm: {said}\n")
    assert list((text.parent / "out").iterdir()) == []


def test_any_text_and_any_path_are_printed_as_they_are_on_any_console(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "text.txt").write_text("\N{GRINNING FACE}[x]:o:[/]\x1b" * 300, encoding="utf-8")
    options = ["--data", "text.txt", *SMALL, "--steps", "1", "--out", "[x] :o: [/]"]
    done = subprocess.run(
        [sys.executable, "-m", "part5_transformers.train_lm", "--solution", *options],
        cwd=tmp_path,
        env=ENVIRONMENT | {"PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        encoding="cp1252",
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "checkpoint  [x] :o: [/]" in done.stdout
    sampled = done.stdout.partition(" s\n\n")[2].partition("\n\ncheckpoint")[0]
    tokens = re.sub(r"\\U0001f600|\\ufffd", "t", sampled)  # an emoji, and an escape sequence's first character
    assert len(tokens) == 301  # with the one that the model began with
    assert set(tokens) <= set("t[x]:o/")


def test_another_checkpoint_is_refused(text: Path) -> None:
    pytest.importorskip("matplotlib")
    once = ["--data", text.name, *SMALL, "--steps", "2", "--out", "out"]
    assert run(*once, folder=text.parent).returncode == 0
    path = text.parent / "out" / "last.pt"
    kept = path.read_bytes()
    other = run(*once, "--lr", "0.5", "--resume", folder=text.parent)
    assert other.stderr.endswith("--resume must have the options of the run in out/last.pt; lr differ.\n")
    assert path.read_bytes() == kept
    path.write_bytes(kept[: len(kept) // 2])
    damaged = run(*once, "--resume", folder=text.parent)
    assert damaged.returncode == 2
    assert "--resume must be given a checkpoint of this script; got out/last.pt: " in damaged.stderr

"""The language model's training: it learns, goes on exactly, minds Ctrl-C, and names what it cannot use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

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
    """A text with something to learn."""
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

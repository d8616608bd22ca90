"""The recogniser's training: it learns, goes on exactly, begins from a language model, and names what it cannot use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import pytest
import torch

pytest.importorskip("matplotlib", reason="run.py --install train adds matplotlib")

PART = Path(__file__).resolve().parent.parent
ENVIRONMENT = os.environ | {"SFRATORCH_CODE": "solution", "PYTHONPATH": str(PART.parent), "PYTHONIOENCODING": "utf-8"}
SMALL = [
    "--num-encoder-layers",
    "1",
    "--num-decoder-layers",
    "2",
    "--d-model",
    "16",
    "--num-heads",
    "2",
    "--d-ff",
    "32",
]
QUICK = [*SMALL, "--steps", "2", "--batch-size", "2", "--test-strings", "4", "--out", "out"]
RECORDINGS = Path(os.environ.get("FSDD", PART.parent.parent / "shared" / "data" / "fsdd" / "recordings"))
PATIENCE = 120.0

EXACT_RESUME = """
import sys
from pathlib import Path
import torch
from part5_transformers.train_asr import Config, beginning, resume, save, train

config = Config(num_encoder_layers=1, num_decoder_layers=1, d_model=16, num_heads=2, d_ff=32, batch_size=2, steps=20,
                validate_every=5, warmup=5, accumulate=2, max_digits=2, layer_drop_rate=0.2, validation_strings=4,
                test_strings=4, reduction_method=sys.argv[1], amp=sys.argv[2] == "amp")
whole = train(beginning(config))
half = train(beginning(config), until=10)
save(half, Path("half.pt"))
torch.manual_seed(99)
rest = train(resume(Path("half.pt"), config))
assert (whole.step, rest.step, half.step) == (20, 20, 10)
assert whole.points == rest.points and whole.tested == rest.tested
one, other = whole.model.state_dict(), rest.model.state_dict()
assert all(torch.equal(one[name], other[name]) for name in one)
assert whole.points[-1].training_loss < whole.points[0].training_loss
"""

LEARNS = """
from part5_transformers.train_asr import Config, beginning, train

config = Config(num_encoder_layers=2, num_decoder_layers=1, d_model=64, num_heads=2, d_ff=128, reduction_method="conv",
                steps=400, lr=3e-3, warmup=50, max_digits=3, dropout=0.0, validate_every=200, validation_strings=20,
                test_strings=50)
print(train(beginning(config)).tested.digits["ctc"])
"""

DECODES = """
import torch
from part5_transformers.train_asr import END, START, Config, beginning, padded, write
from part3_recurrent.utterances import held_out

history = beginning(Config(num_encoder_layers=1, num_decoder_layers=1, d_model=16, num_heads=2, d_ff=32))
batch, model = padded(held_out(history.config, "test", count=3)), history.model.eval()
with torch.no_grad():
    model.final_linear.bias[END] = -1.0
    encoded, pad_mask, _, _ = model.encode(batch.sources, batch.source_lengths)
    written = write(model, encoded, pad_mask)
    for row in range(3):  # each by itself, with all scores computed anew
        tokens = [START]
        while len(tokens) < encoded.shape[1] and (len(tokens) == 1 or tokens[-1] != END):
            scores = model.score(torch.tensor([tokens]), encoded[row : row + 1], pad_mask[row : row + 1])
            tokens.append(int(scores.argmax()))
        assert written[row] == [token for token in tokens[1:] if token != END], (written[row], tokens)
"""


def python(script: str, *arguments: str, folder: Path) -> str:
    """Return what a script prints; its error is the test's."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(
    *arguments: str, folder: Path, module: str = "part5_transformers.train_asr"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, "--solution", *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


def write_wav(path: Path, seconds: float, rate: int = 8000) -> None:
    """Write a silent recording."""
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(bytes(2 * int(seconds * rate)))


@pytest.mark.parametrize(("method", "precision"), [("conv", "float32"), ("both", "float32"), ("lstm", "amp")])
def test_twenty_steps_are_ten_and_ten(tmp_path: Path, method: str, precision: str) -> None:
    python(EXACT_RESUME, method, precision, folder=tmp_path)


def test_the_decoder_writes_what_its_scores_say(tmp_path: Path) -> None:
    python(DECODES, folder=tmp_path)


@pytest.mark.slow
def test_it_learns_touch_tones(tmp_path: Path) -> None:
    assert float(python(LEARNS, folder=tmp_path)) < 0.3


def test_it_shows_what_it_learned(tmp_path: Path) -> None:
    done = run(*QUICK, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("step 2 of 2  training ")
    decoders = ("ctc", "attention", "ctc-beam", "attention-beam", "joint")
    assert [line.partition(":")[0] for line in lines[1:6]] == [f"test, {name}" for name in decoders]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["curves.png", "heard.png", "last.pt"]


@pytest.mark.skipif(not (PART / "solution").is_dir(), reason="the files in place are the reference")
def test_decoders_that_are_not_written_are_left_out(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "part5_transformers.train_asr", *QUICK],
        cwd=tmp_path,
        env=ENVIRONMENT | {"SFRATORCH_CODE": "part3=solution,part4=solution,part5=solution,part6=own"},
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines[1:3]] == ["test, ctc", "test, attention"]
    assert lines[3].startswith("Not tested, ")
    assert " is not written yet (" in lines[3]


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="no recordings of the Free Spoken Digit Dataset")
def test_recordings_are_taken(tmp_path: Path) -> None:
    done = run(*QUICK, "--data", str(RECORDINGS), folder=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_decoder_can_begin_as_a_language_model(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("0123456789\n" * 200, encoding="utf-8")
    sizes = ["--num-layers", "1", "--d-model", "16", "--num-heads", "2", "--d-ff", "32", "--context", "8"]
    trained = run(
        "--data",
        "text.txt",
        *sizes,
        "--steps",
        "2",
        "--out",
        "lm",
        folder=tmp_path,
        module="part5_transformers.train_lm",
    )
    assert trained.returncode == 0, trained.stderr
    done = run(*QUICK, "--pretrained-decoder", "lm/last.pt", folder=tmp_path)
    # A layer has four parameters of attention, four of the network and four of norms; the final norm has two.
    assert done.stdout.startswith("14 parameters come from lm/last.pt\n"), done.stderr
    other = run(*QUICK, "--d-model", "32", "--pretrained-decoder", "lm/last.pt", folder=tmp_path)
    assert other.returncode == 2
    assert "config must have the sizes of the pretrained decoder; got " in other.stderr
    state = torch.load(tmp_path / "lm" / "last.pt")
    state["model"]["final_linear.bias"][0] = torch.nan
    torch.save(state, tmp_path / "nan.pt")
    broken = run(*QUICK, "--pretrained-decoder", "nan.pt", folder=tmp_path)
    assert (broken.returncode, broken.stdout) == (2, "")
    assert "to finite parameters; got nan.pt, where final_linear.bias are not. Train it again" in broken.stderr


def test_a_loss_that_is_not_finite_ends_training(tmp_path: Path) -> None:
    assert run(*QUICK, folder=tmp_path).returncode == 0
    kept = (tmp_path / "out" / "last.pt").read_bytes()
    for steps, line in (
        (1, "validation loss must be finite; got nan at step 1"),
        (4, "loss must be finite; got nan at step 2"),
    ):
        done = run(*QUICK, "--steps", str(steps), "--lr", "1e30", folder=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{line}. Try a smaller --lr.\n")
        assert (tmp_path / "out" / "last.pt").read_bytes() == kept


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_keeps_the_steps(tmp_path: Path) -> None:
    arguments = [*QUICK, "--steps", "100000", "--validate-every", "5"]
    command = [sys.executable, "-m", "part5_transformers.train_asr", "--solution", *arguments]
    child = subprocess.Popen(
        command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )
    assert child.stdout is not None
    assert child.stdout.readline().startswith("step 5 of 100000")
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=PATIENCE)
    assert child.returncode == 130, err
    assert int(out.partition("Stopped by Ctrl-C after step ")[2].partition(".")[0]) >= 5
    assert err == ""
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["last.pt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ctc-weight", "2"], "ctc_weight must lie between 0 and 1; got 2.0. --help shows the options."),
        (["--reduction-method", "max"], "reduction_method must be one of lstm, conv, both; got 'max'."),
        (["--time-reduction", "5"], "time_reduction must be a product of twos and threes, "),
        (["--data", "missing"], "missing must be a folder of <digit>_<speaker>_<number>.wav; there is none."),
        (["--data", "other"], "other/0_a_7.wav must be sampled at 8000 Hz; got 16000. Convert it first."),
        (["--data", "fast"], "fast/7_a_4.wav must be sampled at 8000 Hz; got 44100. Convert it first."),
        (
            ["--data", "long"],
            "long/7_a_3.wav must last at most 3.76 seconds, since 5 may be joined; got 30.00. Cut it, ",
        ),
        (["--num-heads", "3"], "d_model must be divisible by num_heads; got d_model=16, num_heads=3."),
        (["--pretrained-decoder", "none.pt"], "No such file or directory: 'none.pt'"),
        (["--pretrained-decoder", "text.pt"], "decoder_checkpoint_path must lead to a checkpoint of tensors; got "),
        (["--resume"], "--resume must find a checkpoint; got out/last.pt, which is not there."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_used_is_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    write_wav(tmp_path / "other" / "0_a_7.wav", 0.1, 16000)
    for folder, (number, seconds, rate) in {"fast": (4, 0.5, 44100), "long": (3, 30, 8000)}.items():  # for the test
        for good in (7, 45, 0):
            write_wav(tmp_path / folder / f"7_a_{good}.wav", 0.5)
        write_wav(tmp_path / folder / f"7_a_{number}.wav", seconds, rate)
    (tmp_path / "text.pt").write_text("text", encoding="utf-8")
    done = run(*QUICK, *arguments, folder=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out" / "last.pt").exists()

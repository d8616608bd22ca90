"""Learn to transcribe digits with a GRU and CTC: `python -m part3_recurrent.train_gru_ctc --solution`.

Without a file it learns touch-tone dialling, which it synthesises.  `--data DIR` takes recordings of spoken digits,
`<digit>_<speaker>_<number>.wav`, and joins them into strings: numbers 0 to 4 are the test, which nothing is chosen by,
45 to 49 validate, the others train.  The epoch that validates best is kept.
In a notebook: `history = train(Config.tones())`, then `curves(history)`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from autograder.scripts import launch

MODULE = "part3_recurrent.train_gru_ctc"
if __name__ == "__main__":
    # One thread: the matrices are small, and several threads make feature extraction five times slower.
    launch.start(MODULE, needs=("numpy", "matplotlib", "rich"), threads=1)

import numpy as np  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import PercentFormatter  # noqa: E402
from numpy import ndarray  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: E402

from part2_layers import checkpoint  # noqa: E402
from part2_layers.optim import Adam, clip_grad_norm_  # noqa: E402
from part3_recurrent import features  # noqa: E402
from part3_recurrent.ctc import CTCLoss  # noqa: E402
from part3_recurrent.gru_ctc import GRUCTC  # noqa: E402
from part3_recurrent.utterances import (  # noqa: E402
    TEST,
    TEST_SEED,
    TRAINING,
    VALIDATION,
    VALIDATION_SEED,
    Utterance,
    best_paths,
    error_rates,
    percent,
    utterances,
)

BLANK, CLASSES = 0, 11  # digit d has the label d + 1
NUM_MELS, FRAMES_JOINED = 40, 3


@dataclass(frozen=True)
class Config:
    """What a training run depends on: the same values give the same numbers. `data` is None for touch tones."""

    data: str | None = None
    hidden_size: int = 64
    num_layers: int = 1
    epochs: int = 24
    steps: int = 50  # of one epoch
    batch_size: int = 16
    lr: float = 4e-3
    warmup: int = 50
    max_norm: float = 1.0
    max_digits: int = 8
    validation_strings: int = 100
    test_strings: int = 300
    seed: int = 0

    @classmethod
    def tones(cls, **changes: object) -> Config:
        """What works for touch tones."""
        return cls(**changes)  # type: ignore[arg-type]

    @classmethod
    def speech(cls, data: str | Path, **changes: object) -> Config:
        """What works for the Free Spoken Digit Dataset."""
        settings = {"hidden_size": 96, "num_layers": 2, "epochs": 25, "steps": 100, "warmup": 100, "lr": 3e-3}
        settings |= {"max_digits": 5, "validation_strings": 200}
        return cls(**{**settings, **changes, "data": str(data)})  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        for name in ("hidden_size", "num_layers", "epochs", "steps", "batch_size", "max_digits", "test_strings"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}.")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"lr must be positive; got {self.lr}.")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative; got {self.seed}.")


class Epoch(NamedTuple):
    """What an epoch came to. `infeasible` counts targets that are longer than their sound allows."""

    training_loss: float
    validation_loss: float
    digit_error: float
    infeasible: int


@dataclass
class History:
    """A training run, while it goes on and afterwards. `model` has the best epoch's weights in the end."""

    config: Config
    model: GRUCTC
    optimizer: Adam
    rng: np.random.Generator
    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0  # the first is 1
    best_weights: dict[str, ndarray] = field(default_factory=dict)
    test_digit_error: float | None = None
    test_string_error: float | None = None
    seconds: float = 0.0
    interrupted: bool = False


# Training


def train(
    config: Config,
    history: History | None = None,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
    on_epoch: Callable[[History], None] = lambda history: None,
) -> History:
    """Train, validate after every epoch, and test the epoch with the lowest digit error, then the lowest loss.

    A history goes on where it ended.  Ctrl-C ends training, is noted as `interrupted`, and costs the epoch it came in.
    """
    history = history or beginning(config)
    validation = fixed_utterances(config, VALIDATION, VALIDATION_SEED, config.validation_strings)
    strings = strings_of(config, TRAINING, history.rng)
    start = time.perf_counter() - history.seconds
    try:
        while len(history.epochs) < config.epochs:
            loss, infeasible = train_epoch(history, strings, on_step)
            record(history, loss, infeasible, validation)
            history.seconds = time.perf_counter() - start
            on_epoch(history)
    except KeyboardInterrupt:
        history.interrupted = True
    if history.best_epoch:
        history.model.load_state_dict(history.best_weights)
    if len(history.epochs) == config.epochs:
        test = fixed_utterances(config, TEST, TEST_SEED, config.test_strings)
        said = [transcribe(history.model, batch) for batch in batches(test, config.batch_size)]
        history.test_digit_error, history.test_string_error = error_rates(test, list(itertools.chain(*said)))
    return history


def beginning(config: Config) -> History:
    """A run before its first step."""
    rng = np.random.default_rng(config.seed)
    model = GRUCTC(NUM_MELS * FRAMES_JOINED, config.hidden_size, config.num_layers, CLASSES, rng=rng)
    return History(config, model, Adam(model, config.lr), rng)


def train_epoch(
    history: History, strings: Iterator[Utterance], on_step: Callable[[int, float], None]
) -> tuple[float, int]:
    """The mean loss of the epoch's steps, and how many of its targets were infeasible."""
    config, model, optimizer = history.config, history.model, history.optimizer
    loss = CTCLoss(BLANK, zero_infinity=True)
    losses, infeasible = [], 0
    model.train()
    for step in range(len(history.epochs) * config.steps, (len(history.epochs) + 1) * config.steps):
        optimizer.lr = config.lr * min(1, (step + 1) / config.warmup) * (1 - step / (config.epochs * config.steps))
        batch = list(itertools.islice(strings, config.batch_size))
        x, frames, targets, lengths = padded(batch)
        infeasible += sum(needed_frames(utterance.digits) > len(utterance.heard) for utterance in batch)
        optimizer.zero_grad()
        losses.append(float(loss.forward(model.forward(x, frames), targets, frames, lengths)))
        model.backward(loss.backward())
        clip_grad_norm_(model, config.max_norm)
        optimizer.step()
        on_step(step, losses[-1])
    return sum(losses) / len(losses), infeasible


def record(history: History, training_loss: float, infeasible: int, validation: list[Utterance]) -> None:
    """Validate, add an epoch to the history, and keep its weights if it is the best so far."""
    loss, losses, said = CTCLoss(BLANK, zero_infinity=True), [], []
    for batch in batches(validation, history.config.batch_size):
        log_probs, frames = listen(history.model, batch)
        _, _, targets, lengths = padded(batch)
        losses.append(float(loss.forward(log_probs, targets, frames, lengths)))
        said += digits_of(log_probs, frames)
    digit_error, _ = error_rates(validation, said)
    history.epochs.append(Epoch(training_loss, sum(losses) / len(losses), digit_error, infeasible))
    best = history.epochs[history.best_epoch - 1]
    if not history.best_epoch or quality(history.epochs[-1]) < quality(best):
        history.best_epoch, history.best_weights = len(history.epochs), history.model.state_dict()


def quality(epoch: Epoch) -> tuple[float, float]:
    """What makes one epoch better than another: less is better."""
    return epoch.digit_error, epoch.validation_loss


# Utterances


def strings_of(config: Config, numbers: range, rng: np.random.Generator) -> Iterator[Utterance]:
    """Endless utterances as this run hears them."""
    return utterances(config.data, numbers, rng, config.max_digits, hear)


def fixed_utterances(config: Config, numbers: range, seed: int, count: int) -> list[Utterance]:
    """The same utterances in every run."""
    return list(itertools.islice(strings_of(config, numbers, np.random.default_rng(seed)), count))


def hear(sound: ndarray) -> ndarray:
    """What the network gets to hear of a sound: log-mel features, normalised over the utterance, joined by threes."""
    return features.stacked(features.normalized(features.log_mel(sound, num_mels=NUM_MELS)), FRAMES_JOINED)


def padded(batch: Sequence[Utterance]) -> tuple[ndarray, ndarray, ndarray, ndarray]:
    """x (t, b, bands), frames (b,), labels one after another, and how many each has (b,)."""
    frames = np.array([len(utterance.heard) for utterance in batch])
    x = np.zeros((frames.max(), len(batch), NUM_MELS * FRAMES_JOINED), np.float32)
    for b, utterance in enumerate(batch):
        x[: frames[b], b] = utterance.heard
    labels = np.array([digit + 1 for utterance in batch for digit in utterance.digits], dtype=np.int64)
    return x, frames, labels, np.array([len(utterance.digits) for utterance in batch])


def batches(all_of_them: list[Utterance], size: int) -> Iterator[list[Utterance]]:
    return (all_of_them[start : start + size] for start in range(0, len(all_of_them), size))


def needed_frames(digits: Sequence[int]) -> int:
    """The frames that a target needs at least: one for each label, and one for a blank between two equal ones."""
    return len(digits) + sum(one == other for one, other in itertools.pairwise(digits))


# Transcribing


def listen(model: GRUCTC, batch: Sequence[Utterance]) -> tuple[ndarray, ndarray]:
    """The log-probabilities (t, b, classes) of a batch, and its frames (b,)."""
    model.eval()
    x, frames, _, _ = padded(batch)
    return model.forward(x, frames), frames


def transcribe(model: GRUCTC, batch: Sequence[Utterance]) -> list[list[int]]:
    """The digits that the model hears in each utterance."""
    return digits_of(*listen(model, batch))


def digits_of(log_probs: ndarray, frames: ndarray) -> list[list[int]]:
    """The digits of the best paths."""
    return [[label - 1 for label in path] for path in best_paths(log_probs, frames, BLANK)]


# Checkpoints


def save(history: History, path: Path) -> None:
    """Everything that training depends on, so that it can go on exactly."""
    about = {
        "config": asdict(history.config),
        "epochs": history.epochs,
        "best_epoch": history.best_epoch,
        "seconds": history.seconds,
        "rng": history.rng.bit_generator.state,
    }
    parts = {
        "model": history.model.state_dict(),
        "best": history.best_weights,
        "optimizer": history.optimizer.state_dict(),
    }
    arrays = {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
    checkpoint.save(path, {"about": np.array(json.dumps(about)), **arrays})


def resume(path: Path, config: Config) -> History:
    """The run that was saved there.

    Raises ValueError if the file is damaged, no checkpoint of this script, or of another configuration.
    """
    arrays = checkpoint.load(path)
    try:
        about = json.loads(str(arrays.pop("about")))
        saved = Config(**about["config"])
        parts: dict[str, dict[str, ndarray]] = {"model": {}, "best": {}, "optimizer": {}}
        for key, value in arrays.items():
            part, _, name = key.partition("/")
            parts[part][name] = value
        epochs = [Epoch(*values) for values in about["epochs"]]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"--resume must be given a checkpoint of this script; got {path}: {error!r}.") from None
    if saved != config:
        different = [name for name, value in asdict(config).items() if value != getattr(saved, name)]
        raise ValueError(f"--resume must have the options of the run in {path}; {', '.join(different)} differ.")
    history = beginning(config)
    history.model.load_state_dict(parts["model"])
    history.optimizer.load_state_dict(parts["optimizer"])
    history.rng.bit_generator.state = about["rng"]
    history.epochs, history.best_epoch, history.best_weights = epochs, about["best_epoch"], parts["best"]
    history.seconds = about["seconds"]
    return history


# Pictures


def curves(history: History) -> Figure:
    """Loss and digit error after every epoch, with a dot at the best one."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    losses, errors = figure.subplots(1, 2)
    epochs = range(1, len(history.epochs) + 1)
    training_loss, validation_loss, digit_error, _ = zip(*history.epochs, strict=True)
    losses.plot(epochs, training_loss, color="#0072b2", linestyle=":", label="training")
    losses.plot(epochs, validation_loss, color="#0072b2", label="validation")
    losses.set(title="CTC loss per label", xlabel="epoch", yscale="log")
    losses.legend()
    errors.plot(epochs, digit_error, color="#d55e00", label="validation, best epoch dotted")
    errors.plot(history.best_epoch, digit_error[history.best_epoch - 1], "o", color="#d55e00")
    if history.test_digit_error is not None:
        tested = f"test, {percent(history.test_digit_error)}"
        errors.axhline(history.test_digit_error, color="0.5", linestyle="--", label=tested)
    errors.set(title="Digit error", xlabel="epoch", ylim=(0, min(1, 0.05 + 5 * min(digit_error))))
    errors.yaxis.set_major_formatter(PercentFormatter(1))
    errors.legend()
    for axes in (losses, errors):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def heard_page(history: History) -> Figure:
    """A test utterance as the network hears it: the spectrogram, and below what it says at each frame."""
    utterance = max(fixed_utterances(history.config, TEST, TEST_SEED, 20), key=lambda each: len(each.digits))
    log_probs, frames = listen(history.model, [utterance])
    (digits,) = digits_of(log_probs, frames)
    seconds = len(utterance.heard) * FRAMES_JOINED * 0.010
    figure = Figure(figsize=(11, 5.5), layout="constrained")
    spectrogram, posteriors = figure.subplots(2, 1, sharex=True)
    spectrogram.imshow(
        utterance.heard.reshape(-1, NUM_MELS).T, origin="lower", aspect="auto", extent=(0, seconds, 0, NUM_MELS)
    )
    spectrogram.set(title=f"said {spaced(utterance.digits)}, heard {spaced(digits)}", ylabel="mel band")
    times = (np.arange(len(log_probs)) + 0.5) * FRAMES_JOINED * 0.010
    probabilities = np.exp(log_probs[:, 0])
    posteriors.plot(times, probabilities[:, BLANK], color="0.7", label="blank")
    for digit in sorted(set(digits)):
        (line,) = posteriors.plot(times, probabilities[:, digit + 1], label=str(digit))
        for peak in peaks(log_probs[:, 0].argmax(axis=1), digit + 1):
            posteriors.annotate(
                str(digit), (times[peak], 1.02), ha="center", color=line.get_color(), fontweight="bold", clip_on=False
            )
    posteriors.set(xlabel="seconds", ylabel="CTC posterior", ylim=(0, 1.12), xlim=(0, seconds))
    posteriors.spines[["top", "right"]].set_visible(False)
    posteriors.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


def peaks(path: ndarray, label: int) -> list[int]:
    """The first frame of every run of this label."""
    return [t for t in range(len(path)) if path[t] == label and (t == 0 or path[t - 1] != label)]


def spaced(digits: Sequence[int]) -> str:
    return " ".join(map(str, digits)) or "nothing"


# The command


def main() -> int:
    """Train, say what came of it, draw. Exit code 130 after Ctrl-C, 2 for what cannot be used."""
    config, folder, goes_on = parse(sys.argv[1:])
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False, markup=False)
    path = folder / "last.npz"
    try:
        history = resume(path, config) if goes_on else beginning(config)
        with progress(history, console) as (on_step, show_epoch):

            def on_epoch(history: History) -> None:
                save(history, path)
                if history.best_epoch == len(history.epochs):
                    checkpoint.save(folder / "best.npz", history.best_weights)
                show_epoch(history)

            train(config, history, on_step, on_epoch)
    except KeyboardInterrupt:
        return stopped(folder, console)
    except NotImplementedError as error:
        print(launch.not_written(error), file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(f"python -m {MODULE}: {error}", file=sys.stderr)
        return 2
    if not history.epochs:
        return stopped(folder, console)
    report(history, folder, console)
    return stopped(folder, console) if history.interrupted else 0


def stopped(folder: Path, console: Console) -> int:
    kept = (folder / "last.npz").exists()
    console.print(
        "Stopped by Ctrl-C. " + ("--resume goes on after the last whole epoch." if kept else "Nothing is kept.")
    )
    return 130


def parse(arguments: Sequence[str]) -> tuple[Config, Path, bool]:
    """What to train, the folder for what comes of it, and whether to go on from there."""
    parser = launch.Parser(MODULE, description="Learn to transcribe touch tones, or spoken digits, with a GRU and CTC.")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder of <digit>_<speaker>_<number>.wav (default: touch tones)"
    )
    settings = {
        "epochs": (int, "how often to validate"),
        "steps": (int, "training steps of an epoch"),
        "batch_size": (int, "utterances to a step"),
        "hidden_size": (int, "units of the GRU in each direction"),
        "num_layers": (int, "layers of the GRU"),
        "lr": (float, "learning rate after the warm-up; it falls to 0 from there"),
        "seed": (int, "of the first weights and of the training strings"),
    }
    tones, speech = Config.tones(), Config.speech("")
    for name, (kind, what) in settings.items():
        defaults = f"default: {getattr(tones, name)}, with --data {getattr(speech, name)}"
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N", help=f"{what} ({defaults})")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for checkpoints and pictures (default: runs/gru_ctc_tones, with --data runs/gru_ctc_speech)",
    )
    parser.add_argument("--resume", action="store_true", help="go on from last.npz in the folder of --out")
    options = parser.parse_args(arguments)
    given = {name: getattr(options, name) for name in settings if getattr(options, name) is not None}
    folder = options.out or Path("runs") / ("gru_ctc_speech" if options.data else "gru_ctc_tones")
    try:
        config = Config.speech(options.data, **given) if options.data else Config.tones(**given)
        folder.mkdir(parents=True, exist_ok=True)
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"--out must be a folder that can be written to; got {folder}: {error.strerror}")
    return config, folder, options.resume


Shows = tuple[Callable[[int, float], None], Callable[[History], None]]


@contextlib.contextmanager
def progress(history: History, console: Console) -> Iterator[Shows]:
    """What shows how far training is: a bar on a terminal, and a line for each epoch."""
    total = history.config.epochs * history.config.steps

    def show_epoch(history: History) -> None:
        epoch = history.epochs[-1]
        warning = f"  {epoch.infeasible} targets longer than their sound" if epoch.infeasible else ""
        console.print(
            f"epoch {len(history.epochs)} of {history.config.epochs}  loss {epoch.training_loss:.4f}  "
            f"validation {epoch.validation_loss:.4f}  digit error {percent(epoch.digit_error)}{warning}"
        )

    if not console.is_terminal:
        yield lambda step, loss: None, show_epoch
        return
    text = TextColumn("step {task.completed} of {task.total}  {task.fields[state]}", markup=False)
    with Progress(text, BarColumn(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("", total=total, completed=len(history.epochs) * history.config.steps, state="")
        yield lambda step, loss: bar.update(task, completed=step + 1, state=f"loss {loss:.4f}"), show_epoch


def report(history: History, folder: Path, console: Console) -> None:
    """How good it is, where the weights are, and the pictures."""
    if history.test_digit_error is not None and history.test_string_error is not None:
        console.print(
            f"test: {percent(history.test_digit_error)} digit error, {percent(history.test_string_error)} of "
            f"{history.config.test_strings} strings wrong; epoch {history.best_epoch}, {history.seconds:.0f} s"
        )
    console.print(f"weights   {folder / 'best.npz'}", soft_wrap=True)
    for name, figure in {"curves.png": curves(history), "heard.png": heard_page(history)}.items():
        figure.savefig(folder / name, dpi=120)
        console.print(f"picture   {folder / name}", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())

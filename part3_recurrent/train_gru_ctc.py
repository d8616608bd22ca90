"""Learn to transcribe digits with a GRU and CTC: `python -m part3_recurrent.train_gru_ctc --solution`.

Without a file it learns touch-tone dialling, which it synthesises.  `--data DIR` takes recordings of spoken digits,
`<digit>_<speaker>_<number>.wav`, and joins them into strings: numbers 0 to 4 are the test, which nothing is chosen by,
45 to 49 validate, the others train.  The epoch that validates best is kept.
In a notebook: `history = train(Config.tones())`, then `curves(history)`.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from autograder.scripts import launch

MODULE = "part3_recurrent.train_gru_ctc"
if __name__ == "__main__":
    # One thread: the matrices are small, and several threads make feature extraction five times slower.
    launch.start(MODULE, needs=("numpy", "rich"), train=("matplotlib",), threads=1)

import numpy as np  # noqa: E402
from numpy import ndarray  # noqa: E402
from rich.console import Console  # noqa: E402

from autograder.scripts import checkpoints, endings, options, showing  # noqa: E402
from autograder.scripts.endings import all_finite, finite  # noqa: E402
from part2_layers import checkpoint  # noqa: E402
from part2_layers.optim import Adam, clip_grad_norm_  # noqa: E402
from part3_recurrent import utterances  # noqa: E402
from part3_recurrent.batched_ctc import BatchedCTCLoss  # noqa: E402
from part3_recurrent.ctc import CTCLoss  # noqa: E402
from part3_recurrent.gru_ctc import GRUCTC  # noqa: E402
from part3_recurrent.utterances import Utterance, best_paths, error_rates, percent, spaced  # noqa: E402

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLANK, CLASSES = 0, 11  # digit d has the label d + 1
FRAMES_JOINED = 3
CTC = {"plain": CTCLoss, "batched": BatchedCTCLoss}


@dataclass(frozen=True)
class Config:
    """The settings of a training run: the same values give the same numbers. `data` is None for touch tones."""

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
    ctc: str = "plain"
    validation_strings: int = 100
    test_strings: int = 300
    seed: int = 0

    @classmethod
    def tones(cls, **changes: object) -> Config:
        """Give settings that work for touch tones."""
        return cls(**changes)  # type: ignore[arg-type]

    @classmethod
    def speech(cls, data: str | Path, **changes: object) -> Config:
        """Give settings that work for the Free Spoken Digit Dataset."""
        settings = {"hidden_size": 96, "num_layers": 2, "epochs": 25, "steps": 100, "warmup": 100, "lr": 3e-3}
        settings |= {"max_digits": 5, "validation_strings": 200}
        return cls(**{**settings, **changes, "data": str(data)})  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        sizes = ("hidden_size", "num_layers", "epochs", "steps", "batch_size", "max_digits")
        options.check(self, (*sizes, "validation_strings", "test_strings"))
        options.require(self, "ctc", self.ctc in CTC, f"be one of {', '.join(CTC)}")


class Epoch(NamedTuple):
    """The results of an epoch. `infeasible` counts targets that are longer than their sound allows."""

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


@np.errstate(all="ignore")  # what overflows is said once, by `finite`
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
    validation = utterances.held_out(config, "validation", FRAMES_JOINED)
    strings = utterances.strings_of(config, history.rng, FRAMES_JOINED)
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
        test = utterances.held_out(config, "test", FRAMES_JOINED)
        said = [transcribe(history.model, batch) for batch in batches(test, config.batch_size)]
        history.test_digit_error, history.test_string_error = error_rates(test, list(itertools.chain(*said)))
    return history


def beginning(config: Config) -> History:
    """Prepare a run before its first step.  Raises what the recordings raise."""
    utterances.read_all(config)
    rng = np.random.default_rng(config.seed)
    model = GRUCTC(utterances.NUM_MELS * FRAMES_JOINED, config.hidden_size, config.num_layers, CLASSES, rng=rng)
    return History(config, model, Adam(model, config.lr), rng)


def train_epoch(
    history: History, strings: Iterator[Utterance], on_step: Callable[[int, float], None]
) -> tuple[float, int]:
    """Train an epoch: the mean loss of its steps, and how many of its targets were infeasible."""
    config, model, optimizer = history.config, history.model, history.optimizer
    loss = CTC[config.ctc](BLANK, zero_infinity=True)
    losses, infeasible = [], 0
    model.train()
    for step in range(len(history.epochs) * config.steps, (len(history.epochs) + 1) * config.steps):
        optimizer.lr = config.lr * min(1, (step + 1) / config.warmup) * (1 - step / (config.epochs * config.steps))
        batch = list(itertools.islice(strings, config.batch_size))
        x, frames, targets, lengths = padded(batch)
        infeasible += sum(needed_frames(utterance.digits) > len(utterance.heard) for utterance in batch)
        optimizer.zero_grad()
        losses.append(finite(float(loss.forward(model.forward(x, frames), targets, frames, lengths)), step + 1))
        model.backward(loss.backward())
        finite(float(clip_grad_norm_(model, config.max_norm)), step + 1, "gradient norm")
        optimizer.step()
        all_finite({name: value for name, value, _ in model.named_parameters()}, step + 1)
        on_step(step, losses[-1])
    return sum(losses) / len(losses), infeasible


def record(history: History, training_loss: float, infeasible: int, validation: list[Utterance]) -> None:
    """Validate, add an epoch to the history, and keep its weights if it is the best so far."""
    loss, losses, said = CTC[history.config.ctc](BLANK, zero_infinity=True), [], []
    for batch in batches(validation, history.config.batch_size):
        log_probs, frames = listen(history.model, batch)
        _, _, targets, lengths = padded(batch)
        losses.append(float(loss.forward(log_probs, targets, frames, lengths)))
        said += digits_of(log_probs, frames)
    digit_error, _ = error_rates(validation, said)
    validation_loss = finite(sum(losses) / len(losses), len(history.epochs) + 1, "validation loss", "epoch")
    history.epochs.append(Epoch(training_loss, validation_loss, digit_error, infeasible))
    best = history.epochs[history.best_epoch - 1]
    if not history.best_epoch or quality(history.epochs[-1]) < quality(best):
        history.best_epoch, history.best_weights = len(history.epochs), history.model.state_dict()


def quality(epoch: Epoch) -> tuple[float, float]:
    """Rank an epoch: less is better."""
    return epoch.digit_error, epoch.validation_loss


# Utterances


def padded(batch: Sequence[Utterance]) -> tuple[ndarray, ndarray, ndarray, ndarray]:
    """Pad a batch: x (t, b, bands), frames (b,), labels one after another, and how many each has (b,)."""
    frames = np.array([len(utterance.heard) for utterance in batch])
    x = np.zeros((frames.max(), len(batch), utterances.NUM_MELS * FRAMES_JOINED), np.float32)
    for b, utterance in enumerate(batch):
        x[: frames[b], b] = utterance.heard
    labels = np.array([digit + 1 for utterance in batch for digit in utterance.digits], dtype=np.int64)
    return x, frames, labels, np.array([len(utterance.digits) for utterance in batch])


def batches(all_of_them: list[Utterance], size: int) -> Iterator[list[Utterance]]:
    return (all_of_them[start : start + size] for start in range(0, len(all_of_them), size))


def needed_frames(digits: Sequence[int]) -> int:
    """Count the frames that a target needs at least: one for each label, and one for a blank between two equal ones."""
    return len(digits) + sum(one == other for one, other in itertools.pairwise(digits))


# Transcribing


def listen(model: GRUCTC, batch: Sequence[Utterance]) -> tuple[ndarray, ndarray]:
    """Compute the log-probabilities (t, b, classes) of a batch, and its frames (b,)."""
    model.eval()
    x, frames, _, _ = padded(batch)
    return model.forward(x, frames), frames


def transcribe(model: GRUCTC, batch: Sequence[Utterance]) -> list[list[int]]:
    """Transcribe each utterance."""
    return digits_of(*listen(model, batch))


def digits_of(log_probs: ndarray, frames: ndarray) -> list[list[int]]:
    """Decode the best paths as digits."""
    return [[label - 1 for label in path] for path in best_paths(log_probs, frames, BLANK)]


# Checkpoints


def save(history: History, path: Path) -> None:
    """Save everything that training depends on, so that it can go on exactly."""
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
    """Load the run that was saved there.

    Raises ValueError if the file is damaged, no checkpoint of this script, incomplete, or of another configuration.
    """
    arrays = checkpoint.load(path)
    with checkpoints.refusing(checkpoints.RESUMED, path):
        about = json.loads(str(arrays.pop("about")))
        checkpoints.check_names("content", about, ("config", "epochs", "best_epoch", "seconds", "rng"))
        saved = checkpoints.saved_config(Config, about["config"])
    checkpoints.check_options(path, saved, config)
    history = beginning(config)
    with checkpoints.refusing(checkpoints.RESUMED, path):
        parts = parts_of(arrays)
        history.best_epoch = about["best_epoch"]
        if history.best_epoch:
            history.model.load_state_dict(parts["best"])
            history.best_weights = history.model.state_dict()
            history.optimizer.step()  # with gradients of zero: now it has arrays for every parameter
        checkpoints.check_arrays("optimizer", parts["optimizer"], history.optimizer.state_dict())
        history.optimizer.load_state_dict(parts["optimizer"])
        history.model.load_state_dict(parts["model"])
        history.epochs = [Epoch(*values) for values in about["epochs"]]
        history.rng.bit_generator.state = about["rng"]
        history.seconds = about["seconds"]
    return history


def parts_of(arrays: dict[str, ndarray]) -> dict[str, dict[str, ndarray]]:
    """Collect the arrays of the model, of the best epoch's weights, and of the optimiser."""
    parts: dict[str, dict[str, ndarray]] = {"model": {}, "best": {}, "optimizer": {}}
    checkpoints.check_names("content", {*parts, *(key.partition("/")[0] for key in arrays)}, parts)
    for key, value in arrays.items():
        part, _, name = key.partition("/")
        parts[part][name] = value
    return parts


# Pictures


def curves(history: History) -> Figure:
    """Draw loss and digit error after every epoch, with a dot at the best one."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

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
    showing.tidy(losses, errors)
    return figure


def heard_page(history: History) -> Figure:
    """Draw a test utterance: the spectrogram, and below it the probabilities at each frame."""
    from matplotlib.figure import Figure

    utterance = utterances.longest_test_string(history.config, FRAMES_JOINED)
    log_probs, frames = listen(history.model, [utterance])
    (digits,) = digits_of(log_probs, frames)
    figure = Figure(figsize=(11, 5.5), layout="constrained")
    spectrogram, posteriors = figure.subplots(2, 1, sharex=True)
    spectrogram.set(title=f"said {spaced(utterance.digits)}, heard {spaced(digits)}")
    labels = {digit: digit + 1 for digit in sorted(set(digits))}
    rows, probabilities = (spectrogram, posteriors), np.exp(log_probs[:, 0])
    lines = utterances.draw_heard(rows, utterance.heard, probabilities, FRAMES_JOINED, BLANK, labels)
    times = np.asarray(posteriors.lines[0].get_xdata())
    for digit, line in lines.items():
        for peak in peaks(log_probs[:, 0].argmax(axis=1), labels[digit]):
            posteriors.annotate(
                str(digit), (times[peak], 1.02), ha="center", color=line.get_color(), fontweight="bold", clip_on=False
            )
    posteriors.set(xlabel="seconds", ylim=(0, 1.12))
    return figure


def peaks(path: ndarray, label: int) -> list[int]:
    """Find the first frame of every run of this label."""
    return [t for t in range(len(path)) if path[t] == label and (t == 0 or path[t - 1] != label)]


# The command


def main() -> int:
    """Train, report the results, draw. Exit code 130 after Ctrl-C, 2 for what cannot be used."""
    config, folder, goes_on = parse(sys.argv[1:])
    path = folder / "last.npz"

    def work(console: Console) -> int:
        try:
            history = resume(path, config) if goes_on else beginning(config)
            learn(history, folder, console)
        except KeyboardInterrupt:
            return stopped(path, console)
        if history.epochs:
            report(history, folder, console)
        return stopped(path, console) if history.interrupted else 0

    return endings.exit_code(MODULE, work)


def stopped(path: Path, console: Console) -> int:
    kept = "--resume goes on after the last whole epoch." if path.exists() else "Nothing is kept."
    console.print(f"Stopped by Ctrl-C. {kept}")
    return endings.STOPPED


def parse(arguments: Sequence[str]) -> tuple[Config, Path, bool]:
    """Parse the options: the configuration, the folder of the run, and whether to resume it."""
    description = "Learn to transcribe touch tones, or spoken digits, with a GRU and CTC."
    parser = options.Parser(MODULE, description=description)
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder of <digit>_<speaker>_<number>.wav (default: touch tones)"
    )
    meanings = {
        "epochs": "how often to validate",
        "steps": "training steps of an epoch",
        "batch_size": "utterances to a step",
        "hidden_size": "units of the GRU in each direction",
        "num_layers": "layers of the GRU",
        "ctc": f"the loss, {' or '.join(CTC)}",
        "lr": "learning rate after the warm-up; it falls to 0 from there",
        "seed": "of the first weights and of the training strings",
    }
    parser.add_settings(meanings, Config.tones(), Config.speech(""))
    parser.add_out("folder for checkpoints and pictures", "runs/gru_ctc_tones", "runs/gru_ctc_speech")
    parser.add_resume("last.npz")
    return parser.read(arguments, configured)


def configured(data: Path | None, **given: object) -> Config:
    return Config.speech(data, **given) if data else Config.tones(**given)


def learn(history: History, folder: Path, console: Console) -> None:
    """Train and show how far it is, with a checkpoint after every epoch, and the weights of the best."""
    config = history.config

    def on_epoch(history: History) -> None:
        save(history, folder / "last.npz")
        if history.best_epoch == len(history.epochs):
            checkpoint.save(folder / "best.npz", history.best_weights)
        epoch = history.epochs[-1]
        warning = f"  {epoch.infeasible} targets longer than their sound" if epoch.infeasible else ""
        console.print(
            f"epoch {len(history.epochs)} of {config.epochs}  loss {epoch.training_loss:.4f}  "
            f"validation {epoch.validation_loss:.4f}  digit error {percent(epoch.digit_error)}{warning}"
        )

    with showing.progress(console, "step", config.epochs * config.steps, len(history.epochs) * config.steps) as show:
        train(config, history, lambda step, loss: show(step + 1, f"loss {loss:.4f}"), on_epoch)


def report(history: History, folder: Path, console: Console) -> None:
    """Report how good it is, where the weights are, and the pictures."""
    if history.test_digit_error is not None and history.test_string_error is not None:
        console.print(
            f"test: {percent(history.test_digit_error)} digit error, {percent(history.test_string_error)} of "
            f"{history.config.test_strings} strings wrong; epoch {history.best_epoch}, {history.seconds:.0f} s"
        )
    console.print(f"weights   {folder / 'best.npz'}", soft_wrap=True)
    showing.save_pictures({"curves.png": curves(history), "heard.png": heard_page(history)}, folder, console)


if __name__ == "__main__":
    sys.exit(main())

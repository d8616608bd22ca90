"""Learn to read handwritten digits with the layers of part 2: `python -m part2_layers.train_mlp --solution`.

The digits come with scikit-learn: 1797 pictures of 8 × 8 pixels. A fifth of them is the test, by which nothing is
chosen. A tenth of the others says which epoch was best; its weights are kept, also when Ctrl-C ends training.
In a notebook: `history = train(Config(model="MLP0", epochs=10))`, then `learning_curves([history])`.
"""

from __future__ import annotations

import copy
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from autograder.scripts import launch

MODULE = "part2_layers.train_mlp"
if __name__ == "__main__":
    # One thread: the matrices are so small that more only wait for each other.
    launch.start(MODULE, needs=("numpy", "rich"), train=("sklearn", "matplotlib"), threads=1)

import numpy as np  # noqa: E402
from numpy import ndarray  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from autograder.scripts import endings, options, showing  # noqa: E402
from autograder.scripts.endings import all_finite, finite  # noqa: E402
from part2_layers import checkpoint  # noqa: E402
from part2_layers.activation import Softmax  # noqa: E402
from part2_layers.loss import CrossEntropyLoss  # noqa: E402
from part2_layers.mlp import MLP0, MLP1, MLP4  # noqa: E402
from part2_layers.module import Module  # noqa: E402
from part2_layers.optim import AdamW  # noqa: E402

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE, CLASSES = 8, 10
MODELS: dict[str, Callable[[np.random.Generator], Module]] = {
    "MLP0": lambda rng: MLP0(SIDE * SIDE, 256, CLASSES, rng=rng),
    "MLP1": lambda rng: MLP1(SIDE * SIDE, (128, 128), CLASSES, rng=rng),
    "MLP4": lambda rng: MLP4(SIDE * SIDE, 128, CLASSES, rng=rng),
}
COLORS = {"MLP0": "#0072b2", "MLP1": "#d55e00", "MLP4": "#009e73"}  # told apart by colour-blind readers too
AVERAGING = 0.01  # how far a step draws the averaged weights towards the latest
MOST_SHOWN = 36  # misread digits on a page


@dataclass(frozen=True)
class Config:
    """Settings of a training run: the same values give the same numbers.

    `shift` is how far, in pixels, a training picture is moved at most.
    """

    model: str = "MLP1"
    epochs: int = 80
    batch_size: int = 32
    lr: float = 5e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.05
    shift: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        options.require(self, "model", self.model in MODELS, f"be one of {', '.join(MODELS)}")
        options.require(self, "batch_size", self.batch_size >= 2, "be at least 2, for batch normalisation")
        options.check(self, ["epochs"])


class Pictures(NamedTuple):
    """Images (b, 64) between 0 and 1, and the digits (b,) that they show."""

    images: ndarray
    labels: ndarray


class Epoch(NamedTuple):
    """Results of an epoch; the losses are without label smoothing."""

    training_loss: float
    validation_loss: float
    validation_accuracy: float


@dataclass(eq=False)
class History:
    """A training run, while it goes on and afterwards. In the end `model` has the best epoch's weights."""

    config: Config
    model: Module
    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0  # the first is 1
    best_weights: dict[str, ndarray] = field(default_factory=dict, repr=False)
    test_probabilities: ndarray | None = field(default=None, repr=False)  # (b, 10), of the best epoch
    test_accuracy: float | None = None
    seconds: float = 0.0
    interrupted: bool = False


# Training


@np.errstate(all="ignore")  # what overflows is said once, by `finite`
def train(config: Config, on_epoch: Callable[[History], None] = lambda history: None) -> History:
    """Train a model and test its best epoch: the last of those with the highest validation accuracy.

    `on_epoch` is called after every epoch.  Ctrl-C ends training early, and is noted as `interrupted`.
    """
    training, validation, test = load_pictures()
    rng = np.random.default_rng(config.seed)
    history = History(config, MODELS[config.model](rng))
    start = time.perf_counter()
    try:
        for training_loss, weights in training_epochs(copy.deepcopy(history.model), training, config, rng):
            history.model.load_state_dict(weights)
            record(history, training_loss, validation)
            history.seconds = time.perf_counter() - start
            on_epoch(history)
    except KeyboardInterrupt:
        history.interrupted = True
    if history.best_epoch:
        history.model.load_state_dict(history.best_weights)
        history.test_probabilities, _ = read(history.model, test)
        history.test_accuracy = accuracy(history.test_probabilities, test.labels)
    return history


def load_pictures() -> tuple[Pictures, Pictures, Pictures]:
    """Training, validation and test: the same in every run, with as much of each digit in each."""
    from sklearn.datasets import load_digits  # here, since this takes longer than to say what is wrong with an option
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    others, test, other_labels, test_labels = train_test_split(
        images, labels, test_size=0.2, stratify=labels, random_state=0
    )
    training, validation, training_labels, validation_labels = train_test_split(
        others, other_labels, test_size=0.1, stratify=other_labels, random_state=0
    )
    return Pictures(training, training_labels), Pictures(validation, validation_labels), Pictures(test, test_labels)


def training_epochs(
    model: Module, training: Pictures, config: Config, rng: np.random.Generator
) -> Iterator[tuple[float, dict[str, ndarray]]]:
    """Train for one epoch after another, and give the loss of each and the averaged weights after it.

    The learning rate falls along a cosine, to almost 0.
    """
    smoothed, plain = CrossEntropyLoss(label_smoothing=config.label_smoothing), CrossEntropyLoss()
    optimizer = AdamW(model, config.lr, weight_decay=config.weight_decay)
    average = model.state_dict()
    # Batches of almost the same size: batch normalisation cannot do with a last one of a single picture.
    batches = max(1, len(training.labels) // config.batch_size)
    for epoch in range(config.epochs):
        model.train()
        losses = []
        for step, batch in enumerate(np.array_split(rng.permutation(len(training.labels)), batches), epoch * batches):
            optimizer.lr = config.lr * (1 + math.cos(math.pi * step / (config.epochs * batches))) / 2
            images, labels = shifted(training.images[batch], config.shift, rng), training.labels[batch]
            optimizer.zero_grad()
            logits = model.forward(images)
            finite(float(smoothed.forward(logits, labels)), step + 1)
            model.backward(smoothed.backward())
            optimizer.step()
            weights = model.state_dict()
            all_finite(weights, step + 1)
            follow(average, weights, pace=max(AVERAGING, 10 / (10 + step)))
            losses.append(float(plain.forward(logits, labels)))
        yield sum(losses) / len(losses), average


def follow(average: dict[str, ndarray], weights: Mapping[str, ndarray], pace: float) -> None:
    """average ← average + pace · (weights - average)     (Polyak and Juditsky 1992, with a memory that fades).

    The average reads better than the weights of most single steps, so that less hangs on which epoch is chosen.
    """
    for name, value in weights.items():
        is_count = value.dtype.kind != "f"  # num_batches_tracked
        average[name] = value if is_count else average[name] + pace * (value - average[name])


def shifted(images: ndarray, most: float, rng: np.random.Generator) -> ndarray:
    """Every image moved by a random part of a pixel, down and to the right; what comes in at the edge is 0.

    A pixel between two pixels is their mean, weighted by nearness: y = R x Cᵀ, where R[i, k] = max(0, 1 - |i + s - k|).
    Shapes: images (b, 64), result (b, 64).
    """
    pixel = np.arange(SIDE)
    distances = rng.uniform(-most, most, (2, len(images), 1, 1))
    weights = np.maximum(0, 1 - np.abs(pixel[:, None] + distances - pixel)).astype(images.dtype)
    rows, columns = weights
    moved = rows @ images.reshape(-1, SIDE, SIDE) @ columns.transpose(0, 2, 1)
    return moved.reshape(images.shape)


def record(history: History, training_loss: float, validation: Pictures) -> None:
    """Add an epoch to the history, and keep its weights if none before had a higher accuracy."""
    probabilities, loss = read(history.model, validation)
    finite(loss, len(history.epochs) + 1, "validation loss", "epoch")
    epoch = Epoch(training_loss, loss, accuracy(probabilities, validation.labels))
    history.epochs.append(epoch)
    if epoch.validation_accuracy >= max(earlier.validation_accuracy for earlier in history.epochs):
        history.best_epoch, history.best_weights = len(history.epochs), history.model.state_dict()


def read(model: Module, pictures: Pictures) -> tuple[ndarray, float]:
    """The probability (b, 10) of every digit for every picture, and the loss."""
    model.eval()
    logits = model.forward(pictures.images)
    return Softmax(dim=-1).forward(logits), float(CrossEntropyLoss().forward(logits, pictures.labels))


def accuracy(probabilities: ndarray, labels: ndarray) -> float:
    """The part of the pictures whose likeliest digit is right."""
    return float((probabilities.argmax(axis=-1) == labels).mean())


# Pictures


def learning_curves(histories: Sequence[History]) -> Figure:
    """Loss and validation accuracy after every epoch, with a dot at the best one."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    losses, accuracies = figure.subplots(1, 2)
    for place, history in enumerate(histories):
        name, best = history.config.model, history.best_epoch
        # The later lines are thinner, so that they hide none of the earlier ones where accuracies are equal.
        style: dict[str, Any] = {"color": COLORS[name], "linewidth": len(histories) - place + 0.5}
        numbers = range(1, len(history.epochs) + 1)
        training_loss, validation_loss, accuracy_then = zip(*history.epochs, strict=True)
        losses.plot(numbers, training_loss, ":", color=COLORS[name])
        losses.plot(numbers, validation_loss, ".-", color=COLORS[name], markersize=4, label=name)
        accuracies.plot(numbers, accuracy_then, **style, label=f"{name}: test {percent(history.test_accuracy)}")
        accuracies.plot(best, accuracy_then[best - 1], "o", color=COLORS[name], markersize=8)
    losses.set(title="Cross-entropy: validation, and training (dotted)", yscale="log")
    losses.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    losses.yaxis.set_major_formatter("{x:g}")
    losses.yaxis.set_minor_formatter(NullFormatter())
    accuracies.set(title="Validation accuracy, with a dot at the best epoch")
    accuracies.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    if all(history.epochs[-1].validation_accuracy > 0.95 for history in histories):
        accuracies.set_ylim(bottom=0.9)  # the first epochs would take most of the height
    for axes in (losses, accuracies):
        axes.set(xlabel="epoch", xlim=(0, 1 + max(len(history.epochs) for history in histories)))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
    showing.tidy(losses, accuracies)
    return figure


def misread_page(history: History) -> Figure:
    """The test pictures that the best epoch misreads, the most certain mistakes first."""
    from matplotlib.figure import Figure

    if history.test_probabilities is None:
        raise ValueError("history must have a finished epoch; got none. Train for longer.")
    _, _, test = load_pictures()
    probabilities, said = history.test_probabilities, history.test_probabilities.argmax(axis=-1)
    wrong = np.flatnonzero(said != test.labels)
    shown = wrong[np.argsort(-probabilities[wrong, said[wrong]], kind="stable")][:MOST_SHOWN]
    columns = min(6, max(1, len(shown)))
    rows = max(1, math.ceil(len(shown) / columns))
    figure = Figure(figsize=(max(4.5, 1.7 * columns), 0.3 + 2.1 * rows), layout="constrained")
    surest = f", of which these are the {len(shown)} surest" if len(shown) < len(wrong) else ""
    figure.suptitle(f"{history.config.model} misreads {len(wrong) or 'none'} of {len(test.labels)} test digits{surest}")
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.set_axis_off()
    for axes, index in zip(figure.axes, shown, strict=False):
        axes.imshow(test.images[index].reshape(SIDE, SIDE), cmap="gray_r", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
        axes.set_axis_on()
        truth, answer = test.labels[index], said[index]
        chances = "   ".join(f"{digit}: {percent(probabilities[index, digit], 0)}" for digit in (answer, truth))
        axes.set_title(f"is {truth}, read as {answer}\n{chances}", fontsize="medium")
    return figure


def percent(part: float | None, digits: int = 1) -> str:
    return "–" if part is None else f"{100 * part:.{digits}f} %"


# The command


def main() -> int:
    """Train, say what came of it, draw. Exit code 130 after Ctrl-C, 2 where an exercise is not written yet."""
    configs, folder, _ = parse(sys.argv[1:])

    def work(console: Console) -> int:
        histories: dict[str, History] = {}
        interrupted, problem = False, None
        try:
            for config in configs:
                train_and_save(config, folder, histories, console)
        except KeyboardInterrupt:
            interrupted = True
        except (NotImplementedError, FloatingPointError) as error:
            problem = error
        report(list(histories.values()), folder, interrupted, console)
        if problem:
            raise problem
        return endings.STOPPED if interrupted else 0

    return endings.exit_code(MODULE, work, unusable=(OSError,))


def parse(arguments: Sequence[str]) -> tuple[list[Config], Path, bool]:
    """Parse what to train, and the folder for the results."""
    parser = options.Parser(MODULE, description="Learn scikit-learn's handwritten digits with the layers of part 2.")
    parser.add_argument("--model", choices=[*MODELS, "all"], default="all", help="what to train (default: all)")
    meanings = {
        "epochs": "how often to see every training picture",
        "batch_size": "pictures to a step",
        "lr": "learning rate at the beginning",
        "seed": "of the first weights, the batches and the shifts",
    }
    parser.add_settings(meanings, Config())
    parser.add_out("folder for weights and pictures", "runs/train_mlp")
    return parser.read(arguments, configs_of)


def configs_of(model: str, **given: Any) -> list[Config]:
    return [Config(model=each, **given) for each in (MODELS if model == "all" else [model])]


def train_and_save(config: Config, folder: Path, histories: dict[str, History], console: Console) -> None:
    """Train, with the best weights so far always in the folder, and the history in `histories` from the first epoch."""

    def save(history: History) -> None:
        checkpoint.save(weights_path(history, folder), history.best_weights)

    with showing.progress(console, f"{config.model}  epoch", config.epochs) as show:

        def on_epoch(history: History) -> None:
            histories[config.model] = history
            if history.best_epoch == len(history.epochs):
                save(history)
            show(len(history.epochs), state(history))
            if not console.is_terminal:
                show_line(history, console)

        history = train(config, on_epoch)
    if history.interrupted:
        if history.best_epoch:
            save(history)  # Ctrl-C may have come in the middle of it
        raise KeyboardInterrupt


def weights_path(history: History, folder: Path) -> Path:
    return folder / f"best_{history.config.model}.npz"


def show_line(history: History, console: Console) -> None:
    """Some ten lines in all."""
    epoch, last = len(history.epochs), history.config.epochs
    if epoch in (1, last) or epoch % max(1, last // 10) == 0:
        console.print(f"{history.config.model}  epoch {epoch} of {last}  {state(history)}")


def state(history: History) -> str:
    epoch = history.epochs[-1]
    return f"loss {epoch.training_loss:.4f}  validation {percent(epoch.validation_accuracy)}"


def report(histories: Sequence[History], folder: Path, interrupted: bool, console: Console) -> None:
    """The table, where the weights are, and the pictures."""
    if interrupted:
        kept = f"the best weights so far are in {folder}" if histories else "no epoch was finished, so nothing is kept"
        console.print(f"Stopped by Ctrl-C: {kept}.", soft_wrap=True)
    if not histories:
        return
    table = Table("model", "parameters", "best epoch", "validation", "test accuracy", "seconds")
    for column in table.columns[1:]:
        column.justify = "right"
    for history in histories:
        table.add_row(*row(history))
    console.print(table)
    for history in histories:
        console.print(f"weights   {weights_path(history, folder)}", soft_wrap=True)
    tested = [history for history in histories if history.test_probabilities is not None]
    pages = {f"misread_{history.config.model}.png": misread_page(history) for history in tested}
    showing.save_pictures({"learning_curves.png": learning_curves(histories), **pages}, folder, console)


def row(history: History) -> list[str]:
    """A line of the table."""
    parameters = sum(value.size for _, value, _ in history.model.named_parameters())
    epoch = history.epochs[history.best_epoch - 1]
    return [
        history.config.model,
        f"{parameters:,}".replace(",", " "),
        f"{history.best_epoch} of {len(history.epochs)}",
        percent(epoch.validation_accuracy),
        percent(history.test_accuracy),
        f"{history.seconds:.1f}",
    ]


if __name__ == "__main__":
    sys.exit(main())

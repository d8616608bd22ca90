"""Learn to continue a text, character by character: `python -m part5_transformers.train_lm --solution`.

Without a file it learns the docstrings of this Python's standard library; `--data FILE` takes any UTF-8 text.  The last
tenth of the text is the test, which nothing is chosen by; a fiftieth from the middle is held out to watch training.
In a notebook: `history = train(beginning(Config(steps=200)))`, then `curves(history)`.
"""

from __future__ import annotations

import ast
import contextlib
import math
import os
import signal
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from part1_autograd import launch

MODULE = "part5_transformers.train_lm"
if __name__ == "__main__":
    # One thread: at this size more only wait for each other, and on a busy machine for long.
    launch.start(MODULE, needs=("torch", "matplotlib", "rich"), threads=1)

import torch  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from part5_transformers.transformers import DecoderOnlyTransformer  # noqa: E402

LOWEST_LR = 0.05  # of the highest, at the end of the cosine
SAMPLE_CHARACTERS, TEMPERATURE = 300, 0.8
MOST_DOCSTRINGS = 2_000_000  # characters


@dataclass(frozen=True)
class Config:
    """What a training run depends on: the same values give the same numbers. `data` is None for the docstrings."""

    data: str | None = None
    num_layers: int = 4
    d_model: int = 128
    num_heads: int = 4
    d_ff: int = 512
    context: int = 64
    batch_size: int = 12
    accumulate: int = 1
    steps: int = 2000
    lr: float = 3e-3
    warmup: int = 100
    weight_decay: float = 0.1
    dropout: float = 0.0
    max_norm: float = 1.0
    validate_every: int = 250
    seed: int = 0
    device: str = "cpu"
    amp: bool = False

    def __post_init__(self) -> None:
        for name in ("num_layers", "d_model", "num_heads", "d_ff", "context", "batch_size", "accumulate", "steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}.")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"lr must be positive; got {self.lr}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie between 0 and 1; got {self.dropout}.")
        if self.validate_every < 1:
            raise ValueError(f"validate_every must be at least 1; got {self.validate_every}.")
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"device must be one that is here; got {self.device}: {reason}") from None


class Text(NamedTuple):
    """The characters that occur, and the three parts of the text as indices of them."""

    vocabulary: str
    training: Tensor
    validation: Tensor
    test: Tensor


class Point(NamedTuple):
    """How far training is: after so many steps, the mean training loss since the last point, and the validation's."""

    step: int
    training_loss: float
    validation_loss: float


@dataclass
class History:
    """A training run, while it goes on and afterwards."""

    config: Config
    text: Text
    model: DecoderOnlyTransformer
    optimizer: torch.optim.AdamW
    generator: torch.Generator  # draws the batches
    step: int = 0
    losses: list[float] = field(default_factory=list)  # since the last point
    points: list[Point] = field(default_factory=list)
    test_loss: float | None = None
    seconds: float = 0.0
    interrupted: bool = False


# Text


def read_text(config: Config) -> Text:
    """Raises ValueError for a file that is no UTF-8 text or too short, OSError for one that cannot be read."""
    try:
        text = docstrings() if config.data is None else Path(config.data).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"--data must be a UTF-8 text; got {config.data}: {error.reason}.") from None
    shortest = 100 * (config.context + 1)
    if len(text) < shortest:
        raise ValueError(f"--data must hold at least {shortest} characters for this context; got {len(text)}.")
    vocabulary = "".join(sorted(set(text)))
    index = {character: number for number, character in enumerate(vocabulary)}
    tokens = torch.tensor([index[character] for character in text])
    test = len(tokens) * 9 // 10
    # From the middle: what stands before the test is likest to it, and training needs it.
    start, end = test * 49 // 100, test * 51 // 100
    training = torch.cat([tokens[:start], tokens[end:test]])
    return Text(vocabulary, training, tokens[start:end], tokens[test:])


def docstrings() -> str:
    """The docstrings of the standard library, in order of its files' names: printable ASCII alone."""
    found: list[str] = []
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        with contextlib.suppress(SyntaxError, UnicodeDecodeError, OSError):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
            found += [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, kinds)]
    text = "\n\n".join(filter(None, found))
    return "".join(character for character in text if character == "\n" or " " <= character <= "~")[:MOST_DOCSTRINGS]


def batch_of(tokens: Tensor, config: Config, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Pieces of the text at random places, and the same one character further.  Shapes: (batch_size, context)."""
    starts = torch.randint(len(tokens) - config.context, (config.batch_size, 1), generator=generator)
    pieces = tokens[starts + torch.arange(config.context + 1)].to(config.device)
    return pieces[:, :-1], pieces[:, 1:]


# Training


def beginning(config: Config) -> History:
    """A run before its first step.  Raises what read_text and the model raise."""
    text = read_text(config)
    torch.manual_seed(config.seed)
    model = DecoderOnlyTransformer(
        config.num_layers,
        config.d_model,
        config.num_heads,
        config.d_ff,
        config.dropout,
        config.context,
        len(text.vocabulary),
    ).to(config.device)
    return History(config, text, model, adamw(model, config), torch.Generator().manual_seed(config.seed))


def adamw(model: nn.Module, config: Config) -> torch.optim.AdamW:
    """Weight decay for matrices, none for biases and norms."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.99))


def learning_rate(step: int, config: Config) -> float:
    """Linear warm-up, then a cosine down to LOWEST_LR of the highest."""
    warm = min(1.0, (step + 1) / max(1, config.warmup))
    cosine = (1 + math.cos(math.pi * step / config.steps)) / 2
    return config.lr * warm * (LOWEST_LR + (1 - LOWEST_LR) * cosine)


def train(
    history: History,
    on_step: Callable[[History], None] = lambda history: None,
    on_point: Callable[[History], None] = lambda history: None,
    until: int | None = None,
) -> History:
    """Go on to the last step, or to step `until`; then, at the last, test.

    Ctrl-C ends training after the running step, and is noted as `interrupted`.
    """
    config = history.config
    last = config.steps if until is None else min(until, config.steps)
    start = time.perf_counter() - history.seconds
    with noticing_interrupts(history):
        while history.step < last and not history.interrupted:
            train_step(history)
            history.seconds = time.perf_counter() - start
            on_step(history)
            if history.step % config.validate_every == 0 or history.step == config.steps:
                mean = sum(history.losses) / len(history.losses)
                history.points.append(Point(history.step, mean, loss_over(history, history.text.validation)))
                history.losses.clear()
                on_point(history)
        if history.step == config.steps and history.test_loss is None:
            history.test_loss = loss_over(history, history.text.test)
    return history


def train_step(history: History) -> None:
    """One update, from `accumulate` batches."""
    config, model, optimizer = history.config, history.model, history.optimizer
    model.train()
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(history.step, config)
    optimizer.zero_grad()
    total = 0.0
    for _ in range(config.accumulate):
        tokens, targets = batch_of(history.text.training, config, history.generator)
        loss = cross_entropy(history, tokens, targets) / config.accumulate
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    nn.utils.clip_grad_norm_(model.parameters(), config.max_norm)
    optimizer.step()
    history.step += 1
    history.losses.append(total)


def cross_entropy(history: History, tokens: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
    """Nats per character."""
    config = history.config
    lengths = torch.full((len(tokens),), tokens.shape[1])
    with torch.autocast(torch.device(config.device).type, torch.bfloat16, enabled=config.amp):
        logits, _ = history.model(tokens, lengths, return_attention=False)
    return functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction=reduction)


@torch.no_grad()
def loss_over(history: History, tokens: Tensor) -> float:
    """Nats per character over the whole of a text, in pieces of `context` characters; the rest at its end too."""
    history.model.eval()
    context, total = history.config.context, 0.0
    whole = (len(tokens) - 1) // context * context
    before, after = tokens[:whole].view(-1, context), tokens[1 : whole + 1].view(-1, context)
    batches = [(before[at : at + 64], after[at : at + 64]) for at in range(0, len(before), 64)]
    if whole < len(tokens) - 1:
        batches.append((tokens[None, whole:-1], tokens[None, whole + 1 :]))
    for batch, targets in batches:
        device = history.config.device
        total += cross_entropy(history, batch.to(device), targets.to(device), "sum").item()
    return total / (len(tokens) - 1)


@torch.no_grad()
def sample(history: History, characters: int = SAMPLE_CHARACTERS, temperature: float = TEMPERATURE) -> str:
    """The model's own text, which begins with a new line.  Does not touch the generators of training."""
    model, context = history.model.eval(), history.config.context
    generator = torch.Generator().manual_seed(history.config.seed)
    vocabulary = history.text.vocabulary
    tokens = [max(0, vocabulary.find("\n"))]
    for _ in range(characters):
        logits = model.score(torch.tensor([tokens[-context:]], device=history.config.device))
        probabilities = (logits[0].float().cpu() / temperature).softmax(dim=-1)
        tokens.append(int(torch.multinomial(probabilities, 1, generator=generator)))
    return "".join(vocabulary[token] for token in tokens).strip("\n")


@contextlib.contextmanager
def noticing_interrupts(history: History) -> Iterator[None]:
    """Ctrl-C becomes `history.interrupted`, so that no step is left half done; a second one is an error as ever."""

    def notice(number: int, frame: object) -> None:
        if history.interrupted:
            raise KeyboardInterrupt
        history.interrupted = True

    try:
        before = signal.signal(signal.SIGINT, notice)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# Checkpoints


def save(history: History, path: Path) -> None:
    """Everything that training depends on, whole or not at all."""
    state = {
        "script": MODULE,
        "config": asdict(history.config),
        "vocabulary": history.text.vocabulary,
        "model": history.model.state_dict(),
        "optimizer": history.optimizer.state_dict(),
        "batches": history.generator.get_state(),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if history.config.device.startswith("cuda") else None,
        "step": history.step,
        "losses": history.losses,
        "points": [tuple(point) for point in history.points],
        "seconds": history.seconds,
    }
    beside = path.with_name(path.name + ".part")
    torch.save(state, beside)
    os.replace(beside, path)


def resume(path: Path, config: Config) -> History:
    """The run that was saved there.  Raises ValueError for another file, another text or another configuration."""
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location=config.device)
        saved, vocabulary = Config(**state["config"]), state["vocabulary"]
        if state["script"] != MODULE:
            raise ValueError(f"it is of {state['script']}")
    except FileNotFoundError:
        raise ValueError(f"--resume must find a checkpoint; got {path}, which is not there.") from None
    except Exception as error:  # what torch.load raises for a damaged file, or one that holds code, is not documented
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"--resume must be given a checkpoint of this script; got {path}: {reason}") from None
    if saved != config:
        different = [name for name, value in asdict(config).items() if value != getattr(saved, name)]
        raise ValueError(f"--resume must have the options of the run in {path}; {', '.join(different)} differ.")
    history = beginning(config)
    if history.text.vocabulary != vocabulary:
        raise ValueError(f"--data must be the text of the run in {path}; got one with other characters.")
    history.model.load_state_dict(state["model"])
    history.optimizer.load_state_dict(state["optimizer"])
    history.generator.set_state(state["batches"].cpu())
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"].cpu())
    history.step, history.losses, history.seconds = state["step"], state["losses"], state["seconds"]
    history.points = [Point(*point) for point in state["points"]]
    return history


# The picture


def curves(history: History) -> Figure:
    """Training and validation loss by step, and the test's at the end."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    steps, training, validation = zip(*history.points, strict=True)
    axes.plot(steps, training, ":", color="#0072b2", label="training, since the point before")
    axes.plot(steps, validation, ".-", color="#0072b2", label="validation")
    if history.test_loss is not None:
        axes.axhline(history.test_loss, color="#d55e00", linestyle="--", label=f"test, {history.test_loss:.3f}")
    axes.set(xlabel="step", ylabel="nats per character", title="Cross-entropy")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend()
    return figure


# The command


def main() -> int:
    """Train, say what came of it, draw. Exit code 130 after Ctrl-C, 2 for what cannot be used."""
    config, folder, goes_on = parse(sys.argv[1:])
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False, markup=False)
    path = folder / "last.pt"
    try:
        history = resume(path, config) if goes_on else beginning(config)
        with progress(history, console) as (on_step, show_point):

            def on_point(history: History) -> None:
                save(history, path)
                show_point(history)

            train(history, on_step, on_point)
        save(history, path)
    except NotImplementedError as error:
        print(launch.not_written(error), file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(f"python -m {MODULE}: {error}", file=sys.stderr)
        return 2
    if history.interrupted:
        console.print(f"Stopped by Ctrl-C after step {history.step}. --resume goes on from there.")
        return 130
    report(history, folder, console)
    return 0


def parse(arguments: Sequence[str]) -> tuple[Config, Path, bool]:
    """What to train, the folder for what comes of it, and whether to go on from there."""
    parser = launch.Parser(MODULE, description="Learn to continue a text, character by character.")
    parser.add_argument("--data", metavar="FILE", help="a UTF-8 text (default: the standard library's docstrings)")
    settings = {
        "steps": "training steps",
        "batch_size": "pieces of text to a batch",
        "accumulate": "batches to a step",
        "context": "characters to a piece, and the most that the model sees",
        "num_layers": "layers",
        "d_model": "features",
        "num_heads": "heads",
        "d_ff": "features inside the feed-forward layers",
        "dropout": "part of the features that is dropped in training",
        "lr": "learning rate after the warm-up; it falls to a twentieth",
        "warmup": "steps of the warm-up",
        "validate_every": "steps between two looks at the validation loss, and two checkpoints",
        "seed": "of the first weights and of the batches",
    }
    for name, what in settings.items():
        default = getattr(Config, name)
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(
            option, type=type(default), default=default, metavar="N", help=f"{what} (default: {default})"
        )
    parser.add_argument("--device", default=Config.device, help="where to train: cpu, cuda, mps (default: cpu)")
    parser.add_argument("--amp", action="store_true", help="compute in bfloat16 where torch holds it safe")
    parser.add_argument("--resume", action="store_true", help="go on from last.pt in the folder of --out")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/train_lm"),
        metavar="DIR",
        help="folder for the checkpoint and the picture (default: runs/train_lm)",
    )
    options = parser.parse_args(arguments)
    try:
        given = {name: getattr(options, name) for name in (*settings, "data", "device", "amp")}
        config = Config(**given)
        options.out.mkdir(parents=True, exist_ok=True)
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"--out must be a folder that can be written to; got {options.out}: {error.strerror}")
    return config, options.out, options.resume


Shows = Callable[[History], None]


@contextlib.contextmanager
def progress(history: History, console: Console) -> Iterator[tuple[Shows, Shows]]:
    """What shows how far training is: a bar on a terminal, and a line for each point."""
    config = history.config
    characters = config.batch_size * config.accumulate * config.context
    first, began = history.step, history.seconds

    def speed(history: History) -> str:
        return f"{(history.step - first) * characters / max(1e-9, history.seconds - began):,.0f} tokens/s"

    def show_point(history: History) -> None:
        point = history.points[-1]
        console.print(
            f"step {point.step} of {config.steps}  training {point.training_loss:.4f}  "
            f"validation {point.validation_loss:.4f}  {speed(history)}"
        )

    if not console.is_terminal:
        yield lambda history: None, show_point
        return
    text = TextColumn("step {task.completed} of {task.total}  {task.fields[state]}", markup=False)
    with Progress(text, BarColumn(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("", total=config.steps, completed=history.step, state="")

        def on_step(history: History) -> None:
            loss = history.losses[-1] if history.losses else math.nan
            bar.update(task, completed=history.step, state=f"loss {loss:.3f}  {speed(history)}")

        yield on_step, show_point


def report(history: History, folder: Path, console: Console) -> None:
    """How good it is, a sample, and the picture."""
    if history.test_loss is not None:
        bits = history.test_loss / math.log(2)
        tested = f"test: {history.test_loss:.4f} nats, {bits:.3f} bits per character over the last tenth"
        console.print(f"{tested}; {history.seconds:.0f} s")
    console.print(f"\n{sample(history)}\n", soft_wrap=True)
    figure = folder / "curves.png"
    curves(history).savefig(figure, dpi=120)
    console.print(f"checkpoint  {folder / 'last.pt'}\npicture     {figure}", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())

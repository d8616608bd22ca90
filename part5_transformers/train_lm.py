"""Learn to continue a text, character by character: `python -m part5_transformers.train_lm --solution`.

Without a file it learns the docstrings of this Python's standard library; `--data FILE` takes any UTF-8 text.  The last
tenth of the text is the test, which nothing is chosen by; a fiftieth from the middle is held out to watch training.
In a notebook: `history = train(beginning(Config(steps=200)))`, then `curves(history)`.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import math
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from autograder.scripts import launch

MODULE = "part5_transformers.train_lm"
if __name__ == "__main__":
    # One thread: at this size more only wait for each other, and on a busy machine for long.
    launch.start(MODULE, needs=("torch", "rich"), train=("matplotlib",), threads=1)

import torch  # noqa: E402
from rich.console import Console  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.nn import functional  # noqa: E402

from autograder.scripts import checkpoints, endings, options, showing  # noqa: E402
from autograder.scripts.endings import finite  # noqa: E402
from part5_transformers import training  # noqa: E402
from part5_transformers.training import train  # noqa: E402
from part5_transformers.transformers import DecoderOnlyTransformer  # noqa: E402

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLE_CHARACTERS, TEMPERATURE = 300, 0.8
MOST_DOCSTRINGS = 2_000_000  # characters


@dataclass(frozen=True)
class Config(training.Training):
    """The values of a training run: the same give the same numbers. `data` is None for the docstrings."""

    num_layers: int = 4
    d_model: int = 128
    num_heads: int = 4
    d_ff: int = 512
    context: int = 64


class Text(NamedTuple):
    """The characters that occur, and the three parts of the text as indices of them."""

    vocabulary: str
    digest: str  # of the whole text
    training: Tensor
    validation: Tensor
    test: Tensor


@dataclass
class History(training.Run[Config]):
    """A training run, while it goes on and afterwards."""

    model: DecoderOnlyTransformer
    text: Text = field(kw_only=True)
    generator: torch.Generator = field(kw_only=True)  # draws the batches
    test_loss: float | None = None

    def batch_loss(self) -> Tensor:
        return cross_entropy(self, *batch_of(self.text.training, self.config, self.generator))

    def validate(self) -> dict[str, float]:
        return {"validation": loss_over(self, self.text.validation)}

    def test(self) -> None:
        self.test_loss = finite(loss_over(self, self.text.test), self.step, "test loss")


# Text


def read_text(config: Config) -> Text:
    """Read the text.  Raises ValueError for no UTF-8 text or a short one, OSError for a file that cannot be read."""
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
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Text(vocabulary, digest, training, tokens[start:end], tokens[test:])


def docstrings() -> str:
    """Collect the docstrings of the standard library, in order of its files' names: printable ASCII alone."""
    found: list[str] = []
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        with contextlib.suppress(SyntaxError, UnicodeDecodeError, OSError):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
            found += [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, kinds)]
    text = "\n\n".join(filter(None, found))
    return "".join(character for character in text if character == "\n" or " " <= character <= "~")[:MOST_DOCSTRINGS]


def batch_of(tokens: Tensor, config: Config, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw pieces of the text, and the same one character further.  Shapes: (batch_size, context)."""
    starts = torch.randint(len(tokens) - config.context, (config.batch_size, 1), generator=generator)
    pieces = tokens[starts + torch.arange(config.context + 1)].to(config.device)
    return pieces[:, :-1], pieces[:, 1:]


# Training


def beginning(config: Config) -> History:
    """Begin a run.  Raises what read_text and the model raise."""
    text = read_text(config)
    torch.manual_seed(config.seed)
    model = model_of(config, text.vocabulary).to(config.device)
    generator = torch.Generator().manual_seed(config.seed)
    return History(config, model, training.adamw(model, config), text=text, generator=generator)


def model_of(config: Config, vocabulary: str) -> DecoderOnlyTransformer:
    """Build a model of this text before it has learned."""
    return DecoderOnlyTransformer(
        config.num_layers,
        config.d_model,
        config.num_heads,
        config.d_ff,
        config.dropout,
        config.context,
        len(vocabulary),
    )


def cross_entropy(history: History, tokens: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
    """Compute the cross-entropy in nats per character."""
    lengths = torch.full((len(tokens),), tokens.shape[1])
    with training.autocast(history.config):
        logits, _ = history.model(tokens, lengths, return_attention=False)
    return functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction=reduction)


@torch.no_grad()
def loss_over(history: History, tokens: Tensor) -> float:
    """Compute the nats per character over a whole text, in pieces of `context` characters; the rest at its end too."""
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
    """Sample a text that begins with a new line.  Does not touch the generators of training."""
    model, context = history.model.eval(), history.config.context
    generator = torch.Generator().manual_seed(history.config.seed)
    vocabulary = history.text.vocabulary
    tokens = [max(0, vocabulary.find("\n"))]
    for _ in range(characters):
        logits = model.score(torch.tensor([tokens[-context:]], device=history.config.device))
        probabilities = (logits[0].float().cpu() / temperature).softmax(dim=-1)
        tokens.append(int(torch.multinomial(probabilities, 1, generator=generator)))
    return "".join(vocabulary[token] for token in tokens).strip("\n")


# Checkpoints


def save(history: History, path: Path) -> None:
    """Save everything that training depends on, whole or not at all."""
    text = history.text
    further = {"vocabulary": text.vocabulary, "digest": text.digest, "batches": history.generator.get_state()}
    training.save(history, path, MODULE, **further)


def resume(path: Path, config: Config) -> History:
    """Load the run that was saved there.  Raises ValueError for another file, text or configuration."""
    names = (*training.SAVED, "vocabulary", "digest", "batches")
    state = checkpoints.load_torch(path, config, MODULE, names)
    history = beginning(config)
    if history.text.digest != state["digest"]:
        raise ValueError(f"--data must be the text of the run in {path}; got another. Has the file changed?")
    with checkpoints.refusing(checkpoints.RESUMED, path):
        training.restore(history, state)
        history.generator.set_state(state["batches"].cpu())
    return history


def load(path: Path, device: str = "cpu") -> tuple[DecoderOnlyTransformer, str, int]:
    """Load the model that was saved there, in evaluation mode, its vocabulary and its context.

    Raises OSError, and ValueError for another file.
    """

    def trained(state: dict[str, Any]) -> tuple[DecoderOnlyTransformer, str, int]:
        config = checkpoints.saved_config(Config, state["config"], device=device)
        vocabulary = state["vocabulary"]
        return training.loaded(model_of(config, vocabulary), state, device), vocabulary, config.context

    return checkpoints.made_of(path, MODULE, device, trained)


# The picture


def curves(history: History) -> Figure:
    """Draw the training and validation loss by step, and the test's at the end."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    steps = [point.step for point in history.points]
    training_losses = [point.training_loss for point in history.points]
    axes.plot(steps, training_losses, ":", color="#0072b2", label="training, since the point before")
    validation = [point.validation["validation"] for point in history.points]
    axes.plot(steps, validation, ".-", color="#0072b2", label="validation")
    if history.test_loss is not None:
        axes.axhline(history.test_loss, color="#d55e00", linestyle="--", label=f"test, {history.test_loss:.3f}")
    axes.set(xlabel="step", ylabel="nats per character", title="Cross-entropy")
    axes.legend()
    showing.tidy(axes)
    return figure


# The command


def main() -> int:
    """Train, say what came of it, draw. Exit code 130 after Ctrl-C, 2 for what cannot be used."""
    config, folder, goes_on = parse(sys.argv[1:])
    path = folder / "last.pt"

    def work(console: Console) -> int:
        history = resume(path, config) if goes_on else beginning(config)
        speed = config.batch_size * config.accumulate * config.context, "tokens"
        if not training.learn(history, save, path, console, speed):
            return endings.STOPPED
        report(history, folder, console)
        return 0

    return endings.exit_code(MODULE, work)


def parse(arguments: Sequence[str]) -> tuple[Config, Path, bool]:
    """Parse what to train, the folder for what comes of it, and whether to go on from there."""
    parser = options.Parser(MODULE, description="Learn to continue a text, character by character.")
    parser.add_argument("--data", metavar="FILE", help="a UTF-8 text (default: the standard library's docstrings)")
    meanings = {
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
        "validate_every": "steps between two validations, and two checkpoints",
        "seed": "of the first weights and of the batches",
    }
    training.add_options(parser, Config(), meanings)
    parser.add_out("folder for the checkpoint and the picture", "runs/train_lm")
    return parser.read(arguments, Config)


def report(history: History, folder: Path, console: Console) -> None:
    """Print how good it is and a sample, and draw the picture."""
    if history.test_loss is not None:
        bits = history.test_loss / math.log(2)
        tested = f"test: {history.test_loss:.4f} nats, {bits:.3f} bits per character over the last tenth"
        console.print(f"{tested}; {history.seconds:.0f} s")
    console.out(f"\n{showing.shown(sample(history))}\n")
    console.print(f"checkpoint  {folder / 'last.pt'}", soft_wrap=True)
    showing.save_pictures({"curves.png": curves(history)}, folder, console, column=12)


if __name__ == "__main__":
    sys.exit(main())

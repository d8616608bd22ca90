"""Learn to transcribe spoken digits: `python -m part5_transformers.train_asr --solution`.

A decoder writes what an encoder is given, and a CTC head on the encoder learns it in order.  Without a file the digits
are dialled: touch tones, which are synthesised.  `--data DIR` takes recordings, `<digit>_<speaker>_<number>.wav`, and
joins them into strings: numbers 0 to 4 are the test, which nothing is chosen by, 45 to 49 validate, the others train.
In a notebook: `history = train(beginning(Config(steps=200)))`, then `curves(history)`.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from autograder.scripts import launch

MODULE = "part5_transformers.train_asr"
if __name__ == "__main__":
    # One thread: at this size more only wait for each other, and on a busy machine for long.
    launch.start(MODULE, needs=("torch", "rich"), train=("matplotlib",), threads=1)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from rich.console import Console  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch.nn.utils.rnn import pad_sequence  # noqa: E402

from autograder.scripts import checkpoints, endings, options, showing  # noqa: E402
from autograder.scripts.endings import finite  # noqa: E402
from part3_recurrent import utterances  # noqa: E402
from part3_recurrent.utterances import Utterance, best_paths, error_rates, percent, spaced  # noqa: E402
from part5_transformers import training  # noqa: E402
from part5_transformers.training import train  # noqa: E402
from part5_transformers.transformers import EncoderDecoderTransformer  # noqa: E402
from part6_decoding import recognise  # noqa: E402
from part6_decoding.tokenizer import CharTokenizer  # noqa: E402

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOKENIZER = CharTokenizer("0123456789")  # a digit's label is the digit
START, END, BLANK = TOKENIZER.sos_id, TOKENIZER.eos_id, TOKENIZER.blank_id
CLASSES = BLANK + 1
FURTHER = ("ctc-beam", "attention-beam", "joint")  # decoders of part 6, which the test tries too
IGNORED = -100  # what cross_entropy ignores
LONGEST_SECONDS = 20  # of an utterance
MOST_DIGITS = 60  # dialled, they last so long
SMOOTHING = 0.1


@dataclass(frozen=True)
class Config(training.Training):
    """The values of a training run: the same give the same numbers. `data` is None for touch tones."""

    batch_size: int = 16
    steps: int = 2500
    lr: float = 1e-3
    warmup: int = 250
    weight_decay: float = 0.01
    dropout: float = 0.1
    num_encoder_layers: int = 4
    num_decoder_layers: int = 2
    d_model: int = 128
    num_heads: int = 4
    d_ff: int = 512
    time_reduction: int = 4
    reduction_method: str = "both"
    layer_drop_rate: float = 0.0
    ctc_weight: float = 0.3
    max_digits: int = 5
    validation_strings: int = 100
    test_strings: int = 300
    pretrained_decoder: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        options.require(self, "max_digits", self.max_digits <= MOST_DIGITS, f"be at most {MOST_DIGITS}")
        options.require(self, "ctc_weight", 0 <= self.ctc_weight <= 1, "lie between 0 and 1")

    def model(self) -> dict[str, object]:
        """Return the arguments of EncoderDecoderTransformer."""
        return {
            "input_dim": utterances.NUM_MELS,
            "time_reduction": self.time_reduction,
            "reduction_method": self.reduction_method,
            "num_encoder_layers": self.num_encoder_layers,
            "num_encoder_heads": self.num_heads,
            "d_ff_encoder": self.d_ff,
            "num_decoder_layers": self.num_decoder_layers,
            "num_decoder_heads": self.num_heads,
            "d_ff_decoder": self.d_ff,
            "d_model": self.d_model,
            "dropout": self.dropout,
            "max_len": 100 * LONGEST_SECONDS // self.time_reduction + 1,
            "num_classes": CLASSES,
            "layer_drop_rate": self.layer_drop_rate,
        }


class Batch(NamedTuple):
    """The model's inputs and its targets, padded.

    Shapes: sources (b, t, bands), source_lengths (b,), targets (b, u) and answers (b, u), which are the targets one
    token further, target_lengths (b,).
    """

    sources: Tensor
    source_lengths: Tensor
    targets: Tensor
    answers: Tensor
    target_lengths: Tensor


class Tested(NamedTuple):
    """The error rates of the digits and of the strings, by how they were decoded: "ctc", "attention", or FURTHER."""

    digits: dict[str, float]
    strings: dict[str, float]


@dataclass
class History(training.Run[Config]):
    """A training run, while it goes on and afterwards."""

    model: EncoderDecoderTransformer
    rng: np.random.Generator = field(kw_only=True)  # draws the strings
    transferred: int = 0  # parameters that came from a pretrained decoder
    tested: Tested | None = None
    untested: str = ""  # why some of FURTHER are not among `tested`

    def batch_loss(self) -> Tensor:
        strings = utterances.strings_of(self.config, self.rng)
        return loss(self, padded(list(itertools.islice(strings, self.config.batch_size)), self.config.device))

    def validate(self) -> dict[str, float]:
        said = decoded(self, self.validation_set)
        first = padded(self.validation_set[: self.config.batch_size], self.config.device)
        with torch.no_grad():  # an error rate is finite, whatever the model computes
            finite(loss(self, first).item(), self.step, "validation loss")
        return rated(self.validation_set, said).digits

    @cached_property
    def validation_set(self) -> list[Utterance]:
        return utterances.held_out(self.config, "validation")

    def test(self) -> None:
        strings = utterances.held_out(self.config, "test")
        said = decoded(self, strings)
        for name in FURTHER:
            try:
                said[name] = decoded_by(recognise.DECODERS[name], self.model.eval(), self.config, strings)
            except NotImplementedError as error:
                self.untested = launch.not_written(error)
        self.tested = rated(strings, said)


# Utterances


def padded(batch: Sequence[Utterance], device: str = "cpu") -> Batch:
    """Make tensors of utterances."""
    targets = [torch.tensor([START, *utterance.digits]) for utterance in batch]
    answers = [torch.tensor([*utterance.digits, END]) for utterance in batch]
    sources = [torch.from_numpy(utterance.heard) for utterance in batch]
    return Batch(
        pad_sequence(sources, batch_first=True).to(device),
        torch.tensor([len(source) for source in sources]),
        pad_sequence(targets, batch_first=True).to(device),
        pad_sequence(answers, batch_first=True, padding_value=IGNORED).to(device),
        torch.tensor([len(target) for target in targets]),
    )


def batches(strings: Sequence[Utterance], config: Config) -> Iterator[Batch]:
    size = config.batch_size
    return (padded(strings[at : at + size], config.device) for at in range(0, len(strings), size))


# Training


def beginning(config: Config) -> History:
    """Begin a run.  Raises what the recordings, the model and the pretrained decoder raise."""
    utterances.read_all(config, LONGEST_SECONDS)
    rng = np.random.default_rng(config.seed)
    torch.manual_seed(config.seed)
    if config.pretrained_decoder is None:
        model, transferred = EncoderDecoderTransformer(**config.model()), 0  # type: ignore[arg-type]
    else:
        model, report = EncoderDecoderTransformer.from_pretrained_decoder(config.pretrained_decoder, config.model())
        transferred = len(report["transferred"])
    model = model.to(config.device)
    return History(config, model, training.adamw(model, config), rng=rng, transferred=transferred)


def loss(history: History, batch: Batch) -> Tensor:
    """Compute (1 - w) · the decoder's cross-entropy, in nats per token, + w · the encoder's CTC, in nats per digit."""
    config = history.config
    with training.autocast(config):
        logits, _, ctc = history.model(
            batch.sources, batch.targets, batch.source_lengths, batch.target_lengths, return_attention=False
        )
    decoder_loss = functional.cross_entropy(
        logits.float().flatten(0, 1), batch.answers.flatten(), ignore_index=IGNORED, label_smoothing=SMOOTHING
    )
    ctc_loss = functional.ctc_loss(
        ctc["log_probs"].float(),
        batch.targets[:, 1:],
        ctc["lengths"],
        batch.target_lengths - 1,
        blank=BLANK,
        zero_infinity=True,
    )
    return (1 - config.ctc_weight) * decoder_loss + config.ctc_weight * ctc_loss


# Decoding


@torch.no_grad()
def decoded(history: History, strings: Sequence[Utterance]) -> dict[str, list[list[int]]]:
    """Decode by CTC's best paths and the decoder's likeliest next tokens, which is cheap and needs no other part."""
    model = history.model.eval()
    said: dict[str, list[list[int]]] = {"ctc": [], "attention": []}
    for batch in batches(strings, history.config):
        with training.autocast(history.config):
            encoded, pad_mask, _, ctc = model.encode(batch.sources, batch.source_lengths, return_attention=False)
            said["attention"] += write(model, encoded, pad_mask)
        said["ctc"] += best_paths(ctc["log_probs"].float().cpu().numpy(), ctc["lengths"].cpu().numpy(), BLANK)
    return said


@torch.no_grad()
def decoded_by(
    decoder: recognise.Decoder, model: EncoderDecoderTransformer, config: Config, strings: Sequence[Utterance]
) -> list[list[int]]:
    """Decode each string with a decoder of part 6."""
    found = []
    for batch in batches(strings, config):
        with training.autocast(config):
            encoded = recognise.encode(model, batch.sources, batch.source_lengths)
            found += decoder(model, encoded, TOKENIZER)
    return found


def rated(strings: Sequence[Utterance], said: dict[str, list[list[int]]]) -> Tested:
    """Compute the error rates of each decoder's result."""
    rates = {name: error_rates(strings, found) for name, found in said.items()}
    return Tested(*({name: rate[which] for name, rate in rates.items()} for which in (0, 1)))


def write(model: EncoderDecoderTransformer, encoded: Tensor, pad_mask: Tensor) -> list[list[int]]:
    """Decode greedily: the likeliest next token, until all have ended."""
    scorer = model.incremental_scorer(encoded, pad_mask)
    tokens = torch.full((len(encoded), 1), START, device=encoded.device)
    ended = torch.zeros(len(encoded), dtype=torch.bool, device=encoded.device)
    while not ended.all() and tokens.shape[1] < encoded.shape[1]:
        following = scorer(tokens).argmax(dim=-1)
        ended |= following == END
        tokens = torch.cat([tokens, following[:, None]], dim=1)
    return [list(itertools.takewhile(lambda token: token != END, row)) for row in tokens[:, 1:].tolist()]


# Checkpoints


def save(history: History, path: Path) -> None:
    """Save everything that training depends on, whole or not at all."""
    training.save(history, path, MODULE, strings=json.dumps(history.rng.bit_generator.state))


def resume(path: Path, config: Config) -> History:
    """Load the run that was saved there.  Raises ValueError for another file or another configuration."""
    state = checkpoints.load_torch(path, config, MODULE, (*training.SAVED, "strings"))
    history = beginning(config)
    with checkpoints.refusing(checkpoints.RESUMED, path):
        training.restore(history, state)
        history.rng.bit_generator.state = json.loads(state["strings"])
    return history


def load(path: Path, device: str = "cpu") -> tuple[EncoderDecoderTransformer, Config]:
    """Load the model that was saved there, in evaluation mode.  Raises OSError, and ValueError for another file."""

    def trained(state: dict[str, Any]) -> tuple[EncoderDecoderTransformer, Config]:
        config = checkpoints.saved_config(Config, state["config"], device=device)
        return training.loaded(EncoderDecoderTransformer(**config.model()), state, device), config  # type: ignore[arg-type]

    return checkpoints.made_of(path, MODULE, device, trained)


# Pictures

COLOURS = {"ctc": "#0072b2", "attention": "#d55e00"}


def curves(history: History) -> Figure:
    """Draw the training loss, and the digit errors on the validation strings, by step; the test's at the end."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    losses, errors = figure.subplots(1, 2)
    steps = [point.step for point in history.points]
    losses.plot(steps, [point.training_loss for point in history.points], color="0.3")
    losses.set(title="Training loss, since the point before", xlabel="step", yscale="log")
    for name, colour in COLOURS.items():
        errors.plot(steps, [point.validation[name] for point in history.points], ".-", color=colour, label=name)
        if history.tested is not None:
            rate = history.tested.digits[name]
            errors.axhline(rate, color=colour, linestyle="--", label=f"{name}, test: {percent(rate)}")
    lowest = min(rate for point in history.points for rate in point.validation.values())
    errors.set(title="Digit error", xlabel="step", ylim=(0, min(1, 0.05 + 5 * lowest)))
    errors.yaxis.set_major_formatter(PercentFormatter(1))
    errors.legend()
    showing.tidy(losses, errors)
    return figure


@torch.no_grad()
def heard_page(history: History) -> Figure:
    """Draw a test utterance: its spectrogram, CTC's posteriors by step, and the cross-attention of each digit."""
    from matplotlib.figure import Figure

    utterance = utterances.longest_test_string(history.config)
    model, device = history.model.eval(), history.config.device
    encoded, pad_mask, _, ctc = model.encode(*padded([utterance], device)[:2])
    (digits,) = write(model, encoded, pad_mask)
    _, attention = model.decode(torch.tensor([[START, *digits]], device=device), encoded, pad_mask=pad_mask)
    figure = Figure(figsize=(11, 8), layout="constrained")
    spectrogram, posteriors, cross_attention = figure.subplots(3, 1, sharex=True)
    spectrogram.set(title=f"said {spaced(utterance.digits)}, written {spaced(digits)}")
    probabilities = ctc["log_probs"][:, 0].exp().cpu().numpy()
    labels = {digit: digit for digit in sorted(set(utterance.digits))}
    step = history.config.time_reduction
    utterances.draw_heard((spectrogram, posteriors), utterance.heard, probabilities, step, BLANK, labels)
    posteriors.set(ylim=(0, 1.05))
    weights = attention[f"layer{history.config.num_decoder_layers}_dec_cross"][0].cpu().numpy()
    cross_attention.imshow(
        weights, aspect="auto", cmap="Blues", extent=(*spectrogram.get_xlim(), len(weights) - 0.5, -0.5)
    )
    cross_attention.set(xlabel="seconds", ylabel="decoder's next token")
    cross_attention.set_yticks(range(len(weights)), [*map(str, digits), "end"])
    return figure


# The command


def main() -> int:
    """Train, say what came of it, draw. Exit code 130 after Ctrl-C, 2 for what cannot be used."""
    config, folder, goes_on = parse(sys.argv[1:])
    path = folder / "last.pt"

    def work(console: Console) -> int:
        history = resume(path, config) if goes_on else beginning(config)
        if config.pretrained_decoder is not None:
            console.print(f"{history.transferred} parameters come from {config.pretrained_decoder}", soft_wrap=True)
        speed = config.batch_size * config.accumulate, "strings"
        if not training.learn(history, save, path, console, speed):
            return endings.STOPPED
        report(history, folder, console)
        return 0

    return endings.exit_code(MODULE, work)


def parse(arguments: Sequence[str]) -> tuple[Config, Path, bool]:
    """Parse what to train, the folder for what comes of it, and whether to go on from there."""
    parser = options.Parser(
        MODULE, description="Learn to write down touch tones, or spoken digits, with a transformer."
    )
    parser.add_argument("--data", metavar="DIR", help="folder of <digit>_<speaker>_<number>.wav (default: touch tones)")
    parser.add_argument(
        "--pretrained-decoder", metavar="FILE", help="a checkpoint of train_lm, from which the decoder's layers begin"
    )
    meanings = {
        "steps": "training steps",
        "batch_size": "strings to a batch",
        "accumulate": "batches to a step",
        "num_encoder_layers": "layers of the encoder",
        "num_decoder_layers": "layers of the decoder",
        "d_model": "features",
        "num_heads": "heads",
        "d_ff": "features inside the feed-forward layers",
        "time_reduction": "frames to a step of the encoder",
        "reduction_method": "how frames are reduced: lstm, conv, both",
        "dropout": "part of the features that is dropped in training",
        "layer_drop_rate": "part of the layers that is dropped in training",
        "ctc_weight": "share of CTC in the loss",
        "lr": "learning rate after the warm-up; it falls to a twentieth",
        "warmup": "steps of the warm-up",
        "validate_every": "steps between two validations, and two checkpoints",
        "test_strings": "strings that the finished model is tested on",
        "seed": "of the first weights and of the training strings",
    }
    training.add_options(parser, Config(), meanings)
    parser.add_out("folder for the checkpoint and the pictures", "runs/train_asr")
    return parser.read(arguments, Config)


def report(history: History, folder: Path, console: Console) -> None:
    """Print how good it is, and draw the pictures."""
    if history.tested is not None:
        digits, strings = history.tested
        for name in digits:
            wrong = f"{percent(digits[name])} digit error, {percent(strings[name])} of the strings wrong"
            console.print(f"test, {name}: {wrong}")
        if history.untested:
            console.print(f"Not tested, {history.untested}", soft_wrap=True)
        console.print(f"{history.config.test_strings} strings; {history.seconds:.0f} s of training")
    console.print(f"checkpoint  {folder / 'last.pt'}", soft_wrap=True)
    showing.save_pictures({"curves.png": curves(history), "heard.png": heard_page(history)}, folder, console, column=12)


if __name__ == "__main__":
    sys.exit(main())

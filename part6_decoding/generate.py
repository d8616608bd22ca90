"""Continue a text, character by character: `python -m part6_decoding.generate CHECKPOINT --prompt TEXT`.

The checkpoint is one of train_lm.  What is chosen appears at once; beams, which may still change, when they are done.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.scripts import launch

MODULE = "part6_decoding.generate"
if __name__ == "__main__":
    launch.start(MODULE, needs=("torch", "rich"), threads=1)

import torch  # noqa: E402
from rich.console import Console  # noqa: E402
from torch import Tensor  # noqa: E402

from autograder.scripts import endings, options, showing  # noqa: E402
from part5_transformers import train_lm, training  # noqa: E402
from part5_transformers.incremental import store_by_columns  # noqa: E402
from part6_decoding.sequence_generator import SequenceGenerator, Step  # noqa: E402
from part6_decoding.tokenizer import CharTokenizer  # noqa: E402

# The settings that each way of choosing takes.
USED = {
    "greedy": ("repeat_penalty",),
    "sample": ("temperature", "top_k", "top_p", "min_p", "repeat_penalty", "seed"),
    "beam": ("beam_width", "temperature", "repeat_penalty"),
}


@dataclass(frozen=True)
class Settings:
    """Settings of how characters are chosen, and how many."""

    length: int = 300
    beam_width: int = 5
    temperature: float = train_lm.TEMPERATURE
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repeat_penalty: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        options.check_counts(self, ("length", "beam_width"))


class Windowed:
    """A scorer, incremental until the model's context is full; from then on, of the last `context` characters anew."""

    def __init__(self, model: Any, context: int) -> None:
        self.model, self.context = model, context
        store_by_columns(model)
        self.scorer = model.incremental_scorer()

    def __call__(self, tokens: Tensor) -> Tensor:
        if tokens.shape[1] <= self.context:
            return self.scorer(tokens)
        return self.model.score(tokens[:, -self.context :])

    def reorder(self, rows: Tensor) -> None:
        self.scorer.reorder(rows)


class Continuation:
    """A model that continues a prompt, and prints what it writes.  Raises what train_lm.load and `known` raise."""

    def __init__(self, checkpoint: Path, prompt: str, settings: Settings, device: str) -> None:
        training.check_device(device)
        model, vocabulary, context = train_lm.load(checkpoint, device)
        self.prompt, self.settings, self.device = prompt, settings, device
        self.tokenizer = CharTokenizer(vocabulary)
        self.tokens = torch.tensor([known(prompt, self.tokenizer)])
        length = len(prompt) + settings.length
        self.generator = SequenceGenerator(Windowed(model, context), self.tokenizer, length, device)

    def write(self, how: str) -> None:
        """Print a text, whose characters are chosen `how`."""
        settings = {name: getattr(self.settings, name) for name in USED[how]}
        if how == "beam":
            self.show_beams(*self.generator.generate_beam(self.tokens, **settings))
        elif how == "sample":
            generator = torch.Generator(self.device).manual_seed(settings.pop("seed"))
            self.generator.generate_sample(self.tokens, **settings, generator=generator, callback=self.show)
            print()
        else:
            self.generator.generate_greedy(self.tokens, **settings, callback=self.show)
            print()

    def show(self, step: Step) -> None:
        """Print the character that was chosen; before the first one, the prompt."""
        count = 1 if step.tokens.shape[1] > self.tokens.shape[1] + 1 else len(self.prompt) + 1
        print(self.text(step.tokens[0, -count:]), end="", flush=True)

    def show_beams(self, beams: Tensor, scores: Tensor) -> None:
        """Print all beams, best first."""
        for number, (tokens, score) in enumerate(zip(beams[0], scores[0].tolist(), strict=True), start=1):
            print(f"beam {number}, log-probability {score:.2f}\n{self.text(tokens)}\n")

    def text(self, tokens: Tensor) -> str:
        return showing.shown(self.tokenizer.decode(tokens))


def known(prompt: str, tokenizer: CharTokenizer) -> list[int]:
    """Encode a prompt.  Raises ValueError for an empty one, and for characters that the model does not know."""
    if not prompt:
        raise ValueError("--prompt must hold at least one character; got none.")
    unknown = [character for character in dict.fromkeys(prompt) if character not in tokenizer.index]
    if unknown:
        raise ValueError(
            f"--prompt must be of characters that the model has learned; got {', '.join(map(repr, unknown))}."
        )
    return tokenizer.encode(prompt)


# The command


def main() -> int:
    """Continue the prompt. Exit code 130 after Ctrl-C, 2 for what cannot be used."""
    parser = options.Parser(MODULE, description="Continue a text, character by character.")
    parser.add_argument(
        "checkpoint", type=Path, nargs="?", metavar="CHECKPOINT", help="last.pt of part5_transformers.train_lm"
    )
    parser.add_argument("--prompt", default="\n", metavar="TEXT", help="what is continued (default: a new line)")
    parser.add_argument("--how", choices=USED, default="sample", help="how characters are chosen (default: sample)")
    meanings = {
        "length": "characters to write",
        "beam_width": "beams",
        "temperature": "below 1 sharpens the distribution, above 1 flattens it",
        "top_k": "draw from so many of the likeliest; 0: from all",
        "top_p": "draw from the likeliest that have this probability together",
        "min_p": "draw from what is at least this part as likely as the likeliest",
        "repeat_penalty": "above 1 makes what was written less likely",
        "seed": "of the draws",
    }
    parser.add_settings(meanings, Settings())
    parser.add_argument("--device", default="cpu", help="where to compute: cpu, cuda, mps (default: cpu)")
    given = vars(parser.parse_args())
    checkpoint, prompt, how, device = (given[name] for name in ("checkpoint", "prompt", "how", "device"))
    chosen = {name: value for name, value in given.items() if name in meanings}
    if checkpoint is None:
        parser.error("CHECKPOINT must be given; python -m part5_transformers.train_lm makes one, runs/train_lm/last.pt")
    for name in chosen:
        ways = [way for way, used in USED.items() if name in used or name == "length"]
        if how not in ways:
            parser.error(f"--{name.replace('_', '-')} must go with --how {' or '.join(ways)}; got --how {how}")
    try:
        settings = Settings(**chosen)
    except ValueError as error:
        parser.error(str(error))

    def work(console: Console) -> int:
        try:
            Continuation(checkpoint, prompt, settings, device).write(how)
        except KeyboardInterrupt:
            print()
            return endings.STOPPED
        return 0

    return endings.exit_code(MODULE, work)


if __name__ == "__main__":
    sys.exit(main())

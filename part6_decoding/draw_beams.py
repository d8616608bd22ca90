"""A beam search, as a picture: which beams were kept, what was dropped, and why.

Without a checkpoint the beams spell a word, by how often letters follow each other in the docstrings of the standard
library; with one of train_lm they continue a text.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from autograder.scripts import launch

MODULE = "part6_decoding.draw_beams"
if __name__ == "__main__":
    launch.start(MODULE, needs=("torch", "rich"), train=("matplotlib",), threads=1)

import torch  # noqa: E402
from rich.console import Console  # noqa: E402
from torch import Tensor  # noqa: E402

from autograder.scripts import endings, showing  # noqa: E402
from part5_transformers import train_lm  # noqa: E402
from part6_decoding.generate import Windowed, known  # noqa: E402
from part6_decoding.sequence_generator import SequenceGenerator, Step  # noqa: E402
from part6_decoding.tokenizer import CharTokenizer  # noqa: E402

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_BEAMS, MOST_STEPS = 6, 14  # more cannot be read
OUTRANKED_SHOWN = 2  # candidates to a step: the best of those that were not kept


# The model that needs no file


class Trigrams:
    """Log-probabilities of a letter, or a word's end, after the two before it, by counts."""

    def __init__(self, text: str, tokenizer: CharTokenizer) -> None:
        self.tokenizer = tokenizer
        self.counts: dict[tuple[int, ...], Tensor] = {}
        for word, count in Counter(re.findall("[a-z]+", text.lower())).items():
            row = [tokenizer.sos_id, *tokenizer.encode(word), tokenizer.eos_id]
            for place in range(2, len(row)):
                before = tuple(row[place - 2 : place])
                self.counts.setdefault(before, torch.zeros(tokenizer.eos_id + 1))[row[place]] += count

    def __call__(self, tokens: Tensor) -> Tensor:
        """Give the logits (rows, v) after rows of letters (rows, t); after what never occurs, all are alike."""
        even = torch.ones(self.tokenizer.eos_id + 1)
        rows = ((self.tokenizer.sos_id, *row)[-2:] for row in tokens.tolist())
        return torch.stack([self.counts.get(tuple(before), even) for before in rows]).log()


# The search, step by step


class Node(NamedTuple):
    """A beam after a step, or a candidate that did not become one; its parent is a beam of the step before."""

    tokens: tuple[int, ...]
    score: float
    parent: int
    is_beam: bool = True
    has_ended: bool = False


class Tree:
    """All beams of a search, step by step, each step's best first; then the best candidates that were outranked."""

    def __init__(self, score_fn: Any, prompt: list[int]) -> None:
        self.score_fn = score_fn
        self.steps = [[Node(tuple(prompt), 0.0, -1)]]

    def __call__(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.score_fn(tokens)
        self.log_probs = logits.log_softmax(dim=-1)
        return logits

    def reorder(self, rows: Tensor) -> None:
        if hasattr(self.score_fn, "reorder"):
            self.score_fn.reorder(rows)

    def grow(self, step: Step) -> None:
        """Add the beams after a step, and what they outranked: the search's callback."""
        assert step.sources is not None
        rows = (
            step.tokens[0].tolist(),
            step.scores[0].tolist(),
            step.sources[0].tolist(),
            step.is_finished[0].tolist(),
        )
        beams = [
            Node(tuple(tokens), score, parent, True, ended)
            for tokens, score, parent, ended in zip(*rows, strict=True)
            if score > -torch.inf
        ]
        before = [node for node in self.steps[-1] if node.is_beam]
        taken = {beam.tokens for beam in beams}
        candidates = [
            Node((*node.tokens, token), node.score + log_prob, parent, False)
            for parent, (node, row) in enumerate(zip(before, self.log_probs.tolist(), strict=False))
            for token, log_prob in enumerate(row)
            if not node.has_ended and log_prob > -torch.inf and (*node.tokens, token) not in taken
        ]
        candidates.sort(key=lambda node: -node.score)
        self.steps.append(beams + candidates[:OUTRANKED_SHOWN])

    def is_pushed_out(self, number: int, row: int) -> bool:
        """Say whether no beam of the next step continues this one."""
        later = self.steps[number + 1] if number + 1 < len(self.steps) else None
        return later is not None and row not in {node.parent for node in later if node.is_beam}


class Search(NamedTuple):
    """A tree, and the best beam that was found."""

    tree: Tree
    best: tuple[int, ...]
    score: float
    tokenizer: CharTokenizer


def search(score_fn: Any, tokenizer: CharTokenizer, prompt: str, beam_width: int, steps: int) -> Search:
    """Search from a prompt, and keep the tree.  Raises ValueError for characters that the model does not know."""
    tokens = known(prompt, tokenizer)
    tree = Tree(score_fn, tokens)
    generator = SequenceGenerator(tree, tokenizer, len(tokens) + steps)
    beams, scores = generator.generate_beam(torch.tensor([tokens]), beam_width, callback=tree.grow)
    return Search(tree, tuple(beams[0, 0].tolist()), float(scores[0, 0]), tokenizer)


# The picture

BEST, KEPT, ENDED, DROPPED = "#d55e00", "#0072b2", "#009e73", "#8c8c8c"
LEGEND: dict[str, tuple[str, Any, str]] = {  # edge, line and face
    "on the best path": (BEST, "-", "#fff1e6"),
    "kept": (KEPT, "-", "white"),
    "kept, but pushed out in the next step": (KEPT, ":", "white"),
    "ended: keeps its score, competes on": (ENDED, "-", "#e6f5f0"),
    "outranked: never a beam": (DROPPED, "--", "white"),
}


def page(found: Search, title: str) -> Figure:
    """Draw the steps from left to right, in each the beams by rank, and below them what they outranked."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    steps = found.tree.steps
    rows = max(map(len, steps))
    figure = Figure(figsize=(12, 1.9 + 0.72 * rows), layout="constrained")
    axes = figure.subplots()
    for number, nodes in enumerate(steps):
        for row, node in enumerate(nodes):
            draw_node(axes, found, number, row, node)
    axes.set(xlim=(-0.5, len(steps) - 0.5), ylim=(rows - 0.45, -0.55), yticks=[])
    axes.set_xticks(range(len(steps)), ["prompt", *map(str, range(1, len(steps)))])
    axes.set_xlabel("step; under each token the beam's log-probability")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title, parse_math=False)
    patches = [
        Patch(edgecolor=colour, linestyle=line, facecolor=face, label=label, linewidth=1.6)
        for label, (colour, line, face) in LEGEND.items()
    ]
    figure.legend(handles=patches, loc="outside lower center", ncols=len(patches), frameon=False, fontsize="small")
    return figure


def draw_node(axes: Axes, found: Search, number: int, row: int, node: Node) -> None:
    """Draw a token in a box, its score, and the line from its parent."""
    style = style_of(found, number, row, node)
    colour, line, face = LEGEND[style]
    is_best = style == "on the best path"
    if node.parent >= 0:
        width, order = (2.6, 3) if is_best else (1.1, 1)
        ends = (number - 1, number), (node.parent, row)
        axes.plot(*ends, color=colour, linewidth=width, linestyle=line, zorder=order)
    text = f"{shown(found, number, node)}\n{node.score:.2f}"
    box = {"boxstyle": "round,pad=0.3", "edgecolor": colour, "facecolor": face, "linestyle": line, "linewidth": 1.6}
    ink = DROPPED if style.startswith("outranked") else "black"
    axes.text(number, row, text, ha="center", va="center", fontsize=10, color=ink, bbox=box, zorder=4, parse_math=False)


def style_of(found: Search, number: int, row: int, node: Node) -> str:
    """Name the line of the legend that a node belongs to."""
    if node.tokens == found.best[: len(node.tokens)]:
        return "on the best path"
    if not node.is_beam:
        return "outranked: never a beam"
    if node.has_ended:
        return "ended: keeps its score, competes on"
    return "kept, but pushed out in the next step" if found.tree.is_pushed_out(number, row) else "kept"


def shown(found: Search, number: int, node: Node) -> str:
    """Write a node's token, or the prompt."""
    if number and node.tokens[-1] == found.tokenizer.eos_id:
        return "end"
    return visible(found.tokenizer.decode(node.tokens[-1:] if number else node.tokens), most=8)


def visible(text: str, most: int) -> str:
    """Shorten a text to its last characters, with signs for spaces and new lines."""
    ending = text if len(text) <= most else f"…{text[1 - most :]}"
    return ending.replace(" ", "\N{OPEN BOX}").replace("\n", "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}")


# The command


def main() -> int:
    """Draw. Exit code 2 for what cannot be drawn."""
    parser = launch.Parser(MODULE, description="Draw the tree of a beam search.")
    parser.add_argument(
        "checkpoint", type=Path, nargs="?", metavar="CHECKPOINT", help="last.pt of part5_transformers.train_lm"
    )
    parser.add_argument("--prompt", default="c", metavar="TEXT", help="what is continued (default: c)")
    parser.add_argument("--beam-width", type=int, default=3, metavar="N", help="beams (default: 3)")
    parser.add_argument("--steps", type=int, default=9, metavar="N", help="steps at most (default: 9)")
    parser.add_argument("--to", type=Path, default=Path("beam_tree.png"), metavar="PATH", help="default: beam_tree.png")
    given = parser.parse_args()
    for name, most in (("beam_width", MOST_BEAMS), ("steps", MOST_STEPS)):
        if not 1 <= getattr(given, name) <= most:
            parser.error(f"--{name.replace('_', '-')} must lie between 1 and {most}; got {getattr(given, name)}")
    if not given.to.absolute().parent.is_dir() or given.to.suffix != ".png":
        parser.error(f"--to must be a .png file in a folder that is there; got {given.to}")

    def work(console: Console) -> int:
        if given.checkpoint is None:
            tokenizer = CharTokenizer("abcdefghijklmnopqrstuvwxyz")
            model: Any = Trigrams(train_lm.docstrings(), tokenizer)
        else:
            trained, vocabulary, context = train_lm.load(given.checkpoint)
            tokenizer, model = CharTokenizer(vocabulary), Windowed(trained, context)
        found = search(model, tokenizer, given.prompt, given.beam_width, given.steps)
        begun, best = (visible(text, most=30) for text in (given.prompt, tokenizer.decode(found.best)))
        title = f"Beam search, {given.beam_width} beams, from “{begun}”: “{best}”, log-probability {found.score:.2f}"
        showing.save_picture(page(found, title), given.to, dpi=100, metadata={"Software": None})
        console.print(f"wrote {given.to}", soft_wrap=True)
        return 0

    return endings.exit_code(MODULE, work)


if __name__ == "__main__":
    sys.exit(main())

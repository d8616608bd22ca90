"""Picture of what a mask does: the weights of attention between the words of a line, under four masks.

A word is the vector of its letters, so words look at words that are spelled like them; nothing is learned.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.scripts import launch

MODULE = "part4_attention.draw_masks"

if __name__ == "__main__":
    launch.start(MODULE, needs=("numpy", "rich"), train=("matplotlib",))

import numpy as np  # noqa: E402
from numpy import ndarray  # noqa: E402
from rich.console import Console  # noqa: E402

from autograder.scripts import endings, showing  # noqa: E402
from part4_attention.inputs import causal_mask  # noqa: E402
from part4_attention.multi_head_attention import merge_masks  # noqa: E402
from part4_attention.scaled_dot_product_attention import ScaledDotProductAttention  # noqa: E402

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PADDING = "<pad>"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SHARPNESS = 20.0  # of the weights: the score of a word with itself, before the division by √d
MOST_WORDS = 14  # more cannot be read


def letters_of(word: str) -> ndarray:
    """A vector of length 1 with a place for each letter."""
    counts = np.array([word.count(letter) for letter in LETTERS], np.float32)
    return counts / max(1.0, float(np.linalg.norm(counts)))


def panels(words: Sequence[str]) -> list[tuple[str, ndarray, ndarray]]:
    """Title, weights (t, t) and mask (t, t) of each panel."""
    x = np.sqrt(SHARPNESS) * np.stack([letters_of(word) for word in words])[None, None]  # of one sequence, one head
    padding, causal = np.array([[word == PADDING for word in words]]), causal_mask(len(words))
    masks = {
        "no mask": (None, None),
        "key_padding_mask": (padding, None),
        "causal attn_mask": (None, causal),
        "both masks: <pad> sees nothing" if PADDING in words else "both masks": (padding, causal),
    }
    attention, shown = ScaledDotProductAttention(), []
    for title, (key_padding_mask, attn_mask) in masks.items():
        mask = merge_masks(key_padding_mask, attn_mask)
        attention.forward(x, x, x, mask)
        scores_shape = (1, 1, len(words), len(words))
        hidden = np.zeros(scores_shape, dtype=bool) if mask is None else np.broadcast_to(mask, scores_shape)
        shown.append((title, attention.attention_weights[0, 0], hidden[0, 0]))
    return shown


def page(words: Sequence[str]) -> Figure:
    """The four panels."""
    from matplotlib.figure import Figure

    size = 1.2 + 0.42 * len(words)
    figure = Figure(figsize=(2 * size + 0.4, 2 * size + 0.4), layout="constrained")
    for axes, (title, weights, hidden) in zip(figure.subplots(2, 2).flat, panels(words), strict=True):
        heat_map(axes, words, weights, hidden)
        axes.set_title(title)
    figure.supylabel("query: who looks", fontsize="medium")
    figure.supxlabel("key: who is looked at, in percent of the query's weight; hatched: masked", fontsize="medium")
    return figure


def heat_map(axes: Axes, words: Sequence[str], weights: ndarray, hidden: ndarray) -> None:
    """Weights in percent, darker where larger; what is masked is hatched."""
    from matplotlib.patches import Rectangle

    axes.imshow(weights, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*weights.shape):
        if hidden[row, column]:
            corner = (column - 0.5, row - 0.5)
            axes.add_patch(Rectangle(corner, 1, 1, facecolor="#eeeeee", edgecolor="#b0b0b0", hatch="////", linewidth=0))
        else:
            color = "white" if weights[row, column] > 0.6 else "black"
            text = f"{100 * weights[row, column]:.0f}"
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize="small")
    axes.set_xticks(range(len(words)), words, rotation=90, parse_math=False)
    axes.set_yticks(range(len(words)), words, parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


# The command


def main() -> int:
    """Draw. Exit code 2 where an exercise is not written yet."""
    parser = launch.Parser(MODULE, description="Draw what masks do to the weights of attention.")
    parser.add_argument("--text", default="the cat sat on the mat", help="the words that look at one another")
    parser.add_argument("--padding", type=int, default=1, metavar="N", help="padding before them (default 1)")
    parser.add_argument("--to", type=Path, default=Path("masks.png"), metavar="PATH", help="default: masks.png")
    options = parser.parse_args()
    if options.padding < 0:
        parser.error(f"--padding must not be negative; got {options.padding}")
    words = [PADDING] * options.padding + options.text.split()
    if not options.padding < len(words) <= MOST_WORDS:
        rule = f"must make 1 to {MOST_WORDS} words, not all of them padding"
        parser.error(f"--text and --padding {rule}; got {len(words) - options.padding} words")
    if not options.to.absolute().parent.is_dir() or options.to.suffix != ".png":
        parser.error(f"--to must be a .png file in a folder that is there; got {options.to}")

    def work(console: Console) -> int:
        showing.save_picture(page(words), options.to, dpi=110, metadata={"Software": None})
        console.print(f"wrote {options.to}", soft_wrap=True)
        return 0

    return endings.exit_code(MODULE, work, unusable=(OSError,))


if __name__ == "__main__":
    sys.exit(main())

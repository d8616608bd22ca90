"""draw_beams.py: the tree holds what the search did, the picture is drawn, and one line for what it cannot draw."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="run.py --install train adds matplotlib")

from part6_decoding.checks.checkpoints import LANGUAGE_MODEL, assert_refused, make, python

MODULE = "part6_decoding.draw_beams"
TREE = """
from part6_decoding.draw_beams import Trigrams, search, style_of
from part6_decoding.tokenizer import CharTokenizer

tokenizer = CharTokenizer("abc")
# After a: b in 6 of 12 words, c in 4, the end in 2.  After ab and ac: always the end.
model = Trigrams("ab " * 6 + "ac " * 4 + "a " * 2, tokenizer)
found = search(model, tokenizer, "a", beam_width=2, steps=5)
styles = [[(tokenizer.decode(node.tokens[1:]), round(2.718281828 ** node.score, 3), style_of(found, number, row, node))
           for row, node in enumerate(nodes)] for number, nodes in enumerate(found.tree.steps)]
best, kept, ended, outranked = (
    "on the best path", "kept", "ended: keeps its score, competes on", "outranked: never a beam"
)
assert styles == [
    [("", 1.0, best)],
    [("b", 0.5, best), ("c", 0.333, kept), ("", 0.167, outranked)],
    [("b", 0.5, best), ("c", 0.333, ended)],
], styles
# d goes on in three ways, so that its beam is pushed out by both of b's
model = Trigrams("dba " * 5 + "dbb " * 5 + "dca " * 2 + "dcb " * 2 + "dcc " * 2, tokenizer := CharTokenizer("abcd"))
found = search(model, tokenizer, "d", beam_width=2, steps=2)
assert [style_of(found, 1, row, node) for row, node in enumerate(found.tree.steps[1])] == [
    best, "kept, but pushed out in the next step"
]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a checkpoint."""
    path = tmp_path_factory.mktemp("draw_beams")
    make(LANGUAGE_MODEL, path)
    return path


def draw(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return python("-m", MODULE, "--solution", *arguments, folder=folder)


def test_the_tree_holds_what_the_search_did(tmp_path: Path) -> None:
    make(TREE, tmp_path)


@pytest.mark.parametrize("arguments", [[], ["lm.pt", "--prompt", "the quick ", "--beam-width", "4"]])
def test_the_picture_is_drawn(folder: Path, arguments: list[str]) -> None:
    done = draw(*arguments, "--to", "tree.png", folder=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "wrote tree.png\n", "")
    header = (folder / "tree.png").read_bytes()[:24]
    assert header.startswith(b"\x89PNG")
    assert int.from_bytes(header[16:20]) == 1200
    (folder / "tree.png").unlink()


def test_help_says_the_defaults(folder: Path) -> None:
    done = draw("--help", folder=folder)
    assert done.returncode == 0
    assert "default: beam_tree.png" in done.stdout


def test_what_cannot_be_drawn_is_one_line(folder: Path) -> None:
    messages = {
        "none.pt": "CHECKPOINT must be a file that is there; got none.pt. ",
        "text.txt": "CHECKPOINT must be one of part5_transformers.train_lm; got text.txt: ",
        "--prompt Ré": "--prompt must be of characters that the model has learned; got 'R', 'é'.",
        "--beam-width 0": "--beam-width must lie between 1 and 6; got 0. --help shows the options.",
        "--steps 15": "--steps must lie between 1 and 14; got 15. --help shows the options.",
        "--to tree.jpg": "--to must be a .png file in a folder that is there; got tree.jpg. ",
        "--to no/tree.png": "--to must be a .png file in a folder that is there; got no/tree.png. ",
    }
    assert_refused(MODULE, messages, folder)
    assert not list(folder.glob("*.png"))

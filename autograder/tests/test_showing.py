"""Texts are shown as they are, progress is a bar on a terminal alone, and pictures are named as they are written."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from autograder.judge.exercises import ROOT
from autograder.scripts.showing import plain_console, progress, save_picture, save_pictures, shown, tidy


def test_what_looks_like_markup_or_an_emojis_name_is_shown_as_it_is() -> None:
    file, text = io.StringIO(), "runs/[x]/[/]/[bold]:o: \N{GRINNING FACE}"
    console = plain_console(file=file, width=80, force_terminal=True)
    console.print(text, soft_wrap=True)
    assert file.getvalue() == f"{text}\n"
    table = Table("name")
    table.add_row(text)
    console.print(table)
    assert file.getvalue().count(text) == 2


def test_every_console_is_a_plain_one() -> None:
    paths = [path for name in ("autograder", "notebooks", "part*") for path in ROOT.glob(f"{name}/**/*.py")]
    makers = {path.name for path in paths if re.search(r"\bConsole\(", path.read_text(encoding="utf-8"))}
    assert {name for name in makers if not name.startswith(("test_", "conftest"))} == {"showing.py"}


def test_characters_that_a_terminal_would_obey_are_replaced() -> None:
    assert shown("a\tb\nc \x1b[31m\r\u202e\udcff") == "a\tb\nc \ufffd[31m\ufffd\ufffd\ufffd"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_bar_is_shown_on_a_terminal_alone(is_terminal: bool) -> None:
    file = io.StringIO()
    with progress(Console(file=file, force_terminal=is_terminal, width=80), "step", 4, 1) as show:
        show(3, "loss [1.5]")
    assert ("step 3 of 4  loss [1.5]" in file.getvalue()) == is_terminal
    assert bool(file.getvalue()) == is_terminal


def test_pictures_are_written_and_named(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="run.py --install train adds matplotlib")
    from matplotlib.figure import Figure

    figure, file = Figure(), io.StringIO()
    axes = figure.subplots()
    tidy(axes)
    assert not axes.spines["top"].get_visible()
    save_pictures({"a.png": figure}, tmp_path, Console(file=file, width=20, highlight=False), column=12)
    assert file.getvalue() == f"picture     {tmp_path / 'a.png'}\n"
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib", reason="run.py --install train adds matplotlib")
    from matplotlib.figure import Figure

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match=r"a\.png must be writable; got No space left on device\. Make room, or "):
        save_picture(Figure(), path)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]

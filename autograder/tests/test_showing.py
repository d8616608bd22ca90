"""Progress is a bar on a terminal and nothing elsewhere; pictures are named as they are written."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from autograder.scripts.showing import progress, save_pictures, tidy


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

"""The output of scripts: texts as they are, how far training is, and pictures."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from autograder.atomic_files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plain_console(**options: Any) -> Console:
    """A console on which `[x]` is no markup and `:o:` no emoji: paths and what models write are shown as they are."""
    return Console(**options, highlight=False, markup=False, emoji=False)


def shown(text: str) -> str:
    """The characters, those that a terminal would obey replaced."""
    return "".join(
        character if character.isprintable() or character in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )


@contextlib.contextmanager
def progress(console: Console, unit: str, total: int, done: int = 0) -> Iterator[Callable[[int, str], None]]:
    """A bar, moved by a function of how many units are done and how training stands; without a terminal, nothing."""
    if not console.is_terminal:
        yield lambda done, state: None
        return
    text = TextColumn("{task.description} {task.completed} of {task.total}  {task.fields[state]}", markup=False)
    with Progress(text, BarColumn(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(unit, total=total, completed=done, state="")
        yield lambda done, state: bar.update(task, completed=done, state=state)


def tidy(*all_axes: Axes) -> None:
    """A faint grid, and no lines above and to the right."""
    for axes in all_axes:
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)


def save_pictures(figures: Mapping[str, Figure], folder: Path, console: Console, column: int = 10) -> None:
    """Write each into the folder, and say where; the paths begin in this column."""
    for name, figure in figures.items():
        save_picture(figure, folder / name)
        console.print(f"{'picture':{column}}{folder / name}", soft_wrap=True)


def save_picture(figure: Figure, path: Path, **options: Any) -> None:
    """Write a picture whole or not at all."""
    file = io.BytesIO()
    figure.savefig(file, format=path.suffix[1:], **{"dpi": 120, **options})
    write_whole(path, file.getvalue())

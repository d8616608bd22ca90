"""What training scripts show: how far they are, and pictures."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
        figure.savefig(folder / name, dpi=120)
        console.print(f"{'picture':{column}}{folder / name}", soft_wrap=True)

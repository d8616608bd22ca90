"""How far training is: a bar on a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


@contextlib.contextmanager
def progress_bar(console: Console, unit: str, total: int, done: int = 0) -> Iterator[Callable[[int, str], None]]:
    """A function that shows how many units are done, and how training stands; without a terminal it shows nothing."""
    if not console.is_terminal:
        yield lambda done, state: None
        return
    text = TextColumn("{task.description} {task.completed} of {task.total}  {task.fields[state]}", markup=False)
    with Progress(text, BarColumn(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(unit, total=total, completed=done, state="")
        yield lambda done, state: bar.update(task, completed=done, state=state)

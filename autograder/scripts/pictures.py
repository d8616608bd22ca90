"""What the pictures of all scripts have in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def tidy(*all_axes: Axes) -> None:
    """A faint grid, and no lines above and to the right."""
    for axes in all_axes:
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)


def save(figures: Mapping[str, Figure], folder: Path, console: Console, column: int = 10) -> None:
    """Write each into the folder, and say where; the paths begin in this column."""
    for name, figure in figures.items():
        figure.savefig(folder / name, dpi=120)
        console.print(f"{'picture':{column}}{folder / name}", soft_wrap=True)

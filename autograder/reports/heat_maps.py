"""Arrays as pictures: a heat map in SVG, in which a cell is a number, and a row the last axis.

Blue is below zero, orange above, and the strength is that of the largest magnitude; what is not finite is grey.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup, escape

CELL, GAP, TEXT = 44, 12, 11  # pixels: a cell, the space between matrices, the height of letters
MARGIN = 34  # for the indices of rows and columns


class Colour(NamedTuple):
    """Red, green and blue from 0 to 255."""

    red: float
    green: float
    blue: float

    def __str__(self) -> str:
        return f"rgb({self.red:.0f} {self.green:.0f} {self.blue:.0f})"

    @property
    def is_dark(self) -> bool:
        return 0.299 * self.red + 0.587 * self.green + 0.114 * self.blue < 140


WHITE, BLUE, ORANGE = Colour(255, 255, 255), Colour(33, 102, 172), Colour(200, 90, 20)


def heat_map(array: np.ndarray, title: str, marked: np.ndarray | None = None, largest: float | None = None) -> Markup:
    """Draw an array; cells that are `marked` are framed, and `largest` has the strongest colour."""
    matrices = list(_matrices(array))
    marks = list(_matrices(marked)) if marked is not None else [None] * len(matrices)
    largest = magnitude(array) if largest is None else largest
    width = MARGIN + CELL * max((matrix.shape[1] for _, matrix in matrices), default=1) + 2  # half a frame
    parts: list[str] = []
    top = 0
    for (label, matrix), mark in zip(matrices, marks, strict=True):
        parts += _matrix(label, matrix, None if mark is None else mark[1], largest, top)
        top += TEXT + 4 + CELL * matrix.shape[0] + TEXT + GAP
    size = f'viewBox="0 0 {width} {top}" width="{width}" height="{top}"'
    words = f"<title>{escape(title)}: {escape(_in_words(array))}</title>"
    return Markup(f'<svg role="img" {size}>{words}{"".join(parts)}</svg>')


def magnitude(*arrays: np.ndarray) -> float:
    """The largest of all finite numbers, sign aside; 0 where there is none."""
    finite = [np.abs(array[np.isfinite(array)].astype(float)) for array in arrays]
    return max((float(numbers.max()) for numbers in finite if numbers.size), default=0.0)


def _matrices(array: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The matrices of the last two axes, each with the index of those before."""
    if array.ndim < 2:
        yield "", array.reshape(1, -1)
        return
    for index in np.ndindex(array.shape[:-2]):
        label = f"[{', '.join(map(str, index))}]" if index else ""
        yield label, array[index]


def _matrix(label: str, matrix: np.ndarray, marked: np.ndarray | None, largest: float, top: int) -> Iterator[str]:
    if label:
        yield f'<text x="0" y="{top + TEXT}" class="index">{label}</text>'
    top += TEXT + 4
    for column in range(matrix.shape[1]):
        x = MARGIN + CELL * column + CELL // 2
        y = top + CELL * matrix.shape[0] + TEXT
        yield f'<text x="{x}" y="{y}" text-anchor="middle" class="index">{column}</text>'
    for row, column in np.ndindex(matrix.shape):
        x, y = MARGIN + CELL * column, top + CELL * row
        if column == 0:
            yield f'<text x="{MARGIN - 6}" y="{y + CELL // 2 + 4}" text-anchor="end" class="index">{row}</text>'
        kind = "marked" if marked is not None and marked[row, column] else "cell"
        yield from _cell(x, y, matrix[row, column], largest, kind)


def _cell(x: int, y: int, value: Any, largest: float, kind: str) -> Iterator[str]:
    fill = _colour(value, largest)
    yield f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="{fill}" class="{kind}"/>'
    middle = f'x="{x + CELL // 2}" y="{y + CELL // 2 + 4}" text-anchor="middle" font-size="{TEXT}"'
    yield f'<text {middle} fill="{"#fff" if fill.is_dark else "#000"}">{number(value)}</text>'


def _colour(value: Any, largest: float) -> Colour:
    if not np.isfinite(value):
        return Colour(120, 120, 120)
    strength = abs(float(value)) / largest if largest else 0.0
    end = BLUE if float(value) < 0 else ORANGE
    return Colour(*(white + (hue - white) * math.sqrt(strength) for white, hue in zip(WHITE, end, strict=True)))


def number(value: Any) -> str:
    """Write a number so that it fits into a cell."""
    if isinstance(value, np.bool_):
        return "T" if value else "F"
    text = f"{value:.4g}"
    return text if len(text) <= 7 else f"{value:.1e}"


def _in_words(array: np.ndarray) -> str:
    numbers = ", ".join(map(number, array.ravel()[:20]))
    return f"shape {array.shape}, {numbers}{' …' if array.size > 20 else ''}"

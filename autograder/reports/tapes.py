"""A tape as a picture in SVG: leaves and operations in the order in which they depend on one another, left to right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from markupsafe import Markup, escape

from autograder.judge.record import Operation

BOX_WIDTH, BOX_HEIGHT, GAP_ACROSS, GAP_DOWN, TEXT = 84, 28, 44, 20, 12  # pixels
SPREAD = 8  # between the arrows of operands that are the same


def tape(leaves: int, operations: Sequence[Operation]) -> Markup:
    """Draw a box for every leaf and operation, and an arrow from each operand; numbers count leaves first."""
    names = [f"{number}: leaf" for number in range(leaves)]
    names += [f"{number}: {operation.name}" for number, operation in enumerate(operations, start=leaves)]
    columns = [0] * leaves
    for operation in operations:
        columns.append(1 + max(columns[operand] for operand in operation.operands))
    height = Counter(columns).most_common(1)[0][1]
    rows: Counter[int] = Counter()
    corners = []
    for column in columns:
        corners.append((column * (BOX_WIDTH + GAP_ACROSS), rows[column] * (BOX_HEIGHT + GAP_DOWN)))
        rows[column] += 1
    boxes = [_box(*corner, name) for corner, name in zip(corners, names, strict=True)]
    arrows = [
        _arrow(corners[operand], corners[leaves + number], place - (len(operation.operands) - 1) / 2)
        for number, operation in enumerate(operations)
        for place, operand in enumerate(operation.operands)
    ]
    width = (1 + max(columns)) * (BOX_WIDTH + GAP_ACROSS) - GAP_ACROSS + 2
    size = (width, height * (BOX_HEIGHT + GAP_DOWN) - GAP_DOWN + 2)
    words = ", ".join(
        f"{number} = {operation.name}({', '.join(map(str, operation.operands))})"
        for number, operation in enumerate(operations, start=leaves)
    )
    return Markup(
        f'<svg role="img" viewBox="-1 -1 {size[0]} {size[1]}" width="{size[0]}" height="{size[1]}">'
        f"<title>tape; leaves: {leaves}; {escape(words)}</title>{''.join(arrows)}{''.join(boxes)}</svg>"
    )


def _box(x: int, y: int, name: str) -> str:
    words = f'x="{x + BOX_WIDTH // 2}" y="{y + BOX_HEIGHT // 2 + 4}" text-anchor="middle" font-size="{TEXT}"'
    return (
        f'<rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5" class="box"/>'
        f'<text {words} class="name">{escape(name)}</text>'
    )


def _arrow(start: tuple[int, int], end: tuple[int, int], place: float) -> str:
    """From a box's right side to another's left, bent so that it passes the boxes between, with a head."""
    x1, y1 = start[0] + BOX_WIDTH, start[1] + BOX_HEIGHT / 2
    x2, y2 = end[0], end[1] + BOX_HEIGHT / 2 + SPREAD * place
    bend = GAP_ACROSS / 2
    skipped = x2 - x1 > GAP_ACROSS  # boxes stand between: go round below them
    dip = y1 + BOX_HEIGHT / 2 + GAP_DOWN / 2 if skipped else y2
    path = (
        f"M{x1} {y1} C{x1 + bend} {y1} {x1 + bend / 2} {dip} {x1 + GAP_ACROSS} {dip} "
        f"H{x2 - GAP_ACROSS} C{x2 - bend / 2} {dip} {x2 - bend} {y2} {x2} {y2}"
        if skipped
        else f"M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    )
    return f'<path d="{path}" class="arrow"/><path d="M{x2} {y2} l-7 -3.5 v7 z" class="head"/>'

"""The table of a result in Markdown, as a summary of a job on GitHub shows it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autograder.atomic_files import write_whole
from autograder.judge.outcomes import OUTCOMES
from autograder.judge.record import PartRecord
from autograder.reports.terminal import number


def write(path: Path, results: Sequence[PartRecord]) -> None:
    """Write the tables of these results."""
    write_whole(path, "\n".join(map(table, results)).encode())


def table(result: PartRecord) -> str:
    """One part: its points, and an exercise a row.  Nothing that the submission said is in it."""
    rows = [
        f"| {OUTCOMES[exercise.outcome].mark} | `{exercise.id}`{' (extra)' if exercise.extra else ''} "
        f"| {number(exercise.points)} / {number(exercise.max_points)} | {exercise.outcome} | {exercise.title} |"
        for exercise in result.exercises
    ]
    head = f"## {result.part}: {number(result.points)} / {number(result.max_points)} points"
    return "\n".join([head, "", "| | exercise | points | outcome | what |", "|---|---|--:|---|---|", *rows, ""])

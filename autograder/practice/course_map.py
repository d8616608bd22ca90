"""The map of the course: what is done, begun and open in each part, and where to go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from autograder.judge.exercises import Exercise, Part
from autograder.judge.outcomes import OUTCOMES, PASSED
from autograder.practice import progress
from autograder.practice.progress import PartProgress
from autograder.reports.terminal import number


@dataclass(frozen=True)
class Standing:
    """How far a part is, by the last run of each exercise."""

    part: Part
    done: int
    begun: int
    points: float
    following: Exercise | None  # the first exercise that has not passed


def standing(part: Part, known: PartProgress) -> Standing:
    """Sum up what is remembered of a part."""
    counted = [exercise for exercise in part.exercises if not exercise.extra]
    open_ = [exercise for exercise in counted if known.of(exercise.id).outcome != PASSED]
    return Standing(
        part,
        done=len(counted) - len(open_),
        begun=sum(OUTCOMES[known.of(exercise.id).outcome].is_begun for exercise in open_),
        points=sum(known.of(exercise.id).points for exercise in part.exercises),
        following=open_[0] if open_ else None,
    )


def show(console: Console, parts: Sequence[Part]) -> None:
    """Print the map."""
    standings = [standing(part, progress.load(part).progress) for part in parts]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("part", "", "", "points"):
        table.add_column(name, no_wrap=True, justify="right" if name == "points" else "left")
    for name in ("done", "begun", "open"):
        table.add_column(name, justify="right")
    for one in standings:
        counted = sum(not exercise.extra for exercise in one.part.exercises)
        table.add_row(
            Text(one.part.short_name, style="bold"),
            one.part.title,
            ProgressBar(total=counted, completed=one.done, width=20) if console.is_terminal else "",
            f"{number(one.points)} / {number(one.part.max_points)}",
            str(one.done),
            str(one.begun),
            str(counted - one.done - one.begun),
        )
    console.print(table)
    here = next((one for one in standings if one.following is not None), None)
    if here is None or here.following is None:
        console.print(Text("Everything passes, in every part.", style="bold green"))
        return
    console.print(
        Text.assemble(
            ("Next: ", "bold"),
            (f"{here.part.name}/{here.following.file}", "cyan"),
            f"  {here.following.id}  {here.following.summary}",
        )
    )
    console.print(Text(f"Grade it: python autograder/run.py {here.part.short_name}   (--help shows every option)"))

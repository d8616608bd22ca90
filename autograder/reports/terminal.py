"""A result on the terminal: the table, what is newly green, and the first failing exercise in full.

Text that comes from a submission is shown as plain text, without control characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from autograder.judge.exercises import Part, find_parts
from autograder.judge.outcomes import BLOCKED, GRADER_FAULT, NOT_ATTEMPTED, OUTCOMES, PASSED
from autograder.judge.record import HANDOUT, ExerciseRecord, PartRecord
from autograder.judge.submission import IN_PLACE
from autograder.printable import printable
from autograder.reports.explanation import explanation, most_telling_first

WIDE = 100  # columns


def show(
    console: Console, part: Part, result: PartRecord, before: Mapping[str, str], places: Mapping[str, str]
) -> None:
    """Print the report.

    `before` are the outcomes of the last run; `places` says in which file and line an exercise is to be written.
    """
    has_run = any(not exercise.is_remembered for exercise in result.exercises)
    drawn = f", seed {result.seed}" * has_run
    console.print(Text.assemble((f"{part.name}", "bold"), f"  {part.title}   ({result.code}{drawn})"))
    console.print(_table(result.exercises, console.width >= WIDE))
    console.print(_total(result))
    _show_newly_green(console, result, before)
    for exercise in result.exercises:
        if exercise.outcome == GRADER_FAULT:
            _show_fault(console, exercise)
    begun = [exercise for exercise in result.exercises if OUTCOMES[exercise.outcome].is_begun]
    failing = [exercise for exercise in begun if exercise.outcome not in (PASSED, GRADER_FAULT)]
    if failing:
        show_exercise(console, failing[0], part)
    if failing[1:]:
        others = ", ".join(exercise.id for exercise in failing[1:])
        console.print(Text(f"not shown: {others}   (one in full: python autograder/run.py {part.short_name} -e …)"))
    _show_next(console, part, result, places, is_failing=bool(failing))
    if result.ignored_files:
        console.print(
            f"ignored, since only exercise files count: {_listed(result.ignored_files)}",
            style="yellow" if result.code == IN_PLACE else "dim",  # the person who reads this made them
            highlight=False,
            markup=False,
        )
    console.print(_practice_line(part, result), style="dim", highlight=False)


def show_sum(console: Console, results: Sequence[PartRecord]) -> None:
    """The line under `run.py all`."""
    points, most = sum(result.points for result in results), sum(result.max_points for result in results)
    console.print(Text(f"all parts  {number(points)} / {number(most)}", style="bold"))


def show_exercise(console: Console, exercise: ExerciseRecord, part: Part) -> None:
    """One failing exercise in full: the failing test that teaches most, and the names of the others."""
    failing = most_telling_first(exercise, part)
    heading = Text.assemble(
        ("✗ ", "red"),
        (exercise.id, "bold"),
        f"   {number(exercise.points)} / {number(exercise.max_points)}   ",
        exercise.title,
    )
    console.print()
    console.print(heading)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for line in explanation(failing[0]):
        grid.add_row(line.name, Text(line.text, style=line.style))
    if hints := len(part.exercise(exercise.id).hints):
        command = f"python autograder/run.py {part.short_name} --hint {exercise.id}   "
        grid.add_row("hint", f"{command * (exercise.hints_used < hints)}{exercise.hints_used} of {hints} shown")
    console.print(Padding(grid, (0, 0, 0, 2)))
    if failing[1:]:
        others = ", ".join(
            f"{other.id.partition('::')[2].removeprefix('test_')} ({other.outcome})" for other in failing[1:]
        )
        console.print(Padding(Text(printable(f"also: {others}"), style="dim"), (0, 0, 0, 2)))
    console.print()


def _table(exercises: Sequence[ExerciseRecord], is_wide: bool) -> Table:
    """One exercise a row; what it is about is left out where there is no room, and why it is blocked never is."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", expand=True)
    table.add_column("", no_wrap=True)
    table.add_column("exercise", no_wrap=True)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("outcome", no_wrap=is_wide, ratio=None if is_wide else 1)
    if is_wide:
        table.add_column("what", style="dim", ratio=1)
    for exercise in exercises:
        outcome = OUTCOMES[exercise.outcome]
        word = "passed before" if exercise.is_remembered else outcome.word
        is_blocked = exercise.outcome == BLOCKED
        reason = f": {exercise.message}" * (is_blocked and not is_wide)
        title = Text(exercise.title, no_wrap=True, overflow="ellipsis")  # gives way to the others
        what = [Text(exercise.message) if is_blocked else title] * is_wide
        table.add_row(
            Text(outcome.mark, style=outcome.style),
            exercise.id + (" (extra)" if exercise.extra else ""),
            f"{number(exercise.points)} / {number(exercise.max_points)}",
            Text(word + reason, style=outcome.style),
            *what,
        )
    return table


def _total(result: PartRecord) -> Text:
    style = "bold green" if result.points >= result.max_points else "bold"
    most = result.max_points
    said = f"{number(result.points)} / {number(most)} points" if most else f"{number(result.points)} extra points"
    return Text(said, style=style)


def _show_newly_green(console: Console, result: PartRecord, before: Mapping[str, str]) -> None:
    green = [
        exercise.id
        for exercise in result.exercises
        if exercise.outcome == PASSED and not exercise.is_remembered and before.get(exercise.id, PASSED) != PASSED
    ]
    if green:
        console.print(Text(f"newly green: {', '.join(green)}", style="green"))


def _show_fault(console: Console, exercise: ExerciseRecord) -> None:
    console.print(
        Text(
            f"! {exercise.id}: a fault of the grader, not of your code. Please report it with this text:",
            style="bold magenta",
        )
    )
    faults = [f"{test.id}\n{test.message}" for test in exercise.tests if test.outcome == GRADER_FAULT]
    console.print(Padding(Text(printable("\n".join(faults or [exercise.message]))), (0, 0, 0, 2)))


def _show_next(
    console: Console, part: Part, result: PartRecord, places: Mapping[str, str], *, is_failing: bool
) -> None:
    """Say where to begin, or what comes next: the first exercise that nothing blocks."""
    following = next((exercise for exercise in result.exercises if exercise.outcome == NOT_ATTEMPTED), None)
    if following is not None and following.id in places:
        begun = any(OUTCOMES[exercise.outcome].is_begun for exercise in result.exercises)
        word = "Start here" if not begun else "Then" if is_failing else "Next"
        console.print(
            Text.assemble((f"{word}: ", "bold"), (places[following.id], "cyan"), f"  {following.id}  {following.title}")
        )
    elif result.exercises and all(exercise.outcome == PASSED for exercise in result.exercises):
        is_whole = len(result.exercises) == len(part.exercises)
        words = (
            "Everything passes." if is_whole else f"Passed. The whole part: python autograder/run.py {part.short_name}"
        )
        console.print(Text(words, style="bold green"))
        if is_whole:
            for step, command in _steps(part):
                console.print(Text(f"{step:<15}python {command}"))


def _steps(part: Part) -> Iterator[tuple[str, str]]:
    """What there is to do with a part of which everything passes."""
    for script in sorted(part.folder.glob("train_*.py")):
        yield "put it to use:", f"-m {part.name}.{script.stem}"
    if (part.folder / "solution").is_dir():
        yield "compare:", f"autograder/run.py {part.short_name} --compare {part.exercises[0].id}"
    yield "hand in:", f"autograder/run.py {part.short_name} --pack"
    for other in find_parts(part.folder.parent):
        if other.number == part.number + 1:
            yield "go on:", f"autograder/run.py {other.short_name}"


def _practice_line(part: Part, result: PartRecord) -> str:
    remembered = sum(exercise.is_remembered for exercise in result.exercises)
    again = f"python autograder/run.py {part.short_name} --fresh"
    if remembered == len(result.exercises):
        return f"practice: all of it is remembered, and nothing has changed since (run it again: {again})"
    if remembered:
        return f"practice: remembered, and not run again: {remembered} of {len(result.exercises)} exercises ({again})"
    handout = f" with handout {result.versions[HANDOUT]}" if HANDOUT in result.versions else ""
    return f"practice{handout}, on isolation level {result.isolation.level} (what holds and what does not: --json)"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"


def number(points: float) -> str:
    """Points with at most two decimals."""
    return f"{points:.2f}".rstrip("0").rstrip(".")

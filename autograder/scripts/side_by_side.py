"""Two sides by turns in one process: what every part's `benchmarks.py` stands on. Given.

Time is process CPU time of one thread.  A ratio is the median of the ratios of all rounds, since the speed of a machine
drifts while it measures.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from autograder.atomic_files import write_whole
from autograder.scripts import launch

if TYPE_CHECKING:
    from rich.table import Table

SHORTEST_TURN = 0.05  # seconds; the clock of some systems moves in steps of a sixtieth

Run = Callable[[], Any]


@dataclass(frozen=True)
class Row:
    """A line of the table and of the JSON file."""

    work: str
    ours: float
    reference: float
    reference_name: str
    ratio: float
    must_reach: float | None = None
    aim_for: float | None = None
    better: Literal["lower", "higher"] = "lower"

    @property
    def reaches(self) -> bool | None:
        """Tell whether the ratio is as good as it must be; None if nothing is asked."""
        if self.must_reach is None:
            return None
        return self.ratio <= self.must_reach if self.better == "lower" else self.ratio >= self.must_reach


Step = Callable[[], list[Row]]


# How it is measured


def beside(
    work: str,
    ours: Run,
    theirs: Run,
    rounds: int,
    goals: tuple[float, float] | None = None,
    *,
    name: str = "torch",
    unit: float = 1e-3,
) -> Row:
    """A row of two runs, with times in units of so many seconds; `goals` are what the ratio must reach and aims for."""
    ratio, our_time, their_time = by_turns(ours, theirs, rounds)
    return Row(work, our_time / unit, their_time / unit, name, ratio, *(goals or (None, None)))


def by_turns(ours: Run, theirs: Run, rounds: int) -> tuple[float, float, float]:
    """The median ratio of the rounds, and the median time of each side's run in seconds."""
    repeats = [turns_needed(run) for run in (ours, theirs)]
    rows = [[turn(run, repeat) for run, repeat in zip((ours, theirs), repeats, strict=True)] for _ in range(rounds)]
    our_times, their_times = zip(*rows, strict=True)
    ratio = statistics.median(our_time / their_time for our_time, their_time in rows)
    return ratio, statistics.median(our_times), statistics.median(their_times)


def turns_needed(run: Run) -> int:
    """Find how often to run for a turn that is long enough for the clock."""
    run()
    start = time.process_time()
    repeat = 0
    while time.process_time() - start < SHORTEST_TURN:
        run()
        repeat += 1
    return repeat


def turn(run: Run, repeat: int) -> float:
    """Seconds of CPU that one run takes."""
    start = time.process_time()
    for _ in range(repeat):
        run()
    return (time.process_time() - start) / repeat


def peak_of(run: Run) -> int:
    """Bytes that the run holds at most, beyond what was there."""
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def compare(ours: Sequence[Any], theirs: Sequence[Any], names: Sequence[str], rtol: float = 1e-3) -> None:
    """Stop if the two sides do not compute the same: what is fast and wrong is not measured."""
    import numpy as np

    for name, our_value, their_value in zip(names, ours, theirs, strict=True):
        expected = np.asarray(their_value)
        scale = max(1.0, float(np.abs(expected).max(initial=0)))
        np.testing.assert_allclose(our_value, expected, rtol=rtol, atol=rtol * scale, err_msg=name)


# The command


def main(part: str, description: str | None, steps: Callable[[int], list[Step]], notes: Sequence[str] = ()) -> int:
    """Measure, print the table, write the JSON file: the `main` of `python -m <part>.benchmarks`.

    A step that runs into an exercise that is not written yet is left out, and said.
    """
    options = parse(part, description)
    launch.start(f"{part}.benchmarks", ("numpy", "torch", "rich"), threads=1, prefer_solution=True)
    from rich.progress import track

    from autograder.scripts.showing import plain_console

    keep_quiet()
    measurements = steps(options.rounds)
    errors = plain_console(stderr=True)
    bar = track(measurements, "measuring", console=errors, transient=True, disable=not errors.is_terminal)
    rows: list[Row] = []
    not_written: dict[str, None] = {}  # in order, and each once
    for step in bar:
        try:
            rows += step()
        except NotImplementedError as error:
            not_written[launch.not_written(error)] = None
    if rows:
        console = plain_console(width=None if sys.stdout.isatty() else 120)
        console.print(table(rows, f"{part}, {os.environ.get('SFRATORCH_CODE') or 'own'}, {options.rounds} rounds"))
        for note in notes:
            console.print(note)
    for sentence in not_written:
        print(sentence, file=sys.stderr)
    if options.json and rows:
        content = json.dumps([asdict(row) for row in rows], indent=2) + "\n"
        try:
            write_whole(options.json, content.encode())
        except OSError as error:
            print(f"python -m {part}.benchmarks: {error}", file=sys.stderr)
            return 2
    return 0 if rows else 2


def keep_quiet() -> None:
    """One thread, and no search for garbage among what the libraries hold."""
    import torch

    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()


def parse(part: str, description: str | None) -> argparse.Namespace:
    """The options. A wrong one ends the program with exit code 2 and one line that says what is right."""
    parser = launch.Parser(f"{part}.benchmarks", description=description)
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the rows here too")
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="rounds to take the median of (default 9)")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1; got {options.rounds}.")
    if options.json and (options.json.is_dir() or not os.access(options.json.absolute().parent, os.W_OK)):
        parser.error(f"--json must be a file in a folder that can be written to; got {options.json}.")
    return options


def table(rows: list[Row], heading: str) -> Table:
    """The rows, those that miss what they must reach in red."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=heading, title_justify="left")
    for column in ("work", "ours", "beside", "", "ratio", "goal"):
        shown.add_column(column, justify="left" if column in ("work", "") else "right")
    for row in rows:
        sign = "≤" if row.better == "lower" else "≥"
        goal = "" if row.must_reach is None else f"{sign} {row.must_reach}, aim {row.aim_for}"
        style = {True: "green", False: "red", None: ""}[row.reaches]
        ratio = Text(f"{row.ratio:.2f}", style=style)
        shown.add_row(row.work, f"{row.ours:.2f}", f"{row.reference:.2f}", row.reference_name, ratio, goal)
    return shown

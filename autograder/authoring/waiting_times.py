"""How long a learner waits for an answer, beside the time that importing torch, hypothesis and pytest takes.

    python -m autograder.authoring.waiting_times [part2 ...] [--rounds 5] [--beside COMMIT]

Each part is finished first, in a copy of the last commit.  Then its second run is timed with nothing changed and with
one line added to one exercise, for each exercise, and once more everything, which `--beside` times in another commit,
too.
The runs that are compared take turns, and the median of each counts: print ratios, for seconds are a machine's own.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.progress import Progress

from autograder.judge.exercises import ROOT, Exercise, Part, find_part, find_parts
from autograder.scripts.showing import plain_console

IMPORTS = "import torch, hypothesis, pytest"
FIRST, BESIDE, UNCHANGED = "first", "beside", "unchanged"
Times = Mapping[str, float]


@contextlib.contextmanager
def finished_copy(commit: str) -> Iterator[Path]:
    """Extract a commit, with the references in the places of the stubs."""
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(packed)) as files:
            files.extractall(folder, filter="data")
        for path in Path(folder).glob("part*/solution/*.py"):
            if path.name != "__init__.py":
                shutil.copy(path, path.parent.parent)
        yield Path(folder)


def seconds(folder: Path, *arguments: str) -> float:
    """Time a command of Python.  Raises RuntimeError with what it printed if it fails."""
    environ = os.environ | {"SFRATORCH_NO_BOOTSTRAP": "1"}
    start = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environ, capture_output=True, text=True)
    taken = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return taken


def waits(part: Part, here: Path, other: Path | None) -> Iterator[tuple[str, Callable[[], float]]]:
    """Name and give each run that is to be timed: the imports, the first runs, and the runs after a change."""

    def run(folder: Path, *options: str) -> float:
        return seconds(folder, "autograder/run.py", part.short_name, *options)

    def run_after_change(exercise: Exercise) -> float:
        path = here / part.name / exercise.file
        path.write_text(with_another_line(path.read_text(encoding="utf-8"), exercise.id), encoding="utf-8")
        return run(here)

    yield IMPORTS, lambda: seconds(here, "-c", IMPORTS)
    yield FIRST, lambda: run(here, "--seed", "1")  # a seed: everything is run
    if other is not None and (other / part.name).exists():
        yield BESIDE, lambda: run(other, "--seed", "1")
    yield UNCHANGED, lambda: run(here)
    for exercise in part.exercises:
        yield exercise.id, lambda exercise=exercise: run_after_change(exercise)  # type: ignore[misc]


def with_another_line(source: str, exercise: str) -> str:
    """Add a line at the head of the exercise's first region."""
    head = re.search(rf"^( *)### BEGIN SOLUTION {re.escape(exercise)}: .*\n", source, re.MULTILINE)
    assert head is not None, exercise
    return f"{source[: head.end()]}{head[1]}# {time.monotonic_ns()}\n{source[head.end() :]}"


def measure(part: Part, here: Path, other: Path | None, rounds: int, progress: Progress) -> Times:
    """Take the median of each wait over this many rounds."""
    runs = list(waits(part, here, other))
    task = progress.add_task(part.short_name, total=1 + rounds * len(runs))
    seconds(here, "autograder/run.py", part.short_name)  # it is finished, and that is remembered
    progress.advance(task)
    taken: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for name, run in runs:
            taken[name].append(run())
            progress.advance(task)
    return {name: median(times) for name, times in taken.items()}


def row(part: Part, times: Times) -> str:
    """Write a part's waits as multiples of the imports, and its first run as a multiple of the other commit's."""
    imports = times[IMPORTS]
    changed = sorted((times[name] / imports, name) for name in part.ids)
    (least, _), (most, slowest) = changed[0], changed[-1]
    first = f"{times[FIRST]:6.1f} s"
    ratio = f"{times[FIRST] / times[BESIDE]:.2f} ×" if BESIDE in times else ""
    middle = median(time for time, _ in changed)
    of_imports = f"{times[UNCHANGED] / imports:15.2f} ×  {least:5.2f} {middle:5.2f} {most:6.2f} ×"
    return f"{part.short_name:7}{imports:5.2f} s{of_imports:41}{first:>9}{ratio:>9}   {slowest}"


def main(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[PART]...", help="Such as part2; all where none is named.")
    ] = None,
    rounds: Annotated[int, typer.Option(help="How often each run is timed; the median counts.", min=1)] = 3,
    beside: Annotated[str, typer.Option(metavar="COMMIT", help="Time the first run in this commit, too.")] = "",
) -> None:
    """Measure how long a learner waits for an answer."""
    parts = [find_part(name) for name in names] if names else find_parts()
    console = plain_console(stderr=True)
    with contextlib.ExitStack() as stack:
        progress = stack.enter_context(Progress(console=console, disable=not console.is_terminal))
        here = stack.enter_context(finished_copy("HEAD"))
        other = stack.enter_context(finished_copy(beside)) if beside else None
        print("                                 one line changed:")
        print("part   imports  nothing changed  least median   most  first run   beside   slowest change of")
        for part in parts:
            print(row(part, measure(part, here, other, rounds, progress)), flush=True)


if __name__ == "__main__":
    typer.run(main)

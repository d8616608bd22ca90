"""The proof of the catalogue: each mistake loses points in its exercise, and its report says what the entry says.

    python -m autograder.authoring.catalogue [part2 ...] [-e linear.forward] [--seed 8]

Grades the entries on all cores, prints which do not hold, which sentences the tests can say that no entry says, and
how many entries of each part are named in the report.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.progress import track
from rich.table import Table

from autograder.authoring.mistakes import SEED, Mistake, mistakes_of, shown_test, with_mistake
from autograder.judge.attempt import attempt
from autograder.judge.candidate import WorkerCandidate
from autograder.judge.collection import Collection, collect
from autograder.judge.diagnosis import without_numbers
from autograder.judge.exercises import Part, find_part, find_parts
from autograder.judge.grading import grade
from autograder.judge.outcomes import PASSED
from autograder.judge.staging import make_stage
from autograder.judge.submission import reference
from autograder.scripts.showing import plain_console
from autograder.testing.comparison import sentences_offered


class Told(NamedTuple):
    """The outcome of a mistake in its own exercise: the points, and what the report says in which test."""

    points: float
    max_points: float
    sentence: str | None
    test: str


def told(part: Part, entry: Mistake, seed: int = SEED) -> Told:
    """Grade the mistake in its own exercise; only the test that is shown is shrunk and diagnosed.

    Raises ValueError for a text that is gone, and for a fault of the grader, which must not pass for lost points.
    """
    collection = _collection(part, entry.exercise, seed)
    with WorkerCandidate(part, make_stage(part, with_mistake(part, entry))) as candidate:
        result = grade(collection, candidate, entry.name, shrinks=False, diagnoses=False)
        (exercise,) = result.exercises
        if result.has_grader_fault:
            raise ValueError(
                f"{entry.exercise}, {entry.name}: the grader must be without fault; got {exercise.message}"
            )
        if exercise.outcome == PASSED:
            return Told(exercise.points, exercise.max_points, None, "")
        shown = shown_test(part, result).id
        alone = replace(collection, tests=tuple(test for test in collection.tests if test.id == shown))
        (test,) = grade(alone, candidate, entry.name).exercises[0].tests
    return Told(exercise.points, exercise.max_points, test.diagnosis or None, test.id)


def fault_of(part: Part, entry: Mistake, seed: int = SEED) -> str:
    """Say what does not hold of an entry; nothing if it loses points and the report says what the entry says.

    A sentence may hang on what is drawn: if the report says another, it must say the entry's with both the next seeds.
    """
    try:
        came = told(part, entry, seed)
        if came.points >= came.max_points:
            return f"{entry.exercise}, {entry.name}: must lose points; got {came.points:g} of {came.max_points:g}."
        if _says(came, entry) or all(_says(told(part, entry, seed + later), entry) for later in (1, 2)):
            return ""
    except ValueError as error:
        return str(error)
    return f"{entry.exercise}, {entry.name}: says must be {came.sentence!r}, as {came.test} does; got {entry.says!r}."


def _says(came: Told, entry: Mistake) -> bool:
    """Tell whether points are lost, and the report says just what the entry says."""
    is_same = entry.says == came.sentence or (
        came.sentence is not None and entry.says == without_numbers(came.sentence)
    )
    return came.points < came.max_points and is_same


@functools.cache
def _collection(part: Part, exercise_id: str, seed: int) -> Collection:
    return collect(part, seed=seed, only=[exercise_id])


def sentences_of(
    part: Part, seed: int = SEED, most: int | None = None, only: Iterable[str] | None = None
) -> dict[str, dict[str, bool]]:
    """By exercise, the sentences about known mistakes that its tests offer, and whether each can be said there.

    The tests are run on the reference, each on `most` problems.  Raises ValueError where a test cannot offer them.
    """
    collection = collect(part, seed, only=only)
    said: dict[str, dict[str, bool]] = {exercise.id: {} for exercise in collection.exercises}
    with WorkerCandidate(part, make_stage(part, reference([part]))) as candidate:
        for test in collection.tests:
            with sentences_offered() as offered:
                for problem in collection.problems[test.id][:most]:
                    made = attempt(test.body, candidate, problem)
                    if not made.passed:
                        got = made.failure or made.fault
                        raise ValueError(f"{test.id}: the reference must pass, and its mistakes be defined; got {got}")
            for sentence, where in offered.items():
                can_be_said = "seen" in where or "elsewhere" not in where  # else only what is not compared shows it
                said[test.exercise][sentence] = said[test.exercise].get(sentence, False) or can_be_said
    return said


def orphans(part: Part, seed: int = SEED, most: int | None = None, only: Iterable[str] | None = None) -> list[str]:
    """The sentences of a part, or of some exercises, that no entry of the same file says or that no test can say."""
    file_of = {exercise.id: exercise.file for exercise in part.exercises}
    said = {(file_of[entry.exercise], without_numbers(entry.says or "")) for entry in mistakes_of(part)}
    try:
        offered = sentences_of(part, seed, most, only)
    except ValueError as error:
        return [str(error)]
    can_be_said = {sentence for sentences in offered.values() for sentence, can in sentences.items() if can}
    faults: dict[str, None] = {}  # in order, and each once
    for exercise, sentences in offered.items():
        for sentence in sentences:
            if sentence not in can_be_said:
                if only is not None:
                    continue  # another exercise's tests may see it
                faults[f"{exercise}: {sentence!r} must change what a test compares; got what none can see."] = None
            elif (file_of[exercise], without_numbers(sentence)) not in said:
                file = Path(file_of[exercise]).stem
                faults[f"{exercise}: {sentence!r} must have an entry in checks/mistakes_{file}.py; got none."] = None
    return list(faults)


# The command


def shares(entries: Mapping[str, Sequence[Mistake]]) -> Table:
    """Count the entries that are named in the report, by part."""
    table = Table("part", "known mistakes", "named in the report", "share")
    for column in table.columns[1:]:
        column.justify = "right"
    for part, of_part in entries.items():
        named = sum(entry.says is not None for entry in of_part)
        share = f"{named / len(of_part):.0%}".replace("%", " %") if of_part else "–"
        table.add_row(part, str(len(of_part)), str(named), share)
    return table


def main(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[PART]...", help="Such as part2; all where none is named.")
    ] = None,
    exercises: Annotated[
        list[str] | None, typer.Option("-e", "--exercise", help="Only the entries of this exercise; may be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option(help="What the problems are drawn with.")] = SEED,
) -> None:
    """Show that every known mistake loses points and is named as its entry says."""
    parts = [find_part(name) for name in names] if names else find_parts()
    only = [part.exercise(exercise).id for part in parts for exercise in exercises] if exercises else None
    entries = {
        part.name: [entry for entry in mistakes_of(part) if only is None or entry.exercise in only] for part in parts
    }
    work = [(part, entry) for part in parts for entry in entries[part.name]]
    of_sentences = itertools.chain.from_iterable(orphans(part, seed, only=only) for part in parts)
    faults = 0
    for fault in filter(None, itertools.chain(_on_all_cores(work, seed), of_sentences)):
        print(fault, flush=True)
        faults += 1
    plain_console().print(shares(entries))
    print(f"{faults} faults" if faults else "Every entry holds, and every sentence has its entry.")
    raise typer.Exit(1 if faults else 0)


def _on_all_cores(work: list[tuple[Part, Mistake]], seed: int) -> Iterator[str]:
    console = plain_console(stderr=True)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        faults = pool.map(fault_of, *zip(*work, strict=True), [seed] * len(work), chunksize=4) if work else ()
        yield from track(faults, "known mistakes", len(work), console=console, disable=not console.is_terminal)


if __name__ == "__main__":
    typer.run(main)

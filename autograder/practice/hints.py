"""Hints: one at a time, and how many were shown is remembered."""

from __future__ import annotations

from collections.abc import Iterator

from autograder.judge.exercises import Exercise, Part
from autograder.judge.failures import CannotGrade
from autograder.practice import progress


def next_hint(part: Part, exercise: Exercise) -> list[str]:
    """Reveal one more hint and give its lines; give all where none is left, or none can be remembered."""
    if not exercise.hints:
        rule = "--hint must name an exercise that has hints"
        raise CannotGrade(f"{rule}; {exercise.id} has none. {section(part, exercise)}")
    known, complaint = progress.load(part)
    remembered = known.of(exercise.id)
    shown = min(remembered.hints_used + 1, len(exercise.hints))
    if shown > remembered.hints_used:
        remembered.hints_used = shown
        known.exercises[exercise.id] = remembered
        if progress.save(part, known):
            return [*filter(None, [complaint]), *_lines(part, exercise, range(shown - 1, shown))]
        reason = f"{progress.FOLDER} cannot be written, and what was shown is not remembered; all hints:"
        return [reason, *_lines(part, exercise, range(len(exercise.hints)))]
    return [f"{exercise.id} has no other hint; once more:", *_lines(part, exercise, range(shown))]


def _lines(part: Part, exercise: Exercise, numbers: range) -> Iterator[str]:
    for number in numbers:
        yield f"{exercise.id}, hint {number + 1} of {len(exercise.hints)}: {exercise.hints[number]}"
    if numbers.stop == len(exercise.hints):
        yield section(part, exercise)
    else:
        yield f"One more: python autograder/run.py {part.short_name} --hint {exercise.id}"


def section(part: Part, exercise: Exercise) -> str:
    """Say where the part's README tells of an exercise."""
    readme = part.folder / "README.md"
    lines = readme.read_text(encoding="utf-8").splitlines() if readme.exists() else []
    row = next((f":{number}" for number, line in enumerate(lines, start=1) if exercise.id in line), "")
    return f"More about it: {part.name}/README.md{row}, and the equations that stand before."

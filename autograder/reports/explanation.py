"""One failing test in words: what the terminal, pytest and a debug run show of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from autograder.judge.exercises import Part
from autograder.judge.outcomes import ERROR, OUTCOMES, PASSED, WRONG
from autograder.judge.record import ExerciseRecord, TestRecord
from autograder.printable import printable
from autograder.testing.marks import KINDS

MAX_OUTPUT_LINES = 12


class Line(NamedTuple):
    """A name and what is said under it, of one line or more; the style is rich's."""

    name: str
    text: str
    style: str = ""


def most_telling_first(exercise: ExerciseRecord, part: Part) -> list[TestRecord]:
    """The failing tests in the order in which they are worth reading.

    What was written comes before what is not; what arose in the exercise's lines before what arose in given code or in
    another part; oracle tests before laws and edge cases, whatever their outcomes.
    """
    own = tuple(f"{part.name}/{file}:" for file in part.files)

    def rank(test: TestRecord) -> tuple[bool, bool, int]:
        is_elsewhere = bool(test.traceback) and not test.traceback[-1].startswith(own)
        return not OUTCOMES[test.outcome].is_begun, is_elsewhere, KINDS.index(test.kind)

    return sorted((test for test in exercise.tests if test.outcome != PASSED), key=rank)


def explanation(test: TestRecord) -> list[Line]:
    """Say what was claimed and called, what came of it, and what that looks like."""
    is_about_a_call = bool(test.called) or test.outcome == WRONG  # else about the file, whatever the claim
    lines = [Line("claim", test.claim)] if is_about_a_call else []
    if test.called:
        lines.append(Line("called", f"{test.called}\nin {test.probe}"))
    if test.counterexample:
        lines.append(Line("smallest failing input" if test.is_shrunk else "with", _by_name(test.counterexample)))
    if test.got:
        expected = f"{test.expected}   {test.differ}".rstrip()
        lines += [Line("got", test.got, "red"), Line("expected", expected, "green")]
    elif test.outcome in (WRONG, ERROR):
        lines.append(Line("outcome" if test.outcome == WRONG else "raised", test.message, "red"))
    else:
        lines.append(Line("outcome", f"{test.outcome}: {test.message}", "red"))
    if test.traceback:
        lines.append(Line("at", "\n".join(test.traceback)))
    if test.diagnosis:
        lines.append(Line("it looks like", test.diagnosis, "yellow"))
    if test.output.strip():
        lines.append(Line("printed", _clipped(test.output)))
    if test.replay is not None:
        lines.append(Line("again", test.replay.command))
    return [line._replace(text=printable(line.text)) for line in lines]


def as_text(lines: list[Line]) -> str:
    """Put the names in a column of their own."""
    width = max(len(line.name) for line in lines)
    indent = "\n" + " " * (width + 4)
    return "\n".join(f"  {line.name:<{width}}  {indent.join(line.text.splitlines())}" for line in lines)


def _by_name(counterexample: Mapping[str, str]) -> str:
    width = max(map(len, counterexample))
    lines = []
    for name, value in counterexample.items():
        first, *rest = value.splitlines() or [""]
        lines += [f"{name:<{width}} = {first}", *(" " * (width + 3) + line for line in rest)]
    return "\n".join(lines)


def _clipped(output: str) -> str:
    lines = output.strip().splitlines()
    if len(lines) > MAX_OUTPUT_LINES:
        half = MAX_OUTPUT_LINES // 2
        lines = [*lines[:half], f"… {len(lines) - 2 * half} lines …", *lines[-half:]]
    return "\n".join(line[:200] for line in lines)

"""Known mistakes as changes to the reference: an entry of the catalogue, and the submission that makes it.

A sentence about a mistake, and what the mistake would give, stand in torch beside the oracle and travel with a handout.
The change to the reference that makes it stands in `checks/mistakes_<module>.py`, and never does:

    forward = partial(mistake, "linear.forward")

    MISTAKES = (
        forward("linear: no bias", ("output += self.bias", "pass"), says="the bias is missing"),
        forward("linear: float64 always", ("x @ ", "x.astype(float) @ ")),
    )

`says` is the sentence that the report of the exercise must show; without it the report must show none.  In it # stands
for a number that depends on the problem.
"""

from __future__ import annotations

import importlib
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from autograder.authoring.regions import regions
from autograder.judge.candidate import WorkerCandidate
from autograder.judge.collection import collect
from autograder.judge.exercises import Part
from autograder.judge.grading import grade
from autograder.judge.outcomes import PASSED
from autograder.judge.record import PartRecord, TestRecord
from autograder.judge.staging import make_stage
from autograder.judge.submission import Submission
from autograder.reports.explanation import most_telling_first
from autograder.testing.marks import Kind

SEED = 7


class Whole(NamedTuple):
    """In the place of a text: all that stands inside the region of this function (`Class.method`)."""

    function: str


Edit = tuple[str | Whole, str]


@dataclass(frozen=True)
class Mistake:
    """An entry: the exercise, a name, what stands in the place of the reference's text, and what the report says."""

    exercise: str
    name: str
    edits: tuple[Edit, ...]
    says: str | None = None


def mistake(exercise: str, name: str, *edits: Edit, says: str | None = None) -> Mistake:
    """An entry as a catalogue writes it."""
    return Mistake(exercise, name, edits, says)


def mistakes_of(part: Part) -> list[Mistake]:
    """All entries of a part, in the order of its catalogues' names."""
    paths = sorted((part.folder / "checks").glob("mistakes_*.py"))
    return [entry for path in paths for entry in importlib.import_module(f"{part.name}.checks.{path.stem}").MISTAKES]


def with_mistake(part: Part, entry: Mistake) -> Submission:
    """The reference with one mistake in it.  Raises ValueError if a text to replace is not there."""
    files = {file: (part.folder / "solution" / file).read_text(encoding="utf-8") for file in part.files}
    file = part.exercise(entry.exercise).file
    for right, wrong in entry.edits:
        files[file] = _edited(files[file], right, wrong, f"{part.name}/solution/{file}", entry.name)
    compile(files[file], file, "exec")
    return Submission(entry.name, {part.name: {name: source.encode() for name, source in files.items()}})


def _edited(source: str, right: str | Whole, wrong: str, path: str, name: str) -> str:
    if isinstance(right, Whole):
        spans = [(one.first_line, one.last_line) for one in regions(source, path) if one.function == right.function]
        if len(spans) != 1:
            raise ValueError(f"{name}: {path} must hold one region inside {right.function}; got {len(spans)}.")
        lines = source.split("\n")
        first, last = spans[0]
        indent = lines[first - 1][: len(lines[first - 1]) - len(lines[first - 1].lstrip())]
        lines[first : last - 1] = textwrap.indent(textwrap.dedent(wrong).strip("\n"), indent).split("\n")
        return "\n".join(lines)
    if right not in source:
        raise ValueError(f"{name}: {path} must hold the text that the mistake replaces; it no longer has {right!r}.")
    return source.replace(right, wrong)


def report_of(part: Part, entry: Mistake, exercises: Sequence[str] | None = None) -> PartRecord:
    """Grade as the learner is graded who makes this mistake, in its own exercise or in these."""
    with WorkerCandidate(part, make_stage(part, with_mistake(part, entry))) as candidate:
        return grade(collect(part, SEED, only=exercises or [entry.exercise]), candidate, entry.name)


def lost_tests(result: PartRecord) -> dict[str, Kind]:
    """The tests that did not pass, by the name of their function."""
    tests = (test for exercise in result.exercises for test in exercise.tests)
    return {test.id.partition("::")[2]: test.kind for test in tests if test.outcome != PASSED}


def shown_test(part: Part, result: PartRecord) -> TestRecord:
    """The test that is shown in full: of the first exercise that fails, the one that teaches most."""
    return most_telling_first(next(one for one in result.exercises if one.outcome != PASSED), part)[0]

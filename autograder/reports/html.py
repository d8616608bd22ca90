"""A result as one page that needs nothing else: no script, no network, light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jinja2
import numpy as np
from markupsafe import Markup

from autograder.atomic_files import write_whole
from autograder.judge.exercises import Part
from autograder.judge.outcomes import GRADER_FAULT, OUTCOMES, PASSED
from autograder.judge.record import ExerciseRecord, PartRecord, TestRecord, Values
from autograder.printable import printable
from autograder.reports.explanation import explanation, most_telling_first
from autograder.reports.heat_maps import heat_map, magnitude
from autograder.reports.tapes import tape
from autograder.reports.terminal import number
from autograder.testing.comparison import close

_PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).resolve().parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write(path: Path, parts: Sequence[Part], results: Sequence[PartRecord]) -> None:
    """Write the page of these results."""
    write_whole(path, page(parts, results).encode())


def page(parts: Sequence[Part], results: Sequence[PartRecord]) -> str:
    """Render the page: a table of exercises for each part, and every failing exercise, the first of them unfolded."""
    return _PAGES.get_template("page.html").render(
        parts=list(zip(parts, results, strict=True)),
        outcomes=OUTCOMES,
        passed=PASSED,
        number=number,
        printable=printable,
        failing=failing,
        most_telling_first=most_telling_first,
        explanation=explanation,
        pictures=pictures,
    )


def failing(result: PartRecord) -> list[ExerciseRecord]:
    """Choose the exercises that are shown in full."""
    shown = (one for one in result.exercises if OUTCOMES[one.outcome].is_begun)
    return [one for one in shown if one.outcome not in (PASSED, GRADER_FAULT)]


def pictures(test: TestRecord) -> list[tuple[str, Markup]]:
    """Draw what was got, what was expected and the difference, then the arrays and the tape of the failing input."""
    drawn = []
    arrays = {name: array_of(values) for name, values in test.arrays.items()}
    got, expected = arrays.pop("got", None), arrays.pop("expected", None)
    if got is not None and expected is not None:
        wrong, largest = ~close(got, expected) if got.shape == expected.shape else None, magnitude(got, expected)
        drawn += [(name, heat_map(one, name, wrong, largest)) for name, one in (("got", got), ("expected", expected))]
        if wrong is not None:
            with np.errstate(all="ignore"):
                difference = got.astype(float) - expected.astype(float)
            drawn.append(("got - expected", heat_map(difference, "got - expected", wrong)))
    drawn += [(name, heat_map(array, name)) for name, array in arrays.items()]
    if test.operations:
        drawn.append(("tape", tape(test.leaves, test.operations)))
    return drawn


def array_of(values: Values) -> np.ndarray:
    """Read an array of a record."""
    numbers = [value == "True" for value in values.numbers] if values.dtype == "bool" else values.numbers
    return np.array(numbers, dtype=values.dtype).reshape(values.shape)

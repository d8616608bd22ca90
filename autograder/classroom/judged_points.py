"""nbgrader takes the judge's points: two preprocessors for its autograde step.

`RestoredCells` comes first, and puts back what a submission changed in cells that are not the learner's.
`JudgedPoints` stands between execution and saving.  What cells print, or say of themselves, counts for nothing.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.judge.exercises import ROOT, Part, find_parts
from autograder.judge.failures import CannotGrade
from autograder.judge.outcomes import PASSED
from autograder.judge.record import ExerciseRecord, PartRecord
from autograder.judge.submission import from_path
from autograder.printable import one_line
from autograder.reports import terminal
from autograder.scripts.showing import plain_console

WIDTH = 100


class JudgeFault(Exception):
    """The judge could not grade, through no fault of the submission."""


# Cells


class RestoredCells(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader has no types
    """Make every cell that nbgrader knows what it was released as, there once, with the learner's text in answers."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        names = resources["nbgrader"]
        with Gradebook(names["db_url"]) as gradebook:
            released = list(released_cells(gradebook.find_notebook(names["notebook"], names["assignment"])))
        for change in restore(nb, released):
            self.log.warning("%s of %s: %s", names["assignment"], one_line(names["student"]), change)
        return nb, resources


@dataclass(frozen=True)
class Released:
    """A cell as the gradebook has it."""

    name: str
    source: str
    is_answer: bool
    metadata: dict[str, Any]

    def cell(self, answer: str = "") -> Any:
        """A new one; an answer holds the learner's text."""
        make = new_code_cell if self.metadata["cell_type"] == "code" else new_markdown_cell
        cell = make(answer if self.is_answer else self.source)  # type: ignore[no-untyped-call]
        cell.metadata["nbgrader"] = type(cell)(self.metadata)
        return cell


def released_cells(notebook: Any) -> Iterator[Released]:
    """The cells of a notebook of the gradebook."""
    graded = {cell.name: cell.max_score for cell in notebook.grade_cells}
    answers = {cell.name for cell in notebook.solution_cells}
    for cell in notebook.source_cells:
        metadata = {
            "grade": cell.name in graded,
            "grade_id": cell.name,
            "cell_type": cell.cell_type,
            "solution": cell.name in answers,
            "locked": cell.locked,
            "task": False,
            "schema_version": 3,
            "checksum": cell.checksum,
        }
        points = {"points": graded[cell.name]} if cell.name in graded else {}
        yield Released(cell.name, cell.source, cell.name in answers, metadata | points)


def restore(notebook: Any, released: list[Released]) -> Iterator[str]:
    """Put the released cells back, and say what was changed.  What is missing comes at the end."""
    wanted = {cell.name: cell for cell in released}
    for number, cell in enumerate(notebook.cells):
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if "nbgrader" not in cell.metadata:
            continue
        right = wanted.pop(name, None)
        if right is None:
            yield f"a cell called {name!r} is unknown, or there twice; it counts as an ordinary one"
            cell.metadata.pop("nbgrader")
            continue
        kept = cell.metadata["nbgrader"]
        if {**kept, "checksum": ""} != {**right.metadata, "checksum": ""} or (
            not right.is_answer and cell.source != right.source
        ):
            yield f"the cell {name} was changed; it is put back"
        notebook.cells[number] = right.cell(cell.source)
    for right in wanted.values():
        yield f"the cell {right.name} is missing; it is put at the end"
        notebook.cells.append(right.cell())


# Points


class JudgedPoints(NbGraderPreprocessor):  # type: ignore[misc]
    """Give every graded code cell of a part's assignment the judge's points and report, and save extra credit.

    An assignment that is named after no part is left alone.  Raises JudgeFault where the judge, and not the submission,
    is at fault: nbgrader then says so, and grades this student anew the next time.
    """

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        names = resources["nbgrader"]
        part = next((part for part in find_parts() if part.short_name == names["assignment"]), None)
        if part is None:
            return nb, resources
        course = CourseDirectory(config=self.config)
        submitted = course.format_path(course.submitted_directory, names["student"], names["assignment"])
        refusal, record = "", None
        try:
            record = judge(part, Path(submitted))
        except CannotGrade as error:
            refusal = one_line(str(error))
            self.log.warning("%s of %s: %s", names["assignment"], one_line(names["student"]), refusal)
        graded = {part.exercise(each.id).plain_id: each for each in record.exercises} if record else {}
        for cell in nb.cells:
            about = cell.metadata.get("nbgrader", {})
            if about.get("grade") and not about.get("solution"):
                exercise = graded.get(about["grade_id"])
                cell.outputs = list(outputs(exercise, part) if exercise else nothing(refusal or "not graded"))
        self.save_extra(part, graded, names)
        return nb, resources

    def save_extra(self, part: Part, graded: Mapping[str, ExerciseRecord], names: Mapping[str, str]) -> None:
        """Write what extra exercises earned where nbgrader keeps extra credit."""
        with Gradebook(names["db_url"]) as gradebook:
            for exercise in part.exercises:
                if exercise.extra:
                    name = exercise.plain_id
                    grade = gradebook.find_grade(name, names["notebook"], names["assignment"], names["student"])
                    grade.extra_credit = graded[name].points if name in graded else 0
            gradebook.db.commit()


def judge(part: Part, submitted: Path) -> PartRecord:
    """The judge's record of a hand-in, from a process of its own.

    Raises CannotGrade for a submission without exercise files, JudgeFault for anything else that went wrong.
    """
    from_path(submitted, [part])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "record.json")
        command = [sys.executable, str(ROOT / "autograder" / "run.py"), part.short_name]
        options = ["--submission", str(submitted), "--json", str(path)]
        done = subprocess.run([*command, *options], capture_output=True, encoding="utf-8", check=False)
        if done.returncode != 0 or not path.exists():
            raise JudgeFault(done.stderr or done.stdout)
        return msgspec.json.decode(path.read_bytes(), type=PartRecord)


def outputs(exercise: ExerciseRecord, part: Part) -> Iterator[Any]:
    """The report, and the points as nbgrader reads them: the one value of the cell."""
    text = io.StringIO()
    console = plain_console(file=text, width=WIDTH)
    if exercise.outcome != PASSED and any(test.outcome != PASSED for test in exercise.tests):
        terminal.show_exercise(console, exercise, part)
    else:
        console.print(f"{exercise.id}: {exercise.outcome}. {exercise.message}".rstrip(), markup=False)
    yield new_output("stream", name="stdout", text=text.getvalue().lstrip("\n"))  # type: ignore[no-untyped-call]
    yield points(0 if exercise.extra else exercise.points)


def nothing(why: str) -> Iterator[Any]:
    """No points, and the reason."""
    yield new_output("stream", name="stdout", text=f"{why}\n")  # type: ignore[no-untyped-call]
    yield points(0)


def points(number: float) -> Any:
    """The value of a cell."""
    data = {"text/plain": f"{number:g}"}
    return new_output("execute_result", data=data, execution_count=1)  # type: ignore[no-untyped-call]

"""The walk-through of a part as an nbgrader assignment: questions to be answered, and a graded cell for each exercise.

The assignment's folder is a handout of the part, with the notebook at its top.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

from autograder.authoring.handouts import Files, collect
from autograder.authoring.leaks import leaks
from autograder.authoring.notebooks import Notebook, read, text
from autograder.authoring.stub_files import HandoutError
from autograder.judge.exercises import Exercise, Part, find_part
from autograder.judge.handed_out import MANIFEST

QUESTION = "question"  # the tag of a cell that asks one
QUESTION_POINTS = 5
_JUDGED = """\
## What the judge says

Each cell below grades one exercise of your files, as `python autograder/run.py {part}` does.
Run them as often as you like; what counts is what the judge finds in the files that you hand in, whatever they say.
"""
_SCHEMA = 3  # of nbgrader's metadata


def files_of(root: Path, name: str) -> Files:
    """Every file of a part's assignment.  Raises HandoutError as `collect` and `read` do, and for an answer in it."""
    part = find_part(name, root)
    handout = collect(root, [part.name])
    files = handout.files
    notebook = assignment(read(root / "notebooks" / f"{part.short_name}.py"), part)
    files[f"{part.short_name}.ipynb"] = text(notebook).encode()
    for name in (MANIFEST, f"notebooks/{part.short_name}.ipynb"):
        del files[name]
    if found := leaks(files, handout.secret_lines):
        raise HandoutError("\n".join(found))
    return files


def assignment(notebook: Notebook, part: Part) -> Notebook:
    """The notebook, with a cell for each answer and each exercise."""
    notebook.cells = [*_with_answers(notebook.cells), _markdown(_JUDGED.format(part=part.short_name), "judge"),
                      *(_graded(part, exercise) for exercise in part.exercises)]  # fmt: skip
    notebook.nbformat_minor = max(notebook.nbformat_minor, 5)  # cells have ids
    return notebook


def _with_answers(cells: list[Any]) -> Iterator[Any]:
    number = 0
    for cell in cells:
        yield cell
        if QUESTION in cell.metadata.get("tags", []):
            number += 1
            cell.metadata["nbgrader"] = _metadata(f"question-{number}", "markdown", locked=True)
            answer = _markdown("Your answer", f"answer-{number}")
            answer.metadata["nbgrader"] = _metadata(
                f"answer-{number}", "markdown", grade=True, solution=True, points=QUESTION_POINTS
            )
            yield answer


def _graded(part: Part, exercise: Exercise) -> Any:
    """Grade an extra exercise as extra credit, so that the others sum to 100."""
    points = 0 if exercise.extra else exercise.points
    source = (
        "from autograder.scripts.practice import practise\n\n"
        f'practise("{part.short_name}", "{exercise.id}")  # {exercise.summary}'
    )
    cell = nbformat.v4.new_code_cell(source, id=exercise.plain_id[:64])  # type: ignore[no-untyped-call]
    cell.metadata["nbgrader"] = _metadata(exercise.plain_id, "code", grade=True, locked=True, points=points)
    return cell


def _markdown(source: str, name: str) -> Any:
    return nbformat.v4.new_markdown_cell(source, id=name)  # type: ignore[no-untyped-call]


def _metadata(
    name: str, cell_type: str, *, grade: bool = False, solution: bool = False, locked: bool = False, points: float = 0
) -> dict[str, Any]:
    metadata = {"grade": grade, "solution": solution, "locked": locked, "task": False, "grade_id": name}
    return metadata | {"cell_type": cell_type, "schema_version": _SCHEMA} | ({"points": points} if grade else {})

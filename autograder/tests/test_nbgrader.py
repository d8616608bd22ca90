"""A class with nbgrader: a release without answers, and the judge's points for whatever is handed in."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("nbgrader", reason="the extra notebooks is not installed")

from autograder.authoring.assignments import QUESTION_POINTS, assignment, files_of
from autograder.authoring.notebooks import read
from autograder.classroom.judged_points import Released, restore
from autograder.judge.exercises import ROOT, Part
from autograder.tests.courses import Course, make_course
from autograder.tests.test_exercises import every_part
from autograder.tests.toy import SOLUTION

WALK = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: SfraTorch
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Part 1, looked at
#
# What twice is.

# %% tags=["try"]
print(1 + 1)

# %% [markdown] tags=["question"]
# What is twice two?
"""
WRONG = SOLUTION["toy.py"].replace("2.0 * x", "-2.0 * x")


# The assignment


@every_part
def test_every_part_has_an_assignment(part: Part) -> None:
    """Three questions to answer, every exercise graded; the points are part.toml's."""
    notebook = assignment(read(ROOT / "notebooks" / f"{part.short_name}.py"), part)
    graded = [cell.metadata.nbgrader for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    answers = [about for about in graded if about["solution"]]
    assert [about["points"] for about in answers] == [QUESTION_POINTS] * 3
    judged = {about["grade_id"]: about["points"] for about in graded if not about["solution"]}
    assert judged == {each.plain_id: 0 if each.extra else each.points for each in part.exercises}
    assert all(name.replace("-", "").replace("_", "").isalnum() for name in judged)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


@every_part
def test_an_assignment_is_a_handout_with_its_notebook_on_top(part: Part) -> None:
    """It holds no answer, or files_of would refuse it."""
    files = files_of(ROOT, part.short_name)
    needed = ("autograder/run.py", "notebooks/look.mplstyle", *(f"{part.name}/{file}" for file in part.files))
    assert {*needed, f"{part.short_name}.ipynb"} <= files.keys()
    assert not [
        name for name in files if "solution/" in name or "manifest" in name or name.startswith("notebooks/part")
    ]
    assert not any(cell.get("outputs") for cell in json.loads(files[f"{part.short_name}.ipynb"])["cells"])


# Cells that were changed


def released(name: str, is_answer: bool = False) -> Released:
    metadata = {
        "grade": True,
        "grade_id": name,
        "points": 4.0,
        "cell_type": "markdown" if is_answer else "code",
        "solution": is_answer,
        "locked": not is_answer,
        "task": False,
        "schema_version": 3,
        "checksum": "x",
    }
    return Released(name, f"source of {name}", is_answer, metadata)


CELLS = [released("first"), released("answer", is_answer=True), released("last")]


def handed_in(*cells: Any) -> Any:
    from nbformat.v4 import new_notebook

    return new_notebook(cells=list(cells))


def test_cells_as_they_were_released_stay() -> None:
    notebook = handed_in(*(cell.cell("my answer") for cell in CELLS))
    assert list(restore(notebook, CELLS)) == []
    assert [cell.source for cell in notebook.cells] == ["source of first", "my answer", "source of last"]


def changed(cell: Any, **metadata: Any) -> Any:
    cell.metadata["nbgrader"] |= metadata
    return cell


@pytest.mark.parametrize(
    "metadata",
    [{"points": 1000}, {"grade": False}, {"solution": True}, {"locked": False}, {"task": True}, {"points": -1}],
)
def test_what_a_cell_says_of_itself_is_put_back(metadata: dict[str, Any]) -> None:
    notebook = handed_in(changed(CELLS[0].cell(), **metadata), CELLS[1].cell("mine"), CELLS[2].cell())
    assert list(restore(notebook, CELLS)) == ["the cell first was changed; it is put back"]
    assert [dict(cell.metadata.nbgrader) for cell in notebook.cells] == [cell.metadata for cell in CELLS]


def test_an_answer_keeps_its_text_whatever_kind_of_cell_it_became() -> None:
    from nbformat.v4 import new_code_cell

    cell = new_code_cell("mine")
    cell.metadata["nbgrader"] = CELLS[1].cell().metadata["nbgrader"] | {"cell_type": "code"}
    notebook = handed_in(CELLS[0].cell(), cell, CELLS[2].cell())
    assert list(restore(notebook, CELLS)) == ["the cell answer was changed; it is put back"]
    assert (notebook.cells[1].cell_type, notebook.cells[1].source) == ("markdown", "mine")


def test_deleted_doubled_and_reordered_cells_are_there_once() -> None:
    stranger = changed(released("stranger").cell())
    notebook = handed_in(CELLS[2].cell(), stranger, CELLS[1].cell("mine"), CELLS[2].cell())
    assert list(restore(notebook, CELLS)) == [
        "a cell called 'stranger' is unknown, or there twice; it counts as an ordinary one",
        "a cell called 'last' is unknown, or there twice; it counts as an ordinary one",
        "the cell first is missing; it is put at the end",
    ]
    names = [cell.metadata["nbgrader"]["grade_id"] for cell in notebook.cells if "nbgrader" in cell.metadata]
    assert names == ["last", "answer", "first"]


# A class


class Class:
    """An nbgrader course of the toy part, released."""

    def __init__(self, course: Course) -> None:
        self.course, self.folder = course, course.root / "notebooks"

    def nbgrader(self, *arguments: str) -> str:
        """Run the command, which must succeed; give what it prints."""
        left_out = ("SFRATORCH", "PYTEST", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        command = [sys.executable, "-m", "nbgrader", *arguments]
        environment = kept | {"SFRATORCH_NO_BOOTSTRAP": "1"}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    def hand_in(
        self, student: str, files: dict[str, str], change: Callable[[Any], None] = lambda notebook: None
    ) -> None:
        """The release with these exercise files, and a notebook that was changed so."""
        folder = self.folder / "submitted" / student / "part1"
        shutil.copytree(self.folder / "release" / "part1", folder)
        for name, source in files.items():
            (folder / "part1_toy" / name).write_text(source, encoding="utf-8")
        notebook = json.loads((folder / "part1.ipynb").read_bytes())
        change(notebook)
        (folder / "part1.ipynb").write_text(json.dumps(notebook), encoding="utf-8")

    def grades(self) -> dict[str, tuple[float, float]]:
        """Score and maximum of every student, as exported."""
        self.nbgrader("export")
        with (self.folder / "grades.csv").open(encoding="utf-8", newline="") as file:
            return {row["student_id"]: (float(row["score"]), float(row["max_score"])) for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def toy_class(tmp_path_factory: pytest.TempPathFactory) -> Class:
    course = make_course(tmp_path_factory.mktemp("house"))
    for name in ("build.py", "nbgrader_config.py", "look.mplstyle"):
        (course.root / "notebooks").mkdir(exist_ok=True)
        shutil.copyfile(ROOT / "notebooks" / name, course.root / "notebooks" / name)
    course.write({"notebooks/part1.py": WALK})
    course.commit()
    done = course.command("../notebooks/build.py", "part1", "--assignment")
    assert (done.returncode, done.stderr) == (0, "")
    made = Class(course)
    made.nbgrader("generate_assignment", "part1")
    return made


def hostile(notebook: Any) -> None:
    """Every trick of a cell: it prints points, says that it is worth more, is no longer graded, is gone."""
    named = {cell["metadata"].get("nbgrader", {}).get("grade_id"): cell for cell in notebook["cells"]}
    named["toy-double"]["source"] = "40.0"
    named["toy-double"]["metadata"]["nbgrader"]["points"] = 1000
    named["toy-scale"]["source"] = "import sys, numpy\nsys.modules['autograder'] = numpy.testing = None\n20.0"
    named["toy-scale"]["metadata"]["nbgrader"]["grade"] = False
    notebook["cells"] = [cell for cell in notebook["cells"] if cell is not named["other-shift"]]
    notebook["cells"].append(named["toy-double"])


@pytest.mark.slow
def test_a_class_gets_the_judges_points(toy_class: Class) -> None:
    release = toy_class.folder / "release" / "part1"
    texts = [path.read_bytes() for path in release.rglob("*") if path.is_file()]
    assert not any(b"return 2.0 * x" in text or b"factor * x\n" in text for text in texts)
    notebook = json.loads((release / "part1.ipynb").read_bytes())
    answers = [cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("solution")]
    assert ["".join(cell["source"]) for cell in answers] == ["YOUR ANSWER HERE"]

    def answer(notebook: Any) -> None:
        next(cell for cell in notebook["cells"] if cell.get("id") == "answer-1")["source"] = "Four."

    toy_class.hand_in("right", SOLUTION, answer)
    toy_class.hand_in("Zoë O'Neil-2", {"toy.py": SOLUTION["toy.py"]})
    toy_class.hand_in("wrong", {"toy.py": WRONG})
    toy_class.hand_in("empty", {})
    toy_class.hand_in("hostile", {}, hostile)
    toy_class.hand_in("fileless", {})
    shutil.rmtree(toy_class.folder / "submitted/fileless/part1/part1_toy")
    said = toy_class.nbgrader("autograde", "part1")
    points = 100.0 + QUESTION_POINTS
    assert toy_class.grades() == {
        "right": (100.0, points),
        "Zoë O'Neil-2": (60.0, points),
        "wrong": (20.0, points),
        "empty": (0.0, points),
        "hostile": (0.0, points),
        "fileless": (0.0, points),
    }
    assert "part1 of hostile: the cell toy-double was changed; it is put back" in said
    assert "part1 of hostile: the cell other-shift is missing; it is put at the end" in said
    assert "part1 of fileless: --submission must hold exercise files" in said
    assert not [line for line in said.splitlines() if "Warning" in line]
    toy_class.nbgrader("generate_feedback", "part1")
    page = (toy_class.folder / "feedback/wrong/part1/part1.html").read_text(encoding="utf-8")
    assert "double gives 2 x." in page
    assert "smallest failing input" in page


@pytest.mark.slow
def test_a_fault_of_the_judge_is_no_grade(toy_class: Class) -> None:
    """nbgrader names the student, and grades again the next time."""
    toy_class.hand_in("unlucky", SOLUTION)
    tests = toy_class.course.root / "part1_toy/tests/test_other.py"
    source = tests.read_text(encoding="utf-8")
    tests.write_text(source.replace("candidate.run(other.run_shift, x=x)", "1 / 0"), encoding="utf-8")
    with pytest.raises(AssertionError, match="for student 'unlucky'"):
        toy_class.nbgrader("autograde", "part1", "--student", "unlucky")
    tests.write_text(source, encoding="utf-8")
    toy_class.nbgrader("autograde", "part1", "--student", "unlucky")
    assert toy_class.grades()["unlucky"][0] == 100.0

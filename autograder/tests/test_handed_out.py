"""Practice and hand-in agree: whatever is not handed in is graded as it was given, and is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from autograder.tests.courses import Course, git, make_course
from autograder.tests.toy import SOLUTION

WITH_HELPER = "from part1_toy import helper\n" + SOLUTION["toy.py"].replace("2.0 * x", "helper.TWO * x")
WITH_MODULE = "from part1_toy.module import LARGEST\n" + SOLUTION["toy.py"].replace("2.0 * x", "LARGEST * x")


@pytest.fixture(scope="module")
def courses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Course]:
    """A clone, a handout that is in no repository, a handout that is in somebody's, and a download of the course."""
    clone = make_course(tmp_path_factory.mktemp("house"))
    folder = clone.root.parent
    assert clone.handout("part1", "--to", folder / "handout").returncode == 0
    shutil.copytree(folder / "handout", folder / "somebody's")
    shutil.copytree(clone.root, folder / "download", ignore=shutil.ignore_patterns(".git"))
    courses = {name: Course(folder / name) for name in ("handout", "somebody's", "download")}
    git(courses["somebody's"].root, "init", "--quiet")
    return {"clone": clone, **courses}


@pytest.fixture(params=["clone", "handout", "somebody's", "download"])
def course(request: pytest.FixtureRequest, courses: dict[str, Course], tmp_path: Path) -> Course:
    shutil.copytree(courses[request.param].root, tmp_path / request.param)
    return Course(tmp_path / request.param)


def graded(course: Course, *arguments: str | Path) -> tuple[float, list[str]]:
    """The points of toy.double, and what is said not to count."""
    done = course.run("part1", "-e", "toy.double", "--json", "record.json", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    record = json.loads((course.root / "record.json").read_bytes())
    for name in record["ignored_files"]:
        assert name in done.stdout.replace("\n", "")
    return record["points"], record["ignored_files"]


def test_a_helper_beside_an_exercise_counts_neither_here_nor_there(course: Course) -> None:
    course.write({"part1_toy/toy.py": WITH_HELPER, "part1_toy/helper.py": "TWO = 2.0\n"})
    points, not_counted = graded(course, "--pack", "hand-in.zip")
    assert (points, not_counted) == (0, ["part1_toy/helper.py"])
    assert graded(course, "--submission", course.root / "hand-in.zip")[0] == 0


def test_a_given_module_is_graded_as_it_was_given(course: Course) -> None:
    course.write({"part1_toy/toy.py": WITH_MODULE})
    assert graded(course) == (40, [])
    course.write({"part1_toy/module.py": "LARGEST = 3.0\n"})
    points, not_counted = graded(course)
    if course.root.name == "download":  # nobody knows what it was
        assert (points, not_counted) == (0, [])
    else:
        assert (points, not_counted) == (40, ["part1_toy/module.py (not as handed out)"])


def test_what_else_is_changed_or_added_is_named(course: Course) -> None:
    course.write({"part1_toy/toy.py": SOLUTION["toy.py"], "part1_toy/tests/test_toy.py": "# mine\n"})
    course.write({"part1_toy/data/x.txt": "", "part1_toy/__pycache__/x.pyc": ""})
    done = course.run("part1", "-e", "other.shift", "--json", "record.json")
    assert (done.returncode, done.stderr) == (0, "")
    expected = ["part1_toy/data/x.txt", "part1_toy/tests/test_toy.py (not as handed out)"]
    not_counted = json.loads((course.root / "record.json").read_bytes())["ignored_files"]
    assert not_counted == ([] if course.root.name == "download" else expected)


def test_a_part_that_came_finished_is_built_on_as_it_was_given(courses: dict[str, Course], tmp_path: Path) -> None:
    shutil.copytree(courses["clone"].root, tmp_path / "course")
    course, mine = Course(tmp_path / "course"), Course(tmp_path / "mine")
    toml = (course.root / "part2_next/part.toml").read_text(encoding="utf-8")
    course.write({"part2_next/part.toml": toml.replace('["numpy"]', '["numpy", "part1_toy"]')})
    assert course.handout("part2", "--with-reference", "part1", "--to", mine.root).returncode == 0
    finished = (mine.root / "part1_toy/toy.py").read_text(encoding="utf-8")
    source = SOLUTION["toy.py"].replace("import numpy as np", "import numpy as np\n\nfrom part1_toy import toy")
    mine.write({"part2_next/toy.py": source.replace("2.0 * x", "toy.double(x)")})
    mine.write({"part1_toy/toy.py": finished.replace("2.0 * x", "3.0 * x")})
    changed = "part1_toy/toy.py (not as handed out)"
    for upstream, points, not_counted in (("reference", 40, [changed]), ("own", 0, [])):
        arguments = ("-e", "toy.double", "--json", "record.json", "--upstream", upstream)
        assert mine.run("part2", *arguments).returncode == 0
        record = json.loads((mine.root / "record.json").read_bytes())
        assert (record["points"], record["ignored_files"]) == (points, not_counted)


def test_git_on_windows_leaves_a_handout_as_it_was_given(courses: dict[str, Course], tmp_path: Path) -> None:
    shutil.copytree(courses["somebody's"].root, tmp_path / "pushed")
    Course(tmp_path / "pushed").commit()
    git(tmp_path, "clone", "--quiet", "--config", "core.autocrlf=true", "pushed", "on Windows")
    assert graded(Course(tmp_path / "on Windows")) == (0, [])


def test_an_untouched_folder_has_nothing_to_name(course: Course) -> None:
    assert graded(course) == (0, [])

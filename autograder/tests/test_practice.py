"""A learner's loop, as it is typed: what is remembered, hints, the map, and two texts side by side."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from autograder.judge.exercises import Part
from autograder.judge.failures import CannotGrade
from autograder.practice import comparing, course_map
from autograder.practice.course_map import standing
from autograder.practice.progress import ExerciseProgress, PartProgress
from autograder.tests.test_commands import WRONG, Tree, make_tree
from autograder.tests.toy import SOLUTION, make_toy_part


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return make_tree(tmp_path)


@pytest.fixture
def part(tmp_path: Path) -> Part:
    return make_toy_part(tmp_path)


# What is remembered


def rows(output: str) -> dict[str, str]:
    """The outcome of every exercise of the table."""
    lines = (line.split() for line in output.splitlines() if line[:1] in "✓✗·" and "/" in line)
    return {line[1]: " ".join(line[5:7]).removesuffix(line[6]).strip() or line[5] for line in lines}


def test_what_passed_is_not_run_again_until_something_changes(tree: Tree) -> None:
    tree.write(SOLUTION)
    first = tree.run("part1")
    assert "seed" in first.stdout
    again = tree.run("part1")
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.count("passed before") == 3
    assert "100 / 100 points" in again.stdout
    assert "seed" not in again.stdout
    assert "practice: all of it is remembered, and nothing has changed since" in again.stdout

    tree.write({"toy.py": WRONG})
    changed = tree.run("part1")
    assert changed.stdout.count("passed before") == 2
    assert "✗ toy.double   0 / 40   2 x" in changed.stdout
    assert "practice: remembered, and not run again: 2 of 3 exercises" in changed.stdout

    tree.write(SOLUTION)
    back = tree.run("part1")
    assert "newly green: toy.double" in back.stdout
    assert back.stdout.count("passed before") == 2, "only what failed is run again"

    tree.write({"toy.py": "# at the top of the file\n" + SOLUTION["toy.py"]})
    assert tree.run("part1").stdout.count("passed before") == 1, "what is imported touches all that share its file"


@pytest.mark.parametrize(
    "asked",
    ["--fresh", "--seed 3", "--examples 4", "--profile grading", "-e toy.double", "--fail-under 10", "--markdown x.md"],
)
def test_what_is_asked_for_is_run(tree: Tree, asked: str) -> None:
    tree.write(SOLUTION)
    tree.run("part1", "--examples", "2")
    done = tree.run("part1", *asked.split())
    assert (done.returncode, done.stderr) == (0, "")
    assert "passed before" not in done.stdout
    assert "(in place, seed " in done.stdout


def test_a_record_holds_nothing_that_was_not_found_out(tree: Tree) -> None:
    tree.write(SOLUTION)
    tree.run("part1", "--examples", "2")
    record = tree.graded("part1", "--examples", "2")
    assert all(exercise["tests"] for exercise in record["exercises"])
    assert not any(exercise["is_remembered"] for exercise in record["exercises"])


def test_another_version_of_what_is_remembered_is_said_once(tree: Tree) -> None:
    tree.write(SOLUTION)
    path = tree.root / ".sfratorch" / "part1_toy.json"
    path.parent.mkdir()
    path.write_text('{"outcomes": {"toy.double": "passed"}, "failing": {}, "tests": ""}', encoding="utf-8")
    first, second = tree.run("part1"), tree.run("part1")
    said = "what was remembered of part1_toy is damaged or of another version: it is begun anew."
    assert (said in first.stdout, said in second.stdout) == (True, False)


def test_after_full_marks_the_next_steps_are_said(tree: Tree) -> None:
    make_toy_part(tree.root, "part2_toy")
    tree.write(SOLUTION)
    lines = tree.run("part1").stdout.splitlines()
    assert lines[lines.index("Everything passes.") + 1 :][:3] == [
        "compare:       python autograder/run.py part1 --compare toy.double",
        "hand in:       python autograder/run.py part1 --pack",
        "go on:         python autograder/run.py part2",
    ]
    shutil.rmtree(tree.part.folder / "solution")
    assert "--compare" not in tree.run("part1", "--fresh").stdout


def test_several_exercises_may_follow_one_e(tree: Tree) -> None:
    record = tree.graded("part1", "--solution", "-e", "other.shift", "toy.scale")
    assert [exercise["id"] for exercise in record["exercises"]] == ["toy.scale", "other.shift"]
    record = tree.graded("part1", "--solution", "--exercise", "other.shift", "toy.scale")
    assert [exercise["id"] for exercise in record["exercises"]] == ["toy.scale", "other.shift"]
    record = tree.graded("-e", "toy.scale", "part1", "--solution")
    assert [exercise["id"] for exercise in record["exercises"]] == ["toy.scale"]


# Hints


def test_hints_come_one_at_a_time_and_are_counted(tree: Tree) -> None:
    told = [tree.run("part1", "--hint", "toy.double").stdout.splitlines() for _ in range(3)]
    assert told[0] == [
        "toy.double, hint 1 of 2: Multiply.",
        "One more: python autograder/run.py part1 --hint toy.double",
    ]
    assert told[1][0] == "toy.double, hint 2 of 2: Multiply by two."
    assert told[1][1].startswith("More about it: part1_toy/README.md")
    assert told[2][0] == "toy.double has no other hint; once more:"
    assert told[2][1:] == [told[0][0], *told[1]]
    tree.write({"toy.py": WRONG})
    record = tree.graded("part1")
    assert [exercise["hints_used"] for exercise in record["exercises"]] == [2, 0, 0]
    assert "2 of 2 shown" in tree.run("part1").stdout


def test_a_hint_says_that_what_was_remembered_is_damaged(tree: Tree) -> None:
    path = tree.root / ".sfratorch" / "part1_toy.json"
    path.parent.mkdir()
    path.write_text("{", encoding="utf-8")
    told = [tree.run("part1", "--hint", "toy.double").stdout for _ in range(2)]
    assert ["is damaged or of another version: it is begun anew." in text for text in told] == [True, False]
    assert ["hint 1 of 2" in told[0], "hint 2 of 2" in told[1]] == [True, True]


def test_where_no_hint_can_be_remembered_all_are_given(tree: Tree) -> None:
    (tree.root / ".sfratorch").write_text("a file", encoding="utf-8")
    told = tree.run("part1", "--hint", "toy.double").stdout.splitlines()
    assert told[0].startswith(".sfratorch cannot be written, and what was shown is not remembered; all hints:")
    assert [line.split(":")[0] for line in told[1:3]] == ["toy.double, hint 1 of 2", "toy.double, hint 2 of 2"]


def test_a_hint_is_no_outcome(tree: Tree) -> None:
    tree.run("part1", "--hint", "toy.double")
    assert "0 / 100" in tree.run("map").stdout
    remembered = json.loads((tree.root / ".sfratorch" / "part1_toy.json").read_text(encoding="utf-8"))
    assert remembered["exercises"]["toy.double"]["outcome"] == "not attempted"


# The map


def test_the_map_says_what_is_done_begun_and_open_and_where_to_go_on(tree: Tree) -> None:
    make_toy_part(tree.root, "part2_toy")
    tree.write({"toy.py": SOLUTION["toy.py"].replace("factor * x", "x")})
    tree.run("part1")
    for arguments in ([], ["map"]):
        lines = [line.split() for line in tree.run(*arguments).stdout.splitlines()]
        assert lines[0] == ["part", "points", "done", "begun", "open"]
        assert lines[1] == ["part1", "Toy", "40", "/", "100", "1", "1", "1"]
        assert lines[2] == ["part2", "Toy", "0", "/", "100", "0", "0", "3"]
        assert lines[3][:3] == ["Next:", "part1_toy/toy.py", "toy.scale"]


def test_a_part_whose_every_exercise_passed_is_done(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    passed = {exercise.id: ExerciseProgress("passed", exercise.points) for exercise in part.exercises}
    one = standing(part, PartProgress(passed))
    assert (one.done, one.begun, one.points, one.following) == (3, 0, 100, None)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_map_fits_every_terminal(part: Part, width: int) -> None:
    console = Console(width=width, record=True, file=open("/dev/null", "w"), force_terminal=True)  # noqa: SIM115
    course_map.show(console, [part])
    assert max(map(len, console.export_text().splitlines())) <= width


# Side by side


@pytest.mark.parametrize("width", [80, 160])
def test_both_texts_of_an_exercise_are_shown(part: Part, width: int) -> None:
    own = "".join(line for line in WRONG.splitlines(keepends=True) if "###" not in line)
    (part.folder / "toy.py").write_text(own, encoding="utf-8")
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    comparing.show(console, part, part.exercise("toy.double"))
    text = console.export_text()
    assert "double in " in text
    assert text.index("yours") < text.index("the reference")
    lines = [line for line in text.splitlines() if "return" in line]
    assert len(lines) == (1 if width == 160 else 2)
    assert "return -2.0 * x" in lines[0]
    assert "return 2.0 * x" in lines[-1]
    assert "scale" not in text
    assert "###" not in text


def test_where_there_is_no_reference_there_is_nothing_to_compare_with(part: Part) -> None:
    shutil.rmtree(part.folder / "solution")
    with pytest.raises(CannotGrade, match="a handout does not hold it"):
        comparing.show(Console(), part, part.exercise("toy.double"))


def test_a_file_that_does_not_parse_is_named(part: Part) -> None:
    (part.folder / "toy.py").write_text("def double(x:\n", encoding="utf-8")
    with pytest.raises(CannotGrade, match=r"toy\.py must be valid Python"):
        comparing.show(Console(), part, part.exercise("toy.double"))

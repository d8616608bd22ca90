"""A digest of what an exercise depends on changes with that, and with nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from autograder.judge.collection import find_tests
from autograder.judge.exercises import ROOT, Part, find_parts
from autograder.judge.staging import staged_files
from autograder.judge.submission import reference
from autograder.practice import dependencies as module
from autograder.practice.dependencies import dependencies
from autograder.testing.marks import marked_exercises
from autograder.tests.test_exercises import every_part
from autograder.tests.toy import SOLUTION, handed_in, make_toy_part


@pytest.fixture
def part(tmp_path: Path) -> Part:
    return make_toy_part(tmp_path)


def digests(part: Part, files: Mapping[str, str] | None = None) -> dict[str, str]:
    submission = handed_in(part, {**(files or {})})
    return dependencies(part, staged_files(part, submission, root=part.folder.parent).contents)


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


def test_the_same_files_have_the_same_digests(part: Part) -> None:
    assert digests(part) == digests(part)
    assert set(digests(part)) == {"toy.double", "toy.scale", "other.shift"}


@pytest.mark.parametrize(("file", "touched"), [("toy.py", {"toy.double", "toy.scale"}), ("other.py", {"other.shift"})])
def test_a_changed_file_touches_its_own_exercises(part: Part, file: str, touched: set[str]) -> None:
    assert changed(digests(part), digests(part, {file: SOLUTION[file] + "# more\n"})) == touched


def test_a_file_that_another_imports_touches_that_one_too(part: Part) -> None:
    imports = {"other.py": f"from {part.name}.toy import double\n" + SOLUTION["other.py"]}
    before = digests(part, imports)
    after = digests(part, imports | {"toy.py": SOLUTION["toy.py"] + "# more\n"})
    assert changed(before, after) == {"toy.double", "toy.scale", "other.shift"}


@pytest.mark.parametrize("file", ["probe_other.py", "test_other.py", "test_toy.py", "__init__.py"])
def test_a_changed_test_touches_all_and_a_changed_probe_what_is_tested_with_it(part: Part, file: str) -> None:
    before = digests(part)
    path = part.folder / "tests" / file
    path.write_text(path.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    assert changed(before, digests(part)) == set(before)


def test_another_version_of_what_it_stands_on_touches_all(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digests(part)
    monkeypatch.setattr(module, "versions", lambda: {"numpy": "0"})
    assert changed(before, digests(part)) == set(before)


def test_a_changed_grader_touches_all(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digests(part)
    monkeypatch.setattr(module, "_GRADER", ("judge", "testing"))
    assert changed(before, digests(part)) == set(before)


@every_part
def test_marks_and_probes_are_told_without_importing(part: Part) -> None:
    marked: dict[str, set[str]] = {}
    for test in find_tests(part):
        marked.setdefault(test.path.name, set()).add(test.exercise)
    paths = (part.folder / "tests").glob("test_*.py")
    assert {path.name: marked_exercises(path.read_text(encoding="utf-8")) for path in paths} == marked
    for path in (part.folder / "tests").glob("test_*.py"):
        source = path.read_text(encoding="utf-8")
        assert len(re.findall(r"\bprobes\(", source)) == len(module._PROBES.findall(source)), path.name


@every_part
def test_what_every_part_gives_the_worker_can_be_digested(part: Part) -> None:
    """Every exercise depends on its own file, and part 2's stack on its layers, to name one."""
    staged = staged_files(part, reference(find_parts()), root=ROOT).contents
    before = dependencies(part, staged)
    for exercise in part.exercises:
        path = f"{part.name}/{exercise.file}"
        touched = changed(before, dependencies(part, {**staged, path: staged[path] + b"# more"}))
        assert {other.id for other in part.exercises if other.file == exercise.file} <= touched
        assert {other.id for other in part.exercises if exercise.id in part.all_needs[other.id]} <= touched

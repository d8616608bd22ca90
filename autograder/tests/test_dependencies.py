"""A digest of what an exercise depends on changes with that, and with nothing else."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from autograder.judge.collection import find_tests
from autograder.judge.exercises import ROOT, Part, find_parts
from autograder.judge.staging import name_of, staged_files
from autograder.judge.submission import reference
from autograder.practice import dependencies as module
from autograder.practice.dependencies import dependencies
from autograder.testing.marks import marked_exercises
from autograder.tests.test_exercises import every_part
from autograder.tests.toy import SOLUTION, handed_in, make_toy_part


@pytest.fixture
def part(tmp_path: Path) -> Part:
    return make_toy_part(tmp_path)


def digests(
    part: Part,
    files: Mapping[str, str | bytes] | None = None,
    reached: Mapping[str, Collection[str] | None] | None = None,
) -> dict[str, str]:
    submission = handed_in(part, {**(files or {})})
    return dependencies(part, staged_files(part, submission, root=part.folder.parent).contents, reached or {})


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


# What is known to have run

REACHED = {"toy.double": ["double"], "toy.scale": ["scale", "double"], "other.shift": ["shift"]}


def reached_in(part: Part) -> dict[str, list[str]]:
    modules = {exercise.id: name_of(f"{part.name}/{exercise.file}") for exercise in part.exercises}
    return {exercise: [f"{modules[exercise]}:{name}" for name in names] for exercise, names in REACHED.items()}


@pytest.mark.parametrize(
    ("before", "after", "touched"),
    [
        ("return 2.0 * x", "return x + x", {"toy.double", "toy.scale"}),
        ("return factor * x", "return x * factor", {"toy.scale"}),
        ("return factor * x", "y = factor * x\n    return y", {"toy.scale"}),
        ("return factor * x", "import numpy.linalg\n    return factor * x", {"toy.double", "toy.scale"}),
        ("def scale(x, factor)", "def scale(x, factor=None)", {"toy.double", "toy.scale"}),
        ("import numpy as np", "import numpy as np\n\nTWO = 2", {"toy.double", "toy.scale"}),
        ("return factor * x", "return factor * x)", {"toy.double", "toy.scale"}),
    ],
)
def test_a_change_in_a_function_touches_those_that_have_run_it(
    part: Part, before: str, after: str, touched: set[str]
) -> None:
    """What runs or is looked at when the file is imported touches all: heads, imports, whether it is Python at all."""
    source = SOLUTION["toy.py"]
    assert before in source
    known = reached_in(part)
    assert (
        changed(digests(part, reached=known), digests(part, {"toy.py": source.replace(before, after)}, known))
        == touched
    )


def test_a_function_that_is_gone_touches_those_that_have_run_it_wherever_it_stood(part: Part) -> None:
    toy = "\n".join([SOLUTION["toy.py"], "if True:", "    def helper(x):", "        return x", ""])
    known = reached_in(part)
    known["toy.double"].append(f"{part.name}.toy:helper")
    touched = changed(digests(part, {"toy.py": toy}, known), digests(part, {"toy.py": SOLUTION["toy.py"]}, known))
    assert touched == {"toy.double", "toy.scale"}


def test_where_nothing_is_known_the_whole_file_counts(part: Part) -> None:
    known = {**reached_in(part), "toy.double": None}
    after = {"toy.py": SOLUTION["toy.py"].replace("return factor * x", "return x * factor")}
    assert changed(digests(part, reached=known), digests(part, after, known)) == {"toy.double", "toy.scale"}


@pytest.mark.parametrize(
    "source",
    [
        "\r".join(SOLUTION["toy.py"].split("\n")),
        "def double(x):\n    return " + "(" * 5000,
        "\0",
        b"\xff",
        "def f(): return 1",
    ],
)
def test_no_file_is_too_odd_to_be_digested(part: Part, source: str | bytes) -> None:
    known = reached_in(part)
    before, after = digests(part, reached=known), digests(part, {"toy.py": source}, known)
    assert changed(before, after) == {"toy.double", "toy.scale"}


def test_warnings_of_a_file_are_not_the_judges_to_say(part: Part, recwarn: pytest.WarningsRecorder) -> None:
    digests(part, {"toy.py": SOLUTION["toy.py"] + "\nPATTERN = '\\d'\n"}, reached_in(part))
    assert list(recwarn) == []


def test_getter_and_setter_of_one_name_count_both(part: Part) -> None:
    getter = "\n\nclass A:\n    @property\n    def a(self):\n        return 1\n\n"
    setter = "    @a.setter\n    def a(self, value):\n        pass\n"
    toy, known = SOLUTION["toy.py"] + getter + setter, {"toy.double": [f"{part.name}.toy:A.a"]}
    known |= {name: functions for name, functions in reached_in(part).items() if name != "toy.double"}
    for before, after in (("return 1", "return 2"), ("        pass", "        return")):
        other = {"toy.py": toy.replace(before, after)}
        assert changed(digests(part, {"toy.py": toy}, known), digests(part, other, known)) == {"toy.double"}


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
    before = dependencies(part, staged, {})
    for exercise in part.exercises:
        path = f"{part.name}/{exercise.file}"
        touched = changed(before, dependencies(part, {**staged, path: staged[path] + b"# more"}, {}))
        assert {other.id for other in part.exercises if other.file == exercise.file} <= touched
        assert {other.id for other in part.exercises if exercise.id in part.all_needs[other.id]} <= touched

"""part.toml is read strictly, and every part's part.toml, tests, files and README are held together."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.authoring.stubs import regions
from autograder.judge.collection import Collection, collect, find_tests
from autograder.judge.exercises import Exercise, Part, earlier_parts, find_part, find_parts, load_part
from autograder.judge.failures import CannotGrade
from autograder.testing.marks import mark_of
from autograder.testing.probes import ProbeModule
from autograder.worker import scan, wire

PARTS = find_parts()
every_part = pytest.mark.parametrize("part", PARTS, ids=lambda part: part.short_name)
every_reference = pytest.mark.parametrize(
    "part", [part for part in PARTS if (part.folder / "solution").is_dir()], ids=lambda part: part.short_name
)


@functools.cache
def collected(folder: Path) -> Collection:
    """A part's tests with the problems of one seed; drawn once for all tests that need them."""
    return collect(load_part(folder), seed=20170612, examples=20)


# Every part: what part.toml says


@every_part
def test_points_sum_to_100(part: Part) -> None:
    assert part.max_points == 100
    assert all(exercise.points > 0 for exercise in part.exercises)


@every_part
def test_ids_are_unique_and_of_two_words(part: Part) -> None:
    ids = [exercise.id for exercise in part.exercises]
    assert len(set(ids)) == len(ids)
    for exercise in part.exercises:
        assert re.fullmatch(r"[a-z]\w*\.\w+", exercise.id)


@every_part
def test_hints_lead_further_step_by_step(part: Part) -> None:
    for exercise in part.exercises:
        assert len(exercise.hints) >= 2, exercise.id
        assert len(set(exercise.hints)) == len(exercise.hints), exercise.id
        assert len(exercise.hints[1]) > len(exercise.summary), exercise.id


@every_part
def test_a_summary_is_one_short_line(part: Part) -> None:
    for exercise in part.exercises:
        assert exercise.summary == " ".join(exercise.summary.split()) != "", exercise.id
        assert len(exercise.summary) <= 100, exercise.id
        assert not exercise.summary.endswith("."), exercise.id  # it stands in a table, and before a full stop in a stub


@every_part
def test_needs_point_backwards(part: Part) -> None:
    ids = [exercise.id for exercise in part.exercises]
    for position, exercise in enumerate(part.exercises):
        assert set(exercise.needs) <= set(ids[:position]), exercise.id


@every_part
def test_what_may_be_imported_is_there(part: Part) -> None:
    earlier = {f"{other.name}.{path.stem}" for other in earlier_parts(part) for path in other.folder.glob("*.py")}
    for name in part.may_import:
        assert name in earlier if name.startswith("part") else importlib.util.find_spec(name), name


@every_part
def test_what_may_not_be_used_is_of_a_function_of_the_exercise_and_right_solutions_do_without(part: Part) -> None:
    readme = (part.folder / "README.md").read_text(encoding="utf-8")
    for exercise in (exercise for exercise in part.exercises if exercise.may_not_use):
        source = (part.folder / "solution" / exercise.file).read_text(encoding="utf-8")
        own = {region.function for region in regions(source) if region.label_id == exercise.id}
        assert set(exercise.may_not_use) <= own, exercise.id
        for path in part.folder.glob(f"**/{exercise.file}"):
            tree = scan.parsed(path.read_bytes())
            assert scan.forbidden_uses(tree, exercise.file, part.name, exercise.may_not_use) == {}, path
        for names in exercise.may_not_use.values():
            assert f"`{exercise.id}` may not use {', '.join(f'`{name}`' for name in names)}" in readme


@every_part
def test_what_may_be_imported_of_an_earlier_part_is_what_the_reference_imports(part: Part) -> None:
    """So that the worker holds no more of it: what differentiates would do the exercises of the parts that follow."""
    sources = [part.folder / file for file in part.given] + [part.folder / "solution" / file for file in part.files]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources if path.is_file())
    for name in part.may_import:
        assert not name.startswith("part") or f"from {name} import" in text, name


@every_part
def test_every_module_is_an_exercise_or_given(part: Part) -> None:
    modules = {path.name for path in part.folder.glob("*.py")} - {"__init__.py"}
    assert modules == {*part.files, *part.given}
    assert not {*part.files} & {*part.given}


# Every part: exercises and tests


@every_part
def test_every_exercise_has_an_oracle_test(part: Part) -> None:
    tested = {test.exercise for test in find_tests(part) if test.kind == "oracle"}
    assert [exercise.id for exercise in part.exercises if exercise.id not in tested] == []


@every_part
def test_every_test_belongs_to_an_exercise(part: Part) -> None:
    ids = {exercise.id for exercise in part.exercises}
    for path in part.folder.glob("tests/test_*.py"):
        module = importlib.import_module(f"{part.name}.tests.{path.stem}")
        functions = {name: function for name, function in vars(module).items() if name.startswith("test")}
        assert functions, path.name
        for name, function in functions.items():
            mark = mark_of(function)
            assert mark is not None, f"{path.name}::{name} has no mark"
            assert mark.exercise in ids


@every_part
def test_every_claim_is_a_sentence_of_its_own(part: Part) -> None:
    claims = Counter((test.exercise, test.claim) for test in find_tests(part))
    assert [claim for claim, times in claims.items() if times > 1] == []
    assert [claim for _, claim in claims if not claim.endswith(".") or len(claim) > 200] == []


@every_part
def test_every_probe_is_used_by_a_test(part: Part) -> None:
    """By name, as an attribute, in a string (a probe that calls another one), or imported by another probe file."""
    tests = "\n".join(path.read_text(encoding="utf-8") for path in part.folder.glob("tests/*.py"))
    for path in part.folder.glob("tests/probe_*.py"):
        probes = [name for name in vars(ProbeModule(path, "")) if not name.startswith("_")]
        assert probes, path.name
        assert [name for name in probes if not re.search(rf"""([.'"]|import (\w+, )*){name}\b""", tests)] == [], (
            path.name
        )


@every_part
def test_every_problem_can_be_sent_to_a_worker_and_kept(part: Part) -> None:
    for test, problems in collected(part.folder).problems.items():
        for problem in problems:
            payload = wire.encode(problem)
            assert wire.encode(wire.decode(payload)) == payload, test


@every_part
def test_every_test_has_problems(part: Part) -> None:
    problems = collected(part.folder).problems
    assert [test.id for test in collected(part.folder).tests if not problems[test.id]] == []


def forbidden_in_tests(source: str) -> Iterator[str]:
    """Find what cannot be recorded and replayed: choices that a body makes, and settings, which are the judge's."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.rpartition(".")[2] in ("assume", "settings", "reject", "event", "target", "seed"):
                yield called
            if called in ("st.data", "data", "strategies.data"):
                yield called


@every_part
def test_every_test_can_be_recorded_and_replayed(part: Part) -> None:
    found = [
        f"{path.name}: {name}"
        for path in part.folder.glob("tests/test_*.py")
        for name in forbidden_in_tests(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("source", ["assume(x > 0)", "hypothesis.assume(x)", "settings(max_examples=3)", "st.data()"])
def test_what_cannot_be_replayed_is_found(source: str) -> None:
    assert list(forbidden_in_tests(f"def f(x):\n    {source}"))


# Every part: files and README


@every_part
def test_every_exercise_file_has_its_stub(part: Part) -> None:
    assert [file for file in part.files if not (part.folder / file).is_file()] == []
    assert (part.folder / "__init__.py").is_file()


@every_reference
def test_every_exercise_has_a_region_in_its_solution_and_every_region_an_exercise(part: Part) -> None:
    solutions = {path.name for path in part.folder.glob("solution/*.py")}
    assert solutions == set(part.files)
    for file in part.files:
        source = (part.folder / "solution" / file).read_text(encoding="utf-8")
        labels = {region.label_id for region in regions(source, file)}
        assert labels == {exercise.id for exercise in part.exercises if exercise.file == file}, file


@every_part
def test_the_readme_has_the_exercises_and_their_points_as_part_toml_does(part: Part) -> None:
    text = (part.folder / "README.md").read_text(encoding="utf-8")
    table = re.search(r"^\| file \| exercise \| points \|.*\n\|.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table is not None, "| file | exercise | points | what it is for |"
    rows = [[cell.strip() for cell in row.split("|")[1:4]] for row in table[1].splitlines()]
    files = [exercise.file for exercise in part.exercises]
    assert rows == [
        [
            f"`{exercise.file}`" if place == files.index(exercise.file) else "",
            f"`{exercise.id}`",
            f"{exercise.points:g}{' extra' * exercise.extra}",
        ]
        for place, exercise in enumerate(part.exercises)
    ]


@every_part
def test_nothing_that_was_to_be_written_is_left(part: Part) -> None:
    """The words that handout.py --new leaves to the author."""
    paths = [path for pattern in ("*.*", "solution/*.py", "tests/*.py") for path in part.folder.glob(pattern)]
    texts = {path.name: path.read_text(encoding="utf-8") for path in paths if path.suffix in (".py", ".md", ".toml")}
    left = ("to be written)", "one line that says what is to be written")
    assert [name for name, text in texts.items() if any(words in text for words in left)] == []


@every_part
def test_the_readme_has_what_every_assignment_has(part: Part) -> None:
    text = (part.folder / "README.md").read_text(encoding="utf-8").lower()
    for word in ("**before you start:**", "hours", "## finished when", f"run.py {part.short_name}`"):
        assert word in text, word


# Reading part.toml

TOML = """\
title = "X"
may_import = ["numpy"]
[[exercise]]
id = "x.a"
points = 60
file = "x.py"
summary = "a"
hints = ["one", "two more"]
[[exercise]]
id = "x.b"
points = 40
file = "y.py"
summary = "b"
hints = ["one", "two more"]
needs = ["x.a"]
[[exercise]]
id = "x.c"
points = 5
file = "x.py"
summary = "c"
hints = ["one", "two more"]
needs = ["x.b"]
extra = true
"""


def written(root: Path, name: str = "part1_x", toml: str | bytes = TOML) -> Path:
    folder = root / name
    folder.mkdir()
    (folder / "part.toml").write_bytes(toml if isinstance(toml, bytes) else toml.encode())
    return folder


def test_a_part_is_what_its_part_toml_says(tmp_path: Path) -> None:
    part = load_part(written(tmp_path, "part12_linear_layers"))
    assert (part.name, part.short_name, part.number, part.title) == ("part12_linear_layers", "part12", 12, "X")
    assert (part.may_import, part.files, part.max_points) == (("numpy",), ("x.py", "y.py"), 100)
    assert part.exercises[0] == Exercise("x.a", 60, "x.py", "a", ("one", "two more"))
    assert [exercise.extra for exercise in part.exercises] == [False, False, True]
    assert part.exercise("x.b") is part.exercises[1]


def test_needs_are_followed_to_their_beginning(tmp_path: Path) -> None:
    part = load_part(written(tmp_path))
    assert part.all_needs == {"x.a": frozenset(), "x.b": frozenset({"x.a"}), "x.c": frozenset({"x.a", "x.b"})}


def test_an_unknown_exercise_is_told_the_right_ones(tmp_path: Path) -> None:
    part = load_part(written(tmp_path))
    message = r"exercise must be one of part1_x's; got 'x\.d'\. Did you mean x\.\w\? They are: x\.a, x\.b, x\.c\."
    with pytest.raises(CannotGrade, match=message):
        part.exercise("x.d")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (TOML, "", "KeyError: 'exercise'"),
        ('title = "X"', "", "KeyError: 'title'"),
        ('title = "X"', "title", "TOMLDecodeError"),
        ('may_import = ["numpy"]', "", "KeyError: 'may_import'"),
        ('summary = "b"', "", "missing 1 required positional argument: 'summary'"),
        ('summary = "b"', 'summry = "b"', "unexpected keyword argument 'summry'"),
        ('title = "X"', "# \xff", "KeyError: 'title'"),
        ('id = "x.b"', 'id = "x.a"', "id must be unique; got 'x.a' twice"),
        ('needs = ["x.a"]', 'needs = ["x.c"]', "needs must name earlier exercises; x.b needs 'x.c'"),
        ('needs = ["x.a"]', 'needs = ["x.b"]', "needs must name earlier exercises; x.b needs 'x.b'"),
    ],
)
def test_a_part_toml_that_is_wrong_is_one_clear_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert TOML.count(old) == 1
    folder = written(tmp_path, toml=TOML.replace(old, new))
    with pytest.raises(CannotGrade) as caught:
        load_part(folder)
    assert str(folder / "part.toml") in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_part_toml_that_is_missing_or_no_text_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(CannotGrade, match="must state title, may_import and exercises; got FileNotFoundError"):
        load_part(tmp_path)
    with pytest.raises(CannotGrade, match="must state title, may_import and exercises; got UnicodeDecodeError"):
        load_part(written(tmp_path, toml=b"\xff\xfe"))


# Finding parts


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("part10_j", "part2_b", "part1_a"):
        written(tmp_path, name)
    for name in ("part3_without_toml", "part", "partial_x", "parts", ".part4_x"):
        (tmp_path / name).mkdir()
    (tmp_path / "part5_file").write_text("", encoding="utf-8")
    return tmp_path


def test_parts_are_found_by_looking_and_come_in_order(root: Path) -> None:
    assert [part.name for part in find_parts(root)] == ["part1_a", "part2_b", "part10_j"]
    assert [part.name for part in earlier_parts(find_part("part10", root), root)] == ["part1_a", "part2_b"]


@pytest.mark.parametrize("name", ["part2", "part2_b", "part2_b/"])
def test_a_part_has_two_names(root: Path, name: str) -> None:
    assert find_part(name, root).name == "part2_b"


@pytest.mark.parametrize("name", ["", "part", "part3", "2", "part2_c", "Part2", "part5_file"])
def test_an_unknown_part_is_told_the_right_ones(root: Path, name: str) -> None:
    with pytest.raises(CannotGrade, match=rf"part must be one of part1, part2, part10 or all; got '{name}'\."):
        find_part(name, root)

"""A new exercise: complete, formatted, honest about what is missing, and written whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from autograder.authoring.drift import HandoutError, drift, find_solutions, write_stubs
from autograder.authoring.scaffold import new_exercise
from autograder.judge.exercises import find_parts

ROOT = Path(__file__).resolve().parents[2]
PART_TOML = b"""\
# The order is the order of learning.
title = "Ops"
may_import = ["numpy"]  # and nothing else

[[exercise]]
id = "ops.add"
points = 100
file = "ops.py"
summary = "a + b"
hints = ["one", "two"]
needs = []
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A root with one part, whose `__init__.py` is a real one's."""
    part = tmp_path / "part1_ops"
    part.mkdir()
    (part / "part.toml").write_bytes(PART_TOML)
    shutil.copy(sorted(ROOT.glob("part*/__init__.py"))[0], part)
    return tmp_path


def files(house: Path) -> dict[str, bytes]:
    return {path.relative_to(house).as_posix(): path.read_bytes() for path in house.rglob("*") if path.is_file()}


def python(house: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SFRATORCH_NO_BOOTSTRAP": "1", "PYTHONDONTWRITEBYTECODE": "1", **environment}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True, check=False)


# What is written


@pytest.mark.parametrize("part", ["part1", "part1_ops", "part1_ops/"])
def test_an_existing_part_gets_the_files_of_one_module_and_an_entry(house: Path, part: str) -> None:
    before = files(house)
    begun = new_exercise(house, part, "rope")
    after = files(house)
    new = {"rope.py", "solution/rope.py", "tests/test_rope.py", "tests/probe_rope.py"}
    assert set(after) - set(before) == {f"part1_ops/{name}" for name in new} | {".sfratorch/stubs.json"}
    assert {path.as_posix() for path in begun.written} == {f"part1_ops/{name}" for name in {*new, "part.toml"}}
    assert after["part1_ops/part.toml"].startswith(PART_TOML + b"\n[[exercise]]\n")
    assert tomllib.loads(after["part1_ops/part.toml"].decode())["exercise"][1]["id"] == "rope.forward"
    assert after["part1_ops/__init__.py"] == before["part1_ops/__init__.py"]


def test_the_points_of_an_existing_part_still_sum_to_100(house: Path) -> None:
    new_exercise(house, "part1", "rope")
    assert [part.max_points for part in find_parts(house)] == [100]


def test_a_new_part_is_complete(house: Path) -> None:
    new_exercise(house, "part2_new_ideas", "rope")
    names = {path.removeprefix("part2_new_ideas/") for path in files(house) if path.startswith("part2_new_ideas/")}
    module = {"rope.py", "solution/rope.py", "tests/test_rope.py", "tests/probe_rope.py"}
    tests = {"tests/__init__.py", "tests/oracle.py", "tests/strategies.py"}
    assert names == module | tests | {"README.md", "__init__.py", "part.toml"}
    part = find_parts(house)[1]
    assert (part.title, part.max_points, len(part.exercises[0].hints)) == ("New ideas", 100, 2)


def test_a_new_part_honours_the_switch(house: Path) -> None:
    new_exercise(house, "part2_new_ideas", "rope")
    program = "from part2_new_ideas import rope; print(rope.forward(1))"
    assert "rope.forward: one line that says" in python(house, "-c", program).stderr
    assert python(house, "-c", program, SFRATORCH_CODE="solution").stdout == "1\n"
    assert python(house, "-c", program, SFRATORCH_CODE="part1=own,part2=solution").stdout == "1\n"


def test_the_stub_has_no_drift_and_follows_its_solution(house: Path) -> None:
    new_exercise(house, "part1", "rope")
    assert drift(find_solutions(house, [])) == []
    solution = house / "part1_ops/solution/rope.py"
    solution.write_bytes(solution.read_bytes().replace(b"One sentence", b"A sentence"))
    assert [path.as_posix() for path in write_stubs(find_solutions(house, []))] == ["part1_ops/rope.py"]


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_all_of_it_is_formatted_and_checked(house: Path, library: str) -> None:
    pytest.importorskip("ruff")
    toml = (house / "part1_ops/part.toml").read_bytes().replace(b'"numpy"', f'"{library}"'.encode())
    (house / "part1_ops/part.toml").write_bytes(toml)
    new_exercise(house, "part1", "rope")
    new_exercise(house, "part2_new_ideas", "rope")
    assert f"import {library}" in (house / "part1_ops/solution/rope.py").read_text(encoding="utf-8")
    shutil.copy(ROOT / "pyproject.toml", house)
    (house / "autograder/testing").mkdir(parents=True)
    (house / "autograder/testing/__init__.py").touch()  # how ruff knows a package of ours
    written = [path for path in files(house) if path.endswith(".py") and path != "part1_ops/__init__.py"]
    checked = python(house, "-m", "ruff", "check", "--no-cache", *written)
    formatted = python(
        house, "-m", "ruff", "format", "--isolated", "--line-length=120", "--no-cache", "--check", *written
    )
    assert (checked.returncode, formatted.returncode) == (0, 0), checked.stdout + formatted.stdout


def test_its_test_fails_until_the_oracle_is_written(house: Path) -> None:
    shutil.copytree(ROOT / "autograder", house / "autograder", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    new_exercise(house, "part2_new_ideas", "rope")
    shutil.rmtree(house / "part1_ops")  # only a model for the new part, nothing to grade
    run = ["autograder/run.py", "part2", "--examples", "3", "--json"]
    python(house, *run, "stub.json")
    python(house, *run, "solution.json", "--solution")
    assert outcomes(house / "stub.json") == (0, ["not attempted"])
    assert outcomes(house / "solution.json") == (0, ["grader fault"])
    test = house / "part2_new_ideas/tests/test_rope.py"
    test.write_bytes(
        test.read_bytes().replace(b'raise NotImplementedError("write the oracle of rope.forward")', b"return x")
    )
    python(house, *run, "written.json", "--solution")
    assert outcomes(house / "written.json") == (100, ["passed"])


def outcomes(record: Path) -> tuple[float, list[str]]:
    graded = json.loads(record.read_text(encoding="utf-8"))
    return graded["points"], [exercise["outcome"] for exercise in graded["exercises"]]


# What is refused


@pytest.mark.parametrize(
    ("part", "module", "message"),
    [
        ("part7", "rope", r"PART must be part1_ops, or a new name such as part2_name; got 'part7'"),
        ("ideas", "rope", r"PART must be part1_ops, or"),
        ("part2-ideas", "rope", r"PART must be part1_ops, or"),
        ("../part2_ideas", "rope", r"PART must be part1_ops, or"),
        ("part1_other", "rope", r"PART must have its own number; got 'part1_other' beside part1_ops"),
        ("part1", "Rope", r"MODULE must be a Python name of small letters"),
        ("part1", "rope.py", r"MODULE must be a Python name of small letters.* Leave out the folder and `.py`"),
        ("part1", "../rope", r"MODULE must be a Python name of small letters"),
        ("part1", "lambda", r"MODULE must be a Python name of small letters"),
        ("part1", "", r"MODULE must be a Python name of small letters"),
        ("part1", "tests", r"MODULE must not be a name that parts or tests use"),
        ("part1", "torch", r"MODULE must not be a name that parts or tests use"),
    ],
)
def test_a_wrong_name_is_refused_and_nothing_is_written(house: Path, part: str, module: str, message: str) -> None:
    before = files(house)
    with pytest.raises(HandoutError, match=message):
        new_exercise(house, part, module)
    assert files(house) == before


@pytest.mark.parametrize("path", ["rope.py", "solution/rope.py", "tests/test_rope.py", "tests/probe_rope.py"])
def test_nothing_is_overwritten(house: Path, path: str) -> None:
    (house / "part1_ops" / path).parent.mkdir(exist_ok=True)
    (house / "part1_ops" / path).write_text("mine = 1\n")
    before = files(house)
    with pytest.raises(HandoutError, match=f"part1_ops/{path} must not be there yet"):
        new_exercise(house, "part1", "rope")
    assert files(house) == before


def test_a_new_part_keeps_the_files_that_are_there(house: Path) -> None:
    (house / "part2_ideas").mkdir()
    (house / "part2_ideas/README.md").write_text("mine\n")
    new_exercise(house, "part2_ideas", "rope")
    assert (house / "part2_ideas/README.md").read_text() == "mine\n"


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (b"title = ", "must be TOML that one more exercise can follow"),
        (b"exercise = []\n", "must be TOML that one more exercise can follow"),
        (b'[[exercise]]\nid = "rope.forward"\n', "must not have rope.forward yet"),
        (b"\xff", "must be TOML that one more exercise can follow"),
    ],
)
def test_a_part_toml_that_cannot_be_added_to_stays(house: Path, toml: bytes, message: str) -> None:
    (house / "part1_ops/part.toml").write_bytes(toml)
    before = files(house)
    with pytest.raises(HandoutError, match=message):
        new_exercise(house, "part1", "rope")
    assert files(house) == before


@pytest.mark.parametrize("end", [b"", b"\r\n"])
def test_a_part_toml_keeps_its_text_and_its_line_ends(house: Path, end: bytes) -> None:
    before = PART_TOML.replace(b"\n", b"\r\n").rstrip() + end
    (house / "part1_ops/part.toml").write_bytes(before)
    new_exercise(house, "part1", "rope")
    after = (house / "part1_ops/part.toml").read_bytes()
    assert after.startswith(before + b"\r\n")
    assert after.count(b"\n") == after.count(b"\r\n")


def test_a_failure_half_way_takes_everything_back(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise OSError("no space left on device")

    before = files(house)
    monkeypatch.setattr("autograder.authoring.scaffold.remember", fail)
    with pytest.raises(OSError, match="no space"):
        new_exercise(house, "part2_ideas", "rope")
    assert files(house) == before
    assert not (house / "part2_ideas").exists()

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

from autograder.authoring.scaffold import new_exercise
from autograder.authoring.stub_files import HandoutError, drift, find_solutions, write_stubs
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


README = """\
# Ops

| file | exercise | points | what it is for |
|---|---|---|---|
| `ops.py` | `ops.add` | 100 | sums |

Text below.
"""
MODULE = {
    "rope.py", "solution/rope.py", "tests/test_rope.py", "tests/probe_rope.py", "tests/oracle_rope.py",
    "checks/mistakes_rope.py",
}  # fmt: skip
LAYERS = {  # a solution of a part whose modules are layers, and what they stand on
    "numpy": "from part2_layers.module import Module\n\n\nclass Linear(Module):\n    pass\n",
    "torch": "from torch import nn\n\n\nclass Linear(nn.Module):\n    pass\n",
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A root with one part of functions, whose `__init__.py` is a real one's."""
    part = tmp_path / "part1_ops"
    part.mkdir()
    (part / "part.toml").write_bytes(PART_TOML)
    (part / "README.md").write_text(README)
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
    assert set(after) - set(before) == {f"part1_ops/{name}" for name in MODULE} | {".sfratorch/stubs.json"}
    changed = {"part.toml", "README.md"}
    assert {path.as_posix() for path in begun.written} == {f"part1_ops/{name}" for name in MODULE | changed}
    assert after["part1_ops/part.toml"].startswith(PART_TOML + b"\n[[exercise]]\n")
    assert tomllib.loads(after["part1_ops/part.toml"].decode())["exercise"][1]["id"] == "rope.forward"
    assert after["part1_ops/__init__.py"] == before["part1_ops/__init__.py"]


def test_the_readme_of_an_existing_part_gets_a_row_at_the_end_of_its_table(house: Path) -> None:
    new_exercise(house, "part1", "rope")
    row = "| `rope.py` | `rope.forward` | 1 extra | (to be written) |\n"
    assert (house / "part1_ops/README.md").read_text() == README.replace("| sums |\n", f"| sums |\n{row}")


@pytest.mark.parametrize(
    ("library", "methods", "base"),
    [("numpy", ["forward", "backward"], "Module"), ("torch", ["forward"], "nn.Module")],
)
def test_a_new_module_has_the_shape_of_its_neighbours(house: Path, library: str, methods: list[str], base: str) -> None:
    (house / "part1_ops/solution").mkdir()
    (house / "part1_ops/solution/linear.py").write_text(LAYERS[library])
    begun = new_exercise(house, "part1", "soft_sign")
    solution = (house / "part1_ops/solution/soft_sign.py").read_text()
    assert f"class SoftSign({base}):" in solution
    assert [f"soft_sign.{method}" for method in methods] == [
        exercise.id for exercise in find_parts(house)[0].exercises[1:]
    ]
    assert find_parts(house)[0].exercises[-1].needs == tuple(f"soft_sign.{method}" for method in methods[:-1])
    told = "\n".join(begun.next_steps)
    for file in ("solution/soft_sign.py", "tests/oracle_soft_sign.py", "checks/mistakes_soft_sign.py", "README.md"):
        assert f"part1_ops/{file}" in told
    assert " ".join(f"-e soft_sign.{method}" for method in methods) in told


def test_the_points_of_an_existing_part_still_sum_to_100(house: Path) -> None:
    new_exercise(house, "part1", "rope")
    assert [part.max_points for part in find_parts(house)] == [100]


def test_a_new_part_is_complete(house: Path) -> None:
    new_exercise(house, "part2_new_ideas", "rope")
    names = {path.removeprefix("part2_new_ideas/") for path in files(house) if path.startswith("part2_new_ideas/")}
    packages = {"tests/__init__.py", "tests/strategies.py", "checks/__init__.py"}
    assert names == MODULE | packages | {"README.md", "__init__.py", "part.toml"}
    assert "| `rope.py` | `rope.forward` | 100 |" in (house / "part2_new_ideas/README.md").read_text()
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
    (house / "part1_ops/solution/linear.py").write_text(LAYERS[library])
    new_exercise(house, "part1", "a_layer")
    assert f"import {library}" in (house / "part1_ops/solution/rope.py").read_text(encoding="utf-8")
    shutil.copy(ROOT / "pyproject.toml", house)
    written = [path for path in files(house) if path.endswith(".py") and "_ops/__init__" not in path]
    written.remove("part1_ops/solution/linear.py")
    ours = ["testing/__init__", "testing/strategies", "testing/torch_oracle", "authoring/mistakes"]
    for name in [*(f"autograder/{name}" for name in ours), "part2_layers/module"]:  # how ruff knows them
        (house / name).parent.mkdir(parents=True, exist_ok=True)
        (house / f"{name}.py").touch()
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
    oracle = house / "part2_new_ideas/tests/oracle_rope.py"
    missing = "raise NotImplementedError(\"write the oracle of rope.forward: {'output': what is right}\")"
    oracle.write_text(oracle.read_text().replace(missing, 'return {"output": x}'))
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


@pytest.mark.parametrize("path", sorted(MODULE))
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


def test_a_readme_without_a_table_of_exercises_is_refused(house: Path) -> None:
    (house / "part1_ops/README.md").write_text("# Ops\n")
    before = files(house)
    with pytest.raises(HandoutError, match=r"README.md must have a table of exercises; got none. Write its heading"):
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

    def fail_at_the_readme(path: Path, content: bytes) -> None:
        if path.name == "README.md":
            raise OSError("no space left on device")
        path.write_bytes(content)

    before = files(house)
    with monkeypatch.context() as patch:
        patch.setattr("autograder.authoring.scaffold.write_whole", fail_at_the_readme)
        with pytest.raises(OSError, match="no space"):
            new_exercise(house, "part1", "rope")
    assert {path: content for path, content in files(house).items() if ".sfratorch" not in path} == before
    monkeypatch.setattr("autograder.authoring.scaffold.remember", fail)
    with pytest.raises(OSError, match="no space"):
        new_exercise(house, "part2_ideas", "rope")
    assert {path: content for path, content in files(house).items() if ".sfratorch" not in path} == before
    assert not (house / "part2_ideas").exists()

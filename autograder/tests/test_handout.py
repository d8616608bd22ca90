"""The command: exit codes, one line for each problem, and a head that old Pythons can read."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOLUTION = """\
def add(a, b):
    ### BEGIN SOLUTION ops.add: a + b
    return a + b
    ### END SOLUTION
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The autograder in a root of its own."""
    root = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "autograder", root / "autograder", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    return root


@pytest.fixture
def house(program: Path) -> Path:
    """The same root with one part, as it is before stubs are written."""
    shutil.rmtree(program / "part1_ops", ignore_errors=True)
    (program / "part1_ops/solution").mkdir(parents=True)
    (program / "part1_ops/solution/ops.py").write_bytes(SOLUTION.encode())
    return program


def handout(house: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors."""
    environment = {**os.environ, "SFRATORCH_NO_BOOTSTRAP": "1", "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "120"}
    command = [sys.executable, str(house / "autograder/handout.py"), *arguments]
    done = subprocess.run(command, cwd=house.parent, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_stubs_are_written_checked_and_found_drifting(house: Path) -> None:
    code, output, errors = handout(house, "--check-stubs")
    assert (code, errors) == (1, "")
    assert output == "part1_ops/ops.py is missing. Write it: python autograder/handout.py --write-stubs part1\n"
    assert handout(house, "--write-stubs", "part1") == (0, "wrote part1_ops/ops.py\n", "")
    assert handout(house, "--write-stubs") == (0, "1 stub matches its solution\n", "")
    assert handout(house, "part1_ops", "--check-stubs") == (0, "1 stub matches its solution\n", "")

    (house / "part1_ops/ops.py").write_bytes(b"def add(a, b):\n    return a + b\n")
    code, output, errors = handout(house, "--check-stubs")
    assert (code, errors, output.count("\n")) == (1, "", 1)
    assert output.startswith("part1_ops/ops.py:2 is not what part1_ops/solution/ops.py gives. Edit part1_ops/solution/")
    code, output, errors = handout(house, "--write-stubs")
    assert (code, output) == (2, "")
    assert errors.startswith("part1_ops/ops.py must be as committed or as last written")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--check-stubs", "part9"], "PART must be one of part1_ops; got 'part9'.\n"),
        (["--write-stubs", "part1", "nine"], "PART must be one of part1_ops; got 'nine'.\n"),
        ([], "One of --to, --update, --write-stubs, --check-stubs and --new must be given; see --help.\n"),
        (
            ["--write-stubs", "--check-stubs"],
            "One of --to, --update, --write-stubs, --check-stubs and --new must be given; see --help.\n",
        ),
        (["--new", "part1_ops", "ops", "part2"], "--new must be given one PART and one MODULE; got part2 as well.\n"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(house: Path, arguments: list[str], message: str) -> None:
    assert handout(house, *arguments) == (2, "", message)


@pytest.mark.parametrize("arguments", [["--to", "x"], ["--new", "part1_ops"]])
def test_an_unknown_option_is_exit_code_2(house: Path, arguments: list[str]) -> None:
    code, output, errors = handout(house, *arguments)
    assert (code, output) == (2, "")
    assert "Traceback" not in errors


def test_a_broken_solution_is_told_with_file_and_line(house: Path) -> None:
    (house / "part1_ops/solution/ops.py").write_bytes(SOLUTION.replace("    ### END SOLUTION\n", "").encode())
    code, output, errors = handout(house, "--check-stubs")
    assert (code, output) == (2, "")
    assert errors.startswith("part1_ops/solution/ops.py:2: a region must be closed; got no END SOLUTION after it.")


def test_a_file_that_cannot_be_written_is_one_line(house: Path) -> None:
    (house / "part1_ops/ops.py").mkdir()
    code, output, errors = handout(house, "--write-stubs")
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert "ops.py" in errors


def test_a_new_exercise_says_what_comes_next(house: Path) -> None:
    (house / "part1_ops/part.toml").write_bytes(b'title = "Ops"\nmay_import = ["numpy"]\n')
    code, output, errors = handout(house, "--new", "part1", "rope")
    assert (code, errors) == (0, "")
    assert "wrote part1_ops/solution/rope.py\n" in output
    assert "python autograder/run.py part1 --solution -e rope.forward" in output
    code, output, errors = handout(house, "--new", "part1", "rope")
    assert (code, output, errors.count("\n")) == (2, "", 1)


def test_old_pythons_can_read_the_command_far_enough_to_explain_themselves() -> None:
    source = (ROOT / "autograder/handout.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 8))
    head = source.index("    ensure_environment()")
    assert source.index("sys.path[0] = ") < head < source.index("import typer")

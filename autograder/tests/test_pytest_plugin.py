"""`pytest part1` and an editor's test button: the same tests, on the files in place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from autograder.tests.test_commands import PATIENCE, Tree, make_tree
from autograder.tests.toy import SOLUTION

HALF_DONE = {
    "toy.py": """\
def double(x):
    return -2.0 * x


def scale(x, factor):
    raise NotImplementedError("toy.scale: factor x")
""",
    "other.py": "def shift(x):\n    return later(x)\n\n\ndef later(x):\n    return x[100]\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return make_tree(tmp_path)


def run_pytest(tree: Tree, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    plugins = ["-p", "autograder.judge.pytest_plugin", "-p", "no:cacheprovider"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "-rs", *arguments],
        cwd=tree.root,
        env=tree.environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | environment,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Read how many passed, failed and were skipped, without the time."""
    return done.stdout.strip().splitlines()[-1].strip("= ").partition(" in ")[0]


def test_a_stub_is_skipped_and_not_failed(tree: Tree) -> None:
    done = run_pytest(tree, "part1_toy")
    assert (done.returncode, last_line(done)) == (0, "5 skipped")
    assert "not attempted: toy.double: 2 x." in done.stdout
    assert "sfratorch: practice on the files in place; `python autograder/run.py PART` gives the points" in done.stdout
    assert list(tree.temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["--code", "solution"], {}),
        pytest.param([], {"SFRATORCH_CODE": "solution"}, marks=pytest.mark.slow),
        pytest.param(["--code", "solution", "--in-process"], {}, marks=pytest.mark.slow),
    ],
)
def test_the_reference_passes(tree: Tree, arguments: list[str], environment: dict[str, str]) -> None:
    done = run_pytest(tree, "part1_toy", *arguments, **environment)
    assert (done.returncode, last_line(done)) == (0, "5 passed")
    assert "practice on solution" in done.stdout


def test_a_failure_says_what_a_learner_needs_and_nothing_of_the_grader(tree: Tree) -> None:
    tree.write(HALF_DONE)
    done = run_pytest(tree, "part1_toy")
    # -2 x doubles zeros rightly, and what is not attempted is not failed
    assert (done.returncode, last_line(done)) == (1, "2 failed, 1 passed, 2 skipped")
    wrong = done.stdout.index("  claim                   double gives 2 x.")
    assert [" ".join(line.split()) for line in done.stdout[wrong:].splitlines()[:8]] == [
        "claim double gives 2 x.",
        "called run_double(x (1,))",
        "in part1_toy/tests/probe_toy.py:6",
        "smallest failing input x = [0.125]",
        "got y[0] = -0.25",
        "expected y[0] = 0.25 1 of 1 values differ, largest difference 0.5",
        "it looks like y has the wrong sign",
        "again python autograder/run.py part1 -e toy.double",
    ]
    error = done.stdout.index("shift gives x + 1.")
    block = [" ".join(line.split()) for line in done.stdout[error:].splitlines()]
    raised = block.index("raised IndexError: index 100 is out of bounds for axis 0 with size 1")
    assert block[raised + 1 : raised + 4] == [
        "at part1_toy/tests/probe_other.py:7 in run_shift",
        "part1_toy/other.py:2 in shift",
        "part1_toy/other.py:6 in later",
    ]
    for inside in ("candidate.py", "comparison.py", "running.py", "Falsifying example", "hypothesis"):
        assert inside not in done.stdout, inside


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("os._exit(10 + calls)", "crash: the process ended with exit code 11"),
        pytest.param("[0 for _ in iter(int, 1)]", "timeout: no answer within 5 s", marks=pytest.mark.slow),
    ],
)
def test_what_ends_a_test_is_not_shrunk(tree: Tree, body: str, outcome: str) -> None:
    """It would be had once more for every step: a second crash would say 12, a second timeout comes after 2 s."""
    source = f"""\
import os

def double(x):
    open("calls", "a").write("one\\n")
    calls = len(open("calls").readlines())
    {body}

def scale(x, factor):
    return x
"""
    tree.write({"toy.py": source})
    done = run_pytest(tree, "part1_toy/tests/test_toy.py::test_double")
    assert (done.returncode, last_line(done)) == (1, "1 failed")
    assert outcome in done.stdout
    assert list(tree.temporary.iterdir()) == []


@pytest.mark.slow
def test_the_tests_after_a_crash_go_on(tree: Tree) -> None:
    crashing = SOLUTION["toy.py"].replace("return 2.0 * x", "__import__('os')._exit(0)")
    tree.write({"toy.py": crashing, "other.py": SOLUTION["other.py"]})
    done = run_pytest(tree, "part1_toy")
    assert last_line(done) == "2 failed, 3 passed"


def test_a_fault_of_the_grader_is_shown_as_it_is(tree: Tree) -> None:
    path = tree.part.folder / "tests" / "test_other.py"
    path.write_text(path.read_text(encoding="utf-8").replace("x=x)", "y=x)"), encoding="utf-8")
    done = run_pytest(tree, "part1_toy/tests/test_other.py", "--code", "solution")
    assert done.returncode == 1
    assert "GraderFault" in done.stdout
    assert "run_shift takes x; got y." in done.stdout


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("missing", "--submission must exist; got missing."),
        pytest.param("autograder", "must hold exercise files such as part1_toy/", marks=pytest.mark.slow),
    ],
)
def test_a_mistake_of_the_person_who_types_is_told(tree: Tree, code: str, message: str) -> None:
    done = run_pytest(tree, "part1_toy/tests/test_other.py", "--code", code)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert "passed" not in last_line(done)


@pytest.mark.slow
def test_the_fixture_belongs_to_parts(tree: Tree) -> None:
    (tree.root / "test_stray.py").write_text("def test_stray(candidate):\n    pass\n", encoding="utf-8")
    done = run_pytest(tree, "test_stray.py")
    assert done.returncode == 1
    assert "candidate must be used in a part's tests" in done.stdout

"""`--watch`: after a save, what it can change is graded again, and nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from autograder.judge.exercises import Part
from autograder.practice import progress
from autograder.practice.hints import next_hint
from autograder.practice.watching import Watch, _graded
from autograder.tests.test_commands import PATIENCE, WRONG, Tree, make_tree, until
from autograder.tests.toy import SOLUTION, make_toy_part


@pytest.fixture
def part(tmp_path: Path) -> Part:
    part = make_toy_part(tmp_path)
    write(part, SOLUTION)
    return part


def write(part: Part, files: dict[str, str]) -> None:
    for file, source in files.items():
        (part.folder / file).write_text(source, encoding="utf-8")


def graded(watch: Watch, names: list[str]) -> dict[str, str]:
    """The outcome of each exercise, in brackets where it is remembered."""
    result, _ = watch.run(names)
    return {one.id: f"({one.outcome})" if one.is_remembered else one.outcome for one in result.exercises}


def test_a_save_touches_what_has_run_the_changed_function(part: Part) -> None:
    with Watch(part, "reference") as watch:
        assert watch.not_passed() == ["toy.double", "toy.scale", "other.shift"]
        assert set(graded(watch, watch.not_passed()).values()) == {"passed"}
        assert watch.not_passed() == watch.touched() == []
        write(part, {"toy.py": WRONG})
        assert watch.touched() == ["toy.double"]
        assert graded(watch, watch.touched()) == {
            "toy.double": "wrong", "toy.scale": "(passed)", "other.shift": "(passed)",
        }  # fmt: skip
        assert watch.touched() == []
        assert watch.not_passed() == ["toy.double"]


def test_the_worker_that_waits_gets_the_files_of_the_moment(part: Part) -> None:
    with Watch(part, "reference") as watch:
        (part.folder / "other.py").unlink()
        write(part, {"toy.py": WRONG})
        assert graded(watch, ["toy.double", "other.shift"]) == {"toy.double": "wrong", "other.shift": "not handed in"}


def test_what_is_asked_for_is_graded_again_with_the_same_problems(part: Part) -> None:
    with Watch(part, "reference") as watch:
        first, _ = watch.run(part.ids)
        problems = dict(watch._collection.problems)
        again, _ = watch.run(part.ids)
        assert first.seed == again.seed
        assert all(watch._collection.problems[test] is drawn for test, drawn in problems.items())
        assert not any(one.is_remembered for one in again.exercises)


def test_a_folder_that_cannot_be_written_costs_the_memory_alone(part: Part) -> None:
    (part.folder.parent / ".sfratorch").write_text("a file", encoding="utf-8")
    with Watch(part, "reference") as watch:
        assert graded(watch, ["other.shift"]) == {"other.shift": "passed"}
        assert watch.touched() == []


def test_what_another_run_remembers_meanwhile_is_kept(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    with Watch(part, "reference") as watch, Watch(part, "reference") as another:
        grade_then = another._grade

        def grade_while_the_first_ends(*arguments: Any) -> Any:
            result = grade_then(*arguments)
            watch.run(["other.shift"])
            next_hint(part, part.exercise("toy.scale"))
            return result

        monkeypatch.setattr(another, "_grade", grade_while_the_first_ends)
        another.run(["toy.double"])
    remembered = progress.load(part).progress
    assert remembered.outcomes == {"toy.double": "passed", "other.shift": "passed", "toy.scale": "not attempted"}
    assert remembered.of("toy.scale").hints_used == 1


def test_a_damaged_memory_is_said_once(part: Part) -> None:
    path = part.folder.parent / ".sfratorch" / f"{part.name}.json"
    path.parent.mkdir()
    path.write_text("{", encoding="utf-8")
    console = Console(width=200)
    with Watch(part, "reference") as watch, console.capture() as shown:
        for _ in range(2):
            _graded(console, watch, ["other.shift"])
    assert shown.get().count("is damaged or of another version: it is begun anew.") == 1


@contextlib.contextmanager
def watching(tree: Tree) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A run of --watch, and the lines that it has printed."""
    process = subprocess.Popen(
        tree.command("part1", "--watch"), cwd=tree.root, env=tree.environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, encoding="utf-8",
    )  # fmt: skip
    lines: list[str] = []
    assert process.stdout is not None
    reader = threading.Thread(target=lines.extend, args=(process.stdout,), daemon=True)
    reader.start()
    try:
        yield process, lines
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is another thing elsewhere")
def test_it_grades_at_once_and_after_a_save_until_ctrl_c(tmp_path: Path) -> None:
    tree = make_tree(tmp_path)
    tree.write({"toy.py": WRONG})
    with watching(tree) as (process, lines):
        until(lambda: any(line.startswith("watching part1_toy") for line in lines), "the first grading")
        assert any("✗ toy.double   0 / 40" in line for line in lines)
        lines.clear()
        tree.write({"toy.py": SOLUTION["toy.py"]})
        until(lambda: any(line.startswith("watching part1_toy") for line in lines), "the grading after a save")
        assert any("newly green: toy.double" in line for line in lines)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
    assert list(tree.temporary.iterdir()) == []


@pytest.mark.parametrize("typed", ["all --watch", "part1 --watch --seed 3", "part1 --watch --solution"])
def test_what_cannot_be_watched_is_said(tmp_path: Path, typed: str) -> None:
    done = make_tree(tmp_path).run(*typed.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("run.py: --watch must be given ")

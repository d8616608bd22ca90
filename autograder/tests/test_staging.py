"""The worker's own folder: what is in it, whose it is, who can read it, and that nothing of it is left."""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.judge import staging
from autograder.judge.exercises import Part
from autograder.judge.staging import Stage, make_stage
from autograder.judge.submission import Submission
from autograder.tests.toy import SOLUTION, handed_in, make_toy_part

WORKER = {f"autograder/worker/{name}" for name in staging.WORKER_FILES} | {"autograder/__init__.py"}


@pytest.fixture(autouse=True)
def temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which stages are made in these tests, so that what is left of them can be seen."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Part, Part]:
    """Two parts of one repository; the second may import toy.py of the first."""
    first, second = make_toy_part(tmp_path, "part1_first"), make_toy_part(tmp_path, "part2_second")
    return first, dataclasses.replace(second, may_import=("numpy", "part1_first.toy"))


def staged_files(staged: Stage) -> set[str]:
    return {path.relative_to(staged.folder).as_posix() for path in staged.folder.rglob("*") if path.is_file()}


def files_of(part: Part, *names: str) -> set[str]:
    return {f"{part.name}/{name}" for name in names}


OURS = ("__init__.py", "tests/__init__.py", "tests/probe_toy.py", "tests/probe_other.py")


# What is in it


def test_a_stage_holds_the_exercise_files_the_probes_and_the_worker(parts: tuple[Part, Part]) -> None:
    """No tests, no oracle, no part.toml, no solution, no judge."""
    part = parts[0]
    staged = make_stage(part, handed_in(part, {"toy.py": "learner = True"}), root=part.folder.parent)
    assert staged_files(staged) == WORKER | files_of(part, *OURS, "toy.py", "other.py")
    assert (staged.folder / part.name / "toy.py").read_text() == "learner = True"
    assert list((staged.folder / "home").iterdir()) == []


def test_an_earlier_part_is_the_reference_where_there_is_one(parts: tuple[Part, Part]) -> None:
    """Of which only what may be imported is there: no probe, and no other exercise."""
    first, second = parts
    submission = Submission("x", {first.name: {"toy.py": b"wrong = 1"}, second.name: {"toy.py": b"own = 1"}})
    staged = make_stage(second, submission, root=second.folder.parent)
    assert staged_files(staged) == (
        WORKER | files_of(first, "__init__.py", "toy.py") | files_of(second, *OURS, "toy.py")
    )
    assert (staged.folder / first.name / "toy.py").read_text() == SOLUTION["toy.py"]
    assert (staged.folder / second.name / "toy.py").read_text() == "own = 1"


@pytest.mark.parametrize("upstream", ["own", "reference"])
def test_an_earlier_part_is_the_learners_own_if_asked_or_if_there_is_no_reference(
    upstream: str, parts: tuple[Part, Part]
) -> None:
    first, second = parts
    if upstream == "reference":
        shutil.rmtree(first.folder / "solution")
    submission = Submission("x", {first.name: {"toy.py": b"own = 1"}, second.name: {"toy.py": b""}})
    staged = make_stage(second, submission, upstream, root=second.folder.parent)
    assert (staged.folder / first.name / "toy.py").read_text() == "own = 1"
    assert not (staged.folder / first.name / "other.py").exists()


@pytest.mark.parametrize(
    ("toy", "needs"),
    [
        ("from part1_first.other import shift", "other.py"),
        ("from part1_first import other", "other.py"),
        ("def f():\n    from .other import shift", "other.py"),
        ("from . import given", "given.py"),
        ("from part2_second import toy\nimport numpy, part1_first.nothing", ""),
        ("from part1_first.tests import probe_toy", ""),
        ("from .", ""),
        ("", ""),
    ],
)
def test_what_an_earlier_module_imports_is_there_too(toy: str, needs: str, parts: tuple[Part, Part]) -> None:
    first, second = parts
    (first.folder / "part.toml").write_text('given = ["given.py"]\n' + (first.folder / "part.toml").read_text())
    (first.folder / "given.py").write_text("from .other import shift")
    submission = Submission("x", {first.name: {"toy.py": toy.encode(), "other.py": b"import numpy"}})
    staged = make_stage(second, submission, "own", root=second.folder.parent)
    found = staged_files(staged) - WORKER - files_of(second, *OURS)
    also = {"other.py", needs} if needs else set()
    assert found == files_of(first, "__init__.py", "toy.py", *also)


def test_a_later_part_is_not_staged(parts: tuple[Part, Part]) -> None:
    first, second = parts
    staged = make_stage(first, handed_in(first), root=first.folder.parent)
    assert not (staged.folder / second.name).exists()


def test_given_modules_are_ours_and_everything_else_stays_away(parts: tuple[Part, Part]) -> None:
    """Scripts, and what part.toml does not name."""
    part = dataclasses.replace(parts[0], given=("module.py", "train_toy.py", "benchmarks.py"))
    for name in (*part.given, "helper.py"):
        (part.folder / name).write_text("ours = True")
    submission = Submission("x", {part.name: {"toy.py": b"", "module.py": b"theirs = True", "tests/x.py": b""}})
    staged = make_stage(part, submission, root=part.folder.parent)
    assert staged_files(staged) == WORKER | files_of(part, *OURS, "toy.py", "module.py")
    assert (staged.folder / part.name / "module.py").read_text() == "ours = True"


def test_a_file_that_was_not_handed_in_never_falls_through_to_the_stub(parts: tuple[Part, Part]) -> None:
    part = parts[0]
    submission = Submission("x", {part.name: {"toy.py": "toy.py must be a plain file; it is a link"}})
    staged = make_stage(part, submission, root=part.folder.parent)
    assert staged.not_handed_in == {
        "toy.py": "toy.py must be a plain file; it is a link",
        "other.py": "other.py was not handed in",
    }
    assert not {f"{part.name}/toy.py", f"{part.name}/other.py"} & staged_files(staged)


# Who can read it


@pytest.mark.skipif(os.name != "posix", reason="this system has no permission bits")
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_a_worker_of_another_user_can_read_it_and_change_nothing(mask: int, parts: tuple[Part, Part]) -> None:
    previous = os.umask(mask)
    try:
        staged = make_stage(parts[1], handed_in(parts[1]), root=parts[1].folder.parent)
    finally:
        os.umask(previous)
    inside = {path for path in staged.folder.rglob("*") if path != staged.folder / "home"}
    assert {path.stat().st_mode & 0o777 for path in inside if path.is_dir()} == {0o755}
    assert {path.stat().st_mode & 0o777 for path in inside if path.is_file()} == {0o644}
    assert (staged.folder / "home").stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.name != "posix", reason="this system has no permission bits")
def test_nobody_else_enters_it(parts: tuple[Part, Part]) -> None:
    """It is the judge's alone until judge/isolation.py knows the worker's user: others may be running."""
    assert make_stage(parts[0], handed_in(parts[0])).folder.stat().st_mode & 0o077 == 0


def test_two_stages_are_two_folders(parts: tuple[Part, Part], temporary_files: Path) -> None:
    one, other = (make_stage(parts[0], handed_in(parts[0])) for _ in range(2))
    assert one.folder != other.folder
    assert one.folder.parent == other.folder.parent == temporary_files.resolve()


# Nothing of it is left


def test_nothing_is_left_when_staging_fails(
    parts: tuple[Part, Part], temporary_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "chmod", fail)
    with pytest.raises(KeyboardInterrupt):
        make_stage(parts[0], handed_in(parts[0]))
    assert list(temporary_files.iterdir()) == []


@pytest.fixture
def staged(parts: tuple[Part, Part]) -> Iterator[Stage]:
    staged = make_stage(parts[0], handed_in(parts[0]))
    here = Path.cwd()
    yield staged
    os.chdir(here)


def test_a_stage_is_removed(staged: Stage, temporary_files: Path) -> None:
    (staged.folder / "home" / "file").touch()
    staged.remove()
    assert list(temporary_files.iterdir()) == []
    staged.remove()  # and removing it again is no error


@pytest.mark.skipif(os.name != "posix", reason="written for POSIX: dir_fd, permission bits")
def test_a_stage_with_folders_deeper_than_python_can_go_is_removed(staged: Stage, temporary_files: Path) -> None:
    nested = os.open(staged.folder / "home", os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("deeper", dir_fd=nested)
        deeper = os.open("deeper", os.O_RDONLY, dir_fd=nested)
        os.close(nested)
        nested = deeper
    os.close(os.open("file", os.O_CREAT, dir_fd=nested))
    os.close(nested)
    staged.remove()
    assert list(temporary_files.iterdir()) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root is not kept out of any folder")
def test_a_stage_with_folders_closed_to_their_owner_is_removed(staged: Stage, temporary_files: Path) -> None:
    closed = staged.folder / "home" / "closed" / "inner"
    closed.mkdir(parents=True)
    (closed / "file").touch()
    for path in (closed, closed.parent, staged.folder / "home"):
        path.chmod(0)
    staged.remove()
    assert list(temporary_files.iterdir()) == []


def test_what_a_link_in_a_stage_points_to_is_not_removed(staged: Stage, temporary_files: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    try:
        (staged.folder / "home" / "link").symlink_to(tmp_path / "kept")
    except OSError:
        pytest.skip("this user may not make links")
    staged.remove()
    assert list(temporary_files.iterdir()) == []
    assert (tmp_path / "kept" / "file").exists()

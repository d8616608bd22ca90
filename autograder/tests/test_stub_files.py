"""Stubs on disk: drift is named, and nobody's work in a stub is overwritten."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from autograder.authoring.stub_files import HandoutError, drift, find_solutions, write_stubs

SOLUTION = '''\
def {name}(x):
    """A function."""
    ### BEGIN SOLUTION {name}.forward: {purpose}
    return x
    ### END SOLUTION
'''


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for part, name in [("part2_more", "more"), ("part10_last", "last"), ("part1_ops", "ops")]:
        solve(tmp_path, f"{part}/solution/{name}.py")
    return tmp_path


def solve(house: Path, path: str, purpose: str = "y = x") -> None:
    (house / path).parent.mkdir(parents=True, exist_ok=True)
    (house / path).write_text(SOLUTION.format(name=Path(path).stem, purpose=purpose), encoding="utf-8", newline="\n")


def write(house: Path, *parts: str) -> list[str]:
    return [path.as_posix() for path in write_stubs(find_solutions(house, list(parts)))]


def git(house: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=house, check=True, capture_output=True)


@pytest.fixture
def clone(house: Path) -> Path:
    """A house with everything committed, and no memory of having written anything."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    write(house)
    shutil.rmtree(house / ".sfratorch")
    git(house, "init", "--quiet")
    git(house, "add", ".")
    git(house, "commit", "--quiet", "--message", "All")
    return house


# Finding


def test_parts_are_found_by_looking_in_the_order_of_their_numbers(house: Path) -> None:
    paths = [solution.path.as_posix() for solution in find_solutions(house, [])]
    assert paths == ["part1_ops/solution/ops.py", "part2_more/solution/more.py", "part10_last/solution/last.py"]


@pytest.mark.parametrize("name", ["part1", "part1_ops", "part1_ops/"])
def test_a_part_has_a_short_and_a_full_name(house: Path, name: str) -> None:
    assert [solution.part for solution in find_solutions(house, [name])] == ["part1_ops"]


def test_a_wrong_part_is_told_the_right_ones(house: Path) -> None:
    with pytest.raises(HandoutError, match=r"PART must be one of part1_ops, part2_more, part10_last; got 'part3'\."):
        find_solutions(house, ["part1", "part3"])


def test_a_handout_without_solutions_says_so(tmp_path: Path) -> None:
    with pytest.raises(HandoutError, match=r"must hold part\*/solution/\*.py; got none"):
        find_solutions(tmp_path, [])


# Comparing


def test_written_stubs_have_no_drift(house: Path) -> None:
    assert write(house) == ["part1_ops/ops.py", "part2_more/more.py", "part10_last/last.py"]
    assert drift(find_solutions(house, [])) == []


def test_stub_files_names_the_file_to_edit_and_the_command(house: Path) -> None:
    write(house)
    stub = house / "part1_ops/ops.py"
    stub.write_bytes(stub.read_bytes().replace(b"A function.", b"A good function."))
    (house / "part2_more/more.py").unlink()
    shutil.copy(stub, house / "part2_more/orphan.py")
    command = "python autograder/handout.py --write-stubs"
    edited, missing, orphan = drift(find_solutions(house, []))
    assert edited.startswith("part1_ops/ops.py:2 is not what part1_ops/solution/ops.py gives. ")
    assert edited.endswith(f"Edit part1_ops/solution/ops.py, then run: {command} part1")
    assert missing == f"part2_more/more.py is missing. Write it: {command} part2"
    assert orphan.startswith("part2_more/orphan.py is a stub without part2_more/solution/orphan.py. ")


def test_a_given_module_is_no_orphan(house: Path) -> None:
    write(house)
    (house / "part1_ops/module.py").write_text("x = 1\n")
    assert drift(find_solutions(house, [])) == []


def test_all_broken_solutions_are_told_at_once(house: Path) -> None:
    (house / "part1_ops/solution/ops.py").write_text("x = (\n")
    (house / "part2_more/solution/more.py").write_bytes(b"# fine\n# caf\xe9\n")
    with pytest.raises(HandoutError) as caught:
        drift(find_solutions(house, []))
    first, second = str(caught.value).split("\n")
    assert first.startswith("part1_ops/solution/ops.py:1: the file must be valid Python")
    assert (
        second == "part2_more/solution/more.py:2: a solution must be UTF-8; got the byte 0xe9. Save the file as UTF-8."
    )


# Writing


def test_only_what_changed_is_written(house: Path) -> None:
    write(house)
    solve(house, "part1_ops/solution/ops.py", "y = x²")
    assert write(house, "part2") == []
    assert write(house) == ["part1_ops/ops.py"]


def test_a_stub_written_before_is_written_again_without_a_commit(house: Path) -> None:
    for purpose in ["y = x²", "y = x³", "y = x⁴"]:
        solve(house, "part1_ops/solution/ops.py", purpose)
        assert "part1_ops/ops.py" in write(house)
        assert purpose in (house / "part1_ops/ops.py").read_text(encoding="utf-8")


def test_own_work_is_never_overwritten(house: Path) -> None:
    write(house)
    solve(house, "part1_ops/solution/ops.py", "y = x²")
    solve(house, "part2_more/solution/more.py", "y = x²")
    work = (house / "part1_ops/ops.py").read_text() + "# my own work\n"
    (house / "part1_ops/ops.py").write_text(work)
    with pytest.raises(
        HandoutError, match=r"part1_ops/ops\.py must be as committed or as last .*\nNothing was written\."
    ):
        write(house)
    assert (house / "part1_ops/ops.py").read_text() == work
    assert "x²" not in (house / "part2_more/more.py").read_text(encoding="utf-8")
    (house / "part1_ops/ops.py").unlink()  # as the message says
    assert write(house) == ["part1_ops/ops.py", "part2_more/more.py"]


def test_a_file_in_a_stubs_place_that_was_never_written_is_somebodys_work(house: Path) -> None:
    (house / "part1_ops/ops.py").write_text("x = 1\n")
    with pytest.raises(HandoutError, match=r"part1_ops/ops\.py must be as committed"):
        write(house)


@pytest.mark.parametrize("memory", [b"", b"{", b"[]", b"\xff"])
def test_without_a_readable_memory_more_is_refused(house: Path, memory: bytes) -> None:
    write(house)
    (house / ".sfratorch/stubs.json").write_bytes(memory)
    solve(house, "part1_ops/solution/ops.py", "y = x²")
    with pytest.raises(HandoutError, match=r"part1_ops/ops\.py must be as committed"):
        write(house)


def test_a_committed_stub_is_written_anew(clone: Path) -> None:
    solve(clone, "part1_ops/solution/ops.py", "y = x²")
    assert write(clone) == ["part1_ops/ops.py"]


def test_work_that_is_not_committed_is_kept(clone: Path) -> None:
    (clone / "part1_ops/ops.py").write_text("def ops(x):\n    return 2 * x\n")
    with pytest.raises(HandoutError, match=r"part1_ops/ops\.py must be as committed"):
        write(clone)
    git(clone, "add", ".")
    with pytest.raises(HandoutError, match=r"part1_ops/ops\.py must be as committed"):
        write(clone)

"""A learner's folder is brought up to date, from a clone or a newer handout, and nothing of the learner's is lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from autograder.judge.handed_out import MANIFEST
from autograder.tests.courses import Course, make_course
from autograder.tests.toy import SOLUTION


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Course, Course]:
    """A course after it has changed, and a handout of what it was."""
    course = make_course(tmp_path_factory.mktemp("house"))
    course.write({"part1_toy/old.txt": "old", "part1_toy/tests/notes.txt": "old"})
    course.commit()
    old = Course(course.root.parent / "old")
    assert course.handout("part1", "--to", old.root).returncode == 0
    for name in ("old.txt", "tests/notes.txt"):
        (course.root / "part1_toy" / name).unlink()
    other = SOLUTION["other.py"].replace("x + 1.0", "1.0 + x").replace("Shifting.", "Shifting by one.")
    toy = SOLUTION["toy.py"].replace('"""2 x"""', '"""Twice x."""')
    course.write({"part1_toy/solution/other.py": other, "part1_toy/solution/toy.py": toy, "part1_toy/new.txt": "new"})
    toml = (course.root / "part1_toy/part.toml").read_text(encoding="utf-8")
    course.write({"part1_toy/part.toml": toml.replace("Multiply by two.", "Multiply it by two.")})
    assert course.handout("part1", "--write-stubs").returncode == 0
    course.commit()
    return course, old


@pytest.fixture
def course(made: tuple[Course, Course]) -> Course:
    return made[0]


@pytest.fixture
def mine(made: tuple[Course, Course], tmp_path: Path) -> Course:
    """The old handout, in which a learner has begun."""
    shutil.copytree(made[1].root, tmp_path / "mine")
    mine = Course(tmp_path / "mine")
    mine.write({"part1_toy/toy.py": SOLUTION["toy.py"], "part1_toy/helper.py": "mine", "part1_toy/new.txt": "mine"})
    mine.write({"notebooks/part1.ipynb": "my answers"})
    mine.write({"part1_toy/old.txt": "mine", "autograder/run.py": "broken", "README.md": "mine"})
    return mine


def kept(mine: Course) -> dict[str, bytes]:
    """Read the folder of what was kept, by its old name."""
    content = mine.content().items()
    return {name.split("/", 3)[3]: each for name, each in content if name.startswith(".sfratorch/kept/")}


def test_what_is_ours_is_replaced_and_what_is_the_learners_stays(course: Course, mine: Course) -> None:
    done = course.handout("--update", mine.root)
    assert (done.returncode, done.stderr) == (0, "")
    content = mine.content()
    assert content["part1_toy/toy.py"] == SOLUTION["toy.py"].encode()
    assert content["part1_toy/helper.py"] == b"mine"
    assert content["notebooks/part1.ipynb"] == b"my answers"
    assert b"Shifting by one." in content["part1_toy/other.py"]  # it was the stub still
    assert b"Multiply it by two." in content["part1_toy/part.toml"]
    assert content["part1_toy/new.txt"] == b"new"
    assert content["autograder/run.py"] == course.content()["autograder/run.py"]
    assert not {"part1_toy/old.txt", "part1_toy/tests/notes.txt"} & content.keys()
    mine_before = ("part1_toy/new.txt", "part1_toy/old.txt", "autograder/run.py", "README.md")
    assert kept(mine) == {name: b"broken" if name.endswith("run.py") else b"mine" for name in mine_before}
    for name in mine_before:
        assert f"{name} had been changed; what it was is kept in .sfratorch/kept/" in done.stdout
    assert (
        "part1_toy/toy.py is yours and stays; its stub is another one now, see autograder/handed_out.zip\n"
        in done.stdout
    )
    assert done.stdout.endswith(f"{mine.root} is up to date\n")
    assert '"points": 60.0' in _record(mine)


def _record(mine: Course) -> str:
    done = mine.run("part1", "--json", "record.json")
    assert (done.returncode, done.stderr) == (0, "")
    return (mine.root / "record.json").read_text(encoding="utf-8")


def test_a_second_time_changes_nothing(course: Course, mine: Course) -> None:
    course.handout("--update", mine.root)
    content = mine.content()
    done = course.handout("--update", mine.root)
    assert done.stdout == f"0 files written, 0 removed; {mine.root} is up to date\n"
    assert mine.content() == content


def test_a_newer_handout_does_the_same(course: Course, mine: Course, tmp_path: Path) -> None:
    newer = Course(tmp_path / "newer")
    assert course.handout("part1", "--to", newer.root).returncode == 0
    shutil.copytree(mine.root, tmp_path / "twin")
    twin = Course(tmp_path / "twin")
    assert newer.handout("--update", mine.root).returncode == 0
    assert course.handout("--update", twin.root).returncode == 0
    of_twin = twin.content()
    assert {name: each for name, each in mine.content().items() if "kept/" not in name} == {
        name: each for name, each in of_twin.items() if "kept/" not in name
    }
    assert kept(mine) == kept(twin)


def test_one_that_was_broken_off_is_made_again(course: Course, mine: Course) -> None:
    """The manifest comes last: with the old one beside new files, the next update goes on."""
    manifest = (mine.root / MANIFEST).read_bytes()
    course.handout("--update", mine.root)
    content = mine.content()
    (mine.root / MANIFEST).write_bytes(manifest)
    (mine.root / "part1_toy/tests/test_toy.py").unlink()
    assert course.handout("--update", mine.root).returncode == 0
    assert {name: each for name, each in mine.content().items() if "kept/" not in name} == {
        name: each for name, each in content.items() if "kept/" not in name
    }


@pytest.mark.parametrize(
    "name", ["../outside.txt", "{root}/outside.txt", "part1_toy/../../outside.txt", "..\\outside.txt"]
)
def test_no_manifest_of_a_learner_reaches_outside_of_the_folder(name: str, course: Course, mine: Course) -> None:
    outside = mine.root.parent / "outside.txt"
    outside.write_text("the instructor's")
    manifest = json.loads((mine.root / MANIFEST).read_bytes())
    manifest["files"][name.format(root=mine.root.parent)] = ""
    mine.write({MANIFEST: json.dumps(manifest)})
    before = mine.content()
    done = course.handout("--update", mine.root)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "must be as handed out; got the file " in done.stderr
    assert (mine.content(), outside.read_text()) == (before, "the instructor's")


@pytest.mark.parametrize("link", ["part1_toy/tests", "autograder", ".sfratorch"])
def test_nor_does_a_link(link: str, course: Course, mine: Course) -> None:
    outside = mine.root.parent / "outside"
    outside.mkdir()
    if (mine.root / link).exists():
        (mine.root / link).rename(outside / "there")
    (outside / "there").mkdir(exist_ok=True)
    try:
        (mine.root / link).symlink_to(outside / "there")
    except OSError:
        pytest.skip("this user may not make links")
    before = {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}
    done = course.handout("--update", mine.root)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "--update must be given a folder without links to others" in done.stderr
    assert {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()} == before


def test_what_cannot_be_updated_is_refused_and_stays(course: Course, mine: Course, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    newer, changed = Course(tmp_path / "newer"), Course(tmp_path / "changed")
    assert course.handout("part1", "part2", "--to", newer.root).returncode == 0
    assert course.handout("part1", "--to", changed.root).returncode == 0
    changed.write({"part1_toy/module.py": "changed"})
    before = mine.content()
    broken = Course(tmp_path / "broken")
    broken.write({MANIFEST: "{"})
    for program, folder, message in (
        (course, tmp_path / "empty", f"--update must be given the folder of a handout, which holds {MANIFEST}; got"),
        (course, tmp_path / "no", f"--update must be given the folder of a handout, which holds {MANIFEST}; got"),
        (course, broken.root, "must be as handed out; got"),
        (newer, mine.root, "must be made with a handout of part1_toy; got one of part1_toy, part2_next."),
        (changed, mine.root, "must be made with a handout as it was unpacked; part1_toy/module.py has been changed."),
    ):
        done = program.handout("--update", folder)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert message in done.stderr
    assert course.handout("part1", "--update", mine.root).returncode == 2
    assert mine.content() == before
    assert json.loads(before[MANIFEST])["parts"] == ["part1_toy"]

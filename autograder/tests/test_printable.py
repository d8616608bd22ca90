"""Text from outside is fit for every report: it paints nothing, turns nothing round, and fills no screen."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.judge.failures import Erred, Trace
from autograder.printable import CHARACTERS, LINES, bounded, one_line, printable
from autograder.testing.failures import Wrong
from autograder.tests.courses import Course, make_course
from autograder.tests.toy import SOLUTION

RED, BELL, C1, TURNED, LONE = "\x1b[31m", "\x07", "\x9b31m", "\u202e", "\ud800"
NASTY = f"{RED}{BELL}{C1}{TURNED}"


@given(text=st.text())
def test_what_is_printable_keeps_its_length_and_its_lines(text: str) -> None:
    assert all(character.isprintable() or character in "\n\t" for character in printable(text))
    assert len(printable(text)) == len(text)
    assert one_line(text).isprintable()
    assert printable(printable(text)) == printable(text)


@pytest.mark.parametrize("character", ["\x1b", BELL, "\x9b", TURNED, LONE, "\x00", "\u2028", "\u200f", "\r"])
def test_what_would_act_on_a_terminal_is_replaced(character: str) -> None:
    assert printable(f"a{character}b") == "a\N{REPLACEMENT CHARACTER}b"


def test_what_is_short_stays() -> None:
    text = "σ(x) = 1 / (1 + e⁻ˣ)\n\tή, 你好, 🙂"
    assert printable(text) == bounded(text) == text


@pytest.mark.parametrize("text", ["\n" * 10**6, "a" * 10**6, "a\n" * 10**6, "\n".join(["b" * 5000] * 500)])
def test_what_is_long_loses_its_middle(text: str) -> None:
    shown = bounded(text)
    assert shown.count("\n") <= LINES
    assert len(shown) <= CHARACTERS + 100
    assert shown[0] == text[0]
    assert shown[-1] == text[-1]
    assert "…" in shown


def test_every_failure_has_a_message_that_can_be_shown() -> None:
    message = f"{NASTY}\n" * 2000
    for failure in (Wrong(message), Erred(Trace(("ValueError",), message, ()))):
        assert failure.message == str(failure) == printable(failure.message)
        assert failure.message.count("\n") <= LINES


# Where it is shown


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return make_course(tmp_path_factory.mktemp("house"))


SHOUTS = f"""\
import numpy as np

raise_it = {NASTY!r} + "\\n" * 2000


def double(x):
    print({NASTY!r})
    raise ValueError(raise_it)


def scale(x, factor):
    raise type({RED!r}, (ValueError,), {{}})("no")
"""


def is_clean(text: str) -> bool:
    return all(character.isprintable() or character in "\n\t" for character in text)


def test_no_report_of_a_run_says_more_than_can_be_shown(course: Course, tmp_path: Path) -> None:
    (tmp_path / "in/part1_toy").mkdir(parents=True)
    (tmp_path / "in/part1_toy/toy.py").write_text(SHOUTS, encoding="utf-8")
    done = course.run("part1", "--submission", tmp_path / "in", "--json", tmp_path / "record.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert is_clean(done.stdout)
    assert done.stdout.count("\n") < 200
    record = (tmp_path / "record.json").read_text(encoding="utf-8")
    assert is_clean(json.dumps(json.loads(record), ensure_ascii=False).replace("\\n", "\n"))
    assert len(record) < 200_000


def test_nor_does_pytest(course: Course) -> None:
    course.write({"part1_toy/toy.py": SHOUTS})
    done = course.pytest("part1_toy", "--color=no")
    course.write({"part1_toy/toy.py": SOLUTION["toy.py"]})
    assert "ValueError" in done.stdout
    assert is_clean(done.stdout)
    assert done.stdout.count("\n") < 400


def test_nor_what_a_submission_is_called(course: Course, tmp_path: Path) -> None:
    path = tmp_path / "in.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{NASTY}/part1.py", "")
        archive.writestr(f"{NASTY}.txt", "")
    done = course.run("part1", "--submission", path)
    assert done.returncode == 2
    assert is_clean(done.stderr)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("part1_toy/toy.py", SOLUTION["toy.py"])
    done = course.run("part1", "--submission", path)
    assert done.returncode == 0
    assert "only exercise files count" in done.stdout
    assert is_clean(done.stdout)


def test_nor_where_it_lies(course: Course, tmp_path: Path) -> None:
    folder = tmp_path / f"in{NASTY}"
    try:
        (folder / "part1_toy").mkdir(parents=True)
    except OSError:
        pytest.skip("this system allows no such name")
    (folder / "part1_toy/toy.py").write_text(SOLUTION["toy.py"], encoding="utf-8")
    for done in (course.run("part1", "--submission", folder), course.run("part1", "--submission", f"{folder}x")):
        assert is_clean(done.stdout + done.stderr)

"""What a person reads: the table, the first failing exercise in full, and where to go on."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from autograder.judge import record
from autograder.judge.exercises import Exercise, Part
from autograder.judge.scoring import outcome_of
from autograder.reports import terminal
from autograder.testing.marks import Kind

PART = Part(
    Path("part1_toy"),
    "Toy",
    ("numpy",),
    tuple(Exercise(f"toy.{name}", 10, "toy.py", f"what toy.{name} is for", ("one", "two more")) for name in "abc"),
)
PLACES = {exercise.id: f"part1_toy/toy.py:{10 * number}" for number, exercise in enumerate(PART.exercises, start=1)}


def one_test(outcome: str, name: str = "test_one", kind: Kind = "oracle", **fields: Any) -> record.TestRecord:
    return record.TestRecord(id=f"test_toy.py::{name}", claim="a is b.", kind=kind, outcome=outcome, **fields)


def exercise_record(name: str, *tests: record.TestRecord, message: str = "") -> record.ExerciseRecord:
    outcome = outcome_of([test.outcome for test in tests])
    points = 10.0 if outcome == "passed" else 0.0
    return record.ExerciseRecord(
        id=name, title=f"what {name} is for", points=points, max_points=10, extra=False, outcome=outcome,
        message=message, tests=list(tests),
    )  # fmt: skip


def part_record(*exercises: record.ExerciseRecord, **fields: Any) -> record.PartRecord:
    return record.PartRecord(
        part="part1_toy", code="in place", points=sum(exercise.points for exercise in exercises),
        max_points=10.0 * len(exercises), seed=7, versions={},
        isolation=record.IsolationRecord(level="L1", layers=[], missing={"processes": "why"}),
        exercises=list(exercises), **fields,
    )  # fmt: skip


def of_outcomes(*outcomes: str) -> record.PartRecord:
    return part_record(
        *(
            exercise_record(exercise.id, one_test(outcome, message="because"), message="because")
            for exercise, outcome in zip(PART.exercises, outcomes, strict=True)
        )
    )


def shown(result: record.PartRecord, before: Mapping[str, str] | None = None, color: bool = False) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=120, force_terminal=color, color_system="standard" if color else None)
    terminal.show(console, PART, result, before or {}, PLACES)
    return stream.getvalue()


def lines_of(text: str) -> list[str]:
    """The lines without what is between their words."""
    return [" ".join(line.split()) for line in text.splitlines()]


def line_of(text: str, beginning: str) -> str:
    """The one line that begins so."""
    (line,) = (line for line in lines_of(text) if line.startswith(beginning))
    return line


# The table


@pytest.mark.parametrize(
    ("outcome", "mark"),
    [
        ("passed", "✓"), ("wrong", "✗"), ("error", "✗"), ("timeout", "✗"), ("memory", "✗"), ("crash", "✗"),
        ("refused", "✗"), ("not handed in", "✗"), ("not attempted", "·"), ("blocked", "·"), ("grader fault", "!"),
    ],
)  # fmt: skip
def test_every_outcome_has_a_line(outcome: str, mark: str) -> None:
    text = shown(of_outcomes(outcome, "passed", "passed"))
    points = 10 if outcome == "passed" else 0
    what = "because" if outcome == "blocked" else "what toy.a is for"
    assert f"{mark} toy.a {points} / 10 {outcome} {what}" in lines_of(text)
    assert f"{20 + points} / 30 points" in text


def test_the_heading_names_part_code_and_seed() -> None:
    assert shown(of_outcomes("passed", "passed", "passed")).startswith("part1_toy  Toy   (in place, seed 7)\n")


def test_extra_exercises_are_marked() -> None:
    result = of_outcomes("passed", "passed", "passed")
    result.exercises[2].extra = True
    assert "toy.c (extra)" in shown(result)
    assert "toy.b (extra)" not in shown(result)


def test_extra_exercises_alone_give_extra_points() -> None:
    result = part_record(exercise_record("toy.c", one_test("passed")))
    result.exercises[0].extra, result.max_points = True, 0
    assert "10 extra points" in lines_of(shown(result))
    assert "extra points" not in shown(of_outcomes("passed", "passed", "passed"))


def test_the_isolation_is_reported() -> None:
    assert line_of(shown(of_outcomes("passed", "passed", "passed")), "practice,") == (
        "practice, on isolation level L1 (what holds and what does not: --json)"
    )


# Where to go on


def test_an_untouched_part_says_where_to_begin() -> None:
    text = shown(of_outcomes("not attempted", "blocked", "not attempted"))
    assert line_of(text, "Start here").startswith("Start here: part1_toy/toy.py:10 toy.a what toy.a is for")
    assert "✗" not in text


def test_after_a_pass_the_next_one_is_named() -> None:
    text = shown(of_outcomes("passed", "blocked", "not attempted"))
    assert line_of(text, "Next").startswith("Next: part1_toy/toy.py:30 toy.c")


def test_a_failing_exercise_comes_before_the_next_one() -> None:
    text = shown(of_outcomes("passed", "wrong", "not attempted"))
    assert text.index("✗ toy.b   0 / 10") < text.index("Then: part1_toy/toy.py:30  toy.c")


OWN = "part1_toy/toy.py:3 in f"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (one_test("wrong"), one_test("error", kind="law")),
        (one_test("wrong"), one_test("crash", kind="edge case")),
        (one_test("error", kind="law"), one_test("wrong", kind="edge case")),
        (one_test("wrong", kind="edge case"), one_test("not attempted")),
        (one_test("wrong", kind="law"), one_test("error", traceback=[OWN, "part1_toy/given.py:8 in g"])),
        (one_test("error", traceback=[OWN], kind="edge case"), one_test("error", traceback=["part0/tensor.py:8 in g"])),
    ],
)  # fmt: skip
def test_the_failure_that_teaches_most_is_the_one_that_is_shown(
    first: record.TestRecord, second: record.TestRecord
) -> None:
    """Neither an overflow nor a traceback through given code hides a wrong value, whatever the outcomes are called."""
    first.message, second.message = "the one that is shown", "the other one"
    for tests in ((first, second), (second, first)):
        text = shown(part_record(exercise_record("toy.a", *tests)))
        assert "the one that is shown" in text
        assert "the other one" not in text


def test_at_the_end_nothing_is_next() -> None:
    text = shown(of_outcomes("passed", "passed", "passed"))
    assert "30 / 30 points" in text
    assert "Everything passes." in text
    assert not any(word in text for word in ("Start here", "Next:", "Then:", "✗"))


@pytest.mark.parametrize("outcome", ["passed", "wrong", "not attempted", "blocked"])
def test_everything_passes_only_with_the_extra_exercises(outcome: str) -> None:
    result = of_outcomes("passed", "passed", outcome)
    result.exercises[2].extra, result.max_points = True, 20
    text = shown(result)
    assert f"{30 if outcome == 'passed' else 20} / 20 points" in lines_of(text)
    assert ("Everything passes." in text) == (outcome == "passed")
    assert ("Next: part1_toy/toy.py:30" in text) == (outcome == "not attempted")


def test_what_is_newly_green_is_said() -> None:
    before = {"toy.a": "wrong", "toy.b": "passed"}
    text = shown(of_outcomes("passed", "passed", "passed"), before)
    assert line_of(text, "newly green") == "newly green: toy.a"
    assert "newly green" not in shown(of_outcomes("wrong", "passed", "passed"), before)


# A failure in full


def test_the_first_failing_exercise_is_shown_in_full() -> None:
    failing = one_test(
        "wrong", message="…", got="y[0] = -1", expected="y[0] = 1", differ="1 of 1 values differ",
        called="run_a(x (1,))", probe="part1_toy/tests/probe_toy.py:6", diagnosis="y has the wrong sign",
        counterexample={"x": "[1.]", "weight": "[[1.],\n [2.]]"}, is_shrunk=True, output="hello\n",
        replay=record.Replay(command="python autograder/run.py part1 -e toy.a", problem=""),
    )  # fmt: skip
    text = shown(part_record(exercise_record("toy.a", failing, one_test("wrong", "test_two", message="y is missing"))))
    block = lines_of(text[text.index("✗ toy.a   0 / 10   what") :])
    assert block[:12] == [
        "✗ toy.a 0 / 10 what toy.a is for",
        "claim a is b.",
        "called run_a(x (1,))",
        "in part1_toy/tests/probe_toy.py:6",
        "smallest failing input x = [1.]",
        "weight = [[1.],",
        "[2.]]",
        "got y[0] = -1",
        "expected y[0] = 1 1 of 1 values differ",
        "it looks like y has the wrong sign",
        "printed hello",
        "again python autograder/run.py part1 -e toy.a",
    ]
    assert block[12] == "hint python autograder/run.py part1 --hint toy.a 0 of 2 shown"
    assert block[13] == "also: two (wrong)"


def test_only_the_first_failing_exercise_is_shown_in_full() -> None:
    text = shown(of_outcomes("wrong", "error", "crash"))
    assert text.count("claim") == 1
    assert text.index("✗ toy.a") < text.index("claim")


def test_the_test_that_is_shown_is_one_that_gave_the_exercise_its_word() -> None:
    """A half-written exercise: what was written and is wrong is told, not what is still to be written."""
    tests = one_test("not attempted", message="stub"), one_test("wrong", "test_two", message="y must be 1; got 2.")
    text = shown(part_record(exercise_record("toy.a", *tests)))
    assert line_of(text, "outcome") == "outcome y must be 1; got 2."
    assert "also: one (not attempted)" in text


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        ("error", "raised KeyError: 0"),
        ("timeout", "outcome timeout: KeyError: 0"),
        ("crash", "outcome crash: KeyError: 0"),
    ],
)
def test_an_outcome_without_numbers_is_told(outcome: str, line: str) -> None:
    failing = one_test(outcome, message="KeyError: 0", traceback=["part1_toy/toy.py:3 in a"])
    text = shown(part_record(exercise_record("toy.a", failing)))
    assert line in lines_of(text)
    assert line_of(text, "at ") == "at part1_toy/toy.py:3 in a"


def test_a_fault_of_the_grader_is_owned() -> None:
    text = shown(of_outcomes("grader fault", "passed", "passed"))
    assert "! toy.a: a fault of the grader, not of your code. Please report it with this text:" in text
    assert "test_toy.py::test_one" in lines_of(text)
    assert "✗" not in text


def test_files_that_do_not_count_are_listed() -> None:
    text = shown(part_record(ignored_files=[f"file{number}.py" for number in range(10)]))
    assert "ignored, since only exercise files count: file0.py, file1.py" in text
    assert "and 2 more" in text


def test_long_prints_are_cut_in_the_middle() -> None:
    failing = one_test("error", message="x", output="\n".join(f"line {number}" for number in range(100)))
    text = shown(part_record(exercise_record("toy.a", failing)))
    printed = [line.removeprefix("printed ") for line in lines_of(text) if "line" in line]
    assert printed[:6] == [f"line {number}" for number in range(6)]
    assert printed[6] == "… 88 lines …"
    assert printed[7:] == [f"line {number}" for number in range(94, 100)]


# Text that comes from a submission


HOSTILE = "\x1b[31m\x1b]0;title\x07\r\x08[bold]x[/bold][link=http://x]"


@pytest.mark.parametrize("color", [False, True])
def test_a_submission_cannot_paint_the_terminal(color: bool) -> None:
    failing = one_test(
        "error", message=HOSTILE, output=HOSTILE, traceback=[HOSTILE], diagnosis=HOSTILE, called=HOSTILE,
        counterexample={"x": HOSTILE},
    )  # fmt: skip
    text = shown(part_record(exercise_record("toy.a", failing), ignored_files=[HOSTILE]), color=color)
    assert not set(text) & set("\x07\x08\r")
    assert "\x1b]" not in text
    assert "\x1b[31m\x1b" not in text
    assert text.count("[bold]x[/bold][link=http://x]") == 7


def test_without_a_terminal_there_are_no_colours() -> None:
    assert "\x1b" not in shown(of_outcomes("wrong", "not attempted", "grader fault"))
    assert "\x1b" in shown(of_outcomes("wrong", "not attempted", "grader fault"), color=True)


def test_the_sum_of_all_parts_is_one_line() -> None:
    stream = io.StringIO()
    results = [of_outcomes("passed", "passed", "wrong"), of_outcomes("wrong", "wrong", "wrong")]
    terminal.show_sum(Console(file=stream, width=80), results)
    assert stream.getvalue().strip() == "all parts  20 / 60"


# Narrow and wide


LONG = "functional.softmax_cross_entropy"  # no part has a longer one


@pytest.mark.parametrize("width", [60, 72, 80, 99, 100, 130, 200])
def test_nothing_is_cut_off_at_any_width(width: int) -> None:
    reason = "needs exp and mean, which are not written yet"
    message = "output[3, 4] is 1.2345678901234567 where torch has 7.6543210987654321, and so are 118 of 120 values"
    replay = "python autograder/run.py part1 -e functional.softmax_cross_entropy --seed 1234567890 --examples 100"
    result = part_record(
        exercise_record("toy.a", one_test("wrong", message=message, replay=record.Replay(command=replay, problem=""))),
        exercise_record(LONG, one_test("blocked"), message=reason),
        exercise_record("toy.c", one_test("not attempted")),
        ignored_files=[f"a_file_of_the_learner_{number}.py" for number in range(12)],
    )
    result.exercises[2].extra = True
    stream = io.StringIO()
    terminal.show(Console(file=stream, width=width), PART, result, {}, PLACES)
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in stream.getvalue().replace("-e …", "")
    for text in (LONG, reason, message, replay, "toy.c (extra)", "part1_toy/toy.py:30", "and 4 more"):
        assert_in_order(text, lines)
    assert lines[0].startswith("part1_toy")


def assert_in_order(text: str, lines: list[str]) -> None:
    """Its words stand one after another, though perhaps on several lines between other columns."""
    place = "\n".join(lines)
    for word in text.split():
        assert word in place, f"{word!r} of {text!r} is cut off"
        place = place[place.index(word) + len(word) :]

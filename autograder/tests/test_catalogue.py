"""The catalogue of mistakes: every entry loses points and is named as it says, and every sentence has an entry."""

from __future__ import annotations

import importlib
import random
import subprocess
from pathlib import Path

import pytest

from autograder.authoring import catalogue
from autograder.authoring.catalogue import fault_of, orphans, sentences_of, shares
from autograder.authoring.mistakes import Mistake, Whole, mistake, mistakes_of, with_mistake
from autograder.judge.collection import find_tests
from autograder.judge.exercises import ROOT, Part, find_parts
from autograder.tests.test_exercises import every_part
from autograder.tests.toy import make_toy_part

NAMED = 0.5  # the share of a part's entries whose sentence the report shows must be at least this
DRAWN = 0.1  # the share of the catalogue that the quick tier proves
QUICK_PROBLEMS = 8  # of a test, in the quick tier's look for sentences

PARTS = find_parts()


def _entries() -> list[object]:
    """Every entry, those that this commit does not draw as slow ones: each commit draws others."""
    command = ["git", "rev-parse", "HEAD"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    draw = random.Random(commit)
    return [
        pytest.param(
            part,
            entry,
            marks=() if draw.random() < DRAWN else pytest.mark.slow,
            id=f"{part.short_name} {entry.exercise} {entry.name}",
        )
        for part in PARTS
        for entry in mistakes_of(part)
    ]


# The course's catalogues


@every_part
def test_every_entry_is_a_change_of_the_reference(part: Part) -> None:
    entries = mistakes_of(part)
    assert entries
    for entry in entries:
        with_mistake(part, entry)
    names = [(entry.exercise, entry.name) for entry in entries]
    assert sorted(set(names)) == sorted(names), "an entry needs a name of its own"
    assert {entry.exercise for entry in entries} == {exercise.id for exercise in part.exercises}


@every_part
def test_a_catalogue_has_the_name_of_its_tests(part: Part) -> None:
    tested = {test.exercise: test.path.stem.removeprefix("test_") for test in find_tests(part)}
    for path in part.folder.glob("checks/mistakes_*.py"):
        entries = importlib.import_module(f"{part.name}.checks.{path.stem}").MISTAKES
        assert {tested[entry.exercise] for entry in entries} == {path.stem.removeprefix("mistakes_")}


@pytest.mark.parametrize(("part", "entry"), _entries())
def test_a_mistake_loses_points_and_is_named_as_its_entry_says(part: Part, entry: Mistake) -> None:
    assert fault_of(part, entry) == ""


@pytest.mark.parametrize("problems", [QUICK_PROBLEMS, pytest.param(None, marks=pytest.mark.slow)])
@every_part
def test_every_sentence_has_an_entry(part: Part, problems: int | None) -> None:
    assert orphans(part, most=problems) == []


@every_part
def test_enough_mistakes_are_named(part: Part) -> None:
    entries = mistakes_of(part)
    assert sum(entry.says is not None for entry in entries) >= NAMED * len(entries)


def test_the_shares_are_a_table_with_a_row_for_each_part() -> None:
    entries = [mistake("a.b", "said", says="so"), mistake("a.b", "not said"), mistake("a.b", "neither")]
    columns = [list(column.cells) for column in shares({"part1_a": entries, "part2_b": []}).columns]
    assert columns == [["part1_a", "part2_b"], ["3", "0"], ["1", "0"], ["33 %", "–"]]


# What the proof finds, on a part of three exercises

TRIPLED = ("2.0 * x", "3.0 * x")
TOO_LARGE = "y is too large by the factor 1.5"


@pytest.fixture
def toy(tmp_path: Path) -> Part:
    return make_toy_part(tmp_path)


@pytest.mark.parametrize("says", [TOO_LARGE, "y is too large by the factor #"])
def test_an_entry_holds_where_the_report_says_its_sentence(toy: Part, says: str) -> None:
    assert fault_of(toy, mistake("toy.double", "tripled", TRIPLED, says=says)) == ""


@pytest.mark.parametrize("says", [None, "y has the wrong sign"])
def test_an_entry_must_say_what_the_report_says(toy: Part, says: str | None) -> None:
    expected = f"says must be '{TOO_LARGE}', as test_toy.py::test_double does; got {says!r}."
    assert fault_of(toy, mistake("toy.double", "tripled", TRIPLED, says=says)).endswith(expected)


def test_a_sentence_that_the_report_does_not_say_is_a_fault(toy: Part) -> None:
    squared = mistake("toy.double", "squared", ("2.0 * x", "x * x"), says=TOO_LARGE)
    assert f"says must be None, as test_toy.py::test_double does; got '{TOO_LARGE}'." in fault_of(toy, squared)


@pytest.mark.parametrize(
    ("said", "holds"),
    [(["so"], True), ([None, "so", "so"], True), ([None, None], False), (["other", "so", None], False)],
)
def test_what_hangs_on_the_draw_must_be_said_with_two_seeds_of_three(
    toy: Part, monkeypatch: pytest.MonkeyPatch, said: list[str | None], holds: bool
) -> None:
    seeds = []

    def told(part: Part, entry: Mistake, seed: int) -> catalogue.Told:
        seeds.append(seed)
        return catalogue.Told(0, 40, said[len(seeds) - 1], "test_toy.py::test_double")

    monkeypatch.setattr(catalogue, "told", told)
    fault = fault_of(toy, mistake("toy.double", "tripled", TRIPLED, says="so"), seed=7)
    assert (fault == "") == holds
    assert seeds == [7, 8, 9][: len(said)]


def test_a_mistake_must_lose_points_in_its_own_exercise(toy: Part) -> None:
    elsewhere = mistake("toy.scale", "doubling triples", TRIPLED)
    assert fault_of(toy, elsewhere) == "toy.scale, doubling triples: must lose points; got 20 of 20."


def test_a_fault_of_the_grader_does_not_pass_for_lost_points(toy: Part) -> None:
    path = toy.folder / "tests" / "test_toy.py"
    source, right = path.read_text(encoding="utf-8"), 'return {"y": factor * x}'
    assert right in source
    path.write_text(source.replace(right, "raise RuntimeError('no torch today')"), encoding="utf-8")
    fault = fault_of(toy, mistake("toy.double", "squared", ("2.0 * x", "x * x")))
    assert fault.startswith("toy.double, squared: the grader must be without fault; got ")


def test_a_text_that_is_gone_is_named_with_its_place(toy: Part) -> None:
    expected = rf"gone: {toy.name}/solution/toy.py must hold the text .* it no longer has '4.0 \* x'\."
    with pytest.raises(ValueError, match=expected):
        with_mistake(toy, mistake("toy.double", "gone", ("4.0 * x", "x")))


def test_a_whole_region_may_be_replaced(toy: Part) -> None:
    edit = (Whole("scale"), "for _ in range(2):\n    x = x * factor\nreturn x")
    source = with_mistake(toy, mistake("toy.scale", "twice", edit)).files[toy.name]["toy.py"]
    assert isinstance(source, bytes)
    assert "factor x\n    for _ in range(2):\n        x = x * factor\n    return x\n    ### END" in source.decode()
    with pytest.raises(ValueError, match="must hold one region inside halve; got 0"):
        with_mistake(toy, mistake("toy.scale", "no such function", (Whole("halve"), "pass")))


KNOWN = """mistakes={
        "x is returned": {"y": x},
        "z is wrong too": {"y": y, "z": x},
    }"""


def test_sentences_without_an_entry_and_sentences_that_nothing_can_say_are_found(toy: Part) -> None:
    path = toy.folder / "tests" / "test_toy.py"
    before = "assert_same(candidate.run(toy.run_double, x=x), multiplied(x, 2.0))"
    after = f"""got, y = candidate.run(toy.run_double, x=x), multiplied(x, 2.0)["y"]
    assert_same(got, {{"y": y, "z": y}}, ["y"], {KNOWN})"""
    source = path.read_text(encoding="utf-8")
    assert before in source
    path.write_text(source.replace(before, after), encoding="utf-8")
    assert sentences_of(toy)["toy.double"] == {"x is returned": True, "z is wrong too": False}
    unsaid, unseen = orphans(toy)
    assert unsaid == "toy.double: 'x is returned' must have an entry in checks/mistakes_toy.py; got none."
    assert unseen == "toy.double: 'z is wrong too' must change what a test compares; got what none can see."
    checks = toy.folder / "checks"
    checks.mkdir()
    (checks / "mistakes_toy.py").write_text(
        "from autograder.authoring.mistakes import mistake\n\n"
        'MISTAKES = (mistake("toy.double", "as it came", ("2.0 * x", "x"), says="x is returned"),)\n',
        encoding="utf-8",
    )
    assert orphans(toy) == [unseen]
    assert [fault_of(toy, entry) for entry in mistakes_of(toy)] == [""]

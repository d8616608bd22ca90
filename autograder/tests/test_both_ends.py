"""Both ends of every part: the reference earns everything, the untouched stub nothing, and a lazy answer next to it.

Stubs are made from the solutions in a temporary folder: a learner's own progress never turns this red.
"""

from __future__ import annotations

import ast
import importlib
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from autograder.authoring.lazy import LAZY, ROUNDED, lazy_files
from autograder.authoring.stubs import generate_stub, regions, reset_region
from autograder.judge.candidate import WorkerCandidate
from autograder.judge.collection import EXAMPLES, Collection, collect
from autograder.judge.exercises import Part, find_parts
from autograder.judge.grading import grade
from autograder.judge.record import PartRecord
from autograder.judge.staging import make_stage, name_of, staged_files
from autograder.judge.submission import Submission, from_path
from autograder.practice.dependencies import dependencies
from autograder.practice.places import places
from autograder.reports import terminal
from autograder.tests.test_exercises import collected
from autograder.tests.toy import outcomes, points

WITH_REFERENCE = [part for part in find_parts() if (part.folder / "solution").is_dir()]
every_part = pytest.mark.parametrize("part", WITH_REFERENCE, ids=lambda part: part.short_name)

NOT_BEGUN = {"not attempted", "blocked"}


def solution(part: Part) -> dict[str, str]:
    """The reference's files."""
    return {file: (part.folder / "solution" / file).read_text(encoding="utf-8") for file in part.files}


def stubs(part: Part) -> dict[str, str]:
    """The files that a learner begins with."""
    return {file: generate_stub(source, part.name) for file, source in solution(part).items()}


def handed_in(part: Part, files: dict[str, str]) -> Submission:
    """A submission of these files."""
    return Submission("test", {part.name: {file: source.encode() for file, source in files.items()}})


def grade_files(
    part: Part,
    files: dict[str, str],
    collection: Collection | None = None,
    explains: bool = False,
    is_practice: bool = False,
) -> PartRecord:
    """Grade a submission of these files; with the problems that all tests here share, unless others are given."""
    with WorkerCandidate(part, make_stage(part, handed_in(part, files)), is_practice=is_practice) as candidate:
        return grade(collection or collected(part.folder), candidate, "test", shrinks=explains, diagnoses=explains)


def staged(part: Part, files: dict[str, str]) -> dict[str, bytes]:
    """What a worker gets of a submission of these files."""
    return staged_files(part, handed_in(part, files)).contents


def report(part: Part, result: PartRecord, files: dict[str, str]) -> str:
    """The report that the learner reads."""
    stream = io.StringIO()
    terminal.show(Console(file=stream, width=160), part, result, {}, places(part, handed_in(part, files)))
    return stream.getvalue()


def not_passed(result: PartRecord) -> Iterator[tuple[str, str, str]]:
    """Every test that did not pass: id, outcome, message."""
    for exercise in result.exercises:
        for test in exercise.tests:
            if test.outcome != "passed":
                yield test.id, test.outcome, test.message


# The reference


def assert_full_marks(result: PartRecord) -> None:
    assert list(not_passed(result)) == []
    assert result.max_points == 100
    assert result.points == sum(exercise.max_points for exercise in result.exercises)  # extra ones add to it


@every_part
def test_the_reference_earns_everything(part: Part) -> None:
    assert_full_marks(grade_files(part, solution(part)))


@every_part
def test_the_reference_earns_everything_with_another_seed_in_practice_which_runs_all_of_its_functions(
    part: Part,
) -> None:
    files = solution(part)
    result = grade_files(part, files, collect(part, seed=1, examples=10), is_practice=True)
    assert_full_marks(result)
    for exercise in result.exercises:
        file = part.exercise(exercise.id).file
        own = {region.function for region in regions(files[file]) if region.label_id == exercise.id}
        module = name_of(f"{part.name}/{file}")
        assert exercise.reached is not None
        assert {f"{module}:{function}" for function in own} <= {*exercise.reached}, exercise.id


@pytest.mark.slow
@every_part
@pytest.mark.parametrize("seed", range(2, 12))
def test_the_reference_earns_everything_under_any_seed(part: Part, seed: int) -> None:
    assert_full_marks(grade_files(part, solution(part), collect(part, seed, EXAMPLES["grading"])))


# The stub


@every_part
def test_the_untouched_stub_earns_nothing_and_says_where_to_begin(part: Part, tmp_path: Path) -> None:
    files = stubs(part)
    folder = tmp_path / "learner" / part.name
    folder.mkdir(parents=True)
    for file, source in files.items():
        (folder / file).write_text(source, encoding="utf-8")
    submission = from_path(tmp_path / "learner", [part])
    with WorkerCandidate(part, make_stage(part, submission)) as candidate:
        result = grade(collected(part.folder), candidate, "stub")

    assert result.points == 0
    assert set(outcomes(result).values()) <= NOT_BEGUN
    of_kind: dict[str, set[str]] = {"oracle": set(), "law": set(), "edge case": set()}
    for test in (test for exercise in result.exercises for test in exercise.tests):
        of_kind[test.kind].add(test.outcome)
    assert of_kind["oracle"] <= NOT_BEGUN
    assert of_kind["law"] | of_kind["edge case"] <= NOT_BEGUN | {
        "passed"
    }  # given lines refuse bad input, which pays nothing by itself
    for exercise in part.exercises:
        assert (outcomes(result)[exercise.id] == "blocked") == bool(exercise.needs), exercise.id
    first = part.exercises[0]
    assert outcomes(result)[first.id] == "not attempted"
    start = re.search(rf"^Start here: {part.name}/{first.file}:(\d+)  {first.id}  ", report(part, result, files), re.M)
    assert start
    line = files[first.file].splitlines()[int(start[1]) - 1]
    assert "raise NotImplementedError(" in line


@every_part
def test_every_exercise_has_a_place_to_begin(part: Part) -> None:
    submission = Submission("stub", {part.name: {file: source.encode() for file, source in stubs(part).items()}})
    assert set(places(part, submission)) == {exercise.id for exercise in part.exercises}


@pytest.mark.slow
@every_part
def test_each_exercise_is_missed_by_its_own_tests(part: Part) -> None:
    """The reference without one exercise: that one is not attempted, what came before is untouched.

    Whatever else loses points would not have been remembered as passed.
    """
    ids = [exercise.id for exercise in part.exercises]
    reached = {one.id: one.reached for one in grade_files(part, solution(part), is_practice=True).exercises}
    before = dependencies(part, staged(part, solution(part)), reached)
    for position, exercise in enumerate(part.exercises):
        files = solution(part)
        stub = generate_stub(files[exercise.file], part.name)
        files[exercise.file] = reset_region(files[exercise.file], stub, exercise.id)
        result = grade_files(part, files)
        assert outcomes(result)[exercise.id] == "not attempted", exercise.id
        assert points(result)[exercise.id] <= exercise.points / 4, exercise.id  # part of it may lie in another's region
        for earlier in ids[:position]:
            assert outcomes(result)[earlier] == "passed", f"{earlier} needs {exercise.id}, which comes later"
        assert not set(outcomes(result).values()) & {"grader fault", "crash", "timeout"}, exercise.id
        after = dependencies(part, staged(part, files), reached)
        lost = {name for name, outcome in outcomes(result).items() if outcome not in ("passed", "blocked")}
        assert lost <= {name for name in ids if before[name] != after[name]}, exercise.id


# One wrong sign


def with_one_sign_changed(source: str, function: str) -> str:
    """The source with `-grad_output` as `grad_output` in one function."""
    node = next(node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == function)
    segment = ast.get_source_segment(source, node)
    assert segment is not None
    assert segment.count("-grad_output") == 1
    return source.replace(segment, segment.replace("-grad_output", "grad_output"))


def test_one_wrong_sign_earns_partial_credit_and_is_named() -> None:
    part = next(part for part in WITH_REFERENCE if part.number == 1)
    files = solution(part)
    files["functional.py"] = with_one_sign_changed(files["functional.py"], "sub_backward")
    result = grade_files(part, files, explains=True)
    exercise = next(exercise for exercise in result.exercises if exercise.outcome != "passed")
    assert (exercise.id, exercise.outcome) == ("functional.add", "wrong")
    assert 0 < exercise.points < exercise.max_points
    assert 80 < result.points < 100
    wrong = [test.id for test in exercise.tests if test.outcome != "passed"]
    assert wrong == ["test_functional.py::test_sub_matches_torch"]
    text = report(part, result, files)
    shown = text[text.index("✗ functional.add  ", text.index("/ 100 points")) :]
    assert re.search(r"^ +claim +sub_backward hands the gradient to a, and its negative to b\.", shown, re.M)
    assert re.search(r"^ +in part1_autograd/tests/probe_functional\.py:\d+", shown, re.M)
    got, expected = (re.search(rf"^ +{word} +b_grad\S* = (\S+)", shown, re.M) for word in ("got", "expected"))
    assert got
    assert expected
    assert float(got[1]) == -float(expected[1]) != 0
    assert re.search(r"^ +it looks like .*sign", shown, re.M)


def sign_changes(source: str, filename: str) -> Iterator[tuple[int, str]]:
    """Line and source with one + or - of a region turned, for each of them in turn (those of constants left out)."""
    lines = source.encode().split(b"\n")
    inside = {line for region in regions(source, filename) for line in range(region.first_line, region.last_line)}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            if isinstance(node.operand, ast.Constant):
                continue
            line, start, stop = node.lineno, node.col_offset, node.col_offset + 1
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            line, start, stop = node.left.end_lineno or 0, node.left.end_col_offset or 0, node.right.col_offset
        else:
            continue
        if line in inside and node.lineno == node.end_lineno:
            text = lines[line - 1]
            turned = text[:start] + text[start:stop].translate(bytes.maketrans(b"+-", b"-+")) + text[stop:]
            yield line, b"\n".join([*lines[: line - 1], turned, *lines[line:]]).decode()


@pytest.mark.slow
@every_part
def test_every_sign_of_the_reference_matters(part: Part) -> None:
    """A learner who turns any one of them loses points; one that may be turned is not tested."""
    changes = 0
    everything = collected(part.folder)
    for file, source in solution(part).items():
        of_this_file = tuple(exercise for exercise in part.exercises if exercise.file == file)
        collection = replace(everything, exercises=of_this_file)
        for line, changed in sign_changes(source, file):
            result = grade_files(part, solution(part) | {file: changed}, collection)
            most = sum(exercise.points for exercise in of_this_file)
            assert result.points < most, f"{file}:{line}: {changed.splitlines()[line - 1].strip()}"
            assert "grader fault" not in outcomes(result).values(), f"{file}:{line}"
            changes += 1
    assert changes > 0


# Solutions that are built differently


def built_differently() -> Iterator[tuple[Part, Path]]:
    """Every folder in a part's `checks/built_differently/`: exercise files, and tests that they lose."""
    for part in WITH_REFERENCE:
        for path in sorted((part.folder / "checks" / "built_differently").glob("*/__init__.py")):
            yield part, path.parent


def lost_by(part: Part, folder: Path) -> set[str]:
    """The edge cases that a solution leaves out: `LOSES` in its `__init__.py`."""
    return set(importlib.import_module(".".join(folder.relative_to(part.folder.parent).parts)).LOSES)


@pytest.mark.parametrize(
    ("part", "folder"),
    [pytest.param(part, folder, id=f"{part.short_name}-{folder.name}") for part, folder in built_differently()],
)
def test_a_solution_that_is_built_differently_loses_its_edge_case_only(part: Part, folder: Path) -> None:
    """Files that it lacks are the reference's; `LOSES` in its `__init__.py` names the edge cases that it leaves out."""
    own = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.py") if path.name != "__init__.py"}
    assert own.keys() <= set(part.files)
    loses = lost_by(part, folder)
    result = grade_files(part, solution(part) | own)
    kinds = {test.id: test.kind for test in collected(part.folder).tests}
    assert {test: outcome for test, outcome, _ in not_passed(result)}.keys() == loses
    assert {kinds[test] for test in loses} <= {"edge case"}


@every_part
def test_every_part_has_solutions_that_are_built_differently(part: Part) -> None:
    """Four at least earn everything."""
    lost = [lost_by(part, folder) for other, folder in built_differently() if other is part]
    assert lost.count(set()) >= 4


# Lazy answers

MOST_FOR_A_LAZY_ANSWER = 3.0  # of 100
MOST_FOR_ROUNDED_ANSWERS = 20.0  # what consists of integers, booleans and states is right when it is rounded, too
QUICK = ("the gradient for every input", "always a ValueError")


@every_part
@pytest.mark.parametrize(
    "answer", [answer if answer in QUICK else pytest.param(answer, marks=pytest.mark.slow) for answer in LAZY]
)
def test_a_lazy_answer_earns_next_to_nothing(part: Part, answer: str) -> None:
    files = lazy_files(part, answer)
    assert not any("NotImplementedError" in source for source in files.values())
    result = grade_files(part, files)
    earned = {name: amount for name, amount in points(result).items() if amount}
    assert result.points <= MOST_FOR_A_LAZY_ANSWER, earned
    assert not set(outcomes(result).values()) & {"grader fault", "not attempted"}


@every_part
def test_right_answers_rounded_to_float32_earn_little(part: Part) -> None:
    """What was computed in float32 on the way shows, since most numbers that are drawn are none of float32's.

    Neither the submission nor an oracle or a test changes the recorded problems: one collection serves a class.
    """
    before = repr(dict(collected(part.folder).problems))
    result = grade_files(part, lazy_files(part, ROUNDED))
    assert result.points <= MOST_FOR_ROUNDED_ANSWERS, points(result)
    assert repr(dict(collected(part.folder).problems)) == before

"""From a collection and a submission to the record: points, words, and what a report needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from autograder.judge.collection import Collection, collect
from autograder.judge.exercises import load_part
from autograder.judge.grading import MAX_REPLAY_BYTES, brief, decode_problem, full, grade
from autograder.judge.record import ExerciseRecord, PartRecord
from autograder.judge.running import TestResult as Result
from autograder.tests.toy import SEED, SOLUTION, collect_toy, grade_toy, make_toy_part, outcomes, points, toy_candidate

DOUBLE, SCALE, SHIFT = "toy.double", "toy.scale", "other.shift"
STUB = "def double(x):\n    raise NotImplementedError('toy.double')\n\ndef scale(x, factor):\n    return factor * x\n"


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return collect_toy(make_toy_part(tmp_path_factory.mktemp("grading")))


@pytest.fixture(scope="module")
def passed(collection: Collection) -> PartRecord:
    return grade_toy(collection)


def exercise_of(result: PartRecord, name: str) -> ExerciseRecord:
    return next(exercise for exercise in result.exercises if exercise.id == name)


# Points and words


def test_the_reference_earns_everything(passed: PartRecord, collection: Collection) -> None:
    assert (passed.points, passed.max_points) == (100, 100)
    assert set(outcomes(passed).values()) == {"passed"}
    assert {test.outcome for exercise in passed.exercises for test in exercise.tests} == {"passed"}
    assert [test.id for exercise in passed.exercises for test in exercise.tests] == [
        test.id for test in collection.tests
    ]


def test_the_record_says_what_was_graded_and_how(passed: PartRecord, collection: Collection) -> None:
    assert (passed.schema, passed.part, passed.code, passed.seed) == (1, collection.part.name, "in place", SEED)
    assert set(passed.versions) == {"python", "numpy", "torch", "hypothesis", "scipy"}
    assert re.fullmatch(r"L\d", passed.isolation.level)
    assert "separate interpreter" in passed.isolation.layers
    assert not set(passed.isolation.layers) & set(passed.isolation.missing)
    assert all(passed.isolation.missing.values())


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"toy.py": SOLUTION["toy.py"].replace("2.0 * x", "3.0 * x")},
            {DOUBLE: ("wrong", 0), SCALE: ("passed", 20), SHIFT: ("passed", 40)},
        ),
        (
            {"toy.py": SOLUTION["toy.py"].replace("np.isnan(factor)", "False")},
            {DOUBLE: ("passed", 40), SCALE: ("wrong", 10), SHIFT: ("passed", 40)},
        ),
        ({"toy.py": STUB}, {DOUBLE: ("not attempted", 0), SCALE: ("blocked", 0), SHIFT: ("passed", 40)}),
        (
            {"toy.py": None},
            {DOUBLE: ("not handed in", 0), SCALE: ("not handed in", 0), SHIFT: ("passed", 40)},
        ),
        (
            {"toy.py": "import torch\n" + SOLUTION["toy.py"]},
            {DOUBLE: ("refused", 0), SCALE: ("refused", 0), SHIFT: ("passed", 40)},
        ),
        (
            {"toy.py": "def double(x:\n"},
            {DOUBLE: ("error", 0), SCALE: ("error", 0), SHIFT: ("passed", 40)},
        ),
        (
            {"other.py": b"\xff\xfe\x00"},
            {DOUBLE: ("passed", 40), SCALE: ("passed", 20), SHIFT: ("error", 0)},
        ),
        (
            {"other.py": "def shift(x):\n    import os\n    os._exit(0)\n"},
            {DOUBLE: ("passed", 40), SCALE: ("passed", 20), SHIFT: ("crash", 0)},
        ),
    ],
    ids=["wrong", "half right", "stub", "not handed in", "refused", "syntax error", "not UTF-8", "crash"],
)
def test_a_submission_earns_what_it_does(
    collection: Collection, files: dict[str, Any], expected: dict[str, tuple[str, float]]
) -> None:
    result = grade_toy(collection, files)
    assert {name: (outcomes(result)[name], points(result)[name]) for name in expected} == expected
    assert result.points == sum(earned for _, earned in expected.values())
    assert result.max_points == 100


def test_every_test_has_an_outcome_even_where_nothing_ran(collection: Collection, passed: PartRecord) -> None:
    nothing = grade_toy(collection, {"toy.py": None, "other.py": None})
    assert nothing.points == 0
    planned = [(exercise.id, [test.id for test in exercise.tests]) for exercise in passed.exercises]
    assert [(exercise.id, [test.id for test in exercise.tests]) for exercise in nothing.exercises] == planned
    assert {test.outcome for exercise in nothing.exercises for test in exercise.tests} == {"not handed in"}


def test_an_exercise_that_was_not_run_says_why(collection: Collection) -> None:
    blocked = exercise_of(grade_toy(collection, {"toy.py": STUB}), SCALE)
    assert (blocked.message, {test.outcome for test in blocked.tests}) == ("do toy.double first", {"blocked"})
    refused = exercise_of(grade_toy(collection, {"toy.py": "import torch\n"}), DOUBLE)
    assert re.search(r"toy\.py:1 imports torch; .* may import numpy", refused.message)
    missing = exercise_of(grade_toy(collection, {"other.py": None}), SHIFT)
    assert missing.message == "other.py was not handed in"


def test_an_exercise_that_runs_into_another_ones_stub_is_told_to_do_that_first(collection: Collection) -> None:
    calls_double = "from .toy import double\n\ndef shift(x):\n    return double(x) - x + 1.0\n"
    stub = STUB.replace("'toy.double'", "'toy.double: 2 x'")
    result = grade_toy(collection, {"toy.py": stub, "other.py": calls_double})
    shift = exercise_of(result, SHIFT)
    assert (shift.outcome, shift.message, shift.points) == ("blocked", "do toy.double first", 0)


def test_a_wrong_exercise_blocks_nothing(collection: Collection) -> None:
    result = grade_toy(collection, {"toy.py": SOLUTION["toy.py"].replace("2.0 * x", "None")})
    assert outcomes(result)[SCALE] == "passed"


def test_some_exercises_can_be_graded_alone(collection: Collection) -> None:
    alone = collect(collection.part, SEED, 3, only=[SCALE])
    result = grade_toy(alone, {"toy.py": STUB})
    assert outcomes(result) == {SCALE: "wrong"}  # without its law; and nothing blocks what is asked for alone
    assert (result.points, result.max_points) == (10, 20)


def test_a_fault_of_ours_is_never_a_silent_zero(tmp_path: Path) -> None:
    part = make_toy_part(tmp_path)
    path = part.folder / "tests" / "test_toy.py"
    source = path.read_text(encoding="utf-8").replace('return {"y": factor * x}', "raise KeyError('oracle')")
    path.write_text(source, encoding="utf-8")
    result = grade_toy(collect_toy(part))
    assert outcomes(result) == {DOUBLE: "grader fault", SCALE: "grader fault", SHIFT: "passed"}
    assert result.has_grader_fault
    assert "KeyError" in exercise_of(result, DOUBLE).message


def test_an_exercise_without_a_test_is_a_fault_of_ours(tmp_path: Path) -> None:
    part = make_toy_part(tmp_path)
    (part.folder / "tests" / "test_other.py").unlink()
    result = grade_toy(collect_toy(part))
    assert outcomes(result)[SHIFT] == "grader fault"
    assert exercise_of(result, SHIFT).message == "part.toml has this exercise, and no test is marked for it"
    assert (result.points, result.max_points) == (60, 100)


def test_extra_points_come_on_top(tmp_path: Path) -> None:
    part = make_toy_part(tmp_path)
    path = part.folder / "part.toml"
    path.write_text(path.read_text(encoding="utf-8") + "extra = true\n", encoding="utf-8")
    result = grade_toy(collect_toy(load_part(part.folder)))
    assert [exercise.extra for exercise in result.exercises] == [False, False, True]
    assert (result.points, result.max_points) == (100, 60)


# What is told of a failure


@pytest.fixture(scope="module")
def failed(collection: Collection) -> PartRecord:
    source = SOLUTION["toy.py"].replace("2.0 * x", "-2.0 * x").replace("return factor * x", "print('π'); return {}[0]")
    return grade_toy(collection, {"toy.py": source}, shrinks=True)


def test_a_wrong_answer_is_told_with_its_problem(failed: PartRecord, collection: Collection) -> None:
    (test, _) = exercise_of(failed, DOUBLE).tests
    assert (test.id, test.claim, test.kind) == ("test_toy.py::test_double", "double gives 2 x.", "oracle")
    assert test.called == "run_double(x (1,))"
    assert test.counterexample == {"x": "[0.125]"}
    assert (test.got, test.expected) == ("y[0] = -0.25", "y[0] = 0.25")
    assert test.differ == "1 of 1 values differ, largest difference 0.5"
    assert test.diagnosis == "y has the wrong sign"
    assert (test.traceback, test.output) == ([], "")


def test_the_probe_is_named_with_file_and_line(failed: PartRecord, collection: Collection) -> None:
    for exercise in failed.exercises[:2]:
        path, _, line = exercise.tests[0].probe.rpartition(":")
        source = (collection.part.folder.parent / path).read_text(encoding="utf-8").splitlines()
        assert source[int(line) - 1].startswith(f"def {exercise.tests[0].called.partition('(')[0]}(")


def test_an_exception_is_told_with_its_place_and_what_was_printed(failed: PartRecord) -> None:
    (test, _) = exercise_of(failed, SCALE).tests
    assert (test.outcome, test.message, test.got) == ("error", "KeyError: 0", "")
    assert [re.sub(r".*/(\w+\.py):\d+", r"\1", frame) for frame in test.traceback] == [
        "probe_toy.py in run_scale",
        "toy.py in scale",
    ]
    assert test.output == "π\n"


def test_a_test_that_passes_tells_nothing(passed: PartRecord) -> None:
    for test in (test for exercise in passed.exercises for test in exercise.tests):
        assert (test.message, test.diagnosis, test.called, test.counterexample, test.replay) == ("", "", "", {}, None)
        assert (test.got, test.expected, test.differ, test.traceback, test.output) == ("", "", "", [], "")


@pytest.mark.parametrize(
    ("code", "option"), [("solution", " --solution"), ("ada's.zip", """ --submission 'ada'"'"'s.zip'""")]
)
def test_a_replay_names_the_code_that_was_graded(collection: Collection, code: str, option: str) -> None:
    wrong = {"toy.py": SOLUTION["toy.py"].replace("2.0 * x", "-2.0 * x")}
    with toy_candidate(collection.part, wrong) as candidate:
        result = grade(collection, candidate, code, shrinks=False)
    (test, _) = exercise_of(result, DOUBLE).tests
    assert test.replay is not None
    assert test.replay.command == f"python autograder/run.py part1{option} -e toy.double"


def test_a_failure_can_be_replayed(failed: PartRecord, collection: Collection) -> None:
    (test, _) = exercise_of(failed, DOUBLE).tests
    assert test.replay is not None
    assert test.replay.command == "python autograder/run.py part1 -e toy.double"
    problem = decode_problem(test.replay.problem)
    assert problem is not None
    assert problem["x"].tolist() == [0.125]
    wrong_at_9 = {"toy.py": SOLUTION["toy.py"].replace("2.0 * x", "x + (x != 9) * x")}
    with toy_candidate(collection.part, wrong_at_9) as candidate:
        again = grade(collection, candidate, "", earlier={test.id: {"x": np.full(1, 9.0)}}, shrinks=False)
    replayed = exercise_of(again, DOUBLE).tests[0]
    assert (replayed.outcome, replayed.counterexample) == ("wrong", {"x": "[9.]"})


def test_a_problem_that_is_too_large_to_keep_is_left_out_of_the_record(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autograder.judge.grading.MAX_REPLAY_BYTES", 10)
    assert MAX_REPLAY_BYTES > 10
    result = grade_toy(collection, {"toy.py": SOLUTION["toy.py"].replace("2.0 * x", "x")})
    replay = exercise_of(result, DOUBLE).tests[0].replay
    assert replay is not None
    assert replay.problem == ""


def test_every_result_is_told_as_it_is_known(collection: Collection) -> None:
    heard: list[tuple[str, str]] = []

    def tell(result: Result) -> None:
        heard.append((result.test.id, result.outcome))

    with toy_candidate(collection.part, {"toy.py": None}) as candidate:
        grade(collection, candidate, "", tell=tell)
    assert [outcome for _, outcome in heard] == ["not handed in"] * 4 + ["passed"]
    assert [test for test, _ in heard] == [test.id for test in collection.tests]


# Values as text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.ones((2, 3)), "(2, 3)"),
        (np.ones(()), "()"),
        (None, "None"),
        ([1, 2], "[1, 2]"),
        ({"weight": np.ones((2, 3)), "others": [np.ones(4)]}, "{'weight': (2, 3), 'others': [(4,)]}"),
        ("x" * 99, "'" + "x" * 39 + "…"),
    ],
)
def test_brief_fits_into_a_signature(value: object, text: str) -> None:
    assert brief(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([[0.5, -1.0]]), "[[ 0.5, -1. ]]"),
        (np.array([1, 2]), "[1, 2]  (int64)"),
        (np.array([True]), "[ True]  (bool)"),
        (np.array(3.0, "f4"), "3.  (float32)"),
        (np.zeros((0, 2)), "np.zeros((0, 2), 'float64')"),
        ({"a": (1, "b")}, "{'a': (1, 'b')}"),
        ({"weight": np.ones(2), "bias": None}, "{'weight': [1., 1.], 'bias': None}"),
        ({"weight": np.ones((2, 2)), "bias": np.ones(2)}, "{'weight': [[1., 1.], [1., 1.]], 'bias': [1., 1.]}"),
        ([{"weight": np.ones((1, 1))}], "[{'weight': [[1.]]}]"),
        ({"weight": np.ones((20, 30)), "bias": np.ones(20)}, "{'weight': (20, 30), 'bias': (20,)}"),
        (
            {str(n): np.ones((n, n)) for n in range(2, 10)},
            "{'2': (2, 2), '3': (3, 3), '4': (4, 4), '5': (5, 5), '6': (6, 6), '7': (7, 7), … 2 more}",
        ),
    ],
)
def test_full_is_what_a_learner_would_type(value: object, text: str) -> None:
    assert full(value) == text


@given(value=hnp.arrays(hnp.floating_dtypes(endianness="<"), hnp.array_shapes(min_side=0, max_side=9)))
def test_text_is_never_long(value: np.ndarray) -> None:
    assert len(full(value)) <= 401
    assert len(full([value.tolist()])) <= 401
    assert len(brief([value.tolist()])) <= 41


@pytest.mark.parametrize("text", ["", "???", "AAAA"])
def test_a_replay_that_was_not_recorded_decodes_to_nothing(text: str) -> None:
    assert decode_problem(text) is None

"""What is remembered between two runs."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from autograder.judge.collection import Collection
from autograder.judge.exercises import Part
from autograder.judge.grading import decode_problem
from autograder.practice.progress import (
    ExerciseProgress,
    PartProgress,
    add_remembered,
    failing_problems,
    load,
    nothing_graded,
    save,
    still_passed,
    update,
)
from autograder.tests.toy import SOLUTION, collect_toy, grade_toy, handed_in, make_toy_part
from autograder.worker import wire

WRONG = {"toy.py": SOLUTION["toy.py"].replace("2.0 * x", "x"), "other.py": "def shift(x):\n    return x\n"}


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return collect_toy(make_toy_part(tmp_path_factory.mktemp("progress")))


@pytest.fixture(scope="module")
def part(collection: Collection) -> Part:
    return collection.part


def encoded(problem: object) -> str:
    return base64.b64encode(wire.encode(problem)).decode()


# What a run adds


def test_a_run_remembers_outcomes_and_failing_problems(collection: Collection) -> None:
    after = update(PartProgress(), grade_toy(collection, WRONG), {})
    assert after.outcomes == {"toy.double": "wrong", "toy.scale": "passed", "other.shift": "wrong"}
    assert set(after.failing) == {"test_toy.py::test_double", "test_other.py::test_shift"}
    problem = failing_problems(after)["test_other.py::test_shift"]
    assert repr(problem) in map(repr, collection.problems["test_other.py::test_shift"])


def test_a_problem_is_forgotten_once_its_test_passes(collection: Collection) -> None:
    failed = update(PartProgress(), grade_toy(collection, WRONG), {})
    after = update(failed, grade_toy(collection), {})
    assert set(after.outcomes.values()) == {"passed"}
    assert after.failing == {}


def test_what_a_run_left_out_stays_as_it_was(collection: Collection) -> None:
    before = PartProgress({"gone.exercise": ExerciseProgress("wrong")}, {"test_gone.py::test_x": encoded({"x": 1})})
    after = update(before, grade_toy(collection), {})
    assert after.outcomes["gone.exercise"] == "wrong"
    assert set(after.failing) == {"test_gone.py::test_x"}


def test_a_problem_is_kept_while_its_exercise_is_not_attempted(collection: Collection) -> None:
    """A learner who resets an exercise meets the same problem again."""
    failed = update(PartProgress(), grade_toy(collection, WRONG), {})
    stub = {"other.py": "def shift(x):\n    raise NotImplementedError\n", "toy.py": None}
    after = update(failed, grade_toy(collection, stub), {})
    assert after.outcomes == {
        "toy.double": "not handed in",
        "toy.scale": "not handed in",
        "other.shift": "not attempted",
    }
    assert set(after.failing) == set(failed.failing)


# What need not be run again

DEPEND_ON = {"toy.double": "a", "toy.scale": "b", "other.shift": "c"}


def test_what_passed_is_remembered_with_what_it_depended_on(collection: Collection) -> None:
    after = update(PartProgress(), grade_toy(collection, WRONG), DEPEND_ON)
    assert {name: exercise.depended_on for name, exercise in after.exercises.items()} == {
        "toy.double": "", "toy.scale": "b", "other.shift": "",
    }  # fmt: skip
    assert still_passed(after, DEPEND_ON) == {"toy.scale"}
    assert still_passed(after, DEPEND_ON | {"toy.scale": "changed"}) == set()
    assert still_passed(after, {}) == set()


def test_remembered_exercises_stand_beside_graded_ones_in_the_parts_order(collection: Collection) -> None:
    before = update(PartProgress(), grade_toy(collection), DEPEND_ON)
    before.exercises["toy.scale"].hints_used = 2
    result = grade_toy(collection, WRONG)
    result.exercises = [one for one in result.exercises if one.id == "other.shift"]
    add_remembered(result, collection.part, before, {"toy.double", "toy.scale"})
    assert [(one.id, one.points, one.is_remembered) for one in result.exercises] == [
        ("toy.double", 40, True), ("toy.scale", 20, True), ("other.shift", 0, False),
    ]  # fmt: skip
    assert (result.points, result.max_points) == (60, 100)
    assert [one.hints_used for one in result.exercises] == [0, 2, 0]
    after = update(before, result, DEPEND_ON)
    assert after.of("toy.scale") == before.of("toy.scale")
    assert after.outcomes == {"toy.double": "passed", "toy.scale": "passed", "other.shift": "wrong"}


def test_a_run_in_which_all_is_remembered_has_all_points(collection: Collection) -> None:
    before = update(PartProgress(), grade_toy(collection), DEPEND_ON)
    result = nothing_graded(collection.part, handed_in(collection.part))
    add_remembered(result, collection.part, before, still_passed(before, DEPEND_ON))
    assert (result.points, result.max_points) == (100, 100)


def test_how_long_exercises_took_is_known_once_all_have_run(collection: Collection) -> None:
    after = update(PartProgress(), grade_toy(collection), {})
    seconds = after.seconds(collection.part.ids)
    assert seconds is not None
    assert list(seconds) == [*collection.part.ids]
    assert min(seconds.values()) > 0
    assert after.seconds(["toy.double", "unknown"]) is None


# What is kept on disk


ONE_WRONG = {"toy.double": ExerciseProgress("wrong", hints_used=1)}


def is_nothing(progress: PartProgress) -> bool:
    return progress.exercises == {} and progress.failing == {}


def test_problems_that_other_tests_have_drawn_are_forgotten(tmp_path: Path) -> None:
    part = make_toy_part(tmp_path / "part")
    before = PartProgress(
        {"toy.double": ExerciseProgress("wrong", hints_used=1)},
        {"test_toy.py::test_double": encoded({"x": 1})},
        load(part, tmp_path).progress.tests,
    )
    save(part, before, tmp_path)
    assert load(part, tmp_path).progress == before
    tests = part.folder / "tests" / "test_toy.py"
    tests.write_text(tests.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    assert load(part, tmp_path).progress.outcomes == before.outcomes
    assert load(part, tmp_path).progress.failing == {}


def test_progress_is_read_as_it_was_written(part: Part, tmp_path: Path) -> None:
    folder = tmp_path / ".sfratorch"
    failing = {"test_toy.py::test_double": encoded({"x": np.arange(3)})}
    written = PartProgress(
        {"toy.double": ExerciseProgress("wrong", hints_used=1)}, failing, load(part, folder).progress.tests
    )
    save(part, written, folder)
    assert load(part, folder).progress == written
    assert [path.name for path in folder.iterdir()] == [f"{part.name}.json"]
    (problem,) = failing_problems(load(part, folder).progress).values()
    assert problem["x"].tolist() == [0, 1, 2]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b'{"exercises": 3}', b'{"failing": {"a": 1}}', b"\xff\xfe"),
        *(b'{"exercises": {"a": {"outcome": "\xff"}}}', b'{"outcomes": {"a": "passed"}}', b'{"version": 1}'),
    ],
)
def test_a_file_that_cannot_be_read_counts_as_nothing(part: Part, tmp_path: Path, content: bytes) -> None:
    (tmp_path / f"{part.name}.json").write_bytes(content)
    loaded = load(part, tmp_path)
    assert is_nothing(loaded.progress)
    assert loaded.complaint == f"what was remembered of {part.name} is damaged or of another version: it is begun anew."
    save(part, loaded.progress, tmp_path)
    assert load(part, tmp_path).complaint == ""


def test_a_folder_in_the_files_place_counts_as_nothing(part: Part, tmp_path: Path) -> None:
    (tmp_path / f"{part.name}.json").mkdir()
    assert is_nothing(load(part, tmp_path).progress)
    save(part, PartProgress({"a": ExerciseProgress("passed")}), tmp_path)
    assert is_nothing(load(part, tmp_path).progress)
    assert [path.name for path in tmp_path.iterdir()] == [f"{part.name}.json"]


@pytest.mark.parametrize(
    "text",
    ["", "!", "ä", "AAAA", encoded([1]), encoded(None), encoded({"x": 1})[:-4], base64.b64encode(b"\xc1").decode()],
)
def test_a_problem_that_cannot_be_read_is_left_out(text: str) -> None:
    assert decode_problem(text) is None
    readable = encoded({"x": 2})
    assert failing_problems(PartProgress({}, {"one": text, "other": readable})) == {"other": {"x": 2}}


def test_a_folder_that_cannot_be_written_costs_the_memory_and_not_the_run(part: Part, tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("mine", encoding="utf-8")
    save(part, PartProgress({"a": ExerciseProgress("passed")}), blocked)
    save(part, PartProgress({"a": ExerciseProgress("passed")}), tmp_path / "missing" / "deeper")
    assert blocked.read_text(encoding="utf-8") == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a file"]

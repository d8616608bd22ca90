"""A part's tests are found once, and a grading seed fixes their problems."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import HypothesisProvider

from autograder.judge.collection import CollectedTest, Collection, collect, draw, find_tests, shrink
from autograder.judge.exercises import Part
from autograder.testing import law, oracle_test
from autograder.testing.failures import GraderFault
from autograder.testing.marks import KINDS, Mark, mark_of
from autograder.tests.toy import collect_toy, make_toy_part
from autograder.worker import wire


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Part:
    return make_toy_part(tmp_path_factory.mktemp("collection"))


def drawn(collection: Collection) -> dict[str, list[bytes]]:
    return {test: [wire.encode(problem) for problem in problems] for test, problems in collection.problems.items()}


# What is found


def test_every_marked_function_is_found_with_its_exercise_kind_and_claim(part: Part) -> None:
    found = [(test.id, test.exercise, test.kind, test.claim) for test in find_tests(part)]
    assert found == [
        ("test_other.py::test_shift", "other.shift", "oracle", "shift gives x + 1."),
        ("test_toy.py::test_double", "toy.double", "oracle", "double gives 2 x."),
        ("test_toy.py::test_double_of_zero", "toy.double", "law", "double leaves zeros."),
        ("test_toy.py::test_scale", "toy.scale", "oracle", "scale gives factor x."),
        (
            "test_toy.py::test_nan_is_refused",
            "toy.scale",
            "law",
            "scale raises a ValueError for a factor that is NaN.",
        ),
    ]


def test_a_collection_follows_the_order_of_the_exercises_with_oracle_tests_first(part: Part) -> None:
    exercises = [exercise.id for exercise in part.exercises]
    tests = collect_toy(part).tests
    assert [(test.exercise, test.kind) for test in tests] == sorted(
        ((test.exercise, test.kind) for test in tests),
        key=lambda pair: (exercises.index(pair[0]), KINDS.index(pair[1])),
    )


def test_a_collection_can_be_restricted_to_some_exercises(part: Part) -> None:
    collection = collect(part, 1, 3, only=["toy.scale"])
    assert {test.exercise for test in collection.tests} == {"toy.scale"}
    assert set(collection.problems) == {test.id for test in collection.tests}
    assert [test.id for test in collection.of(part.exercise("toy.scale"))] == [test.id for test in collection.tests]
    assert collection.of(part.exercise("toy.double")) == []


def test_a_test_for_an_exercise_that_is_not_there_is_a_fault_of_the_grader(tmp_path: Path) -> None:
    part = make_toy_part(tmp_path)
    path = part.folder / "tests" / "test_toy.py"
    source = path.read_text(encoding="utf-8").replace('law("toy.double")', 'law("toy.treble")')
    path.write_text(source, encoding="utf-8")
    with pytest.raises(GraderFault, match=r"test_toy\.py::test_double_of_zero is marked for 'toy\.treble'"):
        find_tests(part)


@pytest.mark.parametrize("source", ["import no_such_module", "def f(:", "raise SystemError", "from toy import probes"])
def test_a_test_file_that_cannot_be_imported_is_a_fault_of_the_grader(tmp_path: Path, source: str) -> None:
    part = make_toy_part(tmp_path)
    (part.folder / "tests" / "test_other.py").write_text(f"{source}\n", encoding="utf-8")
    with pytest.raises(GraderFault, match=r"(?s)test_other\.py cannot be imported:\n.*\w+Error"):
        find_tests(part)


# Marks


def test_a_mark_keeps_the_function_as_it_is() -> None:
    def test_something(candidate: Any) -> None:
        """A claim."""

    assert mark_of(test_something) is None
    assert oracle_test("x.y")(test_something) is test_something
    assert mark_of(test_something) == Mark("x.y", "oracle")
    assert mark_of(law("x.z")(test_something)) == Mark("x.z", "law")


def test_a_mark_asks_for_a_claim() -> None:
    def test_something(candidate: Any) -> None: ...

    for decorate in (oracle_test, law):
        with pytest.raises(TypeError, match="test_something must have a docstring: the claim that the learner reads"):
            decorate("x.y")(test_something)


# What is drawn


def test_the_same_seed_gives_the_same_problems(part: Part) -> None:
    first, between, second = (drawn(collect(part, seed, 20)) for seed in (7, 8, 7))
    assert first == second
    assert {test for test in first if len(first[test]) > 1 and first[test] == between[test]} == set()


def test_two_tests_of_one_strategy_see_different_problems(part: Part) -> None:
    problems = drawn(collect(part, 7, 20))
    assert problems["test_toy.py::test_double"] != problems["test_other.py::test_shift"]


@pytest.mark.parametrize("examples", [1, 5, 40])
def test_as_many_problems_are_drawn_as_were_asked_for(part: Part, examples: int) -> None:
    assert {len(problems) for problems in collect(part, 3, examples).problems.values()} == {examples}


def test_drawing_leaves_a_test_as_it_was(part: Part) -> None:
    """So that pytest, in the same process, runs it as it is written."""
    test = find_tests(part)[0]
    function: Any = test.function
    settings = repr(function._hypothesis_internal_use_settings)
    draw(test, 3, 5)
    assert function.hypothesis.inner_test is test.body
    assert repr(function._hypothesis_internal_use_settings) == settings


def made(function: Callable[..., Any]) -> CollectedTest:
    body = function.hypothesis.inner_test if hasattr(function, "hypothesis") else function
    return CollectedTest("test_x.py::test_x", "x.y", "oracle", "", function, body, Path(__file__))


def test_a_test_without_a_strategy_has_one_empty_problem() -> None:
    assert draw(made(lambda candidate: None), 1, 30) == [{}]


def test_an_explicit_example_is_among_the_problems() -> None:
    @example(x=12345)
    @given(x=st.integers(0, 9))
    def test_x(candidate: Any, x: int) -> None: ...

    problems = draw(made(test_x), 1, 5)
    assert problems[0] == {"x": 12345}
    assert len(problems) == 6


def test_no_problem_is_drawn_twice_and_the_simplest_comes_first() -> None:
    @given(x=st.booleans())
    def test_x(candidate: Any, x: bool) -> None: ...

    assert draw(made(test_x), 1, 30) == [{"x": False}, {"x": True}]


def test_numbers_in_modules_that_are_loaded_change_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    @given(x=st.integers(0, 1000))
    def test_x(candidate: Any, x: int) -> None: ...

    before = draw(made(test_x), 1, 30)
    monkeypatch.setattr(HypothesisProvider, "_maybe_draw_constant", lambda *_, **__: 137)
    assert draw(made(test_x), 1, 30) == before


def test_the_body_is_not_run_when_problems_are_drawn() -> None:
    @given(x=st.integers())
    def test_x(candidate: Any, x: int) -> None:
        raise AssertionError("the body was run")

    assert len(draw(made(test_x), 1, 5)) == 5


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (st.builds(lambda: 1 / 0), "ZeroDivisionError: division by zero"),
        (st.integers().filter(lambda number: False), "Unsatisfiable"),
        (st.integers(5, 1), "InvalidArgument"),
    ],
)
def test_a_strategy_that_fails_is_a_fault_of_the_grader(strategy: st.SearchStrategy[Any], message: str) -> None:
    @given(x=strategy)
    def test_x(candidate: Any, x: int) -> None: ...

    with pytest.raises(GraderFault, match=f"(?s)test_x.py::test_x: its problems cannot be drawn:\n.*{message}"):
        draw(made(test_x), 1, 5)


# What is shrunk


def test_shrinking_calls_the_check_until_nothing_smaller_fails() -> None:
    @given(x=st.integers(0, 10_000))
    def test_x(candidate: Any, x: int) -> None:
        raise AssertionError("the body was run")

    failing: list[int] = []

    def check(candidate: Any, x: int) -> None:
        if x >= 137:
            failing.append(x)
            raise ValueError

    test = made(test_x)
    with pytest.raises(ValueError):  # noqa: PT011  it is the check's own
        shrink(test, check, 1, 100)
    assert min(failing) == 137
    assert test.function.hypothesis.inner_test is test.body  # type: ignore[attr-defined]


def test_the_tests_packages_are_importable_by_their_parts_name(part: Part) -> None:
    module = importlib.import_module(f"{part.name}.tests.test_toy")
    assert find_tests(part)[1].function is module.test_double

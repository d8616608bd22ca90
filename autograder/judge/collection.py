"""Collect a part's tests once, draw their problems once; then run them on as many submissions as there are."""

from __future__ import annotations

import contextlib
import importlib
import traceback
import zlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.control import BuildContext
from hypothesis.errors import StopTest, Unsatisfiable, UnsatisfiedAssumption
from hypothesis.internal.conjecture.choice import ChoiceTemplate
from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.internal.conjecture.providers import COLLECTION_DEFAULT_MAX_SIZE, HypothesisProvider
from hypothesis.strategies._internal.lazy import unwrap_strategies

from autograder.judge.exercises import Exercise, Part
from autograder.testing.failures import GraderFault
from autograder.testing.marks import KINDS, Kind, Mark, mark_of, marked_exercises

Problem = dict[str, Any]
EXAMPLES = {"learner": 30, "grading": 100}
ATTEMPTS = 3  # for each problem that is asked for: some choices were there before, or are not allowed


@dataclass(frozen=True)
class CollectedTest:
    """One test function: whose points it earns, what it claims, and its body."""

    id: str
    exercise: str
    kind: Kind
    claim: str
    function: Callable[..., Any]
    body: Callable[..., Any]  # what is called on a recorded problem: body(candidate, **problem)
    path: Path

    @property
    def is_drawn(self) -> bool:
        """Whether hypothesis draws its problems (a test without `@given` has one problem, the empty one)."""
        return self.body is not self.function


@dataclass(frozen=True)
class Collection:
    """A part's tests with the problems of one grading seed."""

    part: Part
    exercises: tuple[Exercise, ...]
    tests: tuple[CollectedTest, ...]
    seed: int
    problems: Mapping[str, list[Problem]]

    def of(self, exercise: Exercise) -> list[CollectedTest]:
        return [test for test in self.tests if test.exercise == exercise.id]


class DrawnProblems(Mapping[str, list[Problem]]):
    """The problems of each test, by its id, drawn when they are asked for, and once."""

    def __init__(self, tests: Iterable[CollectedTest], seed: int, examples: int) -> None:
        self._tests = {test.id: test for test in tests}
        self._seed, self._examples = seed, examples
        self._drawn: dict[str, list[Problem]] = {}

    def __getitem__(self, test_id: str) -> list[Problem]:
        """Raises GraderFault if a strategy fails."""
        if test_id not in self._drawn:
            self._drawn[test_id] = draw(self._tests[test_id], self._seed, self._examples)
        return self._drawn[test_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tests)

    def __len__(self) -> int:
        return len(self._tests)


def collect(
    part: Part, seed: int, examples: int = EXAMPLES["learner"], only: Iterable[str] | None = None
) -> Collection:
    """Import the part's tests, or those of the exercises in `only`; problems are drawn when they are asked for."""
    wanted = set(only) if only is not None else {exercise.id for exercise in part.exercises}
    exercises = tuple(exercise for exercise in part.exercises if exercise.id in wanted)
    tests = [test for test in find_tests(part, wanted) if test.exercise in wanted]
    order = {exercise.id: position for position, exercise in enumerate(exercises)}
    tests.sort(key=lambda test: (order[test.exercise], KINDS.index(test.kind)))
    return Collection(part, exercises, tuple(tests), seed, DrawnProblems(tests, seed, examples))


def find_tests(part: Part, wanted: Container[str] | None = None) -> list[CollectedTest]:
    """The tests in `tests/test_*.py`, in the order of the files; with `wanted`, of files that test such an exercise.

    Raises GraderFault for one without an exercise of the part.
    """
    known = {exercise.id for exercise in part.exercises}
    tests = []
    for path in sorted((part.folder / "tests").glob("test_*.py")):
        marked = marked_exercises(path.read_text(encoding="utf-8"))
        if wanted is not None and not any(exercise in wanted for exercise in marked):
            continue
        try:
            module = importlib.import_module(f"{part.name}.tests.{path.stem}")
        except Exception as error:
            raise GraderFault(f"{path} cannot be imported:\n{''.join(traceback.format_exception(error))}") from error
        for name, function in vars(module).items():
            if name.startswith("test_") and (mark := mark_of(function)) is not None:
                if mark.exercise not in known:
                    raise GraderFault(
                        f"{path.name}::{name} is marked for {mark.exercise!r}, which part.toml does not have."
                    )
                tests.append(collected(path, name, function, mark))
    return tests


def collected(path: Path, name: str, function: Callable[..., Any], mark: Mark) -> CollectedTest:
    """Describe a marked function of a test file."""
    body = function.hypothesis.inner_test if hasattr(function, "hypothesis") else function
    claim = " ".join((function.__doc__ or "").split())
    return CollectedTest(f"{path.name}::{name}", mark.exercise, mark.kind, claim, function, body, path)


def draw(test: CollectedTest, seed: int, examples: int) -> list[Problem]:
    """The problems that a test's strategies give with this seed. Raises GraderFault if a strategy fails.

    Hypothesis' engine searches for failures: it mutates what it has drawn, and steers by what happened.  Here nothing
    is run and nothing fails, so its strategies draw without it, each problem independently of the others.
    """
    if not test.is_drawn:
        return [{}]
    function: Any = test.function
    try:
        drawn = _distinct(st.fixed_dictionaries(function.hypothesis._given_kwargs), _seed_of(test, seed), examples)
    except Exception as error:
        reason = "".join(traceback.format_exception(error))
        raise GraderFault(f"{test.id}: its problems cannot be drawn:\n{reason}") from error
    return [example.kwargs for example in getattr(function, "hypothesis_explicit_examples", ())] + drawn


def _distinct(strategy: st.SearchStrategy[Problem], seed: int, examples: int) -> list[Problem]:
    """As many problems as there are, up to `examples`, first the simplest; those of the same choices are one."""
    random = Random(seed)
    problems: dict[tuple[Any, ...], Problem] = {}
    for attempt in range(ATTEMPTS * examples):
        simplest = None if attempt else [ChoiceTemplate("simplest", count=None)]
        data = _Drawing(random=random, provider=_Independent, prefix=simplest)
        with contextlib.suppress(StopTest, UnsatisfiedAssumption), BuildContext(data, wrapped_test=_distinct):
            problem = data.draw(strategy)
            problems.setdefault(data.choices, problem)
        if len(problems) == examples:
            break
    if not problems:
        raise Unsatisfiable(f"{ATTEMPTS * examples} attempts gave no problem")
    return list(problems.values())


class _Drawing(ConjectureData):
    """Choices of which nobody keeps which strategy made them: that is for shrinking, and takes as long as drawing."""

    def draw(self, strategy: st.SearchStrategy[Any], label: int | None = None, observe_as: str | None = None) -> Any:
        unwrapped: Any = unwrap_strategies(strategy)  # type: ignore[no-untyped-call]
        return unwrapped.do_draw(self)


class _Independent(HypothesisProvider):
    """Choices that depend on the seed alone: not on the numbers that stand in the modules that are loaded."""

    def _maybe_draw_constant(self, *arguments: Any, **options: Any) -> None:
        return None

    def draw_bytes(self, min_size: int = 0, max_size: int = COLLECTION_DEFAULT_MAX_SIZE) -> bytes:
        """Draw all bytes at once where their number is fixed, as it is for an array's values."""
        assert self._random is not None
        return self._random.randbytes(min_size) if min_size == max_size else super().draw_bytes(min_size, max_size)


def shrink(test: CollectedTest, check: Callable[..., None], seed: int, examples: int) -> None:
    """Draw again and let hypothesis shrink what makes `check(candidate, **problem)` raise."""
    function: Any = hypothesis.seed(_seed_of(test, seed))(test.function)
    handle = function.hypothesis
    settings = hypothesis.settings(
        max_examples=examples,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        database=None,
        deadline=None,
        derandomize=False,
        report_multiple_bugs=False,
        suppress_health_check=tuple(HealthCheck),
        print_blob=False,
    )
    handle.inner_test = check  # hypothesis' documented place for the bodies of test runners
    previous = function._hypothesis_internal_use_settings
    function._hypothesis_internal_use_settings = settings
    try:
        function(candidate=None)
    finally:
        handle.inner_test = test.body
        function._hypothesis_internal_use_settings = previous


def _seed_of(test: CollectedTest, seed: int) -> int:
    """Give each test a seed of its own."""
    return seed ^ zlib.crc32(test.id.encode())

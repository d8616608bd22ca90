"""Practice knows which functions of the exercise files have run, and what it watches behaves as it does unwatched."""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from autograder.judge.candidate import WorkerCandidate
from autograder.judge.exercises import Part
from autograder.judge.staging import make_stage
from autograder.tests.toy import QUICK, SOLUTION, handed_in, make_toy_part, toy_probes
from autograder.worker.reaching import Reached

SOURCE = '''\
"""A module."""

from __future__ import annotations

import functools


def traced(function):
    return functools.wraps(function)(lambda *inputs: function(*inputs))


@traced
def called(x: Missing) -> int:
    """It has a docstring."""
    return helper(x) + 1


def helper(x):
    def inner():
        return x
    return inner()


def not_called():
    """Nothing but a docstring."""


class Layer:
    size = 3

    def __init__(self): self.runs = 0

    @property
    def doubled(self):
        return 2 * self.size

    @staticmethod
    def numbers(n):
        yield from range(n)

    async def later(self):
        return 1

    class Inner:
        def run(self):
            raise ValueError("inside")


if True:
    def under_a_condition():
        # a comment before the first statement
        return 1
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, Reached]]:
    """The module as it is watched, with what is known of it."""
    (tmp_path / "watched_module.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    reached = Reached(["watched_module"])
    monkeypatch.setattr(sys, "meta_path", [reached, *sys.meta_path])
    yield importlib.import_module("watched_module"), reached
    del sys.modules["watched_module"]


def test_what_ran_while_it_was_imported_belongs_to_every_call(module: tuple[ModuleType, Reached]) -> None:
    watched, reached = module
    reached.loaded()
    assert reached.take() == ["watched_module:traced"]
    watched.called(2)
    assert reached.take() == ["watched_module:called", "watched_module:helper", "watched_module:traced"]
    assert reached.take() == ["watched_module:traced"]


def test_methods_properties_generators_and_coroutines_are_named_by_their_class(
    module: tuple[ModuleType, Reached],
) -> None:
    watched, reached = module
    reached.take()
    layer = watched.Layer()
    assert (layer.doubled, list(layer.numbers(2)), watched.under_a_condition()) == (6, [0, 1], 1)
    with pytest.raises(StopIteration):
        layer.later().send(None)
    with pytest.raises(ValueError, match="inside"):
        layer.Inner().run()
    names = ["Layer.Inner.run", "Layer.__init__", "Layer.doubled", "Layer.later", "Layer.numbers", "under_a_condition"]
    assert reached.take() == [f"watched_module:{name}" for name in names]


def test_lines_docstrings_and_answers_are_those_of_the_unwatched_module(module: tuple[ModuleType, Reached]) -> None:
    watched, _ = module
    plain: dict[str, object] = {"__name__": "watched_module"}
    exec(compile(SOURCE, str(watched.__file__), "exec"), plain)
    for name in ("helper", "under_a_condition"):
        function: object = plain[name]
        other = getattr(watched, name)
        assert inspect.isfunction(function)
        assert (other.__doc__, other.__code__.co_firstlineno) == (function.__doc__, function.__code__.co_firstlineno)
        assert set(_lines(other)) == set(_lines(function))
    assert watched.called.__doc__ == "It has a docstring."
    assert watched.__doc__ == "A module."
    assert watched.not_called.__doc__ == "Nothing but a docstring."
    with pytest.raises(ValueError, match="inside") as raised:
        watched.Layer.Inner().run()
    assert traceback.extract_tb(raised.tb)[-1].lineno == SOURCE[: SOURCE.index("raise")].count("\n") + 1


def _lines(function: object) -> list[int]:
    assert inspect.isfunction(function)
    return [line for _, _, line in function.__code__.co_lines() if line is not None]


def test_a_module_that_cannot_be_watched_is_as_it_was_and_nothing_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deep_module.py").write_text("def f():\n    return " + "-" * 20_000 + "1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    reached = Reached(["deep_module"])
    monkeypatch.setattr(sys, "meta_path", [reached, *sys.meta_path])
    with pytest.raises((SyntaxError, RecursionError, MemoryError)):
        importlib.import_module("deep_module")
    assert reached.take() is None


# In a worker


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Part:
    return make_toy_part(tmp_path_factory.mktemp("reaching"))


HELPED = SOLUTION["toy.py"].replace("2.0 * x", "twice(x)") + "\n\ndef twice(x):\n    return x + x\n"


def worker(part: Part, toy: str = SOLUTION["toy.py"], *, is_practice: bool = True) -> WorkerCandidate:
    return WorkerCandidate(
        part,
        make_stage(part, handed_in(part, {"toy.py": toy}), root=part.folder.parent),
        QUICK,
        is_practice=is_practice,
    )


def test_a_worker_tells_what_has_run_since_it_was_asked_last(part: Part) -> None:
    toy = toy_probes(part)
    with worker(part, HELPED) as candidate:
        assert candidate.take_reached() == []
        candidate.run(toy.run_double, x=1.0)
        assert candidate.take_reached() == [f"{part.name}.toy:double", f"{part.name}.toy:twice"]
        candidate.run(toy.run_scale, x=1.0, factor=3.0)
        candidate.run_within(2**28, toy.run_double, x=1.0)
        assert candidate.take_reached() == [f"{part.name}.toy:{name}" for name in ("double", "scale", "twice")]


CACHED = """
import functools


class Cached:
    @staticmethod
    @functools.lru_cache(maxsize=None)
    def half(x):
        return halved(x)

    @functools.cache
    def whole(x):
        return x


@functools.cache
def twice(x):
    return Cached.half(x) + Cached.half(x) + Cached.whole(x)


def halved(x):
    return x / 2
"""


def test_what_one_exercise_finds_cached_by_another_it_has_run_as_well(part: Part) -> None:
    toy = toy_probes(part)
    with worker(part, SOLUTION["toy.py"].replace("2.0 * x", "twice(float(x))") + CACHED) as candidate:
        candidate.run(toy.run_double, x=1.0)
        first = candidate.take_reached()
        candidate.run(toy.run_double, x=1.0)
        assert candidate.take_reached() == first
    names = ("Cached.half", "Cached.whole", "double", "halved", "twice")
    assert first == [f"{part.name}.toy:{name}" for name in names]


def test_nothing_is_known_of_what_is_not_practice(part: Part) -> None:
    with worker(part, is_practice=False) as candidate:
        candidate.run(toy_probes(part).run_double, x=1.0)
        assert candidate.take_reached() is None


@pytest.mark.parametrize(
    "tampering",
    [
        "import sys\nsys.meta_path[1].take = lambda: ['no function']",
        "import sys\nsys.meta_path[1].take = lambda: ['a:' + 'b' * 500]",
        "import sys\nsys.meta_path[1].take = lambda: [f'a:b{n}' for n in range(100_000)]",
        "import sys\nsys.meta_path[1].take = lambda: {'a:b': 1}",
        "import sys\nsys.meta_path[1].take = lambda: 1 / 0",
        "import sys\nsys.meta_path[1].take = lambda: sys.meta_path",
        "import os, sys\nsys.meta_path[1].take = lambda: os._exit(0)",
        "import sys\nsys.meta_path[1].give_up()",
    ],
)
def test_a_submission_that_tampers_with_it_is_not_remembered_by_function_and_is_graded(
    part: Part, tampering: str
) -> None:
    with worker(part, f"{tampering}\n{SOLUTION['toy.py']}") as candidate:
        assert candidate.run(toy_probes(part).run_double, x=1.0)["y"] == 2.0
        assert candidate.take_reached() is None
        assert candidate.run(toy_probes(part).run_double, x=1.0)["y"] == 2.0

"""A tiny part for the grader's own tests: three exercises in two files, worth 100 points, graded in half a second.

    part = make_toy_part(tmp_path)     writes part1_toy…/ with solution, stubs, probes and tests; makes it importable
    collection = collect_toy(part)     its tests with a few drawn problems; one collection serves many submissions
    record = grade_toy(collection, {"toy.py": source})     files that are not given are the reference's

| exercise    | points | file     | needs      | tests                                                        |
|-------------|--------|----------|------------|--------------------------------------------------------------|
| toy.double  | 40     | toy.py   |            | oracle test_double, law test_double_of_zero                  |
| toy.scale   | 20     | toy.py   | toy.double | oracle test_scale, law test_nan_is_refused (a ValueError)    |
| other.shift | 40     | other.py |            | oracle test_shift                                            |
"""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from autograder.authoring.stubs import generate_stub
from autograder.judge.candidate import WorkerCandidate
from autograder.judge.collection import Collection, collect
from autograder.judge.exercises import Part, load_part
from autograder.judge.grading import grade
from autograder.judge.record import PartRecord
from autograder.judge.staging import make_stage
from autograder.judge.submission import IN_PLACE, Submission
from autograder.judge.worker_process import Limits
from autograder.testing.probes import ProbeModule

SEED, EXAMPLES = 20170612, 3
# Short enough for a test that waits for a deadline, long enough for a busy machine to answer an honest call.
QUICK = Limits(load_seconds=5.0, call_seconds=2.0, call_seconds_after_a_timeout=0.3, part_seconds=60.0)

SOLUTION = {
    "toy.py": '''\
"""Doubling and scaling."""

import numpy as np


def double(x):
    """2 x"""
    ### BEGIN SOLUTION toy.double: 2 x
    return 2.0 * x
    ### END SOLUTION


def scale(x, factor):
    """factor x; a factor that is NaN is refused."""
    ### BEGIN SOLUTION toy.scale: factor x
    if np.isnan(factor):
        raise ValueError(f"factor must be a number; got {factor}.")
    return factor * x
    ### END SOLUTION
''',
    "other.py": '''\
"""Shifting."""


def shift(x):
    """x + 1"""
    ### BEGIN SOLUTION other.shift: x + 1
    return x + 1.0
    ### END SOLUTION
''',
}

_PART_TOML = """\
title = "Toy"
may_import = ["numpy"]

[[exercise]]
id = "toy.double"
points = 40
file = "toy.py"
summary = "2 x"
hints = ["Multiply.", "Multiply by two."]
needs = []

[[exercise]]
id = "toy.scale"
points = 20
file = "toy.py"
summary = "factor x"
hints = ["Multiply.", "Multiply by the factor, once you know that it is a number."]
needs = ["toy.double"]

[[exercise]]
id = "other.shift"
points = 40
file = "other.py"
summary = "x + 1"
hints = ["Add.", "Add one."]
needs = []
"""

_PROBES = {
    "probe_toy.py": '''\
"""What the tests do with toy.py."""

from PART.toy import double, scale


def run_double(x):
    return {"y": double(x)}


def run_scale(x, factor):
    return {"y": scale(x, factor)}
''',
    "probe_other.py": '''\
"""What the tests do with other.py."""

from PART.other import shift


def run_shift(x):
    return {"y": shift(x)}
''',
}

_TESTS = {
    "test_toy.py": '''\
"""The tests of toy.py. Every problem differs from every other one, and none is all zeros."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import assert_same, checked, law, oracle_test, probes, truth

toy = probes("toy")
arrays = st.lists(st.integers(1, 10**6), min_size=1, max_size=4).map(lambda values: np.array(values) / 8)


@truth
def multiplied(x, factor):
    return {"y": factor * x}


@oracle_test("toy.double")
@given(x=arrays)
def test_double(candidate, x):
    """double gives 2 x."""
    assert_same(candidate.run(toy.run_double, x=x), multiplied(x, 2.0))


@law("toy.double")
@given(x=arrays)
def test_double_of_zero(candidate, x):
    """double leaves zeros."""
    assert_same(checked(candidate.run(toy.run_double, x=0.0 * x)["y"], like=x), 0.0 * x)


@oracle_test("toy.scale")
@given(x=arrays, factor=st.integers(3, 99).map(float))
def test_scale(candidate, x, factor):
    """scale gives factor x."""
    assert_same(candidate.run(toy.run_scale, x=x, factor=factor), multiplied(x, factor))


@law("toy.scale")
@given(x=arrays)
def test_nan_is_refused(candidate, x):
    """scale raises a ValueError for a factor that is NaN."""
    candidate.raises(ValueError, toy.run_scale, x=x, factor=float("nan"))
''',
    "test_other.py": '''\
"""The tests of other.py."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import assert_same, oracle_test, probes

other = probes("other")


@oracle_test("other.shift")
@given(x=st.lists(st.integers(1, 10**6), min_size=1, max_size=4).map(lambda values: np.array(values) / 8))
def test_shift(candidate, x):
    """shift gives x + 1."""
    assert_same(candidate.run(other.run_shift, x=x), {"y": x + 1.0})
''',
}

_numbers = itertools.count(1)


class Watch:
    """A clock that nothing moves but the test (the fixture `watch` puts it in place of the judge's)."""

    seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


def make_toy_part(root: Path, name: str = "") -> Part:
    """Write the toy part below `root`, importable until the interpreter ends, and load it.

    Its package has a new name each time, since the judge imports its tests and Python remembers modules by name.
    """
    folder = root / (name or f"part1_toy{next(_numbers)}")
    files = {
        "__init__.py": '"""A toy part."""\n',
        "part.toml": _PART_TOML,
        "tests/__init__.py": '"""Its tests."""\n',
        **{file: generate_stub(source, folder.name) for file, source in SOLUTION.items()},
        **{f"solution/{file}": source for file, source in SOLUTION.items()},
        **{f"tests/{file}": source.replace("PART", folder.name) for file, source in _PROBES.items()},
        **{f"tests/{file}": source for file, source in _TESTS.items()},
    }
    for file, source in files.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    if str(root) not in sys.path:
        sys.path.append(str(root))
    importlib.invalidate_caches()
    return load_part(folder)


def collect_toy(part: Part, seed: int = SEED, examples: int = EXAMPLES) -> Collection:
    """The part's tests with a few problems."""
    return collect(part, seed, examples)


def handed_in(part: Part, files: Mapping[str, str | bytes | None] | None = None) -> Submission:
    """A submission of these files and, for those that are not given, the reference's; None: not handed in."""
    contents = {**SOLUTION, **(files or {})}
    encoded: dict[str, bytes | str] = {
        file: content.encode() if isinstance(content, str) else content
        for file, content in contents.items()
        if content is not None
    }
    return Submission("toy", {part.name: encoded})


def grade_toy(
    collection: Collection,
    files: Mapping[str, str | bytes | None] | None = None,
    limits: Limits = QUICK,
    shrinks: bool = False,
) -> PartRecord:
    """Grade a submission with the real judge and a real worker. `files` as for `handed_in`."""
    with toy_candidate(collection.part, files, limits) as candidate:
        return grade(collection, candidate, IN_PLACE, shrinks=shrinks)


@contextmanager
def toy_candidate(
    part: Part, files: Mapping[str, str | bytes | None] | None = None, limits: Limits = QUICK
) -> Iterator[WorkerCandidate]:
    """A running worker with such a submission."""
    staged = make_stage(part, handed_in(part, files), root=part.folder.parent)
    with WorkerCandidate(part, staged, limits) as candidate:
        yield candidate


def toy_probes(part: Part, file: str = "toy") -> ProbeModule:
    """The probes of tests/probe_<file>.py: `run_double(x)`, `run_scale(x, factor)`; `run_shift(x)` of "other"."""
    return ProbeModule(part.folder / "tests" / f"probe_{file}.py", f"{part.name}.tests.probe_{file}")


def outcomes(record: PartRecord) -> dict[str, str]:
    """Exercise to outcome."""
    return {exercise.id: exercise.outcome for exercise in record.exercises}


def points(record: PartRecord) -> dict[str, float]:
    """Exercise to points."""
    return {exercise.id: exercise.points for exercise in record.exercises}

"""The result record: what `--json` writes (documented in autograder/README.md) and every report shows."""

from __future__ import annotations

import platform
from importlib import metadata

import msgspec

from autograder.judge.handed_out import read_manifest
from autograder.judge.outcomes import GRADER_FAULT
from autograder.testing.marks import Kind

SCHEMA = 1
HANDOUT = "handout"  # among the versions, where the result was made with one
_VERSIONS = ("numpy", "torch", "hypothesis", "scipy")


class Replay(msgspec.Struct, kw_only=True):
    """The way to see a failure again: a command, and the problem itself, encoded as on the wire, in base64."""

    command: str
    problem: str


class Values(msgspec.Struct, kw_only=True):
    """A small array: its dtype, its shape, and its numbers as text, since JSON has no nan."""

    dtype: str
    shape: list[int]
    numbers: list[str]


class Operation(msgspec.Struct):
    """An entry of a failing input's tape: what it does, with which of the leaves and results before it."""

    name: str
    operands: list[int]


class TestRecord(msgspec.Struct, kw_only=True):
    """One test's one outcome."""

    id: str
    claim: str
    kind: Kind
    outcome: str
    points: float = 0.0
    message: str = ""
    got: str = ""
    expected: str = ""
    differ: str = ""
    diagnosis: str = ""
    called: str = ""
    probe: str = ""
    traceback: list[str] = []
    counterexample: dict[str, str] = {}
    is_shrunk: bool = False
    arrays: dict[str, Values] = {}
    leaves: int = 0
    operations: list[Operation] = []
    replay: Replay | None = None
    output: str = ""
    seconds: float = 0.0


class ExerciseRecord(msgspec.Struct, kw_only=True):
    """One exercise: its points and its tests."""

    id: str
    title: str
    points: float
    max_points: float
    extra: bool
    outcome: str
    message: str = ""
    hints_used: int = 0
    reached: list[str] | None = None  # the functions of the exercise files with which it passed, if they were watched
    is_remembered: bool = False  # passed in an earlier run, since which nothing that it depends on has changed
    tests: list[TestRecord]


class IsolationRecord(msgspec.Struct, kw_only=True):
    """The layers between the submission and the machine, and what did not."""

    level: str
    layers: list[str]
    missing: dict[str, str]


class PartRecord(msgspec.Struct, kw_only=True):
    """One part's result."""

    schema: int = SCHEMA
    part: str
    code: str
    points: float
    max_points: float
    seed: int
    versions: dict[str, str]
    isolation: IsolationRecord
    exercises: list[ExerciseRecord]
    ignored_files: list[str] = []

    @property
    def has_grader_fault(self) -> bool:
        return any(exercise.outcome == GRADER_FAULT for exercise in self.exercises)


class AllRecord(msgspec.Struct, kw_only=True):
    """The result of `run.py all`."""

    schema: int = SCHEMA
    parts: list[PartRecord]


def versions() -> dict[str, str]:
    """Name what the result was made with."""
    manifest = read_manifest()
    handout = {HANDOUT: f"{manifest.version} ({manifest.commit})"} if manifest else {}
    return {**handout, "python": platform.python_version(), **{name: metadata.version(name) for name in _VERSIONS}}

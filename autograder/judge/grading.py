"""Grade one submission with one collection: every exercise in order, every test once, and the record of it."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import numpy as np

from autograder.judge import record
from autograder.judge.candidate import WorkerCandidate
from autograder.judge.collection import CollectedTest, Collection, Problem
from autograder.judge.exercises import Exercise, Part
from autograder.judge.outcomes import BLOCKED, NOT_HANDED_IN, PASSED, REFUSED
from autograder.judge.running import TestResult, run_test
from autograder.judge.scanning import Refusals
from autograder.judge.scoring import blocked_by, is_absent, outcome_of, points_of
from autograder.judge.submission import IN_PLACE, SOLUTION
from autograder.printable import one_line, printable
from autograder.worker import wire

Tell = Callable[[TestResult], None]
MAX_BRIEF, MAX_SHOWN, MAX_VALUES = 40, 400, 300  # characters
MAX_NUMBERS, MAX_PARAMETERS = 64, 6
_NO_TEST = "part.toml has this exercise, and no test is marked for it"
MAX_REPLAY_BYTES = 64 * 1024
MOST_DRAWN = 24  # leaves and operations of a tape


def grade(
    collection: Collection,
    candidate: WorkerCandidate,
    code: str,
    *,
    only: Container[str] | None = None,
    earlier: Mapping[str, Problem] | None = None,
    shrinks: bool = True,
    diagnoses: bool = True,
    tell: Tell = lambda result: None,
) -> record.PartRecord:
    """Run the collection's tests on the candidate; with `only`, those of exercises of these names.

    `earlier` maps tests to the problem on which an earlier run failed; `tell` hears of every result.
    """
    grading = Grading(collection, candidate, code, earlier, shrinks, diagnoses, tell)
    exercises = [exercise for exercise in collection.exercises if only is None or exercise.id in only]
    return grading.part_record([grading.exercise(exercise) for exercise in exercises])


class Grading:
    """A collection on a candidate, one exercise after another in the part's order.

    An exercise has a share of the part's time by its tests, and what those before it left.  Of those in `absent`
    nothing is there.
    """

    def __init__(
        self,
        collection: Collection,
        candidate: WorkerCandidate,
        code: str,
        earlier: Mapping[str, Problem] | None = None,
        shrinks: bool = True,
        diagnoses: bool = True,
        tell: Tell = lambda result: None,
    ) -> None:
        self.absent: set[str] = set()
        self._collection, self._candidate, self._code = collection, candidate, code
        self._earlier, self._tell = earlier or {}, tell
        self._options = {"shrinks": shrinks, "diagnoses": diagnoses}
        self._isolation, self._refusals = candidate.isolation, candidate.scan()
        self._share = candidate.limits.part_seconds / max(len(collection.tests), 1)
        self._deadline = candidate.clock.now()

    def exercise(self, exercise: Exercise) -> record.ExerciseRecord:
        """Grade an exercise."""
        tests, part = self._collection.of(exercise), self._collection.part
        self._deadline += self._share * len(tests)
        needed = blocked_by(part, exercise, self.absent)
        results = _excused(exercise, tests, self._candidate, self._refusals, needed)
        if results is None:
            with self._candidate.clock.until(self._deadline, f"{exercise.id}'s share of the part's time"):
                results = [_blocked_by_a_stub(self._result_of(test), part) for test in tests]
        reached = self._candidate.take_reached()
        for result in results:
            self._tell(result)
        if is_absent(results) and exercise.id not in self._refusals.exercises:  # what those need is there
            self.absent.add(exercise.id)
        return self._record(exercise, results, reached)

    def blocked(self, exercise: Exercise, needed: Sequence[str]) -> record.ExerciseRecord:
        """Say that an exercise cannot be done before those that it needs."""
        return self._record(exercise, _blocked(self._collection.of(exercise), needed))

    def part_record(self, exercises: Sequence[record.ExerciseRecord]) -> record.PartRecord:
        """Put the records of exercises together."""
        isolation = self._isolation
        return record.PartRecord(
            part=self._collection.part.name,
            code=self._code,
            points=round(sum(exercise.points for exercise in exercises), 6),
            max_points=sum(exercise.max_points for exercise in exercises if not exercise.extra),
            seed=self._collection.seed,
            versions=record.versions(),
            isolation=record.IsolationRecord(
                level=isolation.level,
                layers=list(isolation.layers),
                missing=isolation.missing,
            ),
            exercises=list(exercises),
        )

    def _result_of(self, test: CollectedTest) -> TestResult:
        problems, seed = self._collection.problems[test.id], self._collection.seed
        return run_test(test, problems, self._candidate, seed, self._earlier.get(test.id), **self._options)

    def _record(
        self, exercise: Exercise, results: Sequence[TestResult], reached: list[str] | None = None
    ) -> record.ExerciseRecord:
        return _exercise_record(exercise, results, reached, as_typed(self._collection.part, self._code))


def _excused(
    exercise: Exercise,
    tests: list[CollectedTest],
    candidate: WorkerCandidate,
    refusals: Refusals,
    needed: list[str],
) -> list[TestResult] | None:
    """The results of an exercise that need not be run."""
    if reason := candidate.stage.not_handed_in.get(exercise.file):
        return [TestResult(test, NOT_HANDED_IN, reason) for test in tests]
    if reason := refusals.of(exercise):
        return [TestResult(test, REFUSED, reason) for test in tests]
    return _blocked(tests, needed) if needed else None


def _blocked(tests: Sequence[CollectedTest], needed: Sequence[str]) -> list[TestResult]:
    return [TestResult(test, BLOCKED, f"do {needed[0]} first") for test in tests]


def _blocked_by_a_stub(result: TestResult, part: Part) -> TestResult:
    """An exercise that runs into another one's stub line is attempted: that other one has to be done first."""
    others = {exercise.id for exercise in part.exercises} - {result.test.exercise}
    if result.stub_of not in others:
        return result
    return TestResult(result.test, BLOCKED, f"do {result.stub_of} first", seconds=result.seconds)


def as_typed(part: Part, code: str) -> str:
    """Name a part and whose code is graded, as `run.py` takes them."""
    option = {"": "", IN_PLACE: "", SOLUTION: " --solution"}.get(code, f" --submission {shlex.quote(code)}")
    return f"{part.short_name}{option}"


def _exercise_record(
    exercise: Exercise, results: Sequence[TestResult], reached: list[str] | None, graded: str
) -> record.ExerciseRecord:
    points = points_of(exercise, results)
    outcome = outcome_of([result.outcome for result in results])
    return record.ExerciseRecord(
        id=exercise.id,
        title=exercise.summary,
        points=round(sum(points), 6),
        max_points=exercise.points,
        extra=exercise.extra,
        outcome=outcome,
        reached=reached if outcome == PASSED else None,  # else there may be more, once it passes
        message=next(
            (result.message for result in results if result.outcome == outcome != PASSED), _NO_TEST * (not results)
        ),
        tests=[test_record(result, earned, graded) for result, earned in zip(results, points, strict=True)],
    )


def _tape(arguments: Mapping[str, Any]) -> tuple[int, list[record.Operation]]:
    """Read the tape of an input that describes one, as part 1's do: leaves, and nodes `[name, operands]`."""
    leaves, nodes = arguments.get("leaves"), arguments.get("nodes")
    if not leaves or not nodes or len(leaves) + len(nodes) > MOST_DRAWN:
        return 0, []
    return len(leaves), [record.Operation(name, operands) for name, operands in nodes]


def test_record(result: TestResult, points: float, graded: str) -> record.TestRecord:
    """Write down what came of a test; `graded` names part and code on a command line (`part4 --solution`)."""
    test = result.test
    entry = record.TestRecord(
        id=test.id,
        claim=test.claim,
        kind=test.kind,
        outcome=result.outcome,
        points=round(points, 6),
        message=printable(result.message),
        diagnosis=result.diagnosis,
        is_shrunk=result.is_shrunk,
        arrays={name: _values(array) for name, array in result.arrays.items()},
        output=printable(result.output),
        seconds=round(result.seconds, 4),
    )
    if result.called is not None:
        probe, arguments = result.called
        entry.called = f"{probe.name}({', '.join(f'{name} {brief(value)}' for name, value in arguments.items())})"
        entry.counterexample = {name: full(value) for name, value in arguments.items()}
        entry.leaves, entry.operations = _tape(arguments)
        entry.probe = f"{probe.path.parent.parent.name}/tests/{probe.path.name}:{probe.line}"
    entry.got, entry.expected, entry.differ = result.difference
    entry.traceback = [
        one_line(f"{frame.path}:{frame.line} in {frame.function}").removesuffix(" in ") for frame in result.frames
    ]
    if result.failure is not None:
        problem = wire.encode(result.problem)
        encoded = base64.b64encode(problem).decode() if len(problem) <= MAX_REPLAY_BYTES else ""
        entry.replay = record.Replay(command=f"python autograder/run.py {graded} -e {test.exercise}", problem=encoded)
    return entry


def _values(array: np.ndarray) -> record.Values:
    return record.Values(dtype=array.dtype.name, shape=list(array.shape), numbers=[str(one) for one in array.ravel()])


def decode_problem(text: str) -> Problem | None:
    """A problem as `Replay.problem` holds it, or None where it cannot be read."""
    try:
        problem = wire.decode(base64.b64decode(text, validate=True))
    except (wire.WireError, ValueError):
        return None
    return problem if type(problem) is dict else None


def brief(value: object) -> str:
    """A value in a few characters: an array's shape, a number, the start of the rest."""
    text = repr(_with_shapes(value))
    return text if len(text) <= MAX_BRIEF else f"{text[:MAX_BRIEF]}…"


def _with_shapes(value: object) -> object:
    """The same with shapes in the places of arrays."""
    if isinstance(value, dict):
        return {name: _with_shapes(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_with_shapes, value))
    return value.shape if isinstance(value, np.ndarray) else value


def full(value: object) -> str:
    """A value as a learner would type it, cut where it gets long."""
    if isinstance(value, np.ndarray) and not value.size:
        return f"np.zeros({value.shape}, {value.dtype.name!r})"
    if isinstance(value, np.ndarray):
        text = np.array2string(value, separator=", ", threshold=MAX_NUMBERS, precision=6)
        text += f"  ({value.dtype})" if value.dtype != np.float64 else ""
    elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
        text = f"[{', '.join(map(full, value))}]"
    else:
        text = _by_name(value) if isinstance(value, dict) else repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _by_name(values: dict[str, object]) -> str:
    """Options in full, and arrays where they are small; of others the shapes, and of many the first."""
    text = ", ".join(f"{name!r}: {_in_a_line(value)}" for name, value in values.items())
    arrays = [value for value in values.values() if isinstance(value, np.ndarray)]
    if arrays and (len(text) > MAX_VALUES or sum(array.size for array in arrays) > MAX_NUMBERS):
        shapes = [f"{name!r}: {brief(value)}" for name, value in values.items()]
        more = [f"… {len(shapes) - MAX_PARAMETERS} more"] * (len(shapes) > MAX_PARAMETERS)
        text = ", ".join([*shapes[:MAX_PARAMETERS], *more])
    return f"{{{text}}}"


def _in_a_line(value: object) -> str:
    if isinstance(value, np.ndarray) and value.size:
        return " ".join(np.array2string(value, separator=", ", threshold=MAX_NUMBERS, precision=6).split())
    return full(value)

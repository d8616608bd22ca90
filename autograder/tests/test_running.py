"""One test on one submission: every outcome, what is replayed, what is shrunk, and whose fault it is."""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.judge import running, shrinking
from autograder.judge.candidate import Answer, TimedCandidate
from autograder.judge.collection import CollectedTest, Collection, Problem, draw
from autograder.judge.failures import Erred, Trace
from autograder.testing import assert_same, truth
from autograder.testing.probes import Probe, ProbeModule
from autograder.tests.toy import QUICK, SEED, Watch, collect_toy, make_toy_part, toy_candidate
from autograder.worker import wire


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return collect_toy(make_toy_part(tmp_path_factory.mktemp("running")))


@pytest.fixture(scope="module")
def double(collection: Collection) -> Probe:
    path = collection.part.folder / "tests" / "probe_toy.py"
    return ProbeModule(path, f"{collection.part.name}.tests.probe_toy").run_double


def toy(double: str, before: str = "") -> dict[str, str]:
    """A submission whose `double` has this body."""
    source = f"import os, sys, time\n{before}\ndef double(x):\n    {double}\n\ndef scale(x, factor):\n    return x\n"
    return {"toy.py": source}


def test_of(body: Callable[..., None], **strategies: st.SearchStrategy[Any]) -> CollectedTest:
    """A test as the collection would hold it."""
    function = given(**strategies)(body) if strategies else body
    return CollectedTest("test_x.py::test_x", "toy.double", "oracle", "", function, body, Path(__file__))


test_of.__test__ = False  # type: ignore[attr-defined]


def run(
    collection: Collection, files: dict[str, str], test: CollectedTest | None = None, **options: Any
) -> running.TestResult:
    """Run a test, the toy part's own `test_double` if none is given, on a submission."""
    test = test or collection.tests[0]
    problems = options.pop("problems", None) or draw(test, SEED, 5)
    limits = replace(QUICK, call_seconds=options.pop("call_seconds", 5.0))
    with toy_candidate(collection.part, files, limits) as candidate:
        return running.run_test(test, problems, candidate, SEED, **options)


# Outcomes


@pytest.mark.parametrize(
    ("body", "outcome", "message"),
    [
        ("return 2 * x", "passed", ""),
        ("return -2 * x", "wrong", "got y[0] = -0.25, expected 0.25"),
        ("return None", "wrong", "y must be an array of shape (1,); got None."),
        ("return {}['key']", "error", "KeyError: 'key'"),
        ("raise BaseException('no Exception')", "error", "BaseException: no Exception"),
        ("sys.exit(0)", "error", "SystemExit: 0"),
        ("return lambda: x", "error", "must be plain data"),
        ("time.sleep(60)", "timeout", "no answer within 0.3 s"),
        ("raise MemoryError", "memory", "out of memory"),
        ("os._exit(0)", "crash", "the process ended with exit code 0"),
        ("__import__('ctypes')", "refused", "toy.py:4 imports ctypes; "),
        ("raise NotImplementedError('toy.double')", "not attempted", "toy.double"),
        ("try: __import__('ctypes')\n    except ImportError: return 2 * x", "refused", "imports ctypes"),
    ],
)  # fmt: skip
def test_every_test_has_one_outcome(collection: Collection, body: str, outcome: str, message: str) -> None:
    result = run(collection, toy(body), call_seconds=0.3 if outcome == "timeout" else 5.0)
    assert (result.outcome, result.test) == (outcome, collection.tests[0])
    assert message in result.message
    assert bool(result.message) == (outcome != "passed")


def test_an_error_tells_where_it_arose(collection: Collection) -> None:
    result = run(collection, toy("return later(x)", before="def later(x):\n    return x['y']"))
    assert result.failure is Erred
    frames = [(Path(frame.path).name, frame.function) for frame in result.frames]
    assert frames == [("probe_toy.py", "run_double"), ("toy.py", "double"), ("toy.py", "later")]


@pytest.mark.parametrize("body", ["time.sleep(60)", "raise MemoryError", "os._exit(0)", "raise NotImplementedError"])
def test_what_ends_a_test_is_neither_repeated_nor_shrunk(collection: Collection, double: Probe, body: str) -> None:
    asked: list[np.ndarray] = []

    def ask(candidate: Any, x: np.ndarray) -> None:
        asked.append(x)
        candidate.run(double, x=x)

    test = test_of(ask, x=st.integers(5, 99).map(lambda number: np.full(3, float(number))))
    result = run(collection, toy(f"print(x); {body}"), test, call_seconds=0.3)
    assert len(asked) == 1
    assert result.problem["x"] is asked[0]
    assert result.called is not None
    assert result.called[1] == {"x": asked[0]}


def test_the_tests_after_a_crash_run_on_a_new_worker(collection: Collection, double: Probe) -> None:
    def crash_or_pass(candidate: Any, x: float) -> None:
        assert_same(candidate.run(double, x=x), {"y": 2 * x})

    test = test_of(crash_or_pass)
    with toy_candidate(collection.part, toy("os._exit(3) if x == 0 else None; return 2 * x"), QUICK) as candidate:
        results = [running.run_test(test, [{"x": x}], candidate, SEED) for x in (1.0, 0.0, 2.0, 0.0, 3.0)]
    assert [result.outcome for result in results] == ["passed", "crash", "passed", "crash", "passed"]


def test_after_a_timeout_the_next_one_is_told_sooner(collection: Collection, double: Probe) -> None:
    test = test_of(lambda candidate, x: candidate.run(double, x=x))
    limits = replace(QUICK, call_seconds=0.4, call_seconds_after_a_timeout=0.2)
    with toy_candidate(collection.part, toy("time.sleep(60)"), limits) as candidate:
        messages = [running.run_test(test, [{"x": 1.0}], candidate, SEED).message for _ in range(3)]
    assert messages == ["no answer within 0.4 s", "no answer within 0.2 s", "no answer within 0.2 s"]


@pytest.mark.skipif(os.name != "posix", reason="only POSIX asks a process with a signal")
@pytest.mark.parametrize(
    ("body", "before", "line", "function"),
    [
        ("while x is not None: pass", "", 4, "double"),
        ("return endless(x)", "def endless(x):\n    return sum(iter(int, 1))", 3, "endless"),
        ("return 2 * x", "while True: pass", 2, "<module>"),
        ("print('hello'); time.sleep(60)", "", 4, "double"),
    ],
    ids=["a loop", "a loop in C", "a loop at import", "sleep"],
)
def test_a_timeout_tells_where_it_was(collection: Collection, body: str, before: str, line: int, function: str) -> None:
    limits = replace(QUICK, call_seconds=0.5, load_seconds=0.5)
    with toy_candidate(collection.part, toy(body, before), limits) as candidate:
        result = running.run_test(collection.tests[0], [{"x": np.ones(1)}], candidate, SEED)
    assert (result.outcome, result.message) == ("timeout", "no answer within 0.5 s")
    assert result.frames[-1] == wire.Frame(f"{collection.part.name}/toy.py", line, function)
    assert result.output == ("hello\n" if "hello" in body else "")


@pytest.mark.parametrize("handler", ["SIG_IGN", "SIG_DFL", "print"])
def test_a_timeout_that_does_not_tell_is_a_timeout_too(collection: Collection, handler: str) -> None:
    handler = handler if handler == "print" else f"signal.{handler}"
    before = f"import signal\nif hasattr(signal, 'SIGUSR1'): signal.signal(signal.SIGUSR1, {handler})"
    with toy_candidate(collection.part, toy("time.sleep(60)", before), replace(QUICK, call_seconds=0.5)) as candidate:
        result = running.run_test(collection.tests[0], [{"x": np.ones(1)}], candidate, SEED)
    assert (result.outcome, result.message, result.frames) == ("timeout", "no answer within 0.5 s", ())


def test_a_test_for_which_no_time_is_left_is_a_timeout(collection: Collection, double: Probe) -> None:
    test = test_of(lambda candidate, x: candidate.run(double, x=x))
    with (
        toy_candidate(collection.part, toy("return x")) as candidate,
        candidate.clock.until(candidate.clock.now(), "toy.double's share of the part's time"),
    ):
        result = running.run_test(test, [{"x": 1.0}], candidate, SEED)
    assert (result.outcome, result.message) == ("timeout", "toy.double's share of the part's time is used up")


# Prints


def test_what_was_printed_is_kept_for_a_failure_and_dropped_for_a_pass(collection: Collection) -> None:
    assert run(collection, toy("print('hello'); return 2 * x")).output == ""
    result = run(collection, toy("print('hello', x.size); print('there', file=sys.stderr); return x"))
    assert result.output.split() == ["hello", "1", "there"]  # of the call that is shown, and in order


@pytest.mark.parametrize("ending", ["time.sleep(60)", "os._exit(0)"])
def test_what_was_printed_before_the_end_is_kept(collection: Collection, ending: str) -> None:
    result = run(collection, toy(f"print('x is', x); {ending}"), call_seconds=0.5)
    assert result.output == "x is [0.125]\n"


# What is replayed


class InProcess(TimedCandidate):
    """A submission that is one function here: what is replayed and shrunk needs no process."""

    output = ""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self._function = function

    def forget_output(self) -> None:
        """Nothing is printed."""

    def ask(self, probe: Probe, arguments: dict[str, Any], memory_bytes: int | None = None) -> Answer:
        probe.check_arguments(arguments)
        try:
            answer = wire.encode({"y": self._function(arguments["x"])})
        except ArithmeticError as error:
            raise Erred(Trace((type(error).__name__,), str(error), ())) from None
        return Answer(answer, wire.decode(answer))


def run_here(
    test: CollectedTest, problems: list[Problem], function: Callable[[Any], Any], **options: Any
) -> running.TestResult:
    """Run a test on a function."""
    return running.run_test(test, problems, InProcess(function), SEED, **options)  # type: ignore[arg-type]


def right(x: Any) -> Any:
    return 2 * x


def replayed(problems: list[Problem], earlier: Problem) -> list[Any]:
    """The numbers that a test's body sees, in order."""
    seen: list[Any] = []
    test = test_of(lambda candidate, number: seen.append(number), number=st.integers(1, 9))
    assert run_here(test, problems, right, earlier=earlier).outcome == "passed"
    return seen


def test_the_recorded_problems_are_replayed_in_order_after_the_one_that_failed_last_time() -> None:
    problems = [{"number": 30}, {"number": 10}, {"number": 20}]
    assert replayed(problems, earlier={"number": 5}) == [5, 30, 10, 20]


@pytest.fixture(scope="module")
def doubling(double: Probe) -> Callable[..., CollectedTest]:
    """A test that compares `run_double` with the truth, for problems that this strategy draws."""

    def compare(candidate: Any, x: Any) -> None:
        assert_same(candidate.run(double, x=x), {"y": 2 * x})

    return lambda strategy: test_of(compare, x=strategy)


def test_a_remembered_problem_that_still_fails_is_the_one_that_is_told(doubling: Callable[..., CollectedTest]) -> None:
    test = doubling(st.floats(1, 2))
    wrong_at_77: Callable[[float], float] = lambda x: 0.0 if x == 77 else 2 * x  # noqa: E731
    assert run_here(test, [{"x": 1.0}], wrong_at_77).outcome == "passed"
    result = run_here(test, [{"x": 1.0}], wrong_at_77, earlier={"x": 77.0})
    assert (result.outcome, result.problem) == ("wrong", {"x": 77.0})


def test_one_collection_serves_several_submissions(collection: Collection) -> None:
    test = collection.tests[0]
    problems = collection.problems[test.id]
    recorded = repr(problems)

    def told(function: Callable[[Any], Any]) -> tuple[str, str, str]:
        result = run_here(test, problems, function)
        return result.outcome, result.message, repr(result.problem)

    def wrong(x: np.ndarray) -> np.ndarray:
        return 2 * x + 1

    first = told(right), told(wrong)
    assert [outcome for outcome, _, _ in first] == ["passed", "wrong"]
    assert (told(right), told(wrong)) == first
    assert repr(problems) == recorded


# What is shrunk


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shrinking is limited by the number of calls only, so that a busy machine finds what an idle one finds."""
    monkeypatch.setattr(running, "SHRINK_SECONDS", 600.0)


@pytest.mark.usefixtures("patient")
def test_shrinking_finds_the_smallest_problem(double: Probe) -> None:
    def compare(candidate: Any, numbers: list[int]) -> None:
        x = np.array(numbers, dtype=float)
        assert_same(candidate.run(double, x=x), {"y": 2 * x})

    def wrong_from_70(x: np.ndarray) -> np.ndarray:
        return 2 * x if x.max() < 70 else -2 * x

    test = test_of(compare, numbers=st.lists(st.integers(0, 1000), min_size=1, max_size=8))
    large: list[Problem] = [{"numbers": [3, 900, 500, 20]}]
    result = run_here(test, large * 30, wrong_from_70)
    assert (result.outcome, result.problem) == ("wrong", {"numbers": [70]})
    assert result.message.startswith("got y[0] = -140, expected 140")
    assert result.called is not None
    assert result.called[1]["x"].tolist() == [70.0]
    assert run_here(test, large, wrong_from_70, shrinks=False).problem == large[0]
    assert result.diagnosis == "y has the wrong sign"
    assert run_here(test, large, wrong_from_70, diagnoses=False).diagnosis == ""


@pytest.mark.usefixtures("patient")
def test_shrinking_never_turns_one_outcome_into_another(doubling: Callable[..., CollectedTest]) -> None:
    """Small numbers raise, large ones are wrong: what is told is what happened first."""

    def fails(x: int) -> float:
        return 2 * x if x < 50 else 1 / 0 if x < 500 else 0

    test = doubling(st.integers(0, 1000))
    results = [run_here(test, [{"x": x}] * 50, fails) for x in (700, 70)]
    assert [(result.outcome, result.problem) for result in results] == [("wrong", {"x": 500}), ("error", {"x": 50})]


@pytest.mark.usefixtures("patient")
def test_shrinking_keeps_the_exception_and_its_line(double: Probe, collection: Collection) -> None:
    """An array of size 0 fails for a reason of its own, at another line, and is not what is told."""
    source = "if x.size > 2:\n        raise ValueError('too long')\n    x.reshape(len(x), -1)\n    return 2 * x"

    def compare(candidate: Any, numbers: list[float]) -> None:
        x = np.array(numbers)
        assert_same(candidate.run(double, x=x), {"y": 2 * x})

    test = test_of(compare, numbers=st.lists(st.sampled_from([1.0, 2.0]), max_size=6))
    result = run(collection, toy(source), test, problems=[{"numbers": [2.0] * 5}])
    assert (result.message, result.problem) == ("ValueError: too long", {"numbers": [1.0] * 3})
    result = run(collection, toy(source), test, problems=[{"numbers": []}])
    assert result.message.startswith("ValueError: cannot reshape array of size 0")


@pytest.mark.usefixtures("patient")
def test_an_array_of_size_0_is_the_last_resort(double: Probe) -> None:
    def compare(candidate: Any, x: np.ndarray) -> None:
        y = np.append(2 * x, 1.0)
        assert_same(candidate.run(double, x=x), {"y": y})

    test = test_of(compare, x=st.lists(st.sampled_from([1.0, 2.0]), max_size=4).map(np.array))
    for problem in (np.full(4, 2.0), np.ones(0)):
        result = run_here(test, [{"x": problem}], lambda x: np.append(2 * x, 0.0))
        assert result.problem["x"].tolist() == [1.0]


@pytest.mark.usefixtures("patient")
def test_shrinking_keeps_the_kind_of_difference(doubling: Callable[..., CollectedTest]) -> None:
    """A wrong shape does not become a wrong value, nor a wrong value NaN."""

    def fails(x: np.ndarray) -> np.ndarray:
        return np.full(len(x), np.nan) if len(x) == 1 else x if len(x) == 2 else np.ones((len(x), 1))

    test = doubling(st.integers(1, 5).map(np.ones))
    results = [run_here(test, [{"x": np.ones(length)}], fails) for length in (1, 2, 5)]
    assert [result.problem["x"].size for result in results] == [1, 2, 3]


def test_a_spent_budget_keeps_the_best_problem_so_far(
    doubling: Callable[..., CollectedTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shrinking, "CALLS", 0)
    result = run_here(doubling(st.integers(1, 1000)), [{"x": 640}], lambda x: 0)
    assert (result.outcome, result.problem) == ("wrong", {"x": 640})


@pytest.mark.parametrize("is_lately_slow", [False, True], ids=["always slow", "slow in the end"])
def test_no_step_about_a_slow_failure_outlives_its_time(
    is_lately_slow: bool, doubling: Callable[..., CollectedTest], watch: Watch
) -> None:
    """Nor does one that is begun take longer, where its calls take no longer than those before."""
    calls = 0

    def slow(x: Any) -> Any:
        nonlocal calls
        calls += 1
        watch.seconds += 2**-10 if is_lately_slow and calls < 20 else 0.5
        return -2 * x

    test = doubling(st.integers(1, 10**9))
    candidate = InProcess(slow)
    with candidate.clock.until(candidate.clock.now() + 60, "the share"):
        result = running.run_test(test, draw(test, SEED, 30), candidate, SEED)  # type: ignore[arg-type]
    assert result.outcome == "wrong"
    assert [step.name for step in candidate.clock.steps] == ["shrinking", "showing", "diagnosing", "the share"]
    longest = 0.5 * is_lately_slow  # the first slow one is not foreseen; a worker's is cut short
    assert all(step.took <= step.allowed + longest for step in candidate.clock.steps)
    assert candidate.clock.steps[-1].took <= 2 * 0.5  # the first answer, and the same again
    assert calls < 70


def test_the_diagnosis_comes_from_the_problem_before_it_was_shrunk(double: Probe) -> None:
    def compare(candidate: Any, numbers: list[int]) -> None:
        assert_same(candidate.run(double, x=np.array(numbers) / 8), {"y": np.array(numbers) / 4})

    test = test_of(compare, numbers=st.lists(st.integers(1, 9), min_size=1))
    result = run_here(test, [{"numbers": [1, 2, 4]}], lambda x: 6 * x)
    assert result.problem == {"numbers": [1]}
    assert result.diagnosis == "y is too large by the factor 3"  # not the length of x, which is 1 here and 3 there


# Whose fault it is


@pytest.mark.parametrize(
    "stumble",
    [
        lambda got: got["z"],
        lambda got: got["y"] + np.ones(7),
        lambda got: got["y"].no_such_attribute,
        lambda got: {}[got["y"].shape],
        lambda got: [][0],
    ],
)
def test_a_test_that_stumbles_over_an_answer_was_given_a_wrong_one(
    double: Probe, stumble: Callable[[Any], Any]
) -> None:
    test = test_of(lambda candidate, x: stumble(candidate.run(double, x=x)))
    result = run_here(test, [{"x": np.ones(2)}], right)
    assert result.outcome == "wrong"
    assert result.message.startswith("the answer cannot be used: ")


def test_a_test_that_fails_before_any_answer_is_a_fault_of_the_grader() -> None:
    def broken(candidate: Any, x: float) -> None:
        raise ZeroDivisionError("in the test")

    result = run_here(test_of(broken), [{"x": 1.0}], right)
    assert result.outcome == "grader fault"
    assert "test_running.py" in result.message
    assert "ZeroDivisionError: in the test" in result.message
    assert result.failure is None


def test_arguments_that_a_probe_does_not_take_are_a_fault_of_the_grader(double: Probe) -> None:
    test = test_of(lambda candidate, x: candidate.run(double, y=x))
    result = run_here(test, [{"x": 1.0}], right)
    assert result.outcome == "grader fault"
    assert "run_double takes x; got y" in result.message


def test_an_oracle_that_fails_is_a_fault_of_the_grader(double: Probe) -> None:
    @truth
    def oracle(x: float) -> dict[str, float]:
        return {"y": 2 / x * x * x}

    test = test_of(lambda candidate, x: assert_same(candidate.run(double, x=x), oracle(x)), x=st.floats(1, 2))
    result = run_here(test, [{"x": 1.0}, {"x": 0.0}], right)
    assert result.outcome == "grader fault"
    assert "oracle failed: ZeroDivisionError" in result.message


# Answers that change


def changing(*answers: Any) -> Callable[[Any], Any]:
    """A function that gives these answers, one a call."""
    given_answers = iter(answers)
    return lambda x: next(given_answers)


def test_an_answer_that_passes_and_changes_is_wrong(double: Probe) -> None:
    test = test_of(lambda candidate, x: candidate.run(double, x=x))
    result = run_here(test, [{"x": 1.0}, {"x": 2.0}], changing(1.0, 5.0, 1.5))
    assert (result.outcome, result.problem) == ("wrong", {"x": 1.0})
    assert "not deterministic" in result.message


def test_an_answer_for_whose_repetition_no_time_is_left_has_not_changed(double: Probe) -> None:
    """It is the time that is told of: the exercise's was used up by then."""

    class Slow(InProcess):
        def ask(self, probe: Probe, arguments: dict[str, Any], memory_bytes: int | None = None) -> Answer:
            self.clock.check()
            time.sleep(0.2)
            return super().ask(probe, arguments)

    test, slow = test_of(lambda candidate, x: candidate.run(double, x=x)), Slow(right)
    with slow.clock.until(slow.clock.now() + 0.1, "its share"):
        result = running.run_test(test, [{"x": 1.0}], slow, SEED)  # type: ignore[arg-type]
    assert (result.outcome, result.message) == ("timeout", "its share is used up")


def test_a_wrong_answer_that_changes_is_not_shrunk(doubling: Callable[..., CollectedTest]) -> None:
    result = run_here(doubling(st.integers(1, 1000)), [{"x": 640}], changing(1, 2))
    assert (result.outcome, result.problem, result.is_shrunk) == ("wrong", {"x": 640}, False)
    assert run_here(doubling(st.integers(1, 1000)), [{"x": 640}], lambda x: 1).is_shrunk
    assert "not deterministic" in result.message


def test_an_answer_that_raises_the_second_time_is_not_deterministic(double: Probe) -> None:
    def only_once(x: float, calls: list[float] = []) -> float:  # noqa: B006
        calls.append(x)
        return x / (2 - len(calls))

    test = test_of(lambda candidate, x: candidate.run(double, x=x))
    assert "not deterministic" in run_here(test, [{"x": 1.0}], only_once).message


def test_rounding_may_change(doubling: Callable[..., CollectedTest]) -> None:
    result = run_here(doubling(st.floats()), [{"x": 1.0}], changing(2.0, 2.0 + 1e-12))
    assert result.outcome == "passed"


# What stays of a failure


def test_of_many_failures_no_answer_is_kept(double: Probe) -> None:
    """Wrong answers of 1 MiB in thirty problems: at any time the judge holds those to a single problem or two."""
    numbers = np.arange(2.0**17)
    test = test_of(lambda candidate, x: assert_same(candidate.run(double, x=x), {"y": numbers + x}))
    problems = [{"x": float(number)} for number in range(30)]
    tracemalloc.start()
    try:
        result = run_here(test, problems, lambda x: numbers + x + 1)
        now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (result.outcome, result.difference[0]) == ("wrong", "y[0] = 1")
    assert result.diagnosis == "y is off by 1 everywhere"
    assert most < 20 * 2**20
    assert now < 2**19


def test_an_answer_that_is_too_large_is_asked_for_once(double: Probe) -> None:
    asked: list[int] = []

    def answer(x: int) -> np.ndarray:
        asked.append(x)
        return np.zeros(2**18)

    test = test_of(lambda candidate, x: assert_same(candidate.run(double, x=x), {"y": x}), x=st.integers(1, 9))
    result = run_here(test, [{"x": 8}, {"x": 9}], answer)
    assert (result.outcome, asked) == ("wrong", [8])
    assert "8 times the right answer (0.3 KiB of memory); got 2048.3 KiB." in result.message

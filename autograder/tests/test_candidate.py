"""The submission as a test sees it: plain data in, plain data or a Failure out, and a new worker when one dies."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder.judge import candidate as candidate_module
from autograder.judge.candidate import DebugCandidate, WorkerCandidate
from autograder.judge.exercises import Part
from autograder.judge.failures import Crashed, Erred, NotAttempted, OutOfMemory, Refused, TimedOut
from autograder.judge.staging import make_stage
from autograder.testing.failures import Failure, Wrong
from autograder.testing.probes import ProbeModule
from autograder.tests.toy import QUICK, SOLUTION, handed_in, make_toy_part, toy_candidate, toy_probes
from autograder.worker import wire

X = np.array([0.5, 1.0])


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Part:
    return make_toy_part(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def toy(part: Part) -> ProbeModule:
    return toy_probes(part)


@pytest.fixture(scope="module")
def other(part: Part) -> ProbeModule:
    return toy_probes(part, "other")


def with_double(body: str) -> dict[str, str | bytes | None]:
    """A toy.py whose `double` has this body."""
    return {"toy.py": "import os, sys, time\n" + SOLUTION["toy.py"].replace("return 2.0 * x", body)}


def test_a_file_whose_import_was_cut_short_is_imported_again(part: Part, toy: ProbeModule) -> None:
    """The exercise that had no time left for it is not the only one in the file."""
    slow = {"toy.py": "import time\ntime.sleep(1)\n" + SOLUTION["toy.py"]}
    with toy_candidate(part, slow, dataclasses.replace(QUICK, load_seconds=10.0)) as candidate:
        with candidate.clock.until(candidate.clock.now() + 0.5, "its share"), pytest.raises(TimedOut):
            candidate.run(toy.run_double, x=1.0)
        assert candidate.run(toy.run_double, x=1.0) == {"y": 2.0}


# Memory


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces a limit on address space")
def test_what_a_probe_takes_is_limited_from_outside(part: Part, toy: ProbeModule) -> None:
    """And the calls that follow are not concerned."""
    body = "np.zeros(int(x * 2**20), np.uint8); return 2.0 * x"
    with toy_candidate(part, with_double(body)) as candidate:
        assert candidate.run_within(64 * 2**20, toy.run_double, x=16.0) == {"y": 32.0}
        with pytest.raises(OutOfMemory):
            candidate.run_within(64 * 2**20, toy.run_double, x=128.0)
        assert candidate.run(toy.run_double, x=128.0) == {"y": 256.0}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces a limit on address space")
def test_a_module_that_takes_too_much_there_is_loaded_again(part: Part, toy: ProbeModule) -> None:
    with toy_candidate(part, {"toy.py": SOLUTION["toy.py"] + "\nLARGE = np.zeros(2**27, np.uint8)\n"}) as candidate:
        with pytest.raises(OutOfMemory):
            candidate.run_within(64 * 2**20, toy.run_double, x=1.0)
        assert candidate.run(toy.run_double, x=1.0) == {"y": 2.0}


# Answers


def test_an_answer_is_plain_data_that_cannot_be_changed(part: Part, toy: ProbeModule) -> None:
    with toy_candidate(part) as candidate:
        answer = candidate.run(toy.run_double, x=X)
        assert candidate.ask(toy.run_double, {"x": X}).encoded == wire.encode({"y": 2.0 * X})
    assert list(answer) == ["y"]
    assert type(answer["y"]) is np.ndarray
    assert answer["y"].tolist() == [1.0, 2.0]
    assert not answer["y"].flags.writeable


def test_what_the_submission_does_to_its_input_stays_with_it(part: Part, toy: ProbeModule) -> None:
    problem = X.copy()
    with toy_candidate(part, with_double("x *= 2.0; return x")) as candidate:
        for _ in range(2):
            assert candidate.run(toy.run_double, x=problem)["y"].tolist() == [1.0, 2.0]
    assert problem.tolist() == X.tolist()


def test_a_wrong_argument_is_the_tests_mistake(part: Part, toy: ProbeModule) -> None:
    with toy_candidate(part) as candidate:
        for arguments in ({}, {"y": 1}, {"x": 1, "y": 1}):
            with pytest.raises(TypeError, match=r"run_double takes x; got"):
                candidate.run(toy.run_double, **arguments)
        with pytest.raises(wire.WireError):
            candidate.run(toy.run_double, x=object())


@pytest.mark.parametrize("measure", ["tracemalloc.get_traced_memory", "weakref.ref", "gc.collect", "sys.settrace"])
def test_what_probes_measure_with_is_put_back_before_every_call(measure: str, part: Part, toy: ProbeModule) -> None:
    replaced = f"import gc, sys, tracemalloc, weakref\nkept, {measure} = {measure}, None\n"
    body = f"import gc, sys, tracemalloc, weakref; return (2.0 if {measure} is kept else 0.0) * x"
    files: dict[str, str | bytes | None] = {"toy.py": f"{replaced}{with_double(body)['toy.py']!s}"}
    with toy_candidate(part, files) as candidate:
        assert candidate.run(toy.run_double, x=X)["y"].tolist() == [1.0, 2.0]


# Failures


@pytest.mark.parametrize(
    ("body", "failure", "message"),
    [
        ("raise NotImplementedError('toy.double: 2 x')", NotAttempted, "toy.double: 2 x"),
        ("raise type('Later', (NotImplementedError,), {})('no')", NotAttempted, "no"),
        ("raise MemoryError", OutOfMemory, "out of memory"),
        ("raise KeyError('x')", Erred, "KeyError: 'x'"),
        ("raise RuntimeError", Erred, "RuntimeError"),
        ("os._exit(4)", Crashed, "the process ended with exit code 4"),
        ("time.sleep(60)", TimedOut, "no answer within 0.5 s"),
        ("__import__('torch')", Refused, "imports torch"),
        ("return {1, 2}", Erred, "WireError: the answer['y'] must be plain data"),
    ],
)
def test_every_way_to_fail_is_a_failure_of_its_own(
    body: str, failure: type[Failure], message: str, part: Part, toy: ProbeModule
) -> None:
    limits = dataclasses.replace(QUICK, call_seconds=0.5)
    with toy_candidate(part, with_double(body), limits) as candidate:
        with pytest.raises(Failure) as caught:
            candidate.run(toy.run_double, x=X)
        assert type(caught.value) is failure
        assert message in caught.value.message
        assert candidate.run(toy.run_scale, x=1.0, factor=3.0) == {"y": 3.0}, "and the run goes on"


def test_an_error_knows_where_it_arose_and_what_it_is(part: Part, toy: ProbeModule) -> None:
    with toy_candidate(part, with_double("return {}['key']")) as candidate, pytest.raises(Erred) as caught:
        candidate.run(toy.run_double, x=X)
    assert caught.value.trace.kinds == ("KeyError", "LookupError", "Exception", "BaseException")
    assert [(frame.path, frame.function) for frame in caught.value.trace.frames] == [
        (f"{part.name}/tests/probe_toy.py", "run_double"),
        (f"{part.name}/toy.py", "double"),
    ]


def test_raises_gives_the_message_of_exactly_this_class(part: Part, toy: ProbeModule) -> None:
    nan = {"x": 1.0, "factor": float("nan")}
    with toy_candidate(part) as candidate:
        assert candidate.raises(ValueError, toy.run_scale, **nan) == "factor must be a number; got nan."
        with pytest.raises(Wrong, match=r"run_scale must raise TypeError; it raised ValueError: factor must be"):
            candidate.raises(TypeError, toy.run_scale, **nan)
        with pytest.raises(Wrong, match=r"run_scale must raise Exception; it raised ValueError"):
            candidate.raises(Exception, toy.run_scale, **nan)
        with pytest.raises(Wrong, match=r"run_scale must raise ValueError; it raised nothing\."):
            candidate.raises(ValueError, toy.run_scale, x=1.0, factor=2.0)


def test_raises_names_a_mistake_by_its_answer(part: Part, toy: ProbeModule) -> None:
    mistakes = {"doubled": {"y": 2.0}, "tripled": {"y": 3.0}}
    with toy_candidate(part) as candidate, pytest.raises(Wrong) as caught:
        candidate.raises(ValueError, toy.run_scale, mistakes, x=1.0, factor=2.0)
    assert caught.value.mistakes == ("doubled",)


def test_raises_is_not_deceived_by_a_name(part: Part, toy: ProbeModule) -> None:
    """A class of the submission that only calls itself ValueError is not Python's."""
    body = (
        "class ValueError(TypeError): pass\n    __import__('builtins').ValueError = ValueError; raise ValueError('x')"
    )
    with (
        toy_candidate(part, with_double(body)) as candidate,
        pytest.raises(Wrong, match=r"must raise ValueError; it raised \S+toy\.ValueError: x"),
    ):
        candidate.raises(ValueError, toy.run_double, x=X)


def test_a_stub_has_not_raised_the_error_that_a_test_expects(part: Part, toy: ProbeModule) -> None:
    with toy_candidate(part, with_double("raise NotImplementedError")) as candidate, pytest.raises(NotAttempted):
        candidate.raises(RuntimeError, toy.run_double, x=X)


# Workers that die


COUNT = "calls = globals().setdefault('calls', []); calls.append(x); return os._exit(0) if x < 0 else float(len(calls))"


def test_a_dead_worker_is_replaced_by_one_that_remembers_nothing(part: Part, toy: ProbeModule) -> None:
    with toy_candidate(part, with_double(COUNT)) as candidate:
        assert [candidate.run(toy.run_double, x=1.0)["y"] for _ in range(3)] == [1.0, 2.0, 3.0]
        with pytest.raises(Crashed):
            candidate.run(toy.run_double, x=-1.0)
        assert candidate.run(toy.run_double, x=1.0)["y"] == 1.0


def test_a_worker_is_not_replaced_without_need(part: Part, toy: ProbeModule, monkeypatch: pytest.MonkeyPatch) -> None:
    started = counted(monkeypatch, candidate_module, "WorkerProcess")
    with toy_candidate(part, with_double("raise KeyError")) as candidate:
        for _ in range(3):
            with pytest.raises(Erred):
                candidate.run(toy.run_double, x=1.0)
    assert len(started) == 1


def counted(monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> list[object]:
    """Every call of a module's function from now on."""
    calls: list[object] = []
    function: Callable[..., Any] = getattr(module, name)

    def count(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        return function(*arguments, **options)

    monkeypatch.setattr(module, name, count)
    return calls


def test_a_module_that_cannot_be_loaded_is_not_tried_again(part: Part, toy: ProbeModule, other: ProbeModule) -> None:
    limits = dataclasses.replace(QUICK, load_seconds=1.0)
    with toy_candidate(part, {"toy.py": "while True: pass"}, limits) as candidate:
        for probe in (toy.run_double, toy.run_double, toy.run_scale):
            started = time.monotonic()
            with pytest.raises(TimedOut, match="no answer within 1 s"):
                candidate.run(probe, **dict.fromkeys(probe.parameters, 1.0))
        assert time.monotonic() - started < 0.5
        assert candidate.run(other.run_shift, x=1.0) == {"y": 2.0}


def test_after_one_timeout_the_others_are_shorter(part: Part, toy: ProbeModule) -> None:
    limits = dataclasses.replace(QUICK, call_seconds=1.0, call_seconds_after_a_timeout=0.25)
    with toy_candidate(part, with_double("time.sleep(60)"), limits) as candidate:
        for expected in ("1 s", "0.25 s", "0.25 s"):
            with pytest.raises(TimedOut, match=f"no answer within {expected}"):
                candidate.run(toy.run_double, x=1.0)


def test_when_the_time_is_used_up_no_call_is_made(part: Part, toy: ProbeModule, other: ProbeModule) -> None:
    with toy_candidate(part, with_double("time.sleep(60)")) as candidate:
        with candidate.clock.until(candidate.clock.now() + 0.5, "the toy's share"):
            with pytest.raises(TimedOut, match="the toy's share is used up"):
                candidate.run(toy.run_double, x=1.0)
            assert candidate._worker is None
            for _ in range(3):
                with pytest.raises(TimedOut, match="the toy's share is used up"):
                    candidate.run(other.run_shift, x=1.0)
            assert candidate._worker is None
        assert candidate.run(other.run_shift, x=1.0)


def test_a_call_that_is_cut_short_is_no_timeout_of_its_own(part: Part, toy: ProbeModule) -> None:
    """The next call is given as long as it would have been."""
    limits = dataclasses.replace(QUICK, call_seconds=1.0, call_seconds_after_a_timeout=0.25)
    with toy_candidate(part, with_double("time.sleep(60)"), limits) as candidate:
        with candidate.clock.aside(0.1, "shrinking"), pytest.raises(TimedOut, match="shrinking is used up"):
            candidate.run(toy.run_double, x=1.0)
        with pytest.raises(TimedOut, match="no answer within 1 s"):
            candidate.run(toy.run_double, x=1.0)


def test_the_start_of_a_worker_costs_the_submission_no_time(part: Part, toy: ProbeModule) -> None:
    before = time.monotonic()
    with toy_candidate(part, with_double("os._exit(0)")) as candidate, candidate.clock.until(float("inf"), "all"):
        for _ in range(3):
            with pytest.raises(Crashed):
                candidate.run(toy.run_double, x=1.0)
    elapsed = time.monotonic() - before
    *starts, whole = candidate.clock.steps
    assert [step.name for step in starts] == 3 * ["the worker's start"]
    assert min(step.took for step in starts) > 0
    assert whole.took + sum(step.took for step in starts) <= elapsed


def test_an_answer_that_is_no_payload_is_a_crash(part: Part, toy: ProbeModule) -> None:
    body = "sys.modules['autograder.worker.wire'].encode = lambda *a: b'\\xc1'"
    with toy_candidate(part, with_double(body)) as candidate:
        candidate.run(toy.run_double, x=1.0)
        with pytest.raises(Crashed, match="the worker broke the protocol: the payload must be"):
            candidate.run(toy.run_double, x=1.0)
        assert candidate.run(toy.run_scale, x=1.0, factor=1.0) == {"y": 1.0}, "from a new worker"


# Output


def test_output_is_what_was_printed_since_it_was_forgotten(part: Part, toy: ProbeModule) -> None:
    body = "print('out', x); sys.stderr.write('err\\n'); os.write(1, b'raw\\n'); return x"
    with toy_candidate(part, with_double(body)) as candidate:
        candidate.run(toy.run_double, x=1)
        assert sorted(candidate.output.split("\n")) == ["", "err", "out 1", "raw"]
        candidate.forget_output()
        assert candidate.output == ""
        candidate.run(toy.run_double, x=2)
        assert "out 2" in candidate.output


def test_what_a_dying_worker_printed_is_kept(part: Part, toy: ProbeModule) -> None:
    with toy_candidate(part, with_double("print('last words', flush=True); os._exit(0)")) as candidate:
        with pytest.raises(Crashed):
            candidate.run(toy.run_double, x=1)
        assert candidate.output == "last words\n"


# Its beginning and its end


def test_nothing_is_left_of_a_candidate(part: Part, toy: ProbeModule) -> None:
    with contextlib.suppress(KeyError), toy_candidate(part) as candidate:
        candidate.run(toy.run_double, x=1.0)
        assert candidate._worker is not None
        process = candidate._worker._process
        raise KeyError
    assert process.poll() is not None
    assert not candidate.stage.folder.exists()


@pytest.mark.parametrize("step", ["plan_setup", "WorkerProcess"])
def test_nothing_is_left_of_a_candidate_that_cannot_start(
    step: str, part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no processes left")

    staged = make_stage(part, handed_in(part))
    monkeypatch.setattr(candidate_module, step, fail)
    with pytest.raises(OSError, match="no processes left"), WorkerCandidate(part, staged):
        pass
    assert not staged.folder.exists()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not list a process's descriptors")
def test_workers_that_come_and_go_leave_no_descriptors_open(part: Part, toy: ProbeModule) -> None:
    with toy_candidate(part, with_double("os._exit(0)")) as candidate:
        counts = []
        for _ in range(6):
            with pytest.raises(Crashed):
                candidate.run(toy.run_double, x=1.0)
            counts.append(len(os.listdir("/proc/self/fd")))
    assert counts[-1] <= counts[0]


# A debug run


@pytest.fixture
def debug_part(tmp_path: Path) -> Part:
    """A part of its own: a debug run imports the submission into this process."""
    return make_toy_part(tmp_path)


def test_a_debug_run_is_the_same_in_this_process(debug_part: Part) -> None:
    toy = toy_probes(debug_part)
    candidate = DebugCandidate(debug_part, debug_part.folder / "solution")
    problem = X.copy()
    assert candidate.run(toy.run_double, x=problem)["y"].tolist() == [1.0, 2.0]
    assert candidate.raises(ValueError, toy.run_scale, x=1.0, factor=float("nan")).startswith("factor must")
    with pytest.raises(Erred, match="TypeError"):
        candidate.run(toy.run_double, x="text")


def test_a_debug_run_gets_what_a_worker_would_get(debug_part: Part) -> None:
    """A 0-d array and no NumPy scalar, and its own."""
    solution = debug_part.folder / "solution" / "toy.py"
    solution.write_text("def double(x):\n    x += 1\n    return type(x).__name__\n\nscale = None\n", encoding="utf-8")
    candidate, x = DebugCandidate(debug_part, solution.parent), np.zeros(())
    assert candidate.run(toy_probes(debug_part).run_double, x=np.float64(1.0))["y"] == "ndarray"
    candidate.run(toy_probes(debug_part).run_double, x=x)
    assert x == 0


def test_a_debug_run_builds_on_the_reference_of_earlier_parts(tmp_path: Path) -> None:
    earlier, part = make_toy_part(tmp_path, "part1_below"), make_toy_part(tmp_path, "part2_above")
    source = f"from {earlier.name}.toy import double, scale\n"
    (part.folder / "solution" / "toy.py").write_text(source, encoding="utf-8")
    probes = toy_probes(part)
    candidate = DebugCandidate(part, part.folder / "solution")
    assert candidate.run(probes.run_double, x=X)["y"].tolist() == [1.0, 2.0]


def test_a_debug_run_of_a_stub_is_not_attempted(debug_part: Part) -> None:
    candidate = DebugCandidate(debug_part, None)
    with pytest.raises(NotAttempted, match=r"^toy\.double: 2 x"):
        candidate.run(toy_probes(debug_part).run_double, x=1.0)

"""One worker seen from the judge: its deadline, its end, its output, and whatever it might send."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.judge import worker_process
from autograder.judge.failures import Crashed, TimedOut
from autograder.judge.isolation import must_keep_reading, plan_setup
from autograder.judge.staging import Stage, make_stage
from autograder.judge.users import reserve_user
from autograder.judge.worker_process import HEAD_BYTES, TAIL_BYTES, HeadAndTail, Limits, WorkerProcess
from autograder.testing.failures import GraderFault
from autograder.tests.toy import SOLUTION, handed_in, make_toy_part
from autograder.worker import wire

posix_only = pytest.mark.skipif(os.name != "posix", reason="written for POSIX")


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    part = make_toy_part(tmp_path_factory.mktemp("toy"), "part1_worked")
    staged = make_stage(part, handed_in(part))
    yield staged
    staged.remove()


@pytest.fixture(scope="module")
def setup(staged: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[wire.Setup]:
    part = make_toy_part(tmp_path_factory.mktemp("again"), "part1_worked")
    user = reserve_user(must_keep_reading(staged.folder.parent))
    yield plan_setup(part, staged, Limits(), user.uid)
    user.release()


@contextlib.contextmanager
def running(staged: Stage, setup: wire.Setup, output: HeadAndTail | None = None) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(staged.folder, setup, output or HeadAndTail())
    try:
        yield worker
    finally:
        worker.kill()


def load(number: int) -> wire.Load:
    return wire.Load(number, "part1_worked.tests.probe_toy")


def call(x: object, function: str = "run_double") -> Callable[[int], wire.Call]:
    return lambda number: wire.Call(number, "part1_worked.tests.probe_toy", function, wire.encode({"x": x}))


# A worker that behaves


def test_a_worker_says_ready_and_answers_in_order(staged: Stage, setup: wire.Setup) -> None:
    with running(staged, setup) as worker:
        assert worker.wait_until_ready(30.0).id == 0
        assert worker.request(load, 10.0) == wire.Returned(1, wire.encode(None))
        for number in range(2, 6):
            answer = worker.request(call(float(number)), 5.0)
            assert answer == wire.Returned(number, wire.encode({"y": 2.0 * number}))


def test_what_a_worker_raises_is_an_answer(staged: Stage, setup: wire.Setup) -> None:
    with running(staged, setup) as worker:
        worker.wait_until_ready(30.0)
        worker.request(load, 10.0)
        answer = worker.request(call(None), 5.0)
    assert isinstance(answer, wire.Raised)
    assert answer.kinds[0] == "TypeError"
    line = SOLUTION["toy.py"].splitlines().index("    return 2.0 * x") + 1
    assert answer.frames[-1] == wire.Frame("part1_worked/toy.py", line, "double")
    assert [frame.path for frame in answer.frames] == ["part1_worked/tests/probe_toy.py", "part1_worked/toy.py"]


def test_a_large_problem_arrives(staged: Stage, setup: wire.Setup) -> None:
    with running(staged, setup) as worker:
        worker.wait_until_ready(30.0)
        worker.request(load, 10.0)
        for length in (100, 2000, 3000, 10_000, 3_000_000):
            answer = worker.request(call([0.5] * length if length < 10_000 else b"x" * length, "run_double"), 10.0)
            assert isinstance(answer, wire.Raised)
            assert answer.kinds[0] == "TypeError"


def test_a_worker_starts_with_nothing_of_the_judge(
    staged: Stage, setup: wire.Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its environment and its arguments name the stage and the packages."""
    monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")
    monkeypatch.setenv("SFRATORCH_SECRET", "answers")
    environment = worker_process._environment(staged.folder)
    assert not {"PYTHONSTARTUP", "PYTHONPATH", "SFRATORCH_SECRET", "PATH", "VIRTUAL_ENV"} & set(environment)
    assert environment["HOME"] == environment["TMPDIR"] == str(staged.folder / "home")
    assert environment["OMP_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"] == "1"
    with running(staged, setup) as worker:
        arguments = worker._process.args
    assert isinstance(arguments, list)
    assert arguments[:5] == [sys.executable, "-I", "-S", "-X", "utf8"]
    assert arguments[5:7] == [str(staged.folder / "autograder" / "worker" / "main.py"), str(staged.folder)]
    assert all(Path(argument).name in ("site-packages", "dist-packages") for argument in arguments[7:])


# Workers that do not: each writes what it likes to the pipe, after the judge's Setup


@pytest.fixture
def impostor(tmp_path: Path, setup: wire.Setup) -> Callable[..., contextlib.AbstractContextManager[WorkerProcess]]:
    """Starts a worker whose main.py is this source, with the wire at hand; `ready` lets it begin as it should."""
    root = str(Path(wire.__file__).parents[2])
    prelude = f"""
import os, struct, sys, time
sys.path[:0] = [{root!r}]
sys.path.extend(sys.argv[2:])
from autograder.worker import wire
stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
wire.read_request(stdin)

def send(message):
    wire.write_message(stdout, message)
"""
    ready = "send(wire.Ready(0, [], {}))\n"

    def start(
        source: str, is_ready: bool = True, output: HeadAndTail | None = None
    ) -> contextlib.AbstractContextManager[WorkerProcess]:
        main = tmp_path / "autograder" / "worker" / "main.py"
        main.parent.mkdir(parents=True, exist_ok=True)
        main.write_text(prelude + (ready if is_ready else "") + source, encoding="utf-8")
        return running(Stage(tmp_path), setup, output)

    return start


Impostor = Callable[..., contextlib.AbstractContextManager[WorkerProcess]]


def first_answer(worker: WorkerProcess, seconds: float = 5.0) -> wire.Returned | wire.Raised:
    worker.wait_until_ready(30.0)
    return worker.request(load, seconds)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("sys.exit(3)", "the process ended with exit code 3"),
        ("os._exit(0)", "the process ended with exit code 0"),
        (
            "stdout.write(b'passed!!' * 9); stdout.flush(); time.sleep(60)",
            "broke the protocol: a frame must be at most",
        ),
        ("stdout.write(b'abc'); stdout.close()", "broke the protocol: a frame must begin with eight bytes"),
        ("send(wire.Ready(1, [], {})); time.sleep(60)", "said Ready twice"),
        ("send(wire.Returned(7, b'')); time.sleep(60)", "answered request 7 when 1 was asked"),
        ("send(wire.Raised(1, [''] * 13, '', [])); time.sleep(60)", "broke the protocol: a frame must hold one known"),
        ("send(wire.Load(1, 'x')); time.sleep(60)", "broke the protocol: a frame must hold one known message"),
    ],
)
def test_a_worker_that_breaks_the_protocol_or_ends_is_a_crash(source: str, reason: str, impostor: Impostor) -> None:
    with impostor(f"wire.read_request(stdin)\n{source}") as worker:
        with pytest.raises(Crashed, match=reason):
            first_answer(worker)
        assert worker._process.poll() is not None


@posix_only
def test_a_signal_is_named(impostor: Impostor) -> None:
    with impostor("os.kill(os.getpid(), 11)") as worker, pytest.raises(Crashed, match="ended with SIGSEGV"):
        first_answer(worker)


def test_an_answer_before_the_question_is_a_crash(impostor: Impostor) -> None:
    with impostor("send(wire.Returned(1, wire.encode(None)))\ntime.sleep(60)") as worker:
        worker.wait_until_ready(30.0)
        time.sleep(0.3)
        with pytest.raises(Crashed, match="answered before it was asked"):
            worker.request(load, 5.0)


def test_the_deadline_is_wall_clock_time(impostor: Impostor) -> None:
    with impostor("time.sleep(60)") as worker:
        worker.wait_until_ready(30.0)
        started = time.monotonic()
        with pytest.raises(TimedOut, match=r"no answer within 0\.3 s"):
            worker.request(load, 0.3)
        assert 0.25 < time.monotonic() - started < 5.0
        assert worker._process.poll() is not None


@pytest.mark.parametrize("length", [100, 3000, 10_000_000])
def test_a_worker_that_reads_nothing_cannot_hold_the_judge_up(length: int, impostor: Impostor) -> None:
    with impostor("time.sleep(60)") as worker:
        worker.wait_until_ready(30.0)
        started = time.monotonic()
        with pytest.raises(TimedOut):
            worker.request(call(b"x" * length), 0.3)
        assert time.monotonic() - started < 5.0


def test_a_worker_that_answers_what_it_never_read_cannot_fill_the_pipe(impostor: Impostor) -> None:
    """Each answer comes as soon as the question is in the pipe; after 64 KiB of them the pipe takes no more."""
    source = """
for number in range(1, 1000):
    time.sleep(0.01)
    send(wire.Returned(number, wire.encode(None)))
time.sleep(60)
"""
    with impostor(source) as worker:
        worker.wait_until_ready(30.0)
        done = threading.Event()

        def ask() -> None:
            with contextlib.suppress(Crashed):
                for _ in range(200):
                    worker.request(call(b"x" * 3000), 5.0)
                pytest.fail("every request was answered, and none was read")
            done.set()

        threading.Thread(target=ask, daemon=True).start()
        assert done.wait(20.0), "the judge hangs, or believes what answers no question"


def test_answers_that_nobody_asked_for_do_not_pile_up(impostor: Impostor) -> None:
    source = "while True:\n    send(wire.Returned(1, bytes(8 * 2**20)))\n"
    with impostor(source) as worker:
        worker.wait_until_ready(30.0)
        time.sleep(1.0)
        assert worker._answers.qsize() <= 2
        with pytest.raises(Crashed, match="answered before it was asked"):
            worker.request(load, 5.0)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("sys.exit('no numpy here')", "exit code 1\nno numpy here"),
        ("send(wire.Returned(0, b''))\ntime.sleep(60)", "must answer Setup with Ready; got Returned"),
        ("time.sleep(60)", "did not start: no answer within"),
    ],
)
def test_a_worker_that_does_not_start_is_a_fault_of_the_grader(source: str, reason: str, impostor: Impostor) -> None:
    with impostor(source, is_ready=False) as worker, pytest.raises(GraderFault, match=reason):
        worker.wait_until_ready(1.0)


def test_a_worker_that_ends_at_once_is_no_error_of_the_pipe(impostor: Impostor) -> None:
    with impostor("", is_ready=False) as worker:
        worker._process.wait()
        time.sleep(0.1)
        with pytest.raises(Crashed, match="exit code 0"):
            worker.request(load, 5.0)
    with impostor("os.close(0)\ntime.sleep(60)") as worker:
        worker.wait_until_ready(30.0)
        time.sleep(0.1)
        with pytest.raises(TimedOut):
            worker.request(call(b"x" * 10**6), 0.3)


def test_a_killed_worker_can_be_killed_again(staged: Stage, setup: wire.Setup) -> None:
    with running(staged, setup) as worker:
        worker.wait_until_ready(30.0)
        worker.kill()
        code = worker._process.returncode
        worker.kill()
        assert worker._process.returncode == code is not None


# What it prints


def test_what_a_worker_prints_is_collected(impostor: Impostor) -> None:
    output = HeadAndTail()
    source = "sys.stderr.write('one\\n')\nsys.stderr.flush()\nos.write(2, b'two \\xff\\n')\nsys.exit()"
    with impostor(source, output=output) as worker, pytest.raises(Crashed):
        first_answer(worker)
    assert output.text() == "one\ntwo \ufffd\n"


def test_a_worker_that_prints_without_end_keeps_its_first_and_last_words(impostor: Impostor) -> None:
    output = HeadAndTail()
    source = (
        "os.write(2, b'first')\nfor _ in range(300):\n    os.write(2, b'x' * 2**16)\nos.write(2, b'last')\nos._exit(0)"
    )
    with impostor(source, output=output) as worker, pytest.raises(Crashed):
        first_answer(worker, 20.0)
    text = output.text()
    assert text.startswith("first")
    assert text.endswith("last")
    assert len(text) < HEAD_BYTES + TAIL_BYTES + 100


@given(pieces=st.lists(st.binary(max_size=300)), sizes=st.tuples(st.integers(0, 200), st.integers(1, 200)))
def test_head_and_tail_are_the_ends_of_all_that_was_written(pieces: list[bytes], sizes: tuple[int, int]) -> None:
    head, tail = sizes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_process, "HEAD_BYTES", head)
        patch.setattr(worker_process, "TAIL_BYTES", tail)
        kept = HeadAndTail()
        for piece in pieces:
            kept.write(piece)
        text = kept.text()
    whole = b"".join(pieces)
    dropped = len(whole) - head - tail
    if dropped <= 0:
        assert text == whole.decode("utf-8", "replace")
    else:
        gap = f"\n… {dropped} bytes left out …\n".encode()
        assert text == (whole[:head] + gap + whole[len(whole) - tail :]).decode("utf-8", "replace")
    kept.clear()
    assert kept.text() == ""

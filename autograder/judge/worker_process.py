"""One worker process, seen from the judge: start it, ask it, and be rid of it with everything it started.

Deadlines are kept here, by wall clock: a thread reads the worker's frames into a queue and the judge waits on that
queue.
A worker that misses its deadline, breaks the protocol or goes away is killed; it is never asked again.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import re
import select
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autograder.judge import process_tree
from autograder.judge.failures import Crashed, TimedOut
from autograder.testing.failures import GraderFault
from autograder.worker import wire

HEAD_BYTES = TAIL_BYTES = 64 * 1024
_STACK = re.compile(rb"Stack \(most recent call first\):\n(?:  .*\n)+")  # as faulthandler writes it
_FRAME = re.compile(r'  File "(.+)", line (\d+) in (.*)')
_STACK_SECONDS = 0.3
_PIPE_BYTES = getattr(select, "PIPE_BUF", 0)  # what a pipe that has room takes without waiting


@dataclass(frozen=True)
class Limits:
    """The limits of a worker. Seconds are wall clock unless they say otherwise."""

    setup_seconds: float = 120.0
    load_seconds: float = 10.0
    call_seconds: float = 5.0
    call_seconds_after_a_timeout: float = 2.0
    part_seconds: float = 600.0
    cpu_seconds: int = 600
    memory_bytes: int = 2 * 2**30
    file_bytes: int = 16 * 2**20
    open_files: int = 64
    processes: int = 64


DEFAULT_LIMITS = Limits()


class HeadAndTail:
    """The first and the last 64 KiB of what was written, however much it was."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._head, self._tail, self._dropped = bytearray(), bytearray(), 0

    def write(self, data: bytes) -> None:
        room = HEAD_BYTES - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if (excess := len(self._tail) - TAIL_BYTES) > 0:
            self._dropped += excess
            del self._tail[:excess]

    def take_last(self, pattern: re.Pattern[bytes]) -> str:
        """Take out what this pattern matches last; nothing where it does not."""
        for kept in (self._tail, self._head):
            if matches := list(pattern.finditer(bytes(kept))):
                del kept[slice(*matches[-1].span())]
                return matches[-1].group().decode("utf-8", "replace")
        return ""

    def text(self) -> str:
        gap = f"\n… {self._dropped} bytes left out …\n".encode() if self._dropped else b""
        return bytes(self._head + gap + self._tail).decode("utf-8", "replace")


class WorkerProcess:
    """A running worker. `request` is the only way to talk to it."""

    def __init__(self, folder: Path, setup: wire.Setup, printed: HeadAndTail) -> None:
        self._folder, self._setup = folder, setup
        self._ids = itertools.count(1)
        self._answers: queue.SimpleQueue[wire.Ready | wire.Returned | wire.Raised | Exception | None] = (
            queue.SimpleQueue()
        )
        self.output = printed
        self._is_killed = False
        self._process = _start(folder)
        process_tree.started(self._process)
        _in_background(self._read_answers)
        self._collector = _in_background(self._collect_output)
        self._sender = _Sender(self._stdin, setup)

    @property
    def _stdin(self):  # type: ignore[no-untyped-def]
        assert self._process.stdin is not None
        return self._process.stdin

    def wait_until_ready(self, seconds: float) -> wire.Ready:
        """The worker's isolation report. A worker that cannot set itself up is a fault of the grader."""
        try:
            answer = self._receive(0, seconds)
        except (Crashed, TimedOut) as failure:
            raise GraderFault(f"the worker did not start: {failure}\n{self.output.text()}") from None
        if not isinstance(answer, wire.Ready):
            raise GraderFault(f"the worker must answer Setup with Ready; got {type(answer).__name__}.")
        return answer

    def request(self, make_message: Callable[[int], wire.Request], seconds: float) -> wire.Returned | wire.Raised:
        """Send one request and wait for its answer. Raises TimedOut or Crashed, and the worker is dead then."""
        request_id = next(self._ids)
        if not self._answers.empty():
            has_ended = self._answers.get() is None
            raise self._crashed("" if has_ended else "the worker answered before it was asked")
        message = make_message(request_id)
        self._sender = _Sender(self._stdin, message)
        answer = self._receive(request_id, seconds)
        if not self._sender.has_finished():
            raise self._crashed("the worker answered a request that it had not read")
        if isinstance(answer, wire.Ready):
            raise self._crashed("the worker said Ready twice")
        return answer

    def _receive(self, request_id: int, seconds: float) -> wire.Ready | wire.Returned | wire.Raised:
        try:
            answer = self._answers.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            frames = self._where()
            self.kill()
            raise TimedOut(f"no answer within {seconds:.3g} s", frames) from None
        if isinstance(answer, Exception):
            raise self._crashed(f"the worker broke the protocol: {answer}")
        if answer is None:
            raise self._crashed("")
        if answer.id != request_id:
            raise self._crashed(f"the worker answered request {answer.id} when {request_id} was asked")
        return answer

    def _where(self) -> tuple[wire.Frame, ...]:
        """The lines of the submission at which the worker is: it writes its stack where it prints when it is asked."""
        if not hasattr(signal, "SIGUSR1"):
            return ()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            self._process.send_signal(signal.SIGUSR1)
        stack, until = "", time.monotonic() + _STACK_SECONDS
        while not stack and time.monotonic() < until:
            time.sleep(0.02)
            stack = self.output.take_last(_STACK)
        frames = [wire.Frame(path, int(line), function) for path, line, function in _FRAME.findall(stack)]
        return tuple(
            wire.Frame(os.path.relpath(frame.path, self._folder), frame.line, frame.function)
            for frame in reversed(frames)
            if frame.path.startswith(f"{self._folder}{os.sep}part")
        )

    def _crashed(self, reason: str) -> Crashed:
        if not reason:
            exit_code = _exit_code(self._process)
            reason = "the process ended" if exit_code is None else f"the process ended with {_name_of(exit_code)}"
        self.kill()
        return Crashed(reason)

    def kill(self) -> None:
        """End the worker and all that it started, and wait until what it printed has been read."""
        if not self._is_killed:
            self._is_killed = True
            process_tree.kill(self._process, uid=self._setup.uid, mark=str(self._folder))
            self._collector.join(timeout=1.0)
            if self._sender.has_finished():
                with contextlib.suppress(OSError):
                    self._stdin.close()

    def _read_answers(self) -> None:
        assert self._process.stdout is not None
        try:
            while (answer := wire.read_answer(self._process.stdout)) is not None:
                self._answers.put(answer)
                if self._answers.qsize() > 1:
                    return  # one answer is owed at most: whatever else comes stays in the pipe, not in our memory
            self._answers.put(None)
        except (wire.WireError, OSError, ValueError) as error:
            self._answers.put(error)
        finally:
            self._process.stdout.close()

    def _collect_output(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as output:
            while data := output.read1(1 << 16):  # type: ignore[attr-defined]
                self.output.write(data)


class _Sender:
    """Writes a message: from a thread where the pipe may be full, since a worker that does not read would block the
    judge past its deadline."""

    def __init__(self, stream, message: wire.Setup | wire.Request) -> None:  # type: ignore[no-untyped-def]
        self._thread = None
        size = len(message.arguments) if isinstance(message, wire.Call) else 0
        if size + 512 <= _PIPE_BYTES and _has_room(stream):
            self._write(stream, message)
        else:
            self._thread = _in_background(lambda: self._write(stream, message))

    def has_finished(self) -> bool:
        """Tell whether everything is written, now that the answer is here."""
        if self._thread is not None:
            self._thread.join(timeout=1.0)
        return self._thread is None or not self._thread.is_alive()

    @staticmethod
    def _write(stream, message: wire.Setup | wire.Request) -> None:  # type: ignore[no-untyped-def]
        with contextlib.suppress(OSError, ValueError):  # the worker is gone: the missing answer says so
            wire.write_message(stream, message)


def _has_room(stream) -> bool:  # type: ignore[no-untyped-def]
    """Tell whether `_PIPE_BYTES` can be written at once. A worker that answers what it has not read fills the pipe."""
    if os.name != "posix":
        return False
    pipe = select.poll()
    pipe.register(stream, select.POLLOUT)
    return bool(pipe.poll(0))


def _in_background(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def _start(folder: Path) -> subprocess.Popen[bytes]:
    folders = dict.fromkeys(sysconfig.get_paths()[key] for key in ("purelib", "platlib"))
    main = folder / "autograder" / "worker" / "main.py"
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-X", "utf8", str(main), str(folder), *folders],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=_environment(folder),
        start_new_session=os.name == "posix",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def _environment(folder: Path) -> dict[str, str]:
    home = str(folder / "home")
    environment = {"HOME": home, "USERPROFILE": home, "TMPDIR": home, "TEMP": home, "TMP": home, "LC_ALL": "C.UTF-8"}
    environment |= {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")}
    environment["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] = "16"  # an LSTM maps 10 MiB for each length that it reads
    for name in (
        "SYSTEMROOT",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
    ):  # without the first, Windows has no sockets or random numbers
        if name in os.environ:
            environment[name] = os.environ[name]
    return environment


def _exit_code(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(timeout=1.0)
    except subprocess.TimeoutExpired:
        return None


def _name_of(exit_code: int) -> str:
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"

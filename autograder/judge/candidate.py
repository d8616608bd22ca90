"""A submission that can be asked: give a probe plain data, get plain data back or a Failure."""

from __future__ import annotations

import importlib
import os
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self

import msgspec

from autograder.judge import leftovers
from autograder.judge.clock import Clock
from autograder.judge.exercises import Part, earlier_parts
from autograder.judge.failures import Crashed, Erred, NotAttempted, OutOfMemory, Refused, TimedOut, Trace, Unloadable
from autograder.judge.isolation import Isolation, must_keep_reading, plan_setup
from autograder.judge.scanning import Refusals, refusals
from autograder.judge.staging import Stage, StagedFiles, name_of, restage
from autograder.judge.users import WorkerUser, reserve_user
from autograder.judge.worker_process import DEFAULT_LIMITS, HeadAndTail, Limits, WorkerProcess
from autograder.testing.comparison import offer, recognised
from autograder.testing.failures import Ended, Failure, GraderFault, Wrong
from autograder.testing.probes import Probe
from autograder.testing.sizes import check_beside_given
from autograder.worker import wire

MOST_TOLD_BYTES = 2**18  # of functions' names
_FUNCTION = re.compile(r"[\w.]{1,100}:[\w.]{1,200}")
_PIPE_SECONDS = 0.02  # what was printed before an answer is in the pipe by then, and soon read


class Answer(NamedTuple):
    """A probe's answer: as it crossed the wire, and decoded."""

    encoded: bytes
    value: Any


class Answering:
    """A candidate (testing/candidate.py) whose answers all come from `ask`."""

    def ask(self, probe: Probe, arguments: dict[str, Any], memory_bytes: int | None = None) -> Answer:
        """The probe's answer; with memory_bytes, from where no more than that can be had, if there is such a place."""
        raise NotImplementedError

    def run(self, probe: Probe, /, **arguments: Any) -> Any:
        return self.ask(probe, arguments).value

    def run_within(self, memory_bytes: int, probe: Probe, /, **arguments: Any) -> Any:
        return self.ask(probe, arguments, memory_bytes).value

    def raises(
        self, error: type[Exception], probe: Probe, mistakes: Mapping[str, Any] | None = None, /, **arguments: Any
    ) -> str:
        offer(mistakes or ())
        try:
            answer = self.run(probe, **arguments)
        except Ended:
            raise
        except Erred as erred:
            if erred.trace.kinds[0] == error.__name__:
                return erred.trace.message
            raise Wrong(f"{probe.name} must raise {error.__name__}; it raised {erred.message}.") from None
        known = tuple(recognised(answer, mistakes))
        raise Wrong(f"{probe.name} must raise {error.__name__}; it raised nothing.", mistakes=known)


class TimedCandidate(Answering):
    """A submission, and the time that it has."""

    def __init__(self) -> None:
        self.clock = Clock()


class WorkerCandidate(TimedCandidate):
    """A submission in a worker process, which is replaced when it dies. Use as a context manager.

    With `is_practice` the worker tells which functions of the exercise files run, so that a pass can be remembered.
    """

    def __init__(self, part: Part, stage: Stage, limits: Limits = DEFAULT_LIMITS, *, is_practice: bool = False) -> None:
        super().__init__()
        self.stage, self.limits = stage, limits
        self._part = part
        self._user = WorkerUser()
        self._worker: WorkerProcess | None = None
        self._is_ready = False
        self._isolation: Isolation | None = None
        self._refusals: Refusals | None = None
        self._loaded: set[str] = set()
        self._unloadable: dict[str, Failure] = {}
        self._output = HeadAndTail()
        self._has_timed_out = False
        modules = [name_of(f"{part.name}/{file}") for file in part.files]
        self._watched = modules if is_practice else []
        self._reached: set[str] | None = set()  # in workers before this one

    def __enter__(self) -> Self:
        try:
            self._user = reserve_user(must_keep_reading(self.stage.folder.parent))
            self._remove_leftovers()  # of a judge that was killed, whose worker had this user
            self._setup = plan_setup(self._part, self.stage, self.limits, self._user.uid, self._watched)
            self._spawn()
        except BaseException:
            self._remove_all()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._worker is not None:
            self._worker.kill()
        self._remove_all()

    def _remove_all(self) -> None:
        self.stage.remove()
        self._remove_leftovers()
        self._user.release()

    def _remove_leftovers(self) -> None:
        if self._user.uid:
            leftovers.remove(self._user.uid)

    def restage(self, files: StagedFiles) -> None:
        """Put other files in the place of those that the worker, which waits, has not read yet."""
        assert not self._loaded
        assert self._refusals is None
        self.stage = restage(self.stage, files)

    @property
    def isolation(self) -> Isolation:
        """The layers around the worker, found out by trying when it started."""
        if self._isolation is None:
            self._live_worker()
        assert self._isolation is not None
        return self._isolation

    def scan(self) -> Refusals:
        """Find what is refused for what stands in its file, and take such files out of the stage.

        The first worker tells, which is ours until it loads a module of the submission.
        """
        if self._refusals is None:
            self._refusals = refusals(
                self._part, self.stage, lambda make_message: self._request(make_message, self.limits.load_seconds)
            )
        return self._refusals

    @property
    def output(self) -> str:
        """Whatever the submission has printed since `forget_output`."""
        time.sleep(_PIPE_SECONDS)
        return self._output.text()

    def forget_output(self) -> None:
        """Count what is printed from now on."""
        if self._output.text():  # the last of it may still be in the pipe
            time.sleep(_PIPE_SECONDS)
        self._output.clear()

    def ask(self, probe: Probe, arguments: dict[str, Any], memory_bytes: int | None = None) -> Answer:
        if memory_bytes is not None:
            return self._ask_within(memory_bytes, probe, arguments)
        probe.check_arguments(arguments)
        payload = wire.encode(arguments)
        self._load(probe.module)
        seconds = self.limits.call_seconds_after_a_timeout if self._has_timed_out else self.limits.call_seconds
        answer = self._request(lambda number: wire.Call(number, probe.module, probe.name, payload), seconds)
        try:
            check_beside_given(answer, payload)
            return Answer(answer, wire.decode(answer))
        except wire.WireError as error:
            self._forget_worker()
            raise Crashed(f"the worker broke the protocol: {error}") from None

    def take_reached(self) -> list[str] | None:
        """Name the functions of the exercise files that have run since this was asked last, as `module:Class.method`.

        None where that is not known: the submission is not watched, or a worker has ended before it could tell.
        """
        self._note_reached()
        reached, self._reached = self._reached, set()
        return sorted(reached) if reached is not None and self._watched else None

    def _note_reached(self) -> None:
        """Have the worker tell what has run, and keep it."""
        if not self._watched or not self._loaded or self._worker is None:
            return
        try:
            functions = _functions_told(self._request(wire.TellReached, self.limits.call_seconds))
        except (Failure, wire.WireError):
            functions = None
        if self._reached is not None and functions is not None:
            self._reached |= functions
        else:
            self._reached = None

    def _ask_within(self, memory_bytes: int, probe: Probe, arguments: dict[str, Any]) -> Answer:
        """The answer of a worker of its own that has so much memory beyond what it maps at its start.

        What a worker measures of its own memory, the submission in it may have made up.
        """
        setup, unloadable = self._setup, dict(self._unloadable)
        self._note_reached()
        self._forget_worker()
        self._setup = msgspec.structs.replace(setup, memory_bytes=memory_bytes)
        try:
            answer = self.ask(probe, arguments)
            self._note_reached()
            return answer
        finally:
            self._forget_worker()
            self._setup, self._unloadable = setup, unloadable

    def _load(self, module: str) -> None:
        if module in self._unloadable:
            raise self._unloadable[module].with_traceback(None)  # else each time adds to the traceback
        self.scan()
        self.clock.check()
        self._live_worker()
        if module in self._loaded:
            return
        left = self.clock.left()
        try:
            self._request(lambda number: wire.Load(number, module), self.limits.load_seconds)
        except Failure as failure:
            lasting = Unloadable(failure.trace) if isinstance(failure, Erred) else failure
            if not isinstance(failure, TimedOut) or left >= self.limits.load_seconds:  # else another has time for it
                self._unloadable[module] = lasting
            raise lasting from None
        self._loaded.add(module)

    def _request(self, make_message: Callable[[int], wire.Request], seconds: float) -> bytes:
        worker = self._live_worker()
        self.clock.check()
        left = self.clock.left()
        try:
            answer = worker.request(make_message, min(seconds, left))
        except (TimedOut, Crashed) as failure:
            self._forget_worker()
            if isinstance(failure, TimedOut) and seconds > left:
                raise self.clock.used_up(failure.frames) from None
            self._has_timed_out |= isinstance(failure, TimedOut)
            raise
        if isinstance(answer, wire.Returned):
            return answer.value
        raise self._failure_of(answer)

    def _failure_of(self, raised: wire.Raised) -> Failure:
        trace = Trace(tuple(raised.kinds) or ("Exception",), raised.message, tuple(raised.frames))
        if raised.refused:
            return Refused(raised.refused)
        if "NotImplementedError" in trace.kinds:
            return NotAttempted(trace.message)
        if "MemoryError" in trace.kinds:
            self._forget_worker()  # an interpreter that has run out of memory is not worth trusting with the next call
            return OutOfMemory(trace.message or "out of memory")
        return Erred(trace)

    def _live_worker(self) -> WorkerProcess:
        if self._worker is None:
            self._spawn()
        assert self._worker is not None
        if not self._is_ready:
            self._await_ready(self._worker)
            self._is_ready = True
        return self._worker

    def _await_ready(self, worker: WorkerProcess) -> None:
        """Keep the first worker's isolation report: it speaks before any line of the submission has run.

        A start takes our time and not the submission's, so that a busy machine makes no fault of it.
        """
        seconds = self.limits.setup_seconds
        try:
            with self.clock.aside(seconds, "the worker's start"):
                ready = worker.wait_until_ready(seconds)
        except GraderFault as fault:
            self._forget_worker()
            if self._isolation is None:
                raise
            raise Crashed("after the last worker ended, no other could be started") from fault
        self._isolation = self._isolation or Isolation.of(ready, self._user.uid)

    def _spawn(self) -> None:
        self._worker = WorkerProcess(self.stage.folder, self._setup, self._output)
        self._is_ready = False
        self._loaded = set()

    def _forget_worker(self) -> None:
        if self._worker is not None:
            self._worker.kill()
        self._worker = None


def _functions_told(answer: bytes) -> set[str] | None:
    """The functions that a worker names, in which a submission may say what it likes; None for anything else."""
    told = wire.decode(answer) if len(answer) <= MOST_TOLD_BYTES else None
    if not isinstance(told, list) or not all(isinstance(name, str) and _FUNCTION.fullmatch(name) for name in told):
        return None
    return {*told}


class DebugCandidate(TimedCandidate):
    """The submission in the judge's own process, so that `breakpoint()` works. Nothing it says is scored.

    What crosses is what would have crossed to a worker, and the earlier parts are those that it would have got.
    """

    def __init__(self, part: Part, folder: os.PathLike[str] | None, upstream: str = "reference") -> None:
        super().__init__()
        folders = {part.name: folder}
        if upstream == "reference":
            root = part.folder.parent
            folders |= {earlier.name: earlier.folder / "solution" for earlier in earlier_parts(part, root)}
        for name, before in folders.items():
            if before is not None:
                importlib.import_module(name).__path__.insert(0, os.fspath(before))

    def ask(self, probe: Probe, arguments: dict[str, Any], memory_bytes: int | None = None) -> Answer:
        probe.check_arguments(arguments)
        try:
            function = getattr(importlib.import_module(probe.module), probe.name)
            payload = wire.encode(arguments)
            answer = wire.encode(function(**wire.decode(payload, writable=True)))
        except NotImplementedError as error:
            raise NotAttempted(str(error)) from error
        except GraderFault:
            raise
        except (Exception, SystemExit) as error:
            kinds = tuple(kind.__name__ for kind in type(error).__mro__)
            raise Erred(Trace(kinds, str(error), ())) from error
        check_beside_given(answer, payload)
        return Answer(answer, wire.decode(answer))

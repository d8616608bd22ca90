"""Kill a worker and everything it started, also what has left its session.

What a worker starts is told by what it cannot change: its user, where that is not the judge's, and else its parent,
since the judge adopts what has lost its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from autograder.judge.users import killer_of

_PROC = Path("/proc")
_SECONDS, _KILLER_SECONDS = 10.0, 3.0
_KILLER = """
import os, signal, sys
worker, unused = map(int, sys.argv[1:])
os.setresuid(unused, worker, unused)
os.kill(-1, signal.SIGKILL)
"""
_known: set[int] | None = None  # children in sessions of their own that are no orphans; None: orphans go elsewhere


def adopt_orphans() -> None:
    """Become the parent of what a worker of this user leaves behind. Raises OSError where that cannot be."""
    global _known
    if not sys.platform.startswith("linux"):
        raise OSError("what leaves its session and outlives its parent is only found on Linux")
    if _known is None:
        from autograder.worker import linux

        linux.adopt_orphans()
        _known = {number for number, _, parent, _ in _processes() if parent == os.getpid()}


def forget_children() -> None:
    """Begin anew in a forked judge, which has none, and adopts no orphans yet."""
    global _known
    _known = None


def started(process: subprocess.Popen[bytes]) -> None:
    """Tell a worker from the orphans."""
    if _known is not None:
        _known.add(process.pid)


def kill(process: subprocess.Popen[bytes], uid: int = 0, mark: str = "") -> None:
    """Kill the process, its descendants, its session, and what runs as `uid` or carries `mark` in its environment.

    Linux finds them through /proc, round after round, until none is left: what is found is stopped first and killed
    then, and all that `uid` runs goes at one stroke.
    Elsewhere the process group (POSIX) or the process tree (Windows) goes.
    """
    with contextlib.suppress(subprocess.TimeoutExpired):
        if os.name == "nt":
            command = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
            subprocess.run(command, capture_output=True, check=False, timeout=_SECONDS)
        else:
            if (_PROC / "self" / "stat").exists():
                _kill_all_of(process.pid, uid, mark)  # before the group: an orphan no longer says whose child it is
            _signal_group(process.pid)
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5.0)
    if _known is not None:
        _known.discard(process.pid)


def _signal_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _kill_all_of(pid: int, uid: int, mark: str) -> None:
    until = time.monotonic() + _SECONDS
    if uid:
        _kill_user(uid)
    ended: set[int] = set()
    while time.monotonic() < until:
        victims = _stop_all_of(pid, uid, mark.encode(), until)
        _signal_all(victims, signal.SIGKILL)
        before, ended = ended, set() if uid else set(_ended_orphans())
        if not victims and ended == before:
            break  # nobody was found, and nobody has handed on and ended meanwhile
    for orphan in ended:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(orphan, os.WNOHANG)


def _kill_user(uid: int) -> None:
    """Kill all that this user runs at one stroke: orphans that live for a millisecond are never found by looking.

    Only the killer's effective user is theirs, so that none of them can stop it or read it.
    """
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", _KILLER, str(uid), str(killer_of(uid))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
            start_new_session=True,
            timeout=_KILLER_SECONDS,
            check=False,
        )


def _stop_all_of(pid: int, uid: int, mark: bytes, until: float) -> set[int]:
    stopped: set[int] = set()
    while (victims := set(_victims(pid, uid, mark)) - stopped) and time.monotonic() < until:
        _signal_all(victims, signal.SIGSTOP)
        stopped |= victims
    return stopped


def _signal_all(victims: Iterable[int], number: signal.Signals) -> None:
    for victim in victims:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(victim, number)


def _victims(pid: int, uid: int, mark: bytes) -> Iterator[int]:
    parents: dict[int, int] = {}
    for number, state, parent, session in _processes():
        if state in "ZX":
            continue
        parents[number] = parent
        is_orphan = not uid and _is_orphan(number, parent, session)
        if is_orphan or session == pid or _is_marked(_PROC / str(number), uid, mark):
            yield number
    yield from (number for number in parents if _descends(number, pid, parents))


def _ended_orphans() -> Iterator[int]:
    """Kept until all have ended: they count against the worker's limit on processes, and a chain of them runs dry."""
    for number, state, parent, session in _processes():
        if state == "Z" and _is_orphan(number, parent, session):
            yield number


def _processes() -> Iterator[tuple[int, str, int, int]]:
    """Number, state, parent and session of every process but this one."""
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):  # gone
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                yield int(entry.name), fields[0], int(fields[1]), int(fields[3])


def _is_orphan(number: int, parent: int, session: int) -> bool:
    """Tell if this process adopted it. What it starts itself stays in its session, to which no worker can return."""
    return _known is not None and parent == os.getpid() and session != os.getsid(0) and number not in _known


def _is_marked(entry: Path, uid: int, mark: bytes) -> bool:
    try:
        return (uid != 0 and entry.stat().st_uid == uid) or (mark != b"" and mark in (entry / "environ").read_bytes())
    except OSError:
        return False  # gone, or not ours to read


def _descends(number: int, ancestor: int, parents: dict[int, int]) -> bool:
    while number in parents:
        if number == ancestor:
            return True
        number = parents[number]
    return False

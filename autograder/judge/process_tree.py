"""Kill a worker and everything it started, also what has left its session."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

_PROC = Path("/proc")
_ROUNDS = 100


def kill(process: subprocess.Popen[bytes], uid: int = 0, mark: str = "") -> None:
    """Kill the process, its descendants, its session, and what runs as `uid` or carries `mark` in its environment.

    Linux finds them through /proc, round after round, until none is left: what is found is stopped first and killed
    then, and all that `uid` runs goes at one stroke.
    Elsewhere the process group (POSIX) or the process tree (Windows) goes.
    """
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
    else:
        if (_PROC / "self" / "stat").exists():
            _kill_all_of(process.pid, uid, mark)  # before the group: an orphan no longer says whose child it is
        _signal_group(process.pid)
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5.0)


def _signal_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _kill_all_of(pid: int, uid: int, mark: str) -> None:
    if uid:
        _kill_user(uid)
    for _ in range(_ROUNDS):
        victims = _stop_all_of(pid, uid, mark.encode())
        if not victims:
            return
        _signal_all(victims, signal.SIGKILL)


def _kill_user(uid: int) -> None:
    """Kill all that this user runs at one stroke: orphans that live for a millisecond are never found by looking."""
    with contextlib.suppress(OSError):
        subprocess.run(["/bin/sh", "-c", "kill -9 -1"], user=uid, group=uid, extra_groups=(), check=False)


def _stop_all_of(pid: int, uid: int, mark: bytes) -> set[int]:
    stopped: set[int] = set()
    for _ in range(_ROUNDS):
        victims = set(_victims(pid, uid, mark)) - stopped
        if not victims:
            break
        _signal_all(victims, signal.SIGSTOP)
        stopped |= victims
    return stopped


def _signal_all(victims: Iterable[int], number: signal.Signals) -> None:
    for victim in victims:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(victim, number)


def _victims(pid: int, uid: int, mark: bytes) -> Iterator[int]:
    parents: dict[int, int] = {}
    for entry in _PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        number = int(entry.name)
        try:
            state, parent, _, session = _stat(entry)
            if state in "ZX":
                continue
            parents[number] = parent
            if (
                session == pid
                or (uid and entry.stat().st_uid == uid)
                or (mark and mark in (entry / "environ").read_bytes())
            ):
                yield number
        except OSError:
            continue  # gone, or not ours to read
    yield from (number for number in parents if _descends(number, pid, parents))


def _stat(entry: Path) -> tuple[str, int, int, int]:
    fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return fields[0], int(fields[1]), int(fields[2]), int(fields[3])


def _descends(number: int, ancestor: int, parents: dict[int, int]) -> bool:
    while number in parents:
        if number == ancestor:
            return True
        number = parents[number]
    return False

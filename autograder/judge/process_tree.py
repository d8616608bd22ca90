"""Kill a worker and everything it started, also what has left its session."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_ROUNDS = 100


def kill(process: subprocess.Popen[bytes], uid: int = 0, mark: str = "") -> None:
    """Kill the process, its descendants, its session, and what runs as `uid` or carries `mark` in its environment.

    Linux finds them all through /proc, round after round, until none is left: a fork bomb is stopped first and killed
    then.
    Elsewhere the process group (POSIX) or the process tree (Windows) goes.
    """
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
    else:
        _signal_group(process.pid)
        if (_PROC / "self" / "stat").exists():
            _kill_all_of(process.pid, uid, mark)
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5.0)


def _signal_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _kill_all_of(pid: int, uid: int, mark: str) -> None:
    for _ in range(_ROUNDS):
        victims = set(_victims(pid, uid, mark.encode()))
        if not victims:
            return
        for number in (signal.SIGSTOP, signal.SIGKILL):
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

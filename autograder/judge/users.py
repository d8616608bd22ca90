"""Users that nobody is: one for each worker of a judge that is root on Linux."""

from __future__ import annotations

import contextlib
import os
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Outside the ranges that systems give to people and services; the odd one above each ends what it runs.
_UNUSED = range(61_184, 65_520, 2)
_RESERVED = Path("/run/sfratorch")  # a locked file for each user that a worker is
# By Linux's numbers: what it takes to make the worker another user, to end it and to clear up after it.
_CHOWN, _DAC_OVERRIDE, _DAC_READ_SEARCH, _FOWNER, _KILL, _SETGID, _SETUID = 0, 1, 2, 3, 5, 6, 7
_POWERS = (_CHOWN, _DAC_OVERRIDE, _FOWNER, _KILL, _SETGID, _SETUID)


@dataclass
class WorkerUser:
    """A user and group that no process is and no other judge gives to a worker; `uid` is 0 where there is none."""

    uid: int = 0
    lock: int = -1

    def release(self) -> None:
        """Let others have it, once nothing of the worker's is left."""
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1


def killer_of(uid: int) -> int:
    """The user that nobody is, beside a worker's."""
    return uid + 1


def reserve_user(keep_reading: bool) -> WorkerUser:
    """A user for one worker, who with `keep_reading` has to read what only root may.

    Its uid is 0 where the judge is not root on Linux, or lacks some of root's powers, or its user namespace the
    numbers: a container may be such a place.
    """
    if sys.platform.startswith("linux") and os.geteuid() == 0 and _has_powers(keep_reading):
        with contextlib.suppress(OSError):  # nowhere to reserve one
            _RESERVED.mkdir(mode=0o700, parents=True, exist_ok=True)
            unused = list(_unused())
            for uid in random.SystemRandom().sample(unused, len(unused)):
                if (lock := _lock(_RESERVED / str(uid))) >= 0:
                    return WorkerUser(uid, lock)
    return WorkerUser()


def can_reserve(keep_reading: bool) -> bool:
    """Tell whether workers are other users here."""
    user = reserve_user(keep_reading)
    user.release()
    return user.uid != 0


def _has_powers(keep_reading: bool) -> bool:
    status = Path("/proc/self/status").read_text(errors="replace")
    effective = int(status.partition("\nCapEff:")[2].split()[0], 16)
    return all(effective >> power & 1 for power in (*_POWERS, *([_DAC_READ_SEARCH] if keep_reading else [])))


def _unused() -> Iterator[int]:
    """Those that neither a person nor a process is, and that this user namespace has."""
    import pwd

    taken = {entry.pw_uid for entry in pwd.getpwall()}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError):
            taken.add(process.stat().st_uid)
    mapped = [_mapped(names) for names in ("uid_map", "gid_map")]
    for uid in _UNUSED:
        both = {uid, killer_of(uid)}
        if not taken & both and all(
            any(uid in numbers and killer_of(uid) in numbers for numbers in ranges) for ranges in mapped
        ):
            yield uid


def _mapped(names: str) -> list[range]:
    lines = (Path("/proc/self") / names).read_text().splitlines()
    return [range(int(first), int(first) + int(count)) for first, _, count in map(str.split, lines)]


def _lock(path: Path) -> int:
    """A descriptor that holds this file's lock until it is closed, or -1 where another one does."""
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return -1
    return descriptor

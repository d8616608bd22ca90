"""The few things on Linux that Python does not offer: prctl, capset, the command line that is shown, System V's memory.

The worker imports it before the submission, and forgets it before that starts; the judge uses it, too.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import sys

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_DUMPABLE, _PR_SET_KEEPCAPS, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 4, 8, 36, 38
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_READ_SEARCH = 1 << 2
_IPC_RMID = 0


def _call(function: str, *arguments: object) -> None:
    if getattr(_libc, function)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{function}: {os.strerror(code)}")


def become(uid: int, keep_reading: bool) -> None:
    """Become another user for good; with `keep_reading`, still able to read every file (an interpreter in root's
    home, say)."""
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if keep_reading:
        _call("prctl", _PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    if keep_reading:
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
        effective_permitted_inheritable = (ctypes.c_uint32 * 6)(_CAP_DAC_READ_SEARCH, _CAP_DAC_READ_SEARCH, 0, 0, 0, 0)
        _call("capset", header, effective_permitted_inheritable)


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own: how the judge finds what a worker leaves behind."""
    _call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def close_to_its_user() -> None:
    """Close memory, environment and descriptors of this process to the other processes of its user."""
    _call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)


def hide_value(option: str) -> None:
    """Overwrite the value of this option in the command line that others see of this process."""
    with open("/proc/self/stat", encoding="utf-8", errors="replace") as stat:
        start, end = map(int, stat.read().rpartition(")")[2].split()[45:47])
    arguments = ctypes.string_at(start, end - start).split(b"\0")
    if arguments[:-1] != [*map(os.fsencode, sys.orig_argv)]:
        return  # another one than this process was started with
    for before, argument in itertools.pairwise(arguments):
        start += len(before) + 1
        name, _, value = argument.partition(b"=") if before != option.encode() else (option.encode(), b"", argument)
        if name == option.encode():
            ctypes.memset(start + len(argument) - len(value), ord("*"), len(value))


def remove_system_v(kind: str, number: int) -> None:
    """Delete shared memory ("shm"), a message queue ("msg") or semaphores ("sem")."""
    _call(f"{kind}ctl", number, *([0] if kind == "sem" else []), _IPC_RMID, None)

"""The powers that the worker gives up before it reads a line of the submission, found out by trying.

L0 is how the judge starts it (judge/worker_process.py).  L1 is here: limits, and another user where the judge is root.
L2 and L3 (walls around files and system calls, control groups) join `_APPLY` as further functions of the same shape.
"""

from __future__ import annotations

import os
import sys

from autograder.worker.layers import LAYERS
from autograder.worker.wire import Setup

_MEANWHILE = 1024  # processes and threads that the user may start beside the worker
WIRE: set[int] = set()  # the descriptors that stay open


class Unavailable(Exception):
    """A layer that this system does not have, and why."""


def enter(setup: Setup) -> tuple[list[str], dict[str, str]]:
    """Apply every layer that can be had. Returns the layers that hold, and for the others why not."""
    layers, missing = [], {}
    for name in (layer.name for layer in LAYERS if layer.by == "worker"):
        try:
            _APPLY[name](setup)
        except (Unavailable, OSError, ValueError) as reason:
            missing[name] = str(reason)
        else:
            layers.append(name)
    return layers, missing


def _own_session(_: Setup) -> None:
    if not hasattr(os, "getsid"):
        raise Unavailable("this system has no sessions")
    if os.getsid(0) != os.getpid():
        raise Unavailable("the judge did not start a session")


def _closed_descriptors(_: Setup) -> None:
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    if not os.path.isdir(folder):
        raise Unavailable("this system does not list a process's descriptors")
    for descriptor in map(int, os.listdir(folder)):
        if descriptor > 2 and not _is_ours(descriptor):
            os.close(descriptor)


def _is_ours(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return True  # the listing's own descriptor, closed by now
    return descriptor in WIRE


def _limit(name: str, amount: int) -> None:
    if amount <= 0:
        raise Unavailable("no limit was asked for")
    try:
        import resource
    except ImportError:
        raise Unavailable("this system has no resource limits") from None
    kind = getattr(resource, name)
    hard = resource.getrlimit(kind)[1]
    amount = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
    resource.setrlimit(kind, (amount, amount))


def _memory(setup: Setup) -> None:
    if not sys.platform.startswith("linux"):
        raise Unavailable("only Linux enforces a limit on address space")
    with open("/proc/self/statm", encoding="ascii") as statm:
        mapped = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    _limit("RLIMIT_AS", mapped + setup.memory_bytes if setup.memory_bytes else 0)


def _another_user(setup: Setup) -> None:
    if not setup.uid:
        raise Unavailable("only root, with all its powers, can become another user")
    if not sys.platform.startswith("linux"):
        raise Unavailable("only done on Linux")
    from autograder.worker import linux

    os.setgroups([])
    linux.become(setup.uid, keep_reading=setup.keep_reading)


def _closed_files(setup: Setup) -> None:
    if not setup.uid or setup.uid != os.getuid():
        raise Unavailable("the worker is the judge's own user")
    if setup.keep_reading:
        raise Unavailable("this Python lies where only root may read, so the worker may read every file")


def _processes(setup: Setup) -> None:
    if not sys.platform.startswith("linux"):
        raise Unavailable("only done on Linux")
    if os.getuid() == 0:
        raise Unavailable("root ignores the limit")
    if setup.uid:
        _limit("RLIMIT_NPROC", setup.processes)
        return
    # The limit counts all that the user runs, also in containers beside this one, where nothing shows them.
    import _thread
    import resource

    before = resource.getrlimit(resource.RLIMIT_NPROC)
    amount = _running_threads() + _MEANWHILE + setup.processes
    if before[1] == resource.RLIM_INFINITY or amount < before[1]:
        resource.setrlimit(resource.RLIMIT_NPROC, (amount, before[1]))
    try:
        _thread.start_new_thread(int, ())
    except RuntimeError:
        resource.setrlimit(resource.RLIMIT_NPROC, before)
        raise Unavailable("the worker shares its user with more processes than it can see") from None
    _limit("RLIMIT_NPROC", amount)


def _running_threads() -> int:
    """Of this user."""
    count = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{name}").st_uid == os.getuid():
                count += len(os.listdir(f"/proc/{name}/task"))
        except OSError:
            continue  # gone
    return count


_APPLY = {
    "own session": _own_session,
    "closed descriptors": _closed_descriptors,
    "address space": _memory,
    "cpu time": lambda setup: _limit("RLIMIT_CPU", setup.cpu_seconds),
    "file size": lambda setup: _limit("RLIMIT_FSIZE", setup.file_bytes),
    "open files": lambda setup: _limit("RLIMIT_NOFILE", setup.open_files),
    "another user": _another_user,
    "closed files": _closed_files,
    "processes": _processes,
}

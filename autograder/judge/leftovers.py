"""Delete what a worker's user leaves on this machine: files where anybody may write, and System V's shared memory.

A judge that was killed leaves the worker's stage too, whose group that user is.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from autograder.judge.staging import remove_folder

_OPEN_TO_ALL = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock")
_SYSTEM_V = {"shm": "shmid", "msg": "msqid", "sem": "semid"}


def remove(uid: int) -> None:
    """Delete all that is the user's, once nothing runs as that user."""
    for path in files_of(uid):
        if path.is_dir() and not path.is_symlink():
            remove_folder(path)
        else:
            with contextlib.suppress(OSError):
                path.unlink()
    for kind, number in system_v_of(uid):
        from autograder.worker import linux

        with contextlib.suppress(OSError):
            linux.remove_system_v(kind, number)


def files_of(uid: int) -> Iterator[Path]:
    """Files and folders of the user and of its group, not what is in such a folder."""
    pending = list({os.path.realpath(folder) for folder in (*_OPEN_TO_ALL, tempfile.gettempdir())})
    while pending:
        with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    if uid in (status.st_uid, status.st_gid):
                        yield Path(entry.path)
                    elif entry.is_dir(follow_symlinks=False) and status.st_mode & 0o002:
                        pending.append(entry.path)


def system_v_of(uid: int) -> Iterator[tuple[str, int]]:
    """Kind and number of the user's shared memory, message queues and semaphores."""
    for kind, name in _SYSTEM_V.items():
        with contextlib.suppress(FileNotFoundError):  # a kernel without them
            heading, *lines = Path("/proc/sysvipc", kind).read_text().splitlines()
            for line in lines:
                row = dict(zip(heading.split(), line.split(), strict=True))
                if str(uid) in (row["uid"], row["cuid"]):
                    yield kind, int(row[name])

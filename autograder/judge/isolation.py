"""What stands between a submission and this machine: what is asked for, and what holds."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from autograder.judge.exercises import Part
from autograder.judge.staging import Stage
from autograder.judge.worker_process import Limits
from autograder.worker import wire

_L1_LAYERS = frozenset({"own session", "closed descriptors", "address space", "cpu time", "file size", "open files"})
_UNUSED_UIDS = range(61_184, 65_520)  # outside the ranges that systems give to people and services


@dataclass(frozen=True)
class Isolation:
    """The isolation report of a result."""

    level: str
    layers: tuple[str, ...]
    missing: dict[str, str]

    @classmethod
    def of(cls, ready: wire.Ready) -> Isolation:
        level = "L1" if set(ready.layers) >= _L1_LAYERS else "L0"
        return cls(level, tuple(ready.layers), dict(ready.missing))


def plan_setup(part: Part, stage: Stage, limits: Limits) -> wire.Setup:
    """What the worker is told. No seed, no points, no expected value is among it."""
    home = stage.folder / "home"
    uid = _unused_uid()
    if uid:
        os.chown(home, uid, uid)
        os.chown(stage.folder, -1, uid)
        stage.folder.chmod(0o750)  # for this worker's group: one submission must not read another's
    return wire.Setup(
        home=str(home),
        part=part.name,
        may_import=list(part.may_import),
        preload=[name for name in part.may_import if not name.startswith("part")],
        uid=uid,
        keep_reading=not _readable_by_others(
            Path(sys.base_prefix), Path(sysconfig.get_paths()["purelib"]), stage.folder.parent
        ),
        memory_bytes=limits.memory_bytes,
        cpu_seconds=limits.cpu_seconds,
        file_bytes=limits.file_bytes,
        open_files=limits.open_files,
        processes=limits.processes,
    )


def _unused_uid() -> int:
    """A user that nobody is, when the judge is root on Linux; otherwise 0, for none."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return 0
    import pwd

    taken = {entry.pw_uid for entry in pwd.getpwall()}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError):
            taken.add(process.stat().st_uid)
    return random.SystemRandom().choice([uid for uid in _UNUSED_UIDS if uid not in taken])


def _readable_by_others(*folders: Path) -> bool:
    """Whether another user can reach these folders: an interpreter below root's home is out of reach."""
    return all(path.stat().st_mode & 0o001 for folder in folders for path in (folder, *folder.parents))

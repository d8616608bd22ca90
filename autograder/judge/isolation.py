"""What stands between a submission and this machine: what is asked for, and what holds."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from autograder.judge import process_tree
from autograder.judge.exercises import Part
from autograder.judge.staging import Stage
from autograder.judge.worker_process import Limits
from autograder.worker import wire

_L1_LAYERS = frozenset(
    {"own session", "closed descriptors", "address space", "cpu time", "file size", "open files"}
    | {"process tree killed", "closed judge"}
)
# Outside the ranges that systems give to people and services; the odd one above each ends what it runs.
_UNUSED_UIDS = range(61_184, 65_520, 2)
# By Linux's numbers: what it takes to make the worker another user, to end it and to clear up after it.
_CHOWN, _DAC_OVERRIDE, _DAC_READ_SEARCH, _FOWNER, _KILL, _SETGID, _SETUID = 0, 1, 2, 3, 5, 6, 7
_POWERS = (_CHOWN, _DAC_OVERRIDE, _FOWNER, _KILL, _SETGID, _SETUID)


def _close_judge() -> None:
    if not sys.platform.startswith("linux"):
        raise OSError("only Linux closes a process to others of its user")
    from autograder.worker import linux

    linux.close_to_its_user()


# What the judge must do where the worker is its own user, and need not where it is another.
_BESIDE_ONE_OF_ITS_USER = {"process tree killed": process_tree.adopt_orphans, "closed judge": _close_judge}


@dataclass(frozen=True)
class Isolation:
    """The isolation report of a result."""

    level: str
    layers: tuple[str, ...]
    missing: dict[str, str]

    @classmethod
    def of(cls, ready: wire.Ready, uid: int) -> Isolation:
        """What the worker says, who has run nothing of the submission yet, and what the judge does for its part."""
        layers, missing = list(ready.layers), dict(ready.missing)
        for name, apply in _BESIDE_ONE_OF_ITS_USER.items():
            try:
                if not uid:
                    apply()
            except OSError as reason:
                missing[name] = str(reason)
            else:
                layers.append(name)
        return cls("L1" if set(layers) >= _L1_LAYERS else "L0", tuple(layers), missing)


def plan_setup(part: Part, stage: Stage, limits: Limits) -> wire.Setup:
    """What the worker is told. No seed, no points, no expected value is among it."""
    home = stage.folder / "home"
    keep_reading = must_keep_reading(stage.folder.parent)
    uid = unused_uid(keep_reading)
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
        keep_reading=keep_reading,
        memory_bytes=limits.memory_bytes,
        cpu_seconds=limits.cpu_seconds,
        file_bytes=limits.file_bytes,
        open_files=limits.open_files,
        processes=limits.processes,
    )


def must_keep_reading(stages: Path) -> bool:
    """Whether the worker, as another user, could not read its own interpreter, packages and stage."""
    return not _readable_by_others(Path(sys.base_prefix), Path(sysconfig.get_paths()["purelib"]), stages)


def unused_uid(keep_reading: bool) -> int:
    """A user and group that nobody is, when the judge is root on Linux; otherwise 0, for none.

    Also 0 where root lacks some of its powers, or its user namespace the numbers: a container may be such a place.
    """
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return 0
    status = Path("/proc/self/status").read_text(errors="replace")
    effective = int(status.partition("\nCapEff:")[2].split()[0], 16)
    if not all(effective >> power & 1 for power in (*_POWERS, *([_DAC_READ_SEARCH] if keep_reading else []))):
        return 0
    import pwd

    taken = {entry.pw_uid for entry in pwd.getpwall()}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError):
            taken.add(process.stat().st_uid)
    unused = {number for number in _UNUSED_UIDS if not taken & {number, process_tree.killer_of(number)}}
    for names in ("uid_map", "gid_map"):
        lines = (Path("/proc/self") / names).read_text().splitlines()
        ranges = [range(int(first), int(first) + int(count)) for first, _, count in map(str.split, lines)]
        both = [(number, process_tree.killer_of(number)) for number in unused]
        unused = {one for one, other in both if any(one in known and other in known for known in ranges)}
    return random.SystemRandom().choice(sorted(unused)) if unused else 0


def _readable_by_others(*folders: Path) -> bool:
    """Whether another user can reach these folders: an interpreter below root's home is out of reach."""
    return all(path.stat().st_mode & 0o001 for folder in folders for path in (folder, *folder.parents))

"""The isolation between a submission and this machine: what is asked for, and what holds."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.judge import process_tree
from autograder.judge.exercises import Part
from autograder.judge.staging import Stage
from autograder.judge.worker_process import Limits
from autograder.worker import wire
from autograder.worker.layers import LAYERS


def _close_judge() -> None:
    if not sys.platform.startswith("linux"):
        raise OSError("only Linux closes a process to others of its user")
    from autograder.worker import linux

    linux.close_to_its_user()


# What the judge must do where the worker is its own user, and need not where it is another.
_BESIDE_ONE_OF_ITS_USER = {"process tree killed": process_tree.adopt_orphans, "closed judge": _close_judge}
_BY_THE_START = [layer.name for layer in LAYERS if layer.by == "judge" and layer.name not in _BESIDE_ONE_OF_ITS_USER]


@dataclass(frozen=True)
class Isolation:
    """The isolation report of a result."""

    level: str
    layers: tuple[str, ...]
    missing: dict[str, str]

    @classmethod
    def of(cls, ready: wire.Ready, uid: int) -> Isolation:
        """Add to what the worker says, who has run nothing of the submission yet, what the judge does for its part."""
        layers, missing = [*_BY_THE_START, *ready.layers], dict(ready.missing)
        for name, apply in _BESIDE_ONE_OF_ITS_USER.items():
            try:
                if not uid:
                    apply()
            except OSError as reason:
                missing[name] = str(reason)
            else:
                layers.append(name)
        return cls(f"L{_level(layers)}", tuple(layers), missing)


def _level(layers: Container[str]) -> int:
    """The highest level whose layers, and those of all levels below it, hold."""
    lacking = [layer.level for layer in LAYERS if layer.is_needed and layer.name not in layers]
    return min(lacking, default=1 + max(layer.level for layer in LAYERS)) - 1


def hide_value(option: str) -> None:
    """Keep the value of this option of the judge's command line from the worker, which may read that where others may.

    Linux only.
    """
    if sys.platform.startswith("linux"):
        from autograder.worker import linux

        linux.hide_value(option)


def plan_setup(part: Part, stage: Stage, limits: Limits, uid: int, watched: Sequence[str] = ()) -> wire.Setup:
    """Open the stage to the worker, who becomes the user `uid` unless that is 0, and write down what it is told.

    `watched` are the modules of which it tells what has run.  No seed, no points, no expected value is among it."""
    home = stage.folder / "home"
    if uid:
        os.chown(home, uid, uid)
        os.chown(stage.folder, -1, uid)
        stage.folder.chmod(0o750)  # for this worker's group: one submission must not read another's
    return wire.Setup(
        home=str(home),
        part=part.name,
        may_import=list(part.may_import),
        preload=[name for name in part.may_import if not name.startswith("part")],
        watched=list(watched),
        uid=uid,
        keep_reading=must_keep_reading(stage.folder.parent),
        memory_bytes=limits.memory_bytes,
        cpu_seconds=limits.cpu_seconds,
        file_bytes=limits.file_bytes,
        open_files=limits.open_files,
        processes=limits.processes,
    )


def must_keep_reading(stages: Path) -> bool:
    """Tell whether a worker that is another user cannot read its interpreter, its packages and what is in `stages`."""
    return not _readable_by_others(Path(sys.base_prefix), Path(sysconfig.get_paths()["purelib"]), stages)


def _readable_by_others(*folders: Path) -> bool:
    """Tell whether another user can reach these folders: an interpreter below root's home is out of reach."""
    return all(path.stat().st_mode & 0o001 for folder in folders for path in (folder, *folder.parents))

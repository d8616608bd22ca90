"""The worker's own folder: exercise files of the submission, everything else ours, and as it was handed out.

A submission's `conftest.py`, `module.py`, `tests/` or `sitecustomize.py` is never copied.  Tests, oracles and
solutions of the graded part are not here.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from autograder.judge.exercises import ROOT, Part, earlier_parts
from autograder.judge.handed_out import HandedOut, handed_out
from autograder.judge.submission import Submission, in_place

WORKER_FILES = ("__init__.py", "main.py", "wire.py", "guards.py", "scan.py", "isolation.py", "linux.py")
NEVER_STAGED = ("train_*.py", "benchmarks.py")


@dataclass(frozen=True)
class Stage:
    """A staged submission. `not_handed_in` maps exercise files to the sentence that says why."""

    folder: Path
    not_handed_in: dict[str, str] = field(default_factory=dict)

    def remove(self) -> None:
        """Delete the folder, whatever the submission has left in it."""
        _remove(self.folder)
        if self.folder.exists():
            remove_folder(self.folder / "home")
            _remove(self.folder)


def stage(part: Part, submission: Submission, upstream: str = "reference", root: Path = ROOT) -> Stage:
    """Copy what a worker needs to run `part`'s probes on `submission` into a new folder."""
    folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="sfratorch-")))
    try:
        _copy(ROOT / "autograder" / "__init__.py", folder / "autograder")
        for file in WORKER_FILES:
            _copy(ROOT / "autograder" / "worker" / file, folder / "autograder" / "worker")
        given = handed_out(root) if submission.is_in_place else HandedOut()
        for earlier in earlier_parts(part, root):
            _stage_given(earlier, given, folder)
            _stage_earlier(earlier, submission, upstream, given, folder)
        _stage_given(part, given, folder)
        missing = _stage_part(part, submission, folder)
        for path in folder.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)  # readable by a worker of another user, whatever the umask
        (folder / "home").mkdir(mode=0o700)
    except BaseException:
        _remove(folder)
        raise
    return Stage(folder, missing)


def _stage_part(part: Part, submission: Submission, folder: Path) -> dict[str, str]:
    missing = {}
    handed_in = submission.of(part)
    for file in part.files:
        content = handed_in.get(file, f"{file} was not handed in")
        if isinstance(content, str):
            missing[file] = content
        else:
            _write(folder / part.name / file, content)
    return missing


def _stage_given(part: Part, given: HandedOut, folder: Path) -> None:
    """What is ours in a part: its `__init__.py`, given modules and probes."""
    modules = [name for name in part.given if not any(fnmatch(name, pattern) for pattern in NEVER_STAGED)]
    probes = [f"tests/{path.name}" for path in part.folder.glob("tests/probe_*.py")]
    for name in ("__init__.py", *modules, "tests/__init__.py", *probes):
        _write(folder / part.name / name, given.original(part.folder / name, part.folder.parent))


def _stage_earlier(part: Part, submission: Submission, upstream: str, given: HandedOut, folder: Path) -> None:
    """An earlier part: the reference where there is one, so that a mistake there costs nothing here, as it was handed
    out where it was finished; else the learner's own, or what stands here where none was handed in."""
    solution = part.folder / "solution"
    if upstream == "reference" and solution.is_dir():
        contents: Iterable[tuple[str, bytes | str]] = [(file, (solution / file).read_bytes()) for file in part.files]
    elif upstream == "reference" and part.name in given.finished:
        contents = [(file, given.original(part.folder / file, part.folder.parent)) for file in part.files]
    elif upstream == "reference" and not submission.of(part):
        contents = in_place([part]).of(part).items()
    else:
        contents = submission.of(part).items()
    for file, content in contents:
        if isinstance(content, bytes):
            _write(folder / part.name / file, content)


def _copy(source: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, folder / source.name)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _remove(folder: Path) -> None:
    with contextlib.suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Delete a folder of a submission's, whose folders may be closed to their owner or nested without end."""
    _remove(folder)
    if folder.exists():
        beside = Path(tempfile.mkdtemp(dir=folder.parent))
        _flatten(folder, beside)
        _remove(folder)
        _remove(beside)


def _flatten(folder: Path, beside: Path) -> None:
    """Put every folder below this one into a single folder: they may be nested deeper than Python's stack and a
    path's greatest length."""
    names = itertools.count()
    pending = [folder]
    with contextlib.suppress(OSError):
        while pending:
            current = pending.pop()
            current.chmod(0o700)
            for entry in list(os.scandir(current)):
                if entry.is_dir(follow_symlinks=False):
                    os.chmod(entry.path, 0o700)
                    pending.append(beside / str(next(names)))
                    os.rename(entry.path, pending[-1])

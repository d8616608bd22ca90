"""The worker's own folder: exercise files of the submission, everything else ours, and as it was handed out.

It holds what the exercises need and no more: of earlier parts, the modules that they may import.  A submission's
`conftest.py`, `module.py`, `tests/` or `sitecustomize.py` is never copied.  Tests, oracles and solutions of the graded
part are not here.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from autograder.judge.exercises import ROOT, Part, earlier_parts
from autograder.judge.handed_out import HandedOut, handed_out
from autograder.judge.submission import Submission, in_place
from autograder.worker import scan

WORKER_MODULES = ("main", "serving", "exceptions", "wire", "guards", "scan", "reaching", "isolation", "layers", "linux")
WORKER_FILES = ("__init__.py", *(f"{module}.py" for module in WORKER_MODULES))
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


class StagedFiles(NamedTuple):
    """Everything that a worker gets, by path from its folder, and the sentence for each file that was not handed in."""

    contents: dict[str, bytes]
    not_handed_in: dict[str, str]


def make_stage(part: Part, submission: Submission, upstream: str = "reference", root: Path = ROOT) -> Stage:
    """Write what a worker needs to run `part`'s probes on `submission` into a new folder."""
    return write_stage(staged_files(part, submission, upstream, root))


def write_stage(files: StagedFiles) -> Stage:
    """Write these files into a new folder."""
    folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="sfratorch-")))
    try:
        _write(files, folder)
        (folder / "home").mkdir(mode=0o700)
    except BaseException:
        _remove(folder)
        raise
    return Stage(folder, files.not_handed_in)


def restage(stage: Stage, files: StagedFiles) -> Stage:
    """Write other files into the folder of a worker that has read none of them."""
    for path in stage.folder.glob("part*/**/*.py"):
        if path.relative_to(stage.folder).as_posix() not in files.contents:
            path.unlink()
    _write(files, stage.folder)
    return Stage(stage.folder, files.not_handed_in)


def _write(files: StagedFiles, folder: Path) -> None:
    """Write them so that a worker of another user can read them, whatever the umask."""
    for name, content in files.contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o644)
        for above in [*path.relative_to(folder).parents][:-1]:
            (folder / above).chmod(0o755)


def staged_files(part: Part, submission: Submission, upstream: str = "reference", root: Path = ROOT) -> StagedFiles:
    """Choose what a worker needs to run `part`'s probes on `submission`."""
    given = handed_out(root) if submission.is_in_place else HandedOut()
    contents = {"autograder/__init__.py": (ROOT / "autograder" / "__init__.py").read_bytes()}
    contents |= {f"autograder/worker/{file}": (ROOT / "autograder/worker" / file).read_bytes() for file in WORKER_FILES}
    contents |= _earlier_modules(part, submission, upstream, given, root)
    ours = {**_given_modules(part, given), **_probes(part, given)}
    contents |= {f"{part.name}/{name}": content for name, content in ours.items()}
    handed_in = submission.of(part)
    files = {file: handed_in.get(file, f"{file} was not handed in") for file in part.files}
    contents |= {f"{part.name}/{file}": content for file, content in files.items() if isinstance(content, bytes)}
    return StagedFiles(contents, {file: reason for file, reason in files.items() if isinstance(reason, str)})


def _given_modules(part: Part, given: HandedOut) -> dict[str, bytes]:
    """Give what is ours in a part: its `__init__.py` and given modules."""
    modules = [name for name in part.given if not any(fnmatch(name, pattern) for pattern in NEVER_STAGED)]
    return {name: _original(part, name, given) for name in ("__init__.py", *modules)}


def _probes(part: Part, given: HandedOut) -> dict[str, bytes]:
    names = ["__init__.py", *(path.name for path in part.folder.glob("tests/probe_*.py"))]
    return {f"tests/{name}": _original(part, f"tests/{name}", given) for name in names}


def _earlier_modules(
    part: Part, submission: Submission, upstream: str, given: HandedOut, root: Path
) -> dict[str, bytes]:
    """Give of earlier parts the modules that this one may import, and what they import in turn.

    Nothing else of them is there: part 1's tape, say, would do the exercises of the parts that follow.
    """
    modules: dict[str, bytes] = {}
    for earlier in earlier_parts(part, root):
        files = {**_given_modules(earlier, given), **_earlier_exercises(earlier, submission, upstream, given)}
        modules |= {f"{earlier.name}/{file}": content for file, content in files.items()}
    wanted = [path for path in modules if any(f"{name_of(path)}.".startswith(f"{name}.") for name in part.may_import)]
    return {path: modules[path] for path in modules_reached(wanted, modules)}


def modules_reached(wanted: Iterable[str], modules: Mapping[str, bytes]) -> set[str]:
    """Follow the imports of these modules among all, each named by its path."""
    by_name = {name_of(path): path for path in modules}
    pending, found = {name_of(path) for path in wanted}, set[str]()
    while pending:
        path = by_name.get(pending.pop(), "")
        if path and path not in found:
            found.add(path)
            package = path.partition("/")[0]
            pending |= {f"{package}.__init__", *_imports(modules[path], package)}
    return found


def name_of(path: str) -> str:
    """Give a module its dotted name."""
    return path.removesuffix(".py").replace("/", ".")


def _earlier_exercises(part: Part, submission: Submission, upstream: str, given: HandedOut) -> dict[str, bytes]:
    """An earlier part's: the reference where there is one, so that a mistake there costs nothing here, as it was handed
    out where it was finished; else the learner's own, or what stands here where none was handed in."""
    solution = part.folder / "solution"
    if upstream == "reference" and solution.is_dir():
        return {file: (solution / file).read_bytes() for file in part.files}
    if upstream == "reference" and part.name in given.finished:
        return {file: _original(part, file, given) for file in part.files}
    handed_in = submission.of(part)
    if upstream == "reference" and not handed_in:
        handed_in = in_place([part]).of(part)
    return {file: content for file, content in handed_in.items() if isinstance(content, bytes)}


def _original(part: Part, name: str, given: HandedOut) -> bytes:
    return given.original(part.folder / name, part.folder.parent)


@functools.lru_cache(maxsize=256)
def _imports(content: bytes, package: str) -> frozenset[str]:
    """The dotted names that a file of this package imports; none where it does not parse, which the worker tells."""
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset(name for _, name in scan.imports(scan.parsed(content), package))
    return frozenset()


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

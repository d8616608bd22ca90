"""What the outcome of an exercise depends on, in a digest: if that is the same, what passed would pass again."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from autograder.judge.exercises import ROOT, Exercise, Part
from autograder.judge.record import versions
from autograder.judge.staging import reached
from autograder.testing.marks import marked_exercises

_GRADER = ("printable.py", "judge", "testing", "worker")
_PROBES = re.compile(r'\bprobes\("(\w+)"\)')


def dependencies(part: Part, staged: Mapping[str, bytes]) -> dict[str, str]:
    """Digest for every exercise what all depend on, and the modules that its tests can reach in the worker.

    These are its own file, the files of the exercises that it needs, the probes of its tests, and whatever one of
    these imports.  `staged` is what the worker gets, by path.
    """
    ground, probes = _digest_of_ground(part), _probes_by_exercise(part)
    return {exercise.id: _digest(part, exercise, probes[exercise.id], staged, ground) for exercise in part.exercises}


def _digest(part: Part, exercise: Exercise, probes: set[str], staged: Mapping[str, bytes], ground: bytes) -> str:
    files = {exercise.file, *(part.exercise(need).file for need in part.all_needs[exercise.id])}
    wanted = [f"{part.name}/{file}" for file in files] + [f"{part.name}/tests/probe_{name}.py" for name in probes]
    digest = hashlib.sha256(ground)
    _add(digest, ((path, staged[path]) for path in sorted(reached(wanted, staged))))
    return digest.hexdigest()


def _digest_of_ground(part: Part) -> bytes:
    """Digest the grader, the part's tests, and the versions of what they stand on."""
    folders = [ROOT / "autograder" / name for name in _GRADER]
    paths = [path for folder in folders for path in ([folder] if folder.is_file() else folder.glob("*.py"))]
    paths += [part.folder / "part.toml", *(part.folder / "tests").glob("*.py")]
    digest = hashlib.sha256(repr(sorted(versions().items())).encode())
    _add(digest, ((str(path), path.read_bytes()) for path in sorted(paths)))
    return digest.digest()


def _add(digest: hashlib._Hash, files: Iterable[tuple[str, bytes]]) -> None:
    for name, content in files:
        digest.update(f"{name} {len(content)} ".encode() + content)


def _probes_by_exercise(part: Part) -> Mapping[str, set[str]]:
    """The names of the probe files that an exercise's tests may use, told without importing them."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in (part.folder / "tests").glob("test_*.py"):
        source = path.read_text(encoding="utf-8")
        for exercise in marked_exercises(source):
            found[exercise].update(_PROBES.findall(source))
    return found

"""What the outcome of an exercise depends on, in a digest: if that is the same, what passed would pass again."""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from autograder.authoring.regions import parse
from autograder.authoring.stubs import functions_of, lines_of
from autograder.judge.exercises import ROOT, Part
from autograder.judge.record import versions
from autograder.judge.staging import modules_reached, name_of
from autograder.testing.marks import marked_exercises

_GRADER = ("printable.py", "judge", "testing", "worker")
_IMPORTS = (ast.Import, ast.ImportFrom)  # wherever they stand, the file is refused for a forbidden one
_PROBES = re.compile(r'\bprobes\("(\w+)"\)')


def dependencies(
    part: Part, staged: Mapping[str, bytes], reached: Mapping[str, Collection[str] | None]
) -> dict[str, str]:
    """Digest for every exercise what all depend on, and what its tests come to in the worker.

    These are its own file, the files of the exercises that it needs, the probes of its tests, and whatever one of
    these imports.  Where the functions of exercise files that its tests have run are known (`reached`, by exercise, as
    `module:Class.method`), other functions' bodies do not count.  `staged` is what the worker gets, by path.
    """
    ground, probes, pieces = _digest_of_ground(part), _probes_by_exercise(part), _pieces(part, staged)
    digests = {}
    for exercise in part.exercises:
        files = {exercise.file, *(part.exercise(need).file for need in part.all_needs[exercise.id])}
        wanted = {f"{part.name}/{file}" for file in files}
        wanted |= {f"{part.name}/tests/probe_{name}.py" for name in probes[exercise.id]}
        functions, digest = reached.get(exercise.id), hashlib.sha256(ground)
        for path in sorted(modules_reached(wanted, staged)):
            if functions is not None and path in pieces:
                _add(digest, pieces[path].with_bodies_of(functions))
            else:
                _add(digest, [(path, staged[path])])
        digests[exercise.id] = digest.hexdigest()
    return digests


class Pieces(NamedTuple):
    """An exercise file: what runs or is looked at when it is imported, and its functions' bodies by their names."""

    import_time: str
    bodies: Mapping[str, str]

    def with_bodies_of(self, functions: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Give what is imported, and the bodies of these functions, where they are here."""
        named = [(name, self.bodies[name]) for name in sorted(functions) if name in self.bodies]
        return ((name, text.encode("utf-8", "surrogatepass")) for name, text in [("", self.import_time), *named])


def _pieces(part: Part, staged: Mapping[str, bytes]) -> dict[str, Pieces]:
    """Take the part's exercise files apart; one that Python cannot compile counts whole."""
    found = {}
    for path in (f"{part.name}/{file}" for file in part.files):
        with contextlib.suppress(KeyError, ValueError, RecursionError, MemoryError):  # not handed in, or no Python
            found[path] = _taken_apart(staged[path].decode("utf-8-sig"), name_of(path))
    return found


@functools.lru_cache(maxsize=64)
def _taken_apart(source: str, module: str) -> Pieces:
    lines, bodies, inside = lines_of(source), defaultdict[str, str](str), set[int]()
    for function in functions_of(source, module):
        numbers = range(function.body - 1, function.last)
        bodies[f"{module}:{function.key[0]}"] += "".join(lines[number] for number in numbers)
        inside.update(numbers)
    rest = [line for number, line in enumerate(lines) if number not in inside]
    imports = [ast.unparse(node) for node in ast.walk(parse(source, module)) if isinstance(node, _IMPORTS)]
    return Pieces("".join([*rest, *imports]), bodies)


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

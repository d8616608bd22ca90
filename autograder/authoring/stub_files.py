"""Solutions and their stubs on disk: found, compared, written.

A file in a stub's place may hold somebody's work. It is overwritten only where that work exists elsewhere: it is what
git has committed, or what was last written here (`.sfratorch/stubs.json` remembers) and nobody has touched since.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from autograder.atomic_files import write_whole
from autograder.authoring.stubs import StubError, generate_stub, unwritten

REWRITE = "python autograder/handout.py --write-stubs"
_MEMORY = Path(".sfratorch", "stubs.json")


@dataclass(frozen=True)
class Solution:
    """A reference file and the place of its stub; paths are relative to `root`."""

    root: Path
    path: Path

    @property
    def part(self) -> str:
        return self.path.parts[0]

    @property
    def stub_path(self) -> Path:
        return Path(self.part, self.path.name)

    def stub(self) -> str:
        """Generate what the stub must be. Raises StubError."""
        try:
            source = (self.root / self.path).read_bytes().decode()
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            got = f"the byte 0x{error.object[error.start]:02x}"
            where = f"{self.path.as_posix()}:{line}"
            raise StubError(where, "a solution must be UTF-8", got, "Save the file as UTF-8.") from None
        return generate_stub(source, self.part, self.path.as_posix())


class HandoutError(Exception):
    """A request that cannot be met; one problem a line."""


# Finding


def find_solutions(root: Path, parts: list[str]) -> list[Solution]:
    """The solutions of the named parts, `part4` or `part4_attention`; of all parts where none is named."""
    found = [Solution(root, path.relative_to(root)) for path in root.glob("part*/solution/*.py")]
    found.sort(key=lambda solution: (_number(solution.part), solution.path))
    names = list(dict.fromkeys(solution.part for solution in found))
    if not names:
        raise HandoutError(
            f"{root} must hold part*/solution/*.py; got none. A handout has no solutions to make stubs from."
        )
    wanted = {_full_name(part, names) for part in parts}
    return [solution for solution in found if not wanted or solution.part in wanted]


def _full_name(part: str, names: list[str]) -> str:
    for name in names:
        if part.rstrip("/\\") in (name, name.partition("_")[0]):
            return name
    raise HandoutError(f"PART must be one of {', '.join(names)}; got {part!r}.")


def _number(part: str) -> tuple[int, str]:
    digits = part.partition("_")[0].removeprefix("part")
    return (int(digits) if digits.isdecimal() else 0), part


# Comparing


def drift(solutions: list[Solution]) -> list[str]:
    """One line for every stub that is not what its solution gives, and for every stub without a solution."""
    stubs = _generate(solutions)
    differing = [_difference(solution, stub) for solution, stub in stubs.items()]
    return [line for line in differing if line] + _orphans(solutions)


def _difference(solution: Solution, stub: str) -> str:
    rewrite = f"{REWRITE} {solution.part.partition('_')[0]}"
    try:
        current = (solution.root / solution.stub_path).read_bytes()
    except FileNotFoundError:
        return f"{solution.stub_path.as_posix()} is missing. Write it: {rewrite}"
    if current == stub.encode():
        return ""
    lines, expected = current.split(b"\n"), stub.encode().split(b"\n")
    same = [mine == theirs for mine, theirs in zip(lines, expected, strict=False)]
    line = (same.index(False) if False in same else len(same)) + 1
    return (
        f"{solution.stub_path.as_posix()}:{line} is not what {solution.path.as_posix()} gives. "
        f"Edit {solution.path.as_posix()}, then run: {rewrite}"
    )


def _orphans(solutions: list[Solution]) -> list[str]:
    """Stubs in the solutions' parts whose own solution is gone."""
    known = {solution.root / solution.stub_path for solution in solutions}
    folders = dict.fromkeys(solution.root / solution.part for solution in solutions)
    others = [path for folder in folders for path in sorted(folder.glob("*.py")) if path not in known]
    found = []
    for path in others:
        if unwritten(path.read_text(encoding="utf-8", errors="replace")):
            part = path.parent.name
            advice = "Write that solution, or delete the stub."
            found.append(f"{part}/{path.name} is a stub without {part}/solution/{path.name}. {advice}")
    return found


def _generate(solutions: list[Solution]) -> dict[Solution, str]:
    """Every solution's stub. Raises HandoutError with every file that has none, so that all are seen at once."""
    stubs, problems = {}, []
    for solution in solutions:
        try:
            stubs[solution] = solution.stub()
        except StubError as error:
            problems.append(str(error))
    if problems:
        raise HandoutError("\n".join(problems))
    return stubs


# Writing


def write_stubs(solutions: list[Solution]) -> list[Path]:
    """Write the stubs that differ; return their paths. Raises HandoutError, with nothing written, if one holds work."""
    stubs = _generate(solutions)
    changed = {s: stub.encode() for s, stub in stubs.items() if _content(s.root / s.stub_path) != stub.encode()}
    kept = [solution for solution in changed if not _may_overwrite(solution)]
    if kept:
        raise HandoutError("\n".join(_refusal(solution) for solution in kept) + "\nNothing was written.")
    for solution, stub in changed.items():
        write_whole(solution.root / solution.stub_path, stub)
        remember(solution.root, solution.stub_path, stub)
    return [solution.stub_path for solution in changed]


def _may_overwrite(solution: Solution) -> bool:
    current = _content(solution.root / solution.stub_path)
    if current is None or current == _committed(solution.root, solution.stub_path):
        return True
    return _memory(solution.root).get(solution.stub_path.as_posix()) == _digest(current)


def _refusal(solution: Solution) -> str:
    path = solution.stub_path.as_posix()
    return (
        f"{path} must be as committed or as last written to be overwritten; got a file with changes of its own. "
        f"Move what you want to keep to {solution.path.as_posix()} or elsewhere, delete {path}, then run again."
    )


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _committed(root: Path, path: Path) -> bytes | None:
    """The file as git's HEAD has it; None without git, without a commit, or for a file that is not in it."""
    try:
        shown = subprocess.run(["git", "show", f"HEAD:./{path.as_posix()}"], cwd=root, capture_output=True, check=False)
    except OSError:
        return None
    return shown.stdout if shown.returncode == 0 else None


def remember(root: Path, path: Path, content: bytes) -> None:
    """Note what was written, so that the next run knows it again."""
    memory = {**_memory(root), path.as_posix(): _digest(content)}
    (root / _MEMORY).parent.mkdir(exist_ok=True)
    write_whole(root / _MEMORY, json.dumps(memory, indent=1, sort_keys=True).encode())


def _memory(root: Path) -> dict[str, str]:
    try:
        memory = json.loads((root / _MEMORY).read_bytes())
    except (OSError, ValueError):  # without a memory more is refused, nothing is lost
        return {}
    return memory if isinstance(memory, dict) else {}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

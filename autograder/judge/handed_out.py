"""The files that a learner was given: which files of a part are ours, and what stood in them.

A handout says so itself: `autograder/manifest.json` has a digest of every file, and `autograder/handed_out.zip` what
the parts' modules were.  In a clone git knows it.  Where there is neither, what is there counts as ours.
"""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

import msgspec

from autograder.judge.exercises import ROOT, Part
from autograder.judge.failures import CannotGrade

MANIFEST, MODULES = "autograder/manifest.json", "autograder/handed_out.zip"
_NEVER_OURS = ("__pycache__", ".ipynb_checkpoints", ".hypothesis")


class Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """A handout's version and commit, its parts, and the digests of our files and of the learner's stubs."""

    version: str
    commit: str
    parts: list[str]
    finished: list[str]
    files: dict[str, str]
    stubs: dict[str, str]
    github: float | None = None


@dataclass(frozen=True)
class HandedOut:
    """The difference from what was given: files of ours with other content, files that are nobody's.

    `finished` are the parts whose exercises are ours too.
    """

    changed: frozenset[str] = frozenset()
    added: frozenset[str] = frozenset()
    finished: frozenset[str] = frozenset()
    is_git: bool = False  # whether git keeps it
    read: Callable[[str], bytes | None] = field(default=lambda path: None)

    def original(self, path: Path, root: Path = ROOT) -> bytes:
        """A file of ours as it was given."""
        name = path.relative_to(root).as_posix()
        given = self.read(name) if name in self.changed else None
        return path.read_bytes() if given is None else given

    def not_counted(self, part: Part, upstream: str = "reference") -> list[str]:
        """The files that are not graded as they are, since they are neither exercises nor as given."""
        known = {*part.files, *part.given, "__init__.py"}
        unknown = {f"{part.name}/{path.name}" for path in part.folder.glob("*.py") if path.name not in known}
        of_part = {name for name in self.changed | self.added if name.startswith(f"{part.name}/")}
        names = (unknown | of_part) - {f"{part.name}/{file}" for file in part.files}
        if upstream == "reference":
            names |= {name for name in self.changed if name.partition("/")[0] in self.finished - {part.name}}
        return [f"{name} (not as handed out)" if name in self.changed else name for name in sorted(names)]


def handed_out(root: Path = ROOT) -> HandedOut:
    """Compare with what was given here, as the manifest or git has it."""
    manifest = read_manifest(root)
    return _by_manifest(root, manifest) if manifest else _by_git(root)


def read_manifest(root: Path = ROOT) -> Manifest | None:
    """The manifest of a handout; None in a clone.  Raises CannotGrade for one that cannot be read."""
    path = root / MANIFEST
    if not path.exists():
        return None
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        if outside := [name for name in (*manifest.files, *manifest.stubs) if not is_inside(name)]:
            raise ValueError(f"the file {outside[0]!r}")
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise CannotGrade(f"{path} must be as handed out; got {error}. Take it from the handout.") from None
    return manifest


def is_inside(name: str) -> bool:
    """Tell whether a name from outside stays below the folder that it is put into, on every system."""
    windows, posix = PureWindowsPath(name), PurePosixPath(name)
    parts = {*windows.parts, *posix.parts}
    return bool(name) and not (windows.anchor or posix.is_absolute() or ".." in parts or "\0" in name)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def module_as_given(name: str, root: Path = ROOT) -> bytes | None:
    """A part's module as the handout had it; None where it had none, or where this is no handout."""
    try:
        with zipfile.ZipFile(root / MODULES) as archive:
            return archive.read(name)
    except (OSError, KeyError, zipfile.BadZipFile):
        return None


def _by_manifest(root: Path, manifest: Manifest) -> HandedOut:
    parts = _parts(root)
    ours = {name: sha for name, sha in manifest.files.items() if name.partition("/")[0] in parts}
    paths = [path for part in parts for path in (root / part).rglob("*") if path.is_file()]
    names = {path.relative_to(root) for path in paths}
    found = {name.as_posix() for name in names if not set(_NEVER_OURS) & set(name.parts)}
    return HandedOut(
        changed=frozenset(name for name, sha in ours.items() if _digest_of(root / name) != sha),
        added=frozenset(found - ours.keys() - manifest.stubs.keys()),
        finished=frozenset(manifest.finished),
        read=lambda name: module_as_given(name, root),
    )


def _by_git(root: Path) -> HandedOut:
    """Nothing differs where git does not keep these parts: a download, or a folder in somebody else's repository."""
    parts = _parts(root)
    if not parts or _git(root, "ls-files", "--error-unmatch", "--", *(f"{part}/part.toml" for part in parts)) is None:
        return HandedOut()
    status = _git(root, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *parts)
    prefix = _text(_git(root, "rev-parse", "--show-prefix")).strip()
    codes = {entry[3:].removeprefix(prefix): entry[:2] for entry in _text(status).split("\0") if entry}
    return HandedOut(
        changed=frozenset(name for name, code in codes.items() if code != "??"),
        added=frozenset(name for name, code in codes.items() if code == "??"),
        is_git=True,
        read=lambda name: _git(root, "show", f"HEAD:./{name}"),
    )


def _parts(root: Path) -> list[str]:
    return sorted(path.parent.name for path in root.glob("part*/part.toml"))


def _git(root: Path, *arguments: str) -> bytes | None:
    """Give what git prints; None where there is no git, or where it refuses."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def _text(output: bytes | None) -> str:
    return (output or b"").decode("utf-8", "surrogateescape")


def _digest_of(path: Path) -> str:
    try:
        return digest(path.read_bytes())
    except OSError:
        return ""

"""The code that is to be graded: files in place, the reference, a folder or a zip.

Only exercise files are ever read from it.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from autograder.judge.exercises import Part
from autograder.judge.failures import CannotGrade
from autograder.printable import one_line

MAX_FILE_BYTES = 256 * 2**10
MAX_MEMBERS, MAX_DEPTH = 100_000, 64
MAX_LIST_BYTES = 2 * 2**20  # of a zip's list of its files: some 20 000 to 40 000
MAX_ZIP_BYTES = 32 * 2**20
IN_PLACE = "in place"  # what a record calls the learner's own files
SOLUTION = "solution"  # and the reference
_SKIPPED_FOLDERS = ("__pycache__", ".git", ".venv")
# Not bzip2 or LZMA: zipfile unpacks those whole, and a megabyte of them makes gigabytes.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Submission:
    """A hand-in:

    `files[part][file]` is a file's bytes, or the sentence that says why it counts as not handed in.
    """

    label: str
    files: dict[str, dict[str, bytes | str]]
    ignored: tuple[str, ...] = field(default=())
    is_in_place: bool = False

    def of(self, part: Part) -> dict[str, bytes | str]:
        return self.files.get(part.name, {})


def chosen(code: str, parts: list[Part]) -> Submission:
    """Read what `code` names: "" those in place, "solution" the reference, else a folder or zip. Raises CannotGrade."""
    if not code:
        return in_place(parts)
    return reference(parts) if code == SOLUTION else from_path(Path(code), parts)


def folder_of(code: str, part: Part) -> Path | None:
    """Find where the files are that `code` names; None for those in place. Raises CannotGrade where it is no folder."""
    if not code:
        return None
    folder = part.folder / "solution" if code == SOLUTION else Path(code) / part.name
    if not folder.is_dir():
        raise CannotGrade(
            f"a run in this process must be of a folder that holds {part.name}/; got {code}. Unpack a zip first."
        )
    return folder


def in_place(parts: list[Part]) -> Submission:
    """The learner's own files, where they stand."""
    files = {part.name: _read_all(part.folder, part) for part in parts}
    return Submission(IN_PLACE, files, is_in_place=True)


def reference(parts: list[Part]) -> Submission:
    """The reference solutions. Raises CannotGrade where the parts came without them (a handout)."""
    for part in parts:
        if not (part.folder / "solution").is_dir():
            raise CannotGrade(
                f"--solution must have {part.name}/solution; it is not here. Handouts come without the reference."
            )
    return Submission(SOLUTION, {part.name: _read_all(part.folder / "solution", part) for part in parts})


def from_path(path: Path, parts: list[Part]) -> Submission:
    """A folder or zip that holds `partN_name/<module>.py`.

    One enclosing folder is looked through. Raises CannotGrade.
    """
    if path.is_dir():
        names, read = _folder(path)
    elif path.is_file() and zipfile.is_zipfile(path):
        names, read = _zip(path)
    elif path.exists():
        raise CannotGrade(
            f"--submission must be a folder or a zip; got the file {path}. Give the folder that holds {parts[0].name}/."
        )
    else:
        raise CannotGrade(f"--submission must exist; got {path}.")
    prefix = _enclosing(names, parts)
    wanted = {part.name: [prefix + f"{part.name}/{file}" for file in part.files] for part in parts}
    present = set(names)
    if not any(name in present for members in wanted.values() for name in members):
        layout = " ".join(f"{part.name}/{part.files[0]}" for part in parts[:2])
        found = one_line(", ".join(sorted(names)[:5])) or "nothing"
        raise CannotGrade(
            f"--submission must hold exercise files such as {layout}; {path} holds {found}. "
            "`run.py PART --pack` writes the right layout."
        )
    files = {
        part.name: {PurePosixPath(name).name: read(name) for name in wanted[part.name] if name in present}
        for part in parts
    }
    used = {name for members in wanted.values() for name in members}
    return Submission(one_line(str(path)), files, tuple(sorted(map(one_line, present - used))))


def _read_all(folder: Path, part: Part) -> dict[str, bytes | str]:
    return {file: _read_file(folder / file) for file in part.files if (folder / file).exists()}


def _read_file(path: Path) -> bytes | str:
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return f"{path.name} must be a plain file; it is a link or something else"
        with open(path, "rb", opener=_open_no_link) as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        return f"{path.name} cannot be read: {error.strerror}"
    return _bounded(path.name, content)


def _bounded(name: str, content: bytes) -> bytes | str:
    return content if len(content) <= MAX_FILE_BYTES else f"{name} must be at most {MAX_FILE_BYTES // 2**10} KiB"


def _open_no_link(path: str, flags: int) -> int:
    """Open a file that nobody has made a link, or a pipe that never ends, since it was looked at."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def _folder(root: Path) -> tuple[list[str], Callable[[str], bytes | str]]:
    names: list[str] = []
    for number, (name, is_folder) in enumerate(_entries(root)):
        if number >= MAX_MEMBERS:
            raise CannotGrade(f"--submission must hold at most {MAX_MEMBERS} files and folders; {root} holds more.")
        if not is_folder:
            names.append(name)

    def read(name: str) -> bytes | str:
        folder = root
        for part in PurePosixPath(name).parts[:-1]:
            folder = folder / part
            if folder.is_symlink():
                return f"{name} must lie in a plain folder; {part} is a link"
        return _read_file(root / name)

    return names, read


def _entries(root: Path) -> Iterator[tuple[str, bool]]:
    """List what lies in a folder and below: its name from there, and whether it is a folder. Links are not followed."""
    pending = [""]
    while pending:
        above = pending.pop()
        if above.count("/") > MAX_DEPTH:
            raise CannotGrade(f"--submission must be at most {MAX_DEPTH} folders deep; {root} is deeper.")
        with contextlib.suppress(OSError), os.scandir(root / above) as entries:  # one that is closed counts as empty
            for entry in entries:
                if entry.name not in _SKIPPED_FOLDERS:
                    name, is_folder = above + entry.name, entry.is_dir(follow_symlinks=False)
                    yield name, is_folder
                    if is_folder:
                        pending.append(f"{name}/")


class _ShortReads(io.FileIO):
    """A file of which little is read at once: zipfile reads a zip's list whole, and makes an object of each entry."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > MAX_LIST_BYTES:
            raise zipfile.BadZipFile(f"its list of files is longer than {MAX_LIST_BYTES // 2**20} MiB")
        return super().read(size)


def members_of(path: Path) -> list[zipfile.ZipInfo]:
    """List what a zip says it holds. Raises what zipfile does for a damaged one, also where its list is too long."""
    with _ShortReads(path) as file, zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    for member in members:
        member.filename = member.filename.replace("\\", "/")  # as some programs on Windows part folders
    return members


def _zip(path: Path) -> tuple[list[str], Callable[[str], bytes | str]]:
    if path.stat().st_size > MAX_ZIP_BYTES:
        raise CannotGrade(
            f"--submission must be a zip of at most {MAX_ZIP_BYTES // 2**20} MiB; {path} is larger. "
            "`run.py PART --pack` packs what is needed and nothing else."
        )
    try:
        members = [member for member in members_of(path) if not member.is_dir()]
    except Exception as error:  # zipfile has a dozen ways to say that a zip is damaged
        raise CannotGrade(f"--submission must be a readable zip; {path}: {error}.") from None
    if len(members) > MAX_MEMBERS:
        raise CannotGrade(f"--submission must hold at most {MAX_MEMBERS} files; {path} holds {len(members)}.")
    names = [member.filename for member in members]
    by_name = {member.filename: member for member in members}

    def read(name: str) -> bytes | str:
        member = by_name[name]
        mode = member.external_attr >> 16
        if names.count(name) > 1:
            return f"{name} must be in the zip once; it is there {names.count(name)} times"
        if stat.S_ISLNK(mode):
            return f"{name} must be a plain file; it is a link"
        if member.compress_type not in _COMPRESSIONS:
            return f"{name} must be stored or deflated in the zip; it is packed in another way"
        try:
            with zipfile.ZipFile(path) as archive, archive.open(member) as content:
                data = content.read(MAX_FILE_BYTES + 1)  # what the zip states as a size may be a lie
        except Exception as error:  # as above
            return f"{name} cannot be read from the zip: {error}"
        return _bounded(name, data)

    return names, read


def _enclosing(names: list[str], parts: list[Part]) -> str:
    """`""`, or `"folder/"` when everything that counts lies in one enclosing folder."""
    part_names = {part.name for part in parts}
    prefixes = {
        "/".join(pieces[:index])
        for pieces in (name.split("/") for name in names)
        for index in (0, 1)
        if len(pieces) > index + 1 and pieces[index] in part_names and pieces[0] not in ("", ".", "..")
    }
    if "" in prefixes or not prefixes:
        return ""
    if len(prefixes) > 1:
        raise CannotGrade(
            f"--submission must hold one hand-in; got {', '.join(sorted(prefixes))}. Give one of these folders."
        )
    return prefixes.pop() + "/"

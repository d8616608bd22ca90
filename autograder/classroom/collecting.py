"""Zips that were downloaded from an LMS: nbgrader unpacks only those that can do no harm."""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
from pathlib import Path

from nbgrader.plugins import ExtractorPlugin

from autograder.judge.handed_out import is_inside
from autograder.judge.submission import members_of
from autograder.printable import one_line

MAX_BYTES = 256 * 2**20  # of one hand-in, unpacked
MAX_MEMBERS = 20_000


class CheckedExtractor(ExtractorPlugin):  # type: ignore[misc]  # nbgrader has no types
    """Unpack `archive/STUDENT.zip` to `extracted/STUDENT/`; what is refused is named, and the others go on.

    Zips inside of zips stay as they are.
    """

    def extract(self, archive_path: str, extracted_path: str) -> None:
        """Unpack or copy every file of a folder."""
        source, target = Path(archive_path), Path(extracted_path)
        files = sorted(path for path in source.rglob("*") if path.is_file())
        if not files:
            self.log.warning("archive must hold hand-ins; got none in %s.", source)
        for path in files:
            folder = target / path.parent.relative_to(source)
            folder.mkdir(parents=True, exist_ok=True)
            if path.suffix.lower() not in (".zip", ".gz", ".tar", ".tgz"):
                shutil.copy(path, folder)
            elif reason := refusal(path):
                self.log.error("%s was left out: it %s.", one_line(path.name), reason)
            else:
                unpack(path, folder / path.stem)
                self.log.info("unpacked %s", one_line(path.name))


def refusal(path: Path) -> str:
    """Say what is wrong with an archive, in a phrase; nothing where it may be unpacked."""
    try:
        members = members_of(path)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        return f"must be a zip that can be read; got {error}"
    if len(members) > MAX_MEMBERS:
        return f"must hold at most {MAX_MEMBERS} files; it holds {len(members)}"
    if (size := sum(member.file_size for member in members)) > MAX_BYTES:
        return f"must be at most {MAX_BYTES // 2**20} MiB unpacked; it says {size // 2**20}"
    for member in members:
        if stat.S_ISLNK(member.external_attr >> 16):
            return f"must hold plain files; {member.filename!r} is a link"
        if not is_inside(member.filename):
            return f"must hold files below its own folder; got {member.filename!r}"
    names = [member.filename.casefold() for member in members]
    if len({*names}) < len(names):
        return "must hold every file once"
    return ""


def unpack(path: Path, folder: Path) -> None:
    """Unpack whole or not at all.  zipfile stops at the size that a member states."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpacking") as beside:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(beside, members_of(path))
        shutil.rmtree(folder, ignore_errors=True)
        Path(beside).rename(folder)
        Path(beside).mkdir()  # for what removes it

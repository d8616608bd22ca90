"""Zips that were downloaded: good ones are unpacked, bad ones are named before anything of them is written."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("nbgrader", reason="the extra notebooks is not installed")

from autograder.classroom.collecting import MAX_BYTES, MAX_MEMBERS, CheckedExtractor, refusal

MEGABYTE = b"\0" * 2**20


def link(archive: zipfile.ZipFile) -> None:
    member = zipfile.ZipInfo("part4.ipynb")
    member.external_attr = 0o120777 << 16
    archive.writestr(member, "/etc/passwd")


def bomb(archive: zipfile.ZipFile) -> None:
    with archive.open("zeros.bin", "w", force_zip64=True) as member:
        for _ in range(MAX_BYTES // 2**20 + 1):
            member.write(MEGABYTE)


def many(archive: zipfile.ZipFile) -> None:
    for number in range(MAX_MEMBERS + 1):
        archive.writestr(f"{number}", "")


def long_names(archive: zipfile.ZipFile) -> None:
    for number in range(100):
        archive.writestr(f"{number:030000}", "")


def twice(archive: zipfile.ZipFile) -> None:
    for name in ("a.py", "A.py"):
        archive.writestr(name, "")


BAD: dict[str, tuple[Callable[[zipfile.ZipFile], object], str]] = {
    "parent": (lambda archive: archive.writestr("../x.py", ""), "must hold files below its own folder; got '../x.py'"),
    "inner": (lambda archive: archive.writestr("a/../../x.py", ""), "must hold files below its own folder"),
    "root": (lambda archive: archive.writestr("/x.py", ""), "must hold files below its own folder; got '/x.py'"),
    "drive": (lambda archive: archive.writestr("C:/x.py", ""), "must hold files below its own folder; got 'C:/x.py'"),
    "backslash": (lambda archive: archive.writestr("..\\x.py", ""), "must hold files below its own folder"),
    "link": (link, "must hold plain files; 'part4.ipynb' is a link"),
    "bomb": (bomb, f"must be at most {MAX_BYTES // 2**20} MiB unpacked"),
    "many": (many, f"must hold at most {MAX_MEMBERS} files"),
    "long": (long_names, "must be a zip that can be read; got its list of files is longer than 2 MiB"),
    "case": (twice, "must hold every file once"),
}


def make(path: Path, fill: Callable[[zipfile.ZipFile], object]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        fill(archive)
    return path


@pytest.mark.parametrize("name", BAD)
def test_what_could_do_harm_is_refused(name: str, tmp_path: Path) -> None:
    fill, reason = BAD[name]
    assert refusal(make(tmp_path / "x.zip", fill)).startswith(reason)


@pytest.mark.parametrize("content", [b"", b"PK\3\4 no more", b"\x1f\x8b a tar"])
def test_what_cannot_be_read_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    assert refusal(tmp_path / "x.zip").startswith("must be a zip that can be read; got ")


def test_a_bad_zip_costs_nobody_else_anything(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    archive, extracted = tmp_path / "archive", tmp_path / "extracted"
    archive.mkdir()
    extracted.mkdir()
    make(archive / "Zoë O'Neil.zip", lambda zipped: zipped.writestr("part4_attention/x.py", "x = 1"))
    make(archive / "mallory.zip", BAD["inner"][0])
    (archive / "bob.tar.gz").write_bytes(b"\x1f\x8b")
    (archive / "carol.ipynb").write_text("{}")
    log = logging.getLogger("collecting")
    with caplog.at_level(logging.INFO, logger="collecting"):
        CheckedExtractor(log=log).extract(str(archive), str(extracted))
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {
        *(f"archive/{name}" for name in ("Zoë O'Neil.zip", "mallory.zip", "bob.tar.gz", "carol.ipynb")),
        "extracted/Zoë O'Neil/part4_attention/x.py",
        "extracted/carol.ipynb",
    }
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == [
        "bob.tar.gz was left out: it must be a zip that can be read; got File is not a zip file.",
        "mallory.zip was left out: it must hold files below its own folder; got 'a/../../x.py'.",
    ]

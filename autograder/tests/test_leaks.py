"""A line of the reference is found wherever a file can hold it."""

from __future__ import annotations

import json
import struct
import zlib

import pytest

from autograder.authoring.handouts import zipped
from autograder.authoring.leaks import leaks

SECRET = "return softmax(scores) @ v"
INDENTED = f"before\n        {SECRET}  \nafter"


def png(kind: bytes, data: bytes) -> bytes:
    """A picture of nothing with one chunk of metadata."""
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))
    )


def cell(**more: object) -> bytes:
    return json.dumps({"cells": [{"cell_type": "code", "source": ["a\n", f"{SECRET}\n"], **more}]}).encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("README.md", INDENTED.encode()),
        ("README.md", f"as in `{SECRET}`, for one".encode()),
        ("latin.txt", INDENTED.encode() + b"\xe9"),
        ("part1.ipynb", cell()),
        ("part1.ipynb", json.dumps({"cells": [{"outputs": [{"text": [INDENTED]}]}]}).encode()),
        ("part1.ipynb", json.dumps({"metadata": {"note": INDENTED}}).encode()),
        ("modules.zip", zipped({"part1/x.py": INDENTED.encode()})),
        ("picture.png", png(b"tEXt", b"Comment\0" + INDENTED.encode())),
        ("picture.png", png(b"zTXt", b"Comment\0\0" + zlib.compress(INDENTED.encode()))),
        ("picture.png", png(b"iTXt", b"Comment\0\0\0en\0\0" + INDENTED.encode())),
        ("picture.png", png(b"iTXt", b"Comment\0\1\0en\0\0" + zlib.compress(INDENTED.encode()))),
    ],
)
def test_a_secret_line_is_named_with_its_file(name: str, content: bytes) -> None:
    assert leaks({"other.txt": b"return v", name: content}, frozenset({SECRET})) == [
        f"{name} must not hold a line of the reference; got {SECRET!r}."
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.md", b"return softmax(scores) @ value"), ("a.png", png(b"IDAT", INDENTED.encode())), ("a.ipynb", b"{}")],
)
def test_what_is_no_such_line_is_not(name: str, content: bytes) -> None:
    assert leaks({name: content}, frozenset({SECRET})) == []

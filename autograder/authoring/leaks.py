"""Answers in what is handed out: lines of the reference in texts, notebooks and what pictures say of themselves."""

from __future__ import annotations

import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO

_PNG = b"\x89PNG\r\n\x1a\n"


def leaks(files: Mapping[str, bytes], secret_lines: frozenset[str]) -> list[str]:
    """A sentence for each secret line in these files."""
    return [
        f"{name} must not hold a line of the reference; got {line!r}."
        for name, content in files.items()
        for line in sorted({line for text in texts(name, content) for line in _held(name, text, secret_lines)})
    ]


def _held(name: str, text: str, secret_lines: frozenset[str]) -> Iterable[str]:
    """The secret lines of a text; Markdown may quote one in the middle of a sentence."""
    if name.endswith(".md"):
        return (line for line in secret_lines if re.search(rf"(?<!\w){re.escape(line)}(?!\w)", text))
    return secret_lines & {line.strip() for line in text.split("\n")}


def texts(name: str, content: bytes) -> Iterator[str]:
    """Every text in a file: of a notebook its cells and outputs, of a picture its metadata, of a zip its members."""
    if name.endswith(".ipynb"):
        yield from _strings(json.loads(content))
    elif name.endswith(".zip"):
        with zipfile.ZipFile(BytesIO(content)) as archive:
            for member in archive.namelist():
                yield from texts(member, archive.read(member))
    elif content.startswith(_PNG):
        yield from _png_texts(content)
    else:
        yield content.decode("utf-8", "replace")


def _strings(value: object) -> Iterator[str]:
    """The strings of a JSON value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)


def _png_texts(content: bytes) -> Iterator[str]:
    """The chunks tEXt, zTXt and iTXt of a PNG."""
    position = len(_PNG)
    while position + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[position : position + 8])
        data = content[position + 8 : position + 8 + length]
        if kind == b"tEXt":
            yield data.decode("latin-1")
        elif kind == b"zTXt":
            yield zlib.decompress(data.partition(b"\0")[2][1:]).decode("latin-1")
        elif kind == b"iTXt":
            after_keyword = data.partition(b"\0")[2]
            is_packed, (_, _, text) = after_keyword[:1] == b"\1", after_keyword[2:].split(b"\0", 2)
            yield (zlib.decompress(text) if is_packed else text).decode("utf-8", "replace")
        position += length + 12

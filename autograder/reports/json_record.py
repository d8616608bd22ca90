"""The result record as a JSON file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from autograder.atomic_files import write_whole
from autograder.judge.record import AllRecord, PartRecord


def to_json(results: Sequence[PartRecord], all_parts: bool) -> bytes:
    """One part's record, or the record of `all`."""
    record = AllRecord(parts=list(results)) if all_parts else results[0]
    return msgspec.json.format(msgspec.json.encode(record)) + b"\n"


def write(path: Path, results: Sequence[PartRecord], all_parts: bool) -> None:
    """Write the record whole or not at all."""
    write_whole(path, to_json(results, all_parts))

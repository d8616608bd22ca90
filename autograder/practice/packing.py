"""The zip to hand in."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

from autograder.atomic_files import write_whole
from autograder.judge.exercises import Part
from autograder.judge.record import PartRecord
from autograder.judge.submission import Submission

DEFAULT_ZIP, PRACTICE = "PART.zip", "practice.json"


def pack(part: Part, submission: Submission, result: PartRecord, name: str) -> Path:
    """Write the zip to hand in: the exercise files and the record of this practice run."""
    from autograder.reports import json_record

    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in submission.of(part).items():
            if isinstance(content, bytes):
                archive.writestr(f"{part.name}/{file}", content)
        archive.writestr(PRACTICE, json_record.to_json([result], all_parts=False))
    path = zip_path(part, name)
    write_whole(path, buffer.getvalue())
    return path


def zip_path(part: Part, name: str) -> Path:
    return Path(f"{part.name}.zip" if name == DEFAULT_ZIP else name)

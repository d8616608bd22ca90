"""Where exercises are still to be written."""

from __future__ import annotations

import contextlib

from autograder.judge.exercises import Part
from autograder.judge.submission import Submission


def places(part: Part, submission: Submission) -> dict[str, str]:
    """For every exercise that is still to be written: `file:line` of its first stub line."""
    from autograder.authoring.stubs import unwritten

    found: dict[str, str] = {}
    for file, content in submission.of(part).items():
        if isinstance(content, bytes):
            with contextlib.suppress(ValueError, SyntaxError):
                for exercise, lines in unwritten(content.decode("utf-8")).items():
                    found[exercise] = f"{part.name}/{file}:{lines[0]}"
    return found

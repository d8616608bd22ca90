"""An exception of the submission as it crosses the wire: names, text and lines."""

from __future__ import annotations

import builtins
import os
from types import TracebackType

from autograder.worker import wire

_BUILTINS = dict(vars(builtins))  # as they were before the submission was there


def described(error: BaseException, request_id: int, refused: str, folder: str) -> wire.Raised:
    """Put an exception into words, whatever its class does when it is asked for them."""
    kinds = [printable(_name(kind)) for kind in type(error).__mro__ if kind is not object]
    try:
        message = str(error)
    except BaseException as second:
        message = f"(its text cannot be had: {type(second).__name__})"
    frames = _frames(error.__traceback__, folder)
    if isinstance(error, SyntaxError) and error.filename:
        frames.append(wire.Frame(printable(os.path.relpath(error.filename, folder)), error.lineno or 0, ""))
    lines = wire.MAX_LINES
    return wire.Raised(request_id, kinds[:lines], printable(message), frames[-lines:], printable(refused))


def printable(text: str) -> str:
    """Cut a text to what a message may hold, and spell out what is no UTF-8."""
    return text[: wire.MAX_TEXT].encode("utf-8", "backslashreplace").decode()[: wire.MAX_TEXT]


def _name(kind: type) -> str:
    """The class's name; with its module, if it only shares the name of an exception of Python's own."""
    name = kind.__name__
    return name if _BUILTINS.get(name, kind) is kind else f"{kind.__module__}.{name}"


def _frames(traceback: TracebackType | None, folder: str) -> list[wire.Frame]:
    """Find the lines in the folder, but for the worker's own."""
    frames = []
    while traceback is not None:
        path = traceback.tb_frame.f_code.co_filename
        if path.startswith(folder) and os.sep + "autograder" + os.sep not in path:
            path, function = printable(os.path.relpath(path, folder)), printable(traceback.tb_frame.f_code.co_name)
            frames.append(wire.Frame(path, traceback.tb_lineno, function))
        traceback = traceback.tb_next
    return frames

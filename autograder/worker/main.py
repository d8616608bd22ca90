"""The worker's main loop: read a request, run a probe on the submission, answer with plain data.

Started as `python -I -S main.py STAGE SITE-PACKAGES…`; see judge/worker_process.py.  It sees probe names and inputs,
and nothing else.
"""

from __future__ import annotations

import builtins
import faulthandler
import gc
import importlib
import os
import signal
import sys
import tracemalloc
import weakref
from types import TracebackType
from typing import Any, BinaryIO

# As they were before the submission was there; the second is what probes measure with.
_BUILTINS = dict(vars(builtins))
_MEASURES = {module: dict(vars(module)) for module in (gc, tracemalloc, weakref)} | {sys: {"settrace": sys.settrace}}


def serve(stage: str) -> None:
    """Set up, then answer requests until the judge closes the wire."""
    from autograder.worker import guards, isolation, wire

    requests, answers = _private_wire()
    setup = wire.read_request(requests)
    assert isinstance(setup, wire.Setup), "the first message must be Setup"
    os.chdir(setup.home)
    for module in setup.preload:
        importlib.import_module(module)
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1, all_threads=False)  # the judge asks where a call is that takes too long
    _let_blas_take_its_memory()
    layers, missing = isolation.enter(setup)
    policy = guards.ImportPolicy(setup.part, setup.may_import, stage)
    policy.install()
    wire.write_message(answers, wire.Ready(0, layers, missing))
    while (request := wire.read_request(requests)) is not None:
        answer = _answer(request, setup, policy, stage)
        sys.stdout.flush()
        sys.stderr.flush()
        wire.write_message(answers, answer)


def _let_blas_take_its_memory() -> None:
    """BLAS maps tens of megabytes at its first large product: now, they do not count as the submission's."""
    import numpy as np

    for dtype in (np.float32, np.float64):
        square = np.ones((256, 256), dtype)
        square @ square


def _private_wire() -> tuple[BinaryIO, BinaryIO]:
    """Keep standard input and output as the wire; what the submission prints goes to standard error, which the judge
    collects."""
    from autograder.worker import isolation

    requests, answers = os.dup(0), os.dup(1)
    isolation.WIRE.update((requests, answers))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    # By lines, so that what was printed before an endless loop or a crash is there, and in order with standard error.
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb")


def _answer(request: Any, setup: Any, policy: Any, stage: str) -> Any:
    from autograder.worker import wire

    policy.refused = ""
    try:
        if isinstance(request, wire.Scan):
            value = wire.encode(_scan(request, setup, stage))
        elif isinstance(request, wire.Load):
            importlib.import_module(request.module)
            value = wire.encode(None)
        else:
            for module, names in _MEASURES.items():
                vars(module).update(names)
            probe = getattr(sys.modules[request.module], request.function)
            value = wire.encode(probe(**wire.decode(request.arguments, writable=True)))
    except BaseException as error:
        return _describe(request.id, error, policy.refused, stage)
    if policy.refused:
        refused = _printable(policy.refused)
        return wire.Raised(request.id, ["ForbiddenImport"], refused, [], refused)
    return wire.Returned(request.id, value)


def _scan(request: Any, setup: Any, stage: str) -> tuple[str, dict[str, str]]:
    from autograder.worker import scan

    with open(os.path.join(stage, setup.part, request.file), "rb") as file:
        tree = scan.parsed(file.read())
    refused = scan.forbidden_import(tree, request.file, setup.part, setup.may_import)
    uses = scan.forbidden_uses(tree, request.file, setup.part, request.may_not_use)
    return _printable(refused), {function: _printable(sentence) for function, sentence in uses.items()}


def _describe(request_id: int, error: BaseException, refused: str, stage: str) -> Any:
    from autograder.worker import wire

    kinds = [_printable(_name(kind)) for kind in type(error).__mro__ if kind is not object]
    try:
        message = str(error)
    except BaseException as second:
        message = f"(its text cannot be had: {type(second).__name__})"
    frames = _frames(error.__traceback__, stage)
    if isinstance(error, SyntaxError) and error.filename:
        frames.append(wire.Frame(_printable(os.path.relpath(error.filename, stage)), error.lineno or 0, ""))
    lines = wire.MAX_LINES
    return wire.Raised(request_id, kinds[:lines], _printable(message), frames[-lines:], _printable(refused))


def _name(kind: type) -> str:
    """The class's name; with its module, if it only shares the name of an exception of Python's own."""
    name = kind.__name__
    return name if _BUILTINS.get(name, kind) is kind else f"{kind.__module__}.{name}"


def _frames(traceback: TracebackType | None, stage: str) -> list[Any]:
    from autograder.worker import wire

    frames = []
    while traceback is not None:
        path = traceback.tb_frame.f_code.co_filename
        if path.startswith(stage) and os.sep + "autograder" + os.sep not in path:
            path, function = _printable(os.path.relpath(path, stage)), _printable(traceback.tb_frame.f_code.co_name)
            frames.append(wire.Frame(path, traceback.tb_lineno, function))
        traceback = traceback.tb_next
    return frames


def _printable(text: str) -> str:
    from autograder.worker import wire

    return text[: wire.MAX_TEXT].encode("utf-8", "backslashreplace").decode()[: wire.MAX_TEXT]


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.path[:0] = sys.argv[1:2]
    sys.path.extend(sys.argv[2:])
    # The module that serves is the imported one, so that there is one copy of its state.
    importlib.import_module("autograder.worker.main").serve(sys.argv[1])

"""The worker's main loop: read a request, run a probe on the submission, answer with plain data.

It sees probe names and inputs, and nothing else.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import os
import signal
import sys
import tracemalloc
import weakref
from io import TextIOWrapper
from typing import BinaryIO, cast

import numpy as np

from autograder.worker import isolation, scan, wire
from autograder.worker.exceptions import described, printable
from autograder.worker.guards import ImportPolicy
from autograder.worker.reaching import Reached

# What probes measure with, as it was before the submission was there.
_MEASURES = {module: dict(vars(module)) for module in (gc, tracemalloc, weakref)} | {sys: {"settrace": sys.settrace}}


def serve(folder: str) -> None:
    """Set up, then answer requests until the judge closes the wire."""
    requests, answers = _private_wire()
    setup = wire.read_request(requests)
    assert isinstance(setup, wire.Setup), "the first message must be Setup"
    os.chdir(setup.home)
    for module in setup.preload:
        importlib.import_module(module)
    gc.freeze()
    gc.enable()
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1, all_threads=False)  # the judge asks where a call is that takes too long
    _let_blas_take_its_memory()
    layers, missing = isolation.enter(setup)
    policy = ImportPolicy(setup.part, setup.may_import, folder)
    policy.install()
    reached = Reached(setup.watched)
    sys.meta_path.insert(1, reached)
    wire.write_message(answers, wire.Ready(0, layers, missing))
    while (request := wire.read_request(requests)) is not None:
        assert not isinstance(request, wire.Setup), "Setup must be the first message"
        answer = _answer(request, setup, policy, reached, folder)
        sys.stdout.flush()
        sys.stderr.flush()
        wire.write_message(answers, answer)


def _let_blas_take_its_memory() -> None:
    """Multiply once: BLAS maps tens of megabytes at its first large product, which do not count as the submission's."""
    for dtype in (np.float32, np.float64):
        square = np.ones((256, 256), dtype)
        square @ square


def _private_wire() -> tuple[BinaryIO, BinaryIO]:
    """Keep standard input and output as the wire; what the submission prints goes to standard error, which the judge
    collects."""
    requests, answers = os.dup(0), os.dup(1)
    isolation.WIRE.update((requests, answers))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    # By lines, so that what was printed before an endless loop or a crash is there, and in order with standard error.
    cast(TextIOWrapper, sys.stdout).reconfigure(line_buffering=True, errors="backslashreplace")
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb")


def _answer(
    request: wire.Request, setup: wire.Setup, policy: ImportPolicy, reached: Reached, folder: str
) -> wire.Returned | wire.Raised:
    policy.refused = ""
    try:
        value = _value(request, setup, reached, folder)
    except BaseException as error:
        return described(error, request.id, policy.refused, folder)
    if policy.refused:
        refused = printable(policy.refused)
        return wire.Raised(request.id, ["ForbiddenImport"], refused, [], refused)
    return wire.Returned(request.id, value)


def _value(request: wire.Request, setup: wire.Setup, reached: Reached, folder: str) -> bytes:
    if isinstance(request, wire.Scan):
        return wire.encode(_scanned(request, setup, folder))
    if isinstance(request, wire.Load):
        importlib.import_module(request.module)
        reached.loaded()
        return wire.encode(None)
    if isinstance(request, wire.TellReached):
        return wire.encode(reached.take())
    for module, names in _MEASURES.items():
        vars(module).update(names)
    probe = getattr(sys.modules[request.module], request.function)
    return wire.encode(probe(**wire.decode(request.arguments, writable=True)), "the answer")


def _scanned(request: wire.Scan, setup: wire.Setup, folder: str) -> tuple[str, dict[str, str]]:
    with open(os.path.join(folder, setup.part, request.file), "rb") as file:
        tree = scan.parsed(file.read())
    refused = scan.forbidden_import(tree, request.file, setup.part, setup.may_import)
    uses = scan.forbidden_uses(tree, request.file, setup.part, request.may_not_use)
    return printable(refused), {function: printable(sentence) for function, sentence in uses.items()}

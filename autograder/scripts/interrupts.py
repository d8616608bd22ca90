"""Ctrl-C where no step may be left half done."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import Protocol


class Interruptible(Protocol):
    """A run that can be told to end."""

    interrupted: bool


@contextlib.contextmanager
def noticing_interrupts(run: Interruptible) -> Iterator[None]:
    """Ctrl-C becomes `run.interrupted`; a second one is an error as ever."""

    def notice(number: int, frame: object) -> None:
        if run.interrupted:
            raise KeyboardInterrupt
        run.interrupted = True

    try:
        before = signal.signal(signal.SIGINT, notice)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

"""The end of training: exit code 0, 130 after Ctrl-C, or 2 and one line."""

from __future__ import annotations

import contextlib
import math
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.console import Console

from autograder.scripts import launch
from autograder.scripts.showing import plain_console

STOPPED, UNUSABLE = 130, 2


def exit_code(
    module: str, work: Callable[[Console], int], unusable: tuple[type[Exception], ...] = (OSError, ValueError)
) -> int:
    """The exit code of the work, or of what kept it from its end, which is said.

    That is an exercise that is not written, a number that is not finite, or something `unusable`.
    """
    try:
        return work(plain_console(width=None if sys.stdout.isatty() else 120))
    except NotImplementedError as error:
        line = launch.not_written(error)
    except FloatingPointError as error:
        line = str(error)
    except unusable as error:
        line = f"python -m {module}: {error}"
    print(line, file=sys.stderr)
    return UNUSABLE


def finite(value: float, count: int, name: str = "loss", unit: str = "step") -> float:
    """The value as it is.  Raises FloatingPointError if it is nan or infinite; the first step is 1."""
    if not math.isfinite(value):
        raise FloatingPointError(f"{name} must be finite; got {value} at {unit} {count}. Try a smaller --lr.")
    return value


def all_finite(arrays: Mapping[str, Any], count: int, kind: str = "parameter") -> None:
    """Raise FloatingPointError that names the first of these arrays that holds a nan or an infinity."""
    for name, array in arrays.items():
        finite(float(abs(array).max()), count, f"{kind} {name}")


@contextlib.contextmanager
def noticing_interrupts(run: Any) -> Iterator[None]:
    """Ctrl-C becomes `run.interrupted`, so that no step is left half done; a second one is an error as ever."""

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

"""How a training script ends: exit code 0, 130 after Ctrl-C, or 2 and one line."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rich.console import Console

from autograder.scripts import launch

STOPPED, UNUSABLE = 130, 2


def run(
    module: str, work: Callable[[Console], int], unusable: tuple[type[Exception], ...] = (OSError, ValueError)
) -> int:
    """The exit code of the work, or of what kept it from its end.

    That is an exercise that is not written, a number that is not finite, or something that cannot be used: `unusable`.
    """
    try:
        return work(Console(width=None if sys.stdout.isatty() else 120, highlight=False, markup=False))
    except NotImplementedError as error:
        line = launch.not_written(error)
    except FloatingPointError as error:
        line = str(error)
    except unusable as error:
        line = f"python -m {module}: {error}"
    except KeyboardInterrupt:
        return STOPPED
    print(line, file=sys.stderr)
    return UNUSABLE

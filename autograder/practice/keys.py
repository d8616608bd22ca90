"""Single keys from a terminal, without waiting for them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def keys() -> Iterator[Keys]:
    """Read keys as they are pressed, and leave the terminal as it was; where there is none, no key is ever pressed."""
    if not sys.stdin.isatty():
        yield Keys()
    elif os.name == "nt":
        yield WindowsKeys()
    else:
        import termios
        import tty

        before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)  # Ctrl-C still interrupts
        try:
            yield PosixKeys()
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


class Keys:
    """Keys of no terminal."""

    def pressed(self) -> str:
        """Give the key that was pressed since, or nothing."""
        return ""


class PosixKeys(Keys):
    """Keys of a POSIX terminal in cbreak mode."""

    def pressed(self) -> str:
        import select

        ready, _, _ = select.select([sys.stdin], [], [], 0)
        return os.read(sys.stdin.fileno(), 1).decode("ascii", "ignore") if ready else ""


class WindowsKeys(Keys):
    """Keys of a Windows console."""

    def pressed(self) -> str:
        import msvcrt

        return msvcrt.getwch() if msvcrt.kbhit() else ""  # type: ignore[attr-defined]

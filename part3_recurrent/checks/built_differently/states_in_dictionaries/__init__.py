"""CTC accumulates over frames a dictionary of the states that a walk can be in, which pushes along a list of moves."""

from __future__ import annotations

LOSES: tuple[str, ...] = ()

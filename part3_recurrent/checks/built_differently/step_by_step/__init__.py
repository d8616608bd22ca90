"""einsum in the cell, a tuple kept for each time step, one-hot vectors for symbols, and draws by cumulative sums."""

from __future__ import annotations

LOSES: tuple[str, ...] = ()

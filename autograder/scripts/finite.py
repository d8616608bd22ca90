"""The guard against numbers that are not finite: training ends at the step where the first one is seen."""

from __future__ import annotations

import math


def finite(value: float, count: int, name: str = "loss", unit: str = "step") -> float:
    """The value as it is.  Raises FloatingPointError if it is nan or infinite; the first step is 1."""
    if not math.isfinite(value):
        raise FloatingPointError(f"{name} must be finite; got {value} at {unit} {count}. Try a smaller --lr.")
    return value

"""Known mistakes of part 2, as patches on the reference: each must lose points in its exercise."""

from __future__ import annotations

from part2_layers.checks import mistakes_linear

MISTAKES = (*mistakes_linear.MISTAKES,)

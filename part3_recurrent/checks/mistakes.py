"""Known mistakes of part 3, as patches on the reference: each must lose points in its exercise."""

from __future__ import annotations

from autograder.testing.mistakes import Mistake

MISTAKES: tuple[Mistake, ...] = ()

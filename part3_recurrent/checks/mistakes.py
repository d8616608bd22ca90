"""Known mistakes of part 3, as patches on the reference: each must lose points in its exercise."""

from __future__ import annotations

from part3_recurrent.checks import (
    mistakes_cells,
    mistakes_ctc,
    mistakes_models,
    mistakes_sequences,
)

MISTAKES = (
    *mistakes_cells.MISTAKES,
    *mistakes_ctc.MISTAKES,
    *mistakes_models.MISTAKES,
    *mistakes_sequences.MISTAKES,
)

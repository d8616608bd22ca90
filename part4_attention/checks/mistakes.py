"""Known mistakes of part 4, as patches on the reference: each must lose points in its exercise."""

from __future__ import annotations

from part4_attention.checks import (
    mistakes_multi_head_attention,
    mistakes_scaled_dot_product_attention,
    mistakes_tiled_attention,
)

MISTAKES = (
    *mistakes_multi_head_attention.MISTAKES,
    *mistakes_scaled_dot_product_attention.MISTAKES,
    *mistakes_tiled_attention.MISTAKES,
)

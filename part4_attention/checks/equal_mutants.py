"""Small changes to the reference that mean the same to every caller: no test can tell them apart."""

from __future__ import annotations

SOFTMAX = "scaled_dot_product_attention.py"

EQUAL: dict[tuple[str, str, str], str] = {
    (SOFTMAX, "if mask is not None:", "if True:"): ("np.where takes None for False, and gives a copy of the scores"),
    (
        SOFTMAX,
        "weights /= np.where(total == 0, 1, total)",
        "weights /= np.where(total == 0, 2, total)",
    ): "where the total is 0 every weight is 0, and so is 0 / 2",
    (
        "tiled_attention.py",
        "total[total == 0] = 1  # a query that sees no key",
        "total[total == 0] = 2  # a query that sees no key",
    ): "0 / 2 is 0 too, and next to np.finfo(dtype).min, the largest score, log 2 is lost as log 1 is",
}

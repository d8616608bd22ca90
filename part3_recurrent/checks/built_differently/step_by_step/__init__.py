"""einsum in the cell, a tuple kept for each time step, one-hot vectors for symbols, and draws by cumulative sums.

Left out: logits whose exponentials overflow, since no softmax subtracts the maximum.
"""

from __future__ import annotations

LOSES = (
    "test_char_predictor.py::test_a_temperature_near_zero_does_not_overflow",
    "test_gru_ctc.py::test_large_logits_do_not_overflow",
    "test_gru_ctc.py::test_large_logits_have_right_gradients",
)

"""Changes to the references that mean the same to every caller, and why."""

from __future__ import annotations

BOTH_OR_NEITHER = "a cell has both biases or neither of them"
ANY_NEGATIVE = "reshape takes any negative size for the one to be found"

EQUAL: dict[tuple[str, str, str], str] = {
    (
        "rnn_cell.py",
        "if self.bias_ih is not None and self.bias_hh is not None:",
        "if (self.bias_ih is not None or self.bias_hh is not None):",
    ): BOTH_OR_NEITHER,
    (
        "gru_cell.py",
        "if self.bias_ih is not None and self.bias_hh is not None:",
        "if (self.bias_ih is not None or self.bias_hh is not None):",
    ): BOTH_OR_NEITHER,
    (
        "rnn.py",
        "flat = totals_grad.reshape(-1, self.hidden_size)",
        "flat = totals_grad.reshape(-2, self.hidden_size)",
    ): ANY_NEGATIVE,
}

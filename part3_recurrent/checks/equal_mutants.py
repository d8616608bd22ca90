"""Changes to the references that mean the same to every caller, and why."""

from __future__ import annotations

BOTH_OR_NEITHER = "a cell has both biases or neither of them"

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
    **{
        (
            "ctc.py",
            "can_skip_from = np.append(can_skip, [False, False])[2:]  # can_skip[s + 2]; past the end, False",
            f"can_skip_from = np.append(can_skip, {padding})[2:]  # can_skip[s + 2]; past the end, False",
        ): "what lies two states on from the last two has probability 0"
        for padding in ("[True, False]", "[False, True]")
    },
    (
        "ctc.py",
        "return log_walks - np.where(np.isneginf(log_p), 0, log_p)  # -inf - -inf would be nan",
        "return log_walks - np.where(np.isneginf(log_p), 1, log_p)  # -inf - -inf would be nan",
    ): "where log_p is -inf so are all walks, and stay it",
    (
        "batched_ctc.py",
        "self.gamma = np.exp(log_walks - np.where(np.isneginf(log_p), 0, log_p))  # (t, b, s)",
        "self.gamma = np.exp(log_walks - np.where(np.isneginf(log_p), 1, log_p))  # (t, b, s)",
    ): "where log_p is -inf so are all walks, and exp(-inf - 1) is 0, too",
    (
        "batched_ctc.py",
        "share = np.where(self.is_infeasible, 0, losses_grad).astype(posteriors.dtype)  # 0 · inf would be nan",
        "share = np.where(self.is_infeasible, 1, losses_grad).astype(posteriors.dtype)  # 0 · inf would be nan",
    ): "an infeasible target's posteriors are all 0, so that any finite share gives 0",
}

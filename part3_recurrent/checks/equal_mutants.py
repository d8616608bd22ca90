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
    (
        "gru.py",
        "flat = gates.reshape(-1, 3 * n)",
        "flat = gates.reshape(-2, 3 * n)",
    ): ANY_NEGATIVE,
    (
        "gru.py",
        "weight_hh_grad, bias_hh_grad = flat.T @ before.reshape(-1, n), flat.sum(axis=0)",
        "weight_hh_grad, bias_hh_grad = flat.T @ before.reshape(-2, n), flat.sum(axis=0)",
    ): ANY_NEGATIVE,
    (
        "ctc.py",
        "return np.where(np.isneginf(total), -np.inf, log_walks - np.where(np.isneginf(total), 0, total))",
        "return np.where(np.isneginf(total), -np.inf, log_walks - np.where(np.isneginf(total), 1, total))",
    ): "where the total is -inf the outer where takes -inf, whatever stands in the other place",
    (
        "ctc.py",
        "scale = np.asarray(grad_output) * np.ones(len(self.labels), self.posteriors.dtype)",
        "scale = (np.asarray(grad_output) / np.ones(len(self.labels), self.posteriors.dtype))",
    ): "what is divided by ones stays as it is, times ones too",
    (
        "ctc.py",
        "scale = np.where(self.is_infeasible, 0, -scale).astype(self.posteriors.dtype)",
        "scale = np.where(self.is_infeasible, 1, -scale).astype(self.posteriors.dtype)",
    ): "an infeasible target's posteriors are all 0, so that any finite scale gives 0",
    (
        "ctc.py",
        "ways = np.full((3, batch, states), -np.inf, emissions.dtype)",
        "ways = np.full((4, batch, states), -np.inf, emissions.dtype)",
    ): "nothing reads a fourth way to arrive",
    (
        "ctc.py",
        "largest, shares = np.empty_like(ways[0]), np.empty_like(ways)",
        "largest, shares = np.empty_like(ways[1]), np.empty_like(ways)",
    ): "all ways have the same shape and dtype, which is all that empty_like takes",
    (
        "ctc.py",
        "extended = np.full((2 * batch, int(states.max(initial=1))), blank)",
        "extended = np.full((2 * batch, int(states.max(initial=2))), blank)",
    ): "one more column of padding, which counts for no example",
    (
        "ctc.py",
        "gamma = np.exp(walks - np.where(np.isneginf(log_p), 0, log_p))",
        "gamma = np.exp(walks - np.where(np.isneginf(log_p), 1, log_p))",
    ): "where log_p is -inf so are all walks, and exp(-inf - 1) is 0, too",
}

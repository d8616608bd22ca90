"""What may go wrong in RNNCell and GRUCell."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

rnn_forward = partial(Mistake, exercise="rnn_cell.forward", file="rnn_cell.py")
rnn_backward = partial(Mistake, exercise="rnn_cell.backward", file="rnn_cell.py")
gru_forward = partial(Mistake, exercise="gru_cell.forward", file="gru_cell.py")
gru_backward = partial(Mistake, exercise="gru_cell.backward", file="gru_cell.py")

TOTAL_GRAD, MIX = "grad_output * (1 - output**2)", "(1 - z) * n + z * h"
N_GRAD, Z_GRAD = "n_grad = grad_output * (1 - z) * (1 - n**2)", "grad_output * (h - n) * z * (1 - z)"
N, W_HN = "np.tanh(x_n + r * h_n)", "np.split(self.weight_hh, 3)[2]"
B_HN = "(0 if self.bias_hh is None else np.split(self.bias_hh, 3)[2])"
POP, H_GATES_GRAD = "self.stack.pop()", "[r_grad, z_grad, n_grad * r]"
H_GRAD = "grad_output * z + h_gates_grad @ self.weight_hh"

MISTAKES = (
    rnn_forward("cells: RNN without biases", edits=(("total += self.bias_ih + self.bias_hh", "pass"),)),
    rnn_forward("cells: RNN with one bias", edits=(("self.bias_ih + self.bias_hh", "self.bias_ih"),)),
    rnn_forward("cells: RNN without tanh", edits=(("np.tanh(total)", "total"),)),
    rnn_forward("cells: RNN with a sigmoid", edits=(("np.tanh(total)", "1 / (1 + np.exp(-total))"),)),
    rnn_forward("cells: RNN without memory", edits=((" + h @ self.weight_hh.T", ""),)),
    rnn_forward("cells: RNN with W_hh transposed", edits=(("h @ self.weight_hh.T", "h @ self.weight_hh"),)),
    rnn_forward(
        "cells: RNN in float64 always", edits=(("x @ self.weight_ih.T", "x.astype(float) @ self.weight_ih.T"),)
    ),
    rnn_forward(
        "cells: RNN changes h",
        edits=(
            (
                "        return output\n",
                "        if x.dtype == h.dtype:\n            h[...] = output\n        return output\n",
            ),
        ),
    ),
    rnn_backward("cells: RNN backward without slope", edits=((TOTAL_GRAD, "grad_output"),)),
    rnn_backward("cells: RNN slope without square", edits=(("output**2", "output"),)),
    rnn_backward("cells: RNN takes the first forward", edits=((POP, "self.stack.pop(0)"),)),
    rnn_backward("cells: RNN does not pop", edits=((POP, "self.stack[-1]"),)),
    rnn_backward(
        "cells: RNN overwrites weight_ih_grad", edits=(("self.weight_ih_grad +=", "self.weight_ih_grad[...] ="),)
    ),
    rnn_backward("cells: RNN with the state after", edits=(("total_grad.T @ h\n", "total_grad.T @ output\n"),)),
    rnn_backward("cells: RNN averages", edits=(("total_grad.T @ x", "total_grad.T @ x / max(1, len(x))"),)),
    rnn_backward("cells: RNN without bias_hh_grad", edits=(("self.bias_hh_grad += total_grad.sum(axis=0)", "pass"),)),
    rnn_backward(
        "cells: RNN exchanges its results",
        edits=(("@ self.weight_ih, total_grad @ self.weight_hh", "@ self.weight_hh, total_grad @ self.weight_ih"),),
    ),
    rnn_backward("cells: RNN changes grad_output", edits=((TOTAL_GRAD, f"{TOTAL_GRAD}\n        grad_output *= 2"),)),
    gru_forward(
        "cells: GRU without biases", edits=(("x_gates += self.bias_ih", "pass"), ("h_gates += self.bias_hh", "pass"))
    ),
    gru_forward("cells: GRU exchanges z and 1 - z", edits=((MIX, "z * n + (1 - z) * h"),)),
    gru_forward(
        "cells: GRU with gates z, r, n",
        edits=(("(x_r, x_z, x_n), (h_r, h_z, h_n) =", "(x_z, x_r, x_n), (h_z, h_r, h_n) ="),),
    ),
    gru_forward("cells: GRU resets before the product", edits=((N, f"np.tanh(x_n + (r * h) @ {W_HN}.T + {B_HN})"),)),
    gru_forward("cells: GRU with b_hn outside", edits=((N, f"np.tanh(x_n + r * h_n + (1 - r) * {B_HN})"),)),
    gru_forward("cells: GRU without r", edits=(("x_n + r * h_n", "x_n + h_n"),)),
    gru_forward("cells: GRU resets x too", edits=(("x_n + r * h_n", "r * (x_n + h_n)"),)),
    gru_forward("cells: GRU with a sigmoid for n", edits=((N, "sigmoid(x_n + r * h_n)"),)),
    gru_forward("cells: GRU without the old state", edits=((MIX, "(1 - z) * n"),)),
    gru_backward("cells: GRU without the direct way", edits=((H_GRAD, "h_gates_grad @ self.weight_hh"),)),
    gru_backward("cells: GRU without the way through the gates", edits=((H_GRAD, "grad_output * z"),)),
    gru_backward("cells: GRU without tanh's slope", edits=((N_GRAD, "n_grad = grad_output * (1 - z)"),)),
    gru_backward("cells: GRU without n's share", edits=((N_GRAD, "n_grad = grad_output * (1 - n**2)"),)),
    gru_backward("cells: GRU with z for n's share", edits=((N_GRAD, "n_grad = grad_output * z * (1 - n**2)"),)),
    gru_backward("cells: GRU without z's slope", edits=((Z_GRAD, "grad_output * (h - n)"),)),
    gru_backward("cells: GRU with n - h", edits=(("(h - n)", "(n - h)"),)),
    gru_backward("cells: GRU forgets n in z's gradient", edits=(("(h - n)", "h"),)),
    gru_backward("cells: GRU without r's slope", edits=(("n_grad * h_n * r * (1 - r)", "n_grad * h_n"),)),
    gru_backward("cells: GRU with r's gradient from h", edits=(("n_grad * h_n * r", "n_grad * h * r"),)),
    gru_backward("cells: GRU without r's gradient", edits=(("n_grad * h_n * r * (1 - r)", "0 * n_grad"),)),
    gru_backward(
        "cells: GRU with the same gradient for both products", edits=((H_GATES_GRAD, "[r_grad, z_grad, n_grad]"),)
    ),
    gru_backward("cells: GRU takes the first forward", edits=((POP, "self.stack.pop(0)"),)),
    gru_backward(
        "cells: GRU overwrites weight_hh_grad", edits=(("self.weight_hh_grad +=", "self.weight_hh_grad[...] ="),)
    ),
    gru_backward(
        "cells: GRU with one bias_grad for both", edits=(("h_gates_grad.sum(axis=0)", "x_gates_grad.sum(axis=0)"),)
    ),
)

"""What may go wrong in RNNCell and GRUCell."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

rnn_forward = partial(mistake, "rnn_cell.forward")
rnn_backward = partial(mistake, "rnn_cell.backward")
gru_forward = partial(mistake, "gru_cell.forward")
gru_backward = partial(mistake, "gru_cell.backward")

TOTAL_GRAD, MIX = "grad_output * (1 - output**2)", "(1 - z) * n + z * h"
N_GRAD, Z_GRAD = "n_grad = grad_output * (1 - z) * (1 - n**2)", "grad_output * (h - n) * z * (1 - z)"
N, W_HN = "np.tanh(x_n + r * h_n)", "np.split(self.weight_hh, 3)[2]"
B_HN = "(0 if self.bias_hh is None else np.split(self.bias_hh, 3)[2])"
POP, H_GATES_GRAD = "self.stack.pop()", "[r_grad, z_grad, n_grad * r]"
H_GRAD = "grad_output * z + h_gates_grad @ self.weight_hh"

MISTAKES = (
    rnn_forward(
        "cells: RNN without biases", ("total += self.bias_ih + self.bias_hh", "pass"), says="both biases are missing"
    ),
    rnn_forward("cells: RNN with one bias", ("self.bias_ih + self.bias_hh", "self.bias_ih"), says="bias_hh is missing"),
    rnn_forward("cells: RNN without tanh", ("np.tanh(total)", "total"), says="the tanh is missing"),
    rnn_forward(
        "cells: RNN with a sigmoid",
        ("np.tanh(total)", "1 / (1 + np.exp(-total))"),
        says="there is a sigmoid in the place of the tanh",
    ),
    rnn_forward(
        "cells: RNN without memory",
        (" + h @ self.weight_hh.T", ""),
        says="the state has no part in it: W_hh h is missing",
    ),
    rnn_forward("cells: RNN with W_hh transposed", ("h @ self.weight_hh.T", "h @ self.weight_hh")),
    rnn_forward(
        "cells: RNN in float64 always",
        ("x @ self.weight_ih.T", "x.astype(float) @ self.weight_ih.T"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    rnn_forward(
        "cells: RNN changes h",
        (
            "        return output\n",
            "        if x.dtype == h.dtype:\n            h[...] = output\n        return output\n",
        ),
    ),
    rnn_backward(
        "cells: RNN backward without slope",
        (TOTAL_GRAD, "grad_output"),
        says="the slope of the tanh, 1 - h'², is missing",
    ),
    rnn_backward("cells: RNN slope without square", ("output**2", "output")),
    rnn_backward("cells: RNN takes the first forward", (POP, "self.stack.pop(0)")),
    rnn_backward("cells: RNN does not pop", (POP, "self.stack[-1]")),
    rnn_backward("cells: RNN overwrites weight_ih_grad", ("self.weight_ih_grad +=", "self.weight_ih_grad[...] =")),
    rnn_backward(
        "cells: RNN with the state after",
        ("total_grad.T @ h\n", "total_grad.T @ output\n"),
        says="weight_hh's gradient is made with the state after the step; it must be the one before",
    ),
    rnn_backward(
        "cells: RNN averages",
        ("total_grad.T @ x", "total_grad.T @ x / max(1, len(x))"),
        says="weight_ih_grad is too small by the factor 2, the length of x's axis 0",
    ),
    rnn_backward(
        "cells: RNN without bias_hh_grad",
        ("self.bias_hh_grad += total_grad.sum(axis=0)", "pass"),
        says="bias_hh_grad is zero everywhere",
    ),
    rnn_backward(
        "cells: RNN exchanges its results",
        ("@ self.weight_ih, total_grad @ self.weight_hh", "@ self.weight_hh, total_grad @ self.weight_ih"),
    ),
    rnn_backward(
        "cells: RNN changes grad_output",
        (TOTAL_GRAD, f"{TOTAL_GRAD}\n        grad_output *= 2"),
        says="grad_output afterwards is too large by the factor 2",
    ),
    gru_forward(
        "cells: GRU without biases",
        ("x_gates += self.bias_ih", "pass"),
        ("h_gates += self.bias_hh", "pass"),
        says="both biases are missing",
    ),
    gru_forward(
        "cells: GRU exchanges z and 1 - z",
        (MIX, "z * n + (1 - z) * h"),
        says="z and 1 - z are exchanged: z is the share of the old state",
    ),
    gru_forward(
        "cells: GRU with gates z, r, n",
        ("(x_r, x_z, x_n), (h_r, h_z, h_n) =", "(x_z, x_r, x_n), (h_z, h_r, h_n) ="),
        says="r and z are exchanged: the gates stand in the order r, z, n",
    ),
    gru_forward(
        "cells: GRU resets before the product",
        (N, f"np.tanh(x_n + (r * h) @ {W_HN}.T + {B_HN})"),
        says="r acts on h before the product with W_hh; in torch it acts on the product",
    ),
    gru_forward(
        "cells: GRU with b_hn outside",
        (N, f"np.tanh(x_n + r * h_n + (1 - r) * {B_HN})"),
        says="b_hh's third part is outside of what r multiplies",
    ),
    gru_forward("cells: GRU without r", ("x_n + r * h_n", "x_n + h_n"), says="r is missing"),
    gru_forward("cells: GRU resets x too", ("x_n + r * h_n", "r * (x_n + h_n)")),
    gru_forward(
        "cells: GRU with a sigmoid for n",
        (N, "sigmoid(x_n + r * h_n)"),
        says="n is made with a sigmoid; it must be tanh",
    ),
    gru_forward("cells: GRU without the old state", (MIX, "(1 - z) * n"), says="z ⊙ h is missing"),
    gru_backward(
        "cells: GRU without the direct way",
        (H_GRAD, "h_gates_grad @ self.weight_hh"),
        says="the direct way from h to h' is missing: g z",
    ),
    gru_backward("cells: GRU without the way through the gates", (H_GRAD, "grad_output * z")),
    gru_backward(
        "cells: GRU without tanh's slope",
        (N_GRAD, "n_grad = grad_output * (1 - z)"),
        says="the slope of the tanh, 1 - n², is missing",
    ),
    gru_backward(
        "cells: GRU without n's share",
        (N_GRAD, "n_grad = grad_output * (1 - n**2)"),
        says="the gradient of n lacks its share, 1 - z",
    ),
    gru_backward("cells: GRU with z for n's share", (N_GRAD, "n_grad = grad_output * z * (1 - n**2)")),
    gru_backward(
        "cells: GRU without z's slope",
        (Z_GRAD, "grad_output * (h - n)"),
        says="the slope of z's sigmoid, z (1 - z), is missing",
    ),
    gru_backward(
        "cells: GRU with n - h", ("(h - n)", "(n - h)"), says="the gradient of z has the wrong sign: it is g (h - n)"
    ),
    gru_backward(
        "cells: GRU forgets n in z's gradient",
        ("(h - n)", "h"),
        says="the gradient of z lacks n's part: it is g (h - n)",
    ),
    gru_backward(
        "cells: GRU without r's slope",
        ("n_grad * h_n * r * (1 - r)", "n_grad * h_n"),
        says="the slope of r's sigmoid, r (1 - r), is missing",
    ),
    gru_backward("cells: GRU with r's gradient from h", ("n_grad * h_n * r", "n_grad * h * r")),
    gru_backward(
        "cells: GRU without r's gradient",
        ("n_grad * h_n * r * (1 - r)", "0 * n_grad"),
        says="nothing goes back through r",
    ),
    gru_backward(
        "cells: GRU with the same gradient for both products",
        (H_GATES_GRAD, "[r_grad, z_grad, n_grad]"),
        says="the gradient of h_n is not multiplied by r: it is dn · r",
    ),
    gru_backward("cells: GRU takes the first forward", (POP, "self.stack.pop(0)")),
    gru_backward("cells: GRU overwrites weight_hh_grad", ("self.weight_hh_grad +=", "self.weight_hh_grad[...] =")),
    gru_backward("cells: GRU with one bias_grad for both", ("h_gates_grad.sum(axis=0)", "x_gates_grad.sum(axis=0)")),
)

"""Known mistakes in GRUCell."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "gru_cell.forward")
backward = partial(mistake, "gru_cell.backward")

MIX = "(1 - z) * n + z * h"
N_GRAD, Z_GRAD = "n_grad = grad_output * (1 - z) * (1 - n**2)", "grad_output * (h - n) * z * (1 - z)"
N, W_HN = "np.tanh(x_n + r * h_n)", "np.split(self.weight_hh, 3)[2]"
B_HN = "(0 if self.bias_hh is None else np.split(self.bias_hh, 3)[2])"
POP = "self.stack.pop()"
X_GATES_GRAD, H_GATES_GRAD = "[r_grad, z_grad, n_grad]", "[r_grad, z_grad, n_grad * r]"
X_GRAD, H_GRAD = "x_gates_grad @ self.weight_ih", "grad_output * z + h_gates_grad @ self.weight_hh"

MISTAKES = (
    forward(
        "gru_cell: no bias",
        ("x_gates += self.bias_ih", "pass"),
        ("h_gates += self.bias_hh", "pass"),
        says="both biases are missing",
    ),
    forward("gru_cell: bias_hh alone", ("x_gates += self.bias_ih", "pass"), says="bias_ih is missing"),
    forward("gru_cell: bias_ih alone", ("h_gates += self.bias_hh", "pass"), says="bias_hh is missing"),
    forward(
        "gru_cell: exchanges z and 1 - z",
        (MIX, "z * n + (1 - z) * h"),
        says="z and 1 - z are exchanged: z is the share of the old state",
    ),
    forward(
        "gru_cell: gates z, r, n",
        ("(x_r, x_z, x_n), (h_r, h_z, h_n) =", "(x_z, x_r, x_n), (h_z, h_r, h_n) ="),
        says="r and z are exchanged: the gates stand in the order r, z, n",
    ),
    forward(
        "gru_cell: resets before the product",
        (N, f"np.tanh(x_n + (r * h) @ {W_HN}.T + {B_HN})"),
        says="r acts on h before the product with W_hh; in torch it acts on the product",
    ),
    forward(
        "gru_cell: b_hn outside",
        (N, f"np.tanh(x_n + r * h_n + (1 - r) * {B_HN})"),
        says="b_hh's third part is outside of what r multiplies",
    ),
    forward("gru_cell: no r", ("x_n + r * h_n", "x_n + h_n"), says="r is missing"),
    forward(
        "gru_cell: resets x too",
        ("x_n + r * h_n", "r * (x_n + h_n)"),
        says="r acts on x's part too; it acts on W_hh h + b_hh alone",
    ),
    forward(
        "gru_cell: sigmoid for n",
        (N, "sigmoid(x_n + r * h_n)"),
        says="n is made with a sigmoid; it must be tanh",
    ),
    forward("gru_cell: no old state", (MIX, "(1 - z) * n"), says="z ⊙ h is missing"),
    backward(
        "gru_cell: no direct way",
        (H_GRAD, "h_gates_grad @ self.weight_hh"),
        says="the direct way from h to h' is missing: g z",
    ),
    backward(
        "gru_cell: no way through the gates",
        (H_GRAD, "grad_output * z"),
        says="h has no gradient through the gates: (dr, dz, dn r) W_hh is missing",
    ),
    backward(
        "gru_cell: no slope of tanh",
        (N_GRAD, "n_grad = grad_output * (1 - z)"),
        says="the slope of the tanh, 1 - n², is missing",
    ),
    backward(
        "gru_cell: no share of n",
        (N_GRAD, "n_grad = grad_output * (1 - n**2)"),
        says="the gradient of n lacks its share, 1 - z",
    ),
    backward(
        "gru_cell: z for n's share",
        (N_GRAD, "n_grad = grad_output * z * (1 - n**2)"),
        says="the gradient of n is multiplied by z, the share of h; its own is 1 - z",
    ),
    backward(
        "gru_cell: no slope of z",
        (Z_GRAD, "grad_output * (h - n)"),
        says="the slope of z's sigmoid, z (1 - z), is missing",
    ),
    backward("gru_cell: n - h", ("(h - n)", "(n - h)"), says="the gradient of z has the wrong sign: it is g (h - n)"),
    backward(
        "gru_cell: forgets n in z's gradient",
        ("(h - n)", "h"),
        says="the gradient of z lacks n's part: it is g (h - n)",
    ),
    backward(
        "gru_cell: no slope of r",
        ("n_grad * h_n * r * (1 - r)", "n_grad * h_n"),
        says="the slope of r's sigmoid, r (1 - r), is missing",
    ),
    backward(
        "gru_cell: r's gradient from h",
        ("n_grad * h_n * r", "n_grad * h * r"),
        says="the gradient of r is made with h; r multiplies h_n, W_hh h + b_hh",
    ),
    backward(
        "gru_cell: no gradient of r",
        ("n_grad * h_n * r * (1 - r)", "0 * n_grad"),
        says="nothing goes back through r",
    ),
    backward(
        "gru_cell: x's gradients for both products",
        (H_GATES_GRAD, X_GATES_GRAD),
        says="the gradient of h_n is not multiplied by r: it is dn · r",
    ),
    backward(
        "gru_cell: h's gradients for both products",
        (X_GATES_GRAD, H_GATES_GRAD),
        says="the gradient of x_n is multiplied by r; only that of h_n is",
    ),
    backward(
        "gru_cell: the state after",
        ("h_gates_grad.T @ h\n", "h_gates_grad.T @ ((1 - z) * n + z * h)\n"),
        says="weight_hh's gradient is made with the state after the step; it must be the one before",
    ),
    backward(
        "gru_cell: averages",
        ("_grad.T @ x\n", "_grad.T @ x / max(1, len(x))\n"),
        ("_grad.T @ h\n", "_grad.T @ h / max(1, len(x))\n"),
        ("_grad.sum(axis=0)", "_grad.sum(axis=0) / max(1, len(x))"),
        says="the parameters' gradients are averaged over the batch; only a loss averages, a layer adds up",
    ),
    backward(
        "gru_cell: exchanges its results",
        (f"return {X_GRAD}, {H_GRAD}", f"return {H_GRAD}, {X_GRAD}"),
        says="dL/dx and dL/dh are exchanged",
    ),
    backward(
        "gru_cell: takes the first forward",
        (POP, "self.stack.pop(0)"),
        says="backward belongs to the first forward on the stack; it must take the last",
    ),
    backward(
        "gru_cell: does not pop",
        (POP, "self.stack[-1]"),
        says="each backward belongs to the same forward; it must take that off the stack",
    ),
    backward(
        "gru_cell: overwrites the gradients",
        ("_grad += ", "_grad[...] = "),
        says="the parameters' gradients are overwritten; each backward must add to them",
    ),
    backward("gru_cell: overwrites weight_hh_grad", ("self.weight_hh_grad +=", "self.weight_hh_grad[...] =")),
    backward(
        "gru_cell: bias_ih's gradient for both",
        ("h_gates_grad.sum(axis=0)", "x_gates_grad.sum(axis=0)"),
        says="bias_hh's gradient is that of bias_ih; its third part is multiplied by r",
    ),
)

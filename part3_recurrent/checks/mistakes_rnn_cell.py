"""Known mistakes in RNNCell."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "rnn_cell.forward")
backward = partial(mistake, "rnn_cell.backward")

TANH, KEPT = "np.tanh(total)", "self.stack.append((x, h, output))"
TOTAL_GRAD, POP = "grad_output * (1 - output**2)", "self.stack.pop()"
OF_BIASES = "total_grad.sum(axis=0)"

MISTAKES = (
    forward("rnn_cell: no bias", ("total += self.bias_ih + self.bias_hh", "pass"), says="both biases are missing"),
    forward("rnn_cell: bias_ih alone", ("self.bias_ih + self.bias_hh", "self.bias_ih"), says="bias_hh is missing"),
    forward("rnn_cell: bias_hh alone", ("self.bias_ih + self.bias_hh", "self.bias_hh"), says="bias_ih is missing"),
    forward("rnn_cell: no tanh", (TANH, "total"), says="the tanh is missing"),
    forward(
        "rnn_cell: sigmoid for tanh",
        (TANH, "1 / (1 + np.exp(-total))"),
        says="there is a sigmoid in the place of the tanh",
    ),
    forward(
        "rnn_cell: no memory",
        (" + h @ self.weight_hh.T", ""),
        says="the state has no part in it: W_hh h is missing",
    ),
    forward(
        "rnn_cell: W_hh transposed",
        ("h @ self.weight_hh.T", "h @ self.weight_hh"),
        says="W_hh is transposed: it is W_hh h",
    ),
    forward(
        "rnn_cell: float64 always",
        ("x @ self.weight_ih.T", "x.astype(float) @ self.weight_ih.T"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    forward(
        "rnn_cell: changes h",
        (
            "        return output\n",
            "        if x.dtype == h.dtype:\n            h[...] = output\n        return output\n",
        ),
    ),
    backward(
        "rnn_cell: no slope",
        (TOTAL_GRAD, "grad_output"),
        says="the slope of the tanh, 1 - h'², is missing",
    ),
    backward(
        "rnn_cell: slope without square",
        ("output**2", "output"),
        says="the slope of the tanh is 1 - h'²; the square is missing",
    ),
    backward(
        "rnn_cell: slope of what went in",
        (KEPT, KEPT.replace("output", "total")),
        says="the slope of the tanh is taken of what went in: it is 1 - h'², and h' the output",
    ),
    backward(
        "rnn_cell: takes the first forward",
        (POP, "self.stack.pop(0)"),
        says="backward belongs to the first forward on the stack; it must take the last",
    ),
    backward(
        "rnn_cell: does not pop",
        (POP, "self.stack[-1]"),
        says="each backward belongs to the same forward; it must take that off the stack",
    ),
    backward(
        "rnn_cell: overwrites the gradients",
        ("_grad += ", "_grad[...] = "),
        says="the parameters' gradients are overwritten; each backward must add to them",
    ),
    backward("rnn_cell: overwrites weight_ih_grad", ("self.weight_ih_grad +=", "self.weight_ih_grad[...] =")),
    backward(
        "rnn_cell: the state after",
        ("total_grad.T @ h\n", "total_grad.T @ output\n"),
        says="weight_hh's gradient is made with the state after the step; it must be the one before",
    ),
    backward(
        "rnn_cell: averages",
        ("total_grad.T @ x\n", "total_grad.T @ x / max(1, len(x))\n"),
        ("total_grad.T @ h\n", "total_grad.T @ h / max(1, len(x))\n"),
        (OF_BIASES, f"{OF_BIASES} / max(1, len(x))"),
        says="the parameters' gradients are averaged over the batch; only a loss averages, a layer adds up",
    ),
    backward(
        "rnn_cell: no bias_hh_grad",
        ("self.bias_hh_grad += total_grad.sum(axis=0)", "pass"),
        says="bias_hh_grad is zero everywhere",
    ),
    backward(
        "rnn_cell: exchanges its results",
        ("@ self.weight_ih, total_grad @ self.weight_hh", "@ self.weight_hh, total_grad @ self.weight_ih"),
        says="dL/dx and dL/dh are exchanged",
    ),
    backward(
        "rnn_cell: changes grad_output",
        (TOTAL_GRAD, f"{TOTAL_GRAD}\n        grad_output *= 2"),
        says="grad_output afterwards is too large by the factor 2",
    ),
)

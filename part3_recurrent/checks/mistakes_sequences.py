"""What may go wrong in RNN and GRU, in one direction of a layer and in all of them."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

rnn_forward = partial(mistake, "rnn.forward")
rnn_backward = partial(mistake, "rnn.backward")
gru_forward = partial(mistake, "gru.forward")
gru_backward = partial(mistake, "gru.backward")
forward = partial(mistake, "recurrent.forward")
backward = partial(mistake, "recurrent.backward")

RUNNING, BACK = "in enumerate(running)", "in reversed(list(enumerate(running)))"
BEFORE = "np.concatenate([h_0[None], output[:-1]])"
ALL = "[len(x[0])] * len(x)"
LAST = "layer < self.num_layers - 1"
RUN = "self.run(sequence, h_0[len(h_n)], self.running, "
UNDO = "self.reversed(output) if suffix else output"
DROP = "x = self.dropout_after(0).forward(x) if self.num_layers > 1 else x"
ADDED = "sum(x_grads[1:], start=x_grads[0])"

MISTAKES = (
    # RNN
    rnn_forward(
        "sequences: RNN reads the padding",
        (RUNNING, f"in enumerate({ALL})"),
        says="padding is read: output and state go on after a sequence's end",
    ),
    rnn_forward("sequences: RNN changes h_0", ("h_0.astype(totals.dtype)", "h_0")),
    rnn_forward(
        "sequences: RNN begins with zeros",
        ("h_0.astype(totals.dtype)", "np.zeros_like(h_0)"),
        says="h_0 is left out: the first step begins with zeros",
    ),
    rnn_forward(
        "sequences: RNN without memory",
        (" + h[:rows] @ weight_hh_t", ""),
        says="the state has no part in it: W_hh h is missing",
    ),
    rnn_forward(
        "sequences: RNN without biases", ("totals += bias_ih + bias_hh", "pass"), says="both biases are missing"
    ),
    rnn_forward(
        "sequences: RNN holds the output",
        ("output[t, :rows] = h[:rows]", "output[t] = h"),
        says="the output after a sequence's end is its last state; it must be zero",
    ),
    rnn_forward(
        "sequences: RNN gives the last output as h_n",
        ("return output, h\n", "return output, output[-1]\n"),
        says="h_n is the last of output, which is zero where a sequence has ended; the state must stay",
    ),
    rnn_forward(
        "sequences: RNN always in float64",
        ("@ weight_ih.T", "@ weight_ih.T.astype(float)"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    rnn_backward(
        "sequences: RNN forgets h_n_grad",
        ("h_n_grad.astype(output.dtype)", "np.zeros_like(h_n_grad)"),
        says="h_n_grad is left out",
    ),
    rnn_backward("sequences: RNN changes h_n_grad", ("h_n_grad.astype(output.dtype)", "h_n_grad")),
    rnn_backward("sequences: RNN goes forwards again", (BACK, RUNNING)),
    rnn_backward("sequences: RNN without time", ("(output_grad[t, :rows] + h_grad[:rows])", "output_grad[t, :rows]")),
    rnn_backward(
        "sequences: RNN without slope",
        ("1 - output**2", "np.ones_like(output)"),
        says="the slope of the tanh, 1 - h'², is missing",
    ),
    rnn_backward(
        "sequences: RNN with the states after",
        (BEFORE, "output"),
        says="weight_hh's gradient is made with the state after the step; it must be the one before",
    ),
    rnn_backward("sequences: RNN with zeros before", ("[h_0[None], output[:-1]]", "[0 * h_0[None], output[:-1]]")),
    rnn_backward("sequences: RNN lets padding have gradients", (BACK, f"in reversed(list(enumerate({ALL})))")),
    rnn_backward(
        "sequences: RNN averages the bias's gradient",
        ("flat.sum(axis=0)", "flat.sum(axis=0) / max(1, x.shape[1])"),
        says="bias_ih_l0_grad is too small by the factor 2, the length of x's axis 1",
    ),
    rnn_backward(
        "sequences: RNN overwrites its gradients",
        ("self.add_gradients(", "self.zero_grad()\n        self.add_gradients("),
        says="the parameters' gradients are overwritten; each backward must add to them",
    ),
    # GRU
    gru_forward(
        "sequences: GRU reads the padding",
        (RUNNING, f"in enumerate({ALL})"),
        says="padding is read: output and state go on after a sequence's end",
    ),
    gru_forward("sequences: GRU changes h_0", ("h_0.astype(x_gates.dtype)", "h_0")),
    gru_forward(
        "sequences: GRU exchanges z and 1 - z",
        ("new[t, :rows] + z * (h[:rows] - new[t, :rows])", "h[:rows] + z * (new[t, :rows] - h[:rows])"),
        says="z and 1 - z are exchanged: z is the share of the old state",
    ),
    gru_forward(
        "sequences: GRU exchanges r and z",
        ("r, z = r_z[t, :rows, :n], r_z[t, :rows, n:]", "z, r = r_z[t, :rows, :n], r_z[t, :rows, n:]"),
        says="r and z are exchanged: the gates stand in the order r, z, n",
    ),
    gru_forward("sequences: GRU without r", ("+ r * h_new[t, :rows]", "+ h_new[t, :rows]"), says="r is missing"),
    gru_forward("sequences: GRU without bias_hh", ("h_gates += bias_hh", "pass"), says="bias_hh is missing"),
    gru_forward(
        "sequences: GRU adds both biases before",
        ("x_gates += bias_ih", "x_gates += bias_ih + bias_hh"),
        ("h_gates += bias_hh", "pass"),
        says="b_hh's third part is outside of what r multiplies",
    ),
    gru_forward(
        "sequences: GRU gives the last output as h_n",
        ("return output, h\n", "return output, output[-1]\n"),
        says="h_n is the last of output, which is zero where a sequence has ended; the state must stay",
    ),
    gru_backward(
        "sequences: GRU forgets h_n_grad",
        ("h_n_grad.astype(new.dtype)", "np.zeros_like(h_n_grad)"),
        says="h_n_grad is left out",
    ),
    gru_backward(
        "sequences: GRU without the direct way",
        ("grad * z[t, :rows] + ", ""),
        says="the direct way from h to h' is missing: g z",
    ),
    gru_backward(
        "sequences: GRU without time",
        ("np.add(output_grad[t, :rows], h_grad[:rows], ", "np.add(output_grad[t, :rows], 0, "),
    ),
    gru_backward("sequences: GRU with the states after", (BEFORE, "output")),
    gru_backward("sequences: GRU without r in h_n's gradient", ("to_new * r\n", "to_new\n")),
    gru_backward("sequences: GRU with r for x_n too", ("gates[:, :, 2] = grads * to_new", "pass")),
    gru_backward(
        "sequences: GRU with new - before",
        ("(before - new) * z", "(new - before) * z"),
        says="the gradient of z has the wrong sign: it is g (h - n)",
    ),
    gru_backward(
        "sequences: GRU without tanh's slope",
        ("(1 - z) * (1 - new**2)", "(1 - z)"),
        says="the slope of the tanh, 1 - n², is missing",
    ),
    gru_backward("sequences: GRU lets padding have gradients", (BACK, f"in reversed(list(enumerate({ALL})))")),
    gru_backward(
        "sequences: GRU overwrites its gradients",
        ("self.add_gradients(", "self.zero_grad()\n        self.add_gradients("),
        says="the parameters' gradients are overwritten; each backward must add to them",
    ),
    # Layers and directions
    forward(
        "sequences: output not reversed again",
        (UNDO, "output"),
        says="the second direction's output is not reversed again",
    ),
    forward(
        "sequences: no second reading",
        ("self.reversed(x) if suffix else x", "x"),
        says="the second direction reads forwards, and its output is reversed",
    ),
    forward(
        "sequences: padding reversed too",
        ("self.reversed(x) if", "x[::-1] if"),
        ("self.reversed(output) if", "output[::-1] if"),
    ),
    forward(
        "sequences: directions joined in the wrong order",
        ("np.concatenate(outputs, axis=2)", "np.concatenate(outputs[::-1], axis=2)"),
        says="the two directions are joined in the wrong order",
    ),
    forward(
        "sequences: always h_0[0]",
        (RUN, RUN.replace("len(h_n)", "0")),
        says="every layer and direction begins with h_0[0]",
    ),
    forward("sequences: a state for each layer alone", (RUN, RUN.replace("len(h_n)", "layer"))),
    forward("sequences: h_n of the top layer alone", ("np.stack(h_n)", "np.stack(h_n[-1:])")),
    forward(
        "sequences: parameters of the first layer",
        (
            'self.running, f"l{layer}{suffix}")\n                outputs',
            'self.running, f"l0{suffix}")\n                outputs',
        ),
    ),
    forward(
        "sequences: no dropout",
        (f"            if {LAST}:\n                x = self", "            if False:\n                x = self"),
        says="there is no dropout between the layers",
    ),
    forward(
        "sequences: dropout on the input",
        (
            "for suffix in self.suffixes:\n                seq",
            f"{DROP}\n            for suffix in self.suffixes:\n                seq",
        ),
    ),
    backward(
        "sequences: second direction's x_grad missing",
        (ADDED, "x_grads[0]"),
        says="the second direction's gradient of x is missing",
    ),
    backward(
        "sequences: x_grads averaged",
        (ADDED, f"{ADDED} / len(x_grads)"),
        says="the directions' gradients of x are averaged; they must add up",
    ),
    backward(
        "sequences: x_grad not reversed",
        ("self.reversed(x_grad) if suffix else x_grad", "x_grad"),
        says="the second direction's gradient of x is not reversed",
    ),
    backward(
        "sequences: output_grad not reversed",
        ("self.reversed(grad) if suffix else grad", "grad"),
        says="the gradient of the second direction's output is not reversed",
    ),
    backward(
        "sequences: no backward through dropout",
        ("self.dropout_after(layer).backward(output_grad)", "output_grad"),
        says="backward does not go through the dropout",
    ),
    backward(
        "sequences: dropout of the wrong layer",
        ("self.dropout_after(layer).backward", "self.dropout_after(0).backward"),
    ),
    backward(
        "sequences: layers in the order of forward",
        ("in reversed(range(self.num_layers))", "in range(self.num_layers)"),
    ),
    backward(
        "sequences: h_n_grad for the top layer alone",
        ("h_n_grad[state], self", "h_n_grad[state] * (layer == self.num_layers - 1), self"),
    ),
    backward(
        "sequences: states ordered by direction",
        ("layer * len(self.suffixes) + direction", "direction * self.num_layers + layer"),
    ),
    backward(
        "sequences: nothing below the top layer",
        ("output_grad = sum(x_grads", "output_grad = 0 * sum(x_grads"),
        says="no gradient of x comes from the first direction",
    ),
)

"""What may go wrong in RNN and GRU, in one direction of a layer and in all of them."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

rnn_forward = partial(Mistake, exercise="rnn.forward", file="rnn.py")
rnn_backward = partial(Mistake, exercise="rnn.backward", file="rnn.py")
gru_forward = partial(Mistake, exercise="gru.forward", file="gru.py")
gru_backward = partial(Mistake, exercise="gru.backward", file="gru.py")
forward = partial(Mistake, exercise="recurrent.forward", file="recurrent.py")
backward = partial(Mistake, exercise="recurrent.backward", file="recurrent.py")

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
    rnn_forward("sequences: RNN reads the padding", edits=((RUNNING, f"in enumerate({ALL})"),)),
    rnn_forward("sequences: RNN changes h_0", edits=(("h_0.astype(totals.dtype)", "h_0"),)),
    rnn_forward("sequences: RNN begins with zeros", edits=(("h_0.astype(totals.dtype)", "np.zeros_like(h_0)"),)),
    rnn_forward("sequences: RNN without memory", edits=((" + h[:rows] @ weight_hh_t", ""),)),
    rnn_forward("sequences: RNN without biases", edits=(("totals += bias_ih + bias_hh", "pass"),)),
    rnn_forward("sequences: RNN holds the output", edits=(("output[t, :rows] = h[:rows]", "output[t] = h"),)),
    rnn_forward(
        "sequences: RNN gives the last output as h_n", edits=(("return output, h\n", "return output, output[-1]\n"),)
    ),
    rnn_forward("sequences: RNN always in float64", edits=(("@ weight_ih.T", "@ weight_ih.T.astype(float)"),)),
    rnn_backward(
        "sequences: RNN forgets h_n_grad", edits=(("h_n_grad.astype(output.dtype)", "np.zeros_like(h_n_grad)"),)
    ),
    rnn_backward("sequences: RNN changes h_n_grad", edits=(("h_n_grad.astype(output.dtype)", "h_n_grad"),)),
    rnn_backward("sequences: RNN goes forwards again", edits=((BACK, RUNNING),)),
    rnn_backward(
        "sequences: RNN without time", edits=(("(output_grad[t, :rows] + h_grad[:rows])", "output_grad[t, :rows]"),)
    ),
    rnn_backward("sequences: RNN without slope", edits=(("1 - output**2", "np.ones_like(output)"),)),
    rnn_backward("sequences: RNN with the states after", edits=((BEFORE, "output"),)),
    rnn_backward(
        "sequences: RNN with zeros before", edits=(("[h_0[None], output[:-1]]", "[0 * h_0[None], output[:-1]]"),)
    ),
    rnn_backward("sequences: RNN lets padding have gradients", edits=((BACK, f"in reversed(list(enumerate({ALL})))"),)),
    rnn_backward(
        "sequences: RNN averages the bias's gradient",
        edits=(("flat.sum(axis=0)", "flat.sum(axis=0) / max(1, x.shape[1])"),),
    ),
    rnn_backward(
        "sequences: RNN overwrites its gradients",
        edits=(("self.add_gradients(", "self.zero_grad()\n        self.add_gradients("),),
    ),
    # GRU
    gru_forward("sequences: GRU reads the padding", edits=((RUNNING, f"in enumerate({ALL})"),)),
    gru_forward("sequences: GRU changes h_0", edits=(("h_0.astype(x_gates.dtype)", "h_0"),)),
    gru_forward(
        "sequences: GRU exchanges z and 1 - z",
        edits=(("new[t, :rows] + z * (h[:rows] - new[t, :rows])", "h[:rows] + z * (new[t, :rows] - h[:rows])"),),
    ),
    gru_forward(
        "sequences: GRU exchanges r and z",
        edits=(("r, z = r_z[t, :rows, :n], r_z[t, :rows, n:]", "z, r = r_z[t, :rows, :n], r_z[t, :rows, n:]"),),
    ),
    gru_forward("sequences: GRU without r", edits=(("+ r * h_new[t, :rows]", "+ h_new[t, :rows]"),)),
    gru_forward("sequences: GRU without bias_hh", edits=(("h_gates += bias_hh", "pass"),)),
    gru_forward(
        "sequences: GRU adds both biases before",
        edits=(("x_gates += bias_ih", "x_gates += bias_ih + bias_hh"), ("h_gates += bias_hh", "pass")),
    ),
    gru_forward(
        "sequences: GRU gives the last output as h_n", edits=(("return output, h\n", "return output, output[-1]\n"),)
    ),
    gru_backward("sequences: GRU forgets h_n_grad", edits=(("h_n_grad.astype(new.dtype)", "np.zeros_like(h_n_grad)"),)),
    gru_backward("sequences: GRU without the direct way", edits=(("grad * z[t, :rows] + ", ""),)),
    gru_backward(
        "sequences: GRU without time",
        edits=(("np.add(output_grad[t, :rows], h_grad[:rows], ", "np.add(output_grad[t, :rows], 0, "),),
    ),
    gru_backward("sequences: GRU with the states after", edits=((BEFORE, "output"),)),
    gru_backward("sequences: GRU without r in h_n's gradient", edits=(("to_new * r\n", "to_new\n"),)),
    gru_backward("sequences: GRU with r for x_n too", edits=(("gates[:, :, 2] = grads * to_new", "pass"),)),
    gru_backward("sequences: GRU with new - before", edits=(("(before - new) * z", "(new - before) * z"),)),
    gru_backward("sequences: GRU without tanh's slope", edits=(("(1 - z) * (1 - new**2)", "(1 - z)"),)),
    gru_backward("sequences: GRU lets padding have gradients", edits=((BACK, f"in reversed(list(enumerate({ALL})))"),)),
    gru_backward(
        "sequences: GRU overwrites its gradients",
        edits=(("self.add_gradients(", "self.zero_grad()\n        self.add_gradients("),),
    ),
    # Layers and directions
    forward("sequences: output not reversed again", edits=((UNDO, "output"),)),
    forward("sequences: no second reading", edits=(("self.reversed(x) if suffix else x", "x"),)),
    forward(
        "sequences: padding reversed too",
        edits=(("self.reversed(x) if", "x[::-1] if"), ("self.reversed(output) if", "output[::-1] if")),
    ),
    forward(
        "sequences: directions joined in the wrong order",
        edits=(("np.concatenate(outputs, axis=2)", "np.concatenate(outputs[::-1], axis=2)"),),
    ),
    forward("sequences: always h_0[0]", edits=((RUN, RUN.replace("len(h_n)", "0")),)),
    forward("sequences: a state for each layer alone", edits=((RUN, RUN.replace("len(h_n)", "layer")),)),
    forward("sequences: h_n of the top layer alone", edits=(("np.stack(h_n)", "np.stack(h_n[-1:])"),)),
    forward(
        "sequences: parameters of the first layer",
        edits=(
            (
                'self.running, f"l{layer}{suffix}")\n                outputs',
                'self.running, f"l0{suffix}")\n                outputs',
            ),
        ),
    ),
    forward(
        "sequences: no dropout",
        edits=(
            (f"            if {LAST}:\n                x = self", "            if False:\n                x = self"),
        ),
    ),
    forward(
        "sequences: dropout on the input",
        edits=(
            (
                "for suffix in self.suffixes:\n                seq",
                f"{DROP}\n            for suffix in self.suffixes:\n                seq",
            ),
        ),
    ),
    backward("sequences: second direction's x_grad missing", edits=((ADDED, "x_grads[0]"),)),
    backward("sequences: x_grads averaged", edits=((ADDED, f"{ADDED} / len(x_grads)"),)),
    backward("sequences: x_grad not reversed", edits=(("self.reversed(x_grad) if suffix else x_grad", "x_grad"),)),
    backward("sequences: output_grad not reversed", edits=(("self.reversed(grad) if suffix else grad", "grad"),)),
    backward(
        "sequences: no backward through dropout",
        edits=(("self.dropout_after(layer).backward(output_grad)", "output_grad"),),
    ),
    backward(
        "sequences: dropout of the wrong layer",
        edits=(("self.dropout_after(layer).backward", "self.dropout_after(0).backward"),),
    ),
    backward(
        "sequences: layers in the order of forward",
        edits=(("in reversed(range(self.num_layers))", "in range(self.num_layers)"),),
    ),
    backward(
        "sequences: h_n_grad for the top layer alone",
        edits=(("h_n_grad[state], self", "h_n_grad[state] * (layer == self.num_layers - 1), self"),),
    ),
    backward(
        "sequences: states ordered by direction",
        edits=(("layer * len(self.suffixes) + direction", "direction * self.num_layers + layer"),),
    ),
    backward(
        "sequences: nothing below the top layer",
        edits=(("output_grad = sum(x_grads", "output_grad = 0 * sum(x_grads"),),
    ),
)

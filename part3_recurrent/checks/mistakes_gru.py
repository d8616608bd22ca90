"""What may go wrong in one direction of a layer of GRU."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "gru.forward")
backward = partial(mistake, "gru.backward")

RUNNING, BACK = "in enumerate(running)", "in reversed(list(enumerate(running)))"
ALL = "[len(x[0])] * len(x)"
OUT = "output[t, :rows] = h[:rows]"
BEFORE = "np.concatenate([h_0[None], output[:-1]])"
ABOVE = "np.add(output_grad[t, :rows], h_grad[:rows], "

MISTAKES = (
    forward(
        "gru: reads the padding",
        (RUNNING, f"in enumerate({ALL})"),
        says="padding is read: output and state go on after a sequence's end",
    ),
    forward(
        "gru: the state goes on in the padding",
        (RUNNING, f"in enumerate({ALL})"),
        (OUT, "output[t, : running[t]] = h[: running[t]]"),
        says="h_n is the state at the last time step; it must be the one at each sequence's own end",
    ),
    forward("gru: changes h_0", ("h_0.astype(x_gates.dtype)", "h_0")),
    forward(
        "gru: begins with zeros",
        ("h_0.astype(x_gates.dtype)", "np.zeros_like(h_0)"),
        says="h_0 is left out: the first step begins with zeros",
    ),
    forward(
        "gru: exchanges z and 1 - z",
        ("new[t, :rows] + z * (h[:rows] - new[t, :rows])", "h[:rows] + z * (new[t, :rows] - h[:rows])"),
        says="z and 1 - z are exchanged: z is the share of the old state",
    ),
    forward(
        "gru: exchanges r and z",
        ("r, z = r_z[t, :rows, :n], r_z[t, :rows, n:]", "z, r = r_z[t, :rows, :n], r_z[t, :rows, n:]"),
        says="r and z are exchanged: the gates stand in the order r, z, n",
    ),
    forward("gru: no r", ("+ r * h_new[t, :rows]", "+ h_new[t, :rows]"), says="r is missing"),
    forward("gru: no bias_hh", ("h_gates += bias_hh", "pass"), says="bias_hh is missing"),
    forward(
        "gru: adds both biases before",
        ("x_gates += bias_ih", "x_gates += bias_ih + bias_hh"),
        ("h_gates += bias_hh", "pass"),
        says="b_hh's third part is outside of what r multiplies",
    ),
    forward(
        "gru: holds the output",
        (OUT, "output[t] = h"),
        says="the output after a sequence's end is its last state; it must be zero",
    ),
    forward(
        "gru: the last output as h_n",
        ("return output, h\n", "return output, output[-1]\n"),
        says="h_n is the last of output, which is zero where a sequence has ended; the state must stay",
    ),
    backward(
        "gru: forgets h_n_grad",
        ("h_n_grad.astype(new.dtype)", "np.zeros_like(h_n_grad)"),
        says="h_n_grad is left out",
    ),
    backward("gru: forgets output_grad", (ABOVE, "np.add(0, h_grad[:rows], "), says="output_grad is left out"),
    backward(
        "gru: no direct way",
        ("grad * z[t, :rows] + ", ""),
        says="the direct way from h to h' is missing: g z",
    ),
    backward(
        "gru: no way back over time",
        (ABOVE, "np.add(output_grad[t, :rows], 0, "),
        says="a state has the gradient of its output alone; add that from the next step, or from h_n",
    ),
    backward(
        "gru: the states after",
        ("@ before.reshape(-1, n)", "@ output.reshape(-1, n)"),
        says="weight_hh's gradient is made with the state after the step; it must be the one before",
    ),
    backward("gru: z's gradient with the states after", (BEFORE, "output")),
    backward(
        "gru: no r in h_n's gradient",
        ("gates[:, :, 2] = to_new * r\n", "gates[:, :, 2] = to_new\n"),
        ("gates[:, :, 2] * h_new * (1 - r)", "to_new * h_new * r * (1 - r)"),
        says="the gradient of h_n is not multiplied by r: it is dn · r",
    ),
    backward(
        "gru: r for x_n too",
        ("gates[:, :, 2] = grads * to_new", "pass"),
        says="the gradient of x_n is multiplied by r; only that of h_n is",
    ),
    backward(
        "gru: new - before",
        ("(before - new) * z", "(new - before) * z"),
        says="the gradient of z has the wrong sign: it is g (h - n)",
    ),
    backward(
        "gru: no slope of tanh",
        ("(1 - z) * (1 - new**2)", "(1 - z)"),
        says="the slope of the tanh, 1 - n², is missing",
    ),
    backward("gru: lets padding have gradients", (BACK, f"in reversed(list(enumerate({ALL})))")),
    backward(
        "gru: averages",
        ("flat.T @", "flat.T / max(1, x.shape[1]) @"),
        ("flat.sum(axis=0)", "flat.sum(axis=0) / max(1, x.shape[1])"),
        says="the parameters' gradients are averaged over the batch; only a loss averages, a layer adds up",
    ),
    backward(
        "gru: overwrites its gradients",
        ("self.add_gradients(", "self.zero_grad()\n        self.add_gradients("),
        says="the parameters' gradients are overwritten; each backward must add to them",
    ),
)

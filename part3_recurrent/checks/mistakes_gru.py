"""Known mistakes in one direction of a layer of GRU."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "gru.forward")
backward = partial(mistake, "gru.backward")

RUNNING, BACK = "in enumerate(running)", "in reversed(list(enumerate(running)))"
ALL = "[len(x[0])] * len(x)"
OUT = "output[now] = h[:rows]"
MIX = "(1 - z[now]) * n[now] + z[now] * h[:rows]"
BEFORE = "np.concatenate([h_0[None], output[:-1]])"
ABOVE = "g[now] = output_grad[now] + h_grad[:rows]"

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
    forward("gru: changes h_0", ("h_0.astype(x_n.dtype)", "h_0")),
    forward(
        "gru: begins with zeros",
        ("h_0.astype(x_n.dtype)", "np.zeros_like(h_0)"),
        says="h_0 is left out: the first step begins with zeros",
    ),
    forward(
        "gru: exchanges z and 1 - z",
        (MIX, "z[now] * n[now] + (1 - z[now]) * h[:rows]"),
        says="z and 1 - z are exchanged: z is the share of the old state",
    ),
    forward(
        "gru: exchanges r and z",
        ("x_r, x_z, x_n =", "x_z, x_r, x_n ="),
        ("h_r, h_z, h_n[now] =", "h_z, h_r, h_n[now] ="),
        says="r and z are exchanged: the gates stand in the order r, z, n",
    ),
    forward("gru: no r", ("+ r[now] * h_n[now]", "+ h_n[now]"), says="r is missing"),
    forward(
        "gru: no bias_hh", ("h[:rows] @ weight_hh_t + bias_hh", "h[:rows] @ weight_hh_t"), says="bias_hh is missing"
    ),
    forward(
        "gru: adds both biases before",
        ("weight_ih.T + bias_ih", "weight_ih.T + bias_ih + bias_hh"),
        ("h[:rows] @ weight_hh_t + bias_hh", "h[:rows] @ weight_hh_t"),
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
        ("h_n_grad.astype(g.dtype)", "np.zeros_like(h_n_grad)"),
        says="h_n_grad is left out",
    ),
    backward("gru: forgets output_grad", (ABOVE, "g[now] = h_grad[:rows]"), says="output_grad is left out"),
    backward(
        "gru: no direct way",
        ("g[now] * z[now] + ", ""),
        says="the direct way from h to h' is missing: g z",
    ),
    backward(
        "gru: no way back over time",
        (ABOVE, "g[now] = output_grad[now]"),
        says="a state has the gradient of its output alone; add that from the next step, or from h_n",
    ),
    backward(
        "gru: the states after",
        ("@ before.reshape(", "@ output.reshape("),
        says="weight_hh's gradient is made with the state after the step; it must be the one before",
    ),
    backward("gru: z's gradient with the states after", (BEFORE, "output")),
    backward(
        "gru: no r in h_n's gradient",
        ("[r_slope, z_slope, n_slope * r]", "[r_slope, z_slope, n_slope]"),
        says="the gradient of h_n is not multiplied by r: it is dn · r",
    ),
    backward(
        "gru: r for x_n too",
        ("[r_slope, z_slope, n_slope]", "[r_slope, z_slope, n_slope * r]"),
        says="the gradient of x_n is multiplied by r; only that of h_n is",
    ),
    backward(
        "gru: new - before",
        ("(before - n) * z", "(n - before) * z"),
        says="the gradient of z has the wrong sign: it is g (h - n)",
    ),
    backward(
        "gru: no slope of tanh",
        ("(1 - z) * (1 - n**2)", "(1 - z)"),
        says="the slope of the tanh, 1 - n², is missing",
    ),
    backward("gru: lets padding have gradients", (BACK, f"in reversed(list(enumerate({ALL})))")),
    backward(
        "gru: averages",
        ("_grad.T @", "_grad.T / max(1, x.shape[1]) @"),
        ("_grad.sum(axis=0)", "_grad.sum(axis=0) / max(1, x.shape[1])"),
        says="the parameters' gradients are averaged over the batch; only a loss averages, a layer adds up",
    ),
    backward(
        "gru: overwrites its gradients",
        ("self.add_gradients(", "self.zero_grad()\n        self.add_gradients("),
        says="the parameters' gradients are overwritten; each backward must add to them",
    ),
)

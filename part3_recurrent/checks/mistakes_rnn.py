"""Known mistakes in one direction of a layer of RNN."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "rnn.forward")
backward = partial(mistake, "rnn.backward")

RUNNING, BACK = "in enumerate(running)", "in reversed(list(enumerate(running)))"
ALL = "[len(x[0])] * len(x)"
OUT = "output[t, :rows] = h[:rows]"
BEFORE = "np.concatenate([h_0[None], output[:-1]])"
ABOVE = "(output_grad[t, :rows] + h_grad[:rows])"

MISTAKES = (
    forward(
        "rnn: reads the padding",
        (RUNNING, f"in enumerate({ALL})"),
        says="padding is read: output and state go on after a sequence's end",
    ),
    forward(
        "rnn: the state goes on in the padding",
        (RUNNING, f"in enumerate({ALL})"),
        (OUT, "output[t, : running[t]] = h[: running[t]]"),
        says="h_n is the state at the last time step; it must be the one at each sequence's own end",
    ),
    forward("rnn: changes h_0", ("h_0.astype(totals.dtype)", "h_0")),
    forward(
        "rnn: begins with zeros",
        ("h_0.astype(totals.dtype)", "np.zeros_like(h_0)"),
        says="h_0 is left out: the first step begins with zeros",
    ),
    forward("rnn: no memory", (" + h[:rows] @ weight_hh.T", ""), says="the state has no part in it: W_hh h is missing"),
    forward("rnn: no bias", (" + (bias_ih + bias_hh)", ""), says="both biases are missing"),
    forward(
        "rnn: holds the output",
        (OUT, "output[t] = h"),
        says="the output after a sequence's end is its last state; it must be zero",
    ),
    forward(
        "rnn: the last output as h_n",
        ("return output, h\n", "return output, output[-1]\n"),
        says="h_n is the last of output, which is zero where a sequence has ended; the state must stay",
    ),
    forward(
        "rnn: float64 always",
        ("@ weight_ih.T", "@ weight_ih.T.astype(float)"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    backward(
        "rnn: forgets h_n_grad",
        ("h_n_grad.astype(output.dtype)", "np.zeros_like(h_n_grad)"),
        says="h_n_grad is left out",
    ),
    backward("rnn: forgets output_grad", (ABOVE, "h_grad[:rows]"), says="output_grad is left out"),
    backward("rnn: changes h_n_grad", ("h_n_grad.astype(output.dtype)", "h_n_grad")),
    backward("rnn: goes forwards again", (BACK, RUNNING)),
    backward(
        "rnn: no way back over time",
        (ABOVE, "output_grad[t, :rows]"),
        says="a state has the gradient of its output alone; add that from the next step, or from h_n",
    ),
    backward(
        "rnn: no slope",
        ("1 - output**2", "np.ones_like(output)"),
        says="the slope of the tanh, 1 - h'², is missing",
    ),
    backward(
        "rnn: the states after",
        (BEFORE, "output"),
        says="weight_hh's gradient is made with the state after the step; it must be the one before",
    ),
    backward("rnn: zeros before the first step", ("[h_0[None], output[:-1]]", "[0 * h_0[None], output[:-1]]")),
    backward("rnn: lets padding have gradients", (BACK, f"in reversed(list(enumerate({ALL})))")),
    backward(
        "rnn: averages",
        ("rows_of_a.T @", "rows_of_a.T / max(1, x.shape[1]) @"),
        ("rows_of_a.sum(axis=0)", "rows_of_a.sum(axis=0) / max(1, x.shape[1])"),
        says="the parameters' gradients are averaged over the batch; only a loss averages, a layer adds up",
    ),
    backward(
        "rnn: overwrites its gradients",
        ("self.add_gradients(", "self.zero_grad()\n        self.add_gradients("),
        says="the parameters' gradients are overwritten; each backward must add to them",
    ),
)

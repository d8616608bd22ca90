"""Known mistakes in RNN and GRU, where layers and directions are put together."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "recurrent.forward")
backward = partial(mistake, "recurrent.backward")

LAST = "layer < self.num_layers - 1"
RUN = "self.run(sequence, h_0[len(h_n)], self.running, "
READ, UNDO = "self.reversed(x) if suffix else x", "self.reversed(output) if suffix else output"
DROP = "x = self.dropout_after(0).forward(x) if self.num_layers > 1 else x"
BY_DIRECTION = "[last for direction in range(len(self.suffixes)) for last in h_n[direction :: len(self.suffixes)]]"
STATE = "layer * len(self.suffixes) + direction"
ADDED = "sum(x_grads[1:], start=x_grads[0])"

MISTAKES = (
    forward(
        "recurrent: output not reversed again",
        (UNDO, "output"),
        says="the second direction's output is not reversed again",
    ),
    forward(
        "recurrent: no second reading",
        (READ, "x"),
        says="the second direction reads forwards, and its output is reversed",
    ),
    forward(
        "recurrent: both directions forwards",
        (READ, "x"),
        (UNDO, "output"),
        says="the second direction reads forwards, too",
    ),
    forward(
        "recurrent: padding reversed too",
        (READ, READ.replace("self.reversed(x)", "x[::-1]")),
        (UNDO, UNDO.replace("self.reversed(output)", "output[::-1]")),
        says="the second direction begins in the padding; it must begin at each sequence's end",
    ),
    forward(
        "recurrent: directions joined in the wrong order",
        ("np.concatenate(outputs, axis=2)", "np.concatenate(outputs[::-1], axis=2)"),
        says="the two directions are joined in the wrong order",
    ),
    forward(
        "recurrent: always h_0[0]",
        (RUN, RUN.replace("len(h_n)", "0")),
        says="every layer and direction begins with h_0[0]",
    ),
    forward(
        "recurrent: a state for each layer alone",
        (RUN, RUN.replace("len(h_n)", "layer")),
        says="both directions of a layer begin with the same state",
    ),
    forward(
        "recurrent: states ordered by direction",
        (RUN, RUN.replace("len(h_n)", "self.suffixes.index(suffix) * self.num_layers + layer")),
        ("np.stack(h_n)", f"np.stack({BY_DIRECTION})"),
        says="h_0 and h_n are ordered by direction first; in torch it is the layer",
    ),
    forward(
        "recurrent: h_n of the last run alone",
        ("np.stack(h_n)", "np.stack(h_n[-1:])"),
        says="h_n holds the last state alone; every layer and direction has one",
    ),
    forward(
        "recurrent: parameters of the first layer",
        (
            'self.running, f"l{layer}{suffix}")\n                outputs',
            'self.running, f"l0{suffix}")\n                outputs',
        ),
    ),
    forward(
        "recurrent: no dropout",
        (f"            if {LAST}:\n                x = self", "            if False:\n                x = self"),
        says="there is no dropout between the layers",
    ),
    forward(
        "recurrent: dropout on the input",
        (
            "for suffix in self.suffixes:\n                seq",
            f"{DROP}\n            for suffix in self.suffixes:\n                seq",
        ),
        says="dropout acts on the input, too; it stands between the layers",
    ),
    backward(
        "recurrent: second direction's x_grad missing",
        (ADDED, "x_grads[0]"),
        says="the second direction's gradient of x is missing",
    ),
    backward(
        "recurrent: first direction's x_grad missing",
        (ADDED, "x_grads[-1]"),
        says="no gradient of x comes from the first direction",
    ),
    backward(
        "recurrent: x_grads averaged",
        (ADDED, f"{ADDED} / len(x_grads)"),
        says="the directions' gradients of x are averaged; they must add up",
    ),
    backward(
        "recurrent: x_grad not reversed",
        ("self.reversed(x_grad) if suffix else x_grad", "x_grad"),
        says="the second direction's gradient of x is not reversed",
    ),
    backward(
        "recurrent: output_grad not reversed",
        ("self.reversed(grad) if suffix else grad", "grad"),
        says="the gradient of the second direction's output is not reversed",
    ),
    backward(
        "recurrent: no backward through dropout",
        ("self.dropout_after(layer).backward(output_grad)", "output_grad"),
        says="backward does not go through the dropout",
    ),
    backward(
        "recurrent: dropout of the wrong layer",
        ("self.dropout_after(layer).backward", "self.dropout_after(0).backward"),
    ),
    backward(
        "recurrent: layers in the order of forward",
        ("in reversed(range(self.num_layers))", "in range(self.num_layers)"),
    ),
    backward(
        "recurrent: no h_n_grad", ("h_n_grad[state], self", "0 * h_n_grad[state], self"), says="h_n_grad is left out"
    ),
    backward(
        "recurrent: h_n_grad for the top layer alone",
        ("h_n_grad[state], self", "h_n_grad[state] * (layer == self.num_layers - 1), self"),
        says="h_n_grad reaches the top layer alone; every layer has a part of it",
    ),
    backward(
        "recurrent: gradients of states ordered by direction",
        (STATE, "direction * self.num_layers + layer"),
        says="the gradients of h_0 and h_n are ordered by direction first; in torch it is the layer",
    ),
    backward(
        "recurrent: nothing below the top layer",
        (f"output_grad = {ADDED}", f"output_grad = {ADDED} * (layer == 0)"),
        says="nothing goes back from a layer to the one below",
    ),
    backward(
        "recurrent: overwrites the gradients",
        ("h_0_grad = np.empty_like(h_n_grad)", "h_0_grad = np.empty_like(h_n_grad)\n        self.zero_grad()"),
        says="the parameters' gradients are overwritten; each backward must add to them",
    ),
)

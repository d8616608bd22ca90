"""Known mistakes in RNNClassifier."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "rnn_classifier.forward")
backward = partial(mistake, "rnn_classifier.backward")

LOGITS, H_N_GRAD = "return self.linear.forward(h_n[-1])", "h_n_grad[-1] = self.linear.backward(grad_output)"
RNN_BACKWARD = "x_grad, _ = self.rnn.backward(np.zeros_like(self.output), h_n_grad)"
LAST_STEP = """output_grad = np.zeros_like(self.output)
        output_grad[-1] = h_n_grad[-1]
        x_grad, _ = self.rnn.backward(output_grad)"""

MISTAKES = (
    forward(
        "rnn_classifier: the output's last step",
        (LOGITS, LOGITS.replace("h_n", "self.output")),
        says="the Linear reads the output at the last time step, which is zero for a sequence that ended before",
    ),
    forward(
        "rnn_classifier: the bottom layer",
        (LOGITS, LOGITS.replace("-1", "0")),
        says="the Linear reads the bottom layer's last state; it reads the top layer's",
    ),
    forward(
        "rnn_classifier: the average of the outputs",
        (LOGITS, LOGITS.replace("h_n[-1]", "self.output.mean(axis=0)")),
        says="the Linear reads the average of the outputs; it reads the top layer's last state",
    ),
    forward(
        "rnn_classifier: the average of the states",
        (LOGITS, LOGITS.replace("h_n[-1]", "h_n.mean(axis=0)")),
        says="the Linear reads the average of all layers' last states; it reads the top layer's",
    ),
    forward(
        "rnn_classifier: lengths not handed on",
        ("forward(x, lengths=lengths)", "forward(x)"),
        says="lengths has no effect: the padding is read too",
    ),
    backward(
        "rnn_classifier: gradient to all layers",
        (H_N_GRAD, H_N_GRAD.replace("[-1]", "[:]")),
        says="every layer's state has the gradient; only the top layer's was read",
    ),
    backward(
        "rnn_classifier: gradient to the bottom layer",
        (H_N_GRAD, H_N_GRAD.replace("[-1]", "[0]")),
        says="the bottom layer's state has the gradient; the top layer's was read",
    ),
    backward(
        "rnn_classifier: gradient to the output's last step",
        (RNN_BACKWARD, LAST_STEP),
        says="the gradient enters at the last time step; it must enter at each sequence's own end",
    ),
    backward("rnn_classifier: returns h_0's gradient", ("x_grad, _ = ", "_, x_grad = ")),
    backward(
        "rnn_classifier: float64 gradients",
        ("h_n_shape, grad_output.dtype", "h_n_shape"),
        ("return x_grad", "return x_grad.astype(float)"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
)

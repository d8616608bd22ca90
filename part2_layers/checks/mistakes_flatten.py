"""What may go wrong in Flatten."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

forward = partial(Mistake, exercise="flatten.forward", file="flatten.py")
backward = partial(Mistake, exercise="flatten.backward", file="flatten.py")

FLAT = "return x.reshape(*x.shape[:start], flat, *x.shape[end + 1 :])"
BACK = "return grad_output.reshape(self.x_shape)"

MISTAKES = (
    forward("flatten: leaves x as it is", edits=((FLAT, "return x"),)),
    forward(
        "flatten: always all but the batch",
        edits=((FLAT, "return x.reshape(x.shape[0], math.prod(x.shape[1:]))"),),
    ),
    forward("flatten: the batch too", edits=((FLAT, "return x.ravel()"),)),
    forward(
        "flatten: end_dim left out",
        edits=(("x.shape[start : end + 1]", "x.shape[start:end]"), ("*x.shape[end + 1 :]", "*x.shape[end:]")),
    ),
    forward("flatten: first axis fastest", edits=((FLAT, FLAT.replace(":])", ':], order="F")')),)),
    forward("flatten: a -1 that an empty batch does not have", edits=((FLAT, FLAT.replace("flat", "-1")),)),
    backward("flatten: leaves the gradient as it is", edits=((BACK, "return grad_output"),)),
    backward("flatten: first axis fastest on the way back", edits=((BACK, BACK.replace(")", ', order="F")')),)),
    backward("flatten: keeps only the batch", edits=((BACK, "return grad_output.reshape(self.x_shape[0], -1)"),)),
)

"""What may go wrong in Flatten."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "flatten.forward")
backward = partial(mistake, "flatten.backward")

FLAT = "return x.reshape(*x.shape[:start], flat, *x.shape[end + 1 :])"
BACK = "return grad_output.reshape(self.x_shape)"

MISTAKES = (
    forward("flatten: leaves x as it is", (FLAT, "return x")),
    forward(
        "flatten: always all but the batch",
        (FLAT, "return x.reshape(x.shape[0], math.prod(x.shape[1:]))"),
        says="start_dim and end_dim are ignored",
    ),
    forward("flatten: the batch too", (FLAT, "return x.ravel()"), says="start_dim is ignored"),
    forward(
        "flatten: end_dim left out",
        ("x.shape[start : end + 1]", "x.shape[start:end]"),
        ("*x.shape[end + 1 :]", "*x.shape[end:]"),
    ),
    forward(
        "flatten: first axis fastest",
        (FLAT, FLAT.replace(":])", ':], order="F")')),
        says="the first of the flattened axes runs fastest; it must be the last",
    ),
    forward("flatten: a -1 that an empty batch does not have", (FLAT, FLAT.replace("flat", "-1"))),
    backward("flatten: leaves the gradient as it is", (BACK, "return grad_output")),
    backward("flatten: first axis fastest on the way back", (BACK, BACK.replace(")", ', order="F")'))),
    backward("flatten: keeps only the batch", (BACK, "return grad_output.reshape(self.x_shape[0], -1)")),
)

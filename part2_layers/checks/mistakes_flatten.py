"""Known mistakes in Flatten."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "flatten.forward")
backward = partial(mistake, "flatten.backward")

FLAT = "return x.reshape(*x.shape[:start], flat, *x.shape[end + 1 :])"
BACK = "return grad_output.reshape(self.x_shape)"

MISTAKES = (
    forward(
        "flatten: leaves x as it is",
        (FLAT, "return x"),
        says="the axes are left as they are; those from start_dim to end_dim become one",
    ),
    forward(
        "flatten: always all but the batch",
        (FLAT, "return x.reshape(x.shape[0], math.prod(x.shape[1:]))"),
        says="start_dim and end_dim are ignored",
    ),
    forward(
        "flatten: the batch too",
        ("x.shape[start : end + 1]", "x.shape[: end + 1]"),
        (FLAT, "return x.reshape(flat, *x.shape[end + 1 :])"),
        says="start_dim is ignored",
    ),
    forward(
        "flatten: to the last axis",
        ("x.shape[start : end + 1]", "x.shape[start:]"),
        (FLAT, "return x.reshape(*x.shape[:start], flat)"),
        says="end_dim is ignored",
    ),
    forward(
        "flatten: end_dim left out",
        ("x.shape[start : end + 1]", "x.shape[start:end]"),
        ("*x.shape[end + 1 :]", "*x.shape[end:]"),
        says="end_dim is left out; it belongs to the flattened axes",
    ),
    forward(
        "flatten: first axis fastest",
        (FLAT, FLAT.replace(":])", ':], order="F")')),
        says="the first of the flattened axes runs fastest; it must be the last",
    ),
    forward("flatten: a -1 that an empty batch does not have", (FLAT, FLAT.replace("flat", "-1"))),
    backward(
        "flatten: leaves the gradient as it is",
        (BACK, "return grad_output"),
        says="x_grad has the shape of the output; it must have that of x",
    ),
    backward(
        "flatten: first axis fastest on the way back",
        (BACK, BACK.replace(")", ', order="F")')),
        says="the first of the flattened axes runs fastest in x_grad; it must be the last",
    ),
    backward(
        "flatten: keeps only the batch",
        (BACK, "return grad_output.reshape(self.x_shape[0], -1)"),
        says="x_grad has two axes, as the default's output; it must have those of x",
    ),
)

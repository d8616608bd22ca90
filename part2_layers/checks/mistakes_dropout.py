"""Known mistakes in Dropout."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "dropout.forward")
backward = partial(mistake, "dropout.backward")

WHEN, SHAPE = "self.training and self.p > 0", "self.rng.random(x.shape)"
KEEPS, FACTOR = f"{SHAPE} >= self.p", "x.dtype.type(0 if self.p == 1 else 1 / (1 - self.p))"
GRADIENT = "return grad_output if self.scale is None else grad_output * self.scale"

MISTAKES = (
    forward(
        "dropout: not scaled",
        (FACTOR, "x.dtype.type(1)"),
        says="what is kept is not divided by 1 - p",
    ),
    forward(
        "dropout: scaled by 1 - p",
        (FACTOR, "x.dtype.type(1 - self.p)"),
        says="what is kept is multiplied by 1 - p; it must be divided",
    ),
    forward(
        "dropout: divided by p",
        (FACTOR, "x.dtype.type(1 / self.p)"),
        says="what is kept is divided by p; p is the share that is dropped",
    ),
    forward(
        "dropout: keeps with probability p",
        (KEEPS, f"{SHAPE} < self.p"),
        says="p is the probability to be dropped, not to be kept",
    ),
    forward(
        "dropout: drops in evaluation",
        (WHEN, "self.p > 0"),
        says="evaluation drops and divides as training does; its output is x",
    ),
    forward(
        "dropout: never drops",
        (WHEN, "False"),
        says="nothing is dropped: the output is x, in training too",
    ),
    forward("dropout: drops everything", (KEEPS, f"{SHAPE} < 0"), says="everything is dropped"),
    forward(
        "dropout: one mask for the whole batch",
        (SHAPE, "self.rng.random(x.shape[1:])"),
        says="the values along an axis are dropped together; each is dropped or kept by itself",
    ),
    forward(
        "dropout: one number for each row",
        (SHAPE, "self.rng.random((*x.shape[:-1], 1))"),
        says="the values along an axis are dropped together; each is dropped or kept by itself",
    ),
    forward(
        "dropout: the same mask every time",
        (SHAPE, "np.random.default_rng(0).random(x.shape)"),
        says="both forwards drop the same values",
    ),
    forward(
        "dropout: a generator of its own",
        ("rng or np.random.default_rng()", "np.random.default_rng(0)"),
        says="the mask does not come from the generator that was given",
    ),
    forward("dropout: divides by 1 - p = 0", (FACTOR, "x.dtype.type(1 / np.float64(1 - self.p))")),
    forward("dropout: float64 always", (FACTOR, "(0 if self.p == 1 else 1 / (1 - self.p))")),
    backward(
        "dropout: a new mask",
        (GRADIENT, f"return grad_output * ({KEEPS}) * {FACTOR}".replace("x.", "grad_output.")),
        says="backward draws a mask of its own; it must use forward's",
    ),
    backward(
        "dropout: gradient not scaled",
        (GRADIENT, f"{GRADIENT} * (1 - self.p)"),
        says="what is kept is not divided by 1 - p",
    ),
    backward(
        "dropout: passes the gradient on", (GRADIENT, "return grad_output"), says="x_grad is grad_output, unchanged"
    ),
    backward("dropout: the mode of backward", (GRADIENT, GRADIENT.replace("self.scale is None", "not self.training"))),
)

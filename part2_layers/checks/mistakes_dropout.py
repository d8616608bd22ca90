"""What may go wrong in Dropout."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

forward = partial(Mistake, exercise="dropout.forward", file="dropout.py")
backward = partial(Mistake, exercise="dropout.backward", file="dropout.py")

WHEN, SHAPE = "self.training and self.p > 0", "self.rng.random(x.shape)"
KEEPS, FACTOR = f"{SHAPE} >= self.p", "x.dtype.type(0 if self.p == 1 else 1 / (1 - self.p))"
GRADIENT = "return grad_output if self.scale is None else grad_output * self.scale"

MISTAKES = (
    forward("dropout: not scaled", edits=((FACTOR, "x.dtype.type(1)"),)),
    forward("dropout: scaled by 1 - p", edits=((FACTOR, "x.dtype.type(1 - self.p)"),)),
    forward("dropout: divided by p", edits=((FACTOR, "x.dtype.type(1 / self.p)"),)),
    forward("dropout: keeps with probability p", edits=((KEEPS, f"{SHAPE} < self.p"),)),
    forward("dropout: drops in evaluation", edits=((WHEN, "self.p > 0"),)),
    forward("dropout: never drops", edits=((WHEN, "False"),)),
    forward("dropout: drops everything", edits=((KEEPS, f"{SHAPE} < 0"),)),
    forward("dropout: one mask for all rows", edits=((SHAPE, "self.rng.random(x.shape[-1:])"),)),
    forward("dropout: one mask for each row", edits=((SHAPE, "self.rng.random((*x.shape[:-1], 1))"),)),
    forward("dropout: the same mask every time", edits=((SHAPE, "np.random.default_rng(0).random(x.shape)"),)),
    forward("dropout: a generator of its own", edits=(("rng or np.random.default_rng()", "np.random.default_rng(0)"),)),
    forward("dropout: divides by 1 - p = 0", edits=((FACTOR, "x.dtype.type(1 / np.float64(1 - self.p))"),)),
    forward("dropout: float64 always", edits=((FACTOR, "(0 if self.p == 1 else 1 / (1 - self.p))"),)),
    backward(
        "dropout: a new mask",
        edits=((GRADIENT, f"return grad_output * ({KEEPS}) * {FACTOR}".replace("x.", "grad_output.")),),
    ),
    backward("dropout: gradient not scaled", edits=((GRADIENT, f"{GRADIENT} * (1 - self.p)"),)),
    backward("dropout: passes the gradient on", edits=((GRADIENT, "return grad_output"),)),
    backward(
        "dropout: the mode of backward",
        edits=((GRADIENT, GRADIENT.replace("self.scale is None", "not self.training")),),
    ),
)

"""What may go wrong in Sequential."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

forward = partial(Mistake, exercise="sequential.forward", file="sequential.py")
backward = partial(Mistake, exercise="sequential.backward", file="sequential.py")

FORWARD_LOOP, FORWARD_STEP = "for layer in self.layers:\n            x", "x = layer.forward(x)"
BACKWARD_LOOP, BACKWARD_STEP = "for layer in reversed(self.layers)", "grad_output = layer.backward(grad_output)"

MISTAKES = (
    forward(
        "sequential: last to first", edits=((FORWARD_LOOP, FORWARD_LOOP.replace("self.layers", "self.layers[::-1]")),)
    ),
    forward(
        "sequential: no last layer", edits=((FORWARD_LOOP, FORWARD_LOOP.replace("self.layers", "self.layers[:-1]")),)
    ),
    forward(
        "sequential: every layer takes x", edits=((FORWARD_STEP, "y = layer.forward(x)"), ("return x", "return y"))
    ),
    forward("sequential: returns early", edits=((FORWARD_STEP, "return layer.forward(x)"),)),
    forward("sequential: adds x", edits=((FORWARD_STEP, "x = x + layer.forward(x)"),)),
    forward(
        "sequential: names its layers", edits=(("setattr(self, str(position)", 'setattr(self, f"layer{position}"'),)
    ),
    forward("sequential: hides its layers", edits=(("setattr(self, str(position), layer)", "pass"),)),
    backward("sequential: backward first to last", edits=((BACKWARD_LOOP, "for layer in self.layers"),)),
    backward(
        "sequential: every layer takes g",
        edits=((BACKWARD_STEP, "x_grad = layer.backward(grad_output)"), ("return grad_output", "return x_grad")),
    ),
    backward("sequential: no backward of the first layer", edits=((BACKWARD_LOOP, "for layer in self.layers[:0:-1]"),)),
    backward("sequential: no backward of the last layer", edits=((BACKWARD_LOOP, "for layer in self.layers[-2::-1]"),)),
    backward(
        "sequential: backward twice",
        edits=((BACKWARD_STEP, f"layer.backward(grad_output)\n            {BACKWARD_STEP}"),),
    ),
)

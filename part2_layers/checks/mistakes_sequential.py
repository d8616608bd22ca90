"""Known mistakes in Sequential."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "sequential.forward")
backward = partial(mistake, "sequential.backward")

FORWARD_LOOP, FORWARD_STEP = "for layer in self.layers:\n            x", "x = layer.forward(x)"
BACKWARD_LOOP, BACKWARD_STEP = "for layer in reversed(self.layers)", "grad_output = layer.backward(grad_output)"

MISTAKES = (
    forward(
        "sequential: last to first",
        (FORWARD_LOOP, FORWARD_LOOP.replace("self.layers", "self.layers[::-1]")),
        says="the layers run from the last to the first",
    ),
    forward(
        "sequential: no last layer",
        (FORWARD_LOOP, FORWARD_LOOP.replace("self.layers", "self.layers[:-1]")),
        says="the last layer is left out",
    ),
    forward(
        "sequential: every layer takes x",
        (FORWARD_STEP, "y = layer.forward(x)"),
        ("return x", "return y"),
        says="only the last layer runs; each takes the output of the one before",
    ),
    forward(
        "sequential: returns early",
        (FORWARD_STEP, "return layer.forward(x)"),
        says="only the first layer runs; a return inside the loop ends it",
    ),
    forward("sequential: adds x", (FORWARD_STEP, "x = x + layer.forward(x)")),
    forward("sequential: names its layers", ("setattr(self, str(position)", 'setattr(self, f"layer{position}"')),
    forward("sequential: hides its layers", ("setattr(self, str(position), layer)", "pass")),
    backward(
        "sequential: backward first to last",
        (BACKWARD_LOOP, "for layer in self.layers"),
        says="backward runs from the first layer to the last; it is the other way round",
    ),
    backward(
        "sequential: every layer takes g",
        (BACKWARD_STEP, "x_grad = layer.backward(grad_output)"),
        ("return grad_output", "return x_grad"),
        says="every layer is given the upstream gradient; each takes what the layer behind it gives",
    ),
    backward(
        "sequential: no backward of the first layer",
        (BACKWARD_LOOP, "for layer in self.layers[:0:-1]"),
        says="the first layer is left out of backward",
    ),
    backward(
        "sequential: no backward of the last layer",
        (BACKWARD_LOOP, "for layer in self.layers[-2::-1]"),
        says="the last layer is left out of backward",
    ),
    backward(
        "sequential: backward twice",
        (BACKWARD_STEP, f"layer.backward(grad_output)\n            {BACKWARD_STEP}"),
        says="every backward runs twice, and adds to the gradients twice",
    ),
)

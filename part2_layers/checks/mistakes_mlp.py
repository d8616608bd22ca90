"""Known mistakes in the multi-layer perceptrons and in Residual."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

mlp0 = partial(mistake, "mlp.mlp0")
mlp1 = partial(mistake, "mlp.mlp1")
mlp4 = partial(mistake, "mlp.mlp4")
forward = partial(mistake, "residual.forward")
backward = partial(mistake, "residual.backward")

FORWARD = "return x + inner"
BACKWARD = "return grad_output + self.inner.backward(grad_output)"
BLOCKS = "for _ in range(num_blocks)"
INNER = "Linear(hidden_size, hidden_size, dtype=dtype, rng=rng)"
LAST = "Linear(hidden_size, out_features, dtype=dtype, rng=rng)"

MISTAKES = (
    mlp0("mlp: no activation", ("            ReLU(),\n", "")),
    mlp0(
        "mlp: activation at the end",
        (f"{LAST},\n", f"{LAST},\n            ReLU(),\n"),
        says="there is an activation after the last layer",
    ),
    mlp0(
        "mlp: another activation",
        ("import ReLU", "import GELU as ReLU"),
        says="the activations are GELU instead of ReLU",
    ),
    mlp0(
        "mlp: tanh as the activation",
        ("import ReLU", "import Tanh as ReLU"),
        says="the activations are Tanh instead of ReLU",
    ),
    mlp1(
        "mlp: sigmoid as the activation",
        ("import ReLU", "import Sigmoid as ReLU"),
        says="the activations are Sigmoid instead of ReLU",
    ),
    mlp0("mlp: rng not handed on", ("dtype=dtype, rng=rng", "dtype=dtype")),
    mlp0("mlp: dtype not handed on", ("dtype=dtype, rng=rng", "rng=rng")),
    mlp1("mlp: normalisation in float64", ("BatchNorm1d(first, dtype=dtype)", "BatchNorm1d(first, dtype=float)")),
    mlp1("mlp: hidden sizes exchanged", ("first, second = hidden_sizes", "second, first = hidden_sizes")),
    forward("mlp: no way around", (FORWARD, "return inner"), says="x does not go around f: the output is f(x) alone"),
    forward("mlp: f left out", (FORWARD, "return x"), says="f is left out: the output is x alone"),
    forward(
        "mlp: adds into x", (FORWARD, "x += inner\n        return x"), says="x was changed in place; make a new array"
    ),
    forward(
        "mlp: adds into what f gives",
        (FORWARD, "inner += x\n        return inner"),
        says="x was changed in place; make a new array",
    ),
    backward(
        "mlp: no way back around",
        (BACKWARD, "return self.inner.backward(grad_output)"),
        says="the way around f is missing: x_grad is f's gradient alone",
    ),
    backward(
        "mlp: no way back through",
        (BACKWARD, "return grad_output"),
        says="the way through f is missing: x_grad is g alone",
    ),
    backward(
        "mlp: goes back twice",
        (BACKWARD, f"self.inner.backward(grad_output)\n        {BACKWARD}"),
        says="f's backward runs twice, and adds to its gradients twice",
    ),
    backward(
        "mlp: adds into grad_output",
        (BACKWARD, "grad_output += self.inner.backward(grad_output)\n        return grad_output"),
        says="grad_output was changed in place; make a new array",
    ),
    backward(
        "mlp: adds into f's gradient",
        (BACKWARD, "x_grad = self.inner.backward(grad_output)\n        x_grad += grad_output\n        return x_grad"),
        says="grad_output was changed in place; make a new array",
    ),
    backward(
        "mlp: backward begins with zero_grad",
        (BACKWARD, f"self.zero_grad()\n        {BACKWARD}"),
        says="the gradients of the parameters are overwritten by a second backward; each backward must add",
    ),
    mlp4(
        "mlp: no skip connection",
        (FORWARD, "return inner"),
        (BACKWARD, "return self.inner.backward(grad_output)"),
        says="x does not go around the blocks",
    ),
    mlp4("mlp: one block fewer", (BLOCKS, "for _ in range(num_blocks - 1)")),
    mlp4("mlp: all blocks start alike", (INNER, INNER.replace("rng=rng", "rng=np.random.default_rng(0)"))),
)

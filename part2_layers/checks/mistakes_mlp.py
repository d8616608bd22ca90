"""What may go wrong in the multi-layer perceptrons and in Residual."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

mlp0 = partial(Mistake, exercise="mlp.mlp0", file="mlp.py")
mlp1 = partial(Mistake, exercise="mlp.mlp1", file="mlp.py")
mlp4 = partial(Mistake, exercise="mlp.mlp4", file="mlp.py")
forward = partial(Mistake, exercise="residual.forward", file="mlp.py")
backward = partial(Mistake, exercise="residual.backward", file="mlp.py")

FORWARD = "return x + inner"
BACKWARD = "return grad_output + self.inner.backward(grad_output)"
BLOCKS = "for _ in range(num_blocks)"
INNER = "Linear(hidden_size, hidden_size, dtype=dtype, rng=rng)"
LAST = "Linear(hidden_size, out_features, dtype=dtype, rng=rng)"

MISTAKES = (
    mlp0("mlp: no activation", edits=(("            ReLU(),\n", ""),)),
    mlp0("mlp: activation at the end", edits=((LAST, f"Sequential({LAST}, ReLU())"),)),
    mlp0("mlp: another activation", edits=(("import ReLU", "import GELU as ReLU"),)),
    mlp0("mlp: rng not handed on", edits=(("dtype=dtype, rng=rng", "dtype=dtype"),)),
    mlp1("mlp: dtype not handed on", edits=(("dtype=dtype, rng=rng", "rng=rng"),)),
    mlp1(
        "mlp: normalisation in float64", edits=(("BatchNorm1d(first, dtype=dtype)", "BatchNorm1d(first, dtype=float)"),)
    ),
    mlp1("mlp: hidden sizes exchanged", edits=(("first, second = hidden_sizes", "second, first = hidden_sizes"),)),
    forward("mlp: no way around", edits=((FORWARD, "return inner"),)),
    forward("mlp: adds into x", edits=((FORWARD, "x += inner\n        return x"),)),
    forward(
        "mlp: adds into what f gives",
        edits=((FORWARD, "inner += x\n        return inner"),),
    ),
    backward("mlp: no way back around", edits=((BACKWARD, "return self.inner.backward(grad_output)"),)),
    backward("mlp: no way back through", edits=((BACKWARD, "return grad_output"),)),
    backward("mlp: goes back twice", edits=((BACKWARD, f"self.inner.backward(grad_output)\n        {BACKWARD}"),)),
    backward(
        "mlp: adds into grad_output",
        edits=((BACKWARD, "grad_output += self.inner.backward(grad_output)\n        return grad_output"),),
    ),
    mlp4("mlp: no skip connection", edits=((FORWARD, "return inner"),)),
    mlp4("mlp: one block fewer", edits=((BLOCKS, "for _ in range(num_blocks - 1)"),)),
    mlp4("mlp: all blocks start alike", edits=((INNER, INNER.replace("rng=rng", "rng=np.random.default_rng(0)")),)),
)

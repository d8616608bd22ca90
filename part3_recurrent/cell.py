"""The base of both cells: their parameters, the stack, the checks, and σ. Given."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from part2_layers.module import Module, check_floats, check_grad_output, check_shape, integer, uniform


class Cell(Module):
    """One step of a recurrent network.

    Forward may be called once per time step: each call pushes onto `stack` what its backward will need, and each
    backward pops the last.  A batch of 0 works.
    Parameters: weight_ih (gates·n, i), weight_hh (gates·n, n), bias_ih and bias_hh (gates·n,), uniform between ±1/√n.
    Raises ValueError for sizes that are not positive.
    """

    gates: ClassVar[int]
    weight_ih: ndarray
    weight_hh: ndarray
    bias_ih: ndarray | None
    bias_hh: ndarray | None
    weight_ih_grad: ndarray
    weight_hh_grad: ndarray
    bias_ih_grad: ndarray
    bias_hh_grad: ndarray

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self.input_size = integer("input_size", input_size)
        self.hidden_size = integer("hidden_size", hidden_size)
        rng, rows = rng or np.random.default_rng(), self.gates * hidden_size
        for name, shape in (("weight_ih", (rows, input_size)), ("weight_hh", (rows, hidden_size))):
            self.add_parameter(name, uniform(rng, shape, hidden_size, dtype))
        for name in ("bias_ih", "bias_hh"):
            self.add_parameter(name, uniform(rng, (rows,), hidden_size, dtype) if bias else None)
        self.stack: list[tuple[ndarray, ...]] = []

    def check_step(self, x: ndarray, h: ndarray | None) -> ndarray:
        """Return h, or zeros for None.  Raises TypeError for anything but floats, ValueError for another shape."""
        check_floats("x", x)
        check_shape("x", x, ("batch", self.input_size))
        if h is None:
            return np.zeros((len(x), self.hidden_size), x.dtype)
        check_floats("h", h)
        check_shape("h", h, (len(x), self.hidden_size))
        return h

    def check_gradient(self, grad_output: ndarray) -> None:
        """Raise RuntimeError if no forward is left, and an error unless grad_output fits the last one's x."""
        check_grad_output(grad_output, (len(self.stack[-1][0]), self.hidden_size) if self.stack else None)


def sigmoid(x: ndarray) -> ndarray:
    """Compute σ(x) = 1 / (1 + e⁻ˣ), written so that nothing overflows."""
    return 0.5 * (1 + np.tanh(0.5 * x))

"""RNNCell: one step of the simplest recurrent network."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from part3_recurrent.cell import Cell


class RNNCell(Cell):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh)     (Elman 1990)."""

    gates = 1

    def forward(self, x: ndarray, h: ndarray | None = None) -> ndarray:
        """Compute the next hidden state; push (x, and what else backward needs) onto self.stack.

        Shapes: x (b, i), h (b, n), result (b, n).  Without h: zeros.
        Raises TypeError for anything but floats, ValueError for another shape.
        """
        h = self.check_step(x, h)
        # YOUR CODE HERE
        raise NotImplementedError(
            "rnn_cell.forward: tanh(W_ih x + b_ih + W_hh h + b_hh); push x first. "
            "See part3_recurrent/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def backward(self, grad_output: ndarray) -> tuple[ndarray, ndarray]:
        """Compute dL/dx = a W_ih and dL/dh = a W_hh, where a = g · (1 - h'²), of the last forward on the stack.

        dL/dW_ih = Σ aᵀ x, dL/dW_hh = Σ aᵀ h, and each bias takes Σ a.
        Shapes: grad_output (b, n), results (b, i) and (b, n).  Raises RuntimeError if no forward is left.
        """
        self.check_gradient(grad_output)
        # YOUR CODE HERE
        raise NotImplementedError(
            "rnn_cell.backward: pop; a = g · (1 - h'²); the gradients of x, h and the parameters. "
            "See part3_recurrent/README.md; SFRATORCH_CODE=solution runs the reference."
        )

"""GRUCell: one step of a network with gates."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from part3_recurrent.cell import Cell, sigmoid


class GRUCell(Cell):
    """r = σ(x_r + h_r),  z = σ(x_z + h_z),  n = tanh(x_n + r ⊙ h_n),  h' = (1 - z) ⊙ n + z ⊙ h.

    (x_r, x_z, x_n) = W_ih x + b_ih and (h_r, h_z, h_n) = W_hh h + b_hh: the gates stand in torch's order.
    Cho et al. 2014, with r where cuDNN and torch have it: after the product with W_hh.
    """

    gates = 3

    def forward(self, x: ndarray, h: ndarray | None = None) -> ndarray:
        """Compute the next hidden state; push (x, and what else backward needs) onto self.stack.

        Shapes: x (b, i), h (b, hidden), result (b, hidden).  Without h: zeros.
        Raises TypeError for anything but floats, ValueError for another shape.
        """
        h = self.check_step(x, h)
        # YOUR CODE HERE
        raise NotImplementedError(
            "gru_cell.forward: r, z, n, then (1 - z) ⊙ n + z ⊙ h; push x first. "
            "See part3_recurrent/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def backward(self, grad_output: ndarray) -> tuple[ndarray, ndarray]:
        """Compute dL/dx and dL/dh of the last forward on the stack, with g = grad_output:

        dn = g (1 - z) (1 - n²),  dz = g (h - n) z (1 - z),  dr = dn h_n r (1 - r)     (before tanh and σ)
        dL/dx = (dr, dz, dn) W_ih,  dL/dh = g z + (dr, dz, dn r) W_hh
        The same two triples give dL/dW_ih = Σ (…)ᵀ x, dL/dW_hh = Σ (…)ᵀ h, and their sums the biases' gradients.
        Shapes: grad_output (b, hidden), results (b, i) and (b, hidden).  Raises RuntimeError if no forward is left.
        """
        self.check_gradient(grad_output)
        # YOUR CODE HERE
        raise NotImplementedError(
            "gru_cell.backward: pop; dr, dz, dn; the gradients of x, h and the parameters. "
            "See part3_recurrent/README.md; SFRATORCH_CODE=solution runs the reference."
        )

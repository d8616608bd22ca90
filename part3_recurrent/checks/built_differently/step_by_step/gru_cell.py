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

        Shapes: x (b, i), h (b, n), result (b, n).  Without h: zeros.
        Raises TypeError for anything but floats, ValueError for another shape.
        """
        h = self.check_step(x, h)
        of_x = np.einsum("gni,bi->gbn", self.by_gate(self.weight_ih), x)
        of_h = np.einsum("gnm,bm->gbn", self.by_gate(self.weight_hh), h)
        if self.bias_ih is not None and self.bias_hh is not None:
            of_x = of_x + self.by_gate(self.bias_ih)[:, None]
            of_h = of_h + self.by_gate(self.bias_hh)[:, None]
        r, z = (sigmoid(of_x[gate] + of_h[gate]) for gate in (0, 1))
        n = np.tanh(of_x[2] + r * of_h[2])
        self.stack.append((x, h, r, z, n, of_h[2]))
        return n - z * n + z * h

    def backward(self, grad_output: ndarray) -> tuple[ndarray, ndarray]:
        """Compute dL/dx and dL/dh of the last forward on the stack, with g = grad_output:

        dn = g (1 - z) (1 - n²),  dz = g (h - n) z (1 - z),  dr = dn h_n r (1 - r)     (before tanh and σ)
        dL/dx = (dr, dz, dn) W_ih,  dL/dh = g z + (dr, dz, dn r) W_hh
        The same two triples give dL/dW_ih = Σ (…)ᵀ x, dL/dW_hh = Σ (…)ᵀ h, and their sums the biases' gradients.
        Shapes: grad_output (b, n), results (b, i) and (b, n).  Raises RuntimeError if no forward is left.
        """
        self.check_gradient(grad_output)
        x, h, r, z, n, h_n = self.stack.pop()
        n_grad = (grad_output - grad_output * z) * (1 - n * n)
        z_grad = grad_output * (h - n) * z * (1 - z)
        r_grad = n_grad * h_n * r * (1 - r)
        of_x, of_h = np.stack([r_grad, z_grad, n_grad]), np.stack([r_grad, z_grad, n_grad * r])
        self.weight_ih_grad += np.einsum("gbn,bi->gni", of_x, x).reshape(self.weight_ih.shape)
        self.weight_hh_grad += np.einsum("gbn,bm->gnm", of_h, h).reshape(self.weight_hh.shape)
        if self.bias_ih is not None:
            self.bias_ih_grad += np.einsum("gbn->gn", of_x).ravel()
            self.bias_hh_grad += np.einsum("gbn->gn", of_h).ravel()
        x_grad = np.einsum("gbn,gni->bi", of_x, self.by_gate(self.weight_ih))
        return x_grad, grad_output * z + np.einsum("gbn,gnm->bm", of_h, self.by_gate(self.weight_hh))

    def by_gate(self, parameter: ndarray) -> ndarray:
        """Give the parameter an axis for the gates before the others."""
        return parameter.reshape(3, self.hidden_size, *parameter.shape[1:])

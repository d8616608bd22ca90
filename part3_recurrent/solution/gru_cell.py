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
        ### BEGIN SOLUTION gru_cell.forward: r, z, n, then (1 - z) ⊙ n + z ⊙ h; push x first
        x_gates, h_gates = x @ self.weight_ih.T, h @ self.weight_hh.T
        if self.bias_ih is not None and self.bias_hh is not None:
            x_gates += self.bias_ih
            h_gates += self.bias_hh
        (x_r, x_z, x_n), (h_r, h_z, h_n) = np.split(x_gates, 3, axis=1), np.split(h_gates, 3, axis=1)
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        n = np.tanh(x_n + r * h_n)
        self.stack.append((x, h, r, z, n, h_n))
        return (1 - z) * n + z * h
        ### END SOLUTION

    def backward(self, grad_output: ndarray) -> tuple[ndarray, ndarray]:
        """Compute dL/dx and dL/dh of the last forward on the stack, with g = grad_output:

        dn = g (1 - z) (1 - n²),  dz = g (h - n) z (1 - z),  dr = dn h_n r (1 - r)     (before tanh and σ)
        dL/dx = (dr, dz, dn) W_ih,  dL/dh = g z + (dr, dz, dn r) W_hh
        The same two triples give dL/dW_ih = Σ (…)ᵀ x, dL/dW_hh = Σ (…)ᵀ h, and their sums the biases' gradients.
        Shapes: grad_output (b, hidden), results (b, i) and (b, hidden).  Raises RuntimeError if no forward is left.
        """
        self.check_gradient(grad_output)
        ### BEGIN SOLUTION gru_cell.backward: pop; dr, dz, dn; the gradients of x, h and the parameters
        x, h, r, z, n, h_n = self.stack.pop()
        n_grad = grad_output * (1 - z) * (1 - n**2)
        z_grad = grad_output * (h - n) * z * (1 - z)
        r_grad = n_grad * h_n * r * (1 - r)
        x_gates_grad = np.concatenate([r_grad, z_grad, n_grad], axis=1)
        h_gates_grad = np.concatenate([r_grad, z_grad, n_grad * r], axis=1)
        self.weight_ih_grad += x_gates_grad.T @ x
        self.weight_hh_grad += h_gates_grad.T @ h
        if self.bias_ih is not None:
            self.bias_ih_grad += x_gates_grad.sum(axis=0)
            self.bias_hh_grad += h_gates_grad.sum(axis=0)
        return x_gates_grad @ self.weight_ih, grad_output * z + h_gates_grad @ self.weight_hh
        ### END SOLUTION

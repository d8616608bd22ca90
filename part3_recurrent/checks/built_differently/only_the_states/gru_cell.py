"""GRUCell that pushes x and h, and computes the gates a second time on the way back."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from scipy.special import expit

from part3_recurrent.cell import Cell


class GRUCell(Cell):
    """h' = (1 - z) ⊙ n + z ⊙ h, where r, z and n are computed from x and h."""

    gates = 3

    def forward(self, x: ndarray, h: ndarray | None = None) -> ndarray:
        """Push x and h."""
        h = self.check_step(x, h)
        self.stack.append((x, h))
        _, z, n, _ = self.gates_of(x, h)
        return h * z + n * (1 - z)

    def backward(self, grad_output: ndarray) -> tuple[ndarray, ndarray]:
        """Compute the gates again, then the gradients gate by gate."""
        self.check_gradient(grad_output)
        x, h = self.stack.pop()
        r, z, n, h_n = self.gates_of(x, h)
        n_grad = grad_output * (1 - z) * (1 + n) * (1 - n)
        z_grad = grad_output * (h - n) * z * (1 - z)
        r_grad = n_grad * h_n * (r - r**2)
        x_grad, h_grad = np.zeros_like(x), grad_output * z
        units = self.hidden_size
        for gate, (of_x, of_h) in enumerate([(r_grad, r_grad), (z_grad, z_grad), (n_grad, n_grad * r)]):
            rows = slice(gate * units, (gate + 1) * units)
            x_grad = x_grad + of_x @ self.weight_ih[rows]
            h_grad = h_grad + of_h @ self.weight_hh[rows]
            self.weight_ih_grad[rows] += of_x.T @ x
            self.weight_hh_grad[rows] += of_h.T @ h
            if self.bias_ih is not None:
                self.bias_ih_grad[rows] += of_x.sum(axis=0)
                self.bias_hh_grad[rows] += of_h.sum(axis=0)
        return x_grad, h_grad

    def gates_of(self, x: ndarray, h: ndarray) -> tuple[ndarray, ndarray, ndarray, ndarray]:
        """Return r, z, n, and what r is multiplied with."""
        totals = [np.inner(x, self.weight_ih), np.inner(h, self.weight_hh)]
        if self.bias_ih is not None and self.bias_hh is not None:
            totals = [totals[0] + self.bias_ih, totals[1] + self.bias_hh]
        (x_r, x_z, x_n), (h_r, h_z, h_n) = (np.hsplit(total, 3) for total in totals)
        r = expit(x_r + h_r)
        return r, expit(x_z + h_z), np.tanh(x_n + r * h_n), h_n

"""GRUCell: one matrix of eight blocks, two of them zero, times the vector (x, h)."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from part3_recurrent.cell import Cell, sigmoid


class GRUCell(Cell):
    """h' = n + z ⊙ (h - n), where n = tanh(n_x + r ⊙ n_h)."""

    gates = 3

    def forward(self, x: ndarray, h: ndarray | None = None) -> ndarray:
        """Push (x, h) and the gates."""
        h = self.check_step(x, h)
        inputs = np.hstack([x, h])
        totals = inputs @ block_matrix(self.weight_ih, self.weight_hh).T
        if self.bias_ih is not None and self.bias_hh is not None:
            totals = totals + block_bias(self.bias_ih, self.bias_hh)
        gates = gates_of(totals)
        self.stack.append((inputs, *gates))
        z, n = gates[1:3]
        return n + z * (h - n)

    def backward(self, grad_output: ndarray) -> tuple[ndarray, ndarray]:
        """Go back through the same matrix."""
        self.check_gradient(grad_output)
        inputs, *gates = self.stack.pop()
        totals_grad = gates_backward(grad_output, inputs[:, self.input_size :], *gates)
        weight_ih_grad, weight_hh_grad = split_blocks(totals_grad.T @ inputs, self.hidden_size)
        self.weight_ih_grad += weight_ih_grad
        self.weight_hh_grad += weight_hh_grad
        if self.bias_ih is not None:
            bias_ih_grad, bias_hh_grad = split_bias(totals_grad.sum(axis=0))
            self.bias_ih_grad += bias_ih_grad
            self.bias_hh_grad += bias_hh_grad
        inputs_grad = totals_grad @ block_matrix(self.weight_ih, self.weight_hh)
        return inputs_grad[:, : self.input_size], inputs_grad[:, self.input_size :] + grad_output * gates[1]


def block_matrix(weight_ih: ndarray, weight_hh: ndarray) -> ndarray:
    """Return the rows of r, z, n_x and n_h for the columns of x and h.  Shape: (4n, i + n)."""
    n, inputs = weight_hh.shape[1], weight_ih.shape[1]
    above = np.hstack([weight_ih[: 2 * n], weight_hh[: 2 * n]])
    n_x = np.hstack([weight_ih[2 * n :], np.zeros((n, n), weight_hh.dtype)])
    n_h = np.hstack([np.zeros((n, inputs), weight_ih.dtype), weight_hh[2 * n :]])
    return np.vstack([above, n_x, n_h])


def block_bias(bias_ih: ndarray, bias_hh: ndarray) -> ndarray:
    """Return the biases of r, z, n_x and n_h."""
    r_z = 2 * len(bias_ih) // 3
    return np.concatenate([bias_ih[:r_z] + bias_hh[:r_z], bias_ih[r_z:], bias_hh[r_z:]])


def split_blocks(matrix_grad: ndarray, n: int) -> tuple[ndarray, ndarray]:
    """Return the gradients of W_ih and W_hh."""
    of_x, of_h = matrix_grad[:, :-n], matrix_grad[:, -n:]
    return of_x[: 3 * n], np.delete(of_h, np.s_[2 * n : 3 * n], axis=0)


def split_bias(bias_grad: ndarray) -> tuple[ndarray, ndarray]:
    """Return the gradients of b_ih and b_hh."""
    r, z, n_x, n_h = np.split(bias_grad, 4)
    return np.concatenate([r, z, n_x]), np.concatenate([r, z, n_h])


def gates_of(totals: ndarray) -> tuple[ndarray, ndarray, ndarray, ndarray]:
    """Return r, z, n and n_h.  Shapes: (b, 4n), then (b, n) each."""
    r, z, n_x, n_h = np.split(totals, 4, axis=1)
    r, z = sigmoid(r), sigmoid(z)
    return r, z, np.tanh(n_x + r * n_h), n_h


def gates_backward(g: ndarray, h: ndarray, r: ndarray, z: ndarray, n: ndarray, n_h: ndarray) -> ndarray:
    """Return the gradient of all totals.  Shape: (b, 4n)."""
    n_grad = g * (1 - z) * (1 - n * n)
    return np.hstack([n_grad * n_h * r * (1 - r), g * (h - n) * z * (1 - z), n_grad, n_grad * r])

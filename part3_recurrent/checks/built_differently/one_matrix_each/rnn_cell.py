"""RNNCell: one matrix (W_ih, W_hh) times the vector (x, h)."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from part3_recurrent.cell import Cell


class RNNCell(Cell):
    """h' = tanh((W_ih, W_hh) (x, h) + b_ih + b_hh)."""

    gates = 1

    def forward(self, x: ndarray, h: ndarray | None = None) -> ndarray:
        """Push (x, h) and the slope of tanh."""
        inputs = np.hstack([x, self.check_step(x, h)])
        total = inputs @ self.matrix().T
        if self.bias_ih is not None:
            total = total + self.bias_ih + self.bias_hh
        output = np.tanh(total)
        self.stack.append((inputs, (1 + output) * (1 - output)))
        return output

    def backward(self, grad_output: ndarray) -> tuple[ndarray, ndarray]:
        """Split the gradients of the matrix and of the vector where x ends."""
        self.check_gradient(grad_output)
        inputs, slope = self.stack.pop()
        total_grad = slope * grad_output
        matrix_grad = total_grad.T @ inputs
        self.weight_ih_grad += matrix_grad[:, : self.input_size]
        self.weight_hh_grad += matrix_grad[:, self.input_size :]
        if self.bias_ih is not None:
            for bias_grad in (self.bias_ih_grad, self.bias_hh_grad):
                bias_grad += np.einsum("bn->n", total_grad)
        x_grad, h_grad = np.split(total_grad @ self.matrix(), [self.input_size], axis=1)
        return x_grad, h_grad

    def matrix(self) -> ndarray:
        """(W_ih, W_hh), a row for each hidden unit."""
        return np.hstack([self.weight_ih, self.weight_hh])

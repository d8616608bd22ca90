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
        ### BEGIN SOLUTION rnn_cell.forward: tanh(W_ih x + b_ih + W_hh h + b_hh); push x first
        total = x @ self.weight_ih.T + h @ self.weight_hh.T
        if self.bias_ih is not None and self.bias_hh is not None:
            total += self.bias_ih + self.bias_hh
        output = np.tanh(total)
        self.stack.append((x, h, output))
        return output
        ### END SOLUTION

    def backward(self, grad_output: ndarray) -> tuple[ndarray, ndarray]:
        """Compute dL/dx = a W_ih and dL/dh = a W_hh, where a = g · (1 - h'²), of the last forward on the stack.

        dL/dW_ih = Σ aᵀ x, dL/dW_hh = Σ aᵀ h, and each bias takes Σ a.
        Shapes: grad_output (b, n), results (b, i) and (b, n).  Raises RuntimeError if no forward is left.
        """
        self.check_gradient(grad_output)
        ### BEGIN SOLUTION rnn_cell.backward: pop; a = g · (1 - h'²); the gradients of x, h and the parameters
        x, h, output = self.stack.pop()
        total_grad = grad_output * (1 - output**2)
        self.weight_ih_grad += total_grad.T @ x
        self.weight_hh_grad += total_grad.T @ h
        if self.bias_ih is not None:
            self.bias_ih_grad += total_grad.sum(axis=0)
            self.bias_hh_grad += total_grad.sum(axis=0)
        return total_grad @ self.weight_ih, total_grad @ self.weight_hh
        ### END SOLUTION

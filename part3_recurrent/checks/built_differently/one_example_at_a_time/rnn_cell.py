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
        rows = []
        for x_b, h_b in zip(x, h, strict=True):
            total = self.weight_ih @ x_b + self.weight_hh @ h_b
            if self.bias_ih is not None and self.bias_hh is not None:
                total = total + self.bias_ih + self.bias_hh
            rows.append(np.tanh(total))
        output = np.stack(rows)
        self.stack.append((x, h, output))
        return output

    def backward(self, grad_output: ndarray) -> tuple[ndarray, ndarray]:
        """Compute dL/dx = a W_ih and dL/dh = a W_hh, where a = g · (1 - h'²), of the last forward on the stack.

        dL/dW_ih = Σ aᵀ x, dL/dW_hh = Σ aᵀ h, and each bias takes Σ a.
        Shapes: grad_output (b, n), results (b, i) and (b, n).  Raises RuntimeError if no forward is left.
        """
        self.check_gradient(grad_output)
        x_grads, h_grads = [], []
        for grad, x, h, output in zip(grad_output, *self.stack.pop(), strict=True):
            a = grad * (1 + output) * (1 - output)
            self.weight_ih_grad += np.outer(a, x)
            self.weight_hh_grad += np.outer(a, h)
            if self.bias_ih is not None:
                self.bias_ih_grad += a
                self.bias_hh_grad += a
            x_grads.append(a @ self.weight_ih)
            h_grads.append(a @ self.weight_hh)
        return np.stack(x_grads), np.stack(h_grads)

"""RNN: at every time step one matrix (W_ih, W_hh) times the vectors (x, h)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from part3_recurrent.recurrent import Recurrent


class RNN(Recurrent):
    """h_t = tanh((W_ih, W_hh) (x_t, h_(t-1)) + b_ih + b_hh) in each layer and direction, as torch.nn.RNN."""

    gates = 1

    def run(self, x: ndarray, h_0: ndarray, running: Sequence[int], name: str) -> tuple[ndarray, ndarray]:
        """Keep (x, h) and the output of every time step."""
        weight_ih, weight_hh, bias_ih, bias_hh = self.parameters_of(name)
        matrix, outputs, h = np.hstack([weight_ih, weight_hh]), [], h_0
        kept: list[tuple[ndarray, ndarray]] = []
        for t, rows in enumerate(running):
            inputs = np.hstack([x[t, :rows], h[:rows]])
            output = np.tanh(inputs @ matrix.T + bias_ih + bias_hh)
            kept.append((inputs, output))
            h = np.vstack([output, h[rows:]])
            outputs.append(np.pad(output, ((0, len(h) - rows), (0, 0))))
        setattr(self, f"kept_{name}", kept)
        return np.array(outputs), h

    def run_backward(
        self, output_grad: ndarray, h_n_grad: ndarray, running: Sequence[int], name: str
    ) -> tuple[ndarray, ndarray]:
        """Add up the gradient of the matrix over time, and split it at the end."""
        weight_ih, weight_hh, _, _ = self.parameters_of(name)
        matrix, h_grad, inputs_size = np.hstack([weight_ih, weight_hh]), h_n_grad, weight_ih.shape[1]
        matrix_grad, bias_grad = np.zeros_like(matrix), np.zeros_like(matrix[:, 0])
        x_grad = np.zeros((*output_grad.shape[:2], inputs_size), output_grad.dtype)
        for t in range(len(running))[::-1]:
            inputs, output = getattr(self, f"kept_{name}")[t]
            rows = len(output)
            a = (output_grad[t, :rows] + h_grad[:rows]) * (1 + output) * (1 - output)
            matrix_grad += a.T @ inputs
            bias_grad += a.sum(axis=0)
            x_grad[t, :rows], before_grad = np.split(a @ matrix, [inputs_size], axis=1)
            h_grad = np.vstack([before_grad, h_grad[rows:]])
        self.add_gradients(name, matrix_grad[:, :inputs_size], matrix_grad[:, inputs_size:], bias_grad, bias_grad)
        return x_grad, h_grad

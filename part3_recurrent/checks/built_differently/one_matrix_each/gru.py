"""GRU: at every time step the block matrix of GRUCell times the vectors (x, h)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from part3_recurrent.gru_cell import (  # type: ignore[attr-defined]
    block_bias,
    block_matrix,
    gates_backward,
    gates_of,
    split_bias,
    split_blocks,
)
from part3_recurrent.recurrent import Recurrent


class GRU(Recurrent):
    """GRUCell's equations at every time step, in each layer and direction, as torch.nn.GRU."""

    gates = 3

    def run(self, x: ndarray, h_0: ndarray, running: Sequence[int], name: str) -> tuple[ndarray, ndarray]:
        """Keep (x, h) and the gates of every time step."""
        weight_ih, weight_hh, bias_ih, bias_hh = self.parameters_of(name)
        matrix, h = block_matrix(weight_ih, weight_hh), h_0
        bias = block_bias(np.asarray(bias_ih), np.asarray(bias_hh)) if self.bias else 0
        kept, outputs = [], []
        for t, rows in enumerate(running):
            inputs = np.hstack([x[t, :rows], h[:rows]])
            gates = gates_of(inputs @ matrix.T + bias)
            kept.append((inputs, gates))
            _, z, n, _ = gates
            h = np.vstack([(1 - z) * n + z * h[:rows], h[rows:]])
            outputs.append(np.where(np.arange(len(h))[:, None] < rows, h, 0))
        setattr(self, f"kept_{name}", kept)
        return np.stack(outputs), h

    def run_backward(
        self, output_grad: ndarray, h_n_grad: ndarray, running: Sequence[int], name: str
    ) -> tuple[ndarray, ndarray]:
        """Add up the gradient of the matrix over time, and split it at the end."""
        weight_ih, weight_hh, _, _ = self.parameters_of(name)
        matrix, h_grad, size = block_matrix(weight_ih, weight_hh), h_n_grad, weight_ih.shape[1]
        matrix_grad, bias_grad = np.zeros_like(matrix), np.zeros_like(matrix[:, 0])
        x_grad = np.zeros((*output_grad.shape[:2], size), output_grad.dtype)
        for t in range(len(running))[::-1]:
            inputs, gates = getattr(self, f"kept_{name}")[t]
            rows = len(inputs)
            g = output_grad[t, :rows] + h_grad[:rows]
            totals_grad = gates_backward(g, inputs[:, size:], *gates)
            matrix_grad += totals_grad.T @ inputs
            bias_grad += totals_grad.sum(axis=0)
            x_grad[t, :rows], before_grad = np.split(totals_grad @ matrix, [size], axis=1)
            h_grad = np.vstack([before_grad + g * gates[1], h_grad[rows:]])
        self.add_gradients(name, *split_blocks(matrix_grad, self.hidden_size), *split_bias(bias_grad))
        return x_grad, h_grad

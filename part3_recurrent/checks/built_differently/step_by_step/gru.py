"""GRU: gated recurrent units, over all time steps of a direction; each step keeps what its own backward needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from part3_recurrent.cell import sigmoid
from part3_recurrent.recurrent import Recurrent


class GRU(Recurrent):
    """GRUCell's equations at every time step, in each layer and direction, as torch.nn.GRU     (Cho et al. 2014)."""

    gates = 3

    def run(self, x: ndarray, h_0: ndarray, running: Sequence[int], name: str) -> tuple[ndarray, ndarray]:
        """Compute the output (t, b, n), zero after each end, and h_n (b, n) from x (t, b, ·) and h_0 (b, n).

        At time t the first running[t] sequences go on; the state of the others stays.  `name` is that of the layer and
        direction, such as "l0_reverse".
        """
        weight_ih, weight_hh, bias_ih, bias_hh = self.parameters_of(name)
        h, kept = h_0, []
        outputs = np.zeros((len(x), *h_0.shape), h_0.dtype)
        for t, rows in enumerate(running):
            before = h[:rows]
            x_r, x_z, x_n = np.split(x[t, :rows] @ weight_ih.T + bias_ih, 3, axis=1)
            h_r, h_z, h_n = np.split(before @ weight_hh.T + bias_hh, 3, axis=1)
            r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
            n = np.tanh(x_n + r * h_n)
            kept.append((x[t, :rows], before, r, z, n, h_n))
            h = np.concatenate([(1 - z) * n + z * before, h[rows:]])
            outputs[t, :rows] = h[:rows]
        setattr(self, f"kept_{name}", kept)
        return outputs, h

    def run_backward(
        self, output_grad: ndarray, h_n_grad: ndarray, running: Sequence[int], name: str
    ) -> tuple[ndarray, ndarray]:
        """Compute the gradients of x (t, b, ·) and h_0 (b, n), and add those of the parameters to theirs.

        GRUCell's equations, with g = output_grad_t + what comes back from step t + 1, or h_n_grad at a sequence's end.
        """
        weight_ih, weight_hh, _, _ = self.parameters_of(name)
        kept = getattr(self, f"kept_{name}")
        h_grad = h_n_grad
        x_grads = np.zeros((*output_grad.shape[:2], weight_ih.shape[1]), output_grad.dtype)
        for t, rows in reversed(list(enumerate(running))):
            x, h, r, z, n, h_n = kept[t]
            grad = output_grad[t, :rows] + h_grad[:rows]
            n_grad, z_grad = grad * (1 - z) * (1 - n**2), grad * (h - n) * z * (1 - z)
            r_grad = n_grad * h_n * r * (1 - r)
            of_x = np.concatenate([r_grad, z_grad, n_grad], axis=1)
            of_h = np.concatenate([r_grad, z_grad, n_grad * r], axis=1)
            self.add_gradients(name, of_x.T @ x, of_h.T @ h, of_x.sum(axis=0), of_h.sum(axis=0))
            x_grads[t, :rows] = of_x @ weight_ih
            h_grad = np.concatenate([grad * z + of_h @ weight_hh, h_grad[rows:]])
        return x_grads, h_grad

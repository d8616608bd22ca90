"""GRU that keeps x and the states; the gates of all time steps are computed again at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import ndarray
from scipy.special import expit

from part3_recurrent.recurrent import Recurrent


class GRU(Recurrent):
    """GRUCell's equations at every time step, in each layer and direction, as torch.nn.GRU."""

    gates = 3

    def run(self, x: ndarray, h_0: ndarray, running: Sequence[int], name: str) -> tuple[ndarray, ndarray]:
        """Keep x and the state before each step."""
        time, batch, _ = x.shape
        states = np.empty((time + 1, batch, self.hidden_size), np.result_type(x, self.parameters_of(name)[0]))
        states[0] = h_0
        for t, rows in enumerate(running):
            _, z, n, _ = self.gates_of(x[t, :rows], states[t, :rows], name)
            states[t + 1, :rows] = n + z * (states[t, :rows] - n)
            states[t + 1, rows:] = states[t, rows:]
        setattr(self, f"kept_{name}", (x, states[:-1]))
        return np.where(is_running(running, batch), states[1:], 0), states[-1]

    def run_backward(
        self, output_grad: ndarray, h_n_grad: ndarray, running: Sequence[int], name: str
    ) -> tuple[ndarray, ndarray]:
        """Compute the gates of all steps, and go back; the padding's slopes are zero."""
        weight_ih, weight_hh, _, _ = self.parameters_of(name)
        x, before = getattr(self, f"kept_{name}")
        r, z, n, h_n = self.gates_of(x, before, name)
        runs = is_running(running, x.shape[1])
        n_slope = np.where(runs, (1 - z) * (1 - n**2), 0)
        r_slope, z_slope = n_slope * h_n * r * (1 - r), np.where(runs, (before - n) * z * (1 - z), 0)
        of_x = np.concatenate([r_slope, z_slope, n_slope], axis=-1)
        of_h = np.concatenate([r_slope, z_slope, n_slope * r], axis=-1)
        h_grad = h_n_grad
        for t in reversed(range(len(x))):
            g = np.where(runs[t], output_grad[t], 0) + h_grad
            of_x[t] *= np.tile(g, 3)
            of_h[t] *= np.tile(g, 3)
            h_grad = np.where(runs[t], g * z[t], g) + of_h[t] @ weight_hh
        weight_ih_grad = np.tensordot(of_x, x, ([0, 1], [0, 1]))
        weight_hh_grad = np.tensordot(of_h, before, ([0, 1], [0, 1]))
        self.add_gradients(name, weight_ih_grad, weight_hh_grad, of_x.sum(axis=(0, 1)), of_h.sum(axis=(0, 1)))
        return np.dot(of_x, weight_ih), h_grad

    def gates_of(self, x: ndarray, h: ndarray, name: str) -> tuple[ndarray, ndarray, ndarray, ndarray]:
        """Return r, z, n, and what r is multiplied with, for any number of leading axes."""
        weight_ih, weight_hh, bias_ih, bias_hh = self.parameters_of(name)
        x_r, x_z, x_n = np.split(np.inner(x, weight_ih) + bias_ih, 3, axis=-1)
        h_r, h_z, h_n = np.split(np.inner(h, weight_hh) + bias_hh, 3, axis=-1)
        r = expit(x_r + h_r)
        return r, expit(x_z + h_z), np.tanh(x_n + r * h_n), h_n


def is_running(running: Sequence[int], batch: int) -> ndarray:
    """Say which sequences go on at each time.  Shape: (t, b, 1)."""
    return (np.arange(batch) < np.reshape(running, (-1, 1)))[:, :, None]

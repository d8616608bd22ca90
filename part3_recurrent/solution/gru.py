"""GRU: gated recurrent units, over all time steps of a direction.

What does not depend on the step before is done for all steps at once, in one matrix product each: the inputs' share of
the gates, the gradients of both weights and of x.  What remains in the loop is small.
"""

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
        """Compute the output (t, b, hidden), zero after each end, and h_n (b, hidden) from x (t, b, ·) and h_0.

        At time t the first running[t] sequences go on; the state of the others stays.  `name` is that of the layer and
        direction, such as "l0_reverse".
        """
        weight_ih, weight_hh, bias_ih, bias_hh = self.parameters_of(name)
        ### BEGIN SOLUTION gru.forward: r, z, n and (1 - z) ⊙ n + z ⊙ h for every time step
        time, batch, inputs = x.shape
        x_gates = x.reshape(time * batch, inputs) @ weight_ih.T + bias_ih  # of all time steps at once
        x_r, x_z, x_n = np.split(x_gates.reshape(time, batch, 3 * self.hidden_size), 3, axis=2)  # (t, b, hidden) each
        weight_hh_t = np.ascontiguousarray(weight_hh.T)  # in order in memory, since it is read at every step
        r, z, n, h_n, output = np.zeros((5, *x_n.shape), x_n.dtype)  # zero after each end
        h = h_0.astype(x_n.dtype)
        for t, rows in enumerate(running):
            now = t, slice(rows)
            h_r, h_z, h_n[now] = np.split(h[:rows] @ weight_hh_t + bias_hh, 3, axis=1)
            r[now] = sigmoid(x_r[now] + h_r)
            z[now] = sigmoid(x_z[now] + h_z)
            n[now] = np.tanh(x_n[now] + r[now] * h_n[now])
            h[:rows] = (1 - z[now]) * n[now] + z[now] * h[:rows]
            output[now] = h[:rows]
        setattr(self, f"kept_{name}", (x, h_0, r, z, n, h_n, output))
        return output, h
        ### END SOLUTION

    def run_backward(
        self, output_grad: ndarray, h_n_grad: ndarray, running: Sequence[int], name: str
    ) -> tuple[ndarray, ndarray]:
        """Compute the gradients of x (t, b, ·) and h_0 (b, hidden), and add those of the parameters to theirs.

        GRUCell's equations, with g = output_grad_t + what comes back from step t + 1, or h_n_grad at a sequence's end.
        """
        weight_ih, weight_hh, _, _ = self.parameters_of(name)
        ### BEGIN SOLUTION gru.backward: from the last time step to the first; the weights' gradients at the end
        x, h_0, r, z, n, h_n, output = getattr(self, f"kept_{name}")
        before = np.concatenate([h_0[None], output[:-1]])  # (t, b, hidden)
        # Each gradient is g times a slope, and the slopes of all time steps are known before g is.
        n_slope = (1 - z) * (1 - n**2)
        z_slope = (before - n) * z * (1 - z)
        r_slope = n_slope * h_n * r * (1 - r)
        x_gates_slope = np.stack([r_slope, z_slope, n_slope], axis=2)  # (t, b, 3, hidden)
        h_gates_slope = np.stack([r_slope, z_slope, n_slope * r], axis=2)
        g, h_gates_grad = np.zeros_like(output), np.zeros_like(h_gates_slope)  # zero after each end
        h_grad = h_n_grad.astype(g.dtype)
        for t, rows in reversed(list(enumerate(running))):
            now = t, slice(rows)
            g[now] = output_grad[now] + h_grad[:rows]
            h_gates_grad[now] = g[now][:, None] * h_gates_slope[now]
            h_grad[:rows] = g[now] * z[now] + h_gates_grad[now].reshape(rows, 3 * self.hidden_size) @ weight_hh
        steps = len(x) * x.shape[1]  # t·b
        x_gates_grad = (g[:, :, None] * x_gates_slope).reshape(steps, 3 * self.hidden_size)
        h_gates_grad = h_gates_grad.reshape(steps, 3 * self.hidden_size)
        weight_ih_grad = x_gates_grad.T @ x.reshape(steps, x.shape[2])
        weight_hh_grad = h_gates_grad.T @ before.reshape(steps, self.hidden_size)
        self.add_gradients(name, weight_ih_grad, weight_hh_grad, x_gates_grad.sum(axis=0), h_gates_grad.sum(axis=0))
        return (x_gates_grad @ weight_ih).reshape(x.shape), h_grad
        ### END SOLUTION

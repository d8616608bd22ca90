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
        """Output (t, b, n), zero after each end, and the last hidden state (b, n), for x (t, b, ·) and h_0 (b, n).

        At time t the first running[t] sequences go on; the state of the others stays.  `name` is that of the layer and
        direction, such as "l0_reverse".
        """
        weight_ih, weight_hh, bias_ih, bias_hh = self.parameters_of(name)
        ### BEGIN SOLUTION gru.forward: r, z, n and (1 - z) ⊙ n + z ⊙ h for every time step
        n = self.hidden_size
        time, batch, inputs = x.shape
        x_gates = x.reshape(time * batch, inputs) @ weight_ih.T  # of all time steps at once
        x_gates += bias_ih
        x_gates = x_gates.reshape(time, batch, 3 * n)
        weight_hh_t = np.ascontiguousarray(weight_hh.T)  # in order in memory, since it is read at every step
        r_z = np.zeros((time, batch, 2 * n), x_gates.dtype)
        h_new, new, output = np.zeros((3, time, batch, n), x_gates.dtype)
        h = h_0.astype(x_gates.dtype)
        for t, rows in enumerate(running):
            h_gates = h[:rows] @ weight_hh_t
            h_gates += bias_hh
            r_z[t, :rows] = sigmoid(x_gates[t, :rows, : 2 * n] + h_gates[:, : 2 * n])
            r, z = r_z[t, :rows, :n], r_z[t, :rows, n:]
            h_new[t, :rows] = h_gates[:, 2 * n :]
            new[t, :rows] = np.tanh(x_gates[t, :rows, 2 * n :] + r * h_new[t, :rows])
            h[:rows] = new[t, :rows] + z * (h[:rows] - new[t, :rows])
            output[t, :rows] = h[:rows]
        setattr(self, f"kept_{name}", (x, h_0, r_z, h_new, new, output))
        return output, h
        ### END SOLUTION

    def run_backward(
        self, output_grad: ndarray, h_n_grad: ndarray, running: Sequence[int], name: str
    ) -> tuple[ndarray, ndarray]:
        """The gradients of x (t, b, ·) and h_0 (b, n); those of the parameters are added to theirs.

        GRUCell's equations, with g = output_grad_t + what comes back from step t + 1, or h_n_grad at a sequence's end.
        """
        weight_ih, weight_hh, _, _ = self.parameters_of(name)
        ### BEGIN SOLUTION gru.backward: from the last time step to the first; the weights' gradients at the end
        x, h_0, r_z, h_new, new, output = getattr(self, f"kept_{name}")
        n = self.hidden_size
        r, z = r_z[:, :, :n], r_z[:, :, n:]
        before = np.concatenate([h_0[None], output[:-1]])
        to_new = (1 - z) * (1 - new**2)  # times g: the gradient of what goes into the tanh
        gates = np.empty((*new.shape[:2], 3, n), new.dtype)  # times g: the gradients of h_r, h_z and h_n
        gates[:, :, 2] = to_new * r
        gates[:, :, 0] = gates[:, :, 2] * h_new * (1 - r)
        gates[:, :, 1] = (before - new) * z * (1 - z)
        grads = np.zeros_like(new)  # stays zero after each end
        h_grad = h_n_grad.astype(new.dtype)
        for t, rows in reversed(list(enumerate(running))):
            grad = np.add(output_grad[t, :rows], h_grad[:rows], out=grads[t, :rows])
            gates[t, :rows] *= grad[:, None]  # now they are the gradients
            gates[t, rows:] = 0
            h_grad[:rows] = grad * z[t, :rows] + gates[t, :rows].reshape(rows, 3 * n) @ weight_hh
        flat = gates.reshape(-1, 3 * n)
        weight_hh_grad, bias_hh_grad = flat.T @ before.reshape(-1, n), flat.sum(axis=0)
        gates[:, :, 2] = grads * to_new  # and now those of x_r, x_z and x_n
        weight_ih_grad, bias_ih_grad = flat.T @ x.reshape(len(flat), x.shape[2]), flat.sum(axis=0)
        self.add_gradients(name, weight_ih_grad, weight_hh_grad, bias_ih_grad, bias_hh_grad)
        return (flat @ weight_ih).reshape(x.shape), h_grad
        ### END SOLUTION

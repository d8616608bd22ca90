"""RNN: the simplest recurrent network, over all time steps of a direction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from part3_recurrent.recurrent import Recurrent


class RNN(Recurrent):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh) in each layer and direction, as torch.nn.RNN."""

    gates = 1

    def run(self, x: ndarray, h_0: ndarray, running: Sequence[int], name: str) -> tuple[ndarray, ndarray]:
        """Compute the output (t, b, n), zero after each end, and h_n (b, n) from x (t, b, ·) and h_0 (b, n).

        At time t the first running[t] sequences go on; the state of the others stays.  `name` is that of the layer and
        direction, such as "l0_reverse".
        """
        weight_ih, weight_hh, bias_ih, bias_hh = self.parameters_of(name)
        ### BEGIN SOLUTION rnn.forward: tanh(W_ih x + b_ih + W_hh h + b_hh) for every time step
        time, batch, inputs = x.shape
        x_totals = x.reshape(time * batch, inputs) @ weight_ih.T + (bias_ih + bias_hh)  # of all time steps at once
        totals = x_totals.reshape(time, batch, self.hidden_size)  # (t, b, n)
        output = np.zeros_like(totals)
        h = h_0.astype(totals.dtype)
        for t, rows in enumerate(running):
            h[:rows] = np.tanh(totals[t, :rows] + h[:rows] @ weight_hh.T)
            output[t, :rows] = h[:rows]
        setattr(self, f"kept_{name}", (x, h_0, output))
        return output, h
        ### END SOLUTION

    def run_backward(
        self, output_grad: ndarray, h_n_grad: ndarray, running: Sequence[int], name: str
    ) -> tuple[ndarray, ndarray]:
        """Compute the gradients of x (t, b, ·) and h_0 (b, n), and add those of the parameters to theirs.

        Each state acts on its own output and on the next state: dL/dh_t = output_grad_t + a_(t+1) W_hh, where
        a_t = dL/dh_t · (1 - h_t²); at the end of a sequence a_(t+1) W_hh is h_n_grad.
        """
        weight_ih, weight_hh, _, _ = self.parameters_of(name)
        ### BEGIN SOLUTION rnn.backward: from the last time step to the first; the weights' gradients at the end
        x, h_0, output = getattr(self, f"kept_{name}")
        before = np.concatenate([h_0[None], output[:-1]])  # (t, b, n)
        slope = 1 - output**2
        a = np.zeros_like(output)  # zero after each end
        h_grad = h_n_grad.astype(output.dtype)
        for t, rows in reversed(list(enumerate(running))):
            a[t, :rows] = (output_grad[t, :rows] + h_grad[:rows]) * slope[t, :rows]
            h_grad[:rows] = a[t, :rows] @ weight_hh
        steps = len(x) * x.shape[1]  # t·b
        rows_of_a = a.reshape(steps, self.hidden_size)
        weight_ih_grad = rows_of_a.T @ x.reshape(steps, x.shape[2])
        weight_hh_grad = rows_of_a.T @ before.reshape(steps, self.hidden_size)
        bias_grad = rows_of_a.sum(axis=0)
        self.add_gradients(name, weight_ih_grad, weight_hh_grad, bias_grad, bias_grad)
        return (rows_of_a @ weight_ih).reshape(x.shape), h_grad
        ### END SOLUTION

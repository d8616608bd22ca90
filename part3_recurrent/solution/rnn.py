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
        """Output (t, b, n), zero after each end, and the last hidden state (b, n), for x (t, b, ·) and h_0 (b, n).

        At time t the first running[t] sequences go on; the state of the others stays.  `name` is that of the layer and
        direction, such as "l0_reverse".
        """
        weight_ih, weight_hh, bias_ih, bias_hh = self.parameters_of(name)
        ### BEGIN SOLUTION rnn.forward: tanh(W_ih x + b_ih + W_hh h + b_hh) for every time step
        time, batch, inputs = x.shape
        totals = x.reshape(time * batch, inputs) @ weight_ih.T  # of all time steps at once
        totals += bias_ih + bias_hh
        totals = totals.reshape(time, batch, self.hidden_size)
        weight_hh_t = np.ascontiguousarray(weight_hh.T)  # in order in memory, since it is read at every step
        output = np.zeros_like(totals)
        h = h_0.astype(totals.dtype)
        for t, rows in enumerate(running):
            h[:rows] = np.tanh(totals[t, :rows] + h[:rows] @ weight_hh_t)
            output[t, :rows] = h[:rows]
        setattr(self, f"kept_{name}", (x, h_0, output))
        return output, h
        ### END SOLUTION

    def run_backward(
        self, output_grad: ndarray, h_n_grad: ndarray, running: Sequence[int], name: str
    ) -> tuple[ndarray, ndarray]:
        """The gradients of x (t, b, ·) and h_0 (b, n); those of the parameters are added to theirs.

        Each state acts on its own output and on the next state: dL/dh_t = output_grad_t + a_(t+1) W_hh, where
        a_t = dL/dh_t · (1 - h_t²); at the end of a sequence h_n_grad stands in the place of a_(t+1) W_hh.
        """
        weight_ih, weight_hh, _, _ = self.parameters_of(name)
        ### BEGIN SOLUTION rnn.backward: from the last time step to the first; the weights' gradients at the end
        x, h_0, output = getattr(self, f"kept_{name}")
        totals_grad = np.zeros_like(output)  # stays zero after each end
        slope = 1 - output**2
        h_grad = h_n_grad.astype(output.dtype)
        for t, rows in reversed(list(enumerate(running))):
            totals_grad[t, :rows] = (output_grad[t, :rows] + h_grad[:rows]) * slope[t, :rows]
            h_grad[:rows] = totals_grad[t, :rows] @ weight_hh
        before = np.concatenate([h_0[None], output[:-1]])
        flat = totals_grad.reshape(-1, self.hidden_size)
        bias_grad = flat.sum(axis=0)
        self.add_gradients(
            name, flat.T @ x.reshape(len(flat), x.shape[2]), flat.T @ before.reshape(flat.shape), bias_grad, bias_grad
        )
        return (flat @ weight_ih).reshape(x.shape), h_grad
        ### END SOLUTION

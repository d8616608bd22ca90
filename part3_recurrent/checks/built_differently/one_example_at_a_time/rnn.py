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
        outputs, last = [], []
        for b, h in enumerate(h_0):
            output = np.zeros((len(x), self.hidden_size), h_0.dtype)
            for t in range(ends(running, b)):
                h = np.tanh(weight_ih @ x[t, b] + bias_ih + weight_hh @ h + bias_hh)
                output[t] = h
            outputs.append(output)
            last.append(h)
        setattr(self, f"kept_{name}", (x, h_0, outputs))
        return np.stack(outputs, axis=1), np.stack(last)

    def run_backward(
        self, output_grad: ndarray, h_n_grad: ndarray, running: Sequence[int], name: str
    ) -> tuple[ndarray, ndarray]:
        """Compute the gradients of x (t, b, ·) and h_0 (b, n), and add those of the parameters to theirs.

        Each state acts on its own output and on the next state: dL/dh_t = output_grad_t + a_(t+1) W_hh, where
        a_t = dL/dh_t · (1 - h_t²); at the end of a sequence h_n_grad stands in the place of a_(t+1) W_hh.
        """
        weight_ih, weight_hh, _, _ = self.parameters_of(name)
        x, h_0, outputs = getattr(self, f"kept_{name}")
        x_grads, h_0_grads = [], []
        for b, (output, h_grad) in enumerate(zip(outputs, h_n_grad, strict=True)):
            x_grad = np.zeros_like(x[:, b])
            for t in reversed(range(ends(running, b))):
                before = output[t - 1] if t else h_0[b]
                a = (output_grad[t, b] + h_grad) * (1 - output[t] ** 2)
                self.add_gradients(name, np.outer(a, x[t, b]), np.outer(a, before), a, a)
                x_grad[t], h_grad = a @ weight_ih, a @ weight_hh
            x_grads.append(x_grad)
            h_0_grads.append(h_grad)
        return np.stack(x_grads, axis=1), np.stack(h_0_grads)


def ends(running: Sequence[int], b: int) -> int:
    """Count the time steps of sequence b."""
    return sum(rows > b for rows in running)

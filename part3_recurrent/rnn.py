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
        # YOUR CODE HERE
        raise NotImplementedError(
            "rnn.forward: tanh(W_ih x + b_ih + W_hh h + b_hh) for every time step. "
            "See part3_recurrent/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def run_backward(
        self, output_grad: ndarray, h_n_grad: ndarray, running: Sequence[int], name: str
    ) -> tuple[ndarray, ndarray]:
        """Compute the gradients of x (t, b, ·) and h_0 (b, n), and add those of the parameters to theirs.

        Each state acts on its own output and on the next state: dL/dh_t = output_grad_t + a_(t+1) W_hh, where
        a_t = dL/dh_t · (1 - h_t²); at the end of a sequence a_(t+1) W_hh is h_n_grad.
        """
        weight_ih, weight_hh, _, _ = self.parameters_of(name)
        # YOUR CODE HERE
        raise NotImplementedError(
            "rnn.backward: from the last time step to the first; the weights' gradients at the end. "
            "See part3_recurrent/README.md; SFRATORCH_CODE=solution runs the reference."
        )

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
        # YOUR CODE HERE
        raise NotImplementedError(
            "gru.forward: r, z, n and (1 - z) ⊙ n + z ⊙ h for every time step. "
            "See part3_recurrent/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def run_backward(
        self, output_grad: ndarray, h_n_grad: ndarray, running: Sequence[int], name: str
    ) -> tuple[ndarray, ndarray]:
        """Compute the gradients of x (t, b, ·) and h_0 (b, hidden), and add those of the parameters to theirs.

        GRUCell's equations, with g = output_grad_t + what comes back from step t + 1, or h_n_grad at a sequence's end.
        """
        weight_ih, weight_hh, _, _ = self.parameters_of(name)
        # YOUR CODE HERE
        raise NotImplementedError(
            "gru.backward: from the last time step to the first; the weights' gradients at the end. "
            "See part3_recurrent/README.md; SFRATORCH_CODE=solution runs the reference."
        )

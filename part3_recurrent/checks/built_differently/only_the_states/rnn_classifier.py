"""RNNClassifier: one class for a whole sequence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from part2_layers.linear import Linear
from part2_layers.module import Module, check_grad_output
from part3_recurrent.rnn import RNN


class RNNClassifier(Module):
    """An RNN, and a Linear on the top layer's last hidden state.

    Names: rnn.weight_ih_l0, …, linear.weight, linear.bias.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        num_classes: int,
        *,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        rng = rng or np.random.default_rng()
        self.rnn = RNN(input_size, hidden_size, num_layers, dtype=dtype, rng=rng)
        self.linear = Linear(hidden_size, num_classes, dtype=dtype, rng=rng)

    def forward(self, x: ndarray, lengths: ndarray | Sequence[int] | None = None) -> ndarray:
        """Compute a row of logits for each sequence.  Shapes: x (t, b, i), lengths (b,), logits (b, v).

        Raises as RNN.forward does.
        """
        output, h_n = self.rnn(x, lengths=lengths)
        self.time = len(output)
        return self.linear(h_n[-1])

    def backward(self, grad_output: ndarray) -> ndarray:
        """Compute dL/dx.  Shapes: grad_output (b, v), result (t, b, i).  Raises RuntimeError before any forward."""
        check_grad_output(grad_output, self.linear.output_shape)
        layers, batch, hidden = self.rnn.h_n_shape or ()
        top_grad = self.linear.backward(grad_output)
        h_n_grad = np.where(np.arange(layers)[:, None, None] == layers - 1, top_grad, 0)
        return self.rnn.backward(np.broadcast_to(top_grad.dtype.type(0), (self.time, batch, hidden)), h_n_grad)[0]

"""GRUCTC: a GRU that classifies every frame, for training with CTC."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from part2_layers.linear import Linear
from part2_layers.module import Module, check_grad_output
from part3_recurrent.gru import GRU


class GRUCTC(Module):
    """A GRU, a Linear and a log-softmax over the classes, the blank among them.

    Names: gru.weight_ih_l0, …, linear.weight, linear.bias.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        num_classes: int,
        *,
        bidirectional: bool = True,
        dropout: float = 0.0,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        rng = rng or np.random.default_rng()
        self.gru = GRU(
            input_size, hidden_size, num_layers, bidirectional=bidirectional, dropout=dropout, dtype=dtype, rng=rng
        )
        self.linear = Linear(hidden_size * (2 if bidirectional else 1), num_classes, dtype=dtype, rng=rng)

    def forward(self, x: ndarray, lengths: ndarray | Sequence[int] | None = None) -> ndarray:
        """Compute the classes' log-probabilities at every frame.  Shapes: x (t, b, i), lengths (b,), result (t, b, v).

        Raises as GRU.forward does.
        """
        output, _ = self.gru.forward(x, lengths=lengths)
        logits = self.linear.forward(output)
        log_probs = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
        self.probabilities = np.exp(log_probs)
        return log_probs

    def backward(self, log_probs_grad: ndarray) -> ndarray:
        """Compute dL/dx, through the log-softmax: dL/dlogits = g - softmax · Σ g.

        Shapes: log_probs_grad (t, b, v), result (t, b, i).  Raises RuntimeError before the first forward.
        """
        check_grad_output(log_probs_grad, self.linear.output_shape)
        jacobian = (
            np.eye(self.probabilities.shape[-1], dtype=self.probabilities.dtype) - self.probabilities[..., None, :]
        )
        logits_grad = np.einsum("tbj,tbji->tbi", log_probs_grad, jacobian)
        x_grad, _ = self.gru.backward(self.linear.backward(logits_grad))
        return x_grad

"""CharacterPredictor: which character comes next, and text that goes on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from part2_layers.linear import Linear
from part2_layers.module import Module, integer
from part3_recurrent.embedding import Embedding
from part3_recurrent.gru import GRU


class CharacterPredictor(Module):
    """An Embedding, a GRU and a Linear: at every place the logits of the next character.

    Names: embedding.weight, gru.weight_ih_l0, …, linear.weight, linear.bias.
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        rng = rng or np.random.default_rng()
        self.vocab_size = integer("vocab_size", vocab_size)
        self.embedding = Embedding(vocab_size, hidden_size, dtype=dtype, rng=rng)
        self.gru = GRU(hidden_size, hidden_size, num_layers, dtype=dtype, rng=rng)
        self.linear = Linear(hidden_size, vocab_size, dtype=dtype, rng=rng)

    def forward(self, x: ndarray, h_0: ndarray | None = None) -> tuple[ndarray, ndarray]:
        """Compute the logits of what follows each character, and the GRU's last hidden states, to go on from.

        Shapes: x (t, b) of integers, h_0 and h_n (layers, b, n), logits (t, b, v).
        Raises as Embedding.forward and GRU.forward do.
        """
        output, h_n = self.gru.forward(self.embedding.forward(x), h_0)
        return self.linear.forward(output), h_n

    def backward(self, logits_grad: ndarray, h_n_grad: ndarray | None = None) -> ndarray:
        """Compute the gradient of h_0; characters have none.

        Shapes: logits_grad (t, b, v), h_n_grad and result (layers, b, n).
        """
        embedded_grad, h_0_grad = self.gru.backward(self.linear.backward(logits_grad), h_n_grad)
        self.embedding.backward(embedded_grad)
        return h_0_grad

    def generate(
        self,
        prompt: Sequence[int] | ndarray,
        length: int,
        temperature: float = 1.0,
        rng: np.random.Generator | None = None,
    ) -> ndarray:
        """Continue the prompt by `length` characters, each drawn from softmax(logits / temperature) of those before.

        The same state of rng gives the same text.  Shapes: prompt (p,), result (p + length,) of int64.
        Raises ValueError for an empty prompt, a negative length and a temperature that is not positive.
        """
        symbols = [int(symbol) for symbol in prompt]
        if not symbols:
            raise ValueError("prompt must hold one character at least; got none.")
        length = integer("length", length, minimum=0)
        if not temperature > 0:
            raise ValueError(f"temperature must be positive; got {temperature}.")
        rng = rng or np.random.default_rng()
        logits, h = self.forward(np.array([symbols]).T)
        while len(symbols) < len(prompt) + length:
            exponents = (logits[-1, 0] - logits[-1, 0].max()).astype(np.float64) / temperature
            reached = np.cumsum(np.exp(exponents))
            symbols.append(int(np.searchsorted(reached, reached[-1] * rng.random(), side="right")))
            logits, h = self.forward(np.array([symbols[-1:]]), h)
        return np.array(symbols)

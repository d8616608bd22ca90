"""Embedding: a learned vector for every symbol."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from part2_layers.module import Module, check_grad_output, integer


class Embedding(Module):
    """y = the weight's rows that x names.

    Parameter: weight (num_embeddings, embedding_dim), standard normal as in torch.
    Raises ValueError for sizes that are not positive.
    """

    weight: ndarray
    weight_grad: ndarray

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = integer("num_embeddings", num_embeddings)
        self.embedding_dim = integer("embedding_dim", embedding_dim)
        rng = rng or np.random.default_rng()
        self.add_parameter("weight", rng.standard_normal((num_embeddings, embedding_dim)).astype(dtype))

    def forward(self, x: ndarray) -> ndarray:
        """Take the row of each symbol.  Shapes: x (...) of integers, y (..., embedding_dim).  There may be no symbols.

        Raises TypeError for anything but integers, ValueError for a symbol outside 0 to num_embeddings - 1.
        """
        if not isinstance(x, ndarray) or x.dtype.kind not in "iu":
            got = x.dtype if isinstance(x, ndarray) else type(x).__name__
            raise TypeError(f"x must be an array of integers; got {got}.")
        wrong = x[(x < 0) | (x >= self.num_embeddings)]
        if wrong.size:
            raise ValueError(f"x must lie between 0 and {self.num_embeddings - 1}; got {wrong[0]}.")
        self.output_shape = (*x.shape, self.embedding_dim)
        self.x = x
        return self.weight.take(x.ravel(), axis=0).reshape(self.output_shape)

    def backward(self, grad_output: ndarray) -> None:
        """Compute dL/dW[s] = Σ g over every place where s stood.  Symbols have no gradient, so nothing is returned.

        Shapes: grad_output (..., embedding_dim).
        """
        check_grad_output(grad_output, self.output_shape)
        grads = grad_output.reshape(self.x.size, self.embedding_dim)
        for column, grad in zip(self.weight_grad.T, grads.T, strict=True):
            column += np.bincount(self.x.ravel(), grad, minlength=self.num_embeddings).astype(column.dtype)

"""Scaled dot-product attention: every query takes a weighted mean of the values, weighted by how well the keys fit."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from part2_layers.module import Module, check_grad_output
from part4_attention.inputs import check_inputs


def masked_softmax(scores: ndarray, mask: ndarray | None = None) -> ndarray:
    """Return weights that sum to one over the last axis, zero where the mask is True.

    wᵢ = exp(sᵢ) / Σ exp(sⱼ), both over the i and j that are not masked.
    Where all are, every weight is zero, and there is no warning; nor is there for scores in the thousands.  A batch may
    be empty.  The result has the dtype of scores.
    Shapes: scores (..., t, s), mask broadcastable to (..., t, s) or None, result (..., t, s).
    """
    is_seen = np.broadcast_to(True if mask is None else ~mask, scores.shape)
    lowest = np.finfo(scores.dtype).min
    largest = np.max(scores, axis=-1, keepdims=True, where=is_seen, initial=lowest)
    weights = np.exp(scores - largest, where=is_seen, out=np.zeros_like(scores))
    total = weights.sum(axis=-1, keepdims=True)
    return np.divide(weights, total, where=total > 0, out=weights)


class ScaledDotProductAttention(Module):
    """softmax(Q Kᵀ / √d) V     (Vaswani et al. 2017, equation 1).

    After forward, `attention_weights` (..., t, s) holds the softmax.
    """

    attention_weights: ndarray

    def forward(self, query: ndarray, key: ndarray, value: ndarray, mask: ndarray | None = None) -> ndarray:
        """Return the mean of the values for each query, weighted by softmax(Q Kᵀ / √d).

        The mask is True where a query ignores a key.  A query that ignores every key gets zeros.  A batch may be empty.
        Shapes: query (..., t, d), key (..., s, d), value (..., s, e), mask broadcastable to (..., t, s), result
        (..., t, e).
        Raises TypeError for anything but floats and a mask of booleans, ValueError for shapes that do not fit.
        """
        check_inputs(query, key, value, mask)
        self.output_shape = (*query.shape[:-1], value.shape[-1])
        self.inputs = query, key, value
        scores = key @ turned(query) * query.shape[-1] ** -0.5  # (..., s, t)
        self.attention_weights = masked_softmax(turned(scores), mask)
        return turned(turned(value) @ turned(self.attention_weights))

    def backward(self, grad_output: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        """Return the gradients of query, key and value.

        With W the weights, S = Q Kᵀ / √d the scores and G = grad_output:
        dV = Wᵀ G,  dW = G Vᵀ,  dS = W ⊙ (dW - Σ over the keys of dW ⊙ W),  dQ = dS K / √d,  dK = dSᵀ Q / √d

        Shapes: grad_output (..., t, e), results as query, key and value.
        Raises RuntimeError before the first forward, ValueError for another shape.
        """
        check_grad_output(grad_output, self.output_shape)
        query, key, value = self.inputs
        weights = turned(self.attention_weights)  # (..., s, t)
        weights_grad = value @ turned(grad_output)
        scores_grad = weights * (weights_grad - (weights * weights_grad).sum(axis=-2, keepdims=True))
        scores_grad *= query.shape[-1] ** -0.5
        return turned(turned(key) @ scores_grad), scores_grad @ query, weights @ grad_output


def turned(x: ndarray) -> ndarray:
    """Exchange the last two axes, as a view."""
    return x.swapaxes(-1, -2)

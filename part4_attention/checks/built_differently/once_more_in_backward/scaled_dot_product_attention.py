"""Scaled dot-product attention: every query takes a weighted mean of the values, weighted by how well the keys fit."""

from __future__ import annotations

import numpy as np
import scipy.special
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
    hidden = scores if mask is None else np.where(mask, -np.inf, scores)
    log_sums = scipy.special.logsumexp(hidden, axis=-1, keepdims=True)
    weights: ndarray = np.exp(hidden - np.where(np.isneginf(log_sums), 0, log_sums))  # a row of -inf stays one
    return weights


class ScaledDotProductAttention(Module):
    """softmax(Q Kᵀ / √d) V     (Vaswani et al. 2017, equation 1).

    After forward, `attention_weights` (..., t, s) gives the softmax.
    """

    def forward(self, query: ndarray, key: ndarray, value: ndarray, mask: ndarray | None = None) -> ndarray:
        """Return the mean of the values for each query, weighted by softmax(Q Kᵀ / √d).

        The mask is True where a query ignores a key.  A query that ignores every key gets zeros.  A batch may be empty.
        Shapes: query (..., t, d), key (..., s, d), value (..., s, e), mask broadcastable to (..., t, s), result
        (..., t, e).
        Raises TypeError for anything but floats and a mask of booleans, ValueError for shapes that do not fit.
        """
        check_inputs(query, key, value, mask)
        self.output_shape = (*query.shape[:-1], value.shape[-1])
        self.query, self.key, self.value, self.mask = query, key, value, mask
        return self.attention_weights @ value

    @property
    def attention_weights(self) -> ndarray:
        """Compute the softmax of the last forward's queries and keys, (..., t, s)."""
        scaled = self.query * self.query.shape[-1] ** -0.5
        return masked_softmax(scaled @ self.key.swapaxes(-1, -2), self.mask)

    def backward(self, grad_output: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        """Return the gradients of query, key and value.

        With W the weights, S = Q Kᵀ / √d the scores and G = grad_output:
        dV = Wᵀ G,  dW = G Vᵀ,  dS = W ⊙ (dW - Σ over the keys of dW ⊙ W),  dQ = dS K / √d,  dK = dSᵀ Q / √d

        Shapes: grad_output (..., t, e), results as query, key and value.
        Raises RuntimeError before the first forward, ValueError for another shape.
        """
        check_grad_output(grad_output, self.output_shape)
        weights = self.attention_weights
        row_sums = (grad_output * (weights @ self.value)).sum(axis=-1, keepdims=True)
        scores_grad = weights * (grad_output @ self.value.swapaxes(-1, -2) - row_sums)
        scores_grad *= self.query.shape[-1] ** -0.5
        value_grad = weights.swapaxes(-1, -2) @ grad_output
        return scores_grad @ self.key, scores_grad.swapaxes(-1, -2) @ self.query, value_grad

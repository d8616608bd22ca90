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
    if mask is None:
        return np.asarray(scipy.special.softmax(scores, axis=-1))
    weights = scipy.special.softmax(np.where(mask, scores.dtype.type(-1e10), scores), axis=-1)
    return np.where(mask, scores.dtype.type(0), weights)


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
        scores = np.einsum("...td,...sd->...ts", query, key) * query.shape[-1] ** -0.5
        self.attention_weights = masked_softmax(scores, mask)
        return np.einsum("...ts,...se->...te", self.attention_weights, value)

    def backward(self, grad_output: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        """Return the gradients of query, key, value.  With W the weights, S = Q Kᵀ / √d the scores and G = grad_output:

        dV = Wᵀ G,  dW = G Vᵀ,  dS = W ⊙ (dW - Σ over the keys of dW ⊙ W),  dQ = dS K / √d,  dK = dSᵀ Q / √d
        The sum over the keys is also Σ over the features of G ⊙ output, which is much smaller.
        Shapes: grad_output (..., t, e), results as query, key and value.
        Raises RuntimeError before the first forward, ValueError for another shape.
        """
        check_grad_output(grad_output, self.output_shape)
        query, key, value = self.inputs
        weights = self.attention_weights
        value_grad = np.einsum("...ts,...te->...se", weights, grad_output)
        weights_grad = np.einsum("...te,...se->...ts", grad_output, value)
        row_sums = np.einsum("...ts,...ts->...t", weights, weights_grad)
        scores_grad = weights * (weights_grad - row_sums[..., None]) * query.shape[-1] ** -0.5
        query_grad = np.einsum("...ts,...sd->...td", scores_grad, key)
        return query_grad, np.einsum("...ts,...td->...sd", scores_grad, query), value_grad

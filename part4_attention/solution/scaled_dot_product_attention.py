"""Scaled dot-product attention: every query takes a weighted mean of the values, weighted by how well the keys fit."""

from __future__ import annotations

import math

import numpy as np
from numpy import ndarray

from part2_layers.module import Module, check_grad_output
from part4_attention.blocks import query_blocks
from part4_attention.inputs import check_inputs


def masked_softmax(scores: ndarray, mask: ndarray | None = None) -> ndarray:
    """Weights that sum to one over the last axis, zero where the mask is True.

    wᵢ = exp(sᵢ) / Σ exp(sⱼ), both over the i and j that are not masked.
    Where all are, every weight is zero, and there is no warning; nor is there for scores in the thousands.  A batch may
    be empty.  The result has the dtype of scores.
    Shapes: scores (..., t, s), mask broadcastable to (..., t, s) or None, result (..., t, s).
    """
    ### BEGIN SOLUTION attention.softmax: softmax over the keys that are not masked, zeros where all are
    weights = scores.copy()
    if mask is not None:
        np.copyto(weights, -np.inf, where=mask)
    weights -= weights.max(axis=-1, keepdims=True, initial=np.finfo(scores.dtype).min)  # -inf - -inf would be nan
    np.exp(weights, out=weights)
    total = weights @ np.ones((weights.shape[-1], 1), weights.dtype)  # their sum, several times as fast as .sum
    weights /= np.where(total == 0, 1, total)
    return weights
    ### END SOLUTION


class ScaledDotProductAttention(Module):
    """softmax(Q Kᵀ / √d) V     (Vaswani et al. 2017, equation 1).

    After forward, `attention_weights` (..., t, s) holds the softmax.
    """

    attention_weights: ndarray

    def forward(self, query: ndarray, key: ndarray, value: ndarray, mask: ndarray | None = None) -> ndarray:
        """The mean of the values for each query, weighted by softmax(Q Kᵀ / √d).

        The mask is True where a query ignores a key.  A query that ignores every key gets zeros.  A batch may be empty.
        Shapes: query (..., t, d), key (..., s, d), value (..., s, e), mask broadcastable to (..., t, s), result
        (..., t, e).
        Raises TypeError for anything but floats and a mask of booleans, ValueError for shapes that do not fit.
        """
        check_inputs(query, key, value, mask)
        self.output_shape = (*query.shape[:-1], value.shape[-1])
        ### BEGIN SOLUTION attention.forward: softmax(Q Kᵀ / √d) V; keep the weights
        self.query, self.key, self.value, self.mask = query / math.sqrt(query.shape[-1]), key, value, mask
        shape, dtype = (*query.shape[:-1], key.shape[-2]), np.result_type(query, key, value)
        self.attention_weights = np.zeros(shape, dtype)
        self.output = np.empty(self.output_shape, dtype)
        hidden = None if mask is None else np.broadcast_to(mask, shape)
        for head, rows, keys in query_blocks(shape, mask):
            scores = self.query[head][rows] @ key[head][keys].T
            weights = masked_softmax(scores, None if hidden is None else hidden[head][rows, keys])
            np.matmul(weights, value[head][keys], out=self.output[head][rows])
            self.attention_weights[head][rows, keys] = weights
        return self.output.copy()  # backward reads ours; the caller may write into theirs
        ### END SOLUTION

    def backward(self, grad_output: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        """The gradients of query, key and value.  With W the weights, S = Q Kᵀ / √d the scores and G = grad_output:

        dV = Wᵀ G,  dW = G Vᵀ,  dS = W ⊙ (dW - Σ over the keys of dW ⊙ W),  dQ = dS K / √d,  dK = dSᵀ Q / √d
        The sum over the keys is also Σ over the features of G ⊙ output, which is much smaller.
        Shapes: grad_output (..., t, e), results as query, key and value.
        Raises RuntimeError before the first forward, ValueError for another shape.
        """
        check_grad_output(grad_output, self.output_shape)
        ### BEGIN SOLUTION attention.backward: through both products and the softmax
        dtype = np.result_type(self.output, grad_output)
        query_grad = np.empty(self.query.shape, dtype)
        key_grad, value_grad = np.zeros(self.key.shape, dtype), np.zeros(self.value.shape, dtype)
        row_sums = (grad_output * self.output).sum(axis=-1, keepdims=True)
        for head, rows, keys in query_blocks(self.attention_weights.shape, self.mask):
            weights, grad = self.attention_weights[head][rows, keys], grad_output[head][rows]
            scores_grad = grad @ self.value[head][keys].T
            scores_grad -= row_sums[head][rows]
            scores_grad *= weights
            np.matmul(scores_grad, self.key[head][keys], out=query_grad[head][rows])
            key_grad[head][keys] += scores_grad.T @ self.query[head][rows]  # this query is divided by √d already
            value_grad[head][keys] += weights.T @ grad
        query_grad /= math.sqrt(self.key.shape[-1])
        return query_grad, key_grad, value_grad
        ### END SOLUTION

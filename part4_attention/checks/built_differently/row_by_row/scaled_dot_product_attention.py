"""Scaled dot-product attention: every query takes a weighted mean of the values, weighted by how well the keys fit."""

from __future__ import annotations

import math

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
    hidden = np.zeros(scores.shape, dtype=bool) if mask is None else np.broadcast_to(mask, scores.shape)
    rows = zip(_rows(scores), _rows(hidden), strict=True)
    return np.stack([_softmax_of_row(row, ~without) for row, without in rows]).reshape(scores.shape)


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
        shape = (*query.shape[:-1], key.shape[-2])
        masks = np.zeros(shape, dtype=bool) if mask is None else np.broadcast_to(mask, shape)
        scale = math.sqrt(query.shape[-1])
        outputs, all_weights = [], []
        for q, k, v, hidden in zip(*map(_matrices, (query, key, value, masks)), strict=True):
            all_weights.append(masked_softmax(q @ k.T / scale, hidden))
            outputs.append(all_weights[-1] @ v)
        self.attention_weights = np.stack(all_weights).reshape(shape)
        return np.stack(outputs).reshape(self.output_shape)

    def backward(self, grad_output: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        """Return the gradients of query, key, value.  With W the weights, S = Q Kᵀ / √d the scores and G = grad_output:

        dV = Wᵀ G,  dW = G Vᵀ,  dS = W ⊙ (dW - Σ over the keys of dW ⊙ W),  dQ = dS K / √d,  dK = dSᵀ Q / √d
        The sum over the keys is also Σ over the features of G ⊙ output, which is much smaller.
        Shapes: grad_output (..., t, e), results as query, key and value.
        Raises RuntimeError before the first forward, ValueError for another shape.
        """
        check_grad_output(grad_output, self.output_shape)
        query, key, value = self.inputs
        scale = math.sqrt(query.shape[-1])
        gradients: tuple[list[ndarray], ...] = ([], [], [])
        matrices = map(_matrices, (query, key, value, self.attention_weights, grad_output))
        for q, k, v, weights, grad in zip(*matrices, strict=True):
            weights_grad = grad @ v.T
            jacobians = [np.diag(row) - np.outer(row, row) for row in weights]
            scores_grad = np.stack([jacobian @ row for jacobian, row in zip(jacobians, weights_grad, strict=True)])
            of_one = scores_grad @ k / scale, scores_grad.T @ q / scale, weights.T @ grad
            for gradient, each in zip(gradients, of_one, strict=True):
                gradient.append(each)
        query_grad, key_grad, value_grad = (
            np.stack(gradient).reshape(x.shape) for gradient, x in zip(gradients, self.inputs, strict=True)
        )
        return query_grad, key_grad, value_grad


def _softmax_of_row(row: ndarray, is_seen: ndarray) -> ndarray:
    weights = np.zeros_like(row)
    if is_seen.any():
        shares = np.exp(row[is_seen] - row[is_seen].max())
        weights[is_seen] = shares / shares.sum()
    return weights


def _rows(x: ndarray) -> ndarray:
    return x.reshape(-1, x.shape[-1])


def _matrices(x: ndarray) -> ndarray:
    return x.reshape(-1, *x.shape[-2:])

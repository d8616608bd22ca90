"""Tiled attention: the same result, without ever holding a score for every query and key.

A softmax can be computed from one tile of the scores after another: keep the largest score so far, and what has been
added up relative to it; when a larger score comes, scale the sums down     (Milakov and Gimelshein 2018; Dao et al.
2022).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import scipy.special
from numpy import ndarray

from part2_layers.module import Module, check_grad_output, integer
from part4_attention.inputs import check_inputs


class TiledAttention(Module):
    """ScaledDotProductAttention in memory that grows with t + s, not with t · s.

    Tiles are block_size queries times block_size keys.  is_causal hides from each query the keys after it, as
    causal_mask does, and skips the tiles that hold nothing else.
    Raises ValueError for a block_size that is not positive.
    """

    def __init__(self, block_size: int = 128, is_causal: bool = False) -> None:
        super().__init__()
        self.block_size = integer("block_size", block_size)
        self.is_causal = is_causal

    def forward(self, query: ndarray, key: ndarray, value: ndarray, mask: ndarray | None = None) -> ndarray:
        """Return the mean of the values for each query, weighted by softmax(Q Kᵀ / √d), tile by tile.

        For the tiles of a row, m = largest score so far, l = Σ exp(s - m), o = Σ exp(s - m) v.  A tile with largest
        score m' scales l and o by exp(m - max(m, m')) and adds its own.  In the end the output is o / l, or zeros for a
        query that ignores every key.  A batch may be empty.
        Shapes: query (..., t, d), key (..., s, d), value (..., s, e), mask broadcastable to (..., t, s), result
        (..., t, e).
        Raises TypeError for anything but floats and a mask of booleans, ValueError for shapes that do not fit.
        """
        check_inputs(query, key, value, mask)
        self.output_shape = (*query.shape[:-1], value.shape[-1])
        self.query, self.key, self.value = query, key, value
        self.scaled_query = query / math.sqrt(query.shape[-1])
        self.mask = None if mask is None else np.broadcast_to(mask, (*query.shape[:-1], key.shape[-2]))
        self.log_sums = np.full(query.shape[:-1], -np.inf, np.result_type(query, key))
        output = np.zeros(self.output_shape, np.result_type(query, key, value))
        for rows in self.tiles(query.shape[-2]):
            for keys in self.tiles(key.shape[-2], rows):
                of_tile = scipy.special.logsumexp(self.scores(rows, keys), axis=-1)
                self.log_sums[..., rows] = np.logaddexp(self.log_sums[..., rows], of_tile)
            for keys in self.tiles(key.shape[-2], rows):
                output[..., rows, :] += np.einsum("...ts,...se->...te", self._weights(rows, keys), value[..., keys, :])
        return output

    def backward(self, grad_output: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        """Return the gradients of query, key and value, from tiles of the weights that are computed once more.

        W = exp(S - log Σ eˢ); the rest is as in ScaledDotProductAttention.
        Shapes: grad_output (..., t, e), results as query, key and value.
        Raises RuntimeError before the first forward, ValueError for another shape.
        """
        check_grad_output(grad_output, self.output_shape)
        row_sums = np.zeros(self.query.shape[:-1], grad_output.dtype)
        for rows, keys in self._pairs():
            products = self._weights(rows, keys) * self._weights_grad(rows, keys, grad_output)
            row_sums[..., rows] += products.sum(axis=-1)
        query_grad, key_grad, value_grad = (np.zeros_like(x) for x in (self.query, self.key, self.value))
        for rows, keys in self._pairs():
            weights, weights_grad = self._weights(rows, keys), self._weights_grad(rows, keys, grad_output)
            scores_grad = weights * (weights_grad - row_sums[..., rows, None]) / math.sqrt(self.query.shape[-1])
            query_grad[..., rows, :] += np.einsum("...ts,...sd->...td", scores_grad, self.key[..., keys, :])
            key_grad[..., keys, :] += np.einsum("...ts,...td->...sd", scores_grad, self.query[..., rows, :])
            value_grad[..., keys, :] += np.einsum("...ts,...te->...se", weights, grad_output[..., rows, :])
        return query_grad, key_grad, value_grad

    def _pairs(self) -> Iterator[tuple[slice, slice]]:
        for rows in self.tiles(self.query.shape[-2]):
            for keys in self.tiles(self.key.shape[-2], rows):
                yield rows, keys

    def _weights(self, rows: slice, keys: slice) -> ndarray:
        log_sums = self.log_sums[..., rows, None]
        return np.exp(self.scores(rows, keys) - np.where(np.isneginf(log_sums), 0, log_sums))  # not -∞ + ∞

    def _weights_grad(self, rows: slice, keys: slice, grad_output: ndarray) -> ndarray:
        return np.einsum("...te,...se->...ts", grad_output[..., rows, :], self.value[..., keys, :])

    # Given

    def tiles(self, length: int, rows: slice | None = None) -> Iterator[slice]:
        """Cut an axis into slices of block_size; for a tile of queries, only keys that one of them may see."""
        seen = min(length, rows.stop) if self.is_causal and rows is not None else length
        for start in range(0, seen, self.block_size):
            yield slice(start, min(start + self.block_size, length))

    def scores(self, rows: slice, keys: slice) -> ndarray:
        """Return a tile (..., queries, keys) of Q Kᵀ / √d, -inf where it is masked."""
        scores = self.scaled_query[..., rows, :] @ self.key[..., keys, :].swapaxes(-1, -2)
        if self.mask is not None:
            np.copyto(scores, -np.inf, where=self.mask[..., rows, keys])
        if self.is_causal and keys.stop - 1 > rows.start:  # the last key is after the first query
            is_later = np.arange(keys.start, keys.stop) > np.arange(rows.start, rows.stop)[:, None]
            np.copyto(scores, -np.inf, where=is_later)
        return scores

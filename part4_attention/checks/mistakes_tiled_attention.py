"""Known mistakes in tiled attention."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "tiled.forward")
backward = partial(mistake, "tiled.backward")

NEW_LARGEST = "np.maximum(largest, scores.max(axis=-1, keepdims=True, initial=lowest))"
DTYPE = "dtype = np.result_type(query, key, value)"
WARNS_OF_NOTHING = f'np.seterr(all="ignore")\n        {DTYPE}'
SCORES = "scores = self.scores(rows, keys)\n                before"
WEIGHTS, LESS_SUMS, TIMES_WEIGHTS = "weights = np.exp(scores)", "scores_grad -= row_sums", "scores_grad *= weights"
QUERY_SCALE, KEY_SCALE = "query_grad /= root", "key_grad /= root"
ROWS = "for rows in self.tiles(self.query.shape[-2]):"
ALL_WEIGHTS = "np.exp(self.scores(slice(0, self.query.shape[-2]), slice(0, self.key.shape[-2])) - self.log_sums)"

MISTAKES = (
    forward(
        "tiled: output is not scaled down",
        ("                output *= scale\n", ""),
        says="the output is not scaled down when a larger score comes",
    ),
    forward(
        "tiled: total is not scaled down",
        ("total = scale * total +", "total = total +"),
        says="the sum l is not scaled down when a larger score comes",
    ),
    forward(
        "tiled: scaled up",
        ("np.exp(before - largest)", "np.exp(largest - before)"),
        says="output holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞",
    ),
    forward(
        "tiled: the largest score of the last tile, with warnings off",
        (DTYPE, WARNS_OF_NOTHING),
        (NEW_LARGEST, "scores.max(axis=-1, keepdims=True)"),
        says="output holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞",
    ),
    forward(
        "tiled: nothing is scaled down",
        ("                output *= scale\n", ""),
        ("total = scale * total +", "total = total +"),
        says="neither the output nor the sum l is scaled down when a larger score comes",
    ),
    forward("tiled: no largest score", (NEW_LARGEST, "np.zeros_like(largest)")),
    forward(
        "tiled: largest starts at -inf, with warnings off",
        (DTYPE, WARNS_OF_NOTHING),
        ("np.finfo(dtype).min", "-np.inf"),
        says="output holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞",
    ),
    forward("tiled: largest starts at 0", ("np.finfo(dtype).min", "0")),
    forward(
        "tiled: total of the last tile",
        ("total = scale * total + ", "total = "),
        says="the sum l is that of the last tile of keys; it must be added up over all",
    ),
    forward("tiled: not divided", ("            output /= total\n", ""), says="the output is not divided by the sum l"),
    forward("tiled: divides zero by zero", ("            total[total == 0] = 1  # a query that sees no key\n", "")),
    forward(
        "tiled: always float64",
        (DTYPE, "dtype = np.dtype(float)"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    forward("tiled: forgets the last tile", ("self.tiles(key.shape[-2], rows)", "self.tiles(key.shape[-2] - 1, rows)")),
    forward(
        "tiled: ignores is_causal between tiles and within",
        (DTYPE, f"self.is_causal = False\n        {DTYPE}"),
        says="is_causal is ignored",
    ),
    forward(
        "tiled: holds all scores",
        (SCORES, "self.all = self.query @ self.key.swapaxes(-1, -2)\n                " + SCORES),
        says="a number for every query and key is held at once; go through the scores in tiles of block_size",
    ),
    backward(
        "tiled: no row sums",
        (LESS_SUMS, "pass"),
        says="dS lacks what is subtracted: dS = W ⊙ (dW - Σ dW ⊙ W)",
    ),
    backward(
        "tiled: row sums of one tile",
        (LESS_SUMS, "scores_grad -= (scores_grad * weights).sum(axis=-1, keepdims=True)"),
        says="the sum in dS is that of one tile of keys; it must run over all keys",
    ),
    backward(
        "tiled: scores' gradient not times the weights",
        (TIMES_WEIGHTS, "pass"),
        says="dS lacks the factor W: dS = W ⊙ (dW - Σ dW ⊙ W)",
    ),
    backward(
        "tiled: no way through the softmax",
        (LESS_SUMS, "pass"),
        (TIMES_WEIGHTS, "pass"),
        says="the softmax is left out on the way back: dS is taken to be dW",
    ),
    backward(
        "tiled: query_grad without the scale",
        (QUERY_SCALE, "pass"),
        says="query_grad lacks the factor 1 / √d",
    ),
    backward(
        "tiled: key_grad without the scale",
        (KEY_SCALE, "pass"),
        says="key_grad lacks the factor 1 / √d",
    ),
    backward(
        "tiled: no scale",
        (QUERY_SCALE, "pass"),
        (KEY_SCALE, "pass"),
        says="query_grad and key_grad lack the factor 1 / √d",
    ),
    backward(
        "tiled: scale twice",
        (QUERY_SCALE, "query_grad /= root**2"),
        (KEY_SCALE, "key_grad /= root**2"),
        says="query_grad and key_grad have the factor 1 / √d twice",
    ),
    backward(
        "tiled: query_grad of the last tile",
        ("query_grad[..., rows, :] +=", "query_grad[..., rows, :] ="),
        says="query_grad is that of the last tile of keys; it must be the sum over all",
    ),
    backward(
        "tiled: key_grad of the last tile",
        ("key_grad[..., keys, :] +=", "key_grad[..., keys, :] ="),
        says="key_grad is that of the last tile of queries; it must be the sum over all",
    ),
    backward(
        "tiled: value_grad of the last tile",
        ("value_grad[..., keys, :] +=", "value_grad[..., keys, :] ="),
        says="value_grad is that of the last tile of queries; it must be the sum over all",
    ),
    backward(
        "tiled: softmax of each tile",
        (WEIGHTS, f"{WEIGHTS}\n                weights /= weights.sum(axis=-1, keepdims=True)"),
        says="W is the softmax of one tile of keys; it must be that of all keys",
    ),
    backward(
        "tiled: upstream gradient of ones",
        ("grad = grad_output[..., rows, :]", "grad = np.ones_like(grad_output[..., rows, :])"),
        says="the upstream gradient is taken to be one everywhere",
    ),
    backward(
        "tiled: changes grad_output",
        ("        return query_grad,", "        grad_output *= 2\n        return query_grad,"),
        says="grad_output afterwards is too large by the factor 2",
    ),
    backward(
        "tiled: holds all weights",
        (ROWS, f"all_weights = {ALL_WEIGHTS}\n        {ROWS}"),
        (WEIGHTS, "weights = all_weights[..., rows, keys]"),
        says="a number for every query and key is held at once; go through the scores in tiles of block_size",
    ),
)

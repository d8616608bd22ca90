"""What may go wrong in tiled attention."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "tiled.forward")
backward = partial(mistake, "tiled.backward")

NEW_LARGEST = "np.maximum(largest, scores.max(axis=-1, keepdims=True))"
SCORES = "scores = self.scores(rows, keys)"
WEIGHTS = "np.exp(self.scores(rows, keys) - self.log_sums[..., rows, :])"
ALL_WEIGHTS = "np.exp(self.scores(slice(0, self.query.shape[-2]), slice(0, self.key.shape[-2])) - self.log_sums)"

MISTAKES = (
    forward("tiled: output is not scaled down", ("                output *= scale\n", "")),
    forward("tiled: total is not scaled down", ("total = scale * total +", "total = total +")),
    forward(
        "tiled: scaled up",
        ("np.exp(before - largest)", "np.exp(largest - before)"),
        says="output holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞",
    ),
    forward(
        "tiled: the largest score of the last tile",
        (NEW_LARGEST, "scores.max(axis=-1, keepdims=True)"),
        says="output holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞",
    ),
    forward("tiled: no largest score", (NEW_LARGEST, "np.zeros_like(largest)")),
    forward(
        "tiled: largest starts at -inf",
        ("np.finfo(dtype).min", "-np.inf"),
        says="output holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞",
    ),
    forward("tiled: largest starts at 0", ("np.finfo(dtype).min", "0")),
    forward("tiled: a mean of the tiles' softmaxes", ("total = scale * total + ", "total = ")),
    forward("tiled: not divided", ("            output /= total\n", "")),
    forward("tiled: divides zero by zero", ("            total[total == 0] = 1  # a query that sees no key\n", "")),
    forward(
        "tiled: always float64",
        ("dtype = np.result_type(query, key, value)", "dtype = np.dtype(float)"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    forward("tiled: forgets the last tile", ("self.tiles(key.shape[-2], rows)", "self.tiles(key.shape[-2] - 1, rows)")),
    forward(
        "tiled: ignores is_causal between tiles and within",
        (SCORES, "self.is_causal = False\n                " + SCORES),
        says="is_causal is ignored",
    ),
    forward(
        "tiled: holds all scores",
        (SCORES, "self.all = self.query @ self.key.swapaxes(-1, -2)\n                " + SCORES),
        says="a number for every query and key is held at once; go through the scores in tiles of block_size",
    ),
    backward(
        "tiled: no row sums",
        ("(weights_grad - row_sums)", "weights_grad"),
        says="dS lacks what is subtracted: dS = W ⊙ (dW - Σ dW ⊙ W)",
    ),
    backward(
        "tiled: row sums of one tile",
        ("(weights_grad - row_sums)", "(weights_grad - (weights_grad * weights).sum(axis=-1, keepdims=True))"),
    ),
    backward("tiled: no scale", (" * scale", ""), says="query_grad and key_grad lack the factor 1 / √d"),
    backward(
        "tiled: scale twice", (" * scale", " * scale**2"), says="query_grad and key_grad have the factor 1 / √d twice"
    ),
    backward("tiled: query_grad of the last tile", ("query_grad[..., rows, :] +=", "query_grad[..., rows, :] =")),
    backward("tiled: key_grad of the last tile", ("key_grad[..., keys, :] +=", "key_grad[..., keys, :] =")),
    backward("tiled: value_grad of the last tile", ("value_grad[..., keys, :] +=", "value_grad[..., keys, :] =")),
    backward(
        "tiled: softmax of each tile",
        (
            WEIGHTS,
            "np.exp(self.scores(rows, keys))\n                weights /= weights.sum(axis=-1, keepdims=True)",
        ),
    ),
    backward(
        "tiled: ones from above",
        ("grad = grad_output[..., rows, :]", "grad = np.ones_like(grad_output[..., rows, :])"),
        says="the gradient from above is taken to be one everywhere",
    ),
    backward(
        "tiled: changes grad_output",
        ("            grad = grad_output", "            grad_output *= 2\n            grad = grad_output"),
    ),
    backward(
        "tiled: holds all weights",
        (f"weights = {WEIGHTS}", f"weights = {ALL_WEIGHTS}[..., rows, keys]"),
        says="a number for every query and key is held at once; go through the scores in tiles of block_size",
    ),
)

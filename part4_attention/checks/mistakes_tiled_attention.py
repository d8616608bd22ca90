"""What may go wrong in tiled attention."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

forward = partial(Mistake, exercise="tiled.forward", file="tiled_attention.py")
backward = partial(Mistake, exercise="tiled.backward", file="tiled_attention.py")

NEW_LARGEST = "np.maximum(largest, scores.max(axis=-1, keepdims=True))"
SCORES = "scores = self.scores(rows, keys)"
WEIGHTS = "np.exp(self.scores(rows, keys) - self.log_sums[..., rows, :])"
ALL_WEIGHTS = "np.exp(self.scores(slice(0, self.query.shape[-2]), slice(0, self.key.shape[-2])) - self.log_sums)"

MISTAKES = (
    forward("tiled: output is not scaled down", edits=(("                output *= scale\n", ""),)),
    forward("tiled: total is not scaled down", edits=(("total = scale * total +", "total = total +"),)),
    forward("tiled: scaled up", edits=(("np.exp(before - largest)", "np.exp(largest - before)"),)),
    forward("tiled: the largest score of the last tile", edits=((NEW_LARGEST, "scores.max(axis=-1, keepdims=True)"),)),
    forward("tiled: no largest score", edits=((NEW_LARGEST, "np.zeros_like(largest)"),)),
    forward("tiled: largest starts at -inf", edits=(("np.finfo(dtype).min", "-np.inf"),)),
    forward("tiled: largest starts at 0", edits=(("np.finfo(dtype).min", "0"),)),
    forward("tiled: a mean of the tiles' softmaxes", edits=(("total = scale * total + ", "total = "),)),
    forward("tiled: not divided", edits=(("            output /= total\n", ""),)),
    forward(
        "tiled: divides zero by zero", edits=(("            total[total == 0] = 1  # a query that sees no key\n", ""),)
    ),
    forward("tiled: always float64", edits=(("dtype = np.result_type(query, key, value)", "dtype = np.dtype(float)"),)),
    forward(
        "tiled: forgets the last tile",
        edits=(("self.tiles(key.shape[-2], rows)", "self.tiles(key.shape[-2] - 1, rows)"),),
    ),
    forward(
        "tiled: ignores is_causal between tiles and within",
        edits=((SCORES, "self.is_causal = False\n                " + SCORES),),
    ),
    forward(
        "tiled: holds all scores",
        edits=((SCORES, "self.all = self.query @ self.key.swapaxes(-1, -2)\n                " + SCORES),),
    ),
    backward("tiled: no row sums", edits=(("(weights_grad - row_sums)", "weights_grad"),)),
    backward(
        "tiled: row sums of one tile",
        edits=(("(weights_grad - row_sums)", "(weights_grad - (weights_grad * weights).sum(axis=-1, keepdims=True))"),),
    ),
    backward("tiled: no scale", edits=((" * scale", ""),)),
    backward("tiled: scale twice", edits=((" * scale", " * scale**2"),)),
    backward(
        "tiled: query_grad of the last tile", edits=(("query_grad[..., rows, :] +=", "query_grad[..., rows, :] ="),)
    ),
    backward("tiled: key_grad of the last tile", edits=(("key_grad[..., keys, :] +=", "key_grad[..., keys, :] ="),)),
    backward(
        "tiled: value_grad of the last tile", edits=(("value_grad[..., keys, :] +=", "value_grad[..., keys, :] ="),)
    ),
    backward(
        "tiled: softmax of each tile",
        edits=(
            (
                WEIGHTS,
                "np.exp(self.scores(rows, keys))\n                weights /= weights.sum(axis=-1, keepdims=True)",
            ),
        ),
    ),
    backward(
        "tiled: ones from above",
        edits=(("grad = grad_output[..., rows, :]", "grad = np.ones_like(grad_output[..., rows, :])"),),
    ),
    backward(
        "tiled: changes grad_output",
        edits=(("            grad = grad_output", "            grad_output *= 2\n            grad = grad_output"),),
    ),
    backward(
        "tiled: holds all weights", edits=((f"weights = {WEIGHTS}", f"weights = {ALL_WEIGHTS}[..., rows, keys]"),)
    ),
)

"""Known mistakes in masked_softmax and ScaledDotProductAttention."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import Edit, mistake

softmax = partial(mistake, "attention.softmax")
forward = partial(mistake, "attention.forward")
backward = partial(mistake, "attention.backward")

MASKED, LOWEST = "np.where(mask, -np.inf, scores)", "np.finfo(scores.dtype).min"
HIDES, MASKS_THEN = f"scores = {MASKED}", "    if mask is not None:\n        scores ="
LARGEST = f"scores.max(axis=-1, keepdims=True, initial={LOWEST})"
EXP, TOTAL = "np.exp(scores - largest)", "weights.sum(axis=-1, keepdims=True)"
DIVISOR = "np.where(total == 0, 1, total)"
SOFTMAX_RESULT = "    return weights\n"
MASKED_AFTER = "    return weights if mask is None else np.where(mask, 0, weights)\n"

CHECK, SCALE = "check_inputs(query, key, value, mask)", " / math.sqrt(query.shape[-1])"
WEIGHTS, OUTPUT = "masked_softmax(scores, mask)", "self.attention_weights @ value"
SCORES_TURNED, MASK_TURNED = "scores.swapaxes(-1, -2)", "np.broadcast_to(mask, scores.shape).swapaxes(-1, -2)"

CHECK_BACK = "check_grad_output(grad_output, self.output_shape)"
VALUE_GRAD = "weights.swapaxes(-1, -2) @ grad_output"
SUMS, SCORES_GRAD = "(weights_grad * weights).sum(axis=-1, keepdims=True)", "weights * (weights_grad - row_sums)"
QUERY_GRAD, KEY_GRAD = "scores_grad @ self.key / root", "scores_grad.swapaxes(-1, -2) @ self.query / root"
RESULTS = "return query_grad, key_grad, value_grad"
LAST_BLOCK = "[..., (weights.shape[-2] - 1) // 128 * 128 :, :]"


def with_mask(other: str) -> tuple[str, str]:
    """Forward with another mask, where there is one."""
    return WEIGHTS, f"masked_softmax(scores, None if mask is None else {other})"


def keeps(other: str) -> tuple[Edit, Edit]:
    """Forward with the right output that keeps something else for the weights."""
    line = f"self.attention_weights = {WEIGHTS}"
    return (line, f"weights = {WEIGHTS}\n        self.attention_weights = {other}"), (OUTPUT, "weights @ value")


MISTAKES = (
    softmax("attention: softmax without the mask", (HIDES, "pass"), says="the mask is ignored"),
    softmax(
        "attention: softmax of what is masked",
        (MASKED, "np.where(mask, scores, -np.inf)"),
        says="the mask is the other way round; True means ignored",
    ),
    softmax(
        "attention: weights masked after the softmax",
        (HIDES, "pass"),
        (SOFTMAX_RESULT, MASKED_AFTER),
        says="masked weights are set to zero after the softmax, so the others no longer sum to one",
    ),
    softmax(
        "attention: masked scores are zero",
        (MASKED, MASKED.replace("-np.inf", "0")),
        says="masked scores are set to zero, which is a score like any other; -inf is none",
    ),
    softmax(
        "attention: masked scores are -1000, and masked again afterwards",
        (MASKED, MASKED.replace("-np.inf", "-1000")),
        (SOFTMAX_RESULT, MASKED_AFTER),
    ),
    softmax(
        "attention: masked scores are the lowest number",
        (MASKED, MASKED.replace("-np.inf", LOWEST)),
        says="a large negative score in the place of -inf: "
        "a query that sees no key still has weights; it must have zeros",
    ),
    softmax(
        "attention: a large number subtracted from masked scores",
        (MASKED, "scores - mask * scores.dtype.type(1e9)"),
        says="a large negative number added in the place of -inf: "
        "a query that sees no key still has weights; it must have zeros",
    ),
    softmax(
        "attention: scores times the mask",
        (MASKED, "scores * ~mask"),
        says="masked scores are set to zero, which is a score like any other; -inf is none",
    ),
    softmax("attention: softmax without the largest score", (LARGEST, "0")),
    softmax(
        "attention: the largest score of all rows",
        (LARGEST, f"scores.max(initial={LOWEST})"),
        says="the largest score of all rows is subtracted; each row must have its own",
    ),
    softmax(
        "attention: the largest score of the masked too",
        (MASKS_THEN, f"    unmasked = scores\n{MASKS_THEN}"),
        (LARGEST, LARGEST.replace("scores.max", "unmasked.max")),
        says="the largest score of a row is taken from the masked ones too; it must be of those that are seen",
    ),
    softmax(
        "attention: the largest score is 0 at least",
        (LARGEST, LARGEST.replace(LOWEST, "0")),
        says="the largest score of a row is taken to be 0 at least; it may be negative",
    ),
    softmax(
        "attention: softmax over the queries",
        (LARGEST, LARGEST.replace("-1", "-2")),
        (TOTAL, "weights.sum(axis=-2, keepdims=True)"),
        says="the softmax runs over the queries; it must run over the keys, the last axis",
    ),
    softmax(
        "attention: one sum for all rows",
        (TOTAL, "weights.sum()"),
        says="the weights are divided by the sum over all rows; each row must have its own",
    ),
    softmax("attention: nan where all is masked", (LARGEST, "scores.max(axis=-1, keepdims=True)"), (DIVISOR, "total")),
    softmax("attention: 0 / 0 where all is masked", (DIVISOR, "total")),
    softmax("attention: a small number added to the sum", (DIVISOR, "(total + weights.dtype.type(1e-6))")),
    softmax(
        "attention: softmax changes the masked scores",
        (HIDES, "np.copyto(scores, -np.inf, where=mask)"),
        (EXP, "np.exp(scores - largest, out=scores)"),
        says="the caller's scores hold the weights afterwards; work on a copy",
    ),
    softmax(
        "attention: softmax changes scores without a mask",
        (EXP, "np.exp(scores - largest, out=scores)"),
        says="the caller's scores hold the weights afterwards; work on a copy",
    ),
    softmax(
        "attention: softmax in float64 always",
        (EXP, "np.exp(scores.astype(float) - largest)"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    forward("attention: scores without a scale", (SCALE, ""), says="the scores are not divided by √d"),
    forward(
        "attention: scores divided by d",
        (SCALE, " / query.shape[-1]"),
        says="the scores are divided by d; it must be √d",
    ),
    forward(
        "attention: scores times √d",
        (SCALE, " * math.sqrt(query.shape[-1])"),
        says="the scores are multiplied by √d; they must be divided",
    ),
    forward(
        "attention: scores divided by √s",
        (SCALE, " / math.sqrt(key.shape[-2])"),
        says="the scores are divided by √s; it must be √d, the root of the number of features",
    ),
    forward(
        "attention: weights divided by √d",
        (SCALE, ""),
        (WEIGHTS, WEIGHTS + SCALE),
        says="the weights are divided by √d; the scores must be, before the softmax",
    ),
    forward(
        "attention: a root that makes float64 of float32",
        (SCALE, " / np.sqrt(query.shape[-1])"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    forward("attention: without the mask", (WEIGHTS, "masked_softmax(scores)"), says="the mask is ignored"),
    forward(
        "attention: the mask the other way round",
        with_mask("~mask"),
        says="the mask is the other way round; True means ignored",
    ),
    forward("attention: a mask of the scores' shape only", with_mask("mask.reshape(scores.shape)")),
    forward("attention: the first head's mask for all", with_mask("mask[(slice(1),) * (mask.ndim - 2)]")),
    forward(
        "attention: weights not kept", *keeps("np.zeros_like(weights)"), says="attention_weights is zero everywhere"
    ),
    forward("attention: weights kept before they are normalised", *keeps("np.exp(scores)")),
    forward(
        "attention: weights kept without the mask",
        *keeps("masked_softmax(scores)"),
        says="attention_weights is the softmax without the mask",
    ),
    forward(
        "attention: scores kept for weights",
        *keeps("scores"),
        says="attention_weights holds the scores; it must hold their softmax",
    ),
    forward(
        "attention: softmax over the queries in forward",
        (WEIGHTS, f"masked_softmax({SCORES_TURNED}, None if mask is None else {MASK_TURNED}).swapaxes(-1, -2)"),
        says="the softmax runs over the queries; it must run over the keys, the last axis",
    ),
    forward(
        "attention: equal weights kept where all is masked",
        *keeps("weights + ~weights.any(axis=-1, keepdims=True) / scores.dtype.type(key.shape[-2])"),
        says="attention_weights is 1 / s where a query sees no key; it must be zero there",
    ),
    forward(
        "attention: scores times the values",
        (OUTPUT, "scores @ value"),
        says="the softmax is missing; the scores themselves are the weights",
    ),
    forward(
        "attention: keys for values where they fit",
        (OUTPUT, OUTPUT.replace("value", "(key if key.shape == value.shape else value)")),
    ),
    forward(
        "attention: forward changes the query",
        (CHECK, f"{CHECK}\n        query /= math.sqrt(query.shape[-1])"),
        (SCALE, ""),
        (KEY_GRAD, "scores_grad.swapaxes(-1, -2) @ self.query"),
        says="the caller's query is divided by √d; work on a copy",
    ),
    backward(
        "attention: without the row sums",
        (SCORES_GRAD, "weights * weights_grad"),
        says="dS lacks what is subtracted: dS = W ⊙ (dW - Σ dW ⊙ W)",
    ),
    backward(
        "attention: row sums added",
        (SCORES_GRAD, "weights * (weights_grad + row_sums)"),
        says="the sum in dS is added; it must be subtracted",
    ),
    backward(
        "attention: row sums without the weights",
        (SUMS, "weights_grad.sum(axis=-1, keepdims=True)"),
        says="the sum in dS lacks the factor W: Σ over the keys of dW ⊙ W",
    ),
    backward("attention: row means", (SUMS, SUMS.replace("sum", "mean"))),
    backward(
        "attention: row sums of the gradient alone",
        (SUMS, "grad_output.sum(axis=-1, keepdims=True)"),
        says="the sum in dS lacks the factor output: Σ over the features of G ⊙ output",
    ),
    backward(
        "attention: sums over the queries",
        (SUMS, SUMS.replace("-1", "-2")),
        says="the sum in dS runs over the queries; it must run over the keys, the last axis",
    ),
    backward(
        "attention: only the diagonal of the softmax's derivative",
        (SCORES_GRAD, "weights * (1 - weights) * weights_grad"),
        says="only the diagonal of the softmax's derivative is used: dS is taken to be W ⊙ (1 - W) ⊙ dW",
    ),
    backward(
        "attention: scores' gradient not times the weights",
        (SCORES_GRAD, "weights_grad - row_sums"),
        says="dS lacks the factor W: dS = W ⊙ (dW - Σ dW ⊙ W)",
    ),
    backward(
        "attention: no way through the softmax",
        (SCORES_GRAD, "weights_grad"),
        says="the softmax is left out on the way back: dS is taken to be dW",
    ),
    backward(
        "attention: query_grad without the scale",
        (QUERY_GRAD, "scores_grad @ self.key"),
        says="query_grad lacks the factor 1 / √d",
    ),
    backward(
        "attention: query_grad scaled twice",
        (QUERY_GRAD, f"{QUERY_GRAD} / root"),
        says="query_grad has the factor 1 / √d twice",
    ),
    backward(
        "attention: key_grad without the scale",
        (KEY_GRAD, "scores_grad.swapaxes(-1, -2) @ self.query"),
        says="key_grad lacks the factor 1 / √d",
    ),
    backward(
        "attention: key_grad scaled twice",
        (KEY_GRAD, f"{KEY_GRAD} / root"),
        says="key_grad has the factor 1 / √d twice",
    ),
    backward(
        "attention: no scale on the way back",
        (QUERY_GRAD, "scores_grad @ self.key"),
        (KEY_GRAD, "scores_grad.swapaxes(-1, -2) @ self.query"),
        says="query_grad and key_grad lack the factor 1 / √d",
    ),
    backward(
        "attention: everything scaled twice on the way back",
        (QUERY_GRAD, f"{QUERY_GRAD} / root"),
        (KEY_GRAD, f"{KEY_GRAD} / root"),
        says="query_grad and key_grad have the factor 1 / √d twice",
    ),
    backward(
        "attention: scores without a scale, gradients with it",
        (SCALE, ""),
        says="the scores are not divided by √d in forward, though backward has the factor",
    ),
    backward(
        "attention: scores divided by d, gradients by √d",
        (SCALE, " / query.shape[-1]"),
        says="the scores are divided by d in forward; it must be √d, as in backward",
    ),
    backward(
        "attention: scores times √d, gradients divided by it",
        (SCALE, " * math.sqrt(query.shape[-1])"),
        says="the scores are multiplied by √d in forward; they must be divided, as in backward",
    ),
    backward(
        "attention: ones for grad_output",
        (CHECK_BACK, f"{CHECK_BACK}\n        grad_output = np.ones_like(grad_output)"),
        says="the upstream gradient is taken to be one everywhere",
    ),
    backward(
        "attention: key_grad of the last block of queries",
        (KEY_GRAD, f"scores_grad{LAST_BLOCK}.swapaxes(-1, -2) @ self.query{LAST_BLOCK} / root"),
        says="key_grad is that of the last block of queries; it must be the sum over all blocks",
    ),
    backward(
        "attention: value_grad of the last block of queries",
        (VALUE_GRAD, f"weights{LAST_BLOCK}.swapaxes(-1, -2) @ grad_output{LAST_BLOCK}"),
        says="value_grad is that of the last block of queries; it must be the sum over all blocks",
    ),
    backward(
        "attention: value_grad from the scores' gradient",
        (RESULTS, "return query_grad, key_grad, scores_grad.swapaxes(-1, -2) @ grad_output"),
        says="value_grad is dSᵀ G; it must be Wᵀ G",
    ),
    backward(
        "attention: gradients of queries and keys exchanged",
        (RESULTS, "return key_grad, query_grad, value_grad"),
        says="query_grad and key_grad are exchanged",
    ),
    backward(
        "attention: backward changes grad_output",
        (RESULTS, f"grad_output *= 2\n        {RESULTS}"),
        says="grad_output afterwards is too large by the factor 2",
    ),
    backward(
        "attention: backward changes the weights",
        (SCORES_GRAD, "weights\n        scores_grad *= weights_grad - row_sums"),
        says="attention_weights holds dS after backward; work on a copy",
    ),
    backward(
        "attention: backward reads the output given away",
        (f"return {OUTPUT}", f"self.output = {OUTPUT}\n        return self.output"),
        (SUMS, "(grad_output * self.output).sum(axis=-1, keepdims=True)"),
        says="backward reads the array that forward has returned, into which the caller may write; keep a copy",
    ),
)

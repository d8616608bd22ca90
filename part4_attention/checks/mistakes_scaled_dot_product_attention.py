"""What may go wrong in masked_softmax and ScaledDotProductAttention."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

softmax = partial(mistake, "attention.softmax")
forward = partial(mistake, "attention.forward")
backward = partial(mistake, "attention.backward")

COPY, MASKED = "weights = scores.copy()", "np.copyto(weights, -np.inf, where=mask)"
LOWEST = "np.finfo(scores.dtype).min"
LARGEST = f"weights.max(axis=-1, keepdims=True, initial={LOWEST})"
TOTAL, DIVISOR = "weights @ np.ones((weights.shape[-1], 1), weights.dtype)", "np.where(total == 0, 1, total)"
SOFTMAX_RESULT = "    return weights\n"
MASKED_AFTER = "    return weights if mask is None else np.where(mask, 0, weights)\n"

CHECK, SCALED = "check_inputs(query, key, value, mask)", "query / math.sqrt(query.shape[-1])"
DTYPE, HIDDEN = "np.result_type(query, key, value)", "None if hidden is None else hidden[head][rows, keys]"
HIDDEN_TURNED = "None if hidden is None else hidden[head][rows, keys].T"
BLOCKS, BLOCKS_BACK = "query_blocks(shape, mask)", "query_blocks(self.attention_weights.shape, self.mask)"
WEIGHTS, OUTPUT = f"masked_softmax(scores, {HIDDEN})", "return self.output.copy()"
PRODUCT, KEPT = "np.matmul(weights, value[head][keys]", "self.attention_weights[head][rows, keys] = weights"

CHECK_BACK = "check_grad_output(grad_output, self.output_shape)"
SUMS = "(grad_output * self.output).sum(axis=-1, keepdims=True)"
LESS_SUMS, TIMES_WEIGHTS = "scores_grad -= row_sums[head][rows]", "scores_grad *= weights"
QUERY_SCALE, KEY_GRAD = "query_grad /= math.sqrt(self.key.shape[-1])", "scores_grad.T @ self.query[head][rows]"
VALUE_GRAD = "value_grad[head][keys] += weights.T @ grad"
RESULTS = "return query_grad, key_grad, value_grad"

MISTAKES = (
    softmax("attention: softmax without the mask", (MASKED, "pass"), says="the mask is ignored"),
    softmax(
        "attention: softmax of what is masked",
        (MASKED, MASKED.replace("=mask", "=~mask")),
        says="the mask is the other way round; True means ignored",
    ),
    softmax(
        "attention: weights masked after the softmax",
        (MASKED, "pass"),
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
        (MASKED, "weights -= mask * weights.dtype.type(1e9)"),
        says="a large negative number added in the place of -inf: "
        "a query that sees no key still has weights; it must have zeros",
    ),
    softmax(
        "attention: scores times the mask",
        (MASKED, "weights *= ~mask"),
        says="masked scores are set to zero, which is a score like any other; -inf is none",
    ),
    softmax("attention: softmax without the largest score", (LARGEST, "0")),
    softmax(
        "attention: the largest score of all rows",
        (LARGEST, f"weights.max(initial={LOWEST})"),
        says="the largest score of all rows is subtracted; each row must have its own",
    ),
    softmax(
        "attention: the largest score of the masked too",
        (LARGEST, LARGEST.replace("weights", "scores")),
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
    softmax("attention: nan where all is masked", (LARGEST, "weights.max(axis=-1, keepdims=True)"), (DIVISOR, "total")),
    softmax("attention: 0 / 0 where all is masked", (DIVISOR, "total")),
    softmax("attention: a small number added to the sum", (DIVISOR, "(total + weights.dtype.type(1e-6))")),
    softmax(
        "attention: softmax changes the masked scores",
        (COPY, "weights = scores"),
        says="the caller's scores hold the weights afterwards; work on a copy",
    ),
    softmax(
        "attention: softmax changes scores without a mask",
        (COPY, "weights = scores if mask is None else scores.copy()"),
        says="the caller's scores hold the weights afterwards; work on a copy",
    ),
    softmax(
        "attention: softmax in float64 always",
        (COPY, "weights = scores.astype(float)"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    forward("attention: scores without a scale", (SCALED, "query"), says="the scores are not divided by √d"),
    forward(
        "attention: scores divided by d",
        (SCALED, "query / query.shape[-1]"),
        says="the scores are divided by d; it must be √d",
    ),
    forward(
        "attention: scores times √d",
        (SCALED, "query * math.sqrt(query.shape[-1])"),
        says="the scores are multiplied by √d; they must be divided",
    ),
    forward(
        "attention: scores divided by √s",
        (SCALED, "query / math.sqrt(key.shape[-2])"),
        says="the scores are divided by √s; it must be √d, the root of the number of features",
    ),
    forward(
        "attention: weights divided by √d",
        (SCALED, "query"),
        (WEIGHTS, f"{WEIGHTS} / math.sqrt(query.shape[-1])"),
        says="the weights are divided by √d; the scores must be, before the softmax",
    ),
    forward(
        "attention: a root that makes float64 of float32",
        (SCALED, "query / np.sqrt(query.shape[-1])"),
        (DTYPE, "np.result_type(self.query, key, value)"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    forward(
        "attention: without the mask", (HIDDEN, "None"), (BLOCKS, "query_blocks(shape)"), says="the mask is ignored"
    ),
    forward(
        "attention: the mask the other way round",
        ("np.broadcast_to(mask, shape)", "~np.broadcast_to(mask, shape)"),
        (BLOCKS, "query_blocks(shape)"),
        says="the mask is the other way round; True means ignored",
    ),
    forward("attention: a mask of the scores' shape only", ("np.broadcast_to(mask, shape)", "mask")),
    forward("attention: the first head's mask for all", ("hidden[head]", "hidden[(0,) * len(head)]")),
    forward("attention: weights not kept", (KEPT, "pass"), says="attention_weights is zero everywhere"),
    forward(
        "attention: weights kept before they are normalised", (KEPT, KEPT.replace("= weights", "= np.exp(scores)"))
    ),
    forward(
        "attention: weights kept without the mask",
        (KEPT, KEPT.replace("= weights", "= masked_softmax(scores)")),
        (BLOCKS, "query_blocks(shape)"),
        says="attention_weights is the softmax without the mask",
    ),
    forward(
        "attention: scores kept for weights",
        (KEPT, KEPT.replace("= weights", "= scores")),
        (BLOCKS, "query_blocks(shape)"),
        says="attention_weights holds the scores; it must hold their softmax",
    ),
    forward(
        "attention: softmax over the queries in forward",
        (f"masked_softmax(scores, {HIDDEN})", f"masked_softmax(scores.T, {HIDDEN_TURNED}).T"),
        says="the softmax runs over the queries; it must run over the keys, the last axis",
    ),
    forward(
        "attention: equal weights kept where all is masked",
        (KEPT, f"{KEPT} + ~weights.any(axis=-1, keepdims=True) / scores.dtype.type(key.shape[-2])"),
        (BLOCKS, "query_blocks(shape)"),
        says="attention_weights is 1 / s where a query sees no key; it must be zero there",
    ),
    forward(
        "attention: scores times the values",
        (PRODUCT, PRODUCT.replace("weights", "scores")),
        says="the softmax is missing; the scores themselves are the weights",
    ),
    forward(
        "attention: keys for values where they fit",
        (PRODUCT, PRODUCT.replace("value", "(key if key.shape == value.shape else value)")),
    ),
    forward(
        "attention: forward changes the query",
        (CHECK, f"{CHECK}\n        query /= math.sqrt(query.shape[-1])"),
        (f"{SCALED}, key", "query, key"),
        says="the caller's query is divided by √d; work on a copy",
    ),
    backward(
        "attention: without the row sums",
        (LESS_SUMS, "pass"),
        says="dS lacks what is subtracted: dS = W ⊙ (dW - Σ dW ⊙ W)",
    ),
    backward(
        "attention: row sums added",
        (LESS_SUMS, LESS_SUMS.replace("-=", "+=")),
        says="the sum in dS is added; it must be subtracted",
    ),
    backward(
        "attention: row sums without the weights",
        (LESS_SUMS, "scores_grad -= scores_grad.sum(axis=-1, keepdims=True)"),
        says="the sum in dS lacks the factor W: Σ over the keys of dW ⊙ W",
    ),
    backward("attention: row means", (SUMS, SUMS.replace("sum", "mean"))),
    backward(
        "attention: row sums of the gradient alone",
        (SUMS, SUMS.replace(" * self.output", "")),
        says="the sum in dS lacks the factor output: Σ over the features of G ⊙ output",
    ),
    backward(
        "attention: sums over the queries",
        (LESS_SUMS, "scores_grad -= (scores_grad * weights).sum(axis=-2, keepdims=True)"),
        says="the sum in dS runs over the queries; it must run over the keys, the last axis",
    ),
    backward(
        "attention: only the diagonal of the softmax's derivative",
        (LESS_SUMS, "pass"),
        (TIMES_WEIGHTS, "scores_grad *= weights * (1 - weights)"),
        says="only the diagonal of the softmax's derivative is used: dS is taken to be W ⊙ (1 - W) ⊙ dW",
    ),
    backward(
        "attention: scores' gradient not times the weights",
        (TIMES_WEIGHTS, "pass"),
        says="dS lacks the factor W: dS = W ⊙ (dW - Σ dW ⊙ W)",
    ),
    backward(
        "attention: no way through the softmax",
        (LESS_SUMS, "pass"),
        (TIMES_WEIGHTS, "pass"),
        says="the softmax is left out on the way back: dS is taken to be dW",
    ),
    backward(
        "attention: query_grad without the scale", (QUERY_SCALE, "pass"), says="query_grad lacks the factor 1 / √d"
    ),
    backward(
        "attention: query_grad scaled twice",
        (QUERY_SCALE, "query_grad /= self.key.shape[-1]"),
        says="query_grad has the factor 1 / √d twice",
    ),
    backward(
        "attention: key_grad without the scale",
        (KEY_GRAD, f"{KEY_GRAD} * math.sqrt(self.key.shape[-1])"),
        says="key_grad lacks the factor 1 / √d",
    ),
    backward(
        "attention: key_grad scaled twice",
        (KEY_GRAD, f"{KEY_GRAD} / math.sqrt(self.key.shape[-1])"),
        says="key_grad has the factor 1 / √d twice",
    ),
    backward(
        "attention: no scale on the way back",
        (QUERY_SCALE, "pass"),
        (KEY_GRAD, f"{KEY_GRAD} * math.sqrt(self.key.shape[-1])"),
        says="query_grad and key_grad lack the factor 1 / √d",
    ),
    backward(
        "attention: everything scaled twice on the way back",
        (QUERY_SCALE, "query_grad /= self.key.shape[-1]"),
        (KEY_GRAD, f"{KEY_GRAD} / math.sqrt(self.key.shape[-1])"),
        says="query_grad and key_grad have the factor 1 / √d twice",
    ),
    backward(
        "attention: scores without a scale, gradients with it",
        (SCALED, "query"),
        (KEY_GRAD, f"{KEY_GRAD} / math.sqrt(self.key.shape[-1])"),
        says="the scores are not divided by √d in forward, though backward has the factor",
    ),
    backward(
        "attention: scores divided by d, gradients by √d",
        (SCALED, "query / query.shape[-1]"),
        (KEY_GRAD, f"{KEY_GRAD} * math.sqrt(self.key.shape[-1])"),
        says="the scores are divided by d in forward; it must be √d, as in backward",
    ),
    backward(
        "attention: scores times √d, gradients divided by it",
        (SCALED, "query * math.sqrt(query.shape[-1])"),
        (KEY_GRAD, f"{KEY_GRAD} / self.key.shape[-1]"),
        says="the scores are multiplied by √d in forward; they must be divided, as in backward",
    ),
    backward(
        "attention: ones for grad_output",
        (CHECK_BACK, f"{CHECK_BACK}\n        grad_output = np.ones_like(grad_output)"),
        says="the gradient from above is taken to be one everywhere",
    ),
    backward(
        "attention: key_grad of the last block of queries",
        ("key_grad[head][keys] +=", "key_grad[head][keys] ="),
        (BLOCKS_BACK, "query_blocks(self.attention_weights.shape)"),
        says="key_grad is that of the last block of queries; it must be the sum over all blocks",
    ),
    backward(
        "attention: value_grad of the last block of queries",
        (VALUE_GRAD, VALUE_GRAD.replace("+=", "=")),
        (BLOCKS_BACK, "query_blocks(self.attention_weights.shape)"),
        says="value_grad is that of the last block of queries; it must be the sum over all blocks",
    ),
    backward(
        "attention: value_grad from the scores' gradient",
        (VALUE_GRAD, VALUE_GRAD.replace("weights", "scores_grad")),
        says="value_grad is dSᵀ G; it must be Wᵀ G",
    ),
    backward(
        "attention: gradients of queries and keys exchanged",
        (RESULTS, "return key_grad, query_grad, value_grad"),
        says="query_grad and key_grad are exchanged",
    ),
    backward(
        "attention: backward changes grad_output",
        (QUERY_SCALE, f"{QUERY_SCALE}\n        grad_output *= 2"),
        says="grad_output afterwards is too large by the factor 2",
    ),
    backward(
        "attention: backward changes the weights",
        (f"            {VALUE_GRAD}\n", ""),
        (
            TIMES_WEIGHTS,
            f"{VALUE_GRAD}\n            weights *= scores_grad\n            scores_grad = weights",
        ),
        says="attention_weights holds dS after backward; work on a copy",
    ),
    backward(
        "attention: backward reads the output given away",
        (OUTPUT, "return self.output"),
        says="backward reads the array that forward has returned, into which the caller may write; keep a copy",
    ),
)

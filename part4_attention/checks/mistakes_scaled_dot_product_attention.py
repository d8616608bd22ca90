"""What may go wrong in masked_softmax and ScaledDotProductAttention."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

softmax = partial(Mistake, exercise="attention.softmax", file="scaled_dot_product_attention.py")
forward = partial(Mistake, exercise="attention.forward", file="scaled_dot_product_attention.py")
backward = partial(Mistake, exercise="attention.backward", file="scaled_dot_product_attention.py")

COPY, MASKED = "weights = scores.copy()", "np.copyto(weights, -np.inf, where=mask)"
LOWEST = "np.finfo(scores.dtype).min"
LARGEST = f"weights.max(axis=-1, keepdims=True, initial={LOWEST})"
TOTAL, DIVISOR = "weights @ np.ones((weights.shape[-1], 1), weights.dtype)", "np.where(total == 0, 1, total)"
SOFTMAX_RESULT = "    return weights\n"
MASKED_AFTER = "    return weights if mask is None else np.where(mask, 0, weights)\n"

CHECK, SCALED = "check_inputs(query, key, value, mask)", "query / math.sqrt(query.shape[-1])"
DTYPE, HIDDEN = "np.result_type(query, key, value)", "None if hidden is None else hidden[head][rows, keys]"
WEIGHTS, OUTPUT = f"masked_softmax(scores, {HIDDEN})", "return self.output.copy()"
PRODUCT, KEPT = "np.matmul(weights, value[head][keys]", "self.attention_weights[head][rows, keys] = weights"

CHECK_BACK = "check_grad_output(grad_output, self.output_shape)"
SUMS = "(grad_output * self.output).sum(axis=-1, keepdims=True)"
LESS_SUMS, TIMES_WEIGHTS = "scores_grad -= row_sums[head][rows]", "scores_grad *= weights"
QUERY_SCALE, KEY_GRAD = "query_grad /= math.sqrt(self.key.shape[-1])", "scores_grad.T @ self.query[head][rows]"
VALUE_GRAD = "value_grad[head][keys] += weights.T @ grad"
RESULTS = "return query_grad, key_grad, value_grad"

MISTAKES = (
    softmax("attention: softmax without the mask", edits=((MASKED, "pass"),)),
    softmax("attention: softmax of what is masked", edits=((MASKED, MASKED.replace("=mask", "=~mask")),)),
    softmax("attention: weights masked after the softmax", edits=((MASKED, "pass"), (SOFTMAX_RESULT, MASKED_AFTER))),
    softmax("attention: masked scores are zero", edits=((MASKED, MASKED.replace("-np.inf", "0")),)),
    softmax(
        "attention: masked scores are -1000, and masked again afterwards",
        edits=((MASKED, MASKED.replace("-np.inf", "-1000")), (SOFTMAX_RESULT, MASKED_AFTER)),
    ),
    softmax("attention: masked scores are the lowest number", edits=((MASKED, MASKED.replace("-np.inf", LOWEST)),)),
    softmax("attention: scores times the mask", edits=((MASKED, "weights *= ~mask"),)),
    softmax("attention: softmax without the largest score", edits=((LARGEST, "0"),)),
    softmax("attention: the largest score of all rows", edits=((LARGEST, f"weights.max(initial={LOWEST})"),)),
    softmax("attention: the largest score of the masked too", edits=((LARGEST, LARGEST.replace("weights", "scores")),)),
    softmax("attention: the largest score is 0 at least", edits=((LARGEST, LARGEST.replace(LOWEST, "0")),)),
    softmax(
        "attention: softmax over the queries",
        edits=((LARGEST, LARGEST.replace("-1", "-2")), (TOTAL, "weights.sum(axis=-2, keepdims=True)")),
    ),
    softmax("attention: one sum for all rows", edits=((TOTAL, "weights.sum()"),)),
    softmax(
        "attention: nan where all is masked",
        edits=((LARGEST, "weights.max(axis=-1, keepdims=True)"), (DIVISOR, "total")),
    ),
    softmax("attention: 0 / 0 where all is masked", edits=((DIVISOR, "total"),)),
    softmax("attention: a small number added to the sum", edits=((DIVISOR, "(total + weights.dtype.type(1e-6))"),)),
    softmax("attention: softmax changes the masked scores", edits=((COPY, "weights = scores"),)),
    softmax(
        "attention: softmax changes scores without a mask",
        edits=((COPY, "weights = scores if mask is None else scores.copy()"),),
    ),
    softmax("attention: softmax in float64 always", edits=((COPY, "weights = scores.astype(float)"),)),
    forward("attention: scores without a scale", edits=((SCALED, "query"),)),
    forward("attention: scores divided by d", edits=((SCALED, "query / query.shape[-1]"),)),
    forward("attention: scores times √d", edits=((SCALED, "query * math.sqrt(query.shape[-1])"),)),
    forward("attention: scores divided by √s", edits=((SCALED, "query / math.sqrt(key.shape[-2])"),)),
    forward(
        "attention: weights divided by √d",
        edits=((SCALED, "query"), (WEIGHTS, f"{WEIGHTS} / math.sqrt(query.shape[-1])")),
    ),
    forward(
        "attention: a root that makes float64 of float32",
        edits=((SCALED, "query / np.sqrt(query.shape[-1])"), (DTYPE, "np.result_type(self.query, key, value)")),
    ),
    forward("attention: without the mask", edits=((HIDDEN, "None"),)),
    forward(
        "attention: the mask the other way round",
        edits=(("np.broadcast_to(mask, shape)", "~np.broadcast_to(mask, shape)"),),
    ),
    forward("attention: a mask of the scores' shape only", edits=(("np.broadcast_to(mask, shape)", "mask"),)),
    forward("attention: the first head's mask for all", edits=(("hidden[head]", "hidden[(0,) * len(head)]"),)),
    forward("attention: weights not kept", edits=((KEPT, "pass"),)),
    forward(
        "attention: weights kept before they are normalised",
        edits=((KEPT, KEPT.replace("= weights", "= np.exp(scores)")),),
    ),
    forward(
        "attention: weights kept without the mask",
        edits=((KEPT, KEPT.replace("= weights", "= masked_softmax(scores)")),),
    ),
    forward(
        "attention: equal weights kept where all is masked",
        edits=((KEPT, f"{KEPT} + ~weights.any(axis=-1, keepdims=True) / scores.dtype.type(key.shape[-2])"),),
    ),
    forward("attention: scores times the values", edits=((PRODUCT, PRODUCT.replace("weights", "scores")),)),
    forward(
        "attention: keys for values where they fit",
        edits=((PRODUCT, PRODUCT.replace("value", "(key if key.shape == value.shape else value)")),),
    ),
    forward(
        "attention: forward changes the query",
        edits=((CHECK, f"{CHECK}\n        query /= math.sqrt(query.shape[-1])"), (f"{SCALED}, key", "query, key")),
    ),
    backward("attention: without the row sums", edits=((LESS_SUMS, "pass"),)),
    backward("attention: row sums added", edits=((LESS_SUMS, LESS_SUMS.replace("-=", "+=")),)),
    backward("attention: row means", edits=((SUMS, SUMS.replace("sum", "mean")),)),
    backward("attention: row sums of the gradient alone", edits=((SUMS, SUMS.replace(" * self.output", "")),)),
    backward(
        "attention: sums over the queries",
        edits=((LESS_SUMS, "scores_grad -= (scores_grad * weights).sum(axis=-2, keepdims=True)"),),
    ),
    backward(
        "attention: only the diagonal of the softmax's derivative",
        edits=((LESS_SUMS, "pass"), (TIMES_WEIGHTS, "scores_grad *= weights * (1 - weights)")),
    ),
    backward("attention: scores' gradient not times the weights", edits=((TIMES_WEIGHTS, "pass"),)),
    backward("attention: no way through the softmax", edits=((LESS_SUMS, "pass"), (TIMES_WEIGHTS, "pass"))),
    backward("attention: query_grad without the scale", edits=((QUERY_SCALE, "pass"),)),
    backward("attention: query_grad scaled twice", edits=((QUERY_SCALE, "query_grad /= self.key.shape[-1]"),)),
    backward(
        "attention: key_grad without the scale", edits=((KEY_GRAD, f"{KEY_GRAD} * math.sqrt(self.key.shape[-1])"),)
    ),
    backward("attention: key_grad scaled twice", edits=((KEY_GRAD, f"{KEY_GRAD} / math.sqrt(self.key.shape[-1])"),)),
    backward(
        "attention: ones for grad_output",
        edits=((CHECK_BACK, f"{CHECK_BACK}\n        grad_output = np.ones_like(grad_output)"),),
    ),
    backward(
        "attention: key_grad of the last block of queries",
        edits=(("key_grad[head][keys] +=", "key_grad[head][keys] ="),),
    ),
    backward(
        "attention: value_grad of the last block of queries",
        edits=((VALUE_GRAD, VALUE_GRAD.replace("+=", "=")),),
    ),
    backward(
        "attention: value_grad from the scores' gradient",
        edits=((VALUE_GRAD, VALUE_GRAD.replace("weights", "scores_grad")),),
    ),
    backward(
        "attention: gradients of queries and keys exchanged",
        edits=((RESULTS, "return key_grad, query_grad, value_grad"),),
    ),
    backward(
        "attention: backward changes grad_output", edits=((QUERY_SCALE, f"{QUERY_SCALE}\n        grad_output *= 2"),)
    ),
    backward(
        "attention: backward changes the weights",
        edits=(
            (f"            {VALUE_GRAD}\n", ""),
            (
                TIMES_WEIGHTS,
                f"{VALUE_GRAD}\n            weights *= scores_grad\n            scores_grad = weights",
            ),
        ),
    ),
    backward("attention: backward reads the output given away", edits=((OUTPUT, "return self.output"),)),
)

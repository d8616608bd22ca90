"""Known mistakes in MultiHeadAttention, merge_masks and the three sublayers."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import Whole, mistake

project = partial(mistake, "attention.project")
masks = partial(mistake, "attention.merge_masks")
attend = partial(mistake, "attention.attend")
fused = partial(mistake, "attention.attend_fused")
self_attention = partial(mistake, "sublayers.self_attention")
cross_attention = partial(mistake, "sublayers.cross_attention")
feed_forward = partial(mistake, "sublayers.feed_forward")

SAME, TOGETHER = "query is key and key is value", "self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)"
THIRDS = "weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)"
APART = "map(functional.linear, (query, key, value), weights, biases)"
SPLIT = "x.reshape(batch, time, self.num_heads, features // self.num_heads).transpose(1, 2)"

NO_PADDING = "None if key_padding_mask is None else"
PADDING, EITHER = "key_padding_mask[:, None, None]", "attn_mask[None, None] | padding"
ALONE = "attn_mask[None, None] if padding is None"

SCORES, SOFTMAX = "q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5", "scores.softmax(dim=-1)"
HIDDEN = "scores.masked_fill(mask, -torch.inf)"
ZEROS = "weights = weights.masked_fill(mask, 0)"
KEPT = "kept = torch.rand_like(weights) >= self.dropout if self.training else 1"
STILL_WEIGHTS = "a query that ignores every key still has weights; it must have zeros"
DROPPED, MEAN = "output = functional.dropout(weights, self.dropout, self.training) @ v", "weights.mean(dim=1)"

FUSED = "functional.scaled_dot_product_attention(q, k, v, seen, dropout, is_causal)"
ONLY_IN_TRAINING, INVERTED = "self.dropout if self.training else 0.0", "None if mask is None or is_causal else ~mask"

OF_ITSELF = """self.mha(
            normed, normed, normed, key_padding_mask, attn_mask, need_weights, cache=cache, is_causal=is_causal
        )"""
SELF_RESULT = f"output, weights = {OF_ITSELF}\n        return x + self.dropout(output), weights"
OF_OTHER = "self.mha(self.norm(x), y, y, key_padding_mask, attn_mask, need_weights, cache=cache)"
CROSS_RESULT = f"output, weights = {OF_OTHER}\n        return x + self.dropout(output), weights"
APPROXIMATE = 'functional.gelu(self.ffn[0](self.norm(x)), approximate="tanh")'
NETWORK = "x + self.dropout(self.ffn(self.norm(x)))"


def instead(result: str, right: str, wrong: str) -> tuple[tuple[str, str], ...]:
    """Return the edit of one text inside a longer one, where the text alone stands in other sublayers too."""
    assert right in result
    return ((result, result.replace(right, wrong)),)


BY_TORCH = """
seen = None if mask is None else ~mask
identity = torch.eye(k.shape[-2], dtype=q.dtype)
weights = functional.scaled_dot_product_attention(q, k, identity, seen)
if mask is not None:
    weights = weights.masked_fill(mask, 0)
return functional.dropout(weights, self.dropout, self.training) @ v, weights.mean(dim=1)
"""

MISTAKES = (
    project(
        "attention: query and key alike are taken for self-attention",
        (SAME, "query is key"),
        says="all three are projected from the query",
    ),
    project(
        "attention: all of one shape are taken for self-attention",
        (SAME, "query.shape == key.shape == value.shape"),
        says="all three are projected from the query",
    ),
    project(
        "attention: all projected from the query",
        (APART, APART.replace("key, value", "query, query")),
        says="all three are projected from the query",
    ),
    project(
        "attention: values projected from the key",
        (APART, APART.replace("key, value", "key, key")),
        says="the values are projected from the key",
    ),
    project(
        "attention: keys projected from the query",
        (APART, APART.replace("key, value", "query, value")),
        says="the keys are projected from the query",
    ),
    project(
        "attention: keys projected from the value, values from the key",
        (APART, APART.replace("key, value", "value, key")),
        says="the keys are projected from the value, and the values from the key",
    ),
    project(
        "attention: thirds in the opposite order",
        ("q, k, v = functional.linear(query,", "v, k, q = functional.linear(query,"),
        (THIRDS, f"{THIRDS.replace('), self', ')[::-1], self')}[::-1]"),
        says="the thirds of in_proj are the values', the keys' and the queries', not the other way round",
    ),
    project(
        "attention: keys and values in each other's thirds",
        ("q, k, v = functional.linear(query,", "q, v, k = functional.linear(query,"),
        (f"q, k, v = {APART}", f"q, v, k = {APART.replace('key, value', 'value, key')}"),
        says="keys and values have each other's thirds of in_proj",
    ),
    project(
        "attention: the first third for all",
        (
            Whole("MultiHeadAttention.project"),
            """
            weight, bias = self.in_proj_weight[: query.shape[-1]], self.in_proj_bias[: query.shape[-1]]
            return tuple(functional.linear(x, weight, bias) for x in (query, key, value))
            """,
        ),
        says="all three have the first third of in_proj",
    ),
    project(
        "attention: without in_proj_bias",
        ("self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)", "self.in_proj_weight).chunk(3, dim=-1)"),
        (APART, APART.replace(", biases", "")),
        says="in_proj_bias is not added",
    ),
    project(
        "attention: weights not transposed",
        (
            Whole("MultiHeadAttention.project"),
            """
            weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
            return tuple(x @ weight + bias for x, weight, bias in zip((query, key, value), weights, biases))
            """,
        ),
        says="the weights are not transposed; linear is x Wᵀ + b",
    ),
    project(
        "attention: parameters without gradients",
        (TOGETHER, "self.in_proj_weight.data, self.in_proj_bias.data).chunk(3, dim=-1)"),
    ),
    project(
        "attention: split by a reshape alone",
        (SPLIT, "x.reshape(batch, self.num_heads, time, features // self.num_heads)"),
        says="the features are split by a reshape alone, which mixes times and heads",
    ),
    project(
        "attention: every num_heads-th feature for a head",
        (SPLIT, "x.reshape(batch, time, features // self.num_heads, self.num_heads).permute(0, 3, 1, 2)"),
        says="the first head has every num_heads-th feature; it has the first of them",
    ),
    project(
        "attention: heads after the time",
        (SPLIT, SPLIT.replace(".transpose(1, 2)", "")),
        says="the heads come after the time; they must come before it",
    ),
    project("attention: a length left to be worked out", (SPLIT, SPLIT.replace("features // self.num_heads", "-1"))),
    masks(
        "attention: hidden where both masks hide",
        (EITHER, "attn_mask[None, None] & padding"),
        says="a key is hidden where both masks hide it; it must be where either does",
    ),
    masks(
        "attention: one mask or the other", (EITHER, "attn_mask[None, None]"), says="the key_padding_mask is ignored"
    ),
    masks("attention: the padding alone", (EITHER, "padding"), says="the attn_mask is ignored"),
    masks("attention: padding hides queries", (PADDING, "key_padding_mask[:, None, :, None]")),
    masks(
        "attention: the masks inverted",
        ("        return padding", "        return None if padding is None else ~padding"),
        (ALONE, f"~{ALONE}"),
        (EITHER, f"~({EITHER})"),
        says="the mask is inverted; it must stay True where ignored",
    ),
    masks(
        "attention: padding written into the caller's mask",
        (EITHER, "key_padding_mask.logical_or_(attn_mask.any(0))[:, None, None] | attn_mask[None, None]"),
    ),
    masks(
        "attention: a mask that hides nothing for none",
        (NO_PADDING, NO_PADDING.replace("None if", "torch.zeros(1, 1, 1, 1, dtype=torch.bool) if")),
    ),
    attend("attention: by torch's fused function", (Whole("MultiHeadAttention.attend"), BY_TORCH)),
    attend(
        "attention: without the scale", (SCORES, "q @ k.transpose(-1, -2)"), says="the scores are not divided by √dₕ"
    ),
    attend(
        "attention: scores divided by √d_model",
        (SCORES, SCORES.replace("q.shape[-1]", "len(self.out_proj.bias)")),
        says="the scores are divided by √d_model; it must be the root of what one head has",
    ),
    attend(
        "attention: scores divided by dₕ",
        (SCORES, SCORES.replace(" ** 0.5", "")),
        says="the scores are divided by dₕ; it must be its root",
    ),
    attend(
        "attention: without the softmax",
        (SOFTMAX, "scores"),
        says="the softmax is missing; the scores themselves are the weights",
    ),
    attend("attention: without the mask", ("if mask is not None", "if False"), says="the mask is ignored"),
    attend(
        "attention: mask inverted",
        (HIDDEN, HIDDEN.replace("mask,", "~mask,")),
        (ZEROS, ZEROS.replace("mask,", "~mask,")),
        says="the mask is inverted; True is what is ignored",
    ),
    attend(
        "attention: masked after the softmax only",
        (HIDDEN, "scores"),
        says="the mask acts after the softmax only; what is left of the weights no longer sums to one",
    ),
    attend(
        "attention: a large negative score",
        (HIDDEN, HIDDEN.replace("-torch.inf", "-1e10")),
        (ZEROS, "pass"),
        says=f"a large negative score in the place of -inf: {STILL_WEIGHTS}",
    ),
    attend(
        "attention: a large negative number added",
        (HIDDEN, "scores - mask * 1e9"),
        (ZEROS, "pass"),
        says=f"a large negative number added in the place of -inf: {STILL_WEIGHTS}",
    ),
    attend(
        "attention: nan where all is masked",
        (ZEROS, "pass"),
        says="output holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞",
    ),
    attend("attention: without dropout", (DROPPED, "output = weights @ v"), says="nothing is dropped in training"),
    attend(
        "attention: dropout in evaluation too",
        (DROPPED, DROPPED.replace("self.training", "True")),
        says="values are dropped in evaluation too",
    ),
    attend(
        "attention: dropout without a division",
        (DROPPED, f"{KEPT}\n        output = (weights * kept) @ v"),
        says="what is kept is not divided by 1 - p",
    ),
    attend(
        "attention: dropped weights returned",
        (
            DROPPED,
            "weights = functional.dropout(weights, self.dropout, self.training)\n        output = weights @ v",
        ),
        says="the weights are returned after dropout; they must be those before it",
    ),
    attend(
        "attention: dropout on the output",
        (DROPPED, "output = functional.dropout(weights @ v, self.dropout, self.training)"),
        says="dropout acts on the output; it must act on the weights",
    ),
    attend(
        "attention: weights summed over the heads",
        (MEAN, "weights.sum(dim=1)"),
        says="the weights are the sum over the heads; they must be the mean",
    ),
    fused(
        "attention: fused with the mask as it is",
        (INVERTED, INVERTED.replace("~", "")),
        says="the mask is inverted; True is what is ignored",
    ),
    fused("attention: fused without the mask", (INVERTED, "None"), says="the mask is ignored"),
    fused(
        "attention: fused without the causal mask",
        (FUSED, FUSED.replace(", is_causal", "")),
        says="the mask is ignored",
    ),
    fused(
        "attention: fused dropout in evaluation too",
        (ONLY_IN_TRAINING, "self.dropout"),
        says="values are dropped in evaluation too",
    ),
    fused("attention: fused without dropout", (ONLY_IN_TRAINING, "0.0"), says="nothing is dropped in training"),
    fused(
        "attention: fused dropout on the output",
        (FUSED, f"functional.dropout({FUSED.replace(' dropout,', ' 0.0,')}, self.dropout, self.training)"),
        says="dropout acts on the output; it must act on the weights",
    ),
    self_attention(
        "sublayers: self-attention plus the norm",
        *instead(SELF_RESULT, "x + self", "normed + self"),
        says="what is added to is norm(x); it must be x itself",
    ),
    self_attention(
        "sublayers: self-attention without norm",
        ("normed = self.norm(x)", "normed = x"),
        says="x itself is computed with; it must be norm(x)",
    ),
    self_attention(
        "sublayers: self-attention, then norm",
        ("normed = self.norm(x)", "normed = x"),
        *instead(SELF_RESULT, "x + self.dropout(output)", "self.norm(x + self.dropout(output))"),
        says="the sum is normalised; only what is computed with must be",
    ),
    self_attention(
        "sublayers: self-attention without dropout",
        *instead(SELF_RESULT, "self.dropout(output)", "output"),
        says="nothing is dropped in training",
    ),
    self_attention(
        "sublayers: dropout on the sum",
        *instead(SELF_RESULT, "x + self.dropout(output)", "self.dropout(x + output)"),
        says="dropout acts on the sum; it must act before x is added",
    ),
    self_attention(
        "sublayers: self-attention without the padding",
        (OF_ITSELF, OF_ITSELF.replace("key_padding_mask", "None")),
        says="the key_padding_mask is not handed on",
    ),
    self_attention(
        "sublayers: self-attention without the attention mask",
        (OF_ITSELF, OF_ITSELF.replace("attn_mask", "None")),
        says="the attn_mask is not handed on",
    ),
    self_attention(
        "sublayers: self-attention without masks",
        (OF_ITSELF, OF_ITSELF.replace("key_padding_mask, attn_mask", "None, None")),
        says="the masks are not handed on",
    ),
    self_attention("sublayers: cache not handed on", (OF_ITSELF, OF_ITSELF.replace(" cache=cache,", ""))),
    cross_attention(
        "sublayers: cross-attention without x",
        *instead(CROSS_RESULT, "x + self", "self"),
        says="the residual connection is missing: x is not added",
    ),
    cross_attention(
        "sublayers: y normalised too",
        (OF_OTHER, OF_OTHER.replace("y, y", "self.norm(y), self.norm(y)")),
        says="y is normalised once more",
    ),
    cross_attention(
        "sublayers: cross-attention without dropout",
        *instead(CROSS_RESULT, "self.dropout(output)", "output"),
        says="nothing is dropped in training",
    ),
    cross_attention(
        "sublayers: cross-attention without the padding",
        (OF_OTHER, OF_OTHER.replace("key_padding_mask", "None")),
        says="the key_padding_mask is not handed on",
    ),
    cross_attention(
        "sublayers: cross-attention without the attention mask",
        (OF_OTHER, OF_OTHER.replace("attn_mask", "None")),
        says="the attn_mask is not handed on",
    ),
    cross_attention("sublayers: weights never", (OF_OTHER, OF_OTHER.replace("need_weights", "False"))),
    feed_forward(
        "sublayers: network without x",
        (NETWORK, "self.dropout(self.ffn(self.norm(x)))"),
        says="the residual connection is missing: x is not added",
    ),
    feed_forward(
        "sublayers: network, then norm",
        (NETWORK, "self.norm(x + self.dropout(self.ffn(x)))"),
        says="the sum is normalised; only what is computed with must be",
    ),
    feed_forward(
        "sublayers: network without dropout",
        (NETWORK, "x + self.ffn(self.norm(x))"),
        says="nothing is dropped in training",
    ),
    feed_forward(
        "sublayers: ReLU for GELU",
        (NETWORK, "x + self.dropout(self.ffn[3](self.ffn[2](self.ffn[0](self.norm(x)).relu())))"),
        says="the activation is ReLU; it must be GELU",
    ),
    feed_forward(
        "sublayers: no activation",
        (NETWORK, "x + self.dropout(self.ffn[3](self.ffn[2](self.ffn[0](self.norm(x)))))"),
        says="there is no activation",
    ),
    feed_forward(
        "sublayers: the approximate GELU",
        (NETWORK, f"x + self.dropout(self.ffn[3](self.ffn[2]({APPROXIMATE})))"),
        says="the activation is GELU's approximation by tanh; it must be the exact one",
    ),
    feed_forward(
        "sublayers: no dropout in the middle",
        (NETWORK, "x + self.dropout(self.ffn[3](self.ffn[1](self.ffn[0](self.norm(x)))))"),
        says="nothing is dropped between GELU and W₂ in training",
    ),
)

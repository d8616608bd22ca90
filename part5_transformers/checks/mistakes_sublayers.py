"""What may go wrong in MultiHeadAttention, merge_masks and the three sublayers."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

project = partial(mistake, "attention.project")
masks = partial(mistake, "attention.merge_masks")
attend = partial(mistake, "attention.attend")
fused = partial(mistake, "attention.attend_fused")
self_attention = partial(mistake, "sublayers.self_attention")
cross_attention = partial(mistake, "sublayers.cross_attention")
feed_forward = partial(mistake, "sublayers.feed_forward")

SAME, TOGETHER = "query is key and key is value", "self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)"
APART = "map(functional.linear, (query, key, value), weights, biases)"
SPLIT = "x.reshape(batch, time, self.num_heads, features // self.num_heads).transpose(1, 2)"

NO_PADDING = "None if key_padding_mask is None else"
PADDING, EITHER = "key_padding_mask[:, None, None]", "attn_mask[None, None] | padding"
ALONE = "attn_mask[None, None] if padding is None"

SCORES, SOFTMAX = "q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5", "scores.softmax(dim=-1)"
HIDDEN = "scores.masked_fill(mask, -torch.inf)"
ZEROS = "weights = weights.masked_fill(mask, 0)"
DROPPED, MEAN = "output = functional.dropout(weights, self.dropout, self.training) @ v", "weights.mean(dim=1)"

FUSED = "functional.scaled_dot_product_attention(q, k, v, None if mask is None else ~mask, dropout)"
ONLY_IN_TRAINING, INVERTED = "self.dropout if self.training else 0.0", "None if mask is None else ~mask"

OF_ITSELF = "self.mha(normed, normed, normed, key_padding_mask, attn_mask, need_weights, cache)"
SELF_RESULT = f"output, weights = {OF_ITSELF}\n        return x + self.dropout(output), weights"
OF_OTHER = "self.mha(self.norm(x), y, y, key_padding_mask, attn_mask, need_weights, cache)"
CROSS_RESULT = f"output, weights = {OF_OTHER}\n        return x + self.dropout(output), weights"
APPROXIMATE = 'functional.gelu(self.ffn[0](self.norm(x)), approximate="tanh")'
NETWORK = "x + self.dropout(self.ffn(self.norm(x)))"


def instead(result: str, right: str, wrong: str) -> tuple[tuple[str, str], ...]:
    """The edit of one text inside a longer one, where the text alone stands in other sublayers too."""
    assert right in result
    return ((result, result.replace(right, wrong)),)


MISTAKES = (
    project(
        "attention: query and key alike are taken for self-attention",
        (SAME, "query is key"),
        says="the values are projected from the key",
    ),
    project(
        "attention: all of one shape are taken for self-attention", (SAME, "query.shape == key.shape == value.shape")
    ),
    project("attention: keys and values in each other's thirds", (APART, APART.replace("key, value", "value, key"))),
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
    project("attention: a length left to be worked out", (SPLIT, SPLIT.replace("features // self.num_heads", "-1"))),
    masks(
        "attention: hidden where both masks hide",
        (EITHER, "attn_mask[None, None] & padding"),
        says="a key is hidden where both masks hide it; it must be where either does",
    ),
    masks(
        "attention: one mask or the other", (EITHER, "attn_mask[None, None]"), says="the key_padding_mask is ignored"
    ),
    masks("attention: padding hides queries", (PADDING, "key_padding_mask[:, None, :, None]")),
    masks(
        "attention: the masks inverted",
        (PADDING, f"~{PADDING}"),
        (EITHER, "~attn_mask[None, None] | padding"),
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
    attend(
        "attention: without the scale", (SCORES, "q @ k.transpose(-1, -2)"), says="the scores are not divided by √dₕ"
    ),
    attend(
        "attention: scores divided by √d_model",
        (SCORES, SCORES.replace("q.shape[-1]", "len(self.out_proj.bias)")),
        says="the scores are divided by √d_model; it must be the root of what one head has",
    ),
    attend(
        "attention: mask inverted",
        (HIDDEN, HIDDEN.replace("mask,", "~mask,")),
        (ZEROS, ZEROS.replace("mask,", "~mask,")),
        says="the mask is inverted; True is what is ignored",
    ),
    attend("attention: masked after the softmax only", (HIDDEN, "scores")),
    attend(
        "attention: nan where all is masked",
        (ZEROS, "pass"),
        says="output holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞",
    ),
    attend("attention: without dropout", (DROPPED, "output = weights @ v"), says="nothing is dropped in training"),
    attend("attention: dropout in evaluation too", (DROPPED, DROPPED.replace("self.training", "True"))),
    attend(
        "attention: dropped weights returned",
        (
            DROPPED,
            "weights = functional.dropout(weights, self.dropout, self.training)\n        output = weights @ v",
        ),
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
        (INVERTED, "mask"),
        says="the mask is inverted; True is what is ignored",
    ),
    fused("attention: fused without the mask", (INVERTED, "None"), says="the mask is ignored"),
    fused("attention: fused dropout in evaluation too", (ONLY_IN_TRAINING, "self.dropout")),
    fused("attention: fused without dropout", (ONLY_IN_TRAINING, "0.0"), says="nothing is dropped in training"),
    fused(
        "attention: fused dropout on the output",
        (FUSED, f"functional.dropout({FUSED.replace(', dropout)', ')')}, self.dropout, self.training)"),
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
    self_attention("sublayers: cache not handed on", (OF_ITSELF, OF_ITSELF.replace(", cache", ""))),
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
        "sublayers: the approximate GELU",
        (NETWORK, f"x + self.dropout(self.ffn[3](self.ffn[2]({APPROXIMATE})))"),
        says="the activation is GELU's approximation by tanh; it must be the exact one",
    ),
    feed_forward(
        "sublayers: no dropout in the middle",
        (NETWORK, "x + self.dropout(self.ffn[3](self.ffn[1](self.ffn[0](self.norm(x)))))"),
        says="nothing is dropped in training",
    ),
)

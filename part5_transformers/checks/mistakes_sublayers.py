"""What may go wrong in MultiHeadAttention, merge_masks and the three sublayers."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

project = partial(Mistake, exercise="attention.project", file="sublayers.py")
masks = partial(Mistake, exercise="attention.merge_masks", file="sublayers.py")
attend = partial(Mistake, exercise="attention.attend", file="sublayers.py")
fused = partial(Mistake, exercise="attention.attend_fused", file="sublayers.py")
self_attention = partial(Mistake, exercise="sublayers.self_attention", file="sublayers.py")
cross_attention = partial(Mistake, exercise="sublayers.cross_attention", file="sublayers.py")
feed_forward = partial(Mistake, exercise="sublayers.feed_forward", file="sublayers.py")

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
    project("attention: query and key alike are taken for self-attention", edits=((SAME, "query is key"),)),
    project(
        "attention: all of one shape are taken for self-attention",
        edits=((SAME, "query.shape == key.shape == value.shape"),),
    ),
    project(
        "attention: keys and values in each other's thirds", edits=((APART, APART.replace("key, value", "value, key")),)
    ),
    project(
        "attention: parameters without gradients",
        edits=((TOGETHER, "self.in_proj_weight.data, self.in_proj_bias.data).chunk(3, dim=-1)"),),
    ),
    project(
        "attention: split by a reshape alone",
        edits=((SPLIT, "x.reshape(batch, self.num_heads, time, features // self.num_heads)"),),
    ),
    project(
        "attention: every num_heads-th feature for a head",
        edits=((SPLIT, "x.reshape(batch, time, features // self.num_heads, self.num_heads).permute(0, 3, 1, 2)"),),
    ),
    project(
        "attention: a length left to be worked out", edits=((SPLIT, SPLIT.replace("features // self.num_heads", "-1")),)
    ),
    masks("attention: hidden where both masks hide", edits=((EITHER, "attn_mask[None, None] & padding"),)),
    masks("attention: one mask or the other", edits=((EITHER, "attn_mask[None, None]"),)),
    masks("attention: padding hides queries", edits=((PADDING, "key_padding_mask[:, None, :, None]"),)),
    masks(
        "attention: the masks inverted", edits=((PADDING, f"~{PADDING}"), (EITHER, "~attn_mask[None, None] | padding"))
    ),
    masks(
        "attention: padding written into the caller's mask",
        edits=((EITHER, "key_padding_mask.logical_or_(attn_mask.any(0))[:, None, None] | attn_mask[None, None]"),),
    ),
    masks(
        "attention: a mask that hides nothing for none",
        edits=((NO_PADDING, NO_PADDING.replace("None if", "torch.zeros(1, 1, 1, 1, dtype=torch.bool) if")),),
    ),
    attend("attention: without the scale", edits=((SCORES, "q @ k.transpose(-1, -2)"),)),
    attend(
        "attention: scores divided by √d_model",
        edits=((SCORES, SCORES.replace("q.shape[-1]", "len(self.out_proj.bias)")),),
    ),
    attend(
        "attention: mask inverted",
        edits=((HIDDEN, HIDDEN.replace("mask,", "~mask,")), (ZEROS, ZEROS.replace("mask,", "~mask,"))),
    ),
    attend("attention: masked after the softmax only", edits=((HIDDEN, "scores"),)),
    attend("attention: nan where all is masked", edits=((ZEROS, "pass"),)),
    attend("attention: without dropout", edits=((DROPPED, "output = weights @ v"),)),
    attend("attention: dropout in evaluation too", edits=((DROPPED, DROPPED.replace("self.training", "True")),)),
    attend(
        "attention: dropped weights returned",
        edits=(
            (
                DROPPED,
                "weights = functional.dropout(weights, self.dropout, self.training)\n        output = weights @ v",
            ),
        ),
    ),
    attend(
        "attention: dropout on the output",
        edits=((DROPPED, "output = functional.dropout(weights @ v, self.dropout, self.training)"),),
    ),
    attend("attention: weights summed over the heads", edits=((MEAN, "weights.sum(dim=1)"),)),
    fused("attention: fused with the mask as it is", edits=((INVERTED, "mask"),)),
    fused("attention: fused without the mask", edits=((INVERTED, "None"),)),
    fused("attention: fused dropout in evaluation too", edits=((ONLY_IN_TRAINING, "self.dropout"),)),
    fused("attention: fused without dropout", edits=((ONLY_IN_TRAINING, "0.0"),)),
    fused(
        "attention: fused dropout on the output",
        edits=((FUSED, f"functional.dropout({FUSED.replace(', dropout)', ')')}, self.dropout, self.training)"),),
    ),
    self_attention("sublayers: self-attention plus the norm", edits=instead(SELF_RESULT, "x + self", "normed + self")),
    self_attention("sublayers: self-attention without norm", edits=(("normed = self.norm(x)", "normed = x"),)),
    self_attention(
        "sublayers: self-attention, then norm",
        edits=(
            ("normed = self.norm(x)", "normed = x"),
            *instead(SELF_RESULT, "x + self.dropout(output)", "self.norm(x + self.dropout(output))"),
        ),
    ),
    self_attention(
        "sublayers: self-attention without dropout", edits=instead(SELF_RESULT, "self.dropout(output)", "output")
    ),
    self_attention(
        "sublayers: dropout on the sum",
        edits=instead(SELF_RESULT, "x + self.dropout(output)", "self.dropout(x + output)"),
    ),
    self_attention(
        "sublayers: self-attention without the padding",
        edits=((OF_ITSELF, OF_ITSELF.replace("key_padding_mask", "None")),),
    ),
    self_attention(
        "sublayers: self-attention without the attention mask",
        edits=((OF_ITSELF, OF_ITSELF.replace("attn_mask", "None")),),
    ),
    self_attention("sublayers: cache not handed on", edits=((OF_ITSELF, OF_ITSELF.replace(", cache", "")),)),
    cross_attention("sublayers: cross-attention without x", edits=instead(CROSS_RESULT, "x + self", "self")),
    cross_attention(
        "sublayers: y normalised too", edits=((OF_OTHER, OF_OTHER.replace("y, y", "self.norm(y), self.norm(y)")),)
    ),
    cross_attention(
        "sublayers: cross-attention without dropout", edits=instead(CROSS_RESULT, "self.dropout(output)", "output")
    ),
    cross_attention(
        "sublayers: cross-attention without the padding",
        edits=((OF_OTHER, OF_OTHER.replace("key_padding_mask", "None")),),
    ),
    cross_attention(
        "sublayers: cross-attention without the attention mask",
        edits=((OF_OTHER, OF_OTHER.replace("attn_mask", "None")),),
    ),
    cross_attention("sublayers: weights never", edits=((OF_OTHER, OF_OTHER.replace("need_weights", "False")),)),
    feed_forward("sublayers: network without x", edits=((NETWORK, "self.dropout(self.ffn(self.norm(x)))"),)),
    feed_forward("sublayers: network, then norm", edits=((NETWORK, "self.norm(x + self.dropout(self.ffn(x)))"),)),
    feed_forward("sublayers: network without dropout", edits=((NETWORK, "x + self.ffn(self.norm(x))"),)),
    feed_forward(
        "sublayers: ReLU for GELU",
        edits=((NETWORK, "x + self.dropout(self.ffn[3](self.ffn[2](self.ffn[0](self.norm(x)).relu())))"),),
    ),
    feed_forward(
        "sublayers: the approximate GELU",
        edits=((NETWORK, f"x + self.dropout(self.ffn[3](self.ffn[2]({APPROXIMATE})))"),),
    ),
    feed_forward(
        "sublayers: no dropout in the middle",
        edits=((NETWORK, "x + self.dropout(self.ffn[3](self.ffn[1](self.ffn[0](self.norm(x)))))"),),
    ),
)

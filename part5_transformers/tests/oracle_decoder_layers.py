"""Torch's own decoder layer, the decoders' layers fed in pieces, and what known mistakes would give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array
from part5_transformers.tests.oracle import (
    ADDED_TWICE,
    FEED_FORWARD_MISSING,
    SELF_ATTENTION_MISSING,
    as_answer,
    as_tensors,
    cross_attention,
    feed_forward,
    in_order,
    in_pieces,
    one_mask,
    self_attention,
    torch_layer,
)
from part5_transformers.tests.oracle_encoder_layers import self_attention_layer

NAMES = {
    "self_attn.mha.": "self_attn.",
    "self_attn.norm.": "norm1.",
    "cross_attn.mha.": "multihead_attn.",
    "cross_attn.norm.": "norm2.",
    "ffn.ffn.0.": "linear1.",
    "ffn.ffn.3.": "linear2.",
    "ffn.norm.": "norm3.",
}
SELF, CROSS = "self_weights", "cross_weights"
RIGHT_ORDER = (SELF, CROSS, "ffn")


@truth
def cross_attention_layer(**problem: Any) -> Answer:
    """Return what torch.nn.TransformerDecoderLayer gives; the weights are those of its self_attn and multihead_attn."""
    return from_torch(**problem)


@truth
def self_attention_pieces(ends: list[int], **problem: Any) -> Answer:
    """Compute the answer of SelfAttentionDecoderLayer with a cache."""
    return in_pieces(self_attention_layer(**problem), ends, "weights")


@truth
def cross_attention_pieces(ends: list[int], **problem: Any) -> Answer:
    """Compute the answer of CrossAttentionDecoderLayer with a cache, which is for its self-attention."""
    return in_pieces(cross_attention_layer(**problem), ends, SELF, [CROSS])


def cross_attention_mistakes(**problem: Any) -> Answer:
    def changed(order: Sequence[str] = RIGHT_ORDER, twice: bool = False, without: str = "") -> Answer:
        inputs = {name: value for name, value in problem["inputs"].items() if name != without}
        return from_torch(**{**problem, "inputs": inputs}, order=order, twice=twice)

    right = changed()
    masks = [name for name in problem["inputs"] if name.endswith("mask")]
    return {
        "the cross-attention comes before the self-attention": changed([CROSS, SELF, "ffn"]),
        "the feed-forward sublayer comes first": changed(["ffn", SELF, CROSS]),
        "the feed-forward sublayer stands between the attentions": changed([SELF, "ffn", CROSS]),
        FEED_FORWARD_MISSING: changed([SELF, CROSS]),
        SELF_ATTENTION_MISSING: changed([CROSS, "ffn"]),
        "the cross-attention is missing": changed([SELF, "ffn"]),
        ADDED_TWICE: changed(twice=True),
        "the encoder's output is normalised once more": from_torch(**problem, normalises_source=True),
        "the weights of the two attentions are exchanged": {SELF: right[CROSS], CROSS: right[SELF]},
        **{f"the {name} is ignored": changed(without=name) for name in masks},
    }


def from_torch(
    num_heads: int,
    state: Answer,
    inputs: Answer,
    need_weights: bool,
    grad_output: Array | None = None,
    *,
    order: Sequence[str] | None = None,
    twice: bool = False,
    normalises_source: bool = False,
) -> Answer:
    """Return torch's layer, or its sublayers in this order, each under the name of the weights that it gives.

    With `normalises_source`, the cross-attention's norm acts on the encoder's output as well.
    """
    layer = torch_layer(nn.TransformerDecoderLayer, num_heads, state, NAMES)
    arrays, masks = as_tensors(inputs)
    x, enc_output = arrays["x"], arrays["enc_output"]
    enc_output = layer.norm2(enc_output) if normalises_source else enc_output
    self_mask = one_mask(num_heads, x, masks.get("dec_key_padding_mask"), masks.get("attn_mask"))
    cross_mask = one_mask(num_heads, x, masks.get("enc_key_padding_mask"))
    sublayers = {
        SELF: self_attention(layer, self_mask),
        CROSS: cross_attention(layer, enc_output, cross_mask),
        "ffn": feed_forward(layer, layer.norm3),
    }
    output, weights = in_order(sublayers, order or RIGHT_ORDER, x, twice)
    if order is None:
        output = layer(x, enc_output, tgt_mask=self_mask, memory_mask=cross_mask)
    return as_answer(layer, NAMES, output, weights, arrays, need_weights, grad_output)

"""Torch's own encoder layer, and what known mistakes would give.

With an attn_mask it is the layer of a language model's decoder too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array
from part5_transformers.tests.oracle import (
    ADDED_TWICE,
    CAUSAL_OF_ITS_OWN,
    FEED_FORWARD_MISSING,
    SELF_ATTENTION_MISSING,
    as_answer,
    as_tensors,
    feed_forward,
    in_order,
    one_mask,
    self_attention,
    torch_layer,
)
from part5_transformers.tests.strategies import causal

NAMES = {
    "self_attn.mha.": "self_attn.",
    "self_attn.norm.": "norm1.",
    "ffn.ffn.0.": "linear1.",
    "ffn.ffn.3.": "linear2.",
    "ffn.norm.": "norm2.",
}
RIGHT_ORDER = ("weights", "ffn")


@truth
def self_attention_layer(**problem: Any) -> Answer:
    """Return what torch.nn.TransformerEncoderLayer gives; its attention's weights are those of its self_attn."""
    return from_torch(**problem)


def self_attention_mistakes(**problem: Any) -> Answer:
    def changed(order: Sequence[str] = RIGHT_ORDER, twice: bool = False, without: str = "") -> Answer:
        inputs = {name: value for name, value in problem["inputs"].items() if name != without}
        return from_torch(**{**problem, "inputs": inputs}, order=order, twice=twice)

    masks = [name for name in problem["inputs"] if name.endswith("mask")]
    has_causal = {**problem, "inputs": {**problem["inputs"], "attn_mask": causal(problem["inputs"]["x"].shape[1])}}
    return {
        "the feed-forward sublayer comes before the attention": changed(["ffn", "weights"]),
        FEED_FORWARD_MISSING: changed(["weights"]),
        SELF_ATTENTION_MISSING: changed(["ffn"]),
        ADDED_TWICE: changed(twice=True),
        CAUSAL_OF_ITS_OWN: from_torch(**has_causal),
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
) -> Answer:
    """Return torch's layer, or its sublayers in this order, each under the name of the weights that it gives."""
    layer = torch_layer(nn.TransformerEncoderLayer, num_heads, state, NAMES)
    arrays, masks = as_tensors(inputs)
    x, mask = arrays["x"], one_mask(num_heads, arrays["x"], masks.get("key_padding_mask"), masks.get("attn_mask"))
    sublayers = {"weights": self_attention(layer, mask), "ffn": feed_forward(layer, layer.norm2)}
    output, weights = in_order(sublayers, order or RIGHT_ORDER, x, twice)
    if order is None:
        output = layer(x, src_mask=mask)
    return as_answer(layer, NAMES, output, weights, arrays, need_weights, grad_output)

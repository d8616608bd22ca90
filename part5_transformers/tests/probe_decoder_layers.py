"""What the tests do with the decoders' layers: build them with given parameters, run them, and read their gradients."""

from __future__ import annotations

import torch

from part5_transformers.cache import KeyValueCache
from part5_transformers.decoder_layers import CrossAttentionDecoderLayer, SelfAttentionDecoderLayer
from part5_transformers.tests import probe_layers
from part5_transformers.tests.probe_layers import Array, Inputs, Named, State


def decode(num_heads: int, state: State, inputs: Inputs, need_weights: bool, grad_output: Array | None = None) -> Named:
    """The output and the weights of SelfAttentionDecoderLayer; with a gradient from above, all gradients too."""
    layer, tensors = probe_layers.layer_with(SelfAttentionDecoderLayer, num_heads, state), probe_layers.tensors(inputs)
    output, weights = layer(**tensors, need_weights=need_weights)
    got = {"output": output, "weights": weights}
    return got if grad_output is None else {**got, **probe_layers.gradients(layer, tensors, output, grad_output)}


def decode_in_pieces(num_heads: int, state: State, inputs: Inputs, need_weights: bool, ends: list[int]) -> Named:
    """The outputs of pieces that end here, joined; the weights of each; the steps that the cache holds."""
    layer, cache = probe_layers.layer_with(SelfAttentionDecoderLayer, num_heads, state), KeyValueCache()
    fed = probe_layers.pieces(probe_layers.tensors(inputs), ends, "key_padding_mask")
    answers = [layer(**piece, need_weights=need_weights, cache=cache) for piece in fed]
    outputs, weights = zip(*answers, strict=True)
    return {"output": torch.cat(outputs, dim=1), "weights": list(weights), "steps": len(cache)}


def translate(
    num_heads: int, state: State, inputs: Inputs, need_weights: bool, grad_output: Array | None = None
) -> Named:
    """The output and both weights of CrossAttentionDecoderLayer; with a gradient from above, all gradients too."""
    layer, tensors = probe_layers.layer_with(CrossAttentionDecoderLayer, num_heads, state), probe_layers.tensors(inputs)
    output, self_weights, cross_weights = layer(**tensors, need_weights=need_weights)
    got = {"output": output, "self_weights": self_weights, "cross_weights": cross_weights}
    return got if grad_output is None else {**got, **probe_layers.gradients(layer, tensors, output, grad_output)}


def translate_in_pieces(num_heads: int, state: State, inputs: Inputs, need_weights: bool, ends: list[int]) -> Named:
    """The outputs of pieces that end here, joined; the weights of each; the steps that the cache holds."""
    layer, cache = probe_layers.layer_with(CrossAttentionDecoderLayer, num_heads, state), KeyValueCache()
    fed = probe_layers.pieces(probe_layers.tensors(inputs), ends, "dec_key_padding_mask")
    answers = [layer(**piece, need_weights=need_weights, cache=cache) for piece in fed]
    outputs, self_weights, cross_weights = zip(*answers, strict=True)
    return {
        "output": torch.cat(outputs, dim=1),
        "self_weights": list(self_weights),
        "cross_weights": list(cross_weights),
        "steps": len(cache),
    }

"""Probes of the decoders' layers: build them with given parameters, run them, and read their gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from part5_transformers.cache import KeyValueCache
from part5_transformers.decoder_layers import CrossAttentionDecoderLayer, SelfAttentionDecoderLayer
from part5_transformers.tests.probe_answers import Array, Inputs, Named, State, gradients, layer_with, named, tensors

ATTENDED, TRANSLATED = ("output", "weights"), ("output", "self_weights", "cross_weights")


def decode(num_heads: int, state: State, inputs: Inputs, need_weights: bool, grad_output: Array | None = None) -> Named:
    """Return the output and the weights of SelfAttentionDecoderLayer; with an upstream gradient, all gradients too."""
    layer, given = layer_with(SelfAttentionDecoderLayer, num_heads, state), tensors(inputs)
    got = named("the layer", layer(**given, need_weights=need_weights), ATTENDED)
    return got if grad_output is None else {**got, **gradients(layer, given, got["output"], grad_output)}


def decode_in_pieces(num_heads: int, state: State, inputs: Inputs, need_weights: bool, ends: list[int]) -> Named:
    """Return the outputs of pieces that end here, joined; the weights of each; the steps that the cache holds."""
    layer, cache = layer_with(SelfAttentionDecoderLayer, num_heads, state), KeyValueCache()
    fed = _pieces(tensors(inputs), ends, "key_padding_mask")
    answers = [named("the layer", layer(**piece, need_weights=need_weights, cache=cache), ATTENDED) for piece in fed]
    return {**_joined(answers, ATTENDED), "steps": len(cache)}


def translate(
    num_heads: int, state: State, inputs: Inputs, need_weights: bool, grad_output: Array | None = None
) -> Named:
    """Return the output and both weights of CrossAttentionDecoderLayer; with an upstream gradient, gradients too."""
    layer, given = layer_with(CrossAttentionDecoderLayer, num_heads, state), tensors(inputs)
    got = named("the layer", layer(**given, need_weights=need_weights), TRANSLATED)
    return got if grad_output is None else {**got, **gradients(layer, given, got["output"], grad_output)}


def translate_in_pieces(num_heads: int, state: State, inputs: Inputs, need_weights: bool, ends: list[int]) -> Named:
    """Return the outputs of pieces that end here, joined; the weights of each; the steps that the cache holds."""
    layer, cache = layer_with(CrossAttentionDecoderLayer, num_heads, state), KeyValueCache()
    fed = _pieces(tensors(inputs), ends, "dec_key_padding_mask")
    answers = [named("the layer", layer(**piece, need_weights=need_weights, cache=cache), TRANSLATED) for piece in fed]
    return {**_joined(answers, TRANSLATED), "steps": len(cache)}


def _joined(answers: Sequence[Named], names: Sequence[str]) -> Named:
    """Return the outputs as one; of all else a list."""
    lists = {name: [answer[name] for answer in answers] for name in names}
    return {**lists, "output": torch.cat(lists["output"], dim=1)}


def _pieces(inputs: Mapping[str, Tensor], ends: Sequence[int], padding: str) -> list[dict[str, Tensor]]:
    """Return the inputs of every piece of a sequence: its own steps, and the masks of what came before it too.

    `padding` names the mask that hides the sequence's own padding.
    """
    made = []
    for start, end in zip([0, *ends], ends, strict=False):
        piece = {**inputs, "x": inputs["x"][:, start:end], "attn_mask": inputs["attn_mask"][start:end, :end]}
        made.append({**piece, padding: inputs[padding][:, :end]})
    return made

"""Probes of the encoder's layer: build it with given parameters, run it, and read its gradients."""

from __future__ import annotations

from part5_transformers.encoder_layers import SelfAttentionEncoderLayer
from part5_transformers.tests.probe_answers import Array, Inputs, Named, State, gradients, layer_with, named, tensors


def encode(num_heads: int, state: State, inputs: Inputs, need_weights: bool, grad_output: Array | None = None) -> Named:
    """Return the output and the weights of SelfAttentionEncoderLayer; with an upstream gradient, all gradients too."""
    layer, given = layer_with(SelfAttentionEncoderLayer, num_heads, state), tensors(inputs)
    got = named("the layer", layer(**given, need_weights=need_weights), ("output", "weights"))
    return got if grad_output is None else {**got, **gradients(layer, given, got["output"], grad_output)}

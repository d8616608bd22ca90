"""What the tests do with the encoder's layer: build it with given parameters, run it, and read its gradients."""

from __future__ import annotations

from part5_transformers.encoder_layers import SelfAttentionEncoderLayer
from part5_transformers.tests import probe_layers
from part5_transformers.tests.probe_answers import named
from part5_transformers.tests.probe_layers import Array, Inputs, Named, State


def encode(num_heads: int, state: State, inputs: Inputs, need_weights: bool, grad_output: Array | None = None) -> Named:
    """The output and the weights of SelfAttentionEncoderLayer; with an upstream gradient, all gradients too."""
    layer, tensors = probe_layers.layer_with(SelfAttentionEncoderLayer, num_heads, state), probe_layers.tensors(inputs)
    got = named("the layer", layer(**tensors, need_weights=need_weights), ("output", "weights"))
    return got if grad_output is None else {**got, **probe_layers.gradients(layer, tensors, got["output"], grad_output)}

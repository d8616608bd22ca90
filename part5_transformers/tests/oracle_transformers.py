"""A language model from torch's own modules, and what known mistakes would give."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array, gradients, tensors
from part5_transformers.tests.oracle_encoder_layers import NAMES
from part5_transformers.tests.oracle_layers import one_mask, self_attention, torch_layer
from part5_transformers.tests.strategies import renamed

SCALED_TWICE = "the embedding is multiplied by embedding_scale twice"


@truth
def language_model(
    sizes: Answer, state: Answer, tokens: Array, lengths: Array | None, grad_output: Array | None = None
) -> Answer:
    """Logits, and without a gradient from above the weights of every layer."""
    return run(sizes, state, tokens, lengths, grad_output)


@truth
def embedded(sizes: Answer, state: Answer, tokens: Array, offset: int, has_positions: bool = True) -> Answer:
    return _embedded(sizes, state, tokens, offset, has_positions)


def embedding_mistakes(sizes: Answer, state: Answer, tokens: Array, offset: int) -> Answer:
    scale = math.sqrt(sizes["d_model"]) if sizes["weight_tying"] else 1.0
    table, embedding = "positional_encoding.pe", "target_embedding.weight"

    def changed(embedding_factor: float = 1.0, offset: int = offset, **mistake: Any) -> Answer:
        other = {**state, embedding: state[embedding] * embedding_factor}
        return _embedded(sizes, other, tokens, offset, **mistake)

    scaled = {**state, table: state[table] * scale}
    return {
        SCALED_TWICE: changed(scale),
        "the embedding is not multiplied by embedding_scale": changed(1 / scale),
        "the positions are multiplied by embedding_scale too": _embedded(sizes, scaled, tokens, offset),
        "the positions are missing": changed(has_positions=False),
        "the positions begin at 0; they must begin at the offset": changed(offset=0),
    }


@truth
def score(sizes: Answer, state: Answer, tokens: Array) -> Array:
    """The logits after the last token."""
    return np.asarray(run(sizes, state, tokens, None)["logits"][:, -1])


def language_model_mistakes(
    sizes: Answer, state: Answer, tokens: Array, lengths: Array | None, grad_output: Array | None = None
) -> Answer:
    def changed(**mistake: Any) -> Answer:
        return run(sizes, state, tokens, lengths, grad_output, **mistake)

    mistakes = {
        "the causal mask is missing": changed(is_causal=False),
        "the final norm is missing": changed(has_norm=False),
        "the positions are missing": changed(has_positions=False),
        SCALED_TWICE: changed(scaled_twice=True),
        "the layers run in the opposite order": changed(reverse=True),
    }
    if lengths is not None:
        mistakes["the padding mask is missing"] = run(sizes, state, tokens, None, grad_output)
    return mistakes


def run(
    sizes: Answer,
    state: Answer,
    tokens: Array,
    lengths: Array | None,
    grad_output: Array | None = None,
    *,
    is_causal: bool = True,
    has_norm: bool = True,
    has_positions: bool = True,
    scaled_twice: bool = False,
    reverse: bool = False,
) -> Answer:
    """The model with torch's encoder layers under a causal mask; what may be left out is a mistake."""
    heads, time = sizes["num_heads"], tokens.shape[1]
    layers = [
        torch_layer(nn.TransformerEncoderLayer, heads, part_of(state, prefix), NAMES) for prefix in layers_of(sizes)
    ]
    parameters = tensors(**{name: value for name, value in state.items() if not name.startswith("dec_layers.")})
    x = _embed(sizes, parameters, tokens, 0, has_positions, scaled_twice)
    causal = torch.ones(time, time, dtype=torch.bool).triu(1) if is_causal else None
    padding = None if lengths is None else torch.arange(time) >= torch.tensor(lengths)[:, None]
    mask = one_mask(heads, x, padding, causal)
    attention = {}
    for number, layer in reversed(list(enumerate(layers, 1))) if reverse else enumerate(layers, 1):
        _, weights = self_attention(layer, mask)(x)
        attention[f"layer{number}_dec_self"] = weights.detach().numpy()
        x = layer(x, src_mask=mask)
    if has_norm:
        x = functional.layer_norm(x, (sizes["d_model"],), parameters["norm.weight"], parameters["norm.bias"])
    weight = parameters["target_embedding.weight" if sizes["weight_tying"] else "final_linear.weight"]
    logits = functional.linear(x, weight, parameters["final_linear.bias"])
    known = {"logits": logits.detach().numpy()}
    if grad_output is None:
        return {**known, "attention": attention}
    del parameters["positional_encoding.pe"]  # a buffer
    for prefix, layer in zip(layers_of(sizes), layers, strict=True):
        own = renamed(dict(layer.named_parameters()), {theirs: ours for ours, theirs in NAMES.items()})
        parameters |= {prefix + name: parameter for name, parameter in own.items()}
    return {**known, **gradients(logits, grad_output, parameters)}


def _embedded(sizes: Answer, state: Answer, tokens: Array, offset: int, has_positions: bool = True) -> Answer:
    parameters = {name: torch.tensor(value) for name, value in state.items()}
    return {"embedded": _embed(sizes, parameters, tokens, offset, has_positions).numpy()}


def layers_of(sizes: Answer) -> list[str]:
    """What the names of each layer's parameters begin with."""
    return [f"dec_layers.{number}." for number in range(sizes["num_layers"])]


def part_of(state: Answer, prefix: str) -> Answer:
    """The parameters below a prefix."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _embed(
    sizes: Answer,
    parameters: dict[str, Tensor],
    tokens: Array,
    offset: int,
    has_positions: bool = True,
    scaled_twice: bool = False,
) -> Tensor:
    """Scaled embedding, plus the rows of the table."""
    x = parameters["target_embedding.weight"][torch.tensor(tokens)]
    if sizes["weight_tying"]:
        x = x * (sizes["d_model"] if scaled_twice else math.sqrt(sizes["d_model"]))
    positions = parameters["positional_encoding.pe"][:, offset : offset + tokens.shape[1]]
    return x + positions if has_positions else x

"""A language model from torch's own modules, and what known mistakes would give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array, gradients, tensors
from part5_transformers.tests.oracle import one_mask, self_attention, torch_layer
from part5_transformers.tests.oracle_encoder_layers import NAMES
from part5_transformers.tests.strategies import causal, renamed

SCALED_TWICE = "the embedding is multiplied by embedding_scale twice"
NO_POSITIONS = "the positions are missing"
ALL_POSITIONS = "positions are added though they are to be skipped"
NOT_CAUSAL = "the causal mask is missing"
NOT_ASKED_FOR = "the weights are given, although return_attention is False"
NO_NORM = "the final norm is missing"
REVERSED = "the layers run in the opposite order"
LOG_PROBABILITIES = "these are log-probabilities; the logits themselves are asked for"
FROM_0 = "the positions begin at 0 in every piece; they must go on"
PIECES_NOT_CAUSAL = "the causal mask is missing: a token sees those that follow it in its piece"


@truth
def language_model(
    sizes: Answer, state: Answer, tokens: Array, lengths: Array | None, grad_output: Array | None = None
) -> Answer:
    """Return logits, and without an upstream gradient the weights of every layer."""
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
        NO_POSITIONS: changed(has_positions=False),
        "the positions begin at 0; they must begin at the offset": changed(offset=0),
    }


def all_positions(sizes: Answer, state: Answer, tokens: Array, offset: int) -> Answer:
    return {ALL_POSITIONS: _embedded(sizes, state, tokens, offset)}


def drop_mistakes(dropped: int, times: int, rate: float, far: float) -> Answer:
    is_so = {
        "no layer is dropped in training": dropped == 0,
        "every layer is dropped in training": dropped == times,
        "layers are kept at the rate, not dropped": abs(dropped - times * (1 - rate)) < far,
    }
    return {mistake: {"dropped at about the rate": not each} for mistake, each in is_so.items()}


@truth
def score(sizes: Answer, state: Answer, tokens: Array) -> Array:
    """Return the logits after the last token."""
    return np.asarray(run(sizes, state, tokens, None)["logits"][:, -1])


def score_mistakes(sizes: Answer, state: Answer, tokens: Array) -> Answer:
    return other_scores(run(sizes, state, tokens, None)["logits"])


def other_scores(logits: Array) -> Answer:
    """Return what may be taken of all logits (b, t, v) in the place of the last ones."""
    last = torch.tensor(logits[:, -1])
    return {
        "these are the logits after the first token; those after the last are asked for": logits[:, 0],
        "these are the logits after every token; those after the last are asked for": logits,
        "these are probabilities; the logits themselves are asked for": last.softmax(-1).numpy(),
        LOG_PROBABILITIES: last.log_softmax(-1).numpy(),
    }


def mistakes_in_pieces(sizes: Answer, state: Answer, tokens: Array, ends: Sequence[int]) -> Answer:
    def changed(**mistake: Any) -> list[Array]:
        return after_pieces(run(sizes, state, tokens, None, **mistake)["logits"], ends)

    positions, hidden = of_pieces(ends)
    return {
        FROM_0: changed(positions=positions),
        PIECES_NOT_CAUSAL: changed(hidden=hidden),
        NO_NORM: changed(has_norm=False),
    }


def after_pieces(logits: Array, ends: Sequence[int]) -> list[Array]:
    """Return the logits after the last token of every piece that ends here."""
    return [logits[:, end - 1] for end in ends]


def of_pieces(ends: Sequence[int]) -> tuple[Array, Array]:
    """Return the place of every token in its piece, and a mask (t, t) that hides from it what follows its piece."""
    pieces = list(zip([0, *ends], ends, strict=False))
    places = np.concatenate([np.arange(end - start) for start, end in pieces])
    seen = np.concatenate([np.full(end - start, end) for start, end in pieces])
    return places, np.arange(len(places)) >= seen[:, None]


def language_model_mistakes(
    sizes: Answer, state: Answer, tokens: Array, lengths: Array | None, grad_output: Array | None = None
) -> Answer:
    def changed(**mistake: Any) -> Answer:
        return run(sizes, state, tokens, lengths, grad_output, **mistake)

    mistakes = {
        NOT_CAUSAL: changed(hidden=np.zeros(2 * tokens.shape[1:], dtype=bool)),
        NO_NORM: changed(has_norm=False),
        NO_POSITIONS: changed(has_positions=False),
        SCALED_TWICE: changed(scaled_twice=True),
        REVERSED: changed(reverse=True),
        "only the first layer runs": changed(depth=1),
        LOG_PROBABILITIES: changed(normalises=True),
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
    hidden: Array | None = None,
    positions: Array | None = None,
    has_norm: bool = True,
    has_positions: bool = True,
    scaled_twice: bool = False,
    reverse: bool = False,
    depth: int | None = None,
    normalises: bool = False,
) -> Answer:
    """Run the model with torch's encoder layers under a causal mask; what is otherwise is a mistake."""
    heads, time = sizes["num_heads"], tokens.shape[1]
    positions = np.arange(time) if positions is None else positions
    layers = [
        torch_layer(nn.TransformerEncoderLayer, heads, part_of(state, prefix), NAMES) for prefix in layers_of(sizes)
    ]
    parameters = tensors(**{name: value for name, value in state.items() if not name.startswith("dec_layers.")})
    x = _embed(sizes, parameters, tokens, positions, has_positions, scaled_twice)
    mask = torch.tensor(causal(time) if hidden is None else hidden)
    padding = None if lengths is None else torch.arange(time) >= torch.tensor(lengths)[:, None]
    merged = one_mask(heads, x, padding, mask)
    attention = {}
    for number, layer in list(enumerate(layers[:depth], 1))[:: -1 if reverse else 1]:
        _, weights = self_attention(layer, merged)(x)
        attention[f"layer{number}_dec_self"] = weights.detach().numpy()
        x = layer(x, src_mask=merged)
    if has_norm:
        x = functional.layer_norm(x, (sizes["d_model"],), parameters["norm.weight"], parameters["norm.bias"])
    weight = parameters["target_embedding.weight" if sizes["weight_tying"] else "final_linear.weight"]
    logits = functional.linear(x, weight, parameters["final_linear.bias"])
    logits = logits.log_softmax(-1) if normalises else logits
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
    positions = np.arange(offset, offset + tokens.shape[1])
    return {"embedded": _embed(sizes, parameters, tokens, positions, has_positions).numpy()}


def layers_of(sizes: Answer) -> list[str]:
    """Return what the names of each layer's parameters begin with."""
    return [f"dec_layers.{number}." for number in range(sizes["num_layers"])]


def part_of(state: Answer, prefix: str) -> Answer:
    """Return the parameters below a prefix."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _embed(
    sizes: Answer,
    parameters: dict[str, Tensor],
    tokens: Array,
    positions: Array,
    has_positions: bool = True,
    scaled_twice: bool = False,
) -> Tensor:
    """Scale the embedding and add these rows of the table."""
    x = parameters["target_embedding.weight"][torch.tensor(tokens)]
    if sizes["weight_tying"]:
        x = x * (sizes["d_model"] if scaled_twice else math.sqrt(sizes["d_model"]))
    return x + parameters["positional_encoding.pe"][:, positions] if has_positions else x

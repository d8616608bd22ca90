"""Probes of DecoderOnlyTransformer: build it with given parameters, run it, score with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from part5_transformers.tests.probe_answers import entries, named
from part5_transformers.transformers import DecoderOnlyTransformer

Array = np.ndarray
Named = dict[str, Any]
State = Mapping[str, Array]

RETURNED = ("logits", "attention")


def forward(sizes: Named, state: State, tokens: Array, lengths: Array | None) -> Named:
    """Return logits, and the weights of every layer, in evaluation mode."""
    return named("forward", _model(sizes, state)(torch.tensor(tokens), _lengths(lengths)), RETURNED)


def forward_without_weights(sizes: Named, state: State, tokens: Array, lengths: Array | None) -> Named:
    """Return the logits with return_attention=False, and what the dictionary of weights still names."""
    answer = _model(sizes, state)(torch.tensor(tokens), _lengths(lengths), return_attention=False)
    got = named("forward", answer, RETURNED)
    return {"logits": got["logits"], "layers with weights": list(entries("attention", got["attention"]))}


def forward_and_backward(sizes: Named, state: State, tokens: Array, lengths: Array | None, grad_output: Array) -> Named:
    """Return logits, and the gradient of every parameter, in training mode."""
    model = _model(sizes, state).train()
    answer = model(torch.tensor(tokens), _lengths(lengths), return_attention=False)
    logits = named("forward", answer, RETURNED)["logits"]
    (logits * torch.tensor(grad_output)).sum().backward()
    gradients = {f"{name}_grad": parameter.grad for name, parameter in model.named_parameters()}
    return {"logits": logits, **gradients}


def forward_in_training(sizes: Named, tokens: Array) -> None:
    """Call forward of a new model in training mode, without lengths."""
    DecoderOnlyTransformer(**sizes)(torch.tensor(tokens))


def embed(sizes: Named, state: State, tokens: Array, offset: int) -> Named:
    """Return the first layer's input."""
    return {"embedded": _model(sizes, state).embed(torch.tensor(tokens), offset).detach()}


def embed_without_positions(sizes: Named, state: State, tokens: Array, offset: int) -> Named:
    """Do the same where skip_decoder_pe is True."""
    model = _model(sizes, state)
    model.skip_decoder_pe = True
    return {"embedded": model.embed(torch.tensor(tokens), offset).detach()}


def embed_in_training(sizes: Named, state: State, tokens: Array) -> Named:
    """Return the first layer's input in training mode."""
    return {"embedded": _model(sizes, state).train().embed(torch.tensor(tokens)).detach()}


def score(sizes: Named, state: State, tokens: Array) -> Array:
    """Return score(tokens)."""
    return _model(sizes, state).score(torch.tensor(tokens)).detach().numpy()


def score_in_pieces(sizes: Named, state: State, tokens: Array, ends: list[int]) -> list[Array]:
    """Return the scores of an incremental scorer, which reads the tokens up to each of these ends."""
    scorer = _model(sizes, state).incremental_scorer()
    return [scorer(torch.tensor(tokens[:, :end])).numpy() for end in ends]


def stored_steps(sizes: Named, state: State, tokens: Array, ends: list[int]) -> list[int]:
    """Return how many steps each layer's cache holds, after the tokens up to each of these ends were read."""
    scorer = _model(sizes, state).incremental_scorer()
    for end in ends:
        scorer(torch.tensor(tokens[:, :end]))
    return [len(cache) for cache in scorer.caches]


def score_reordered(sizes: Named, state: State, tokens: Array, rows: list[int], further: Array) -> Array:
    """Return the score of an incremental scorer that reads the tokens, is reordered, and reads further ones."""
    scorer = _model(sizes, state).incremental_scorer()
    scorer(torch.tensor(tokens))
    scorer.reorder(torch.tensor(rows))
    return scorer(torch.tensor(np.concatenate([tokens[rows], further], axis=1))).numpy()


def score_in_training(sizes: Named, tokens: Array) -> None:
    """Call score in training mode."""
    DecoderOnlyTransformer(**sizes).train().score(torch.tensor(tokens))


def drops(rate: float, seed: int, times: int, training: bool) -> int:
    """Return how many of so many layers are dropped."""
    torch.manual_seed(seed)
    model = DecoderOnlyTransformer(1, 2, 1, 2, 0.0, 4, 3, layer_drop_rate=rate).train(training)
    return sum(model.drops_layer() for _ in range(times))


def layers_that_ran(sizes: Named, seed: int, tokens: Array) -> list[str]:
    """Return the names of the weights that forward returns in training mode."""
    torch.manual_seed(seed)
    model = DecoderOnlyTransformer(**sizes).train()
    answer = model(torch.tensor(tokens), torch.full((len(tokens),), tokens.shape[1]))
    return list(entries("attention", named("forward", answer, RETURNED)["attention"]))


def tied(sizes: Named) -> Named:
    """Say whether the logits' weight and the embedding share their numbers, before and after saving and loading."""
    model, other = DecoderOnlyTransformer(**sizes), DecoderOnlyTransformer(**sizes)
    other.load_state_dict(model.state_dict())
    pairs = {"new": model, "loaded": other}
    return {
        name: each.final_linear.weight.data_ptr() == each.target_embedding.weight.data_ptr()
        for name, each in pairs.items()
    }


def _model(sizes: Named, state: State) -> DecoderOnlyTransformer:
    model = DecoderOnlyTransformer(**sizes).to(torch.tensor(state["norm.weight"]).dtype).eval()
    given = {name: torch.tensor(value) for name, value in state.items()}
    if sizes["weight_tying"]:
        given["final_linear.weight"] = given["target_embedding.weight"]
    model.load_state_dict({**model.state_dict(), **given})
    return model


def _lengths(lengths: Array | None) -> torch.Tensor | None:
    return None if lengths is None else torch.tensor(lengths)

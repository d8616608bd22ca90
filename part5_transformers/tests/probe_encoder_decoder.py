"""Probes of EncoderDecoderTransformer: build it with given parameters, run it, score, and transfer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import chain, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from part5_transformers.tests.probe_answers import entries, named
from part5_transformers.transformers import EncoderDecoderTransformer

Array = np.ndarray
Named = dict[str, Any]
State = Mapping[str, Array]

# CTC's inputs


def ctc_inputs(
    sizes: Named, state: State, encoded: Array, lengths: Array, grad_output: Mapping[str, Array] | None = None
) -> Named:
    """Return what ctc_inputs gives; with an upstream gradient, the gradients of the head and of `encoded` too."""
    model, source = _model(sizes, state), torch.tensor(encoded, requires_grad=True)
    given = _ctc_inputs(model.ctc_inputs(source, torch.tensor(lengths)))
    if grad_output is None:
        return given
    return {**given, **_gradients(model, state, given, grad_output), "encoded_grad": source.grad}


def ctc_inputs_under_autocast(sizes: Named, state: State, encoded: Array, lengths: Array) -> Named:
    """Return the log-probabilities where linear layers compute in bfloat16, and their dtype."""
    model = _model(sizes, state)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        log_probs = _ctc_inputs(model.ctc_inputs(torch.tensor(encoded), torch.tensor(lengths)))["log_probs"]
    return {"dtype": str(log_probs.dtype), "log_probs": log_probs.float()}


# Encoder


def encode(
    sizes: Named, state: State, sources: Array, lengths: Array, grad_output: Mapping[str, Array] | None = None
) -> Named:
    """Return encode's answer, by utterance and up to CTC's lengths; with upstream gradients, all gradients too."""
    model = _model(sizes, state)
    whole = _encode(model, sources, lengths)
    steps = whole["lengths"]
    got = {
        "encoded": _valid(whole["encoded"], steps),
        "pad_mask": whole["pad_mask"],
        "attention": {name: _valid(weights, steps) for name, weights in whole["attention"].items()},
        "log_probs": _valid(whole["log_probs"].transpose(0, 1), steps),
        "lengths": steps,
    }
    return got if grad_output is None else {**got, **_gradients(model, state, whole, grad_output)}


def encode_without_weights(sizes: Named, state: State, sources: Array, lengths: Array) -> Named:
    """Return what encode gives with return_attention=False, and what the dictionary of weights still names."""
    return _encoded_and_layers(_encode(_model(sizes, state), sources, lengths, return_attention=False))


def encode_in_training(sizes: Named, state: State, sources: Array, lengths: Array) -> Named:
    """Return what encode gives in training mode, and the names of its weights."""
    return _encoded_and_layers(_encode(_model(sizes, state).train(), sources, lengths))


def encode_with_drops(sizes: Named, state: State, sources: Array, lengths: Array, dropped: list[bool]) -> Named:
    """Do the same where drops_layer says for one layer after another whether it is left out."""
    return _encoded_and_layers(_encode(_dropping(_model(sizes, state), dropped), sources, lengths))


# Decoder


def decode(
    sizes: Named,
    state: State,
    tokens: Array,
    lengths: Array | None,
    encoded: Array,
    pad_mask: Array | None,
    grad_output: Mapping[str, Array] | None = None,
) -> Named:
    """Return logits and weights; with an upstream gradient, the gradients of all parameters and of `encoded` too.

    With one, in training mode if there are lengths.
    """
    model, source = _model(sizes, state), torch.tensor(encoded, requires_grad=True)
    if grad_output is not None:
        model.train(lengths is not None)
    got = _decode(model, tokens, source, lengths, pad_mask)
    if grad_output is None:
        return got
    return {**got, **_gradients(model, state, got, grad_output), "encoded_grad": source.grad}


def decode_without_weights(
    sizes: Named, state: State, tokens: Array, lengths: Array | None, encoded: Array, pad_mask: Array | None
) -> Named:
    """Return the logits with return_attention=False, and what the dictionary of weights still names."""
    got = _decode(_model(sizes, state), tokens, torch.tensor(encoded), lengths, pad_mask, return_attention=False)
    return {"logits": got["logits"], "layers with weights": list(got["attention"])}


def decode_in_training(sizes: Named, tokens: Array, lengths: Array | None, encoded: Array) -> list[str]:
    """Return the names of the weights that decode of a new model returns in training mode."""
    got = _decode(EncoderDecoderTransformer(**sizes).train(), tokens, torch.tensor(encoded), lengths, None)
    return list(got["attention"])


def decode_with_drops(
    sizes: Named,
    state: State,
    tokens: Array,
    lengths: Array | None,
    encoded: Array,
    pad_mask: Array | None,
    dropped: list[bool],
) -> Named:
    """Return logits and the names of weights, where drops_layer says layer by layer whether it is left out."""
    got = _decode(_dropping(_model(sizes, state), dropped), tokens, torch.tensor(encoded), lengths, pad_mask)
    return {"logits": got["logits"], "layers with weights": list(got["attention"])}


def forward(
    sizes: Named,
    state: State,
    sources: Array,
    tokens: Array,
    source_lengths: Array,
    target_lengths: Array,
    grad_output: Mapping[str, Array] | None = None,
) -> Named:
    """Return logits, weights and CTC's inputs; with upstream gradients, in training mode, all parameters' gradients.

    Where sources have padding, the encoder's weights and log-probabilities are cut off.
    """
    model = _model(sizes, state).train(grad_output is not None)
    answer = model(
        torch.tensor(sources), torch.tensor(tokens), torch.tensor(source_lengths), torch.tensor(target_lengths)
    )
    whole = named("forward", answer, ("logits", "attention", "ctc_inputs"))
    whole |= _ctc_inputs(whole["ctc_inputs"])
    steps = whole["lengths"]
    got = {
        "logits": whole["logits"],
        "attention": {
            name: _valid(weights, steps) if name.endswith("enc_self") else weights
            for name, weights in entries("attention", whole["attention"]).items()
        },
        "log_probs": _valid(whole["log_probs"].transpose(0, 1), steps),
        "lengths": steps,
    }
    return got if grad_output is None else {**got, **_gradients(model, state, whole, grad_output)}


# Scoring


def score(sizes: Named, state: State, tokens: Array, encoded: Array, pad_mask: Array | None) -> Array:
    """Return score(tokens, encoded, pad_mask)."""
    model = _model(sizes, state)
    return model.score(torch.tensor(tokens), torch.tensor(encoded), _optional(pad_mask)).detach().numpy()


def score_in_training(sizes: Named, tokens: Array, encoded: Array) -> None:
    """Call score in training mode."""
    EncoderDecoderTransformer(**sizes).train().score(torch.tensor(tokens), torch.tensor(encoded))


def score_in_pieces(
    sizes: Named, state: State, tokens: Array, encoded: Array, pad_mask: Array | None, ends: list[int]
) -> list[Array]:
    """Return the scores of an incremental scorer, which reads the tokens up to each of these ends."""
    scorer = _model(sizes, state).incremental_scorer(torch.tensor(encoded), _optional(pad_mask))
    return [scorer(torch.tensor(tokens[:, :end])).numpy() for end in ends]


def stored_steps(
    sizes: Named, state: State, tokens: Array, encoded: Array, pad_mask: Array | None, ends: list[int]
) -> Named:
    """Return how many steps the caches of each layer hold, after the tokens up to each of these ends were read."""
    scorer: Any = _model(sizes, state).incremental_scorer(torch.tensor(encoded), _optional(pad_mask))
    for end in ends:
        scorer(torch.tensor(tokens[:, :end]))
    caches = {"self-attention": scorer.caches, "cross-attention": scorer.cross_caches}
    return {name: [len(cache) for cache in each] for name, each in caches.items()}


def score_reordered(
    sizes: Named,
    state: State,
    tokens: Array,
    encoded: Array,
    pad_mask: Array | None,
    moves: list[list[int]],
    reads: list[Array],
) -> list[Array]:
    """Return the scores of an incremental scorer of the tokens, and of more after each reordering of its rows."""
    scorer = _model(sizes, state).incremental_scorer(torch.tensor(encoded), _optional(pad_mask))
    scores = [scorer(torch.tensor(tokens)).numpy()]
    for rows, longer in zip(moves, reads, strict=True):
        scorer.reorder(torch.tensor(rows))
        scores.append(scorer(torch.tensor(longer)).numpy())
    return scores


# Transfer


def transfer(config: Named, checkpoint: State, is_nested: bool) -> Named:
    """Return what from_pretrained_decoder reports, and the parameters of its model that the checkpoint names too."""
    model, report = _from_pretrained(config, checkpoint, is_nested)
    return {
        "transferred": sorted(name for name, _ in report["transferred"]),
        "new": sorted(name for name, _ in report["new"]),
        "unused": sorted(name for name, _ in report["unused"]),
        "transferred values": dict(report["transferred"]),
        "unused values": dict(report["unused"]),
        "parameters": {name: value for name, value in model.named_parameters() if name in checkpoint},
    }


def reported_parameters(config: Named, checkpoint: State, is_nested: bool) -> Named:
    """Say whether all that is reported as transferred or new is the model's own, and whether all of it learns."""
    model, report = _from_pretrained(config, checkpoint, is_nested)
    own, reported = dict(model.named_parameters()), [*report["transferred"], *report["new"]]
    return {
        "are the model's": all(own[name] is parameter for name, parameter in reported),
        "want gradients": all(parameter.requires_grad and parameter.is_leaf for parameter in own.values()),
        "are tied": model.final_linear.weight is model.target_embedding.weight,
    }


def transfer_code(config: Named) -> None:
    """Call from_pretrained_decoder with a checkpoint that makes a folder when it is unpickled.

    Raises RuntimeError if the folder is there.
    """
    with TemporaryDirectory() as folder:
        trace, path = Path(folder, "trace"), Path(folder, "checkpoint.pt")
        torch.save({"target_embedding.weight": _Code(str(trace))}, path)
        try:
            EncoderDecoderTransformer.from_pretrained_decoder(path, config)
        finally:
            if trace.exists():
                raise RuntimeError("The code in the checkpoint was run.")


class _Code:
    """An object that makes a folder when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


def _from_pretrained(config: Named, checkpoint: State, is_nested: bool) -> Any:
    torch.manual_seed(0)  # else what is new differs from call to call
    state = {name: torch.tensor(value) for name, value in checkpoint.items()}
    with TemporaryDirectory() as folder:
        path = Path(folder, "checkpoint.pt")
        torch.save({"model": state} if is_nested else state, path)
        return EncoderDecoderTransformer.from_pretrained_decoder(path, config)


# What all need


def _model(sizes: Named, state: State) -> EncoderDecoderTransformer:
    """Build a model in evaluation mode, with these parameters and in their dtype; the others are as initialised."""
    given = {name: torch.tensor(value) for name, value in state.items()}
    model = EncoderDecoderTransformer(**sizes).to(next(iter(given.values())).dtype).eval()
    if sizes["weight_tying"] and "target_embedding.weight" in given:
        given["final_linear.weight"] = given["target_embedding.weight"]
    model.load_state_dict({**model.state_dict(), **given})
    return model


def _dropping(model: EncoderDecoderTransformer, dropped: list[bool]) -> EncoderDecoderTransformer:
    """Set the model to training mode, with a drops_layer that gives one of these after another, then False."""
    answers = chain(dropped, repeat(False))
    model.drops_layer = lambda: next(answers)  # type: ignore[method-assign]
    return model.train()


def _encode(model: EncoderDecoderTransformer, sources: Array, lengths: Array, return_attention: bool = True) -> Named:
    """Return what encode returns, and the entries of its ctc_inputs, by name."""
    answer = model.encode(torch.tensor(sources), torch.tensor(lengths), return_attention)
    got = named("encode", answer, ("encoded", "pad_mask", "attention", "ctc_inputs"))
    entries("attention", got["attention"])
    return {**got, **_ctc_inputs(got["ctc_inputs"])}


def _encoded_and_layers(whole: Named) -> Named:
    """Return what is encoded, by utterance, and the names of the weights."""
    return {"encoded": _valid(whole["encoded"], whole["lengths"]), "layers with weights": list(whole["attention"])}


def _ctc_inputs(given: Any) -> Named:
    return entries("ctc_inputs", given, ("log_probs", "lengths"))


def _decode(
    model: EncoderDecoderTransformer,
    tokens: Array,
    encoded: Tensor,
    lengths: Array | None,
    pad_mask: Array | None,
    return_attention: bool = True,
) -> Named:
    """Return what decode returns, by name."""
    answer = model.decode(torch.tensor(tokens), encoded, _optional(lengths), _optional(pad_mask), return_attention)
    got = named("decode", answer, ("logits", "attention"))
    entries("attention", got["attention"])
    return got


def _optional(array: Array | None) -> Tensor | None:
    return None if array is None else torch.tensor(array)


def _valid(x: Tensor, lengths: Tensor) -> list[Tensor]:
    """Return each row of x (b, s, ...) as far as its length."""
    return [row[:length] for row, length in zip(x, lengths.tolist(), strict=False)]


def _gradients(
    model: EncoderDecoderTransformer, state: State, outputs: Named, grad_output: Mapping[str, Array]
) -> Named:
    """Return the gradients of the parameters in `state`, named with _grad at the end, zeros where there is none."""
    total: Any = sum((outputs[name] * torch.tensor(upstream)).sum() for name, upstream in grad_output.items())
    total.backward()
    wanted = {name: parameter for name, parameter in model.named_parameters() if name in state}
    return {
        f"{name}_grad": torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        for name, parameter in wanted.items()
    }

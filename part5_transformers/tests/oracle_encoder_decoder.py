"""A recogniser from torch's own modules, and what known mistakes would give."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array, gradients_of, tensors
from part5_transformers.tests import oracle_decoder_layers, oracle_encoder_layers
from part5_transformers.tests.oracle import cross_attention, in_order, one_mask, self_attention, torch_layer
from part5_transformers.tests.oracle_decoder_layers import CROSS, SELF
from part5_transformers.tests.oracle_transformers import (
    ALL_POSITIONS,
    FROM_0,
    LOG_PROBABILITIES,
    NO_NORM,
    NO_POSITIONS,
    NOT_CAUSAL,
    PIECES_NOT_CAUSAL,
    REVERSED,
    SCALED_TWICE,
    after_pieces,
    of_pieces,
    other_scores,
    part_of,
)
from part5_transformers.tests.strategies import causal, renamed
from part5_transformers.tests.strategies_encoder_decoder import FACTORS, decoder_shapes, encoder_shapes

TABLE, EMBEDDING, LOGITS = "positional_encoding.pe", "target_embedding.weight", "final_linear.weight"
OF_VOCABULARY = {EMBEDDING, LOGITS, "final_linear.bias"}

ENCODERS_PADDING = "the encoder's padding is not masked"
DECODERS_PADDING = "the decoder's padding is not masked"
CROSS_PADDING = "the cross-attention looks at the encoder's padding"
SKIPS = "positions are added where they are to be skipped, and skipped where they are to be added"
NO_ENCODER_NORM = "the final norm is not the encoder's: the weight and bias of encoder_norm are missing"
NO_DECODER_NORM = "the final norm is not the decoder's: the weight and bias of norm are missing"
SOURCE_LENGTHS = "the lengths are those of the sources; they must be those after the reduction of time"
SOURCE_MASK = "the padding mask has the lengths of the sources; it must have those after the reduction of time"
DETACHED = "no gradient passes from CTC's inputs to the encoder"
UNEMBEDDED = "the tokens are embedded without embed, which scales them and adds their positions"
ENCODER_MISTAKES = (
    ENCODERS_PADDING,
    NO_POSITIONS,
    ALL_POSITIONS,
    SKIPS,
    NO_NORM,
    NO_ENCODER_NORM,
    REVERSED,
    SOURCE_LENGTHS,
    SOURCE_MASK,
    DETACHED,
)
DECODER_MISTAKES = (
    DECODERS_PADDING,
    CROSS_PADDING,
    NOT_CAUSAL,
    NO_POSITIONS,
    ALL_POSITIONS,
    UNEMBEDDED,
    NO_NORM,
    NO_DECODER_NORM,
    REVERSED,
    SCALED_TWICE,
    LOG_PROBABILITIES,
)

# CTC's inputs


@truth
def ctc_inputs(
    sizes: Answer, state: Answer, encoded: Array, lengths: Array, grad_output: Answer | None = None
) -> Answer:
    """Compute the inputs of torch.nn.functional.ctc_loss."""
    leaves = tensors(**state, encoded=encoded)
    log_probs = log_probabilities(leaves, leaves["encoded"]).transpose(0, 1)
    known = {"log_probs": log_probs.detach().numpy(), "lengths": lengths}
    return known | gradients({"log_probs": log_probs}, grad_output, leaves)


def ctc_mistakes(state: Answer, encoded: Array, **_: Any) -> Answer:
    logits = torch.tensor(encoded @ state["ctc_head.weight"].T + state["ctc_head.bias"])
    wrong = {
        "time is not first": logits.log_softmax(2),
        "the log-softmax is missing": logits.transpose(0, 1),
        "the softmax has no logarithm": logits.softmax(2).transpose(0, 1),
        "the log-softmax is over time": logits.log_softmax(1).transpose(0, 1),
        "the log-softmax is over the batch": logits.log_softmax(0).transpose(0, 1),
    }
    return {mistake: {"log_probs": log_probs.numpy()} for mistake, log_probs in wrong.items()}


# Encoder


@truth
def encoder(**problem: Any) -> Answer:
    """Return what encode gives, by utterance and without padding, as the probe cuts it."""
    return run_encoder(**problem)


def encoder_mistakes(**problem: Any) -> Answer:
    return {mistake: run_encoder(**problem, mistake=mistake) for mistake in ENCODER_MISTAKES}


@truth
def encoder_with_drops(dropped: list[bool], **problem: Any) -> Answer:
    """Encode where some layers are left out; say which layers have weights."""
    got = run_encoder(**problem, dropped=dropped)
    return {"encoded": got["encoded"], "layers with weights": list(got["attention"])}


def run_encoder(
    sizes: Answer,
    state: Answer,
    sources: Array,
    lengths: Array,
    grad_output: Answer | None = None,
    *,
    mistake: str = "",
    dropped: list[bool] | None = None,
) -> Answer:
    model = stacks(sizes, state)
    output = encode(model, sources, lengths, mistake, dropped)
    output = replace(output, lengths=lengths) if mistake == SOURCE_LENGTHS else output
    outputs = {"encoded": output.encoded, "log_probs": output.log_probs.transpose(0, 1)}
    return output.as_answer() | gradients(outputs, grad_output, model.parameters())


# Decoder


@truth
def decoder(**problem: Any) -> Answer:
    """Return logits and weights."""
    return run_decoder(**problem)


def decoder_mistakes(**problem: Any) -> Answer:
    right = run_decoder(**problem)
    exchanged = {
        name.replace("self", "?").replace("cross", "self").replace("?", "cross"): weights
        for name, weights in right["attention"].items()
    }
    return {
        "the weights of the two attentions are exchanged": {"attention": exchanged},
        **{mistake: run_decoder(**problem, mistake=mistake) for mistake in DECODER_MISTAKES},
    }


@truth
def decoder_with_drops(dropped: list[bool], **problem: Any) -> Answer:
    """Decode where some layers are left out; say which layers have weights."""
    got = run_decoder(**problem, dropped=dropped)
    return {"logits": got["logits"], "layers with weights": list(got["attention"])}


@truth
def score(sizes: Answer, state: Answer, tokens: Array, encoded: Array, pad_mask: Array | None) -> Array:
    """Return the logits after the last token of each prompt; the prompts of an utterance stand one after another."""
    return np.asarray(prompts(sizes, state, tokens, encoded, pad_mask)[:, -1])


def score_mistakes(sizes: Answer, state: Answer, tokens: Array, encoded: Array, pad_mask: Array | None) -> Answer:
    turns = np.arange(len(tokens)) % len(encoded)

    def in_turns(mask: Array | None) -> Array:
        return run_decoder(sizes, state, tokens, None, encoded[turns], mask, weighs=False)["logits"][:, -1]

    rows = rows_of(tokens, encoded)
    return {
        **other_scores(prompts(sizes, state, tokens, encoded, pad_mask)),
        "the utterances are repeated by turns; the prompts of one stand one after another": in_turns(
            None if pad_mask is None else pad_mask[turns]
        ),
        "what was encoded is repeated by turns, and its mask is not": in_turns(
            None if pad_mask is None else pad_mask[rows]
        ),
        CROSS_PADDING: prompts(sizes, state, tokens, encoded, None)[:, -1],
    }


def mistakes_in_pieces(
    sizes: Answer, state: Answer, tokens: Array, encoded: Array, pad_mask: Array | None, ends: list[int]
) -> Answer:
    def changed(**changes: Any) -> list[Array]:
        return after_pieces(prompts(sizes, state, tokens, encoded, pad_mask, **changes), ends)

    places, hidden = of_pieces(ends)
    return {
        FROM_0: changed(positions=places),
        PIECES_NOT_CAUSAL: changed(hidden=hidden),
        **{mistake: changed(mistake=mistake) for mistake in (CROSS_PADDING, NO_NORM)},
    }


def prompts(
    sizes: Answer, state: Answer, tokens: Array, encoded: Array, pad_mask: Array | None, **changes: Any
) -> Array:
    """Return all logits of prompts, of which those of an utterance stand one after another; changed as in decode."""
    rows = rows_of(tokens, encoded)
    masks = None if pad_mask is None else pad_mask[rows]
    known = run_decoder(sizes, state, tokens, None, encoded[rows], masks, weighs=False, **changes)
    return np.asarray(known["logits"])


def rows_of(tokens: Array, encoded: Array) -> Array:
    """Return the utterance of every prompt."""
    return np.arange(len(tokens)) * len(encoded) // len(tokens)


def run_decoder(
    sizes: Answer,
    state: Answer,
    tokens: Array,
    lengths: Array | None,
    encoded: Array,
    pad_mask: Array | None,
    grad_output: Answer | None = None,
    *,
    mistake: str = "",
    dropped: list[bool] | None = None,
    weighs: bool = True,
    positions: Array | None = None,
    hidden: Array | None = None,
) -> Answer:
    model, source = stacks(sizes, state), torch.tensor(encoded, requires_grad=True)
    padding, weighs = None if pad_mask is None else torch.tensor(pad_mask), weighs and grad_output is None
    logits, attention = decode(
        model, tokens, lengths, source, padding, mistake, dropped, weighs, positions=positions, hidden=hidden
    )
    known = {"logits": logits.detach().numpy(), "attention": attention}
    return known | gradients({"logits": logits}, grad_output, {**model.parameters(), "encoded": source})


# Both


@truth
def recogniser(
    sizes: Answer,
    state: Answer,
    sources: Array,
    tokens: Array,
    source_lengths: Array,
    target_lengths: Array,
    grad_output: Answer | None = None,
) -> Answer:
    """Return what forward gives; what is CTC's and the encoder's, by utterance and without padding."""
    model = stacks(sizes, state)
    output = encode(model, sources, source_lengths)
    logits, attention = decode(
        model, tokens, target_lengths, output.encoded, output.pad_mask, weighs=grad_output is None
    )
    outputs = {"logits": logits, "log_probs": output.log_probs.transpose(0, 1)}
    known = output.as_answer() | {"logits": logits.detach().numpy()}
    known["attention"] |= attention
    return known | gradients(outputs, grad_output, model.parameters())


# Transfer


@truth
def transferred(config: Answer, checkpoint: Answer) -> Answer:
    """Say what stands where in the report, and what the model, in float32, then holds of the checkpoint."""
    was_tied = np.array_equal(checkpoint[EMBEDDING], checkpoint[LOGITS])
    pretrained = {name: value for name, value in checkpoint.items() if name != TABLE}
    if was_tied:
        del pretrained[LOGITS]
    own = {**encoder_shapes(config), **decoder_shapes(config)}.keys() - {TABLE}
    fits = len(checkpoint[EMBEDDING]) == config["num_classes"] and was_tied == config["weight_tying"]
    kept = {name: value for name, value in pretrained.items() if name in own and (fits or name not in OF_VOCABULARY)}
    unused = {name: value for name, value in pretrained.items() if name not in kept}
    return {
        "transferred": sorted(kept),
        "new": sorted(own - kept.keys()),
        "unused": sorted(unused),
        "transferred values": {name: value.astype(np.float32) for name, value in kept.items()},
        "unused values": unused,
    }


def transfer_mistakes(config: Answer, checkpoint: Answer) -> Answer:
    right = transferred(config, checkpoint)
    kept, new, unused = right["transferred"], right["new"], right["unused"]
    values = {name: checkpoint[name] for name in kept}
    changes: dict[str, Answer] = {
        "what is transferred is reported as new too": {"new": sorted([*new, *kept])},
        "what is transferred is reported as unused too": {
            "unused": sorted([*unused, *kept]),
            "unused values": {**right["unused values"], **values},
        },
        "what is unused is reported as new": {"new": sorted([*new, *unused]), "unused": [], "unused values": {}},
        "what is new is reported as unused, and what is unused as new": {"new": unused, "unused": new},
        "all of the checkpoint is reported as transferred": {"transferred": sorted([*kept, *unused])},
        "the checkpoint's tensors are reported; they must be the model's parameters": {"transferred values": values},
    }
    return {mistake: {**right, **changed} for mistake, changed in changes.items()}


# The model


@dataclass(frozen=True)
class Stacks:
    """Torch's layers, and all other parameters as leaves under our names."""

    sizes: Answer
    encoder: dict[str, Any]
    decoder: dict[str, Any]
    others: dict[str, Tensor]

    def parameters(self) -> dict[str, Tensor]:
        """Return all parameters under our names."""
        found = {name: value for name, value in self.others.items() if name != TABLE}
        for names, layers in (
            (oracle_encoder_layers.NAMES, self.encoder),
            (oracle_decoder_layers.NAMES, self.decoder),
        ):
            ours = {theirs: name for name, theirs in names.items()}
            for prefix, layer in layers.items():
                own = renamed(dict(layer.named_parameters()), ours)
                found |= {prefix + name: parameter for name, parameter in own.items()}
        return found

    def norm(self, x: Tensor, prefix: str) -> Tensor:
        """Return a final LayerNorm."""
        weight, bias = self.others[f"{prefix}weight"], self.others[f"{prefix}bias"]
        return functional.layer_norm(x, weight.shape, weight, bias)


@dataclass(frozen=True)
class Encoded:
    """An encoder's output."""

    encoded: Tensor
    pad_mask: Tensor
    attention: dict[str, Tensor]
    log_probs: Tensor
    lengths: Array

    def as_answer(self) -> Answer:
        """Return all of it, by utterance and without padding where it has padding."""

        def cut(x: Tensor) -> list[Array]:
            return [row[:length].detach().numpy() for row, length in zip(x, self.lengths, strict=True)]

        return {
            "encoded": cut(self.encoded),
            "pad_mask": self.pad_mask.numpy(),
            "attention": {name: cut(weights) for name, weights in self.attention.items()},
            "log_probs": cut(self.log_probs),
            "lengths": self.lengths,
        }


def stacks(sizes: Answer, state: Answer) -> Stacks:
    """Return the model, as far as there are parameters of it."""

    def layers(kind: Any, side: str, names: Mapping[str, str]) -> dict[str, Any]:
        prefixes = [f"{side[:3]}_layers.{number}." for number in range(sizes[f"num_{side}_layers"])]
        given = {prefix: part_of(state, prefix) for prefix in prefixes}
        heads = sizes[f"num_{side}_heads"]
        return {prefix: torch_layer(kind, heads, part, names) for prefix, part in given.items() if part}

    encoder = layers(nn.TransformerEncoderLayer, "encoder", oracle_encoder_layers.NAMES)
    decoder = layers(nn.TransformerDecoderLayer, "decoder", oracle_decoder_layers.NAMES)
    others = {name: value for name, value in state.items() if not name.startswith(("enc_layers.", "dec_layers."))}
    return Stacks(sizes, encoder, decoder, tensors(**others))


def embed_speech(model: Stacks, sources: Array, lengths: Array) -> Tensor:
    """Embed every utterance alone, and so without padding; zeros are put after it at the end."""
    embedded = []
    for frames, length in zip(torch.tensor(sources), lengths, strict=True):
        x = frames[:length].T
        for number, factor in enumerate(FACTORS[model.sizes["time_reduction"]]):
            convolution = part_of(model.others, f"source_embedding.layers.{number}.convolution.")
            x = functional.gelu(functional.conv1d(x, **convolution, stride=factor, padding=1))
        embedded.append(functional.linear(x.T, **part_of(model.others, "source_embedding.linear.")))
    longest = pad_sequence(embedded, batch_first=True)
    missing = -(-sources.shape[1] // model.sizes["time_reduction"]) - longest.shape[1]
    return functional.pad(longest, (0, 0, 0, missing))


def encode(
    model: Stacks, sources: Array, lengths: Array, mistake: str = "", dropped: list[bool] | None = None
) -> Encoded:
    """Encode speech with torch's encoder layers; what may be wrong is a known mistake."""
    sizes, reduced = model.sizes, -(-lengths // model.sizes["time_reduction"])
    x = embed_speech(model, sources, lengths)
    pad_mask = torch.arange(x.shape[1]) >= torch.tensor(lengths if mistake == SOURCE_MASK else reduced)[:, None]
    if adds_positions(sizes["skip_encoder_pe"], mistake):
        x = x + model.others[TABLE][:, : x.shape[1]]
    mask = one_mask(sizes["num_encoder_heads"], x, None if mistake == ENCODERS_PADDING else pad_mask)
    attention = {}
    for number, layer in running(model.encoder, mistake, dropped):
        attention[f"layer{number}_enc_self"] = self_attention(layer, mask)(x)[1]
        x = layer(x, src_mask=mask)
    encoded = normalised(model, x, "encoder_norm.", mistake)
    log_probs = log_probabilities(model.others, encoded.detach() if mistake == DETACHED else encoded)
    return Encoded(encoded, pad_mask, attention, log_probs, reduced)


def log_probabilities(parameters: Mapping[str, Tensor], encoded: Tensor) -> Tensor:
    """Compute the log-probabilities of the CTC head: (b, s, v)."""
    logits = functional.linear(encoded, parameters["ctc_head.weight"], parameters["ctc_head.bias"])
    return logits.log_softmax(dim=2)


def decode(
    model: Stacks,
    tokens: Array,
    lengths: Array | None,
    encoded: Tensor,
    pad_mask: Tensor | None,
    mistake: str = "",
    dropped: list[bool] | None = None,
    weighs: bool = True,
    *,
    positions: Array | None = None,
    hidden: Array | None = None,
) -> tuple[Tensor, dict[str, Array]]:
    """Decode with torch's decoder layers; with `weighs` return weights; what may be wrong is a known mistake.

    So are other positions than 0, 1 and so on, and a mask that hides other tokens than those that come later.
    """
    sizes, (_, time), heads = model.sizes, tokens.shape, model.sizes["num_decoder_heads"]
    x = model.others[EMBEDDING][torch.tensor(tokens)]
    if sizes["weight_tying"] and mistake != UNEMBEDDED:
        x = x * (sizes["d_model"] if mistake == SCALED_TWICE else math.sqrt(sizes["d_model"]))
    if adds_positions(sizes["skip_decoder_pe"], mistake):
        x = x + model.others[TABLE][:, np.arange(time) if positions is None else positions]
    padding = None if lengths is None else torch.arange(time) >= torch.tensor(lengths)[:, None]
    mask = None if mistake == NOT_CAUSAL else torch.tensor(causal(time) if hidden is None else hidden)
    self_mask = one_mask(heads, x, None if mistake == DECODERS_PADDING else padding, mask)
    cross_mask = one_mask(heads, x, None if mistake == CROSS_PADDING else pad_mask)
    attention = {}
    for number, layer in running(model.decoder, mistake, dropped):
        if weighs:
            sublayers = {SELF: self_attention(layer, self_mask), CROSS: cross_attention(layer, encoded, cross_mask)}
            _, weights = in_order(sublayers, [SELF, CROSS], x)
            attention[f"layer{number}_dec_self"] = weights[SELF].detach().numpy()
            attention[f"layer{number}_dec_cross"] = weights[CROSS].detach().numpy()
        x = layer(x, encoded, tgt_mask=self_mask, memory_mask=cross_mask)
    weight = model.others[EMBEDDING if sizes["weight_tying"] else LOGITS]
    logits = functional.linear(normalised(model, x, "norm.", mistake), weight, model.others["final_linear.bias"])
    return logits.log_softmax(dim=2) if mistake == LOG_PROBABILITIES else logits, attention


def adds_positions(skips: bool, mistake: str) -> bool:
    """Say whether positions are added, unless they are to be skipped or by mistake."""
    wrong = {NO_POSITIONS: False, UNEMBEDDED: False, ALL_POSITIONS: True, SKIPS: skips}
    return wrong.get(mistake, not skips)


def normalised(model: Stacks, x: Tensor, prefix: str, mistake: str) -> Tensor:
    """Return the final norm, if it isn't missing, with its weight and bias."""
    if mistake in (NO_ENCODER_NORM, NO_DECODER_NORM):
        return functional.layer_norm(x, x.shape[2:])
    return x if mistake == NO_NORM else model.norm(x, prefix)


def running(layers: Mapping[str, Any], mistake: str, dropped: list[bool] | None) -> list[tuple[int, Any]]:
    """Return the layers that run, with their numbers, which begin with 1."""
    numbered = list(enumerate(layers.values(), start=1))
    kept = [pair for pair, drops in zip(numbered, dropped or [False] * len(layers), strict=True) if not drops]
    return kept[::-1] if mistake == REVERSED else kept


def gradients(outputs: Mapping[str, Tensor], grad_output: Answer | None, leaves: Mapping[str, Tensor]) -> Answer:
    """Return the gradients of all leaves, given those of some outputs."""
    if grad_output is None:
        return {}
    total: Any = sum((outputs[name] * torch.tensor(upstream)).sum() for name, upstream in grad_output.items())
    return gradients_of(total, leaves)

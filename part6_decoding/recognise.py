"""Decode what an encoder gives, in five ways: by its CTC head, by the decoder's attention, and by both. Given.

`model` is an EncoderDecoderTransformer, in evaluation mode; its tokens are the tokenizer's.
In a notebook: `DECODERS["joint"](model, encode(model, sources, lengths), tokenizer)`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from part6_decoding.ctc_decoding import greedy_decode, prefix_beam_decode
from part6_decoding.sequence_generator import SequenceGenerator
from part6_decoding.tokenizer import CharTokenizer

BEAM_WIDTH = 5
ATTENTION_WEIGHT, LENGTH_BONUS = 0.3, 0.0  # chosen on validation strings; from 0.1 to 1 it makes little difference


class Encoded(NamedTuple):
    """An encoder's output.

    Shapes: states (b, s, d), pad_mask (b, s), log_probs (s, b, v) of the CTC head, lengths (b,).
    """

    states: Tensor
    pad_mask: Tensor
    log_probs: Tensor
    lengths: Tensor


Decoder = Callable[[Any, Encoded, CharTokenizer], list[list[int]]]


def encode(model: Any, sources: Tensor, source_lengths: Tensor) -> Encoded:
    """Encode utterances.  Shapes: sources (b, t, bands), source_lengths (b,)."""
    states, pad_mask, _, ctc = model.encode(sources, source_lengths, return_attention=False)
    return Encoded(states, pad_mask, ctc["log_probs"], ctc["lengths"])


def ctc_greedy(model: Any, encoded: Encoded, tokenizer: CharTokenizer) -> list[list[int]]:
    """Take the CTC head's best path."""
    return greedy_decode(encoded.log_probs, encoded.lengths, tokenizer.blank_id)


def ctc_beam(model: Any, encoded: Encoded, tokenizer: CharTokenizer) -> list[list[int]]:
    """Find the labels that are likeliest over all their alignments."""
    ranked = prefix_beam_decode(encoded.log_probs, encoded.lengths, BEAM_WIDTH, tokenizer.blank_id)
    return [best for (best, _), *_ in ranked]


def attention_greedy(model: Any, encoded: Encoded, tokenizer: CharTokenizer) -> list[list[int]]:
    """Take the decoder's likeliest next token, until it ends."""
    tokens, _ = generator_of(model, encoded, tokenizer).generate_greedy(prompts(encoded, tokenizer))
    return labels_of(tokens, tokenizer)


def attention_beam(model: Any, encoded: Encoded, tokenizer: CharTokenizer) -> list[list[int]]:
    """Take the likeliest of the decoder's beams."""
    beams, _ = generator_of(model, encoded, tokenizer).generate_beam(prompts(encoded, tokenizer), BEAM_WIDTH)
    return labels_of(beams[:, 0], tokenizer)


def joint(
    model: Any,
    encoded: Encoded,
    tokenizer: CharTokenizer,
    attention_weight: float = ATTENTION_WEIGHT,
    length_bonus: float = LENGTH_BONUS,
    beam_width: int = BEAM_WIDTH,
) -> list[list[int]]:
    """Rank CTC's prefixes by the decoder's probabilities too     (Hori, Watanabe and Hershey 2017)."""
    found = []
    for i, length in enumerate(encoded.lengths.tolist()):
        one = slice(i, i + 1)
        ((best, *_),) = prefix_beam_decode(
            encoded.log_probs[:, one],
            encoded.lengths[one],
            beam_width,
            tokenizer.blank_id,
            score_fn=partial(model.score, encoded=encoded.states[one, :length]),
            lm_weight=attention_weight,
            length_bonus=length_bonus,
            sos_id=tokenizer.sos_id,
            eos_id=tokenizer.eos_id,
        )
        found.append(best[0])
    return found


DECODERS: dict[str, Decoder] = {
    "ctc-greedy": ctc_greedy,
    "ctc-beam": ctc_beam,
    "attention-greedy": attention_greedy,
    "attention-beam": attention_beam,
    "joint": joint,
}


# What attention decoding begins and ends with


def generator_of(model: Any, encoded: Encoded, tokenizer: CharTokenizer) -> SequenceGenerator:
    """Make a generator of the decoder, which generates at most a label for each step of the encoder."""
    scorer = model.incremental_scorer(encoded.states, encoded.pad_mask)
    return SequenceGenerator(scorer, tokenizer, max(1, encoded.states.shape[1]), str(encoded.states.device))


def prompts(encoded: Encoded, tokenizer: CharTokenizer) -> Tensor:
    return torch.full((len(encoded.states), 1), tokenizer.sos_id)


def labels_of(sequences: Iterable[Tensor], tokenizer: CharTokenizer) -> list[list[int]]:
    """Cut off sos, and everything from eos on."""
    return [list(itertools.takewhile(lambda token: token != tokenizer.eos_id, row[1:].tolist())) for row in sequences]

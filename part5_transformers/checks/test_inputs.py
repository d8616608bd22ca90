"""Wrong arguments of the public calls are named, in one sentence, before anything is computed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PART = Path(__file__).resolve().parent.parent
PRELUDE = """
import torch
from part5_transformers.masks import CausalMask, PadMask
from part5_transformers.positional_encoding import PositionalEncoding
from part5_transformers.speech_embedding import SpeechEmbedding
from part5_transformers.sublayers import MultiHeadAttention
from part5_transformers.transformers import DecoderOnlyTransformer, EncoderDecoderTransformer

lm = DecoderOnlyTransformer(1, 4, 1, 8, 0.0, 16, 5).eval()
asr = EncoderDecoderTransformer(3, 2, "conv", 1, 1, 8, 1, 1, 8, 4, 0.0, 16, 5).eval()
tokens, frames, ones = torch.ones(2, 6, dtype=torch.long), torch.ones(2, 6, 3), torch.ones(2, 6, 4)
"""
# A call, and what it must say.
MISTAKEN = """
lm(tokens, [6, 6])
    TypeError: input_lengths must be a tensor; got list. torch.as_tensor(input_lengths) makes one.
lm(tokens, torch.tensor([6.0, 6.0]))
    TypeError: input_lengths must be a tensor of integers; got torch.float32. Convert with input_lengths.long().
lm(tokens[0])
    ValueError: tokens must have shape (batch, time); got (6,). tokens[None] is a batch of one row.
lm(5 * tokens)
    ValueError: tokens must lie between 0 and 4, the classes; got 5.
lm(-tokens)
    ValueError: tokens must lie between 0 and 4, the classes; got -1.
lm(tokens.tolist())
    TypeError: tokens must be a tensor; got list. torch.as_tensor(tokens) makes one.
lm(tokens.float())
    TypeError: tokens must be a tensor of integers; got torch.float32. Convert with tokens.long().
lm.score(tokens[0])
    ValueError: tokens must have shape (batch, time); got (6,). tokens[None] is a batch of one row.
lm.incremental_scorer()(5 * tokens)
    ValueError: tokens must lie between 0 and 4, the classes; got 5.
asr(frames, tokens, [6, 6])
    TypeError: lengths must be a tensor; got list. torch.as_tensor(lengths) makes one.
asr(frames[0], tokens, torch.tensor([6, 6]))
    ValueError: x must have shape (batch, time, 3); got (6, 3). x[None] is a batch of one.
asr(frames, 5 * tokens, torch.tensor([6, 6]))
    ValueError: tokens must lie between 0 and 4, the classes; got 5.
asr.encode(ones, torch.tensor([6, 6]))
    ValueError: x must have shape (batch, time, 3); got (2, 6, 4). x[None] is a batch of one.
asr.decode(tokens, ones[0])
    ValueError: key must have shape (batch, time, 4); got (6, 4). key[None] is a batch of one.
SpeechEmbedding(3, 4, 2, 'conv')(frames, torch.tensor([7, 6]))
    ValueError: lengths must lie between 1 and 6, the steps; got [7, 6].
PadMask(tokens[0], torch.tensor([6]))
    ValueError: padded_input must have shape (batch, time, ...); got (6,). padded_input[None] is a batch of one.
PadMask(tokens, [6, 6])
    TypeError: input_lengths must be a tensor; got list. torch.as_tensor(input_lengths) makes one.
CausalMask(tokens[0])
    ValueError: padded_input must have shape (batch, time, ...); got (6,). padded_input[None] is a batch of one.
PositionalEncoding(4, 16)(ones[0])
    ValueError: x must have shape (batch, time, 4); got (6, 4). x[None] is a batch of one.
MultiHeadAttention(4, 1)(ones[0], ones[0], ones[0])
    ValueError: query must have shape (batch, time, 4); got (6, 4). query[None] is a batch of one.
"""
SAID = dict(re.findall(r"^(\S.*)\n    (.*)$", MISTAKEN, re.MULTILINE))


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """Return what each call says, in one process in which the part is the reference."""
    attempt = "try: print(type({}))\nexcept Exception as error: print(type(error).__name__, error, sep=': ')"
    lines = [attempt.format(call) for call in SAID]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([PRELUDE, *lines])],
        env=os.environ | {"SFRATORCH_CODE": "solution", "PYTHONPATH": str(PART.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(SAID, done.stdout.splitlines(), strict=True))


@pytest.mark.parametrize("call", SAID)
def test_a_mistaken_call_is_named(call: str, said: dict[str, str]) -> None:
    assert said[call] == SAID[call]

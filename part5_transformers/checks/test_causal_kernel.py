"""Where the mask is known to be causal, torch's fused function is told so, and gets no mask to read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = os.environ | {"SFRATORCH_CODE": "solution", "PYTHONPATH": str(ROOT)}

CALLS = """
import torch
from torch.nn import functional
from part5_transformers.transformers import DecoderOnlyTransformer, EncoderDecoderTransformer

text = DecoderOnlyTransformer(2, 16, 4, 32, 0.0, 64, 11).eval()
speech = EncoderDecoderTransformer(5, 2, "conv", 1, 2, 16, 2, 4, 32, 16, 0.0, 64, 11).eval()
tokens, encoded = torch.zeros(2, 6, dtype=torch.long), torch.zeros(2, 5, 16)
fused, calls = functional.scaled_dot_product_attention, []

def recorded(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False):
    calls.append((is_causal, attn_mask is not None))
    return fused(query, key, value, attn_mask, dropout_p, is_causal)

def kinds_of(run, *arguments, **options):
    calls.clear()
    run(*arguments, **options)
    return calls[:: len(calls) // 2]  # of the first and the last layer's self-attention

functional.scaled_dot_product_attention = recorded
CAUSAL, MASKED, OPEN = (True, False), (False, True), (False, False)
full, short = torch.tensor([6, 6]), torch.tensor([6, 4])
for scorer, forward in (
    (text.incremental_scorer(), lambda lengths: text(tokens, lengths, return_attention=False)),
    (speech.incremental_scorer(encoded), lambda lengths: speech.decode(tokens, encoded, lengths, None, False)),
):
    assert kinds_of(forward, full) == [CAUSAL, CAUSAL], calls
    assert kinds_of(forward, short) == [MASKED, MASKED], calls
    assert kinds_of(scorer, tokens[:, :3]) == [CAUSAL, CAUSAL], calls
    assert kinds_of(scorer, tokens[:, :4]) == [OPEN, OPEN], calls
    assert kinds_of(scorer, tokens) == [MASKED, MASKED], calls
"""


def test_the_causal_kernel_runs_where_nothing_else_is_masked() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CALLS], env=ENVIRONMENT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr

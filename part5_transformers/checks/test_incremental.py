"""Incremental scoring over many reorderings, as in beam search: what `score` gives, and nothing copied needlessly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = os.environ | {"SFRATORCH_CODE": "solution", "PYTHONPATH": str(ROOT)}

MODELS = """
import torch
from part5_transformers.transformers import DecoderOnlyTransformer, EncoderDecoderTransformer

torch.manual_seed(0)
draw = lambda *arguments: torch.randint(*arguments)
text = DecoderOnlyTransformer(2, 16, 4, 32, 0.0, 64, 11).double().eval()
speech = EncoderDecoderTransformer(5, 2, "conv", 1, 2, 16, 2, 4, 32, 16, 0.0, 64, 11).double().eval()
"""
REORDERED = """
def rows_of(count):
    \"\"\"The same rows, all shuffled, some left out or doubled, or more or fewer.\"\"\"
    kinds = [torch.arange(count), torch.randperm(count), draw(0, count, (count,)), draw(0, count, (1 + count % 5,))]
    return kinds[draw(0, 4, ())]

for trial in range(6):
    encoded, pad_mask, _, _ = speech.encode(torch.randn(3, 20, 5).double(), torch.tensor([20, 13, 6]))
    for of_text in (True, False):
        tokens, utterance = draw(0, 11, (3, 1 + trial % 4)), torch.arange(3)
        scorer = text.incremental_scorer() if of_text else speech.incremental_scorer(encoded, pad_mask)
        for step in range(10):
            score = text.score(tokens) if of_text else speech.score(tokens, encoded[utterance], pad_mask[utterance])
            torch.testing.assert_close(scorer(tokens), score)
            for _ in range(draw(0, 3, ())):
                rows = rows_of(len(tokens))
                scorer.reorder(rows)
                tokens, utterance = tokens[rows], utterance[rows]
            tokens = torch.cat([tokens, draw(0, 11, (len(tokens), 1 + step % 2))], dim=1)
"""
COPIED = """
scorer, tokens = text.incremental_scorer(), draw(0, 11, (1, 6))
scorer(tokens)
scorer.reorder(torch.zeros(3, dtype=torch.long))
tokens = tokens[[0, 0, 0]]
for rows, start in (([0, 1, 2], 7), ([2, 0, 1], 6), ([1, 1, 1], 6), ([0, 1, 2], 10), ([2, 1, 0], 9), ([0, 2, 2], 9)):
    tokens = torch.cat([tokens, draw(0, 11, (3, 1))], dim=1)
    scorer(tokens)
    found = scorer.first_difference(torch.tensor(rows))
    assert found == start, (rows, found, start)
"""
GROWN = """
tokens, buffers = draw(0, 11, (2, 64)), []
scorer = text.incremental_scorer()
for end in range(1, 65):
    scorer(tokens[:, :end])
    if not buffers or scorer.caches[0].stored is not buffers[-1]:
        buffers.append(scorer.caches[0].stored)
assert len(buffers) == 6, len(buffers)
"""
BY_COLUMNS = """
from part5_transformers.incremental import store_by_columns

for tied in (True, False):
    model = DecoderOnlyTransformer(2, 16, 2, 32, 0.0, 64, 11, weight_tying=tied).double().eval()
    tokens, before = draw(0, 11, (2, 9)), {name: weight.clone() for name, weight in model.state_dict().items()}
    logits = model.score(tokens)
    store_by_columns(model)
    assert (model.final_linear.weight is model.target_embedding.weight) is tied
    assert model.target_embedding.weight.is_contiguous()
    assert all(layer.ffn.ffn[0].weight.T.is_contiguous() for layer in model.dec_layers)
    after = model.state_dict()
    assert list(before) == list(after) and all(torch.equal(before[name], after[name]) for name in before)
    torch.testing.assert_close(model.score(tokens), logits)
    model.score(tokens).square().sum().backward()
    torch.optim.AdamW(model.parameters()).step()
    assert not torch.equal(model.score(tokens), logits)
"""


def run(source: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MODELS + source], env=ENVIRONMENT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr


def test_rows_may_be_reordered_often() -> None:
    run(REORDERED)


def test_steps_that_rows_have_in_common_are_not_copied() -> None:
    run(COPIED)


def test_room_for_steps_doubles() -> None:
    run(GROWN)


def test_weights_by_columns_are_the_same_weights() -> None:
    run(BY_COLUMNS)

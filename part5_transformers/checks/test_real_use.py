"""The reference as a user has it: examples, errors, tied weights on disk, bfloat16, benchmarks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

PART = Path(__file__).resolve().parent.parent
ENVIRONMENT = os.environ | {"SFRATORCH_CODE": "solution", "PYTHONPATH": str(PART.parent), "PYTHONIOENCODING": "utf-8"}

ERRORS = """
import torch
from part5_transformers.masks import PadMask
from part5_transformers.positional_encoding import PositionalEncoding
from part5_transformers.sublayers import MultiHeadAttention
from part5_transformers.speech_embedding import SpeechEmbedding
from part5_transformers.transformers import DecoderOnlyTransformer, EncoderDecoderTransformer

def said(run, *arguments, **options):
    try:
        run(*arguments, **options)
    except (RuntimeError, ValueError) as error:
        print(f"{type(error).__name__}: {error}")

model = DecoderOnlyTransformer(1, 4, 2, 8, 0.0, 6, 5)
tokens = torch.zeros(2, 3, dtype=torch.long)
said(MultiHeadAttention, 6, 4)
said(PadMask, tokens, torch.tensor([3, 4]))
said(PadMask, tokens, torch.tensor([0, 3]))
said(PositionalEncoding(4, 6), torch.zeros(2, 7, 4))
said(model, tokens)
said(model.score, tokens)
said(model.incremental_scorer)
scorer = model.eval().incremental_scorer()
scorer(tokens)
said(scorer, tokens)

sizes = {"input_dim": 3, "time_reduction": 2, "reduction_method": "both", "num_encoder_layers": 1, "d_model": 4,
         "num_encoder_heads": 2, "d_ff_encoder": 8, "num_decoder_layers": 1, "num_decoder_heads": 2, "d_ff_decoder": 8,
         "dropout": 0.0, "max_len": 6, "num_classes": 5}
said(SpeechEmbedding, 3, 4, 2, "mean")
said(SpeechEmbedding, 3, 4, 10, "conv")
said(SpeechEmbedding, 3, 5, 2, "lstm")
said(EncoderDecoderTransformer, **{**sizes, "num_decoder_heads": 3})
said(EncoderDecoderTransformer, **{**sizes, "layer_drop_rate": 1.5})
recogniser, sources, lengths = EncoderDecoderTransformer(**sizes), torch.zeros(2, 8, 3), torch.tensor([8, 5])
said(recogniser, sources, tokens, lengths)
said(recogniser, sources, tokens, torch.tensor([9, 5]), torch.tensor([3, 3]))
said(recogniser, sources, tokens, torch.tensor([0, 5]), torch.tensor([3, 3]))
said(recogniser, torch.zeros(2, 14, 3), tokens, torch.tensor([14, 5]), torch.tensor([3, 3]))
encoded, pad_mask, _, _ = recogniser.encode(sources, lengths)
said(recogniser.score, tokens, encoded)
said(recogniser.eval().score, tokens[[0, 1, 1]], encoded)

class Code:
    def __reduce__(self):
        return print, ("this must never be printed",)

torch.save({"model": Code()}, "code.pt")
said(EncoderDecoderTransformer.from_pretrained_decoder, "code.pt", sizes)
torch.save(recogniser.source_embedding.state_dict(), "other.pt")
said(EncoderDecoderTransformer.from_pretrained_decoder, "other.pt", sizes)
torch.save(model.state_dict(), "small.pt")
said(EncoderDecoderTransformer.from_pretrained_decoder, "small.pt", {**sizes, "d_model": 8})
"""
MESSAGES = """\
ValueError: d_model must be divisible by num_heads; got d_model=6, num_heads=4.
ValueError: input_lengths must lie between 1 and 3, the steps; got [3, 4].
ValueError: input_lengths must lie between 1 and 3, the steps; got [0, 3].
ValueError: x must end within max_len=6 positions; got 7 steps from position 0.
ValueError: target_lengths must be given in training; got None. Without padding: the full length of each row.
RuntimeError: score must be called in evaluation mode; got training mode. Call model.eval() first.
RuntimeError: incremental_scorer must be called in evaluation mode; got training mode. Call model.eval() first.
ValueError: tokens must continue the 2 rows of 3 tokens that were read; got (2, 3). Call reorder if rows have changed, \
reset to begin anew.
ValueError: reduction_method must be one of lstm, conv, both; got 'mean'.
ValueError: time_reduction must be a product of twos and threes, such as 1, 2, 3, 4, 6, 8, 9 or 12; got 10.
ValueError: d_model must be even where LSTMs read in two directions; got 5.
ValueError: d_model must be divisible by num_heads; got d_model=4, num_heads=3.
ValueError: layer_drop_rate must lie between 0 and 1; got 1.5.
ValueError: target_lengths must be given in training; got None. Without padding: the full length of each row.
ValueError: lengths must lie between 1 and 8, the steps; got [9, 5].
ValueError: lengths must lie between 1 and 8, the steps; got [0, 5].
ValueError: x must end within max_len=6 positions; got 7 steps from position 0.
RuntimeError: score must be called in evaluation mode; got training mode. Call model.eval() first.
ValueError: prompts must be a multiple of the 2 utterances that were encoded; got 3.
"""
CHECKPOINTS = (
    "ValueError: decoder_checkpoint_path must lead to a checkpoint of tensors; got code.pt: Weights only load failed.",
    (
        "ValueError: decoder_checkpoint_path must lead to the state dict of a DecoderOnlyTransformer; got other.pt. "
        "train_lm writes such."
    ),
    (
        "ValueError: config must have the sizes of the pretrained decoder; got target_embedding.weight of (5, 8) where "
        "the checkpoint has (5, 4)."
    ),
)

TIED = """
import torch
from part5_transformers.transformers import DecoderOnlyTransformer, EncoderDecoderTransformer

def of_speech(**options):
    return EncoderDecoderTransformer(3, 2, "conv", 1, 2, 8, 1, 2, 8, 4, 0.0, 6, 5, **options)

def of_text(**options):
    return DecoderOnlyTransformer(1, 4, 2, 8, 0.0, 6, 5, **options)

for kind in (of_text, of_speech):
    for tied in (True, False):
        model, other = kind(weight_tying=tied), kind(weight_tying=tied)
        torch.save(model.state_dict(), "model.pt")
        other.load_state_dict(torch.load("model.pt", weights_only=True))
        for each in (model, other):
            assert (each.final_linear.weight.data_ptr() == each.target_embedding.weight.data_ptr()) == tied
            with torch.no_grad():
                each.target_embedding.weight.zero_()
            assert bool((each.final_linear.weight == 0).all()) == tied
"""

BFLOAT16 = """
import sys
import torch
from part5_transformers.transformers import DecoderOnlyTransformer, EncoderDecoderTransformer

device = sys.argv[1]
torch.manual_seed(0)
sources, tokens = torch.randn(2, 20, 3, device=device), torch.randint(5, (2, 6), device=device)
source_lengths, target_lengths = torch.tensor([20, 13], device=device), torch.tensor([6, 4], device=device)
text = DecoderOnlyTransformer(2, 32, 4, 64, 0.0, 30, 5).to(device)
speech = [EncoderDecoderTransformer(3, 2, method, 2, 4, 64, 2, 4, 64, 32, 0.0, 30, 5).to(device)
          for method in ("lstm", "conv", "both")]
for model, inputs in ((text, (tokens, target_lengths)),
                      *((each, (sources, tokens, source_lengths, target_lengths)) for each in speech)):
    for with_weights in (True, False):
        exact, _, *ctc = model(*inputs, return_attention=with_weights)
        with torch.autocast(device, torch.bfloat16):
            coarse, _, *coarse_ctc = model(*inputs, return_attention=with_weights)
        assert coarse.dtype == torch.bfloat16
        assert (coarse.float() - exact).abs().max() < 0.05 * exact.abs().max()
        loss = coarse.float().square().mean()
        if ctc:
            assert coarse_ctc[0]["log_probs"].dtype == torch.float32
            loss = loss + coarse_ctc[0]["log_probs"].square().mean()
        model.zero_grad()
        loss.backward()
        assert all(parameter.grad is not None and parameter.grad.isfinite().all() and parameter.dtype == torch.float32
                   for parameter in model.parameters())
"""


def printed(*command: str, folder: Path) -> str:
    """Return what a command prints; an error of the command is the test's."""
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=ENVIRONMENT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_bad_input_is_named(tmp_path: Path) -> None:
    said = printed("-c", ERRORS, folder=tmp_path)
    assert said.startswith(MESSAGES)
    rest = said.removeprefix(MESSAGES).splitlines()
    assert len(rest) == len(CHECKPOINTS)
    for line, beginning in zip(rest, CHECKPOINTS, strict=True):  # what torch says after that may change
        assert line.startswith(beginning)


def test_tied_weights_stay_tied_on_disk(tmp_path: Path) -> None:
    printed("-c", TIED, folder=tmp_path)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_bfloat16_is_near_float32(tmp_path: Path, device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    printed("-c", BFLOAT16, device, folder=tmp_path)


def test_the_benchmarks_write_the_rows_that_the_contract_names(tmp_path: Path) -> None:
    printed("-m", "part5_transformers.benchmarks", "--rounds", "1", "--json", "rows.json", folder=tmp_path)
    rows = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    names = {"work", "ours", "reference", "reference_name", "ratio", "must_reach", "aim_for", "better"}
    assert all(set(row) == names and row["ratio"] > 0 for row in rows)
    assert [row["must_reach"] for row in rows] == [0.95, 1.0, 1.0]
    assert rows[1]["ratio"] <= 1.001  # peak memory beside torch's own layers, which does not depend on the machine


def test_the_readmes_examples_print_what_it_says(tmp_path: Path) -> None:
    readme = (PART / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    assert examples
    for example in examples:
        said = re.findall(r"print\(.*\)\s+# (.+)", example)
        assert printed("-c", example, folder=tmp_path).splitlines() == said

"""Speed and memory of the language model's training: `python -m part5_transformers.benchmarks`.

A step is zero_grad, forward, loss, backward, clipping and AdamW, in float32 without dropout.  Before anything is timed,
loss and gradients are compared with those of the same model from torch's own layers.  Memory is the peak of what a step
allocates, its gradients included, beyond parameters and the optimiser's states.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from autograder.scripts import side_by_side
from autograder.scripts.side_by_side import Row, Step, beside, compare

LARGE: dict[str, Any] = {
    "num_layers": 4,
    "d_model": 256,
    "num_heads": 8,
    "d_ff": 1024,
    "max_len": 256,
    "num_classes": 65,
}
LARGE_BATCH = 8
SMALL: dict[str, Any] = {"num_layers": 4, "d_model": 128, "num_heads": 4, "d_ff": 512, "max_len": 64, "num_classes": 65}
SMALL_BATCH = 12  # train_lm's


def steps(rounds: int) -> list[Step]:
    """Measure every row of the table."""
    return [partial(beside_torchs_layers, rounds), partial(beside_nanogpt, rounds)]


def beside_torchs_layers(rounds: int) -> list[Row]:
    """Measure the language model beside torch.nn.TransformerEncoder under a causal mask: time and memory."""
    import torch

    from part5_transformers.transformers import DecoderOnlyTransformer

    torch.manual_seed(0)
    ours, theirs = DecoderOnlyTransformer(**LARGE, dropout=0.0), torch_model(**LARGE)
    theirs.load_state_dict({torch_name(name): value for name, value in ours.state_dict().items()})
    tokens = torch.randint(LARGE["num_classes"], (LARGE_BATCH, LARGE["max_len"] + 1))
    lengths = torch.full((LARGE_BATCH,), LARGE["max_len"])
    our_step = training_step(ours, lambda x: ours(x, lengths, return_attention=False)[0], tokens)
    their_step = training_step(theirs, theirs, tokens)
    compare([our_step()], [their_step()], ["loss"])
    their_gradients = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    names = [name for name, _ in ours.named_parameters()]
    gradients = [parameter.grad for parameter in ours.parameters()]
    compare(gradients, [their_gradients[torch_name(name)] for name in names], names)
    size = f"{LARGE['num_layers']} layers d{LARGE['d_model']} N{LARGE_BATCH} T{LARGE['max_len']}"
    layers = "nn.TransformerEncoderLayer"
    time = beside(f"LM step, {size}: ms", our_step, their_step, rounds, (0.95, 0.87), name=layers)
    our_peak, their_peak = peak_of(ours, our_step), peak_of(theirs, their_step)
    memory = Row("the same: peak, MB", our_peak / 1e6, their_peak / 1e6, layers, our_peak / their_peak, 1.0, 1.0)
    return [time, memory]


def beside_nanogpt(rounds: int) -> list[Row]:
    """Measure the language model of train_lm beside one of the same size that is built as nanoGPT is."""
    import torch

    from part5_transformers.transformers import DecoderOnlyTransformer

    torch.manual_seed(0)
    ours, theirs = DecoderOnlyTransformer(**SMALL, dropout=0.0), gpt_model(**SMALL)
    tokens = torch.randint(SMALL["num_classes"], (SMALL_BATCH, SMALL["max_len"] + 1))
    lengths = torch.full((SMALL_BATCH,), SMALL["max_len"])
    our_step = training_step(ours, lambda x: ours(x, lengths, return_attention=False)[0], tokens)
    row = beside("LM step", our_step, training_step(theirs, theirs, tokens), rounds)
    our_speed, their_speed = (SMALL_BATCH * SMALL["max_len"] / (each / 1e3) for each in (row.ours, row.reference))
    size = f"{SMALL['num_layers']} layers d{SMALL['d_model']} N{SMALL_BATCH} T{SMALL['max_len']}"
    work = f"{size}: tokens/s"
    return [Row(work, our_speed, their_speed, "as nanoGPT", 1 / row.ratio, 1.0, 1.0, better="higher")]


# The models


def torch_model(**sizes: int) -> Any:
    """Build the same language model from torch's own layers."""
    import torch
    from torch import nn

    from part5_transformers.positional_encoding import PositionalEncoding

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            d_model, classes = sizes["d_model"], sizes["num_classes"]
            layer = nn.TransformerEncoderLayer(
                d_model, sizes["num_heads"], sizes["d_ff"], 0.0, "gelu", batch_first=True, norm_first=True
            )
            self.target_embedding = nn.Embedding(classes, d_model)
            self.positional_encoding = PositionalEncoding(d_model, sizes["max_len"])
            self.stack = nn.TransformerEncoder(
                layer, sizes["num_layers"], nn.LayerNorm(d_model), enable_nested_tensor=False
            )
            self.final_linear = nn.Linear(d_model, classes)
            self.register_buffer("mask", torch.ones(sizes["max_len"], sizes["max_len"]).triu(1).bool(), False)

        def forward(self, tokens: Any) -> Any:
            x = self.positional_encoding(self.target_embedding(tokens))
            return self.final_linear(self.stack(x, self.mask, is_causal=True))

    return Model()


def torch_name(name: str) -> str:
    """Translate to torch's model the name of one of our parameters."""
    pairs = {
        "self_attn.mha.": "self_attn.",
        "self_attn.norm.": "norm1.",
        "ffn.ffn.0.": "linear1.",
        "ffn.ffn.3.": "linear2.",
        "ffn.norm.": "norm2.",
    }
    if not name.startswith("dec_layers."):
        return f"stack.{name}" if name.startswith("norm.") else name
    _, number, own = name.split(".", 2)
    return next(f"stack.layers.{number}.{own.replace(ours, its, 1)}" for ours, its in pairs.items() if ours in own)


def gpt_model(**sizes: int) -> Any:
    """Build a model as nanoGPT is: learned positions, tied weights, no biases, torch's causal kernel."""
    import torch
    from torch import nn
    from torch.nn import functional

    d_model, heads = sizes["d_model"], sizes["num_heads"]

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(d_model, bias=False), nn.LayerNorm(d_model, bias=False)
            self.projection = nn.Linear(d_model, 3 * d_model, bias=False)
            self.output = nn.Linear(d_model, d_model, bias=False)
            self.wide = nn.Linear(d_model, sizes["d_ff"], bias=False)
            self.narrow = nn.Linear(sizes["d_ff"], d_model, bias=False)

        def forward(self, x: Any) -> Any:
            split = self.projection(self.norm1(x)).unflatten(-1, (3 * heads, d_model // heads))
            query, key, value = split.transpose(1, 2).chunk(3, dim=1)
            attended = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
            x = x + self.output(attended.transpose(1, 2).flatten(2))
            return x + self.narrow(functional.gelu(self.wide(self.norm2(x))))

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(sizes["num_classes"], d_model)
            self.positions = nn.Embedding(sizes["max_len"], d_model)
            self.blocks = nn.Sequential(*(Block() for _ in range(sizes["num_layers"])))
            self.norm = nn.LayerNorm(d_model, bias=False)
            self.logits = nn.Linear(d_model, sizes["num_classes"], bias=False)
            self.logits.weight = self.embedding.weight

        def forward(self, tokens: Any) -> Any:
            x = self.embedding(tokens) + self.positions(torch.arange(tokens.shape[1]))
            return self.logits(self.norm(self.blocks(x)))

    return Model()


# What is measured


def training_step(model: Any, logits_of: Callable[[Any], Any], tokens: Any) -> Callable[[], Any]:
    """Return one update on these tokens (b, t + 1), which gives the loss.  At learning rate 0 all are the same."""
    import torch
    from torch.nn import functional

    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0, weight_decay=0.0)
    model.train()

    def step() -> Any:
        optimizer.zero_grad()
        loss = functional.cross_entropy(logits_of(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.detach()

    return step


def peak_of(model: Any, step: Callable[[], Any]) -> int:
    """Count the bytes that a step holds at most beyond what it began with, by torch's record of every allocation."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # above what the profiler says of its own start and stop
    from torch.profiler import ProfilerActivity, profile

    step()  # the optimiser's states are there from now on
    model.zero_grad()  # the profiler warns of memory that it did not see allocated
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        step()
    events = [event for event in record.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda each: each.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


if __name__ == "__main__":
    sys.exit(side_by_side.main("part5_transformers", __doc__, steps))

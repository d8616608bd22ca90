"""Benchmarks of attention beside torch, in time and memory: `python -m part4_attention.benchmarks`.

Times are of forward and backward with a causal mask, in float32; ours keeps the weights, but in tiles.  Before
anything is timed, the results are compared with torch's.  Memory is the peak of what forward and backward allocate, for
one head of 64 features, in tiles beside the plain attention.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from autograder.scripts import side_by_side
from autograder.scripts.side_by_side import Row, Step, beside, compare, peak_of

BATCH, HEADS, TIME, EMBED = 8, 8, 256, 256
SIZE = f"N{BATCH} H{HEADS} T{TIME} E{EMBED}"
TOKENS = (512, 1024, 2048, 4096, 8192)


def steps(rounds: int) -> list[Step]:
    """Return every row of the table."""
    return [
        partial(core_beside_torch, rounds, None, (2.05, 1.6)),
        partial(core_beside_torch, rounds, 64, (1.65, 1.4)),
        partial(core_beside_torch, rounds, 128, (1.8, 1.5)),
        partial(multi_head_beside_torch, rounds, False, (1.45, 1.2)),
        partial(multi_head_beside_torch, rounds, True, (1.25, 1.0)),
        memory_of_tiles,
    ]


def core_beside_torch(rounds: int, block_size: int | None, goals: tuple[float, float]) -> list[Row]:
    """Scaled dot-product attention, plain or in tiles of this size, beside torch's fused one."""
    import numpy as np
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    from part4_attention.inputs import causal_mask
    from part4_attention.scaled_dot_product_attention import ScaledDotProductAttention
    from part4_attention.tiled_attention import TiledAttention

    rng, shape = np.random.default_rng(0), (BATCH, HEADS, TIME, EMBED // HEADS)
    query, key, value, grad_output = (rng.standard_normal(shape, np.float32) for _ in range(4))
    torch_query, torch_key, torch_value = (torch.tensor(x, requires_grad=True) for x in (query, key, value))
    torch_grad = torch.tensor(grad_output)
    attention: Any = TiledAttention(block_size, is_causal=True) if block_size else ScaledDotProductAttention()
    mask = None if block_size else causal_mask(TIME)

    def ours() -> list[Any]:
        return [attention.forward(query, key, value, mask), *attention.backward(grad_output)]

    def theirs() -> list[Any]:
        torch_query.grad = torch_key.grad = torch_value.grad = None
        output: Any = scaled_dot_product_attention(torch_query, torch_key, torch_value, is_causal=True)
        output.backward(torch_grad)
        return [output.detach(), torch_query.grad, torch_key.grad, torch_value.grad]

    compare(ours(), theirs(), ["output", "query_grad", "key_grad", "value_grad"])
    work = f"the same in tiles of {block_size}" if block_size else f"attention core {SIZE}, causal"
    return [beside(work, ours, theirs, rounds, goals, name="fused SDPA")]


def multi_head_beside_torch(rounds: int, keeps_weights: bool, goals: tuple[float, float]) -> list[Row]:
    """zero_grad, forward and backward of self-attention; torch with its fused kernel, or with the weights."""
    import numpy as np
    import torch

    from part4_attention.inputs import causal_mask
    from part4_attention.multi_head_attention import MultiHeadAttention

    rng, mask = np.random.default_rng(0), causal_mask(TIME)
    layer = MultiHeadAttention(EMBED, HEADS)
    projections = (layer.q_proj, layer.k_proj, layer.v_proj, layer.out_proj)
    torch_layer: Any = torch.nn.MultiheadAttention(EMBED, HEADS, batch_first=True)
    layer.load_torch_state_dict(torch_layer.state_dict())
    x, grad_output = (rng.standard_normal((BATCH, TIME, EMBED), np.float32) for _ in range(2))
    torch_x, torch_grad = torch.tensor(x, requires_grad=True), torch.tensor(grad_output)
    options: dict[str, Any] = {"attn_mask": torch.tensor(mask), "need_weights": keeps_weights}
    options |= {"average_attn_weights": False} if keeps_weights else {"is_causal": True}

    def ours() -> list[Any]:
        layer.zero_grad()
        output = layer.forward(x, x, x, attn_mask=mask)
        x_grad = sum(layer.backward(grad_output))
        return [output, x_grad, *(projection.weight_grad for projection in projections)]

    def theirs() -> list[Any]:
        torch_layer.zero_grad()
        torch_x.grad = None
        output, _ = torch_layer(torch_x, torch_x, torch_x, **options)
        output.backward(torch_grad)
        gradients = [*torch_layer.in_proj_weight.grad.chunk(3), torch_layer.out_proj.weight.grad]
        return [output.detach(), torch_x.grad, *gradients]

    names = [f"{name}_proj.weight_grad" for name in ("q", "k", "v", "out")]
    compare(ours(), theirs(), ["output", "x_grad", *names])
    name = "torch, with weights" if keeps_weights else "torch, fused"
    return [beside(f"multi-head layer {SIZE}, causal", ours, theirs, rounds, goals, name=name)]


def memory_of_tiles() -> list[Row]:
    """Peak memory of tiles beside that of all scores, for ever more tokens; and how it grows."""
    from part4_attention.scaled_dot_product_attention import ScaledDotProductAttention
    from part4_attention.tiled_attention import TiledAttention

    rows, peaks = [], []
    for tokens in TOKENS:
        tiled, whole = peak(TiledAttention(), tokens), peak(ScaledDotProductAttention(), tokens)
        peaks.append(tiled)
        work = f"tiles of 128, {tokens} tokens: peak, MB"
        rows.append(Row(work, tiled / 1e6, whole / 1e6, "all weights", tiled / whole))
    growth, linear = peaks[-1] / peaks[0], TOKENS[-1] / TOKENS[0]
    work = f"growth of that from {TOKENS[0]} to {TOKENS[-1]} tokens"
    return [*rows, Row(work, growth, linear, "linear", growth / linear)]


def peak(attention: Any, tokens: int) -> int:
    """Measure the bytes that forward and backward hold at most, beyond their inputs."""
    import numpy as np

    rng = np.random.default_rng(0)
    query, key, value, grad_output = (rng.standard_normal((tokens, 64), np.float32) for _ in range(4))

    def run() -> None:
        attention.forward(query, key, value)
        attention.backward(grad_output)

    return peak_of(run)


if __name__ == "__main__":
    sys.exit(side_by_side.main("part4_attention", __doc__, steps))

"""The part that the layers' oracles share: torch's layers under the names of ours, and their sublayers one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from autograder.testing.torch_oracle import Answer, Array, gradients, tensors, with_state
from part5_transformers.tests.strategies import renamed

Attended = tuple[Tensor, Any]  # the output, and the weights of a sublayer that attends
Sublayer = Callable[[Tensor], Attended]

FEED_FORWARD_MISSING = "the feed-forward sublayer is missing"
SELF_ATTENTION_MISSING = "the self-attention is missing"
CAUSAL_OF_ITS_OWN = "the attention is causal though no mask says so; every step must see all"
ADDED_TWICE = "a sublayer's input is added to its output again; each sublayer does so itself"


def torch_layer(kind: Any, num_heads: int, state: Answer, names: Mapping[str, str]) -> Any:
    """Return torch's layer of this class with these parameters, which have our names.

    Since the parameters want gradients, torch does not take its fast path, which is another implementation.
    """
    d_ff, d_model = state["ffn.ffn.0.weight"].shape
    layer = kind(d_model, num_heads, d_ff, dropout=0, activation="gelu", batch_first=True, norm_first=True)
    return with_state(layer, renamed(state, names))


def as_tensors(inputs: Answer) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the inputs to differentiate by, and the masks."""
    masks = {name: torch.tensor(value) for name, value in inputs.items() if name.endswith("mask")}
    return tensors(**{name: value for name, value in inputs.items() if name not in masks}), masks


def one_mask(num_heads: int, queries: Tensor, padding: Tensor | None, mask: Tensor | None = None) -> Tensor | None:
    """Return both masks as one attn_mask, with padding (b · heads, t, s); None without either.

    Given a key_padding_mask, torch first imports its symbolic shapes, which takes seconds.
    """
    if padding is None:
        return mask
    merged = padding[:, None].repeat(1, queries.shape[1], 1)
    return (merged if mask is None else merged | mask).repeat_interleave(num_heads, dim=0)


def self_attention(layer: Any, mask: Tensor | None) -> Sublayer:
    """Return the first sublayer of torch's layer."""

    def attend(x: Tensor) -> Attended:
        normed = layer.norm1(x)
        output, weights = layer.self_attn(normed, normed, normed, attn_mask=mask)
        return x + output, weights

    return attend


def cross_attention(layer: Any, enc_output: Tensor, mask: Tensor | None) -> Sublayer:
    """Return the second sublayer of torch's decoder layer."""

    def attend(x: Tensor) -> Attended:
        output, weights = layer.multihead_attn(layer.norm2(x), enc_output, enc_output, attn_mask=mask)
        return x + output, weights

    return attend


def feed_forward(layer: Any, norm: nn.Module) -> Sublayer:
    """Return the last sublayer of torch's layer."""
    return lambda x: (x + layer.linear2(functional.gelu(layer.linear1(norm(x)))), None)


def in_order(
    sublayers: Mapping[str, Sublayer], order: Sequence[str], x: Tensor, twice: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the output of these sublayers one after another, and the weights of those that attend.

    With `twice`, the input of each is added to its output once more.
    """
    found = {}
    for name in order:
        output, weights = sublayers[name](x)
        x = x + output if twice else output
        if weights is not None:
            found[name] = weights
    return x, found


def as_answer(
    layer: nn.Module,
    names: Mapping[str, str],
    output: Tensor,
    weights: Mapping[str, Tensor],
    arrays: Mapping[str, Tensor],
    need_weights: bool,
    grad_output: Array | None,
) -> Answer:
    """Return the output, the weights if wanted, and given an upstream gradient, all gradients under our names."""
    known: Answer = {"output": output.detach().numpy()}
    known |= {name: each.detach().numpy() if need_weights else None for name, each in weights.items()}
    if grad_output is None:
        return known
    swapped = {theirs: ours for ours, theirs in names.items()}
    return known | gradients(output, grad_output, {**arrays, **renamed(dict(layer.named_parameters()), swapped)})


def in_pieces(whole: Answer, ends: Sequence[int], growing: str, fixed: Sequence[str] = ()) -> Answer:
    """Return the answer of a decoder's layer as it is when the sequence is fed in pieces that end here.

    The weights named `growing` have the keys up to each piece's end, those named `fixed` have all.
    """
    spans = list(zip([0, *ends], ends, strict=False))

    def rows(name: str, grows: bool) -> list[Array | None]:
        weights = whole[name]
        return [None if weights is None else weights[:, i:j, : j if grows else None] for i, j in spans]

    weights = {growing: rows(growing, True), **{name: rows(name, False) for name in fixed}}
    return {"output": whole["output"], **weights, "steps": ends[-1]}

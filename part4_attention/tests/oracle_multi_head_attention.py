"""Multi-head attention from torch's functions, and torch's own layer; and what known mistakes would give."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array, gradients, tensors
from part4_attention.tests.oracle import attend, attention_weights
from part4_attention.tests.oracle_scaled_dot_product_attention import MISTAKEN_FORMULAS, NOT_QUITE_HIDING_FORMULAS

Attention = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
Heads = Callable[[Tensor, int], Tensor]

MASKS = ("key_padding_mask", "attn_mask")


@truth
def split_heads(x: Array, num_heads: int) -> Array:
    return np.stack(np.split(x, num_heads, axis=2), axis=1)


@truth
def join_heads(x: Array) -> Array:
    return np.concatenate(list(x.swapaxes(0, 1)), axis=2)


@truth
def merge_masks(key_padding_mask: Array | None, attn_mask: Array | None, shape: list[int]) -> Array | None:
    """The mask of every score by itself."""
    if key_padding_mask is None and attn_mask is None:
        return None
    merged = np.zeros(shape, dtype=bool)
    for b, h, t, s in np.ndindex(*shape):
        hidden = False if attn_mask is None else attn_mask[t, s] if attn_mask.ndim == 2 else attn_mask[b, t, s]
        merged[b, h, t, s] = hidden or (key_padding_mask is not None and key_padding_mask[b, s])
    return merged


def mask_mistakes(key_padding_mask: Array | None, attn_mask: Array | None, shape: list[int]) -> Answer:
    mistakes = {
        "the key_padding_mask is ignored": merge_masks(None, attn_mask, shape),
        "the attn_mask is ignored": merge_masks(key_padding_mask, None, shape),
    }
    padding, attention = mistakes["the attn_mask is ignored"], mistakes["the key_padding_mask is ignored"]
    if padding is not None and attention is not None:
        mistakes["a key is hidden where both masks hide it; it must be where either does"] = padding & attention
    return {sentence: {"mask": merged} for sentence, merged in mistakes.items()}


@truth
def weights(num_heads: int, state: Answer, inputs: Answer) -> Array:
    """The weights of every head (b, heads, t, s)."""
    parameters = {name: torch.tensor(value) for name, value in state.items()}
    projected = (project(parameters, name[0], torch.tensor(inputs[name])) for name in ("query", "key"))
    q, k = (split(x, num_heads) for x in projected)
    merged = merge_masks(**{name: inputs[name] for name in MASKS}, shape=[*q.shape[:3], k.shape[2]])
    return attention_weights(q, k, None if merged is None else torch.tensor(merged)).numpy()


@truth
def multi_head(**problem: Any) -> Answer:
    """Torch's functions one after another: its layer gives nan where a query sees nothing."""
    return from_parts(**problem)


@truth
def torch_layer(num_heads: int, torch_state: Answer, inputs: Answer, grad_output: Array | None = None) -> Answer:
    """torch.nn.MultiheadAttention with these parameters."""
    embed_dim, has_bias = len(torch_state["out_proj.weight"]), "out_proj.bias" in torch_state
    kdim, vdim = inputs["key"].shape[2], inputs["value"].shape[2]
    layer = torch.nn.MultiheadAttention(embed_dim, num_heads, bias=has_bias, kdim=kdim, vdim=vdim, batch_first=True)
    layer = layer.to(getattr(torch, inputs["query"].dtype.name))
    layer.load_state_dict({name: torch.tensor(each) for name, each in torch_state.items()})
    masks = {name: None if inputs[name] is None else torch.tensor(inputs[name]) for name in MASKS}
    if masks["attn_mask"] is not None and masks["attn_mask"].ndim == 3:
        masks["attn_mask"] = masks["attn_mask"].repeat_interleave(num_heads, dim=0)  # torch wants one for every head
    arrays = tensors(**{name: inputs[name] for name in ("query", "key", "value")})
    output, _ = layer(**arrays, **masks)
    known = {"output": output.detach().numpy()}
    return known if grad_output is None else {**known, **gradients(output, grad_output, arrays)}


def multi_head_mistakes(**problem: Any) -> Answer:
    def changed(inputs: Answer | None = None, **mistake: Any) -> Answer:
        return from_parts(**{**problem, **mistake, "inputs": {**problem["inputs"], **(inputs or {})}})

    root = math.sqrt(problem["num_heads"])
    mistakes = {
        "the features are split by a reshape alone, which mixes times and heads": changed(
            split=lambda x, heads: x.reshape(len(x), heads, x.shape[1], x.shape[2] // heads)
        ),
        "the first head has every num_heads-th feature; it has the first of them": changed(
            split=lambda x, heads: x.unflatten(2, (x.shape[2] // heads, heads)).permute(0, 3, 1, 2)
        ),
        "the scores are divided by √embed_dim; it must be the root of what one head has": changed(
            attention=lambda q, k, v, mask: attend(q / root, k, v, mask)
        ),
        "out_proj is missing": changed(with_out_proj=False),
        "the key_padding_mask is ignored": changed({"key_padding_mask": None}),
        "the attn_mask is ignored": changed({"attn_mask": None}),
        "the masks are ignored": changed(dict.fromkeys(MASKS)),
    }
    if problem["num_heads"] > 1:
        mistakes["there is only one head"] = changed(num_heads=1)
    if "grad_output" in problem:
        ones = np.ones_like(problem["grad_output"])
        mistakes["the gradient from above is taken to be one everywhere"] = changed(grad_output=ones)
    return mistakes | {sentence: changed(attention=formula) for sentence, formula in MISTAKEN_FORMULAS.items()}


def blind_mistakes(**problem: Any) -> Answer:
    """What a large negative number in the place of -inf gives where a query sees nothing."""
    return {
        sentence: from_parts(**problem, attention=formula) for sentence, formula in NOT_QUITE_HIDING_FORMULAS.items()
    }


def split(x: Tensor, num_heads: int) -> Tensor:
    """(b, t, heads · d) to (b, heads, t, d)."""
    return x.unflatten(2, (num_heads, x.shape[2] // num_heads)).transpose(1, 2)


def project(parameters: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    """One of the four projections."""
    return functional.linear(x, parameters[f"{name}_proj.weight"], parameters.get(f"{name}_proj.bias"))


def from_parts(
    num_heads: int,
    state: Answer,
    inputs: Answer,
    grad_output: Array | None = None,
    *,
    split: Heads = split,
    attention: Attention = attend,
    with_out_proj: bool = True,
) -> Answer:
    """The layer from torch's functions; a mistake is another function in the place of one of them."""
    arrays, parameters = tensors(**{name: inputs[name] for name in ("query", "key", "value")}), tensors(**state)
    q, k, v = (split(project(parameters, name[0], x), num_heads) for name, x in arrays.items())
    merged = merge_masks(**{name: inputs[name] for name in MASKS}, shape=[*q.shape[:3], k.shape[2]])
    output = attention(q, k, v, None if merged is None else torch.tensor(merged))
    output = output.transpose(1, 2).reshape(inputs["query"].shape)
    output = project(parameters, "out", output) if with_out_proj else output
    known = {"output": output.detach().numpy()}
    return known if grad_output is None else {**known, **gradients(output, grad_output, {**arrays, **parameters})}

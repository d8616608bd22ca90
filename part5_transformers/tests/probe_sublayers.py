"""Probes of attention and the sublayers: build them with given parameters, run them, read gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from part5_transformers.cache import KeyValueCache
from part5_transformers.sublayers import (
    CrossAttentionLayer,
    FeedForwardLayer,
    MultiHeadAttention,
    SelfAttentionLayer,
    merge_masks,
)
from part5_transformers.tests.probe_answers import named

Array = np.ndarray
Named = dict[str, Any]
State = Mapping[str, Array]
Masks = Mapping[str, Array | None]
Module = TypeVar("Module", bound=nn.Module)

ATTENDED = ("output", "weights")


# Attention, step by step


def project(
    num_heads: int, state: State, inputs: Mapping[str, Array], order: str, grad_output: Array | None = None
) -> Named:
    """Return the three projections of the inputs in this order: "xyy" is x for the query, y for key and value.

    With the gradient of the three, one after another in time: those of the inputs and of in_proj instead.
    """
    layer, tensors = _attention(num_heads, state), _tensors(inputs)
    projected = named("project", layer.project(*(tensors[name] for name in order)), ("q", "k", "v"))
    if grad_output is None:
        return projected
    in_proj = {"in_proj_weight": layer.in_proj_weight, "in_proj_bias": layer.in_proj_bias}
    return _gradients(torch.cat(list(projected.values()), dim=1), grad_output, {**tensors, **in_proj})


def split(x: Array, num_heads: int) -> Named:
    """Return layer.split(x)."""
    return {"heads": MultiHeadAttention(x.shape[-1], num_heads).split(torch.tensor(x))}


def merge(key_padding_mask: Array | None, attn_mask: Array | None, shape: list[int]) -> Named:
    """Spread merge_masks over the scores of this shape (b, heads, t, s); return the two masks afterwards too."""
    padding, attention = _mask(key_padding_mask), _mask(attn_mask)
    merged = merge_masks(padding, attention)
    return {
        "mask": None if merged is None else merged.expand(shape),
        "key_padding_mask afterwards": padding,
        "attn_mask afterwards": attention,
    }


def attend(q: Array, k: Array, v: Array, mask: Array | None, grad_output: Array | None = None) -> Named:
    """Return layer.attend(q, k, v, mask); with a gradient of the output, those of q, k and v instead."""
    layer, tensors = _attention_of(q), _tensors({"q": q, "k": k, "v": v})
    got = named("attend", layer.attend(**tensors, mask=_mask(mask)), ATTENDED)
    return got if grad_output is None else _gradients(got["output"], grad_output, tensors)


def attend_fused(
    q: Array, k: Array, v: Array, mask: Array | None, grad_output: Array | None = None, is_causal: bool = False
) -> Named:
    """Do the same with layer.attend_fused."""
    layer, tensors = _attention_of(q), _tensors({"q": q, "k": k, "v": v})
    output = layer.attend_fused(**tensors, mask=_mask(mask), is_causal=is_causal)
    return {"output": output} if grad_output is None else _gradients(output, grad_output, tensors)


def attend_causally(q: Array, k: Array, v: Array, mask: Array, grad_output: Array | None = None) -> Named:
    """Do the same and say that the mask is causal, which it is."""
    return attend_fused(q, k, v, mask, grad_output, is_causal=True)


def attend_with_dropout(q: Array, k: Array, v: Array, mask: Array | None, dropout: float, seed: int) -> Named:
    """Call layer.attend in training, then in evaluation."""
    torch.manual_seed(seed)
    layer, tensors = _attention_of(q, dropout), _tensors({"q": q, "k": k, "v": v})
    training = named("attend", layer.train().attend(**tensors, mask=_mask(mask)), ATTENDED)
    evaluation = named("attend", layer.eval().attend(**tensors, mask=_mask(mask)), ATTENDED)
    return {"training": training["output"], "weights": training["weights"], "evaluation": evaluation["output"]}


def attend_fused_with_dropout(q: Array, k: Array, v: Array, mask: Array | None, dropout: float, seed: int) -> Named:
    """Call layer.attend_fused in training, then in evaluation."""
    torch.manual_seed(seed)
    layer, tensors = _attention_of(q, dropout), _tensors({"q": q, "k": k, "v": v})
    training = layer.train().attend_fused(**tensors, mask=_mask(mask), is_causal=False)
    evaluation = layer.eval().attend_fused(**tensors, mask=_mask(mask), is_causal=False)
    return {"training": training, "evaluation": evaluation}


# Attention as a whole


def attention(
    num_heads: int,
    state: State,
    inputs: Mapping[str, Array],
    order: str,
    masks: Masks,
    need_weights: bool,
    grad_output: Array | None = None,
) -> Named:
    """Return the layer's output and weights; with a gradient of the output, those of inputs and parameters instead."""
    layer, tensors = _attention(num_heads, state), _tensors(inputs)
    answer = layer(*(tensors[name] for name in order), **_masks(masks), need_weights=need_weights)
    return _answer(layer, tensors, answer, grad_output)


def attention_in_pieces(num_heads: int, state: State, x: Array, pieces: list[int], need_weights: bool) -> Named:
    """Feed self-attention so many steps at a time, with a cache: all outputs, and the weights of each piece."""
    layer = _attention(num_heads, state)

    def attend(piece: Tensor, attn_mask: Tensor, cache: KeyValueCache) -> Any:
        return layer(piece, piece, piece, attn_mask=attn_mask, need_weights=need_weights, cache=cache)

    return _in_pieces(attend, x, pieces)


# Sublayers


def self_attention(
    num_heads: int, state: State, x: Array, masks: Masks, need_weights: bool, grad_output: Array | None = None
) -> Named:
    """Return SelfAttentionLayer's output and weights, or the gradients of x and all parameters."""
    layer, tensors = _self_attention(num_heads, state), _tensors({"x": x})
    answer = layer(tensors["x"], **_masks(masks), need_weights=need_weights)
    return _answer(layer, tensors, answer, grad_output)


def self_attention_in_pieces(num_heads: int, state: State, x: Array, pieces: list[int], need_weights: bool) -> Named:
    """Feed SelfAttentionLayer so many steps at a time, with a cache."""
    layer = _self_attention(num_heads, state)

    def attend(piece: Tensor, attn_mask: Tensor, cache: KeyValueCache) -> Any:
        return layer(piece, attn_mask=attn_mask, need_weights=need_weights, cache=cache)

    return _in_pieces(attend, x, pieces)


def self_attention_with_dropout(num_heads: int, state: State, x: Array, dropout: float, seed: int) -> Named:
    """Return SelfAttentionLayer's output in training, where no weights are dropped, and in evaluation."""
    layer = _self_attention(num_heads, state, dropout)
    layer.mha.dropout = 0.0
    return _in_both_modes(layer, lambda: _output(layer, torch.tensor(x)), seed)


def cross_attention(
    num_heads: int, state: State, x: Array, y: Array, masks: Masks, need_weights: bool, grad_output: Array | None = None
) -> Named:
    """Return CrossAttentionLayer's output and weights, or the gradients of x, y and all parameters."""
    layer, tensors = _cross_attention(num_heads, state), _tensors({"x": x, "y": y})
    answer = layer(tensors["x"], tensors["y"], **_masks(masks), need_weights=need_weights)
    return _answer(layer, tensors, answer, grad_output)


def cross_attention_with_dropout(num_heads: int, state: State, x: Array, y: Array, dropout: float, seed: int) -> Named:
    """Return CrossAttentionLayer's output in training, where no weights are dropped, and in evaluation."""
    layer = _cross_attention(num_heads, state, dropout)
    layer.mha.dropout = 0.0
    return _in_both_modes(layer, lambda: _output(layer, torch.tensor(x), torch.tensor(y)), seed)


def feed_forward(state: State, x: Array, grad_output: Array | None = None) -> Named:
    """Return FeedForwardLayer's output, or the gradients of x and all parameters."""
    layer, tensors = _feed_forward(state), _tensors({"x": x})
    output = layer(tensors["x"])
    if grad_output is None:
        return {"output": output}
    return _gradients(output, grad_output, {**tensors, **dict(layer.named_parameters())})


def feed_forward_with_dropout(state: State, x: Array, dropout: float, inside: bool, seed: int) -> Named:
    """Return FeedForwardLayer's output in training and evaluation; dropout acts inside the network only or after it."""
    layer = _feed_forward(state, dropout)
    (within,) = (module for module in layer.ffn if isinstance(module, nn.Dropout))
    (layer.dropout if inside else within).p = 0.0
    return _in_both_modes(layer, lambda: layer(torch.tensor(x)), seed)


# Building


def _attention(num_heads: int, state: State) -> MultiHeadAttention:
    return _with_state(MultiHeadAttention(len(state["out_proj.bias"]), num_heads), state)


def _attention_of(q: Array, dropout: float = 0.0) -> MultiHeadAttention:
    """Return a layer for queries (b, heads, t, d / heads), in evaluation mode."""
    _, heads, _, features = q.shape
    return MultiHeadAttention(heads * features, heads, dropout).eval()


def _self_attention(num_heads: int, state: State, dropout: float = 0.0) -> SelfAttentionLayer:
    return _with_state(SelfAttentionLayer(len(state["norm.bias"]), num_heads, dropout), state)


def _cross_attention(num_heads: int, state: State, dropout: float = 0.0) -> CrossAttentionLayer:
    return _with_state(CrossAttentionLayer(len(state["norm.bias"]), num_heads, dropout), state)


def _feed_forward(state: State, dropout: float = 0.0) -> FeedForwardLayer:
    return _with_state(FeedForwardLayer(len(state["norm.bias"]), len(state["ffn.0.bias"]), dropout), state)


def _with_state(module: Module, state: State) -> Module:
    """Return the module with these parameters, in their dtype and in evaluation mode."""
    dtype = next(iter(state.values())).dtype
    module = module.to(getattr(torch, dtype.name)).eval()
    module.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    return module


# Running


def _tensors(arrays: Mapping[str, Array]) -> dict[str, Tensor]:
    return {name: torch.tensor(array, requires_grad=True) for name, array in arrays.items()}


def _mask(mask: Array | None) -> Tensor | None:
    return None if mask is None else torch.tensor(mask)


def _masks(masks: Masks) -> dict[str, Tensor | None]:
    return {name: _mask(mask) for name, mask in masks.items()}


def _answer(layer: nn.Module, inputs: Mapping[str, Tensor], answer: Any, grad_output: Array | None) -> Named:
    """Return output and weights, or with a gradient of the output those of the inputs and of the layer's parameters."""
    got = named(type(layer).__name__, answer, ATTENDED)
    if grad_output is None:
        return got
    return _gradients(got["output"], grad_output, {**inputs, **dict(layer.named_parameters())})


def _output(layer: nn.Module, *inputs: Tensor) -> Any:
    return named(type(layer).__name__, layer(*inputs), ATTENDED)["output"]


def _gradients(output: Tensor, grad_output: Array, tensors: Mapping[str, Tensor]) -> Named:
    (output * torch.tensor(grad_output)).sum().backward()
    return {f"{name}_grad": tensor.grad for name, tensor in tensors.items()}


def _in_pieces(attend: Callable[[Tensor, Tensor, KeyValueCache], Any], x: Array, pieces: list[int]) -> Named:
    """Return what `attend` gives for one piece after another; each sees its own steps and those before."""
    cache, outputs, weights, start = KeyValueCache(), [], [], 0
    hidden = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(diagonal=1)
    for steps in pieces:
        end = start + steps
        answer = attend(torch.tensor(x[:, start:end]), hidden[start:end, :end], cache)
        got = named("the layer", answer, ATTENDED)
        outputs.append(got["output"])
        weights.append(got["weights"])
        start = end
    return {"output": torch.cat(outputs, dim=1), "weights": weights}


def _in_both_modes(layer: nn.Module, run: Callable[[], Tensor], seed: int) -> Named:
    torch.manual_seed(seed)
    layer.train()
    training = run()
    layer.eval()
    return {"training": training, "evaluation": run()}

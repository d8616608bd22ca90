"""Probes of multi-head attention: build it with given parameters, run it, and read its gradients."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from part4_attention.multi_head_attention import MultiHeadAttention, join_heads, merge_masks, split_heads
from part4_attention.tests.probe_views import as_view, strictly

Array = np.ndarray
Named = dict[str, Any]
State = Mapping[str, Array]

SEPARATE = ("k_proj_weight", "v_proj_weight")


def split(x: Array, num_heads: int) -> Array:
    """split_heads(x, num_heads)"""
    return split_heads(x, num_heads)


def join(x: Array) -> Array:
    """join_heads(x)"""
    return join_heads(x)


def split_and_join(x: Array, num_heads: int) -> Array:
    """join_heads(split_heads(x, num_heads))"""
    return join_heads(split_heads(x, num_heads))


def merge(key_padding_mask: Array | None, attn_mask: Array | None, shape: list[int]) -> Named:
    """merge_masks, spread over the scores of this shape (b, heads, t, s); and what the two masks hold afterwards."""
    merged = merge_masks(key_padding_mask, attn_mask)
    return {
        "mask": None if merged is None else np.broadcast_to(merged, shape),
        "key_padding_mask afterwards": key_padding_mask,
        "attn_mask afterwards": attn_mask,
    }


def forward(num_heads: int, state: State, inputs: Named) -> Named:
    """Return the output of MultiHeadAttention with these parameters."""
    return {"output": _layer(num_heads, state).forward(**inputs)}


def weights(num_heads: int, state: State, inputs: Named) -> Array:
    """Return the weights that the layer's attention keeps."""
    layer = _layer(num_heads, state)
    layer.forward(**inputs)
    return layer.attention.attention_weights


def forward_strictly(num_heads: int, state: State, inputs: Named) -> Named:
    """Do the same, where a warning of NumPy is an error."""
    with strictly():
        return forward(num_heads, state, inputs)


def forward_with_torch_parameters(num_heads: int, torch_state: State, inputs: Named) -> Named:
    """Return the output, with the parameters of a torch.nn.MultiheadAttention."""
    return {"output": _layer_with_torch_parameters(num_heads, torch_state).forward(**inputs)}


def forward_and_backward(num_heads: int, state: State, inputs: Named, grad_output: Array) -> Named:
    """Run forward, then backward with the upstream gradient."""
    layer = _layer(num_heads, state)
    return {"output": layer.forward(**inputs), **_back(layer, grad_output)}


def run_strictly(num_heads: int, state: State, inputs: Named, grad_output: Array) -> Named:
    """Do the same, where a warning of NumPy is an error."""
    with strictly():
        return forward_and_backward(num_heads, state, inputs, grad_output)


def run_with_torch_parameters(num_heads: int, torch_state: State, inputs: Named, grad_output: Array) -> Named:
    """Forward and backward with the parameters of a torch.nn.MultiheadAttention: the gradients of the three inputs."""
    layer = _layer_with_torch_parameters(num_heads, torch_state)
    output = layer.forward(**inputs)
    query_grad, key_grad, value_grad = layer.backward(grad_output)
    return {"output": output, "query_grad": query_grad, "key_grad": key_grad, "value_grad": value_grad}


def run_twice(num_heads: int, state: State, inputs: Named, grad_output: Array) -> Named:
    """Run forward and backward, and again without zero_grad between them; then zero_grad."""
    layer = _layer(num_heads, state)
    for _ in range(2):
        layer.forward(**inputs)
        got = _back(layer, grad_output)
    twice = copy.deepcopy(got)
    layer.zero_grad()
    return {"twice": twice, "after zero_grad": {f"{name}_grad": grad for name, _, grad in layer.named_parameters()}}


def forward_on_views(num_heads: int, state: State, inputs: Named) -> Named:
    """Return the output on arrays whose numbers do not lie in order, and what they hold afterwards."""
    views = {name: None if x is None else as_view(x) for name, x in inputs.items()}
    return {**forward(num_heads, state, views), "inputs afterwards": views}


def run_on_views(num_heads: int, state: State, inputs: Named, grad_output: Array) -> Named:
    """Forward and backward on arrays whose numbers do not lie in order, and what they hold afterwards."""
    views = {name: None if x is None else as_view(x) for name, x in inputs.items()}
    grad_view = as_view(grad_output)
    got = forward_and_backward(num_heads, state, views, grad_view)
    return {**got, "inputs afterwards": views, "grad_output afterwards": grad_view}


def build(embed_dim: int, num_heads: int, kdim: int | None = None, vdim: int | None = None) -> Named:
    """Return the shapes of the parameters of a new layer."""
    layer = MultiHeadAttention(embed_dim, num_heads, kdim=kdim, vdim=vdim)
    return {name: list(value.shape) for name, value in layer.state_dict().items()}


def backward_first(num_heads: int, state: State, grad_output: Array) -> None:
    """Backward on a new layer, without forward."""
    _layer(num_heads, state).backward(grad_output)


def _layer(num_heads: int, state: State) -> MultiHeadAttention:
    embed_dim, kdim, vdim = (state[f"{name}.weight"].shape[1] for name in ("q_proj", "k_proj", "v_proj"))
    dtype, bias = state["q_proj.weight"].dtype, "q_proj.bias" in state
    layer = MultiHeadAttention(embed_dim, num_heads, bias, kdim, vdim, dtype=dtype)
    layer.load_state_dict(state)
    return layer


def _layer_with_torch_parameters(num_heads: int, torch_state: State) -> MultiHeadAttention:
    embed_dim, has_bias = len(torch_state["out_proj.weight"]), "out_proj.bias" in torch_state
    kdim, vdim = (torch_state[name].shape[1] if name in torch_state else None for name in SEPARATE)
    layer = MultiHeadAttention(embed_dim, num_heads, has_bias, kdim, vdim, dtype=torch_state["out_proj.weight"].dtype)
    layer.load_torch_state_dict(torch_state)
    return layer


def _back(layer: MultiHeadAttention, grad_output: Array) -> Named:
    query_grad, key_grad, value_grad = layer.backward(grad_output)
    parameters = {f"{name}_grad": grad for name, _, grad in layer.named_parameters()}
    return {"query_grad": query_grad, "key_grad": key_grad, "value_grad": value_grad, **parameters}

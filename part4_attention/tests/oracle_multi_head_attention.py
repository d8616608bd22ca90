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

Attention = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
Heads = Callable[[Tensor, int], Tensor]
Change = Callable[[Tensor], Tensor]

MASKS = ("key_padding_mask", "attn_mask")
SPLIT_ALONE = "the features are split by a reshape alone, which mixes times and heads"
IN_TURN = "the first head has every num_heads-th feature; it has the first of them"
JOINED_ALONE = "the heads are joined by a reshape alone, which mixes times and heads"
PADDING_IGNORED, ATTENTION_IGNORED = "the key_padding_mask is ignored", "the attn_mask is ignored"
PADDING_IGNORED_BESIDE = "the key_padding_mask is ignored where there is an attn_mask too"
WRITTEN_INTO = "the key_padding_mask is written into the caller's attn_mask; a | b makes a new array"


@truth
def split_heads(x: Array, num_heads: int) -> Array:
    return np.stack(np.split(x, num_heads, axis=2), axis=1)


@truth
def join_heads(x: Array) -> Array:
    return np.concatenate(list(x.swapaxes(0, 1)), axis=2)


@truth
def merge_masks(key_padding_mask: Array | None, attn_mask: Array | None, shape: list[int]) -> Array | None:
    """Return the mask of every score by itself."""
    if key_padding_mask is None and attn_mask is None:
        return None
    merged = np.zeros(shape, dtype=bool)
    for b, h, t, s in np.ndindex(*shape):
        hidden = False if attn_mask is None else attn_mask[t, s] if attn_mask.ndim == 2 else attn_mask[b, t, s]
        merged[b, h, t, s] = hidden or (key_padding_mask is not None and key_padding_mask[b, s])
    return merged


def split_mistakes(x: Array, num_heads: int) -> Answer:
    batch, time = x.shape[:2]
    right, each = split_heads(x, num_heads), x.shape[2] // num_heads
    return {
        SPLIT_ALONE: x.reshape(batch, num_heads, time, each),
        IN_TURN: x.reshape(batch, time, each, num_heads).transpose(0, 3, 1, 2),
        "the heads stand after the time; they must stand before it": right.swapaxes(1, 2),
        "the features of a head stand before the time; they must stand after it": right.swapaxes(2, 3),
        "the heads are in the axis of the batch; they must have one of their own": np.concatenate(list(right)),
    }


def join_mistakes(x: Array) -> Answer:
    batch, heads, time, each = x.shape
    return {
        JOINED_ALONE: x.reshape(batch, time, heads * each),
        "the first features of all heads stand first; all features of the first head must": x.transpose(
            0, 2, 3, 1
        ).reshape(batch, time, heads * each),
        "the heads still have an axis of their own; it must be one with that of the features": x.swapaxes(1, 2),
        "the last head's features stand first; the first head's must": join_heads(x[:, ::-1]),
        "the heads are averaged; they must stand side by side": x.mean(axis=1, dtype=x.dtype),
    }


def mask_mistakes(key_padding_mask: Array | None, attn_mask: Array | None, shape: list[int]) -> Answer:
    padding, attention = merge_masks(key_padding_mask, None, shape), merge_masks(None, attn_mask, shape)
    mistakes: dict[str, Array | None] = {}
    if padding is not None and attention is not None:
        mistakes |= {
            PADDING_IGNORED_BESIDE: attention,
            "the attn_mask is ignored where there is a key_padding_mask too": padding,
            "a key is hidden where both masks hide it; it must be where either does": padding & attention,
            "a key that both masks hide is seen; it must be hidden where either does": padding ^ attention,
        }
    elif padding is not None and key_padding_mask is not None:
        mistakes |= {
            PADDING_IGNORED: None,
            "the key_padding_mask is the other way round; True means ignored": ~padding,
        }
    elif attention is not None and attn_mask is not None:
        mistakes |= {
            ATTENTION_IGNORED: None,
            "the attn_mask is the other way round; True means ignored": ~attention,
        }
        if attn_mask.ndim == 3:
            mistakes["the attn_mask of the first sequence is taken for all"] = attention[:1].repeat(shape[0], axis=0)
    known: Answer = {sentence: {"mask": merged} for sentence, merged in mistakes.items()}
    if (written := with_padding(key_padding_mask, attn_mask)) is not None:
        known[WRITTEN_INTO] = {"attn_mask afterwards": written}
    return known


def with_padding(key_padding_mask: Array | None, attn_mask: Array | None) -> Array | None:
    """Return an attn_mask (b, t, s) into which the padding has been written; None where it is no such mask."""
    if key_padding_mask is None or attn_mask is None or attn_mask.ndim == 2:
        return None
    return attn_mask | key_padding_mask[:, None]


@truth
def weights(num_heads: int, state: Answer, inputs: Answer) -> Array:
    """Return the weights of every head (b, heads, t, s)."""
    parameters = {name: torch.tensor(value) for name, value in state.items()}
    projected = (project(parameters, name[0], torch.tensor(inputs[name])) for name in ("query", "key"))
    q, k = (split(x, num_heads) for x in projected)
    merged = merge_masks(**{name: inputs[name] for name in MASKS}, shape=[*q.shape[:3], k.shape[2]])
    return attention_weights(q, k, None if merged is None else torch.tensor(merged)).numpy()


@truth
def multi_head(**problem: Any) -> Answer:
    """Apply torch's functions one after another: its layer gives nan where a query sees nothing."""
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

    root, right = math.sqrt(problem["num_heads"]), from_parts(**problem)
    mistakes = {
        SPLIT_ALONE: changed(split=lambda x, heads: x.reshape(len(x), heads, x.shape[1], x.shape[2] // heads)),
        IN_TURN: changed(split=lambda x, heads: x.unflatten(2, (x.shape[2] // heads, heads)).permute(0, 3, 1, 2)),
        JOINED_ALONE: changed(join=lambda x: x.reshape(len(x), x.shape[2], -1)),
        "the scores are divided by √embed_dim; it must be the root of what one head has": changed(
            attention=lambda q, k, v, mask: attend(q / root, k, v, mask)
        ),
        "keys and values are exchanged": changed(attention=lambda q, k, v, mask: attend(q, v, k, mask)),
        "q_proj is missing": changed(without="query"),
        "out_proj is missing": changed(without="out"),
        "the query is added to the output; the layer has no residual connection": {
            "output": right["output"] + problem["inputs"]["query"]
        },
        "the masks are ignored": changed(dict.fromkeys(MASKS)),
        ATTENTION_IGNORED: changed({"attn_mask": None}),
    }
    if problem["num_heads"] > 1:
        mistakes["there is only one head"] = changed(num_heads=1)
    if all(problem["inputs"][name] is not None for name in MASKS):
        mistakes[PADDING_IGNORED_BESIDE] = changed({"key_padding_mask": None})
    mistakes[PADDING_IGNORED] = changed({"key_padding_mask": None})
    return mistakes | gradient_mistakes(**problem) if "grad_output" in problem else mistakes


def gradient_mistakes(**problem: Any) -> Answer:
    """Give what backward would if something went another way than forward."""
    right, heads = from_parts(**problem), problem["num_heads"]

    def as_if(value: Tensor, source: Tensor) -> Tensor:
        """This value, whose gradient goes to the source."""
        return value.detach() + source - source.detach()

    def split_alone(grad: Tensor) -> Tensor:
        return grad.transpose(1, 2).reshape(grad.shape)

    def joined_alone(grad: Tensor) -> Tensor:
        return split(grad, heads).reshape(grad.shape)

    before = from_parts(**problem, is_before_projections=True)
    return {
        "the upstream gradient is taken to be one everywhere": from_parts(
            **{**problem, "grad_output": np.ones_like(problem["grad_output"])}
        ),
        "the gradient of the output is split by a reshape alone, which mixes times and heads": from_parts(
            **problem, heads_back=split_alone
        ),
        "the gradients of the heads are joined by a reshape alone, which mixes times and heads": from_parts(
            **problem, projected_back=joined_alone
        ),
        "the attention's gradients of keys and values are exchanged": from_parts(
            **problem, attention=lambda q, k, v, mask: attend(q, as_if(k, v), as_if(v, k), mask)
        ),
        "key_grad and value_grad are exchanged": {"key_grad": right["value_grad"], "value_grad": right["key_grad"]},
        "v_proj goes back twice, and adds its gradients twice": {
            name: 2 * grad for name, grad in right.items() if name.startswith("v_proj")
        },
        "the gradients do not go back through q_proj, k_proj and v_proj": before,
    }


def blind_mistakes(**problem: Any) -> Answer:
    """Give what zeros for a query that sees nothing lead to."""
    inputs = problem["inputs"]
    shape = [len(inputs["query"]), 1, inputs["query"].shape[1], inputs["key"].shape[1]]
    merged = merge_masks(**{name: inputs[name] for name in MASKS}, shape=shape)
    sees = np.ones((shape[0], shape[2], 1), dtype=bool) if merged is None else ~merged[:, 0].all(axis=-1, keepdims=True)
    output = from_parts(**problem)["output"] * sees
    mistakes: Answer = {"a query that sees no key gets zeros; it must get out_proj's bias": {"output": output}}
    if "grad_output" in problem and "out_proj.bias" in problem["state"]:
        sentence = "out_proj.bias_grad lacks what comes from a query that sees no key"
        mistakes[sentence] = {"out_proj.bias_grad": (problem["grad_output"] * sees).sum(axis=(0, 1))}
    return mistakes


def split(x: Tensor, num_heads: int) -> Tensor:
    """(b, t, heads · d) to (b, heads, t, d)."""
    return x.unflatten(2, (num_heads, x.shape[2] // num_heads)).transpose(1, 2)


def join(x: Tensor) -> Tensor:
    """(b, heads, t, d) to (b, t, heads · d)."""
    return x.transpose(1, 2).flatten(2)


def project(parameters: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Return one of the four projections."""
    return functional.linear(x, parameters[f"{name}_proj.weight"], parameters.get(f"{name}_proj.bias"))


def from_parts(
    num_heads: int,
    state: Answer,
    inputs: Answer,
    grad_output: Array | None = None,
    *,
    split: Heads = split,
    join: Change = join,
    attention: Attention = attend,
    without: str = "",
    heads_back: Change | None = None,
    projected_back: Change | None = None,
    is_before_projections: bool = False,
) -> Answer:
    """Return the layer from torch's functions; a mistake is another function in the place of one of them.

    It is without one of the projections, if that has as many features as it gives; the gradient of the heads, or of
    what is projected, is changed on the way back, which may end before the projections.
    """
    arrays, parameters = tensors(**{name: inputs[name] for name in ("query", "key", "value")}), tensors(**state)
    projected = {name: x if name == without else project(parameters, name[0], x) for name, x in arrays.items()}
    if is_before_projections:
        arrays = projected = tensors(**{name: x.detach().numpy() for name, x in projected.items()})
    if projected_back is not None:
        for x in projected.values():
            x.register_hook(projected_back)
    q, k, v = (split(x, num_heads) for x in projected.values())
    merged = merge_masks(**{name: inputs[name] for name in MASKS}, shape=[*q.shape[:3], k.shape[2]])
    output = attention(q, k, v, None if merged is None else torch.tensor(merged))
    if heads_back is not None:
        output.register_hook(heads_back)
    output = join(output)
    output = output if without == "out" else project(parameters, "out", output)
    known = {"output": output.detach().numpy()}
    return known if grad_output is None else {**known, **gradients(output, grad_output, {**arrays, **parameters})}

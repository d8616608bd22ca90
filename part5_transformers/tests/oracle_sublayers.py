"""Attention from torch's functions, torch's own modules for the rest; and what known mistakes would give."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from autograder.testing import assert_same, checked, truth
from autograder.testing.torch_oracle import Answer, Array, gradients, tensors, with_state
from part5_transformers.tests.strategies import causal

State = Mapping[str, Array]
Function = Callable[[Tensor], Tensor]
Form = Callable[[Tensor, Function, Function], Tensor]

MASKS = ("key_padding_mask", "attn_mask")
UNMASKED: dict[str, Array | None] = dict.fromkeys(MASKS)

INSTEAD = "a query that ignores every key still has weights; it must have zeros"
NOT_QUITE_HIDDEN: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    f"a large negative score in the place of -inf: {INSTEAD}": lambda scores, mask: scores.masked_fill(mask, -1e10),
    f"a large negative number added in the place of -inf: {INSTEAD}": lambda scores, mask: scores - mask * 1e9,
}


# Attention, step by step


@truth
def project(**problem: Any) -> Answer:
    return projections(**problem)


def project_mistakes(order: str, **problem: Any) -> Answer:
    query, key, value = tuple(order)
    mistakes = {
        "the thirds of in_proj are the values', the keys' and the queries', not the other way round": projections(
            **problem, order=order, thirds=(2, 1, 0)
        ),
        "keys and values have each other's thirds of in_proj": projections(**problem, order=order, thirds=(0, 2, 1)),
        "all three have the first third of in_proj": projections(**problem, order=order, thirds=(0, 0, 0)),
        "in_proj_bias is not added": projections(**problem, order=order, with_bias=False),
        "the weights are not transposed; linear is x Wᵀ + b": projections(**problem, order=order, transposed=False),
    }
    if query != key:
        mistakes["the keys are projected from the query"] = projections(**problem, order=query + query + value)
    if order != query * 3:  # before the next: where the key is the query, the two are the same
        mistakes["all three are projected from the query"] = projections(**problem, order=query * 3)
    if key != value:
        mistakes["the values are projected from the key"] = projections(**problem, order=query + key + key)
        swapped = projections(**problem, order=query + value + key)
        mistakes["the keys are projected from the value, and the values from the key"] = swapped
    return mistakes


def projections(
    num_heads: int,
    state: State,
    inputs: Mapping[str, Array],
    order: str,
    grad_output: Array | None = None,
    *,
    thirds: tuple[int, int, int] = (0, 1, 2),
    with_bias: bool = True,
    transposed: bool = True,
) -> Answer:
    """Project with one linear function for each of the three, and a mistake in its parameters."""
    arrays, in_proj = tensors(**inputs), tensors(**{name: state[name] for name in ("in_proj_weight", "in_proj_bias")})
    weights = in_proj["in_proj_weight"].unflatten(0, (3, -1))
    biases = in_proj["in_proj_bias"].unflatten(0, (3, -1))
    q, k, v = (
        functional.linear(
            arrays[name], weights[third] if transposed else weights[third].T, biases[third] if with_bias else None
        )
        for name, third in zip(order, thirds, strict=True)
    )
    known = {name: projected.detach().numpy() for name, projected in (("q", q), ("k", k), ("v", v))}
    if grad_output is None or q.shape[1] + k.shape[1] + v.shape[1] != grad_output.shape[1]:
        return known  # a mistaken projection need not have as many steps as the gradient
    return {**known, **gradients(torch.cat([q, k, v], dim=1), grad_output, {**arrays, **in_proj})}


@truth
def split(x: Array, num_heads: int) -> Answer:
    return {"heads": np.stack(np.split(x, num_heads, axis=2), axis=1)}


def split_mistakes(x: Array, num_heads: int) -> Answer:
    batch, time = x.shape[:2]
    each = x.shape[2] // num_heads
    return {
        "the features are split by a reshape alone, which mixes times and heads": {
            "heads": x.reshape(batch, num_heads, time, each)
        },
        "the first head has every num_heads-th feature; it has the first of them": {
            "heads": x.reshape(batch, time, each, num_heads).transpose(0, 3, 1, 2)
        },
        "the heads come after the time; they must come before it": {"heads": x.reshape(batch, time, num_heads, each)},
    }


@truth
def merge_masks(key_padding_mask: Array | None, attn_mask: Array | None, shape: list[int]) -> Answer:
    """Return the mask of every score by itself."""
    known = {"key_padding_mask afterwards": key_padding_mask, "attn_mask afterwards": attn_mask}
    if key_padding_mask is None and attn_mask is None:
        return {"mask": None, **known}
    merged = np.zeros(shape, dtype=bool)
    for b, h, t, s in np.ndindex(*shape):
        is_padding = key_padding_mask is not None and key_padding_mask[b, s]
        merged[b, h, t, s] = is_padding or (attn_mask is not None and attn_mask[t, s])
    return {"mask": merged, **known}


def mask_mistakes(key_padding_mask: Array | None, attn_mask: Array | None, shape: list[int]) -> Answer:
    padding = merge_masks(key_padding_mask, None, shape)["mask"]
    attention = merge_masks(None, attn_mask, shape)["mask"]
    if padding is None or attention is None:
        merged = attention if padding is None else padding
        return {} if merged is None else {"the mask is inverted; it must stay True where ignored": {"mask": ~merged}}
    return {
        "a key is hidden where both masks hide it; it must be where either does": {"mask": padding & attention},
        "the key_padding_mask is ignored": {"mask": attention},
        "the attn_mask is ignored": {"mask": padding},
        "the mask is inverted; it must stay True where ignored": {"mask": ~(padding | attention)},
    }


@truth
def attend(**problem: Any) -> Answer:
    return attention_from_parts(**problem)


def attend_mistakes(**problem: Any) -> Answer:
    def changed(**mistake: Any) -> Answer:
        return attention_from_parts(**{**problem, **mistake})

    _, heads, _, features = problem["q"].shape
    not_quite = {} if problem["mask"] is None else NOT_QUITE_HIDDEN
    mistakes = {
        **{sentence: attention_by_hand(**problem, hide=hide) for sentence, hide in not_quite.items()},
        "the softmax is missing; the scores themselves are the weights": attention_by_hand(
            **problem, share=lambda scores: scores.masked_fill(scores == -torch.inf, 0)
        ),
        "the scores are not divided by √dₕ": changed(scale=1.0),
        "the scores are divided by √d_model; it must be the root of what one head has": changed(
            scale=1 / math.sqrt(heads * features)
        ),
        "the scores are divided by dₕ; it must be its root": changed(scale=1 / features),
        "the weights are the sum over the heads; they must be the mean": {
            "weights": attention_from_parts(**problem)["weights"] * heads
        },
    }
    if problem["mask"] is not None:
        hidden = torch.tensor(problem["mask"])
        mistakes["the mask is ignored"] = changed(mask=None)
        mistakes["the mask is inverted; True is what is ignored"] = changed(mask=~problem["mask"])
        mistakes["the mask acts after the softmax only; what is left of the weights no longer sums to one"] = (
            attention_by_hand(
                **problem,
                hide=lambda scores, mask: scores,
                share=lambda scores: scores.softmax(dim=-1).masked_fill(hidden, 0),
            )
        )
    return mistakes


def attention_from_parts(
    q: Array, k: Array, v: Array, mask: Array | None, grad_output: Array | None = None, *, scale: float | None = None
) -> Answer:
    """Call torch's function, whose mask is True where a key is seen; its weights are its output for the identity."""
    arrays, seen = tensors(q=q, k=k, v=v), None if mask is None else ~torch.tensor(mask)
    identity = torch.eye(k.shape[2], dtype=arrays["k"].dtype).expand(*k.shape[:3], k.shape[2])
    output, weights = (
        functional.scaled_dot_product_attention(arrays["q"], arrays["k"], values, seen, scale=scale)
        for values in (arrays["v"], identity)
    )
    known = {"output": output.detach().numpy(), "weights": weights.mean(dim=1).detach().numpy()}
    return known if grad_output is None else {**known, **gradients(output, grad_output, arrays)}


def attention_by_hand(
    q: Array,
    k: Array,
    v: Array,
    mask: Array | None,
    grad_output: Array | None = None,
    *,
    hide: Callable[[Tensor, Tensor], Tensor] = lambda scores, mask: scores.masked_fill(mask, -torch.inf),
    share: Function = lambda scores: scores.softmax(dim=-1),
) -> Answer:
    """Compute attention with other masked scores, or other weights of scores."""
    arrays = tensors(q=q, k=k, v=v)
    scores = arrays["q"] @ arrays["k"].transpose(-1, -2) / math.sqrt(q.shape[-1])
    weights = share(scores if mask is None else hide(scores, torch.tensor(mask)))
    output = weights @ arrays["v"]
    known = {"output": output.detach().numpy(), "weights": weights.mean(dim=1).detach().numpy()}
    return known if grad_output is None else {**known, **gradients(output, grad_output, arrays)}


# Attention as a whole


@truth
def attention(**problem: Any) -> Answer:
    return torch_attention(**problem)


@truth
def attention_in_pieces(num_heads: int, state: State, x: Array, pieces: list[int], need_weights: bool) -> Answer:
    """Return what torch gives for the whole sequence under the causal mask."""
    masks = {**UNMASKED, "attn_mask": causal(x.shape[1])}
    return in_pieces(torch_attention(num_heads, state, {"x": x}, "xxx", masks, True), pieces, need_weights)


def attention_mistakes(**problem: Any) -> Answer:
    masks = problem["masks"]
    return {
        f"the {name} is ignored": torch_attention(**{**problem, "masks": {**masks, name: None}})
        for name in MASKS
        if masks[name] is not None
    }


def torch_attention(
    num_heads: int,
    state: State,
    inputs: Mapping[str, Array],
    order: str,
    masks: Mapping[str, Array | None],
    need_weights: bool,
    grad_output: Array | None = None,
) -> Answer:
    """Return torch.nn.MultiheadAttention."""
    layer = with_state(nn.MultiheadAttention(len(state["out_proj.bias"]), num_heads, batch_first=True), state)
    arrays = tensors(**inputs)
    output, weights = layer(*(arrays[name] for name in order), **masks_of(masks))
    return answer(layer, arrays, output, weights if need_weights else None, grad_output)


def in_pieces(whole: Answer, pieces: list[int], need_weights: bool) -> Answer:
    """Return the answer, with the weights of each piece by itself: they end where it does."""
    ends = list(accumulate(pieces))
    weights = [whole["weights"][:, end - steps : end, :end] for end, steps in zip(ends, pieces, strict=True)]
    return {"output": whole["output"], "weights": weights if need_weights else [None] * len(pieces)}


# Sublayers


def pre_norm(x: Tensor, norm: Function, compute: Function) -> Tensor:
    """Compute x + dropout(f(norm(x))), which all sublayers are."""
    return x + compute(norm(x))


OTHER_FORMS: dict[str, Form] = {
    "the residual connection is missing: x is not added": lambda x, norm, compute: compute(norm(x)),
    "what is added to is norm(x); it must be x itself": lambda x, norm, compute: norm(x) + compute(norm(x)),
    "x itself is computed with; it must be norm(x)": lambda x, norm, compute: x + compute(x),
    "the sum is normalised; only what is computed with must be": lambda x, norm, compute: norm(x + compute(x)),
}


@truth
def self_attention(**problem: Any) -> Answer:
    return self_attention_as(pre_norm, **problem)


@truth
def self_attention_in_pieces(num_heads: int, state: State, x: Array, pieces: list[int], need_weights: bool) -> Answer:
    """Return the whole sequence under the causal mask."""
    masks = {**UNMASKED, "attn_mask": causal(x.shape[1])}
    return in_pieces(self_attention_as(pre_norm, num_heads, state, x, masks, True), pieces, need_weights)


def self_attention_mistakes(**problem: Any) -> Answer:
    return {
        **{sentence: self_attention_as(form, **problem) for sentence, form in OTHER_FORMS.items()},
        **{
            sentence: self_attention_as(pre_norm, **{**problem, "masks": masks})
            for sentence, masks in lost_masks(problem["masks"]).items()
        },
    }


def self_attention_as(
    form: Form,
    num_heads: int,
    state: State,
    x: Array,
    masks: Mapping[str, Array | None],
    need_weights: bool,
    grad_output: Array | None = None,
) -> Answer:
    """Put torch's norm and attention together in this form."""
    parts, arrays = attention_parts(num_heads, state), tensors(x=x)
    weights = torch.empty(0)

    def attend(query: Tensor) -> Tensor:
        nonlocal weights
        output, weights = parts["mha"](query, query, query, **masks_of(masks))
        return output

    output = form(arrays["x"], parts["norm"], attend)
    return answer(parts, arrays, output, weights if need_weights else None, grad_output)


@truth
def cross_attention(**problem: Any) -> Answer:
    return cross_attention_as(pre_norm, **problem)


def cross_attention_mistakes(**problem: Any) -> Answer:
    return {
        **{sentence: cross_attention_as(form, **problem) for sentence, form in OTHER_FORMS.items()},
        "y is normalised once more": cross_attention_as(pre_norm, **problem, normalises_y=True),
        **{
            sentence: cross_attention_as(pre_norm, **{**problem, "masks": masks})
            for sentence, masks in lost_masks(problem["masks"]).items()
        },
    }


def cross_attention_as(
    form: Form,
    num_heads: int,
    state: State,
    x: Array,
    y: Array,
    masks: Mapping[str, Array | None],
    need_weights: bool,
    grad_output: Array | None = None,
    *,
    normalises_y: bool = False,
) -> Answer:
    """Put torch's norm and attention together in this form."""
    parts, arrays = attention_parts(num_heads, state), tensors(x=x, y=y)
    weights = torch.empty(0)
    source = parts["norm"](arrays["y"]) if normalises_y else arrays["y"]

    def attend(query: Tensor) -> Tensor:
        nonlocal weights
        output, weights = parts["mha"](query, source, source, **masks_of(masks))
        return output

    output = form(arrays["x"], parts["norm"], attend)
    return answer(parts, arrays, output, weights if need_weights else None, grad_output)


@truth
def feed_forward(**problem: Any) -> Answer:
    return feed_forward_as(pre_norm, **problem)


def feed_forward_mistakes(**problem: Any) -> Answer:
    return {
        **{sentence: feed_forward_as(form, **problem) for sentence, form in OTHER_FORMS.items()},
        "the activation is ReLU; it must be GELU": feed_forward_as(pre_norm, **problem, activation=nn.ReLU()),
        "the activation is GELU's approximation by tanh; it must be the exact one": feed_forward_as(
            pre_norm, **problem, activation=nn.GELU("tanh")
        ),
        "there is no activation": feed_forward_as(pre_norm, **problem, activation=nn.Identity()),
    }


def feed_forward_as(
    form: Form, state: State, x: Array, grad_output: Array | None = None, *, activation: nn.Module | None = None
) -> Answer:
    """Put torch's norm and linear functions together in this form."""
    parts, arrays = feed_forward_parts(state, activation or nn.GELU()), tensors(x=x)
    output = form(arrays["x"], parts["norm"], parts["ffn"])
    known = answer(parts, arrays, output, None, grad_output)
    return {name: value for name, value in known.items() if name != "weights"}


def attention_parts(num_heads: int, state: State) -> nn.ModuleDict:
    """Return torch's modules under the names of the sublayer's."""
    d_model = len(state["norm.bias"])
    attention = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
    return dict_with_state(state, mha=attention, norm=nn.LayerNorm(d_model))


def feed_forward_parts(state: State, activation: nn.Module) -> nn.ModuleDict:
    """Return torch's modules under the names of the sublayer's."""
    d_ff, d_model = state["ffn.0.weight"].shape
    network = nn.Sequential(nn.Linear(d_model, d_ff), activation, nn.Identity(), nn.Linear(d_ff, d_model))
    return dict_with_state(state, ffn=network, norm=nn.LayerNorm(d_model))


def dict_with_state(state: State, **modules: nn.Module) -> nn.ModuleDict:
    """Return the modules with these parameters."""
    parts = nn.ModuleDict(modules)
    with_state(parts, state)
    return parts


def lost_masks(masks: Mapping[str, Array | None]) -> dict[str, Mapping[str, Array | None]]:
    """Return masks of which some are not handed on; none are, even where one is all that there is."""
    given = [name for name in MASKS if masks[name] is not None]
    lost: dict[str, Mapping[str, Array | None]] = {
        f"the {name} is not handed on": {**masks, name: None} for name in given
    }
    return {**lost, "the masks are not handed on": UNMASKED} if lost else lost


def masks_of(masks: Mapping[str, Array | None]) -> dict[str, Tensor | None]:
    """Return the masks as tensors."""
    return {name: None if mask is None else torch.tensor(mask) for name, mask in masks.items()}


def answer(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    output: Tensor,
    weights: Tensor | None,
    grad_output: Array | None,
) -> Answer:
    """Return output and weights, and the gradients of the inputs and the parameters if there is an upstream one."""
    known = {"output": output.detach().numpy(), "weights": None if weights is None else weights.detach().numpy()}
    if grad_output is None:
        return known
    return {**known, **gradients(output, grad_output, {**inputs, **dict(module.named_parameters())})}


# Dropout


def returned_after_dropout(output: Array) -> Answer:
    """Read the weights that dropout left from each half of the output: the values are two identities."""
    left = np.split(output, 2, axis=-1)[0]
    return {
        "the weights are returned after dropout; they must be those before it": {"weights": left.mean(axis=1)},
    }


def assert_whole(got: Answer, rest: Array, whole: Array, p: float) -> None:
    """Check that every value in evaluation is the whole's."""

    def known() -> Answer:
        return {"values are dropped in evaluation too": {"evaluation": left_of(whole, got["evaluation"], rest, p)}}

    assert_same(got, {"evaluation": whole}, ["evaluation"], known)


def assert_dropped(
    got: Any, rest: Array, whole: Array, p: float, nothing: str = "nothing is dropped in training"
) -> None:
    """Check that every value in training is what dropout may leave; among a hundred values both occur.

    `nothing` says that none is dropped.
    """
    output = checked(got, whole, "output in training")
    right = left_of(whole, output, rest, p)
    mistakes = {
        nothing: whole,
        "what is kept is not divided by 1 - p": np.where(np.abs(output - rest) <= np.abs(output - whole), rest, whole),
        "dropout acts on the sum; it must act before x is added": np.where(output == 0, 0, whole / (1 - p)),
    }
    assert_same(
        {"output in training": output},
        {"output in training": right},
        mistakes={sentence: {"output in training": other} for sentence, other in mistakes.items()},
    )
    can_tell = (right == rest)[whole != rest]
    assert_same(
        {"something is dropped": bool(can_tell.any()), "something is kept": not can_tell.all()},
        {"something is dropped": True, "something is kept": True},
    )


def left_of(whole: Array, output: Array, rest: Array, p: float) -> Array:
    """Return the rest, or the rest plus the remainder of the whole divided by 1 - p.

    Which of the two, torch's generator decides, so the truth is the one that is nearer to the output.
    """
    kept = rest + (whole - rest) / (1 - p)
    return np.where(np.abs(output - rest) <= np.abs(output - kept), rest, kept)

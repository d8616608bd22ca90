"""Problems of part 5: small arrays of simple numbers, masks, and layers. Those of one module stand at the top of its
tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from hypothesis import strategies as st

from autograder.testing.strategies import DTYPES, Draw, Problem, Shape, array, integers, parameters

HEADS = st.sampled_from([1, 2, 3, 2])
TIMES = st.sampled_from([2, 3, 4, 1])
KEYS = st.sampled_from([2, 3, 4])  # a softmax over one key is an edge case
BATCHES = st.sampled_from([1, 2, 3])
NONE, ONE = st.just(0), st.just(1)  # for edge cases alone

Value = TypeVar("Value")


def attention_shapes(d_model: int, prefix: str = "") -> dict[str, Shape]:
    """Return the shapes of the parameters of MultiHeadAttention."""
    shapes: dict[str, Shape] = {
        "in_proj_weight": (3 * d_model, d_model),
        "in_proj_bias": (3 * d_model,),
        "out_proj.weight": (d_model, d_model),
        "out_proj.bias": (d_model,),
    }
    return {prefix + name: shape for name, shape in shapes.items()}


def norm_shapes(d_model: int, prefix: str = "norm.") -> dict[str, Shape]:
    """Return the shapes of the parameters of a LayerNorm."""
    return {f"{prefix}weight": (d_model,), f"{prefix}bias": (d_model,)}


def feed_forward_shapes(d_model: int, d_ff: int, prefix: str = "ffn.") -> dict[str, Shape]:
    """Return the shapes of the parameters of the network in FeedForwardLayer."""
    return {
        f"{prefix}0.weight": (d_ff, d_model),
        f"{prefix}0.bias": (d_ff,),
        f"{prefix}3.weight": (d_model, d_ff),
        f"{prefix}3.bias": (d_model,),
    }


def padding(draw: Draw, batch: int, time: int) -> np.ndarray:
    """Draw a key_padding_mask (b, t): True after each sequence's length, which is 1 at least."""
    lengths = integers(draw, (batch, 1), 1, time + 1)
    return np.asarray(np.arange(time) >= lengths)


def causal(time: int) -> np.ndarray:
    """Return an attn_mask (t, t) that hides what comes later."""
    return np.triu(np.ones((time, time), dtype=bool), k=1)


def renamed(state: Mapping[str, Value], names: Mapping[str, str]) -> dict[str, Value]:
    """Return the state dict with every prefix in `names` replaced."""
    return {
        new + name.removeprefix(old): value
        for name, value in state.items()
        for old, new in names.items()
        if name.startswith(old)
    }


# Layers


@st.composite
def self_attention_layers(draw: Draw, *masks: str, batches: st.SearchStrategy[int] = BATCHES) -> Problem:
    """Draw a layer that attends to itself, its inputs, and the upstream gradient."""
    batch, time, (num_heads, d_model, d_ff), dtype = draw(batches), draw(KEYS), sizes(draw), draw(DTYPES)
    return {
        "num_heads": num_heads,
        "state": parameters(draw, self_attention_shapes(d_model, d_ff), dtype),
        "inputs": {
            "x": sequences(draw, (batch, time, d_model), dtype),
            **{name: mask_of(draw, name, batch, time) for name in masks},
        },
        "need_weights": draw(st.booleans()),
        "grad_output": array(draw, (batch, time, d_model), dtype=dtype),
    }


@st.composite
def cross_attention_layers(draw: Draw, *masks: str, batches: st.SearchStrategy[int] = BATCHES) -> Problem:
    """Draw a layer that attends to an encoder's output too, its inputs, and the upstream gradient."""
    problem = draw(self_attention_layers(batches=batches))
    (batch, time, d_model), dtype, sources = (
        problem["inputs"]["x"].shape,
        problem["grad_output"].dtype.name,
        draw(KEYS),
    )
    more = {**attention_shapes(d_model, "cross_attn.mha."), **norm_shapes(d_model, "cross_attn.norm.")}
    lengths = {"dec_key_padding_mask": time, "enc_key_padding_mask": sources, "attn_mask": time}
    return {
        **problem,
        "state": {**problem["state"], **parameters(draw, more, dtype)},
        "inputs": {
            **problem["inputs"],
            "enc_output": sequences(draw, (batch, sources, d_model), dtype),
            **{name: mask_of(draw, name, batch, lengths[name]) for name in masks},
        },
    }


def self_attention_shapes(d_model: int, d_ff: int) -> dict[str, Shape]:
    """Return the shapes of the parameters of a layer of self-attention and feed-forward."""
    return {
        **attention_shapes(d_model, "self_attn.mha."),
        **norm_shapes(d_model, "self_attn.norm."),
        **feed_forward_shapes(d_model, d_ff, "ffn.ffn."),
        **norm_shapes(d_model, "ffn.norm."),
    }


def sizes(draw: Draw) -> tuple[int, int, int]:
    """Draw num_heads, d_model and d_ff."""
    num_heads = draw(HEADS)
    return num_heads, max(4, 2 * num_heads), draw(st.sampled_from([3, 5, 1]))


def sequences(draw: Draw, shape: Shape, dtype: str) -> np.ndarray:
    """Draw sequences (b, t, d) with one feature far from the others.

    Where all features are nearly the same, a LayerNorm makes rounding some hundred times as large.
    """
    x = array(draw, shape, dtype=dtype)
    x[..., 0] += 9
    return x


def mask_of(draw: Draw, name: str, batch: int, time: int) -> np.ndarray:
    """Draw a mask of this name over a sequence of this length."""
    return causal(time) if name == "attn_mask" else padding(draw, batch, time)


def ends_of_pieces(draw: Draw, time: int) -> list[int]:
    """Draw where the pieces end that a sequence is cut into; simplest: after each step."""
    stays = array(draw, (time - 1,), "booleans", "bool")
    return [*(np.flatnonzero(~stays) + 1).tolist(), time]


def with_other_padding(draw: Draw, inputs: Problem, sequence: str, padding_name: str) -> Problem:
    """Draw the inputs with other numbers in a sequence's padding, and some more of it."""
    x, hidden = inputs[sequence], inputs[padding_name]
    batch, time, d_model = x.shape
    longer = sequences(draw, (batch, time + draw(st.sampled_from([1, 0, 2])), d_model), x.dtype.name)
    longer[:, :time][~hidden] = x[~hidden]
    changed = {sequence: longer, padding_name: np.ones(longer.shape[:2], dtype=bool)}
    changed[padding_name][:, :time] = hidden
    if sequence == "x" and "attn_mask" in inputs:
        changed["attn_mask"] = causal(longer.shape[1])
    return {**inputs, **changed}


def with_other_later_steps(draw: Draw, inputs: Problem) -> tuple[Problem, int]:
    """Draw the inputs with other numbers after some steps, and the number of steps that stay; 1 at least."""
    time = inputs["x"].shape[1]
    kept = draw(st.integers(1, time))
    changed = sequences(draw, inputs["x"].shape, inputs["x"].dtype.name)
    changed[:, :kept] = inputs["x"][:, :kept]
    return {**inputs, "x": changed}, kept


def gradient_names(problem: Problem) -> list[str]:
    """Return the names of all gradients of a problem."""
    inputs = [name for name in problem["inputs"] if not name.endswith("mask")]
    return [f"{name}_grad" for name in [*inputs, *problem["state"]]]

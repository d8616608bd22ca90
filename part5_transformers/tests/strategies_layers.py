"""What the layers are tested on: parameters, sequences, and the masks that a test asks for."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from autograder.testing.strategies import DTYPES, Draw, Problem, Shape, array, parameters
from part5_transformers.tests.strategies import (
    BATCHES,
    HEADS,
    KEYS,
    attention_shapes,
    causal,
    feed_forward_shapes,
    norm_shapes,
    padding,
)


@st.composite
def self_attention_layers(draw: Draw, *masks: str, batches: st.SearchStrategy[int] = BATCHES) -> Problem:
    """A layer that attends to itself, its inputs, and the upstream gradient."""
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
    """A layer that attends to an encoder's output too, its inputs, and the upstream gradient."""
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
    """The shapes of the parameters of a layer of self-attention and feed-forward."""
    return {
        **attention_shapes(d_model, "self_attn.mha."),
        **norm_shapes(d_model, "self_attn.norm."),
        **feed_forward_shapes(d_model, d_ff, "ffn.ffn."),
        **norm_shapes(d_model, "ffn.norm."),
    }


def sizes(draw: Draw) -> tuple[int, int, int]:
    """num_heads, d_model, d_ff."""
    num_heads = draw(HEADS)
    return num_heads, max(4, 2 * num_heads), draw(st.sampled_from([3, 5, 1]))


def sequences(draw: Draw, shape: Shape, dtype: str) -> np.ndarray:
    """Sequences (b, t, d) with one feature far from the others.

    Where all features are nearly the same, a LayerNorm makes rounding some hundred times as large.
    """
    x = array(draw, shape, dtype=dtype)
    x[..., 0] += 9
    return x


def mask_of(draw: Draw, name: str, batch: int, time: int) -> np.ndarray:
    """A mask of this name over a sequence of this length."""
    return causal(time) if name == "attn_mask" else padding(draw, batch, time)


def ends_of_pieces(draw: Draw, time: int) -> list[int]:
    """Where the pieces end that a sequence is cut into; simplest: after each step."""
    stays = array(draw, (time - 1,), "booleans", "bool")
    return [*(np.flatnonzero(~stays) + 1).tolist(), time]


def with_other_padding(draw: Draw, inputs: Problem, sequence: str, padding_name: str) -> Problem:
    """The inputs with other numbers in a sequence's padding, and some more of it."""
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
    """The inputs with other numbers after some steps, and the number of steps that stay; 1 at least."""
    time = inputs["x"].shape[1]
    kept = draw(st.integers(1, time))
    changed = sequences(draw, inputs["x"].shape, inputs["x"].dtype.name)
    changed[:, :kept] = inputs["x"][:, :kept]
    return {**inputs, "x": changed}, kept


def gradient_names(problem: Problem) -> list[str]:
    """The names of all gradients of a problem."""
    inputs = [name for name in problem["inputs"] if not name.endswith("mask")]
    return [f"{name}_grad" for name in [*inputs, *problem["state"]]]

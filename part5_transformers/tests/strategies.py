"""What part 5 is tested on: small arrays of simple numbers, and masks. The problems of a module stand at the top of its
tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from hypothesis import strategies as st

from autograder.testing.strategies import Draw, Shape, integers

HEADS = st.sampled_from([1, 2, 3, 2])
TIMES = st.sampled_from([2, 3, 4, 1])
KEYS = st.sampled_from([2, 3, 4])  # a softmax over one key is an edge case
BATCHES = st.sampled_from([1, 2, 3])
NONE, ONE = st.just(0), st.just(1)  # for edge cases alone

Value = TypeVar("Value")


def attention_shapes(d_model: int, prefix: str = "") -> dict[str, Shape]:
    """The shapes of the parameters of MultiHeadAttention."""
    shapes: dict[str, Shape] = {
        "in_proj_weight": (3 * d_model, d_model),
        "in_proj_bias": (3 * d_model,),
        "out_proj.weight": (d_model, d_model),
        "out_proj.bias": (d_model,),
    }
    return {prefix + name: shape for name, shape in shapes.items()}


def norm_shapes(d_model: int, prefix: str = "norm.") -> dict[str, Shape]:
    """The shapes of the parameters of a LayerNorm."""
    return {f"{prefix}weight": (d_model,), f"{prefix}bias": (d_model,)}


def feed_forward_shapes(d_model: int, d_ff: int, prefix: str = "ffn.") -> dict[str, Shape]:
    """The shapes of the parameters of the network in FeedForwardLayer."""
    return {
        f"{prefix}0.weight": (d_ff, d_model),
        f"{prefix}0.bias": (d_ff,),
        f"{prefix}3.weight": (d_model, d_ff),
        f"{prefix}3.bias": (d_model,),
    }


def padding(draw: Draw, batch: int, time: int) -> np.ndarray:
    """A key_padding_mask (b, t): True after each sequence's length, which is 1 at least."""
    lengths = integers(draw, (batch, 1), 1, time + 1)
    return np.asarray(np.arange(time) >= lengths)


def causal(time: int) -> np.ndarray:
    """An attn_mask (t, t) that hides what comes later."""
    return np.triu(np.ones((time, time), dtype=bool), k=1)


def renamed(state: Mapping[str, Value], names: Mapping[str, str]) -> dict[str, Value]:
    """The state dict with every prefix in `names` replaced."""
    return {
        new + name.removeprefix(old): value
        for name, value in state.items()
        for old, new in names.items()
        if name.startswith(old)
    }

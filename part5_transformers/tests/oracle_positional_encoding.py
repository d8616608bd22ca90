"""The positional encoding by brute force: every sine and cosine by itself, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autograder.testing import truth

Array = np.ndarray
Answer = dict[str, Any]


def wave(position: int, feature: int, d_model: int) -> float:
    """Compute an entry: features 2i and 2i + 1 are the sine and the cosine of one angle."""
    angle = position / 10_000 ** (2 * (feature // 2) / d_model)
    return math.cos(angle) if feature % 2 else math.sin(angle)


@truth
def table(d_model: int, max_len: int) -> Answer:
    return table_of(wave, d_model, max_len)


def table_of(wave: Callable[[int, int, int], float], d_model: int, max_len: int) -> Answer:
    """Return the table whose entry at a position and a feature is this function's."""
    entries = [[wave(position, feature, d_model) for feature in range(d_model)] for position in range(max_len)]
    return {"pe": np.array([entries], dtype=np.float32)}


def table_mistakes(d_model: int, max_len: int) -> Answer:
    def with_exponent(exponent: Callable[[int], float], base: float = 10_000) -> Answer:
        def wrong(position: int, feature: int, d_model: int) -> float:
            angle = position / base ** exponent(feature)
            return math.cos(angle) if feature % 2 else math.sin(angle)

        return table_of(wrong, d_model, max_len)

    sines = (d_model + 1) // 2
    right = table(d_model, max_len)["pe"]
    return {
        "the cosines stand at 2i and the sines at 2i + 1; it must be the other way round": table_of(
            lambda position, feature, _: wave(position, feature ^ 1, d_model), d_model, max_len
        ),
        "the sines stand in the first half and the cosines in the second; they must alternate": {
            "pe": np.concatenate([right[..., 0::2], right[..., 1::2]], axis=-1)
        },
        "a cosine has a slower wave than its sine; both must have the angle of 2i": with_exponent(
            lambda feature: feature / d_model
        ),
        "the exponent is i / d_model; it must be 2i / d_model": with_exponent(lambda feature: feature // 2 / d_model),
        "an odd d_model is rounded up in the exponent": with_exponent(lambda feature: (feature // 2) / sines),
        "the base is 1000; it must be 10000": with_exponent(lambda feature: 2 * (feature // 2) / d_model, 1_000),
        "the first position is 1; it must be 0": table_of(
            lambda position, feature, _: wave(position + 1, feature, d_model), d_model, max_len
        ),
        "the axis of length 1 for the batch is missing: pe is (1, max_len, d_model)": {"pe": right[0]},
    }


@truth
def forward(pe: Array, x: Array, offset: int = 0) -> Answer:
    output = x.copy()
    for sequence, step in np.ndindex(*x.shape[:2]):
        output[sequence, step] += pe[0, offset + step]
    return {"output": output}


def forward_mistakes(pe: Array, x: Array, offset: int = 0) -> Answer:
    output = forward(pe, x, offset)["output"]
    other_dtype = "float32" if x.dtype == np.float64 else "float64"
    return {
        "the offset is ignored": forward(pe, x),
        "every step gets the row of the first": {"output": x + pe[:, offset : offset + 1]},
        "x is returned without the encoding": {"output": x},
        "the encoding is returned without x": {"output": output - x},
        "x is scaled by √d_model": {"output": output + x * (math.sqrt(x.shape[2]) - 1)},
        f"the result is {other_dtype}; it must keep the dtype of x": {"output": output.astype(other_dtype)},
    }

"""Masks by brute force: every entry by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder.testing import truth

Array = np.ndarray
Answer = dict[str, Any]


@truth
def padding(padded_input: Array, input_lengths: Array) -> Answer:
    mask = np.zeros(padded_input.shape[:2], dtype=bool)
    for sequence, step in np.ndindex(*mask.shape):
        mask[sequence, step] = step >= input_lengths[sequence]
    return {"mask": mask}


def padding_mistakes(padded_input: Array, input_lengths: Array) -> Answer:
    right = padding(padded_input, input_lengths)["mask"]
    masks = {
        "the mask is True at the steps of a sequence; it must be True at its padding": ~right,
        "the mask starts one step late: the first step of padding is the one whose number is the length": padding(
            padded_input, input_lengths + 1
        )["mask"],
        "the mask starts one step early: steps are counted from 0": padding(padded_input, input_lengths - 1)["mask"],
        "the mask is 0 and 1; it must be boolean": right.astype(np.int64),
        "the mask is 0.0 and 1.0; it must be boolean": right.astype(np.float32),
        "the mask is (t, b); it must be (b, t)": right.T,
        "the mask ends with the longest sequence; it must have all t steps": right[:, : input_lengths.max()],
        "the mask looks for zeros in the input; the lengths alone say what is padding": (padded_input == 0).all(
            axis=tuple(range(2, padded_input.ndim))
        ),
    }
    return {sentence: {"mask": mask} for sentence, mask in masks.items()}


@truth
def causal(padded_input: Array) -> Answer:
    time = padded_input.shape[1]
    mask = np.zeros((time, time), dtype=bool)
    for query, key in np.ndindex(time, time):
        mask[query, key] = key > query
    return {"mask": mask}


def causal_mistakes(padded_input: Array) -> Answer:
    right = causal(padded_input)["mask"]
    masks = {
        "the mask is True where a query may look; it must be True where it may not": ~right,
        "the mask hides what came before; it must hide what comes later": right.T,
        "a query is hidden from itself": right | np.eye(len(right), dtype=bool),
        "a query sees the key after it": np.triu(right, k=2),
        "the mask is 0 and 1; it must be boolean": right.astype(np.int64),
        "the mask is 0.0 and 1.0; it must be boolean": right.astype(np.float32),
        "the mask is 0 and -inf, to be added to scores; it must be boolean": np.where(right, -np.inf, 0).astype("f4"),
        "every sequence has a mask of its own; it must be (t, t), the same for all": np.stack(
            [right] * len(padded_input)
        ),
    }
    return {sentence: {"mask": mask} for sentence, mask in masks.items()}

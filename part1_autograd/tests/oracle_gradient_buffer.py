"""Sums of what arrives at arrays, and what known mistakes would give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array

BY_NUMBERS = "an array with the numbers of another is taken for it; look for this very array"


@truth
def make_spots(arrays: Sequence[Array], chosen: Sequence[int]) -> Answer:
    return {
        "len": len(set(chosen)),
        "in": [position in chosen for position in range(len(arrays))],
        "gradients": [torch.zeros_like(torch.tensor(arrays[position])).numpy() for position in chosen],
    }


def make_spots_mistakes(arrays: Sequence[Array], chosen: Sequence[int]) -> Answer:
    def is_like_a_chosen_one(array: Array) -> bool:
        return any(np.array_equal(array, arrays[position]) for position in chosen)

    return {BY_NUMBERS: {"in": [is_like_a_chosen_one(array) for array in arrays]}}


@truth
def update(arrays: Sequence[Array], arrivals: Sequence[Any]) -> Answer:
    totals = [torch.zeros_like(torch.tensor(array)) for array in arrays]
    for position, gradient in arrivals:
        totals[position] += torch.tensor(gradient)
    return {"gradients": [total.numpy() for total in totals]}


def update_mistakes(arrays: Sequence[Array], arrivals: Sequence[Any]) -> Answer:
    def keep_one(order: Sequence[Any]) -> Answer:
        kept = dict(order)
        return {"gradients": [kept.get(position, np.zeros_like(array)) for position, array in enumerate(arrays)]}

    return {
        "a new gradient replaces the old one; gradients add up": keep_one(arrivals),
        "only the first gradient is kept; gradients add up": keep_one(arrivals[::-1]),
    }

"""Probes of the filters: they call them, and compare the arguments afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from part6_decoding.logit_filters import (
    apply_repetition_penalty,
    apply_temperature,
    filter_min_p,
    filter_top_k,
    filter_top_p,
)

Array = np.ndarray
Named = dict[str, Any]


def repetition_penalty(logits: Array, sequences: Array, penalty: float) -> Named:
    """apply_repetition_penalty(logits, sequences, penalty)"""
    return {"logits": apply_repetition_penalty(torch.tensor(logits), torch.tensor(sequences), penalty)}


def repetition_penalty_and_arguments(logits: Array, sequences: Array, penalty: float) -> Named:
    """Say whether apply_repetition_penalty changes its arguments."""
    given, tokens = torch.tensor(logits), torch.tensor(sequences)
    apply_repetition_penalty(given, tokens, penalty)
    return {"logits changed": _changed(given, logits), "sequences changed": _changed(tokens, sequences)}


def temperature(logits: Array, temperature: float) -> Named:
    """apply_temperature(logits, temperature)"""
    return {"logits": apply_temperature(torch.tensor(logits), temperature)}


def top_k(logits: Array, k: int) -> Named:
    """filter_top_k(logits, k)"""
    return {"logits": filter_top_k(torch.tensor(logits), k)}


def top_p(logits: Array, p: float) -> Named:
    """filter_top_p(logits, p)"""
    return {"logits": filter_top_p(torch.tensor(logits), p)}


def min_p(logits: Array, min_p: float) -> Named:
    """filter_min_p(logits, min_p)"""
    return {"logits": filter_min_p(torch.tensor(logits), min_p)}


def filter_and_argument(name: str, logits: Array, setting: float) -> Named:
    """Say whether the filter of this name changes the logits."""
    filters: dict[str, Callable[..., torch.Tensor]] = {
        "temperature": apply_temperature,
        "top_k": filter_top_k,
        "top_p": filter_top_p,
        "min_p": filter_min_p,
    }
    given = torch.tensor(logits)
    filters[name](given, setting)
    return {"logits changed": _changed(given, logits)}


def _changed(tensor: torch.Tensor, before: Array) -> bool:
    """Say whether a tensor differs from the array that it was made of."""
    return not torch.equal(tensor, torch.tensor(before))

"""Filters of the next token's logits before one is chosen.  None changes its arguments.

Shapes: logits (rows, v), sequences (rows, t).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def apply_repetition_penalty(logits: Tensor, sequences: Tensor, penalty: float) -> Tensor:
    """Make tokens that a row has already less likely, each once however often it occurs.

    logits / penalty where they are positive, logits · penalty elsewhere        (Keskar et al. 2019)

    Raises ValueError for a penalty that is not positive.
    """
    if not penalty > 0:
        raise ValueError(f"repeat_penalty must be positive; got {penalty}. 1 changes nothing.")
    penalized = logits.clone()
    for row, tokens in zip(penalized, sequences, strict=True):
        for token in set(tokens.tolist()):
            row[token] = row[token] / penalty if row[token] > 0 else row[token] * penalty
    return penalized


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Sharpen the distribution below 1, flatten it above: logits / temperature.

    Raises ValueError for a temperature that is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive; got {temperature}. generate_greedy takes the likeliest token.")
    return logits * (1 / temperature)


def filter_top_k(logits: Tensor, k: int) -> Tensor:
    """Keep the k largest logits of each row, and give all others -inf.  0 keeps all; the lowest index wins ties.

    Raises ValueError for a negative k.
    """
    if k < 0:
        raise ValueError(f"top_k must be 0, which keeps all, or positive; got {k}.")
    if k == 0:
        return logits
    filtered = torch.full_like(logits, -math.inf)
    for row, kept in zip(logits, filtered, strict=True):
        for token in sorted(range(len(row)), key=lambda token: (-row[token].item(), token))[:k]:
            kept[token] = row[token]
    return filtered


def filter_top_p(logits: Tensor, p: float) -> Tensor:
    """Keep the likeliest tokens until their probabilities reach p, the one that crosses p too    (Holtzman 2020).

    Raises ValueError for a p outside (0, 1].
    """
    if not 0 < p <= 1:
        raise ValueError(f"top_p must lie above 0 and not above 1, which keeps all; got {p}.")
    if p == 1:
        return logits  # a cumulative sum may pass 1 by rounding
    filtered = torch.full_like(logits, -math.inf)
    for row, kept in zip(logits, filtered, strict=True):
        probabilities, total = row.softmax(dim=0).tolist(), 0.0
        for token in sorted(range(len(row)), key=lambda token: (-row[token].item(), token)):
            if total >= p:
                break
            kept[token], total = row[token], total + probabilities[token]
    return filtered


def filter_min_p(logits: Tensor, min_p: float) -> Tensor:
    """Keep the tokens that are at least min_p times as likely as the likeliest     (Nguyen et al. 2024).

    Raises ValueError for a min_p outside [0, 1].
    """
    if not 0 <= min_p <= 1:
        raise ValueError(f"min_p must lie between 0, which keeps all, and 1; got {min_p}.")
    if min_p == 0:
        return logits.clone()
    return logits.where(logits >= logits.amax(dim=-1, keepdim=True) + math.log(min_p), -math.inf)

"""Filters of the next token's logits before one is chosen.  None changes its arguments.

Shapes: logits (rows, v), sequences (rows, t).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def apply_repetition_penalty(logits: Tensor, sequences: Tensor, penalty: float) -> Tensor:
    """Make tokens that a row has already less likely, each once however often it occurs.

    logits / penalty where they are positive, logits · penalty elsewhere        (Keskar et al. 2019)

    Raises ValueError for a penalty that is not positive.
    """
    if not penalty > 0:
        raise ValueError(f"repeat_penalty must be positive; got {penalty}. 1 changes nothing.")
    if penalty == 1:
        return logits
    ### BEGIN SOLUTION filters.repetition_penalty: divide what is positive, multiply what is not, once per token
    is_used = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, sequences, True)
    penalized = torch.where(logits > 0, logits / penalty, logits * penalty)
    return torch.where(is_used, penalized, logits)
    ### END SOLUTION


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Sharpen the distribution below 1, flatten it above: logits / temperature.

    Raises ValueError for a temperature that is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive; got {temperature}. generate_greedy takes the likeliest token.")
    ### BEGIN SOLUTION filters.temperature: logits / temperature
    return logits / temperature
    ### END SOLUTION


def filter_top_k(logits: Tensor, k: int) -> Tensor:
    """Keep the k largest logits of each row, and give all others -inf.  0 keeps all; the lowest index wins ties.

    Raises ValueError for a negative k.
    """
    if k < 0:
        raise ValueError(f"top_k must be 0, which keeps all, or positive; got {k}.")
    if k == 0:
        return logits
    ### BEGIN SOLUTION filters.top_k: -inf from the k-th largest on
    order = logits.argsort(dim=-1, descending=True, stable=True)
    return logits.scatter(-1, order[..., k:], -math.inf)
    ### END SOLUTION


def filter_top_p(logits: Tensor, p: float) -> Tensor:
    """Keep the likeliest tokens until their probabilities reach p, the one that crosses p too    (Holtzman 2020).

    Raises ValueError for a p outside (0, 1].
    """
    if not 0 < p <= 1:
        raise ValueError(f"top_p must lie above 0 and not above 1, which keeps all; got {p}.")
    if p == 1:
        return logits  # a cumulative sum may pass 1 by rounding
    ### BEGIN SOLUTION filters.top_p: -inf where what is likelier has p already
    order = logits.argsort(dim=-1, descending=True, stable=True)
    cumulative = logits.softmax(dim=-1).gather(-1, order).cumsum(dim=-1)
    likelier = functional.pad(cumulative[..., :-1], (1, 0))  # the probability of all before it
    is_dropped = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, order, likelier >= p)
    return logits.masked_fill(is_dropped, -math.inf)
    ### END SOLUTION


def filter_min_p(logits: Tensor, min_p: float) -> Tensor:
    """Keep the tokens that are at least min_p times as likely as the likeliest     (Nguyen et al. 2024).

    Raises ValueError for a min_p outside [0, 1].
    """
    if not 0 <= min_p <= 1:
        raise ValueError(f"min_p must lie between 0, which keeps all, and 1; got {min_p}.")
    if min_p == 0:
        return logits
    ### BEGIN SOLUTION filters.min_p: -inf below min_p times the largest probability
    probabilities = logits.softmax(dim=-1)
    least = min_p * probabilities.amax(dim=-1, keepdim=True)
    return logits.masked_fill(probabilities < least, -math.inf)
    ### END SOLUTION

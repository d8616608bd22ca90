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
    counts = functional.one_hot(sequences, logits.shape[-1]).sum(dim=-2)  # (rows, v)
    factors = torch.where(logits > 0, logits.new_tensor(1 / penalty), penalty)
    return logits * torch.where(counts > 0, factors, 1)


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Sharpen the distribution below 1, flatten it above: logits / temperature.

    Raises ValueError for a temperature that is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive; got {temperature}. generate_greedy takes the likeliest token.")
    return logits.div(temperature)


def filter_top_k(logits: Tensor, k: int) -> Tensor:
    """Keep the k largest logits of each row, and give all others -inf.  0 keeps all; the lowest index wins ties.

    Raises ValueError for a negative k.
    """
    if k < 0:
        raise ValueError(f"top_k must be 0, which keeps all, or positive; got {k}.")
    if k == 0:
        return logits
    return logits.masked_fill(goes_before(logits).sum(dim=-1) >= k, -math.inf)


def filter_top_p(logits: Tensor, p: float) -> Tensor:
    """Keep the likeliest tokens until their probabilities reach p, the one that crosses p too    (Holtzman 2020).

    Raises ValueError for a p outside (0, 1].
    """
    if not 0 < p <= 1:
        raise ValueError(f"top_p must lie above 0 and not above 1, which keeps all; got {p}.")
    if p == 1:
        return logits  # a cumulative sum may pass 1 by rounding
    likelier = (goes_before(logits) * logits.softmax(dim=-1)[..., None, :]).sum(dim=-1)
    return torch.where(likelier < p, logits, -math.inf)


def filter_min_p(logits: Tensor, min_p: float) -> Tensor:
    """Keep the tokens that are at least min_p times as likely as the likeliest     (Nguyen et al. 2024).

    Raises ValueError for a min_p outside [0, 1].
    """
    if not 0 <= min_p <= 1:
        raise ValueError(f"min_p must lie between 0, which keeps all, and 1; got {min_p}.")
    if min_p == 0:
        return logits
    shares = (logits - logits.amax(dim=-1, keepdim=True)).exp()  # of the likeliest token's probability
    return torch.where(shares >= min_p, logits, -math.inf)


def goes_before(logits: Tensor) -> Tensor:
    """Say whether token j comes before token i in falling order, the lowest index first of equal ones: (rows, i, j)."""
    one, other = logits[..., :, None], logits[..., None, :]
    is_lower = torch.ones(logits.shape[-1], logits.shape[-1], dtype=torch.bool, device=logits.device).tril(-1)
    return (other > one) | ((other == one) & is_lower)

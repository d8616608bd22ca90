"""Checks of the transformers' inputs: tokens, frames and lengths. Given."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def check_tokens(name: str, tokens: Any, num_classes: int) -> None:
    """Raise an error unless these are tokens (b, t) below num_classes: TypeError for what is no tensor of integers.

    On an accelerator torch itself finds those out of range, since reading them would wait for it.
    """
    _check_integers(name, tokens)
    if tokens.ndim != 2:
        raise ValueError(
            f"{name} must have shape (batch, time); got {tuple(tokens.shape)}. {name}[None] is a batch of one row."
        )
    if tokens.device.type == "cpu" and tokens.numel():
        lowest, highest = map(int, tokens.aminmax())
        if lowest < 0 or highest >= num_classes:
            wrong = lowest if lowest < 0 else highest
            raise ValueError(f"{name} must lie between 0 and {num_classes - 1}, the classes; got {wrong}.")


def check_sequences(name: str, x: Any, features: int | None = None) -> None:
    """Raise an error unless x is a tensor (b, t, features), or (b, t, ...) without them."""
    _check_tensor(name, x)
    fits = x.ndim >= 2 if features is None else x.ndim == 3 and x.shape[-1] == features
    if not fits:
        last = "..." if features is None else features
        raise ValueError(
            f"{name} must have shape (batch, time, {last}); got {tuple(x.shape)}. {name}[None] is a batch of one."
        )


def check_lengths(name: str, lengths: Any, batch: int, time: int) -> None:
    """Raise an error unless lengths (b,) are integers from 1 to t: TypeError for what is no tensor of them."""
    _check_integers(name, lengths)
    if lengths.shape != (batch,):
        raise ValueError(f"{name} must have shape ({batch},); got {tuple(lengths.shape)}.")
    if batch and not 1 <= int(lengths.min()) <= int(lengths.max()) <= time:
        raise ValueError(f"{name} must lie between 1 and {time}, the steps; got {lengths.tolist()}.")


def _check_integers(name: str, value: Any) -> None:
    _check_tensor(name, value)
    if value.is_floating_point() or value.is_complex() or value.dtype == torch.bool:
        raise TypeError(f"{name} must be a tensor of integers; got {value.dtype}. Convert with {name}.long().")


def _check_tensor(name: str, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor; got {type(value).__name__}. torch.as_tensor({name}) makes one.")

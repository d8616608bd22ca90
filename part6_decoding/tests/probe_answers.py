"""The check of a returned tuple, in all probes, before it is read: it must have as many entries as they name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

Named = dict[str, Any]


def named(what: str, answer: Any, names: Sequence[str]) -> Named:
    """Give each entry of the tuple that `what` returns its name; a list will do.

    Raises TypeError for anything else than so many.
    """
    if not isinstance(answer, tuple | list) or len(answer) != len(names):
        raise TypeError(f"{what} must return a tuple of {len(names)}: {', '.join(names)}; got {_kind(answer)}.")
    return dict(zip(names, answer, strict=True))


def _kind(answer: Any) -> str:
    match answer:
        case None:
            return "None"
        case Tensor():
            return f"a Tensor of shape {tuple(answer.shape)}"
        case tuple() | list():
            return f"a {type(answer).__name__} of {len(answer)}"
        case _:
            return f"a {type(answer).__name__}"

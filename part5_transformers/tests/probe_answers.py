"""What all probes ask of an answer before they read it: that it has the entries that they name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

Named = dict[str, Any]


def named(what: str, answer: Any, names: Sequence[str]) -> Named:
    """Each entry of the tuple that `what` returns, under its name; a list will do.

    Raises TypeError for anything else than so many.
    """
    if not isinstance(answer, tuple | list) or len(answer) != len(names):
        raise TypeError(f"{what} must return a tuple of {len(names)}: {', '.join(names)}; got {_kind(answer)}.")
    return dict(zip(names, answer, strict=True))


def entries(what: str, answer: Any, names: Sequence[str] = ()) -> Named:
    """The dict, which has these entries.

    Raises TypeError for anything else than a dict with them.
    """
    if not isinstance(answer, dict) or not answer.keys() >= set(names):
        wanted = f"a dict with {' and '.join(names)}" if names else "a dict"
        raise TypeError(f"{what} must be {wanted}; got {_kind(answer)}.")
    return answer


def _kind(answer: Any) -> str:
    match answer:
        case None:
            return "None"
        case Tensor():
            return f"a Tensor of shape {tuple(answer.shape)}"
        case tuple() | list():
            return f"a {type(answer).__name__} of {len(answer)}"
        case dict():
            return f"a dict with {', '.join(map(str, answer)) or 'no entries'}"
        case _:
            return f"a {type(answer).__name__}"

"""The part of the probes that several modules share: answers with the entries that are named, and layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Array = np.ndarray
Named = dict[str, Any]
State = Mapping[str, Array]
Inputs = Mapping[str, Array]


def named(what: str, answer: Any, names: Sequence[str]) -> Named:
    """Return each entry of the tuple that `what` returns, under its name; a list will do.

    Raises TypeError for anything else than so many.
    """
    if not isinstance(answer, tuple | list) or len(answer) != len(names):
        raise TypeError(f"{what} must return a tuple of {len(names)}: {', '.join(names)}; got {_kind(answer)}.")
    return dict(zip(names, answer, strict=True))


def entries(what: str, answer: Any, names: Sequence[str] = ()) -> Named:
    """Return the dict, which has these entries.

    Raises TypeError for anything else than a dict with them.
    """
    if not isinstance(answer, dict) or not answer.keys() >= set(names):
        wanted = f"a dict with {' and '.join(names)}" if names else "a dict"
        raise TypeError(f"{what} must be {wanted}; got {_kind(answer)}.")
    return answer


def layer_with(kind: Any, num_heads: int, state: State) -> nn.Module:
    """Return a layer of this class with these parameters, in their dtype, in training mode and without dropout."""
    d_ff, d_model = state["ffn.ffn.0.weight"].shape
    layer: nn.Module = kind(d_model, num_heads, d_ff).to(torch.tensor(state["ffn.norm.weight"]).dtype)
    layer.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    return layer


def tensors(inputs: Inputs) -> dict[str, Tensor]:
    """Return the inputs as tensors, of which those that hold numbers want gradients."""
    made = {name: torch.tensor(value) for name, value in inputs.items()}
    return {name: tensor.requires_grad_(tensor.is_floating_point()) for name, tensor in made.items()}


def gradients(layer: nn.Module, inputs: Mapping[str, Tensor], output: Tensor, grad_output: Array) -> Named:
    """Return the gradients of the inputs and of all parameters, each under its name followed by _grad."""
    (output * torch.tensor(grad_output)).sum().backward()
    wanted = {name: tensor for name, tensor in inputs.items() if tensor.requires_grad}
    return {f"{name}_grad": tensor.grad for name, tensor in [*wanted.items(), *layer.named_parameters()]}


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

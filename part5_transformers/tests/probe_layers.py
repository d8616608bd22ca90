"""What the probes of all layers do: build a layer with given parameters, and read its gradients."""

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


def layer_with(kind: Any, num_heads: int, state: State) -> nn.Module:
    """A layer of this class with these parameters, in their dtype, in training mode and without dropout."""
    d_ff, d_model = state["ffn.ffn.0.weight"].shape
    layer: nn.Module = kind(d_model, num_heads, d_ff).to(torch.tensor(state["ffn.norm.weight"]).dtype)
    layer.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    return layer


def tensors(inputs: Inputs) -> dict[str, Tensor]:
    """The inputs as tensors, of which those that hold numbers want gradients."""
    made = {name: torch.tensor(value) for name, value in inputs.items()}
    return {name: tensor.requires_grad_(tensor.is_floating_point()) for name, tensor in made.items()}


def gradients(layer: nn.Module, inputs: Mapping[str, Tensor], output: Tensor, grad_output: Array) -> Named:
    """The gradients of the inputs and of all parameters, each under its name followed by _grad."""
    (output * torch.tensor(grad_output)).sum().backward()
    wanted = {name: tensor for name, tensor in inputs.items() if tensor.requires_grad}
    return {f"{name}_grad": tensor.grad for name, tensor in [*wanted.items(), *layer.named_parameters()]}


def pieces(inputs: Mapping[str, Tensor], ends: Sequence[int], padding: str) -> list[dict[str, Tensor]]:
    """The inputs of every piece of a sequence: its own steps, and the masks of what came before it too.

    `padding` names the mask that hides the sequence's own padding.
    """
    made = []
    for start, end in zip([0, *ends], ends, strict=False):
        piece = {**inputs, "x": inputs["x"][:, start:end], "attn_mask": inputs["attn_mask"][start:end, :end]}
        made.append({**piece, padding: inputs[padding][:, :end]})
    return made

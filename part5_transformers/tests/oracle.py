"""What the oracles of part 5 share: torch's own modules with given parameters, and gradients.

A truth takes the arguments of its probe and gives plain data under the probe's names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

torch.set_num_threads(1)  # with so few numbers, several threads only wait for each other

Array = np.ndarray
Answer = dict[str, Any]


def with_state(module: nn.Module, state: Mapping[str, Array]) -> nn.Module:
    """Torch's module with these parameters, in their dtype and in evaluation mode."""
    dtype = next(iter(state.values())).dtype
    module = module.to(getattr(torch, dtype.name)).eval()
    module.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    return module


def tensors(**arrays: Array) -> dict[str, Tensor]:
    """Tensors to differentiate by."""
    return {name: torch.tensor(value, requires_grad=True) for name, value in arrays.items()}


def gradients(output: Tensor, grad_output: Array, inputs: Mapping[str, Tensor]) -> Answer:
    """The gradient of every input under its name followed by _grad.

    What is differentiated is Σ output · gradient: given its grad_outputs argument, torch first imports its symbolic
    shapes, which takes seconds.
    """
    found = torch.autograd.grad((output * torch.tensor(grad_output)).sum(), list(inputs.values()), allow_unused=True)
    return {
        f"{name}_grad": (torch.zeros_like(tensor) if grad is None else grad).numpy()
        for (name, tensor), grad in zip(inputs.items(), found, strict=True)
    }

"""What the oracles of part 3 share: torch's modules with given parameters, and what they give back.

A truth takes the arguments of its probe and gives plain data under the probe's names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

torch.set_num_threads(1)  # with so few numbers, several threads only wait for each other

Array = np.ndarray
Answer = dict[str, Any]


def with_state(module: torch.nn.Module, state: Mapping[str, Array], dtype: np.dtype | str) -> torch.nn.Module:
    """Torch's module in this dtype, with these parameters."""
    module = module.to(getattr(torch, np.dtype(dtype).name))
    module.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    return module


def pull_back(outputs: Mapping[str, tuple[torch.Tensor, Array | None]], **inputs: torch.Tensor) -> Answer:
    """The outputs, and the gradient of every input, under its name followed by _grad.

    Each output comes with the gradient from above; None stands for zeros.  What is differentiated is their Σ output ·
    gradient: given its grad_outputs argument, torch first imports its symbolic shapes, which takes seconds.
    """
    parts = [(output * torch.tensor(grad)).sum() for output, grad in outputs.values() if grad is not None]
    found = torch.autograd.grad(torch.stack(parts).sum(), list(inputs.values()), allow_unused=True)
    gradients = {
        f"{name}_grad": (torch.zeros_like(tensor) if grad is None else grad).numpy()
        for (name, tensor), grad in zip(inputs.items(), found, strict=True)
    }
    return {**{name: output.detach().numpy() for name, (output, _) in outputs.items()}, **gradients}

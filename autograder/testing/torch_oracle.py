"""The base of oracles that ask torch: its modules with given parameters, and its gradients as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

torch.set_num_threads(1)  # with so few numbers, several threads only wait for each other
# To compare two lengths, torch's attention would first import its symbolic shapes, which takes half a second.
vars(functional)["_check_key_padding_mask"] = lambda key_padding_mask, src_len, bsz: None

Array = np.ndarray
Answer = dict[str, Any]
Module = TypeVar("Module", bound=nn.Module)


def with_state(module: Module, state: Mapping[str, Array | None], dtype: np.dtype | str | None = None) -> Module:
    """Torch's module with these parameters and buffers, in this dtype or in theirs; None stands for one that is not."""
    given = {name: torch.tensor(value) for name, value in state.items() if value is not None}
    own = next(iter(given.values())).dtype if dtype is None else getattr(torch, np.dtype(dtype).name)
    module = module.to(own)
    module.load_state_dict(given)
    return module


def tensors(**arrays: Array) -> dict[str, Tensor]:
    """Tensors to differentiate by."""
    return {name: torch.tensor(value, requires_grad=True) for name, value in arrays.items()}


def gradients(output: Tensor, grad_output: Array, inputs: Mapping[str, Tensor]) -> Answer:
    """The gradient of every input under its name followed by _grad; zeros for one that the output does not depend on.

    What is differentiated is Σ output · gradient: given its grad_outputs argument, torch first imports its symbolic
    shapes, which takes seconds.
    """
    return gradients_of((output * torch.tensor(grad_output)).sum(), inputs)


def gradients_of(total: Tensor, inputs: Mapping[str, Tensor]) -> Answer:
    """The same for a single number."""
    found = torch.autograd.grad(total, list(inputs.values()), allow_unused=True)
    return {
        f"{name}_grad": (torch.zeros_like(tensor) if grad is None else grad).numpy()
        for (name, tensor), grad in zip(inputs.items(), found, strict=True)
    }

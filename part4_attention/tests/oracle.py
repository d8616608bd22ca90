"""What the oracles of part 4 share: torch's attention with a mask that is True where ignored, and its gradients.

A truth takes the arguments of its probe and gives plain data under the probe's names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

torch.set_num_threads(1)  # with so few numbers, several threads only wait for each other

Array = np.ndarray
Answer = dict[str, Any]


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Torch's attention.  Its mask is True where a key is seen, and a query that sees none gets zeros."""
    sees = None if mask is None else ~mask
    return functional.scaled_dot_product_attention(query, key, value, sees)


def attention_weights(query: Tensor, key: Tensor, mask: Tensor | None) -> Tensor:
    """Torch's weights: what it gives for values that are the rows of an identity matrix."""
    sources = key.shape[-2]
    identity = torch.eye(sources, dtype=query.dtype).expand(*key.shape[:-1], sources)
    return attend(query, key, identity, mask)


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


def tensors(**arrays: Array) -> dict[str, Tensor]:
    """Tensors to differentiate by."""
    return {name: torch.tensor(value, requires_grad=True) for name, value in arrays.items()}

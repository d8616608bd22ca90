"""The shared part of the oracles of part 3: several outputs of torch, pulled back together.

A truth takes the arguments of its probe and gives plain data under the probe's names.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from autograder.testing.torch_oracle import Answer, Array, gradients_of


def pull_back(outputs: Mapping[str, tuple[torch.Tensor, Array | None]], **inputs: torch.Tensor) -> Answer:
    """Compute the outputs, and the gradient of every input, under its name followed by _grad.

    Each output comes with the upstream gradient; None stands for zeros.
    """
    parts = [(output * torch.tensor(grad)).sum() for output, grad in outputs.values() if grad is not None]
    gradients = gradients_of(torch.stack(parts).sum(), inputs)
    return {**{name: output.detach().numpy() for name, (output, _) in outputs.items()}, **gradients}

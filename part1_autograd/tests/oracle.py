"""Helpers of the oracles of part 1: torch's gradients of any function.

A truth takes the arguments of the probe of the same name and gives plain data under the probe's names.
`<probe>_mistakes` maps a sentence about a mistake to what it changes in the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array


def gradients(forward: Callable[..., torch.Tensor], grad_output: Array, **inputs: Array) -> Answer:
    """Return the output of `forward`, and torch's gradient of every input under the input's name followed by _grad."""
    tensors = [torch.tensor(value, requires_grad=True) for value in inputs.values()]
    output = forward(*tensors)
    found = pull_back([output], [grad_output], tensors)
    named = {f"{name}_grad": gradient for name, gradient in zip(inputs, found, strict=True)}
    return {"output": output.detach().numpy(), **named}


def pull_back(
    outputs: Sequence[torch.Tensor], grad_outputs: Sequence[Array], inputs: Sequence[torch.Tensor]
) -> list[Array]:
    """Return the gradient of every input of Σ output · grad_output, which is what grad_outputs mean.

    Given its grad_outputs argument, torch first imports its symbolic shapes, which takes longer than all tests.
    """
    parts = [
        (output * torch.tensor(grad_output)).sum() for output, grad_output in zip(outputs, grad_outputs, strict=True)
    ]
    loss = torch.stack(parts).sum()
    found = torch.autograd.grad(loss, inputs, allow_unused=True, materialize_grads=True)
    return [gradient.numpy() for gradient in found]


def rule(forward: Callable[..., torch.Tensor]) -> Callable[..., Answer]:
    """Make the truth of a rule all of whose arguments are inputs."""

    @truth
    def output_and_gradients(grad_output: Array, **inputs: Array) -> Answer:
        return gradients(forward, grad_output, **inputs)

    return output_and_gradients

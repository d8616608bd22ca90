"""Torch's embedding, and what known mistakes would give."""

from __future__ import annotations

import numpy as np
import torch

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array
from part3_recurrent.tests.oracle import pull_back


@truth
def embedding(weight: Array, x: Array, grad_output: Array | None = None) -> Answer:
    tensor = torch.tensor(weight, requires_grad=True)
    output = torch.nn.functional.embedding(torch.tensor(x.astype(np.int64)), tensor)
    if grad_output is None:
        return {"output": output.detach().numpy()}
    return pull_back({"output": (output, grad_output)}, weight=tensor)


def forward_mistakes(weight: Array, x: Array) -> Answer:
    return {"each symbol has the row before its own; symbols count from 0": {"output": weight[x.astype(np.int64) - 1]}}


def gradient_mistakes(weight: Array, x: Array, grad_output: Array) -> Answer:
    right = embedding(weight, x, grad_output)["weight_grad"]
    occurrences = np.bincount(x.ravel(), minlength=len(weight))[:, None]
    last = np.zeros_like(weight)
    last[x] = grad_output
    return {
        "of the gradients of a repeated symbol only the last is kept; they add up": {"weight_grad": last},
        "the gradients of a repeated symbol are averaged; they add up": {
            "weight_grad": (right / np.maximum(1, occurrences)).astype(weight.dtype)
        },
        "the gradients are averaged over all symbols; only a loss averages": {
            "weight_grad": right / weight.dtype.type(max(1, x.size))
        },
    }

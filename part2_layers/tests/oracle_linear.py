"""Torch's linear layer, and what known mistakes would give."""

from __future__ import annotations

import torch

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array, with_state
from part2_layers.tests.oracle import forward_and_backward


@truth
def linear(x: Array, weight: Array, bias: Array | None, grad_output: Array | None = None) -> Answer:
    out_features, in_features = weight.shape
    layer = torch.nn.Linear(in_features, out_features, bias=bias is not None)
    return forward_and_backward(with_state(layer, {"weight": weight, "bias": bias}, weight.dtype), x, grad_output)


def output_mistakes(x: Array, weight: Array, bias: Array | None) -> Answer:
    return {} if bias is None else {"the bias is missing": {"output": x @ weight.T}}


def gradient_mistakes(x: Array, weight: Array, bias: Array | None, grad_output: Array) -> Answer:
    rows, grad_rows = x.reshape(-1, weight.shape[1]), grad_output.reshape(-1, weight.shape[0])
    count = max(1, len(rows))
    weight_grad = {"weight_grad": grad_rows.T @ rows / count}
    bias_grad = {} if bias is None else {"bias_grad": grad_rows.sum(axis=0) / count}
    mistakes: dict[str, Answer] = {
        "the gradients are averaged over the batch; only a loss averages, a layer adds up": weight_grad | bias_grad,
        "grad_output is divided by the size of the batch; only a loss averages": {
            "x_grad": grad_output @ weight / count,
            **weight_grad,
            **bias_grad,
        },
    }
    return mistakes | ({"bias_grad is averaged over the batch; it is the sum": bias_grad} if bias_grad else {})

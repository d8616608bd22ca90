"""Probes of SpeechEmbedding: build it or one of its layers with given parameters, and run it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from part5_transformers.speech_embedding import (
    ReducingConvolution,
    ReducingLSTM,
    SpeechEmbedding,
    reduced,
    without_padding,
)
from part5_transformers.tests.probe_answers import named

Array = np.ndarray
Named = dict[str, Any]
State = Mapping[str, Array]

RETURNED = ("output", "lengths")


def reduce_lengths(lengths: Array, factor: int) -> Named:
    """Return reduced(lengths, factor)."""
    return {"lengths": reduced(torch.tensor(lengths), factor)}


def reduce_lengths_and_argument(lengths: Array, factor: int) -> Named:
    """Return the same, and what the argument holds afterwards."""
    given = torch.tensor(lengths)
    return {"lengths": reduced(given, factor), "lengths afterwards": given}


def downsample_lengths(lengths: Array, factor: int) -> Named:
    """Call downsampled_lengths of an embedding with this time_reduction."""
    return {"lengths": SpeechEmbedding(1, 2, factor, "conv").downsampled_lengths(torch.tensor(lengths))}


def mask(x: Array, lengths: Array) -> Named:
    """Return without_padding(x, lengths)."""
    return {"output": without_padding(torch.tensor(x), torch.tensor(lengths))}


def mask_and_arguments(x: Array, lengths: Array) -> Named:
    """Return the same, and what the arguments hold afterwards."""
    frames, given = torch.tensor(x), torch.tensor(lengths)
    output = without_padding(frames, given)
    return {"output": output, "x afterwards": frames, "lengths afterwards": given}


def mask_and_backward(x: Array, lengths: Array, grad_output: Array) -> Named:
    """Return the gradient of x through without_padding."""
    frames = torch.tensor(x, requires_grad=True)
    (without_padding(frames, torch.tensor(lengths)) * torch.tensor(grad_output)).sum().backward()
    return {"x_grad": frames.grad}


def group(x: Array, factor: int) -> Named:
    """Return the groups that an LSTM reads."""
    return {"groups": ReducingLSTM(x.shape[2], 2, factor).group(torch.tensor(x))}


def group_and_backward(x: Array, factor: int, grad_output: Array) -> Named:
    """Return the gradient of x through the groups."""
    frames = torch.tensor(x, requires_grad=True)
    (ReducingLSTM(x.shape[2], 2, factor).group(frames) * torch.tensor(grad_output)).sum().backward()
    return {"x_grad": frames.grad}


def layer(kind: str, factor: int, state: State, x: Array, lengths: Array) -> Named:
    """Return what a layer makes of frames that are zero beyond each length."""
    built = _layer(kind, factor, state)
    return named(type(built).__name__, built(torch.tensor(x), torch.tensor(lengths)), RETURNED)


def layer_and_backward(kind: str, factor: int, state: State, x: Array, lengths: Array, grad_output: Array) -> Named:
    """Return the gradients of its parameters, and of x within each length: padding is zero here, and not learned."""
    frames, built = torch.tensor(x, requires_grad=True), _layer(kind, factor, state)
    output = named(type(built).__name__, built(frames, torch.tensor(lengths)), RETURNED)["output"]
    (output * torch.tensor(grad_output)).sum().backward()
    x_grad = torch.zeros_like(frames) if frames.grad is None else frames.grad
    within = [grad[:length] for grad, length in zip(x_grad.numpy(), lengths, strict=True)]
    return {"x_grad": within, **_parameter_gradients(built)}


def forward(sizes: Named, state: State, x: Array, lengths: Array) -> Named:
    """Return embeddings and lengths in evaluation mode."""
    torch.manual_seed(0)  # else what is dropped by mistake differs from call to call
    return _embedded(_embedding(sizes, state).eval(), torch.tensor(x), torch.tensor(lengths))


def forward_in_training(sizes: Named, state: State, x: Array, lengths: Array, seed: int) -> Named:
    """Return embeddings in training mode, with torch's generator at this seed."""
    torch.manual_seed(seed)
    return {"output": _embedded(_embedding(sizes, state).train(), torch.tensor(x), torch.tensor(lengths))["output"]}


def forward_and_backward(sizes: Named, state: State, x: Array, lengths: Array, grad_output: Array) -> Named:
    """Return the gradients of x and of all parameters, in training mode."""
    frames, model = torch.tensor(x, requires_grad=True), _embedding(sizes, state).train()
    output = _embedded(model, frames, torch.tensor(lengths))["output"]
    (output * torch.tensor(grad_output)).sum().backward()
    return {"x_grad": frames.grad, **_parameter_gradients(model)}


def steps(sizes: Named, lengths: Array, seed: int) -> Named:
    """Return the lengths that a new embedding gives and announces, and how many of its steps are not zero."""
    torch.manual_seed(seed)
    model, given = SpeechEmbedding(**sizes).eval(), torch.tensor(lengths)
    with torch.no_grad():
        got = _embedded(model, torch.randn(len(lengths), int(given.max()), sizes["input_dim"]), given)
    output = got["output"]
    return {
        "lengths": got["lengths"],
        "downsampled_lengths": model.downsampled_lengths(given),
        "steps that are not zero": (output != 0).any(dim=2).sum(dim=1),
        "all steps": output.shape[1],
    }


def build(sizes: Named) -> None:
    """Return SpeechEmbedding(**sizes)."""
    SpeechEmbedding(**sizes)


def _layer(kind: str, factor: int, state: State) -> nn.Module:
    if kind == "convolution":
        outputs, inputs, _ = state["convolution.weight"].shape
        return _with(ReducingConvolution(inputs, outputs, factor), state)
    gates, inputs = state["lstm.weight_ih_l0"].shape
    return _with(ReducingLSTM(inputs // factor, gates // 2, factor), state)


def _embedding(sizes: Named, state: State) -> nn.Module:
    return _with(SpeechEmbedding(**sizes), state)


def _embedded(model: nn.Module, x: torch.Tensor, lengths: torch.Tensor) -> Named:
    return named("forward", model(x, lengths), RETURNED)


def _with(module: nn.Module, state: State) -> nn.Module:
    """Return the module with these parameters, in their dtype."""
    given = {name: torch.tensor(value) for name, value in state.items()}
    module = module.to(next(iter(given.values())).dtype)
    module.load_state_dict(given)
    return module


def _parameter_gradients(module: nn.Module) -> Named:
    return {f"{name}_grad": parameter.grad for name, parameter in module.named_parameters()}

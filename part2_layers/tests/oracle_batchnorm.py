"""Torch's batch normalisation, and what known mistakes would give."""

from __future__ import annotations

import numpy as np
import torch

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array, with_state
from part2_layers.tests import oracle
from part2_layers.tests.oracle import array_of


@truth
def forward(x: Array, state: Answer, eps: float, momentum: float, training: bool) -> Answer:
    layer = _layer(state, eps, momentum).train(training)
    return {"output": array_of(layer(torch.tensor(x))), "state": _state(layer)}


@truth
def forward_and_backward(
    x: Array, state: Answer, eps: float, momentum: float, training: bool, grad_output: Array
) -> Answer:
    return oracle.forward_and_backward(_layer(state, eps, momentum).train(training), x, grad_output)


@truth
def train(batches: list[Array], state: Answer, eps: float, momentum: float | None) -> Answer:
    layer = _layer(state, eps, momentum)
    for batch in batches:
        layer(torch.tensor(batch))
    return {"state": _state(layer)}


@truth
def train_and_evaluate(batches: list[Array], x: Array, state: Answer, eps: float, momentum: float) -> Answer:
    trained = train(batches, state, eps, momentum)["state"]
    return forward(x, trained, eps, momentum, training=False)


@truth
def new_state(num_features: int) -> Answer:
    state = _state(torch.nn.BatchNorm1d(num_features))
    return {"names": list(state), "state": state}


def _layer(state: Answer, eps: float, momentum: float | None) -> torch.nn.Module:
    weight = state["weight"]
    return with_state(torch.nn.BatchNorm1d(len(weight), eps, momentum), state, weight.dtype)


def _state(layer: torch.nn.Module) -> Answer:
    return {name: array_of(value) for name, value in layer.state_dict().items()}


# Mistakes of forward, of the running statistics, and of backward


def output_mistakes(x: Array, state: Answer, eps: float, momentum: float, training: bool) -> Answer:
    if x.size == 0:
        return {}
    weight, bias = _per_channel(state["weight"], x), _per_channel(state["bias"], x)
    mean, var = _statistics(x, state, training)
    other_mean, other_var = _statistics(x, state, not training)
    deviation = np.sqrt(var + eps)

    def normalised(mean: Array, deviation: Array) -> Array:
        return weight * (x - mean) / deviation + bias

    outputs = {
        "the root is missing: y = w · (x - μ) / √(σ² + ε) + b": normalised(mean, deviation**2),
        "ε is missing: y = w · (x - μ) / √(σ² + ε) + b": normalised(mean, np.sqrt(var)),
        "ε is the default, 1e-5; it is the layer's own": normalised(mean, np.sqrt(var + 1e-5)),
        "ε is added to σ; it belongs under the root, √(σ² + ε)": normalised(mean, np.sqrt(var) + eps),
        "μ is not subtracted": normalised(0 * mean, deviation),
        "weight and bias are missing": (x - mean) / deviation,
        "the bias is missing": weight * (x - mean) / deviation,
        "the statistics are those of the other mode; training takes the batch's, evaluation the running ones": (
            normalised(other_mean, np.sqrt(other_var + eps))
        ),
    }
    if training:
        unbiased = var * _count(x) / (_count(x) - 1)
        outputs |= {
            "σ² is the unbiased variance; a batch is normalised with the biased one, Σ (x - μ)² / m": (
                normalised(mean, np.sqrt(unbiased + eps))
            ),
            "the statistics are those of all numbers together; each channel has its own": (
                normalised(x.mean(), np.sqrt(x.var() + eps))
            ),
        }
    return {sentence: {"output": output} for sentence, output in outputs.items()}


def state_mistakes(batches: list[Array], state: Answer, eps: float, momentum: float) -> Answer:
    right = train(batches, state, eps, momentum)["state"]
    biased = state["running_var"]
    for batch in batches:
        biased = (1 - momentum) * biased + momentum * batch.var(axis=_other_axes(batch))
    unchanged = {name: state[name] for name in ("running_mean", "running_var")}
    uncounted = {"num_batches_tracked": state["num_batches_tracked"]}
    states = {
        "running_var moves towards the biased variance; what is kept is the unbiased one, m / (m - 1) times it": (
            {**right, "running_var": biased}
        ),
        "momentum is the share of the new value, not of the old one": train(batches, state, eps, 1 - momentum)["state"],
        "momentum is the default, 0.1; it is the layer's own": train(batches, state, eps, 0.1)["state"],
        "the running statistics are replaced; they move by momentum": train(batches, state, eps, 1.0)["state"],
        "running_var stays as it was": {**right, "running_var": state["running_var"]},
        "the running statistics stay as they were": {**right, **unchanged},
        "num_batches_tracked does not count": {**right, **uncounted},
        "nothing in the state has changed": {**right, **unchanged, **uncounted},
    }
    return {sentence: {"state": wrong} for sentence, wrong in states.items()}


def gradient_mistakes(
    x: Array, state: Answer, eps: float, momentum: float, training: bool, grad_output: Array
) -> Answer:
    if x.size == 0:
        return {}
    right = forward_and_backward(x, state, eps, momentum, training, grad_output)
    mean, var = _statistics(x, state, training)
    deviation, weight = np.sqrt(var + eps), _per_channel(state["weight"], x)
    x_hat, x_hat_grad = (x - mean) / deviation, grad_output * weight
    axes, count = _other_axes(x), _count(x)
    without_weight = {**state, "weight": np.ones_like(state["weight"])}
    along_x = (grad_output * x).sum(axis=axes)  # in the place of Σ g x̂
    through_mean = x_hat_grad.mean(axis=axes, keepdims=True)
    through_var = x_hat * (x_hat_grad * x_hat).mean(axis=axes, keepdims=True)
    mistakes = {
        "the weight is missing from x_grad": {
            "x_grad": forward_and_backward(x, without_weight, eps, momentum, training, grad_output)["x_grad"]
        },
    }
    averaged = {name: right[name] / count for name in ("weight_grad", "bias_grad")}
    swapped = {"weight_grad": right["bias_grad"], "bias_grad": right["weight_grad"]}
    if training:
        sums = {name: _per_channel(value, x) * weight for name, value in swapped.items()}
        x_grad_of_swapped = (x_hat_grad - (sums["bias_grad"] + x_hat * sums["weight_grad"]) / count) / deviation
        return mistakes | {
            "μ and σ² are taken as constants; in training they depend on every x": {"x_grad": x_hat_grad / deviation},
            "what x does to σ² is missing: - x̂ · Σ (g x̂) / m": {"x_grad": (x_hat_grad - through_mean) / deviation},
            "what x does to μ is missing: - Σ g / m": {"x_grad": (x_hat_grad - through_var) / deviation},
            "Σ g and Σ g x̂ are means here; only x_grad divides them by m, and once": {
                "x_grad": (x_hat_grad - (through_mean + through_var) / count) / deviation,
                **averaged,
            },
            "Σ g x takes the place of Σ g x̂; the weight multiplies x̂": {
                "x_grad": (x_hat_grad - through_mean - x_hat * _per_channel(along_x, x) * weight / count) / deviation,
                "weight_grad": along_x,
            },
            "weight_grad and bias_grad are swapped": {"x_grad": x_grad_of_swapped, **swapped},
            "Σ g and Σ g x̂ are divided by b; m, the number of values per channel, is b · t": {
                "x_grad": (x_hat_grad - (through_mean + through_var) * count / len(x)) / deviation
            },
            "Σ g and Σ g x̂ are not divided by m, the number of values per channel": {
                "x_grad": (x_hat_grad - count * (through_mean + through_var)) / deviation
            },
        }
    return mistakes | {
        "the gradients of the parameters are averaged; only a loss averages, a layer adds up": averaged,
        "Σ g x takes the place of Σ g x̂; the weight multiplies x̂": {"weight_grad": along_x},
        "weight_grad and bias_grad are swapped": swapped,
        "this is the gradient of training; in evaluation the statistics are constants": {
            "x_grad": (x_hat_grad - through_mean - through_var) / deviation
        },
        "1 / √(σ² + ε) is missing from x_grad": {"x_grad": x_hat_grad},
        "the root is missing: 1 / √(σ² + ε)": {"x_grad": x_hat_grad / deviation**2},
    }


def mode_mistakes(x: Array, state: Answer, eps: float, momentum: float, training: bool, grad_output: Array) -> Answer:
    """Mistakes of a layer whose mode changes between forward and backward."""
    constant = "μ and σ² are taken as constants; in training they depend on every x"
    not_constant = "this is the gradient of training; in evaluation the statistics are constants"
    gradients = gradient_mistakes(x, state, eps, momentum, training, grad_output)
    sentence = "backward goes by the mode that the layer is in by now; what counts is the mode of its forward"
    return {sentence: gradients[constant if training else not_constant]}


@truth
def run_twice(x: Array, state: Answer, eps: float, momentum: float, training: bool, grad_output: Array) -> Answer:
    """Return the gradients after two backward passes, and after zero_grad."""
    right = forward_and_backward(x, state, eps, momentum, training, grad_output)
    return _twice(right, right)


def twice_mistakes(x: Array, state: Answer, eps: float, momentum: float, training: bool, grad_output: Array) -> Answer:
    right = forward_and_backward(x, state, eps, momentum, training, grad_output)
    of_x_grad = forward_and_backward(x, state, eps, momentum, training, right["x_grad"])
    return {
        "grad_output was changed in place; make a new array": _twice(right, of_x_grad),
        "the gradients of the parameters are overwritten by a second backward; each backward must add": (
            {**_twice(right, right), "twice": right}
        ),
    }


def _twice(first: Answer, second: Answer) -> Answer:
    sums = {name: first[name] + second[name] for name in ("weight_grad", "bias_grad")}
    return {
        "twice": {**second, **sums},
        "after zero_grad": {name: np.zeros_like(value) for name, value in sums.items()},
    }


def _statistics(x: Array, state: Answer, training: bool) -> tuple[Array, Array]:
    """μ and σ² in a shape that broadcasts over x."""
    if training:
        return x.mean(axis=_other_axes(x), keepdims=True), x.var(axis=_other_axes(x), keepdims=True)
    return _per_channel(state["running_mean"], x), _per_channel(state["running_var"], x)


def _per_channel(values: Array, x: Array) -> Array:
    return values.reshape(-1, *[1] * (x.ndim - 2))


def _other_axes(x: Array) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _count(x: Array) -> int:
    return x.size // x.shape[1]

"""Torch's activations, which have the names and options of ours, and what known mistakes would give."""

from __future__ import annotations

import math

import numpy as np
import torch

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array
from part2_layers.tests.oracle import forward_and_backward

SMALL_NUMBERS = tuple(10.0**-power for power in range(4, 9))


@truth
def activation(name: str, options: Answer, x: Array, grad_output: Array | None = None) -> Answer:
    if name == "Softmax":
        options = {"dim": -1, **options}  # torch's default depends on the number of axes, and is deprecated
    return forward_and_backward(getattr(torch.nn, name)(**options), x, grad_output)


@truth
def far_from_zero(name: str, options: Answer, x: Array, grad_output: Array | None = None) -> Answer:
    """GELU of numbers beyond ±40 is ReLU.  Torch itself gives nan for the gradient of the approximation at 10²⁵."""
    return forward_and_backward(torch.nn.ReLU(), x, grad_output)


# Mistakes of forward, then of backward


def output_mistakes(name: str, options: Answer, x: Array) -> Answer:
    return {sentence: {"output": output} for sentence, output in _OUTPUTS[name](x, **options).items()}


def gradient_mistakes(name: str, options: Answer, x: Array, grad_output: Array) -> Answer:
    output = activation(name, options, x)["output"]
    return {
        "grad_output is missing: backward gives the slope alone": {"x_grad": slope(name, options, x)},
        **{
            sentence: {"x_grad": x_grad}
            for sentence, x_grad in _GRADIENTS[name](grad_output, x, output, **options).items()
        },
    }


def slope(name: str, options: Answer, x: Array) -> Array:
    """Return the gradient for an upstream gradient of ones."""
    return activation(name, options, x, np.ones_like(x))["x_grad"]


def _sigmoid_outputs(x: Array) -> Answer:
    return {
        "the exponent has the wrong sign: σ(x) = 1 / (1 + e⁻ˣ)": 1 / (1 + np.exp(x)),
        "this is tanh(x); σ(x) = ½ (1 + tanh(x/2))": np.tanh(x),
        "x is not halved: σ(x) = ½ (1 + tanh(x/2))": 0.5 * (1 + np.tanh(x)),
    }


def _sigmoid_gradients(g: Array, x: Array, y: Array) -> Answer:
    return {
        "y (1 - y) takes y = σ(x), not x": g * x * (1 - x),
        "the factor y is missing from y (1 - y)": g * (1 - y),
        "the factor 1 - y is missing from y (1 - y)": g * y,
        "this is the rule of tanh, 1 - y²; the slope of σ is y (1 - y)": g * (1 - y**2),
    }


def _tanh_outputs(x: Array) -> Answer:
    return {
        "this is σ(x); tanh(x) = 2 σ(2x) - 1": 1 / (1 + np.exp(-x)),
        "x is not doubled: tanh(x) = 2 σ(2x) - 1": np.tanh(x / 2),
    }


def _tanh_gradients(g: Array, x: Array, y: Array) -> Answer:
    return {
        "1 - y² takes y = tanh(x), not x": g * (1 - x**2),
        "y is not squared in 1 - y²": g * (1 - y),
        "this is the rule of σ, y (1 - y); the slope of tanh is 1 - y²": g * y * (1 - y),
    }


def _relu_outputs(x: Array) -> Answer:
    return {
        "this is |x|; ReLU makes negative numbers zero": np.abs(x),
        "this is the slope, 0 or 1; ReLU keeps the numbers above zero": (x > 0).astype(x.dtype),
        "this is min(x, 0), the other half": np.minimum(x, 0),
        "negative numbers are multiplied by 0.01, as in leaky ReLU; ReLU makes them zero": np.where(x > 0, x, x / 100),
    }


def _relu_gradients(g: Array, x: Array, y: Array) -> Answer:
    return {
        "the gradient passes where x = 0 too; the slope there is taken as 0, as in torch": g * (x >= 0),
        "the gradient is multiplied by ReLU(x); the slope is 1 where x > 0": g * y,
        "a negative gradient is cut off; what counts is the sign of x, not of the gradient": np.maximum(g, 0) * (x > 0),
    }


def _gelu_outputs(x: Array, approximate: str = "none") -> Answer:
    other = "tanh" if approximate == "none" else "none"
    cdf = _cdf(x, approximate)
    mistakes = {
        f"approximate='{approximate}' was asked for; this is '{other}'": x * _cdf(x, other),
        "the factor x is missing: GELU(x) = x · Φ(x)": cdf,
        "the ½ of Φ is missing": 2 * x * cdf,
    }
    if approximate == "none":
        return mistakes | {"erf takes x/√2, not x": x * 0.5 * (1 + _erf(x))}
    return mistakes | {
        "x is squared in the approximation, where it must be cubed": _approximation(x, 0.044715 * x**2),
        "√(2/π) is missing from the approximation": _approximation(x, 0.044715 * x**3, 1.0),
        "x³ is missing from the approximation": _approximation(x, 0 * x),
    }


def _gelu_gradients(g: Array, x: Array, y: Array, approximate: str = "none") -> Answer:
    cdf, density = _cdf(x, approximate), _density(x, approximate)
    other = "tanh" if approximate == "none" else "none"
    mistakes = {
        "the product rule's second term, x · Φ'(x), is missing": g * cdf,
        "the product rule's first term, Φ(x), is missing": g * x * density,
        "x is missing from the product rule's second term, x · Φ'(x)": g * (cdf + density),
        f"approximate='{approximate}' was asked for; this is '{other}'": g * (_cdf(x, other) + x * _density(x, other)),
    }
    if approximate == "none":
        bell = np.exp(-(x**2) / 2)
        return mistakes | {
            "1/√(2π) is missing from Φ'(x) = e^(-x²/2) / √(2π)": g * (cdf + x * bell),
            "x² is not halved in Φ'(x) = e^(-x²/2) / √(2π)": g * (cdf + x * bell**2 / math.sqrt(2 * math.pi)),
        }
    outer = 0.5 * (1 - (2 * cdf - 1) ** 2)
    return mistakes | {
        "Φ'(x) is that of the exact Φ; the approximation has a slope of its own": g * (cdf + x * _density(x, "none")),
        "the inner derivative, √(2/π) (1 + 3 · 0.044715 x²), is missing": g * (cdf + x * outer),
        "the 3 is missing from the inner derivative, √(2/π) (1 + 3 · 0.044715 x²)": g
        * (cdf + x * outer * math.sqrt(2 / math.pi) * (1 + 0.044715 * x**2)),
    }


def _softmax_outputs(x: Array, dim: int = -1) -> Answer:
    exponentials = np.exp(x)
    largest = exponentials.max(axis=dim, keepdims=True, initial=0)
    return {
        "the exponentials are not divided by their sum": exponentials,
        "max x is subtracted, but the exponentials are not divided by their sum": exponentials / largest,
        "the sum is over all exponentials; it is over those along dim": exponentials / exponentials.sum(),
        "the sum is along the last axis; it is along dim": activation("Softmax", {"dim": -1}, x)["output"],
        "the sum is along the first axis; it is along dim": activation("Softmax", {"dim": 0}, x)["output"],
        "this is the logarithm of softmax": np.log(activation("Softmax", {"dim": dim}, x)["output"]),
        **_nearly_softmax(x, dim),
    }


def _nearly_softmax(x: Array, dim: int) -> Answer:
    """Return a small number below the fraction."""
    exponentials = np.exp(x)
    largest, total = exponentials.max(axis=dim, keepdims=True, initial=0), exponentials.sum(axis=dim, keepdims=True)
    return {
        f"{number:g} is added to the sum of the exponentials, which {why}": exponentials / (total + number * unit)
        for number in SMALL_NUMBERS
        for why, unit in (
            ("without it is at least 1 and never zero", largest),
            ("is never zero once max x is subtracted", np.ones_like(largest)),
        )
    }


def _softmax_gradients(g: Array, x: Array, y: Array, dim: int = -1) -> Answer:
    return {
        "Σ g y is missing: each input moves every output, since they sum to one": g * y,
        "only yᵢ's slope by xᵢ counts here, y (1 - y); each input moves every output": g * y * (1 - y),
        "y is missing from Σ g y": y * (g - g.sum(axis=dim, keepdims=True)),
        "Σ g y is over everything; it is along dim": y * (g - (g * y).sum()),
        "Σ g y is along the last axis; it is along dim": y * (g - (g * y).sum(axis=-1, keepdims=True)),
        "the factor y in front of (g - Σ g y) is missing": g - (g * y).sum(axis=dim, keepdims=True),
    }


_OUTPUTS = {
    "Sigmoid": _sigmoid_outputs,
    "Tanh": _tanh_outputs,
    "ReLU": _relu_outputs,
    "GELU": _gelu_outputs,
    "Softmax": _softmax_outputs,
}
_GRADIENTS = {
    "Sigmoid": _sigmoid_gradients,
    "Tanh": _tanh_gradients,
    "ReLU": _relu_gradients,
    "GELU": _gelu_gradients,
    "Softmax": _softmax_gradients,
}


# GELU(x) = x · Φ(x)


def _erf(x: Array) -> Array:
    return torch.erf(torch.tensor(x)).numpy()


def _cdf(x: Array, approximate: str) -> Array:
    """Φ(x)."""
    if approximate == "none":
        return 0.5 * (1 + _erf(x * math.sqrt(0.5)))
    return 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def _density(x: Array, approximate: str) -> Array:
    """Φ'(x)."""
    if approximate == "none":
        return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    return 0.5 * (1 - (2 * _cdf(x, "tanh") - 1) ** 2) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)


def _approximation(x: Array, correction: Array, factor: float = math.sqrt(2 / math.pi)) -> Array:
    return 0.5 * x * (1 + np.tanh(factor * (x + correction)))

"""Activations: functions of each number by itself, and Softmax, which looks along an axis.

None of them has parameters, so backward only multiplies grad_output by the derivative.
No finite input may overflow on the way: exp(-x) does at x = -1000, and x³ at 10¹³ in float32.
A batch of none and a single number (an array without axes) are inputs too.
"""

from __future__ import annotations

import math

import numpy as np
from numpy import ndarray
from scipy.special import erf

from part2_layers.module import Module, checked_backward, checked_forward


class Identity(Module):
    """y = x."""

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """y = x."""
        return x

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g."""
        return grad_output


class Sigmoid(Module):
    """σ(x) = 1 / (1 + e⁻ˣ)."""

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """y = 1 / (1 + e⁻ˣ), without overflow however negative x is.  Shapes: x (...), y (...)."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "activation.forward: y = 1 / (1 + e⁻ˣ). "
            "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g · y (1 - y)."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "activation.backward: g · y (1 - y). "
            "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )


class Tanh(Module):
    """tanh(x)."""

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """y = tanh(x).  Shapes: x (...), y (...)."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "activation.forward: y = tanh(x). See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g · (1 - y²)."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "activation.backward: g · (1 - y²). See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )


class ReLU(Module):
    """max(x, 0)."""

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """y = max(x, 0).  Shapes: x (...), y (...)."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "activation.forward: y = max(x, 0). See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g where x > 0, and 0 elsewhere, at x = 0 too."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "activation.backward: g where x > 0, else 0. "
            "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )


class GELU(Module):
    """x · Φ(x), where Φ is the normal distribution's cumulative function     (Hendrycks and Gimpel 2016).

    approximate="tanh": x · ½ (1 + tanh(√(2/π) (x + 0.044715 x³))).
    Raises ValueError for another approximation.
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ValueError(f"approximate must be 'none' or 'tanh'; got {approximate!r}.")
        self.approximate = approximate

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """y = x · Φ(x), or its approximation with tanh.  Shapes: x (...), y (...)."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "gelu.forward: x · Φ(x), where Φ(x) = ½ (1 + erf(x/√2)), or Φ's approximation with tanh. "
            "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g · (Φ(x) + x · Φ'(x)), where Φ'(x) = e^(-x²/2) / √(2π), or the approximation's derivative."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "gelu.backward: g · (Φ(x) + x · Φ'(x)). "
            "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )


def normal_cdf(x: ndarray) -> ndarray:
    """Φ(x) = ½ (1 + erf(x/√2))."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "gelu.forward: ½ (1 + erf(x/√2)); erf is imported. "
        "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def normal_density(x: ndarray) -> ndarray:
    """Φ'(x) = e^(-x²/2) / √(2π), which is zero long before x² overflows."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "gelu.backward: e^(-x²/2) / √(2π), where x² must not overflow. "
        "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def approximate_tanh(x: ndarray) -> ndarray:
    """tanh(√(2/π) (x + 0.044715 x³)), which is ±1 long before x³ overflows."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "gelu.forward: tanh(√(2/π) (x + 0.044715 x³)), where x³ must not overflow. "
        "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def near_zero(x: ndarray) -> ndarray:
    """x, but no farther from zero than 40: e^(-40²/2) is zero in float64 too."""
    return np.clip(x, -40, 40)


class Softmax(Module):
    """e^x / Σ e^x along an axis: positive numbers that sum to one."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """yᵢ = exp(xᵢ - m) / Σⱼ exp(xⱼ - m) along dim, where m = max x, so that nothing overflows.

        An axis of length 0, dim too, gives an empty result.

        Shapes: x (...), y (...).  Raises ValueError if x has no axis dim.
        """
        if not -x.ndim <= self.dim < x.ndim:
            raise ValueError(f"dim must be an axis of x, from {-x.ndim} to {x.ndim - 1}; got {self.dim}.")
        # YOUR CODE HERE
        raise NotImplementedError(
            "softmax.forward: exp(x - max x), divided by its sum along dim. "
            "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dxᵢ = yᵢ · (gᵢ - Σⱼ gⱼ yⱼ): each input moves every output, since they sum to one."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "softmax.backward: y · (g - Σ g y), summed along dim. "
            "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )

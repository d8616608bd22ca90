"""Multi-layer perceptrons: two layers, three with batch normalisation, and many with skip connections."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import ndarray
from numpy.typing import DTypeLike

from part2_layers.activation import ReLU
from part2_layers.batchnorm import BatchNorm1d
from part2_layers.linear import Linear
from part2_layers.module import Module, check_shape, checked_backward, checked_forward, integer
from part2_layers.sequential import Sequential


class MLP(Module):
    """Base of the three: `self.layers` is all of the network."""

    layers: Module

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Return the output of the layers.  Shapes: x (b, in_features), y (b, out_features); b may be 0."""
        return self.layers.forward(x)

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx."""
        return self.layers.backward(grad_output)


class MLP0(MLP):
    """Linear, ReLU, Linear.  Names: layers.0.weight, layers.0.bias, layers.2.weight, layers.2.bias."""

    def __init__(
        self,
        in_features: int,
        hidden_size: int,
        out_features: int,
        *,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        rng = rng or np.random.default_rng()
        # YOUR CODE HERE
        raise NotImplementedError(
            "mlp.mlp0: self.layers = Sequential of Linear, ReLU, Linear, each Linear with dtype and rng. "
            "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )


class MLP1(MLP):
    """Linear, BatchNorm1d, ReLU for both hidden sizes, then Linear.  Its names begin with layers.0 to layers.6.

    Raises ValueError unless there are two hidden sizes.
    """

    def __init__(
        self,
        in_features: int,
        hidden_sizes: Sequence[int],
        out_features: int,
        *,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        if len(hidden_sizes) != 2:
            raise ValueError(f"hidden_sizes must be two sizes; got {hidden_sizes!r}.")
        rng = rng or np.random.default_rng()
        # YOUR CODE HERE
        raise NotImplementedError(
            "mlp.mlp1: self.layers = Sequential of seven layers, with dtype and rng where they take them. "
            "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )


class Residual(Module):
    """y = x + f(x), so that a gradient always has a way around f     (He et al. 2016).

    Names: those of f, after "inner.".
    """

    def __init__(self, inner: Module) -> None:
        super().__init__()
        self.inner = inner

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """y = x + f(x).  Shapes: x (b, d), y (b, d); b may be 0.  Raises ValueError if f changes the shape."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "residual.forward: x + f(x). See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx = g + f's gradient: x reaches the output by two paths."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "residual.backward: g + f.backward(g). "
            "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )


class MLP4(MLP):
    """Linear, num_blocks residual blocks of BatchNorm1d, ReLU, Linear, then BatchNorm1d, ReLU, Linear.

    Normalisation and ReLU come before each Linear, so that nothing stands in the way around     (He et al. 2016b).
    Its names begin with layers.0, then layers.1.inner.0 (BatchNorm1d) and layers.1.inner.2 (Linear) for each block.
    Raises ValueError for a negative num_blocks.
    """

    def __init__(
        self,
        in_features: int,
        hidden_size: int,
        out_features: int,
        num_blocks: int = 4,
        *,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        num_blocks = integer("num_blocks", num_blocks, minimum=0)
        rng = rng or np.random.default_rng()
        # YOUR CODE HERE
        raise NotImplementedError(
            "mlp.mlp4: self.layers = Sequential of Linear, num_blocks times Residual, and the last three. "
            "See part2_layers/README.md; SFRATORCH_CODE=solution runs the reference."
        )

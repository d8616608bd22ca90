"""Sequential as a fold over its layers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

from numpy import ndarray

from part2_layers.module import Module, checked_backward, checked_forward


class Sequential(Module):
    """y = fₙ(… f₂(f₁(x))).  Its names are 0.weight, 0.bias, 1.weight, …, as in torch."""

    def __init__(self, *layers: Module) -> None:
        super().__init__()
        if not all(isinstance(layer, Module) for layer in layers):
            raise TypeError(f"layers must be modules; got {', '.join(type(layer).__name__ for layer in layers)}.")
        if len(set(layers)) < len(layers):
            raise ValueError("layers must differ, since each remembers its last input; got one twice.")
        vars(self).update({str(position): layer for position, layer in enumerate(layers)})

    def __len__(self) -> int:
        """Return the number of layers."""
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Module]:
        """Return the layers in their order."""
        return (child for _, child in self.named_children())

    def __getitem__(self, position: int) -> Module:
        """Return the layer at this position."""
        return list(self)[position]

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Fold from the first layer."""
        return reduce(lambda value, layer: layer(value), self, x)

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """Fold from the last layer."""
        return reduce(lambda gradient, layer: layer.backward(gradient), list(self)[::-1], grad_output)

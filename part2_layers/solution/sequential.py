"""Sequential: layers one after another."""

from __future__ import annotations

from collections.abc import Iterator

from numpy import ndarray

from part2_layers.module import Module, checked_backward, checked_forward


class Sequential(Module):
    """y = fₙ(… f₂(f₁(x))).  Its names are 0.weight, 0.bias, 1.weight, …, as in torch.

    Raises TypeError for anything but modules, ValueError for a module that stands in two places.
    """

    def __init__(self, *layers: Module) -> None:
        super().__init__()
        for position, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise TypeError(f"layers must be modules; got {type(layer).__name__} at position {position}.")
            if any(layer is earlier for earlier in layers[:position]):
                raise ValueError(
                    f"layers must differ, since each remembers its last input; got one twice, at {position}."
                )
            setattr(self, str(position), layer)
        self.layers = layers

    def __len__(self) -> int:
        """Return the number of layers."""
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        """Return the layers in their order."""
        return iter(self.layers)

    def __getitem__(self, position: int) -> Module:
        """Return the layer at this position."""
        return self.layers[position]

    @checked_forward
    def forward(self, x: ndarray) -> ndarray:
        """Return the output of the last layer; each takes the output of the one before. Without layers: x."""
        ### BEGIN SOLUTION sequential.forward: hand x through every layer
        for layer in self.layers:
            x = layer.forward(x)
        return x
        ### END SOLUTION

    @checked_backward
    def backward(self, grad_output: ndarray) -> ndarray:
        """dL/dx, by the chain rule from the last layer to the first."""
        ### BEGIN SOLUTION sequential.backward: hand g through every layer's backward, the last layer's first
        for layer in reversed(self.layers):
            grad_output = layer.backward(grad_output)
        return grad_output
        ### END SOLUTION

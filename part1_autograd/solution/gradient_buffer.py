"""The gradient buffer: which gradient has arrived at which array.

Arrays are told apart by identity, not by value: two equal arrays are two variables, and so are an array and its view.
Python gives the address of a freed object to the next one, so the buffer keeps its arrays alive: otherwise a new array
could be taken for an old one.
"""

from __future__ import annotations

import numpy as np


class GradientBuffer:
    """Gradients of arrays, added up as they arrive.

    dL/dx = Σ dL/dy · ∂y/∂x over every y that was computed from x     (the multivariate chain rule)
    """

    __slots__ = ("_arrays", "_gradients")

    def __init__(self) -> None:
        self._arrays: dict[int, np.ndarray] = {}
        self._gradients: dict[int, np.ndarray] = {}  # of nothing that no gradient has reached: see `reached`

    def add_spot(self, array: np.ndarray) -> None:
        """Make room for the gradient of an array. A spot that is there already keeps its gradient."""
        ### BEGIN SOLUTION gradient_buffer.add_spot: keep the array under its identity
        self._arrays[id(array)] = array
        ### END SOLUTION

    def update(self, array: np.ndarray, gradient: np.ndarray) -> None:
        """Add a gradient to what has arrived at an array before.

        The gradient is copied: the caller may change it afterwards.
        Raises KeyError for an array without a spot, ValueError for a gradient of another shape.
        """
        ### BEGIN SOLUTION gradient_buffer.update: dL/dx ← dL/dx + gradient
        self._require_spot(array)
        if gradient.shape != array.shape:
            raise ValueError(f"gradient must have the array's shape {array.shape}; got {gradient.shape}.")
        arrived = self._gradients.get(id(array))
        self._gradients[id(array)] = np.array(gradient) if arrived is None else np.asarray(arrived + gradient)
        ### END SOLUTION

    def get(self, array: np.ndarray) -> np.ndarray:
        """Return the gradient of an array, zeros if none has arrived. Raises KeyError for an array without a spot."""
        ### BEGIN SOLUTION gradient_buffer.add_spot: the gradient of this very array, which starts at zero
        self._require_spot(array)
        arrived = self._gradients.get(id(array))
        return np.zeros_like(array) if arrived is None else arrived
        ### END SOLUTION

    def __contains__(self, array: np.ndarray) -> bool:
        """Say whether this very array has a spot."""
        ### BEGIN SOLUTION gradient_buffer.add_spot: look for the array's identity
        return id(array) in self._arrays
        ### END SOLUTION

    def __len__(self) -> int:
        """Count the spots."""
        ### BEGIN SOLUTION gradient_buffer.add_spot: count the spots
        return len(self._arrays)
        ### END SOLUTION

    def clear(self) -> None:
        """Forget every array and every gradient."""
        ### BEGIN SOLUTION gradient_buffer.add_spot: forget every array and every gradient
        self._arrays.clear()
        self._gradients.clear()
        ### END SOLUTION

    def reached(self, array: np.ndarray) -> bool:
        """Say whether a gradient has arrived at the array since it got its spot."""
        return id(array) in self._gradients

    def replace(self, array: np.ndarray, gradient: np.ndarray | None) -> None:
        """Let this be the array's gradient whatever has arrived before; None stands for: none has arrived."""
        self._arrays[id(array)] = array
        if gradient is None:
            self._gradients.pop(id(array), None)
        else:
            self._gradients[id(array)] = gradient

    def remove(self, array: np.ndarray) -> None:
        """Forget one array and its gradient, if they are here."""
        self._arrays.pop(id(array), None)
        self._gradients.pop(id(array), None)

    def identities(self) -> set[int]:
        """Return the id of every array that has a spot."""
        return set(self._arrays)

    def _require_spot(self, array: np.ndarray) -> None:
        if id(array) not in self._arrays:
            raise KeyError(f"array must have a spot; got an unknown array of shape {array.shape}. Call add_spot first.")

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
        # YOUR CODE HERE
        raise NotImplementedError(
            "gradient_buffer.add_spot: keep the array under its identity. "
            "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def update(self, array: np.ndarray, gradient: np.ndarray) -> None:
        """Add a gradient to what has arrived at an array before.

        The gradient is copied: the caller may change it afterwards.
        Raises KeyError for an array without a spot, ValueError for a gradient of another shape.
        """
        # YOUR CODE HERE
        raise NotImplementedError(
            "gradient_buffer.update: dL/dx ← dL/dx + gradient. "
            "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def get(self, array: np.ndarray) -> np.ndarray:
        """Return the gradient of an array, zeros if none has arrived. Raises KeyError for an array without a spot."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "gradient_buffer.add_spot: the gradient of this very array, which starts at zero. "
            "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def __contains__(self, array: np.ndarray) -> bool:
        """Say whether this very array has a spot."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "gradient_buffer.add_spot: look for the array's identity. "
            "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def __len__(self) -> int:
        """Count the spots."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "gradient_buffer.add_spot: count the spots. "
            "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def clear(self) -> None:
        """Forget every array and every gradient."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "gradient_buffer.add_spot: forget every array and every gradient. "
            "See part1_autograd/README.md; SFRATORCH_CODE=solution runs the reference."
        )

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

"""A buffer of one dict: identity -> [array, what has arrived, or None]."""

from __future__ import annotations

import numpy as np

Spot = tuple[np.ndarray, np.ndarray | None]


class GradientBuffer:
    def __init__(self) -> None:
        self._spots: dict[int, Spot] = {}

    def add_spot(self, array: np.ndarray) -> None:
        self._spots.setdefault(id(array), (array, None))

    def update(self, array: np.ndarray, gradient: np.ndarray) -> None:
        _, arrived = self._spot(array)
        if gradient.shape != array.shape:
            raise ValueError(f"gradient must have the array's shape {array.shape}; got {gradient.shape}.")
        total = gradient.copy() if arrived is None else np.add(arrived, gradient)
        self._spots[id(array)] = array, np.asarray(total)

    def get(self, array: np.ndarray) -> np.ndarray:
        _, arrived = self._spot(array)
        return np.zeros(array.shape, array.dtype) if arrived is None else arrived

    def __contains__(self, array: np.ndarray) -> bool:
        return id(array) in self._spots

    def __len__(self) -> int:
        return len(self._spots)

    def clear(self) -> None:
        self._spots = {}

    def reached(self, array: np.ndarray) -> bool:
        return array in self and self._spot(array)[1] is not None

    def replace(self, array: np.ndarray, gradient: np.ndarray | None) -> None:
        self._spots[id(array)] = array, gradient

    def remove(self, array: np.ndarray) -> None:
        self._spots.pop(id(array), None)

    def identities(self) -> set[int]:
        return set(self._spots)

    def _spot(self, array: np.ndarray) -> Spot:
        if array not in self:
            raise KeyError("array must have a spot; got an unknown one.")
        return self._spots[id(array)]

"""A buffer of spots, each of which adds up its gradient in place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(slots=True)
class Spot:
    array: np.ndarray
    gradient: np.ndarray | None = None


class GradientBuffer:
    def __init__(self) -> None:
        self._spots: dict[int, Spot] = {}

    def add_spot(self, array: np.ndarray) -> None:
        if array not in self:
            self._spots[id(array)] = Spot(array)

    def update(self, array: np.ndarray, gradient: np.ndarray) -> None:
        spot = self._spots[id(array)]
        if gradient.shape != array.shape:
            raise ValueError(f"gradient must have the array's shape {array.shape}; got {gradient.shape}.")
        if spot.gradient is None:
            spot.gradient = np.array(gradient)
        else:
            spot.gradient += gradient

    def get(self, array: np.ndarray) -> np.ndarray:
        spot = self._spots[id(array)]
        return np.zeros_like(array) if spot.gradient is None else spot.gradient

    def __contains__(self, array: np.ndarray) -> bool:
        return id(array) in self._spots

    def __len__(self) -> int:
        return len(self._spots)

    def clear(self) -> None:
        self._spots.clear()

    def reached(self, array: np.ndarray) -> bool:
        return array in self and self._spots[id(array)].gradient is not None

    def replace(self, array: np.ndarray, gradient: np.ndarray | None) -> None:
        self._spots[id(array)] = Spot(array, gradient)

    def remove(self, array: np.ndarray) -> None:
        self._spots.pop(id(array), None)

    def identities(self) -> set[int]:
        return set(self._spots)

"""Probes of a GradientBuffer: make spots, bring gradients, ask for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from part1_autograd.gradient_buffer import GradientBuffer


def make_spots(arrays: list[np.ndarray], chosen: list[int]) -> dict[str, Any]:
    """Make spots for the chosen arrays; then what the buffer knows, and the gradients that it has for them."""
    buffer = GradientBuffer()
    for position in chosen:
        buffer.add_spot(arrays[position])
    return {
        "len": len(buffer),
        "in": [array in buffer for array in arrays],
        "gradients": [buffer.get(arrays[position]) for position in chosen],
    }


def make_one_spot(array: np.ndarray) -> dict[str, Any]:
    """Make a spot for an array; then ask for others that hold the same numbers."""
    buffer = GradientBuffer()
    buffer.add_spot(array)
    return {"array": array in buffer, "copy": array.copy() in buffer, "view": array[...] in buffer, "len": len(buffer)}


def make_spots_for_temporaries(count: int, length: int) -> dict[str, Any]:
    """Make spots for arrays that nothing else keeps, then look for arrays that have none."""
    buffer = GradientBuffer()
    for _ in range(count):
        buffer.add_spot(np.zeros(length))
    strangers = [np.zeros(length) for _ in range(count)]
    return {"len": len(buffer), "strangers": sum(stranger in buffer for stranger in strangers)}


def clear(arrays: list[np.ndarray]) -> dict[str, Any]:
    """Make spots, then forget them all."""
    buffer = GradientBuffer()
    for array in arrays:
        buffer.add_spot(array)
    buffer.clear()
    return {"len": len(buffer), "in": [array in buffer for array in arrays]}


def get_without_spot(array: np.ndarray) -> np.ndarray:
    """Ask for the gradient of an array for which only a copy has a spot."""
    buffer = GradientBuffer()
    buffer.add_spot(array.copy())
    return buffer.get(array)


def update(arrays: list[np.ndarray], arrivals: list[list[Any]]) -> dict[str, Any]:
    """Bring gradients to arrays, each [position, gradient] in turn; the gradient of every array afterwards."""
    buffer = GradientBuffer()
    for array in arrays:
        buffer.add_spot(array)
    for position, gradient in arrivals:
        buffer.update(arrays[position], gradient)
    return {"gradients": [buffer.get(array) for array in arrays]}


def update_and_make_spot_again(array: np.ndarray, gradient: np.ndarray, clears: bool) -> dict[str, np.ndarray]:
    """Bring a gradient, clear the buffer or not, and make the spot again."""
    buffer = GradientBuffer()
    buffer.add_spot(array)
    buffer.update(array, gradient)
    if clears:
        buffer.clear()
    buffer.add_spot(array)
    return {"gradient": buffer.get(array)}


def update_two_arrays_with_one_gradient(
    array: np.ndarray, first: np.ndarray, second: np.ndarray
) -> dict[str, np.ndarray]:
    """Bring the same gradient to two arrays, then another to one of them; all gradients afterwards."""
    buffer, other = GradientBuffer(), array.copy()
    buffer.add_spot(array)
    buffer.add_spot(other)
    buffer.update(array, first)
    buffer.update(other, first)
    buffer.update(array, second)
    return {
        "array": buffer.get(array),
        "other": buffer.get(other),
        "first": first,
        "second": second,
    }


def update_without_spot(array: np.ndarray) -> dict[str, bool]:
    """Bring a gradient to an array for which only a copy has a spot; whether it has one then."""
    buffer = GradientBuffer()
    buffer.add_spot(array.copy())
    buffer.update(array, array)
    return {"spot": array in buffer}


def update_with_shape(array: np.ndarray, gradient: np.ndarray) -> None:
    """Bring a gradient of any shape."""
    buffer = GradientBuffer()
    buffer.add_spot(array)
    buffer.update(array, gradient)

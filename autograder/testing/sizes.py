"""The size that an answer may have: it is measured before it is decoded, kept or compared.

What is far larger than what the probe was given, or than the truth, is wrong whatever it holds: a submission spends its
own memory and time, and not the judge's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograder.testing.failures import TooLarge
from autograder.worker import wire

TIMES_GIVEN, TIMES_TRUTH = 64, 8
SPARE_BYTES = 2**20


def check_beside_given(answer: bytes, given: bytes) -> None:
    """Raise TooLarge for an encoded answer that is too large for the encoded arguments of its probe."""
    _check(wire.size_of(answer), TIMES_GIVEN, wire.size_of(given), "what the probe was given")


def check_beside_truth(answer: Any, truth: Any) -> None:
    """Raise TooLarge for an answer that is too large for this truth."""
    _check(size_of(answer), TIMES_TRUTH, size_of(truth), "the right answer")


def size_of(value: Any) -> int:
    """About the bytes of memory that plain data takes, as `wire.size_of` tells them before it is decoded."""
    if isinstance(value, Mapping):
        return wire.VALUE_BYTES + sum(size_of(key) + size_of(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return wire.VALUE_BYTES + sum(map(size_of, value))
    if isinstance(value, (np.ndarray, np.generic)):
        return wire.VALUE_BYTES + value.nbytes
    return wire.VALUE_BYTES + (len(value) if isinstance(value, (str, bytes)) else 0)


def _check(size: int, times: int, other: int, name: str) -> None:
    if size > times * other + SPARE_BYTES:
        raise TooLarge(
            f"the answer must be at most 1 MiB larger than {times} times {name} ({other / 1024:.1f} KiB of memory); "
            f"got {size / 1024:.1f} KiB."
        )

"""An answer is measured before it is decoded, and beside the truth before it is compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from autograder.testing.failures import TooLarge
from autograder.testing.sizes import SPARE_BYTES, check_beside_given, check_beside_truth, size_of
from autograder.tests.test_wire import plain_values
from autograder.worker import wire

GIVEN = wire.encode({"x": np.ones(1000)})
LARGEST = 64 * wire.size_of(GIVEN) + SPARE_BYTES
LITTLE_ARRAYS = [np.zeros(1)] * 20_000


def bytes_of(size: int) -> bytes:
    """An encoded answer of this size."""
    return wire.encode(bytes(size - wire.size_of(wire.encode(bytes(size))) + size))


@given(value=plain_values)
def test_the_size_is_about_the_same_before_and_after_decoding(value: Any) -> None:
    payload = wire.encode(value)
    size, decoded = wire.size_of(payload), size_of(wire.decode(payload))
    assert decoded <= 1.1 * size
    assert size <= 2.1 * decoded, "a tuple is two values on the wire"


def test_an_answer_may_be_so_large_and_no_larger() -> None:
    check_beside_given(bytes_of(LARGEST), GIVEN)
    with pytest.raises(TooLarge, match=r"64 times what the probe was given \(8.1 KiB of memory\); got 1543.9 KiB"):
        check_beside_given(bytes_of(LARGEST + 1), GIVEN)


def test_little_things_are_large() -> None:
    """20 000 arrays take 0.3 MB on the wire, and 2 MB and the time for 20 000 objects after that."""
    payload = wire.encode(LITTLE_ARRAYS)
    assert len(payload) < SPARE_BYTES // 2
    with pytest.raises(TooLarge):
        check_beside_given(payload, wire.encode({}))
    with pytest.raises(TooLarge, match="8 times the right answer"):
        check_beside_truth(LITTLE_ARRAYS, {"y": 1.0})


@pytest.mark.parametrize("value", [np.zeros(2**18), "x" * 2**21, b"x" * 2**21, {"x" * 2**21: 1}, ([0] * 2**14,)])
def test_whatever_is_large_is_too_large_for_a_small_truth(value: Any) -> None:
    with pytest.raises(TooLarge):
        check_beside_truth({"y": value}, {"y": np.zeros(3)})
    check_beside_truth({"y": value}, [{"y": value}])

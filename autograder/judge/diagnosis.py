"""Guess from the numbers what the learner did: "it looks like …".

A known mistake that the test names comes first; then the mistakes that every gradient can have.  Nothing is said that
the numbers do not show.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from autograder.judge.comparison import close
from autograder.judge.failures import Erred, Failure, Mismatch, Wrong


def diagnose(failure: Failure, arguments: Mapping[str, Any]) -> str:
    """One sentence on what the failure looks like, or nothing."""
    if isinstance(failure, Erred):
        return _EXCEPTIONS.get(failure.trace.kinds[0], "")
    if not isinstance(failure, Wrong):
        return ""
    mismatch = failure.mismatch
    if failure.mistake and not (mismatch is not None and _holds_nan(mismatch)):
        return failure.mistake
    if mismatch is None or mismatch.expected.dtype.kind != "f" or mismatch.got.dtype.kind not in "fiu":
        return ""
    if not mismatch.got.size:
        return ""
    arrays = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}
    rules = _RULES if mismatch.got.shape == mismatch.expected.shape else _SHAPE_RULES
    with np.errstate(all="ignore"):  # a warning would end up on the learner's terminal
        return next((sentence for rule in rules if (sentence := rule(mismatch, arrays))), "")


_FLOAT32_ROUNDING = 1e-6  # relative: a few roundings of float32; what is larger has another reason
Arrays = Mapping[str, np.ndarray]
Rule = Callable[[Mismatch, Arrays], str]


def _transposed_shape(mismatch: Mismatch, _: Arrays) -> str:
    got, expected = mismatch.got, mismatch.expected
    if got.ndim >= 2 and np.unique(got).size > 1 and got.T.shape == expected.shape and _equal(got.T, expected):
        return f"{mismatch.name} is transposed"
    return ""


def _still_broadcast(mismatch: Mismatch, _: Arrays) -> str:
    got, expected = mismatch.got, mismatch.expected
    added = got.ndim - expected.ndim
    if added < 0 or np.unique(got).size < 2:
        return ""
    stretched = [added + axis for axis, length in enumerate(expected.shape) if length == 1]
    summed = got.sum(axis=(*range(added), *stretched))
    if (added or stretched) and summed.size == expected.size and _equal(summed.reshape(expected.shape), expected):
        return f"{mismatch.name} is not summed over the axes along which its input was broadcast"
    return ""


def _not_summed(mismatch: Mismatch, _: Arrays) -> str:
    got, expected = mismatch.got, mismatch.expected
    if np.unique(got).size < 2:
        return ""  # ones sum to anything
    for axis in range(got.ndim):
        for keepdims in (False, True):
            if _equal(got.sum(axis=axis, keepdims=keepdims), expected):
                return f"{mismatch.name} is not summed over {_axis(axis)}"
            if _equal(got.mean(axis=axis, keepdims=keepdims), expected):
                return f"{mismatch.name} is not averaged over {_axis(axis)}"
    if got.size == expected.size and _equal(got.reshape(expected.shape), expected):
        return f"the values are right and their arrangement is not: {got.shape} instead of {expected.shape}"
    return ""


def _holds_nan(mismatch: Mismatch) -> bool:
    """Whether there is NaN where it should not be: two mistakes that both give NaN look the same."""
    is_same_shape = mismatch.got.shape == mismatch.expected.shape
    return is_same_shape and bool((np.isnan(mismatch.got) & ~np.isnan(mismatch.expected)).any())


def _not_finite(mismatch: Mismatch, _: Arrays) -> str:
    bad = ~np.isfinite(mismatch.got) & np.isfinite(mismatch.expected)
    if not bad.any():
        return ""
    kind = "NaN" if np.isnan(mismatch.got[bad]).any() else "infinity"
    causes = "an overflow, a division by zero, or the logarithm of 0"
    return f"{mismatch.name} holds {kind} where it should be finite: {causes}"


def _wrong_dtype(mismatch: Mismatch, _: Arrays) -> str:
    got, expected = mismatch.got, mismatch.expected
    if got.dtype != expected.dtype and _equal(got, expected):
        return f"the values are right and their dtype is not: {got.dtype} instead of {expected.dtype}"
    return ""


def _rounded(mismatch: Mismatch, _: Arrays) -> str:
    got, expected = mismatch.got, mismatch.expected
    if not np.isfinite(expected).all():
        return ""  # compared with infinity, every difference is small
    scale = max(1.0, float(np.abs(expected).max()))
    if expected.dtype.name == "float64" and (np.abs(got - expected) <= _FLOAT32_ROUNDING * scale).all():
        return "somewhere on the way the numbers were float32: they agree to seven digits only"
    return ""


def _zero(mismatch: Mismatch, _: Arrays) -> str:
    return f"{mismatch.name} is zero everywhere" if mismatch.got.size and not mismatch.got.any() else ""


def _an_input(mismatch: Mismatch, arrays: Arrays) -> str:
    for name, array in arrays.items():
        if (
            array.size > 1
            and np.unique(array).size > 1
            and array.shape == mismatch.got.shape
            and _equal(mismatch.got, array)
        ):
            return f"{mismatch.name} is {name}, unchanged"
    return ""


def _sign(mismatch: Mismatch, _: Arrays) -> str:
    return f"{mismatch.name} has the wrong sign" if _equal(-mismatch.got, mismatch.expected) else ""


def _transposed(mismatch: Mismatch, _: Arrays) -> str:
    got = mismatch.got
    if got.ndim >= 2 and got.shape[-1] == got.shape[-2] and _equal(np.swapaxes(got, -1, -2), mismatch.expected):
        return f"{mismatch.name} is transposed"
    return ""


def _factor(mismatch: Mismatch, arrays: Arrays) -> str:
    got, expected = mismatch.got.astype(np.float64), mismatch.expected.astype(np.float64)
    clear = np.abs(expected) > 1e-6 * max(1.0, float(np.abs(expected).max(initial=0.0)))
    if clear.sum() < 2 or np.unique(expected[clear]).size < 2:
        return ""
    factor = float(np.median(got[clear] / expected[clear]))
    if not math.isfinite(factor) or factor == 0 or not _equal(got, factor * expected):
        return ""
    return (
        f"{mismatch.name} is too large by the factor {_name_factor(factor, arrays)}"
        if abs(factor) > 1
        else f"{mismatch.name} is too small by the factor {_name_factor(1 / factor, arrays)}"
    )


def _offset(mismatch: Mismatch, _: Arrays) -> str:
    difference = mismatch.got - mismatch.expected
    if (
        difference.size >= 2
        and np.unique(mismatch.expected).size > 1
        and _equal(difference, np.full_like(difference, difference.flat[0]))
    ):
        return f"{mismatch.name} is off by {difference.flat[0]:.6g} everywhere"
    return ""


def _swapped(mismatch: Mismatch, _: Arrays) -> str:
    got, expected = mismatch.got, mismatch.expected
    for axis in range(got.ndim):
        if got.shape[axis] > 1 and _equal(np.flip(got, axis), expected):
            return f"{mismatch.name} is in reverse order along {_axis(axis)}"
    return ""


def _name_factor(factor: float, arrays: Arrays) -> str:
    for name, base in _lengths(arrays):
        for sign, minus in ((1, ""), (-1, "-")):
            if math.isclose(factor, sign * base, rel_tol=1e-5):
                return f"{minus}{base}, {name}"
            if math.isclose(factor, sign * math.sqrt(base), rel_tol=1e-5):
                return f"{minus}√{base}, the root of {name}"
    return f"{factor:.6g}"


def _lengths(arrays: Arrays) -> Iterator[tuple[str, int]]:
    for name, array in arrays.items():
        for axis, length in enumerate(array.shape):
            if length > 1:
                yield f"the length of {name}'s {_axis(axis)}", length
        if array.size > 1:
            yield f"the number of {name}'s values", array.size


def _axis(axis: int) -> str:
    return f"axis {axis}"


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    with np.errstate(all="ignore"):
        return (
            one.shape == other.shape and one.size > 0 and bool(close(np.asarray(one, dtype=other.dtype), other).all())
        )


_SHAPE_RULES: tuple[Rule, ...] = (_transposed_shape, _still_broadcast, _not_summed)
_RULES: tuple[Rule, ...] = (
    _wrong_dtype,
    _not_finite,
    _rounded,
    _zero,
    _an_input,
    _sign,
    _transposed,
    _factor,
    _offset,
    _swapped,
)
_EXCEPTIONS = {
    "RecursionError": "the function calls itself without an end, or goes deeper than Python allows: use a loop",
    "SystemExit": "the code ends the program; an exercise returns its result instead",
    "SyntaxError": "the file is not valid Python: an editor marks the line",
    "IndentationError": "the file is not valid Python: look at the indentation of the line above",
    "ModuleNotFoundError": "a module is missing; the exercises need only what the part's README names",
    "BdbQuit": "a breakpoint() is still there: it stops in a run with --debug",
    "WireError": "the result is not made of arrays, numbers and lists of them",
}

"""Guess from the numbers what the learner did: "it looks like …".

A known mistake that the test names comes first; then what the numbers show by themselves.  A sentence is said only if
it explains every value that differs, to the test's own tolerance, in every failure of the same kind that was seen: no
sentence is better than an untrue one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autograder.judge.failures import Erred
from autograder.testing.comparison import TOLERANCES, close, wrong_values
from autograder.testing.failures import Failure, Mismatch, Wrong

Arrays = Mapping[str, np.ndarray]
Rule = Callable[[Mismatch, Arrays], Iterator[str]]


class Seen:
    """The evidence of a failure beside the arguments of the probe in which it showed: sentences, and no array."""

    def __init__(self, failure: Failure, arguments: Mapping[str, Any]) -> None:
        self.kind = kind_of(failure)
        self.exception = failure.trace.kinds[0] if isinstance(failure, Erred) else ""
        self.mistakes = _known(failure)
        self.tells_something = _tells_something(failure)
        self.facts, self.patterns = _sentences(failure, arguments)


def explain(shown: Seen, others: Sequence[Seen] = ()) -> str:
    """One sentence that holds in the failure that is shown and in all others of its kind, or nothing."""
    if shown.exception:
        return _EXCEPTIONS.get(shown.exception, "")
    alike = [shown, *(other for other in others if other.kind == shown.kind)]
    for mistake in shown.mistakes:
        if all(mistake in one.mistakes for one in alike):
            return mistake
    with_patterns = any(one.tells_something for one in alike)
    found = [one.facts + one.patterns * with_patterns for one in alike]
    kinds = [set(map(without_numbers, sentences)) for sentences in found]
    return next((sentence for sentence in found[0] if all(without_numbers(sentence) in of for of in kinds)), "")


def kind_of(failure: Failure) -> tuple[object, ...]:
    """Give what two failures of the same kind share: the exception and its line, or what differs and how."""
    if isinstance(failure, Erred):
        return failure.trace.kinds[0], *((frame.path, frame.line) for frame in failure.trace.frames[-1:])
    mismatch = failure.mismatch if isinstance(failure, Wrong) else None
    if mismatch is None:
        return type(failure), re.sub(r"\d+", "", failure.message)
    got, expected = mismatch.got, mismatch.expected
    return mismatch.name, got.shape == expected.shape, got.dtype == expected.dtype, _is_lost(mismatch).any()


def _known(failure: Failure) -> tuple[str, ...]:
    """The known mistakes that explain it, but of NaN: two mistakes that both give NaN look the same."""
    mistakes = failure.mistakes if isinstance(failure, Wrong) else ()
    mismatch = failure.mismatch if isinstance(failure, Wrong) else None
    return () if mismatch is not None and np.isnan(mismatch.got[_is_lost(mismatch)]).any() else mistakes


def _is_lost(mismatch: Mismatch) -> np.ndarray:
    """Mark the values that are infinite or NaN and should not be; none, where they cannot be compared."""
    got, expected = mismatch.got, mismatch.expected
    if got.shape != expected.shape or got.dtype.kind not in "fc" or expected.dtype.kind not in "fc":
        return np.zeros(got.shape, dtype=bool)
    return ~np.isfinite(got) & np.isfinite(expected)


def _tells_something(failure: Failure) -> bool:
    """Tell whether there is more than one value to compare: 1 + 1 looks like twice 1, and 1 · 1 like anything."""
    mismatch = failure.mismatch if isinstance(failure, Wrong) else None
    if mismatch is None:
        return False
    is_same_shape = mismatch.got.shape == mismatch.expected.shape
    return np.unique(mismatch.expected if is_same_shape else mismatch.got).size > 1


def _sentences(failure: Failure, arguments: Mapping[str, Any]) -> tuple[list[str], ...]:
    """All facts and all patterns that the numbers show, the most precise first."""
    mismatch = failure.mismatch if isinstance(failure, Wrong) else None
    if mismatch is None or mismatch.expected.dtype.kind != "f" or mismatch.got.dtype.kind not in "fiu":
        return [], []
    arrays = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}
    is_same_shape = mismatch.got.shape == mismatch.expected.shape
    rules = (_FACTS, _PATTERNS) if is_same_shape else (_SHAPE_FACTS, _SHAPE_PATTERNS)
    with np.errstate(all="ignore"):  # a warning would end up on the learner's terminal
        return tuple([sentence for rule in kind for sentence in rule(mismatch, arrays)] for kind in rules)


def without_numbers(sentence: str) -> str:
    """Keep what of a sentence must hold in every problem, whose lengths differ."""
    return re.sub(r"\(.*?\)|(?<!axis )-?√?\b\d[\w.+-]*", "#", sentence)


# Facts: true of a single value too


def _wrong_dtype(mismatch: Mismatch, _: Arrays) -> Iterator[str]:
    got, expected = mismatch.got, mismatch.expected
    if got.dtype != expected.dtype and _equal(got, expected):
        yield f"the values are right and their dtype is not: {got.dtype} instead of {expected.dtype}"


def _not_finite(mismatch: Mismatch, _: Arrays) -> Iterator[str]:
    lost = mismatch.got[_is_lost(mismatch)]
    if np.isnan(lost).any():
        yield f"{mismatch.name} holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞"
    elif lost.size and np.isfinite(mismatch.expected).all():  # else infinity may only be in the wrong place
        yield f"{mismatch.name} holds infinity where it should be finite, as after an overflow, 1 / 0 or log 0"


def _zero(mismatch: Mismatch, _: Arrays) -> Iterator[str]:
    if not mismatch.got.any():
        yield f"{mismatch.name} is zero everywhere"


def _sign(mismatch: Mismatch, _: Arrays) -> Iterator[str]:
    if _equal(-mismatch.got, mismatch.expected):
        yield f"{mismatch.name} has the wrong sign"


def _another_arrangement(mismatch: Mismatch, _: Arrays) -> Iterator[str]:
    got, expected = mismatch.got, mismatch.expected
    if got.size != expected.size or not _equal(got.reshape(expected.shape), expected):
        return
    if [length for length in got.shape if length != 1] == [length for length in expected.shape if length != 1]:
        change = "has axes of length 1 too many" if got.ndim > expected.ndim else "lacks axes of length 1"
        change = "has its axes of length 1 elsewhere" if got.ndim == expected.ndim else change
        yield f"the values are right, but {mismatch.name} {change}: {got.shape} instead of {expected.shape}"
    else:
        yield f"the values are right and their arrangement is not: {got.shape} instead of {expected.shape}"


def _an_empty_slice(mismatch: Mismatch, _: Arrays) -> Iterator[str]:
    got, expected = mismatch.got.shape, mismatch.expected.shape
    if len(got) == len(expected) and all(one in (other, 0) for one, other in zip(got, expected, strict=True)):
        axis = next(axis for axis, length in enumerate(got) if length != expected[axis])
        yield f"{mismatch.name} is empty along {_axis(axis)}: a slice such as x[p:-p] is empty where p is 0"


# Patterns: a single value would look like many of them


def _rounded(mismatch: Mismatch, _: Arrays) -> Iterator[str]:
    """Numbers that differ and are all float32's: not so by chance, unless they are simple."""
    got, expected = mismatch.got, mismatch.expected
    if got.dtype != np.float64 or not np.isfinite(got).all() or not np.isfinite(expected).all():
        return
    differs = wrong_values(mismatch)
    is_near = np.abs(got - expected) <= _FLOAT32_ROUNDING * max(1.0, float(np.abs(expected).max()))
    is_simple = got[differs] * 1024 == np.round(got[differs] * 1024)
    if is_near.all() and not is_simple.all() and (got[differs] == got[differs].astype(np.float32)).all():
        yield "the numbers are float32's: on the way, or at the end, they were rounded to seven digits"


def _an_input(mismatch: Mismatch, arrays: Arrays) -> Iterator[str]:
    for name, array in arrays.items():
        if array.shape == mismatch.got.shape and _equal(mismatch.got, array):
            yield f"{mismatch.name} is {name}, unchanged"


def _transposed(mismatch: Mismatch, _: Arrays) -> Iterator[str]:
    got = mismatch.got
    if got.ndim >= 2 and got.shape[-1] == got.shape[-2] and _equal(np.swapaxes(got, -1, -2), mismatch.expected):
        yield f"{mismatch.name} is transposed"


def _factor(mismatch: Mismatch, arrays: Arrays) -> Iterator[str]:
    got, expected = mismatch.got.astype(np.float64), mismatch.expected.astype(np.float64)
    clear = np.abs(expected) > 1e-6 * max(1.0, float(np.abs(expected).max(initial=0.0)))
    factor = float(np.median(got[clear] / expected[clear])) if clear.any() else 0.0
    if not math.isfinite(factor) or factor == 0 or not _equal(got, factor * expected):
        return
    change, number = ("too large", factor) if abs(factor) > 1 else ("too small", 1 / factor)
    if f"{number:.6g}" == "1":
        return  # so near to 1 that it is no factor
    names = _names_of_factor(number, arrays, TOLERANCES[mismatch.expected.dtype.name])
    yield from (f"{mismatch.name} is {change} by the factor {name}" for name in (*names, f"{number:.6g}"))


def _offset(mismatch: Mismatch, _: Arrays) -> Iterator[str]:
    difference = mismatch.got - mismatch.expected
    if (
        difference.size >= 2
        and wrong_values(mismatch).all()
        and _equal(difference, np.full_like(difference, difference.flat[0]))
    ):
        yield f"{mismatch.name} is off by {difference.flat[0]:.6g} everywhere"


def _swapped(mismatch: Mismatch, _: Arrays) -> Iterator[str]:
    for axis in range(mismatch.got.ndim):
        if mismatch.got.shape[axis] > 1 and _equal(np.flip(mismatch.got, axis), mismatch.expected):
            yield f"{mismatch.name} is in reverse order along {_axis(axis)}"


def _transposed_shape(mismatch: Mismatch, _: Arrays) -> Iterator[str]:
    if mismatch.got.ndim >= 2 and _equal(mismatch.got.T, mismatch.expected):
        yield f"{mismatch.name} is transposed"


def _still_broadcast(mismatch: Mismatch, _: Arrays) -> Iterator[str]:
    got, expected = mismatch.got, mismatch.expected
    added = got.ndim - expected.ndim
    if added < 0:
        return
    axes = [*range(added), *(added + axis for axis, length in enumerate(expected.shape) if length == 1)]
    summed = got.sum(axis=tuple(axes))
    is_stretched = any(got.shape[axis] > 1 for axis in axes)
    if is_stretched and summed.size == expected.size and _equal(summed.reshape(expected.shape), expected):
        yield f"{mismatch.name} is not summed over the axes along which its input was broadcast"


def _not_summed(mismatch: Mismatch, _: Arrays) -> Iterator[str]:
    got, expected = mismatch.got, mismatch.expected
    for axis in range(got.ndim):
        for keepdims in (False, True):
            if got.shape[axis] > 1 and _equal(got.sum(axis=axis, keepdims=keepdims), expected):
                yield f"{mismatch.name} is not summed over {_axis(axis)}"
            if got.shape[axis] > 1 and _equal(got.mean(axis=axis, keepdims=keepdims), expected):
                yield f"{mismatch.name} is not averaged over {_axis(axis)}"


def _names_of_factor(factor: float, arrays: Arrays, tolerance: float) -> Iterator[str]:
    """Name what of the arguments has this length, or its root; the factor is known to the test's tolerance."""
    for name, base in _lengths(arrays):
        for sign, minus in ((1, ""), (-1, "-")):
            if math.isclose(factor, sign * base, rel_tol=tolerance):
                yield f"{minus}{base}, {name}"
            if math.isclose(factor, sign * math.sqrt(base), rel_tol=tolerance):
                yield f"{minus}√{base}, the root of {name}"


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


_FLOAT32_ROUNDING = 1e-6  # relative: a few roundings of float32; what is larger has another reason
_FACTS: tuple[Rule, ...] = (_wrong_dtype, _not_finite, _zero, _sign)
_PATTERNS: tuple[Rule, ...] = (_rounded, _an_input, _transposed, _factor, _offset, _swapped)
_SHAPE_FACTS: tuple[Rule, ...] = (_an_empty_slice, _another_arrangement)
_SHAPE_PATTERNS: tuple[Rule, ...] = (_transposed_shape, _still_broadcast, _not_summed)
_EXCEPTIONS = {
    "RecursionError": "the function calls itself without an end, or goes deeper than Python allows: use a loop",
    "SystemExit": "the code ends the program; an exercise returns its result instead",
    "SyntaxError": "the file is not valid Python: an editor marks the line",
    "IndentationError": "the file is not valid Python: look at the indentation of the line above",
    "ModuleNotFoundError": "a module is missing; the exercises need only what the part's README names",
    "BdbQuit": "a breakpoint() is still there: it stops in a run with --debug",
    "WireError": "the result is not made of arrays, numbers and lists of them",
}

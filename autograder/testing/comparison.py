"""Compare the submission's answer with the truth: structure, shape, dtype, then values.

This is the one place where tolerances stand.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autograder.testing.failures import Mismatch, Wrong
from autograder.testing.sizes import check_beside_truth, size_of

# Relative to the larger of 1 and the largest expected magnitude.  float64 leaves room for another order of
# summation, float32 for a few hundred roundings.
TOLERANCES = {"float64": 1e-8, "complex128": 1e-8, "float32": 1e-4, "complex64": 1e-4, "float16": 1e-2}
MAX_SHOWN = 80  # characters of what was got in place of an array
MAX_SPELLED_OUT = 2**16  # bytes of a value whose text is made for that

Mistakes = Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None


def assert_same(got: Any, expected: Any, names: Sequence[str] | None = None, mistakes: Mistakes = None) -> None:
    """Raise Wrong unless `got` is `expected`: in structure, shape, dtype and, within the dtype's tolerance, value.

    `names` picks entries of two dicts.  `mistakes` maps a sentence that names a known mistake to what it would give
    (or is a function that makes this map): the report says so when the answer is just that.
    """
    if _offered is not None:
        for sentence, alternative in _alternatives(mistakes).items():
            is_seen, is_elsewhere = not same(alternative, expected, names), not same(alternative, expected)
            _offered.setdefault(sentence, set()).add("seen" if is_seen else "elsewhere" if is_elsewhere else "")
    check_beside_truth(got, expected)
    try:
        _compare(got, expected, names)
    except Wrong as wrong:
        with contextlib.suppress(Exception):  # what a mistake would give may be computed from a strange answer
            wrong.mistakes = tuple(recognised(got, mistakes, names))
        raise


def assert_at_most(got: Any, most: int, name: str, mistake: str = "") -> None:
    """Raise Wrong unless a number that a probe has measured is at most this; `mistake` says what makes it larger."""
    offer([mistake] if mistake else [])
    if type(got) is not int or got > most:
        raise Wrong(f"{name} must be at most {most}; got {_short(got)}.", mistakes=(mistake,) if mistake else ())


_offered: dict[str, set[str]] | None = None


@contextlib.contextmanager
def sentences_offered() -> Iterator[dict[str, set[str]]]:
    """Gathers the sentences about known mistakes that tests offer, whatever the answers: what an author asks.

    With each: whether what is compared shows it ("seen"), or only what is not compared would ("elsewhere").
    """
    global _offered
    offered: dict[str, set[str]] = {}
    _offered = offered
    try:
        yield offered
    finally:
        _offered = None


def offer(sentences: Iterable[str]) -> None:
    """Let those who gather sentences know of these, which whatever is compared would show."""
    if _offered is not None:
        _offered.update((sentence, {"seen"}) for sentence in sentences)


def checked(value: Any, like: Any, name: str = "answer") -> np.ndarray:
    """The submission's value as an array, for laws; Wrong unless it has the shape and dtype of `like`, an array or
    (shape, dtype)."""
    shape, dtype = (like.shape, like.dtype) if isinstance(like, np.ndarray) else (tuple(like[0]), np.dtype(like[1]))
    check_beside_truth(value, np.broadcast_to(np.zeros((), dtype), shape))  # of that size, and in no memory
    _check_kind(name, value, shape, dtype)
    return np.asarray(value)


def close(got: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Elementwise: equal, both NaN, or within the tolerance of the coarser dtype."""
    if expected.dtype.kind not in "fc" or got.dtype.kind not in "fc":
        return np.asarray(got == expected)
    tolerance = max(TOLERANCES[got.dtype.name], TOLERANCES[expected.dtype.name])
    finite = np.abs(expected[np.isfinite(expected)])
    scale = max(1.0, float(finite.max())) if finite.size else 1.0
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(got - expected) <= tolerance * scale
    return np.asarray(near | (got == expected) | (np.isnan(got) & np.isnan(expected)))


def same(got: Any, expected: Any, names: Sequence[str] | None = None) -> bool:
    """Tell whether `assert_same` would pass."""
    try:
        _compare(got, expected, names)
    except (Wrong, KeyError):
        return False
    return True


def _compare(got: Any, expected: Any, names: Sequence[str] | None, name: str = "") -> None:
    if isinstance(expected, Mapping):
        _compare_mappings(got, expected, names, name)
    elif isinstance(expected, (list, tuple)):
        _compare_sequences(got, expected, name)
    elif isinstance(expected, (np.ndarray, np.generic)):
        _compare_arrays(name or "answer", got, np.asarray(expected))
    elif isinstance(expected, float) and type(got) in (int, float):
        _compare_arrays(name or "answer", np.asarray(float(got)), np.asarray(expected))
    elif type(got) is not type(expected) or got != expected:
        raise Wrong(f"{name or 'answer'} must be {_short(expected)}; got {_short(got)}.")


def _compare_mappings(got: Any, expected: Mapping[str, Any], names: Sequence[str] | None, name: str) -> None:
    if type(got) is not dict:
        raise Wrong(f"{name or 'answer'} must be a dict with {_listed(list(expected))}; got {_short(got)}.")
    for key in names if names is not None else expected:
        if key not in got:
            raise Wrong(f"{key} is missing from the answer.")
        _compare(got[key], expected[key], None, f"{name}.{key}" if name else key)
    if name and (more := [key for key in got if key not in expected]):  # a probe answers more than each test asks for
        raise Wrong(f"{name} must have {_listed(list(expected))}; got {_listed(list(map(_short, more[:3])))} as well.")


def _compare_sequences(got: Any, expected: Sequence[Any], name: str) -> None:
    if type(got) is not type(expected):
        raise Wrong(f"{name or 'answer'} must be a {type(expected).__name__}; got {_short(got)}.")
    if len(got) != len(expected):
        raise Wrong(f"{name or 'answer'} must have {len(expected)} entries; got {len(got)}.")
    for position, (one, other) in enumerate(zip(got, expected, strict=True)):
        _compare(one, other, None, f"{name or 'answer'}[{position}]")


def _compare_arrays(name: str, got: Any, expected: np.ndarray) -> None:
    _check_kind(name, got, expected.shape, expected.dtype, expected)
    if not close(got, expected).all():
        mismatch = Mismatch(name, got, expected)
        was, should_be, differ = describe(mismatch)
        raise Wrong(f"got {was}, expected {should_be.rpartition(' = ')[2]} ({differ}).", mismatch)


def _check_kind(
    name: str, got: Any, shape: tuple[int, ...], dtype: np.dtype, expected: np.ndarray | None = None
) -> None:
    if type(got) is not np.ndarray:
        raise Wrong(f"{name} must be an array of shape {shape}; got {_short(got)}.")
    mismatch = Mismatch(name, got, expected) if expected is not None else None
    if got.shape != shape:
        raise Wrong(f"{name} must have shape {shape}; got shape {got.shape}.", mismatch)
    if got.dtype != dtype:
        raise Wrong(f"{name} must have dtype {dtype}; got dtype {got.dtype}.", mismatch)


def describe(mismatch: Mismatch) -> tuple[str, str, str]:
    """Say what was got, what was expected (where they first differ), and how many values differ by how much."""
    got, expected = mismatch.got, mismatch.expected
    if got.shape != expected.shape:
        return f"{mismatch.name} of shape {got.shape}", f"shape {expected.shape}", ""
    if got.dtype != expected.dtype:
        return f"{mismatch.name} of dtype {got.dtype}", f"dtype {expected.dtype}", ""
    index, differs = first_wrong(mismatch), wrong_values(mismatch)
    place = f"{mismatch.name}[{', '.join(map(str, index))}]" if index else mismatch.name
    differ = f"{int(differs.sum())} of {differs.size} values differ"
    if expected.dtype.kind != "b":
        with np.errstate(all="ignore"):
            differences = np.abs(got.astype(complex) - expected.astype(complex))[differs]
        if np.isfinite(differences).all():
            differ += f", largest difference {float(differences.max()):.4g}"
    return f"{place} = {_number(got[index])}", f"{place} = {_number(expected[index])}", differ


def _number(value: Any) -> str:
    return str(value) if isinstance(value, np.bool_) else f"{value:.9g}"


def wrong_values(mismatch: Mismatch) -> np.ndarray:
    """Mark the values that differ; all of them, if the shapes differ."""
    if mismatch.got.shape != mismatch.expected.shape:
        return np.ones(mismatch.expected.shape, dtype=bool)
    return ~close(mismatch.got, mismatch.expected)


def first_wrong(mismatch: Mismatch) -> tuple[int, ...]:
    """The index of the first value that differs."""
    return tuple(int(position) for position in np.argwhere(wrong_values(mismatch))[0])


def recognised(got: Any, mistakes: Mistakes, names: Sequence[str] | None = None) -> Iterator[str]:
    """Yield the sentences about known mistakes that would give just this answer."""
    for sentence, alternative in _alternatives(mistakes).items():
        with contextlib.suppress(Wrong, KeyError):
            _compare(got, alternative, names)
            yield sentence


def _alternatives(mistakes: Mistakes) -> Mapping[str, Any]:
    return (mistakes() if callable(mistakes) else mistakes) or {}


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]])) or "no entries"


def _short(value: Any) -> str:
    if type(value) is np.ndarray:
        return f"an array of shape {value.shape}"
    text = repr(value) if size_of(value) <= MAX_SPELLED_OUT else ""
    if text and len(text) <= MAX_SHOWN and "array(" not in text:
        return text
    if type(value) is dict:
        return f"a dict with {_listed(list(value)[:MAX_SHOWN])}"[:MAX_SHOWN]
    if type(value) in (tuple, list):
        return f"a {type(value).__name__} of {len(value)}"
    text = text or repr(value[:MAX_SHOWN])  # of what is no container, only text and bytes can be large
    return f"{type(value).__name__} {text[:MAX_SHOWN]}…"

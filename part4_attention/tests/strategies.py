"""Problems of part 4: small arrays of simple numbers, and masks. The problems of a module stand at the top of its
tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from autograder.testing.strategies import DTYPES, Draw, Problem, Shape, array, hides

LENGTHS = st.sampled_from([1, 2, 3, 4])
QUERIES = st.sampled_from([2, 3, 4, 5, 1])
KEYS = st.sampled_from([2, 3, 4, 5])
LEADING = st.sampled_from([(), (1,), (2,), (2, 3), (3, 1)])
MASKS = st.sampled_from(["every", "shared", "keys"])
FEW = st.sampled_from([(), (2,)])  # leading axes, where there are many queries: hypothesis draws 8 KiB at most
MORE_THAN_A_BLOCK = st.sampled_from([129, 130])  # queries, where blocks hold 128

# For edge cases alone
ONE = st.just(1)
NONE = st.sampled_from([(0,), (2, 0), (0, 3)])
BLINDING_MASKS = st.sampled_from(["every", "shared", "keys", "queries"])


@st.composite
def attentions(
    draw: Draw,
    masks: st.SearchStrategy[str] | None = None,
    blind: bool = False,
    leading_axes: st.SearchStrategy[Shape] = LEADING,
    keys: st.SearchStrategy[int] = KEYS,
    queries: st.SearchStrategy[int] = QUERIES,
) -> Problem:
    """Queries, keys, values, the upstream gradient, and a mask of one of these kinds, or none.

    With `blind` the first query sees no key at all; otherwise every query sees one.
    """
    leading, targets, sources = draw(leading_axes), draw(queries), draw(keys)
    features, values, dtype = draw(LENGTHS), draw(LENGTHS), draw(DTYPES)
    return {
        "query": array(draw, (*leading, targets, features), dtype=dtype),
        "key": array(draw, (*leading, sources, features), dtype=dtype),
        "value": array(draw, (*leading, sources, values), dtype=dtype),
        "mask": None if masks is None else mask(draw, draw(masks), leading, targets, sources, blind),
        "grad_output": array(draw, (*leading, targets, values), dtype=dtype),
    }


def mask(draw: Draw, kind: str, leading: Shape, targets: int, sources: int, blind: bool) -> np.ndarray:
    """Draw a mask (..., t, s), or one that is the same for all leading axes, for all queries, or for all keys.

    It hides about a third, and from no query everything; with `blind` everything from the first query, and the last
    kind hides everything from others too.
    """
    shapes: dict[str, Shape] = {
        "every": (*leading, targets, sources),
        "shared": (targets, sources),
        "keys": (*leading, 1, sources),
        "queries": (*leading, targets, 1),
    }
    hidden = hides(draw, shapes[kind], spares=kind != "queries")
    if blind:
        hidden[..., 0, :] = True
    return hidden


@st.composite
def with_large_scores(draw: Draw, problems: st.SearchStrategy[Problem]) -> Problem:
    """Draw one of these problems with scores in the thousands, in float64: float32 lacks the digits."""
    problem = draw(problems)
    arrays = {name: problem[name].astype(np.float64) for name in ("key", "value", "grad_output")}
    return {**problem, **arrays, "query": array(draw, problem["query"].shape, "thousands")}

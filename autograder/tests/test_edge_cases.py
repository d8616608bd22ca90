"""An edge case is drawn by the tests that say so, and by no others: code which is right but for it loses only these."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from autograder.judge.collection import CollectedTest, Collection, Problem, collect
from autograder.judge.exercises import Part
from autograder.tests.test_exercises import collected, every_part

LARGEST = 500.0  # exp overflows at 709; what is below rounds as other numbers do
MAY_BE_IMPOSSIBLE = {"scores", "ranks", "log_blank", "log_label", "extended"}  # where -inf says "not there"
SEEDS = range(1, 11)


def edge_of(problem: Problem) -> str:
    """The edge case in a problem, or nothing."""
    return next((f"{name} {edge}" for name, value in _named(problem) if (edge := _edge_of(name, value))), "")


def _named(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every array and list of a problem, under the last name on the way to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _named(inner, key)
        return
    yield name, value
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _named(inner, name)


def _edge_of(name: str, value: Any) -> str:
    if isinstance(value, list | tuple):
        return "is empty" if not value and name.endswith(("targets", "target", "lengths", "prompt")) else ""
    if not isinstance(value, np.ndarray):
        return ""
    if not value.size:
        return f"has the shape {value.shape}"
    if name.endswith("lengths") and value.dtype.kind == "i" and not value.all():  # beams count new tokens in floats
        return "has a length of 0"
    if name in MAY_BE_IMPOSSIBLE:
        value = value[~np.isneginf(value)]
    if value.dtype.kind == "f" and not (np.abs(value) <= LARGEST).all():
        return f"holds numbers up to {np.abs(value).max():.3g}"
    if value.dtype.kind == "b" and "mask" in name and value.ndim and value.all(axis=-1).any():
        return "hides everything from someone"
    return ""


def drawn_edges(collection: Collection, kinds: tuple[str, ...]) -> Iterator[tuple[CollectedTest, str]]:
    """The tests of these kinds that draw an edge case, and which."""
    for test in collection.tests:
        edge = next(filter(None, map(edge_of, collection.problems[test.id])), "")
        if test.kind in kinds and edge:
            yield test, edge


@every_part
def test_no_oracle_test_and_no_law_draws_an_edge_case(part: Part) -> None:
    assert {test.id: edge for test, edge in drawn_edges(collected(part.folder), ("oracle", "law"))} == {}


@pytest.mark.slow
@every_part
def test_no_oracle_test_draws_an_edge_case_under_any_seed(part: Part) -> None:
    for seed in SEEDS:
        found = drawn_edges(collect(part, seed), ("oracle", "law"))
        assert {test.id: edge for test, edge in found} == {}, seed


@every_part
def test_every_part_has_edge_cases(part: Part) -> None:
    assert any(test.kind == "edge case" for test in collected(part.folder).tests)


@pytest.mark.parametrize(
    ("problem", "edge"),
    [
        ({"x": np.ones((2, 0))}, "x has the shape (2, 0)"),
        ({"problem": {"arrays": [np.ones(2), np.ones(0)]}}, "arrays has the shape (0,)"),
        ({"targets": [[1, 2], []]}, "targets is empty"),
        ({"input_lengths": np.array([3, 0])}, "input_lengths has a length of 0"),
        ({"x": np.array([1.0, -1000.0])}, "x holds numbers up to 1e+03"),
        ({"x": np.array([1.0, np.nan])}, "x holds numbers up to nan"),
        ({"beam": {"log_blank": np.array([-np.inf, np.inf])}}, "log_blank holds numbers up to inf"),
        ({"attn_mask": np.array([[True, True], [False, True]])}, "attn_mask hides everything from someone"),
        ({"mask": np.array([[True, False]]), "x": np.ones((1, 1)), "nodes": [], "lengths": np.array([1])}, ""),
        ({"beams": {"scores": np.array([-np.inf, -1.0]), "lengths": np.array([0.0, 2.0])}}, ""),
        ({"condition": np.ones((1, 2), dtype=bool), "x": np.array(2.0), "index": []}, ""),
    ],
)
def test_an_edge_case_is_recognised(problem: Problem, edge: str) -> None:
    assert edge_of(problem) == edge

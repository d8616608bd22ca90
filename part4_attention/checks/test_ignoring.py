"""An answer that ignores the mask, the scale or the upstream gradient loses most of what it is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.authoring.mistakes import Mistake, mistake, with_mistake
from autograder.judge.candidate import WorkerCandidate
from autograder.judge.collection import Collection, collect
from autograder.judge.exercises import load_part
from autograder.judge.grading import grade
from autograder.judge.staging import make_stage

PART = load_part(Path(__file__).resolve().parent.parent)
ABOUT_WEIGHTS = {"attention.forward", "attention.backward", "multi_head.forward", "multi_head.backward"}

IGNORING = [
    (
        mistake(
            "attention.forward",
            "the mask",
            ("scores = np.where(mask, -np.inf, scores)", "pass"),
        ),
        {"attention.softmax", *ABOUT_WEIGHTS},
    ),
    (
        mistake(
            "attention.forward",
            "the scale",
            (" / math.sqrt(query.shape[-1])", ""),
            ("math.sqrt(self.query.shape[-1])", "1"),
        ),
        ABOUT_WEIGHTS,
    ),
    (
        mistake(
            "attention.backward",
            "the upstream gradient",
            ("weights, root =", "grad_output = np.ones_like(grad_output)\n        weights, root ="),
        ),
        {"attention.backward", "multi_head.backward"},
    ),
]


@pytest.fixture(scope="module")
def collection() -> Collection:
    return collect(PART, seed=7)


@pytest.mark.parametrize(("ignoring", "about"), IGNORING, ids=[mistake.name for mistake, _ in IGNORING])
def test_what_is_ignored_costs_most_points(collection: Collection, ignoring: Mistake, about: set[str]) -> None:
    with WorkerCandidate(PART, make_stage(PART, with_mistake(PART, ignoring))) as candidate:
        result = grade(collection, candidate, ignoring.name, shrinks=False)
    for exercise in result.exercises:
        if exercise.id in about:
            assert exercise.points <= exercise.max_points / 4, exercise.id
        else:
            assert exercise.points == exercise.max_points, exercise.id

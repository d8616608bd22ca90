"""Functions that an exercise may not use: it is refused, earns nothing, and costs no other exercise."""

from __future__ import annotations

from dataclasses import replace

from autograder.authoring.mistakes import Mistake, mistakes_of, report_of
from autograder.judge.exercises import find_part

PART = find_part("part5")
EXERCISES = ["attention.attend", "attention.attend_fused", "sublayers.self_attention"]


def by_torch() -> Mistake:
    return next(entry for entry in mistakes_of(PART) if entry.name == "attention: by torch's fused function")


def test_attention_by_torchs_fused_function_earns_nothing_and_what_needs_it_everything() -> None:
    attend, *others = report_of(PART, by_torch(), EXERCISES).exercises
    assert (attend.outcome, attend.points) == ("refused", 0.0)
    assert "uses scaled_dot_product_attention; MultiHeadAttention.attend may not use" in attend.message
    assert [(exercise.outcome, exercise.points) for exercise in others] == [("passed", 2.0), ("passed", 3.0)]


def test_without_the_rule_it_would_earn_everything() -> None:
    """Else it would be wrong, and its refusal would show nothing."""
    allowed = replace(PART, exercises=tuple(replace(exercise, may_not_use={}) for exercise in PART.exercises))
    (attend,) = report_of(allowed, by_torch(), EXERCISES[:1]).exercises
    assert (attend.outcome, attend.points) == ("passed", 7.0)

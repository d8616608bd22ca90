"""`assert_right`: a probe's answer beside the truth, and known mistakes by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autograder.testing.candidate import Candidate
from autograder.testing.comparison import assert_same
from autograder.testing.probes import Probe


def assert_right(
    candidate: Candidate,
    probe: Probe,
    truth: Callable[..., Mapping[str, Any]],
    problem: Mapping[str, Any],
    names: Sequence[str] | None = None,
    mistakes: Callable[..., Mapping[str, Mapping[str, Any]]] | None = None,
) -> None:
    """The probe's answer is the truth in the entries of these names (all by default), and a known mistake is named.

    `mistakes` takes the problem too, and maps a sentence about a mistake to what it changes in the truth.
    """
    got, right = candidate.run(probe, **problem), truth(**problem)

    @np.errstate(all="ignore")  # a wrong formula may divide by zero
    def known() -> dict[str, Any]:
        changes = mistakes(**problem) if mistakes else {}
        return {sentence: {**right, **changed} for sentence, changed in changes.items()}

    assert_same(got, right, names=names, mistakes=known)

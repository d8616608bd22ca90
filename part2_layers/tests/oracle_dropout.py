"""Outputs of dropout: every value dropped or scaled, and of the dropped ones as many as chance allows.

Torch draws its masks from another generator, so the truth is made from what the layer has dropped.  How many those are
follows the binomial distribution, whose tails are computed exactly.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
from scipy.special import bdtr, bdtrc

from autograder.testing import assert_same, checked
from autograder.testing.torch_oracle import Array

# How often a count of a right layer lies below its bounds, and how often above.  A grading makes less than 10⁴ counts:
# chance fails a right layer in less than one of 10⁹ gradings.
CHANCE = 1e-14
ROUNDING = 1e-5  # of a mean of float32 numbers

Limits = tuple[int, int]


@functools.cache
def bounds(trials: int, probability: float) -> Limits:
    """Return the smallest and the largest number of successes in independent trials that chance leaves possible."""
    counts = np.arange(trials + 1)
    low = np.argmax(bdtr(counts, trials, probability) > CHANCE)
    high = np.argmax(bdtrc(counts, trials, probability) <= CHANCE)
    return int(low), int(high)


def dropped(source: Array, is_dropped: Array, p: float) -> Array:
    """Zero where dropped, divided by 1 - p elsewhere."""
    return np.where(is_dropped, source.dtype.type(0), source / source.dtype.type(1 - p))


def assert_dropped(output: Array, x: Array, p: float) -> None:
    """Every value of the output is zero or x / (1 - p), and a share p is zero."""
    is_zero = checked(output, x, "output") == 0
    known = {} if is_zero.any() else {"nothing is dropped: the output is x, in training too": x}
    mistakes = {sentence: {"output": other} for sentence, other in (known | _scalings(x, is_zero, p)).items()}
    assert_same({"output": output}, {"output": dropped(x, is_zero, p)}, mistakes=mistakes)
    assert_count("zeros", is_zero, bounds(x.size, p), _shares(is_zero, p))


def assert_passed_on(evaluation: Array, x: Array, p: float) -> None:
    """Return x, as dropout does in evaluation."""

    def known() -> dict[str, dict[str, Array]]:
        as_in_training = dropped(x, checked(evaluation, x, "evaluation") == 0, p)
        return {"evaluation drops and divides as training does; its output is x": {"evaluation": as_in_training}}

    assert_same({"evaluation": evaluation}, {"evaluation": x}, mistakes=known)


def assert_gradient(x_grad: Array, output: Array, grad_output: Array, p: float) -> None:
    """The gradient is zero where the output is, and g / (1 - p) elsewhere; neither is the case everywhere."""
    is_zero, of_gradient = checked(output, grad_output, "output") == 0, checked(x_grad, grad_output, "x_grad") == 0
    known = _scalings(grad_output, is_zero, p)
    known["backward draws a mask of its own; it must use forward's"] = dropped(grad_output, of_gradient, p)
    mistakes = {sentence: {"x_grad": other} for sentence, other in known.items()}
    assert_same({"x_grad": x_grad}, {"x_grad": dropped(grad_output, is_zero, p)}, mistakes=mistakes)
    # Which of p and 1 - p a forward took is its own exercise's matter.
    (fewest, _), (_, most) = bounds(x_grad.size, min(p, 1 - p)), bounds(x_grad.size, max(p, 1 - p))
    assert_count("zeros", of_gradient, (fewest, most))


def assert_independent(name: str, first: Array, second: Array, p: float, if_equal: str = "") -> None:
    """Two masks agree in as many places as masks do that know nothing of each other: p² + (1 - p)² of them.

    `if_equal` says what makes them agree everywhere.
    """
    known = {if_equal: (first.size, first.size)} if if_equal else {}
    assert_count(name, first == second, bounds(first.size, p**2 + (1 - p) ** 2), known)


def assert_count(name: str, events: Array, limits: Limits, mistakes: Mapping[str, Limits] | None = None) -> None:
    """As many of the events as the limits allow; `mistakes` maps a sentence to other limits."""
    count, name = int(events.sum()), f"the number of {name} among {events.size}"

    def told(limits: Limits) -> dict[str, str]:
        low, high = limits
        return {name: f"{count}" if low <= count <= high else f"{low} to {high}"}

    known = {sentence: told(others) for sentence, others in (mistakes or {}).items()}
    assert_same({name: f"{count}"}, told(limits), mistakes=known)


def assert_mean(output: Array, x: Array, p: float) -> None:
    """The mean of the output's rows is x, of which all rows are alike, as nearly as the number of kept ones can be."""
    mean = checked(output, x, "output").mean(axis=0, dtype=np.float64)
    fewest, most = (count / (len(x) * (1 - p)) * x[0] for count in bounds(len(x), 1 - p))
    lowest, highest = np.minimum(fewest, most) - ROUNDING, np.maximum(fewest, most) + ROUNDING
    assert_same({"the output's mean": mean}, {"the output's mean": np.clip(mean, lowest, highest)})


def _shares(is_dropped: Array, p: float) -> dict[str, Limits]:
    """Give what other masks would: how many are dropped where the mistake is possible."""
    shares = {
        "p is the probability to be dropped, not to be kept": bounds(is_dropped.size, 1 - p),
        "everything is dropped": (is_dropped.size, is_dropped.size),
    }
    count = int(is_dropped.sum())
    lines = (np.moveaxis(is_dropped, axis, 0) for axis in range(is_dropped.ndim) if is_dropped.shape[axis] > 1)
    if any((line == line[:1]).all() for line in lines):
        shares["the values along an axis are dropped together; each is dropped or kept by itself"] = (count, count)
    return shares


def _scalings(source: Array, is_dropped: Array, p: float) -> dict[str, Array]:
    """Give what other factors would."""
    factors = {
        "what is kept is multiplied by 1 - p; it must be divided": 1 - p,
        "what is kept is divided by p; p is the share that is dropped": 1 / p,
        "what is kept is not divided by 1 - p": 1.0,
    }
    kept = np.where(is_dropped, source.dtype.type(0), source)
    return {sentence: kept * source.dtype.type(factor) for sentence, factor in factors.items()}

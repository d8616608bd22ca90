"""What recognisers are trained and judged on: endless strings of digits, spoken or dialled, and error rates. Given."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy import ndarray

from part3_recurrent import features

TRAINING, VALIDATION, TEST = range(5, 45), range(45, 50), features.TEST_NUMBERS
VALIDATION_SEED, TEST_SEED = 1, 2


class Utterance(NamedTuple):
    """What the network hears (frames, bands), and the digits that were said."""

    heard: ndarray
    digits: list[int]


def utterances(
    data: str | None, numbers: range, rng: np.random.Generator, max_digits: int, hear: Callable[[ndarray], ndarray]
) -> Iterator[Utterance]:
    """Endless utterances: dialled without data, else joined from the recordings of these numbers in that folder.

    `hear` makes features of a sound.
    """
    if data is None:
        sounds = features.tone_strings(rng, max_digits)
    else:
        sounds = features.digit_strings(data, rng, numbers, max_digits)
    return (Utterance(hear(sound), digits) for sound, digits in sounds)


def best_paths(log_probs: ndarray, frames: ndarray, blank: int) -> list[list[int]]:
    """The likeliest symbol of each frame, without repetitions and then without blanks.

    Shapes: log_probs (t, b, classes), frames (b,).
    """
    return [
        [int(label) for label, _ in itertools.groupby(path[:count]) if label != blank]
        for path, count in zip(log_probs.argmax(axis=2).T, frames, strict=True)
    ]


def error_rates(said: Sequence[Utterance], heard: Sequence[list[int]]) -> tuple[float, float]:
    """Digit error rate, Σ edit distances / Σ digits, and the part of the strings that are not right."""
    distances = [edit_distance(utterance.digits, digits) for utterance, digits in zip(said, heard, strict=True)]
    return sum(distances) / sum(len(utterance.digits) for utterance in said), float(np.mean(np.array(distances) > 0))


def edit_distance(one: Sequence[int], other: Sequence[int]) -> int:
    """The fewest insertions, deletions and substitutions from one to the other     (Levenshtein 1966)."""
    row = list(range(len(other) + 1))
    for count, symbol in enumerate(one, start=1):
        corner, row[0] = row[0], count
        for place, match in enumerate(other, start=1):
            corner, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, corner + (symbol != match))
    return row[-1]


def percent(part: float) -> str:
    return f"{part:.2%}".replace("%", " %")

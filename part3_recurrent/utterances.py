"""What recognisers are trained and judged on: endless strings of digits, spoken or dialled, and error rates. Given.

Spoken ones are joined from recordings: numbers 0 to 4 are the test, 45 to 49 validate, the others train.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy import ndarray

from part3_recurrent import features

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

TRAINING, VALIDATION, TEST = range(5, 45), range(45, 50), features.TEST_NUMBERS
VALIDATION_SEED, TEST_SEED = 1, 2
NUM_MELS, HOP = 40, 0.010  # bands, and seconds from one frame to the next


class Utterance(NamedTuple):
    """What the network hears (frames, bands), and the digits that were said."""

    heard: ndarray
    digits: list[int]


class Strings(Protocol):
    """What a configuration says of its strings: the folder of recordings, None for touch tones, and the most digits."""

    @property
    def data(self) -> str | None: ...

    @property
    def max_digits(self) -> int: ...


def strings_of(
    config: Strings, numbers: range, rng: np.random.Generator, frames_joined: int = 1
) -> Iterator[Utterance]:
    """Endless utterances: dialled without data, else joined from the recordings of these numbers."""
    if config.data is None:
        sounds = features.tone_strings(rng, config.max_digits)
    else:
        sounds = features.digit_strings(config.data, rng, numbers, config.max_digits)
    return (Utterance(hear(sound, frames_joined), digits) for sound, digits in sounds)


def fixed_strings(config: Strings, numbers: range, seed: int, count: int, frames_joined: int = 1) -> list[Utterance]:
    """The same utterances in every run."""
    return list(itertools.islice(strings_of(config, numbers, np.random.default_rng(seed), frames_joined), count))


def hear(sound: ndarray, frames_joined: int) -> ndarray:
    """What the network gets to hear of a sound: log-mel features, normalised over the utterance, frames joined."""
    return features.stacked(features.normalized(features.log_mel(sound, num_mels=NUM_MELS, hop=HOP)), frames_joined)


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


def spaced(digits: Sequence[int]) -> str:
    return " ".join(map(str, digits)) or "nothing"


# Pictures


def longest_test_string(config: Strings, frames_joined: int = 1) -> Utterance:
    """The one with the most digits among the first of the test."""
    return max(fixed_strings(config, TEST, TEST_SEED, 20, frames_joined), key=lambda each: len(each.digits))


def draw_spectrogram(axes: Axes, utterance: Utterance) -> None:
    """What the network hears, over seconds."""
    frames = utterance.heard.reshape(-1, NUM_MELS)
    seconds = len(frames) * HOP
    axes.imshow(frames.T, origin="lower", aspect="auto", extent=(0, seconds, 0, NUM_MELS))
    axes.set(ylabel="mel band", xlim=(0, seconds))


def draw_posteriors(
    axes: Axes, probabilities: ndarray, frames_to_a_step: int, blank: int, labels: Mapping[int, int]
) -> tuple[ndarray, dict[int, Line2D]]:
    """How probable CTC finds the blank and these digits' labels at each step; the steps' times, and the digits' lines.

    Shapes: probabilities (t, classes), times (t,).
    """
    times = (np.arange(len(probabilities)) + 0.5) * frames_to_a_step * HOP
    axes.plot(times, probabilities[:, blank], color="0.7", label="blank")
    lines = {digit: axes.plot(times, probabilities[:, label], label=str(digit))[0] for digit, label in labels.items()}
    axes.set(ylabel="CTC posterior")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return times, lines

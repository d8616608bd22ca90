"""Data to train and test recognisers on: endless strings of digits, spoken or dialled, and error rates. Given.

Spoken ones are joined from recordings: numbers 0 to 4 are the test, 45 to 49 validate, the others train.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy import ndarray

from part3_recurrent import features

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

TRAINING = range(5, 45)
HELD_OUT = {"validation": (range(45, 50), 1), "test": (features.TEST_NUMBERS, 2)}  # numbers, and a seed
USED = (TRAINING, *(numbers for numbers, _ in HELD_OUT.values()))
NUM_MELS, HOP = 40, 0.010  # bands, and seconds from one frame to the next


class Utterance(NamedTuple):
    """Features (frames, bands), and the digits that were said."""

    heard: ndarray
    digits: list[int]


def strings_of(
    config: Any, rng: np.random.Generator, frames_joined: int = 1, numbers: range = TRAINING
) -> Iterator[Utterance]:
    """Yield endless utterances of at most `max_digits`: dialled, or of the recordings in `data` of these numbers."""
    if config.data is None:
        sounds = features.tone_strings(rng, config.max_digits)
    else:
        sounds = features.digit_strings(config.data, rng, numbers, config.max_digits)
    return (Utterance(hear(sound, frames_joined), digits) for sound, digits in sounds)


def read_all(config: Any, longest: float = math.inf, used: Sequence[range] = USED) -> None:
    """Read all recordings in `data` that will be used: those of training, validation and the test, or of these numbers.

    Raises what features.sounds raises, and ValueError for one of which `max_digits` may last more than `longest`.
    """
    if config.data is None:
        return
    most = (longest - features.LONGEST_GAP * (config.max_digits + 1)) / config.max_digits
    for numbers in used:
        for path, sound in features.sounds(Path(config.data), numbers).items():
            if (seconds := len(sound) / features.SAMPLE_RATE) > most:
                raise ValueError(
                    f"{path} must last at most {most:.2f} seconds, since {config.max_digits} may be joined; got "
                    f"{seconds:.2f}. Cut it, or move it elsewhere."
                )


def held_out(config: Any, kind: str, frames_joined: int = 1, count: int | None = None) -> list[Utterance]:
    """Draw the utterances of "validation" or "test", the same in every run: as many as configured, or `count`."""
    numbers, seed = HELD_OUT[kind]
    strings = strings_of(config, np.random.default_rng(seed), frames_joined, numbers)
    return list(itertools.islice(strings, getattr(config, f"{kind}_strings") if count is None else count))


def hear(sound: ndarray, frames_joined: int) -> ndarray:
    """Compute the features of a sound: log-mel features, normalised over the utterance, frames joined."""
    return features.stacked(features.normalized(features.log_mel(sound, num_mels=NUM_MELS, hop=HOP)), frames_joined)


def best_paths(log_probs: ndarray, frames: ndarray, blank: int) -> list[list[int]]:
    """Take the likeliest symbol of each frame, without repetitions and then without blanks.

    Shapes: log_probs (t, b, classes), frames (b,).
    """
    return [
        [int(label) for label, _ in itertools.groupby(path[:count]) if label != blank]
        for path, count in zip(log_probs.argmax(axis=2).T, frames, strict=True)
    ]


def error_rates(said: Sequence[Utterance], heard: Sequence[list[int]]) -> tuple[float, float]:
    """Compute the digit error rate, Σ edit distances / Σ digits, and the part of the strings that are not right."""
    distances = [edit_distance(utterance.digits, digits) for utterance, digits in zip(said, heard, strict=True)]
    return sum(distances) / sum(len(utterance.digits) for utterance in said), float(np.mean(np.array(distances) > 0))


def edit_distance(one: Sequence[int], other: Sequence[int]) -> int:
    """Count the fewest insertions, deletions and substitutions from one to the other     (Levenshtein 1966)."""
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


def longest_test_string(config: Any, frames_joined: int = 1) -> Utterance:
    """Find the utterance with the most digits among the first of the test."""
    return max(held_out(config, "test", frames_joined, 20), key=lambda each: len(each.digits))


def draw_heard(
    rows: Sequence[Axes], heard: ndarray, probabilities: ndarray, step: int, blank: int, labels: dict[int, int]
) -> dict[int, Line2D]:
    """Draw the features over seconds, and the probabilities of the blank and these digits' labels; return their lines.

    `step` counts frames.  Shapes: heard (frames, bands), probabilities (t, classes).
    """
    spectrogram, posteriors = rows
    frames = heard.reshape(-1, NUM_MELS)
    seconds = len(frames) * HOP
    spectrogram.imshow(frames.T, origin="lower", aspect="auto", extent=(0, seconds, 0, NUM_MELS))
    spectrogram.set(ylabel="mel band", xlim=(0, seconds))
    times = (np.arange(len(probabilities)) + 0.5) * step * HOP
    posteriors.plot(times, probabilities[:, blank], color="0.7", label="blank")
    lines = {digit: posteriors.plot(times, probabilities[:, at], label=str(digit))[0] for digit, at in labels.items()}
    posteriors.set(ylabel="CTC posterior")
    posteriors.spines[["top", "right"]].set_visible(False)
    posteriors.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return lines

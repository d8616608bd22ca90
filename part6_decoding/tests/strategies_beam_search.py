"""Problems of beam search: drawn sizes, kinds of beams and settings, and scores of which no two are close."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from autograder.testing.strategies import Draw, Problem, Shape, array, integers
from part6_decoding.tests import oracle_beam_search as oracle

ROWS = 101  # of a table: a prime, so that sequences rarely share one
APART = 1e-5  # what ranks that compete must differ by
GOES_ON, ENDED, SPARE, SPARE_ENDED = range(4)
LENGTH_PENALTIES = st.sampled_from([1.0, 0.5, 2.0, -1.0])
GROUPED = st.sampled_from([(2, 1), (2, 2), (3, 1), (3, 2)])  # groups, and the beams of each
PENALTIES = st.sampled_from([0.4, 1.3, 30.0])
BATCHES = st.sampled_from([2, 1, 3])
VOCABULARIES = st.sampled_from([3, 4, 5])
FURTHER = st.sampled_from([2, 3, 4, 5])  # new tokens


def order(draw: Draw, shape: Shape) -> np.ndarray:
    """Draw the numbers from 0 on, each once, in any order."""
    return np.argsort(np.argsort(integers(draw, (math.prod(shape),), 0, 256), kind="stable")).reshape(shape)


def kinds_of(draw: Draw, shape: Shape, among: tuple[int, ...] = (GOES_ON, GOES_ON, ENDED, SPARE)) -> np.ndarray:
    """Draw the kind of each beam; in every prompt the first goes on and the last has ended, if there may be such."""
    kinds = np.array(among)[integers(draw, shape, 0, len(among))]
    kinds[:, 0] = among[0]
    if shape[1] > 1 and ENDED in among:
        kinds[:, -1] = ENDED
    return kinds


def is_finished(kinds: np.ndarray) -> np.ndarray:
    return np.isin(kinds, (ENDED, SPARE_ENDED))


def is_spare(kinds: np.ndarray) -> np.ndarray:
    return np.isin(kinds, (SPARE, SPARE_ENDED))


def sequences(draw: Draw, shape: Shape, time: int = 5) -> np.ndarray:
    """Draw different sequences (b, w, t) of the tokens 0 to 2 after the same prompt of a token."""
    digits = order(draw, (3 ** (time - 1),))[: math.prod(shape)].reshape(shape)
    return np.stack([np.ones_like(digits), *(digits // 3**place % 3 for place in range(time - 1))], axis=-1)


@st.composite
def one_of_each_kind(draw: Draw) -> Problem:
    """Draw beams, the log-probabilities of what may follow, and the token that ends."""
    batch, width, vocab = draw(BATCHES), draw(st.sampled_from([2, 3, 4])), draw(VOCABULARIES)
    kinds = kinds_of(draw, (batch, width), (GOES_ON, ENDED, GOES_ON, SPARE, SPARE_ENDED))
    scores = -array(draw, (batch, width), "positive")
    return {
        "beams": {
            "tokens": sequences(draw, (batch, width)),
            "scores": np.where(is_spare(kinds), -math.inf, scores),
            "lengths": np.full((batch, width), 2.0),
            "is_finished": is_finished(kinds),
        },
        "log_probs": -array(draw, (batch, width, vocab), "positive"),
        "eos_id": draw(st.integers(0, vocab - 1)),
    }


@st.composite
def ranked_candidates(
    draw: Draw,
    groups: st.SearchStrategy[tuple[int, int]],
    kinds: tuple[int, ...] = (GOES_ON,),
    first: tuple[int, ...] = (),
    penalised: bool = True,
) -> Problem:
    """Draw ranks that are eighths apart, those of EOS often high, of beams of these kinds, or of others in the first
    group; the penalty for diversity makes none equal."""
    (number, size), vocab, batch = draw(groups), draw(VOCABULARIES), draw(BATCHES)
    shape = (batch, number * size, vocab)
    kind, is_eos = kinds_of(draw, shape[:2], kinds), np.arange(vocab) == draw(st.integers(0, vocab - 1))
    if first:
        kind[:, :size] = kinds_of(draw, (batch, size), first)
    is_out = is_spare(kind)[..., None] | (is_finished(kind)[..., None] & ~is_eos)
    ranks = -2 * order(draw, shape) + is_eos * (np.prod(shape[1:]) // 2 * 2 + 1)  # odd ones and even ones: all differ
    return {
        "ranks": np.where(is_out, -math.inf, ranks / 8),
        "is_finished": is_finished(kind),
        "num_groups": number,
        # In ranks' eighths a whole number and an eighth: six of them together are no whole number.
        "diversity_penalty": (draw(st.sampled_from([5, 16, 80])) + 1 / 8) / 8 if penalised else 0.0,
    }


@st.composite
def ended_and_others(draw: Draw, kinds: tuple[int, ...], before: bool = True) -> Problem:
    """Draw beams, the best that had ended before or none, and a length penalty; no two ranks are close."""
    batch, width = draw(BATCHES), draw(st.sampled_from([2, 3, 4]))
    length_penalty = draw(LENGTH_PENALTIES)
    shape = (batch, width + 1)
    kind = kinds_of(draw, shape, kinds)
    kind[:, 0] = ENDED if before else SPARE
    lengths = integers(draw, shape, 1, 5).astype(float)
    scores = -(order(draw, shape) + 1) / 4 * lengths**length_penalty
    both = {
        "tokens": sequences(draw, shape),
        "scores": np.where(is_spare(kind), -math.inf, scores),
        "lengths": lengths,
        "is_finished": is_finished(kind),
    }
    return {
        "best": {name: value[:, :1] for name, value in both.items()},
        "beams": {name: value[:, 1:] for name, value in both.items()},
        "length_penalty": length_penalty,
    }


@st.composite
def best_among_beams(draw: Draw) -> Problem:
    """Draw these where the best that has ended is one of the beams, and where spare ones have its tokens."""
    problem = draw(ended_and_others((GOES_ON, ENDED, SPARE)))
    best, beams = problem["best"], problem["beams"]
    places = integers(draw, (len(best["scores"]),), 0, beams["scores"].shape[1])
    each = np.arange(len(places))
    is_twin = draw(st.booleans())
    for name, value in best.items():
        if is_twin or name == "tokens":
            beams[name][each, places] = value[:, 0]
    if not is_twin:
        beams["scores"][each, places] = -math.inf
    return problem


@st.composite
def settings_of(
    draw: Draw,
    groups: st.SearchStrategy[tuple[int, int]] = GROUPED,
    filtered: bool = True,
    length_penalties: st.SearchStrategy[float] = LENGTH_PENALTIES,
) -> Problem:
    """Draw the arguments of generate_beam."""
    number, size = draw(groups)
    return {
        "beam_width": number * size,
        "temperature": draw(st.sampled_from([0.5, 2.0])) if filtered else 1.0,
        "repeat_penalty": draw(st.sampled_from([2.0, 1.3])) if filtered else 1.0,
        "length_penalty": draw(length_penalties),
        "num_groups": number,
        "diversity_penalty": draw(PENALTIES) if number > 1 else 0.0,
    }


@st.composite
def searches(
    draw: Draw,
    settings: st.SearchStrategy[Problem],
    further: st.SearchStrategy[int] = FURTHER,
    gap: Callable[..., float] = oracle.gap_of_search,
    vocabularies: st.SearchStrategy[int] = VOCABULARIES,
    batches: st.SearchStrategy[int] = BATCHES,
) -> Problem:
    """Draw a table, prompts that may repeat tokens and have EOS, and the arguments; tables are drawn until ranks
    that compete are apart."""
    classes, time = draw(vocabularies), draw(st.sampled_from([1, 2, 3]))
    problem = {
        "table": np.zeros((ROWS, classes)),
        "eos_id": draw(st.integers(0, classes - 1)),
        "prompts": integers(draw, (draw(batches), time), 0, classes),
        "max_length": time + draw(further),
        "settings": draw(settings),
    }
    return redrawn(problem, draw(st.integers(0, 1000)), gap)


def as_wide_as_the_tree(sizes: tuple[int, int]) -> st.SearchStrategy[Problem]:
    """Draw a vocabulary and a number of new tokens, with as many beams as there are sequences."""
    vocab, further = sizes
    width = 1
    for _ in range(further):
        width = 1 + (vocab - 1) * width  # EOS, or another token and what may follow it
    return searches(settings_of(st.just((1, width))), further=st.just(further), vocabularies=st.just(vocab))


def pushed_out() -> st.SearchStrategy[Problem]:
    """Draw searches in which a result had been pushed out of the beams: about one in twenty of these."""
    settings = settings_of(st.just((1, 2)), filtered=False, length_penalties=st.just(0.0))
    return searches(
        settings,
        further=st.sampled_from([4, 5]),
        vocabularies=st.sampled_from([4, 5]),
        batches=st.just(3),
        gap=oracle.gap_where_pushed_out,
    )


@st.composite
def steps(draw: Draw, settings: st.SearchStrategy[Problem], scored_once: bool) -> Problem:
    """Draw beams, a table and settings for one step: first beams, which are all the prompt, or any others."""
    setting, classes = draw(settings), draw(VOCABULARIES)
    batch, width = draw(BATCHES), setting["beam_width"]
    eos_id = draw(st.integers(0, classes - 1))
    beams = first_beams(draw, batch, setting) if scored_once else later_beams(draw, batch, width, eos_id)
    problem = {
        "table": np.zeros((ROWS, classes)),
        "eos_id": eos_id,
        "beams": beams,
        "scored": 1 if scored_once else width,
        "settings": setting,
    }
    return redrawn(problem, draw(st.integers(0, 1000)), oracle.gap_of_step)


def first_beams(draw: Draw, batch: int, settings: Problem) -> Problem:
    """Draw each prompt once in every group, and spare beams."""
    width = settings["beam_width"]
    prompts = integers(draw, (batch, 1, draw(st.sampled_from([1, 2, 3]))), 0, 3)
    is_other = np.arange(width) % (width // settings["num_groups"]) > 0
    scores = np.where(is_other, -math.inf, np.zeros((batch, 1)))
    return {
        "tokens": prompts.repeat(width, axis=1),
        "scores": scores,
        "lengths": np.zeros_like(scores),
        "is_finished": np.zeros_like(scores, dtype=bool),
    }


def later_beams(draw: Draw, batch: int, width: int, eos_id: int) -> Problem:
    """Draw different beams that go on, have ended, or are spare."""
    kinds, tokens = kinds_of(draw, (batch, width)), sequences(draw, (batch, width))
    new = integers(draw, (batch, width), 1, 4).astype(float)
    scores = -(order(draw, (batch, width)) + array(draw, (batch, width), "positive") / 16) / 2
    tokens[..., -1] = np.where(is_finished(kinds), eos_id, tokens[..., -1])
    return {
        "tokens": tokens,
        "scores": np.where(is_spare(kinds), -math.inf, scores),
        "lengths": np.where(is_finished(kinds), new, 3.0),
        "is_finished": is_finished(kinds),
    }


def redrawn(problem: Problem, seed: int, gap: Callable[..., float]) -> Problem:
    """Draw a table for the problem in which competing ranks are apart."""
    generator = np.random.default_rng(seed)
    while True:
        table = generator.normal(scale=2, size=problem["table"].shape)
        if gap(**{**problem, "table": table}) > APART:
            return {**problem, "table": table}

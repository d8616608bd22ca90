"""CTC decoding in plain Python: all alignments one by one, a search that keeps a dictionary, and torch's CTC loss.

What known mistakes would give stands beside each.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array
from part6_decoding.tests.probe_score_table import row_of

Labels = tuple[int, ...]
Ranked = list[tuple[list[int], float]]
Sum = Callable[[float, float], float]

UNCERTAIN = -math.inf
BEAM = ("log_blank", "log_label", "added")


def log_sum(one: float, other: float) -> float:
    return float(np.logaddexp(one, other))


# The best path


@truth
def greedy(log_probs: Array, lengths: Array, blank: int) -> Answer:
    return {"labels": [merged(path, blank) for path in _best_paths(log_probs, lengths)]}


def greedy_mistakes(log_probs: Array, lengths: Array, blank: int) -> Answer:
    best, whole = _best_paths(log_probs, lengths), _best_paths(log_probs, np.full_like(lengths, len(log_probs)))
    mistakes = {
        "blanks are dropped before repetitions are merged, so that a label on both sides of a blank is one": [
            _without_repetitions(_without(path, blank)) for path in best
        ],
        "repetitions are not merged": [_without(path, blank) for path in best],
        "blanks are not dropped": [_without_repetitions(path) for path in best],
        "symbol 0 is dropped, whichever the blank is": [merged(path, 0) for path in best],
        "frames after an utterance's end are read": [merged(path, blank) for path in whole],
        "the last frame of each utterance is not read": [merged(path[:-1], blank) for path in best],
        "a label is kept once, though it comes again later": [
            list(dict.fromkeys(_without(path, blank))) for path in best
        ],
    }
    return {sentence: {"labels": labels} for sentence, labels in mistakes.items()}


def _best_paths(log_probs: Array, lengths: Array) -> list[list[int]]:
    return [log_probs[:length, row].argmax(axis=-1).tolist() for row, length in enumerate(lengths)]


def merged(path: Iterable[int], blank: int) -> list[int]:
    """Give the labels that a path of symbols spells."""
    return _without(_without_repetitions(path), blank)


def _without_repetitions(path: Iterable[int]) -> list[int]:
    return [symbol for symbol, _ in itertools.groupby(path)]


def _without(path: Iterable[int], blank: int) -> list[int]:
    return [symbol for symbol in path if symbol != blank]


# One frame more


@truth
def one_frame(beam: Answer, frame: Array, blank: int) -> Answer:
    return _one_frame(beam, frame, blank)


def frame_mistakes(beam: Answer, frame: Array, blank: int) -> Answer:
    def changed(**mistake: Any) -> Answer:
        return _one_frame(beam, frame, blank, **mistake)

    return {
        "the last label extends its prefix from alignments that end in that label too; a blank must stand between": (
            changed(repeats_directly=True)
        ),
        "the last label never extends its prefix; after a blank it does": changed(never_repeats=True),
        "the last label keeps its prefix after a blank too; there it is a new label": changed(keeps_after_blank=True),
        "a blank keeps only alignments that end in a blank": changed(blank_after="blank"),
        "a blank keeps only alignments that end in a label": changed(blank_after="label"),
        "the likelier of two kinds of alignments counts alone; their probabilities must be summed": changed(add=max),
        "logarithms are added; it is the probabilities that must be": changed(add=lambda one, other: one + other),
        "what extends one prefix to another of the beam is lost; it must be added to that one": changed(merges=False),
        "what extends one prefix to another of the beam stands among the extensions too, and so counts twice": (
            changed(removes=False)
        ),
        "what extends one prefix to another of the beam ends in a label; it is added to what ends in a blank": (
            changed(merges_into=0)
        ),
        "what extends one prefix to another of the beam takes that one's place; it must be added": changed(
            replaces=True
        ),
        "the blank is among the labels that extend a prefix": changed(blank_extends=True),
        "what is added to the rank is counted as probability": changed(counts_added=True),
    }


def _one_frame(
    beam: Answer,
    frame: Array,
    blank: int,
    *,
    add: Sum = log_sum,
    repeats_directly: bool = False,
    never_repeats: bool = False,
    keeps_after_blank: bool = False,
    blank_after: str = "either",
    merges: bool = True,
    merges_into: int = 1,
    removes: bool = True,
    replaces: bool = False,
    blank_extends: bool = False,
    counts_added: bool = False,
) -> Answer:
    """Read the frame for each prefix by itself, then merge what is the same; the keyword arguments are mistakes."""
    stays: dict[Labels, list[float]] = {}
    extended: dict[tuple[Labels, int], float] = {}
    for row, prefix in enumerate(beam["prefixes"]):
        in_blank, in_label, added = (float(beam[name][row]) for name in BEAM)
        either = add(in_blank, in_label) + added * counts_added
        last = prefix[-1] if prefix else None
        kept_from = {"either": either, "blank": in_blank, "label": in_label}[blank_after]
        repeated = UNCERTAIN if last is None else (either if keeps_after_blank else in_label) + frame[last]
        stays[prefix] = [kept_from + frame[blank], repeated]
        for symbol, log_prob in enumerate(frame):
            before = UNCERTAIN if never_repeats else either if repeats_directly else in_blank
            extended[prefix, symbol] = (before if symbol == last else either) + log_prob
            if symbol == blank and not blank_extends:
                extended[prefix, symbol] = UNCERTAIN
    for prefix, symbol in extended:
        longer = (*prefix, symbol)
        if longer in stays:
            if replaces:
                stays[longer][merges_into] = extended[prefix, symbol]
            elif merges:
                stays[longer][merges_into] = add(stays[longer][merges_into], extended[prefix, symbol])
            if removes:
                extended[prefix, symbol] = UNCERTAIN
    in_blank, in_label = np.array(list(stays.values())).T
    return {
        **beam,
        "log_blank": in_blank,
        "log_label": in_label,
        "extended": np.array(list(extended.values())).reshape(len(stays), len(frame)),
    }


# What is kept


@truth
def kept(beam: Answer, extended: Array, additions: Array, beam_width: int) -> Answer:
    return _kept(beam, extended, additions, beam_width)


def kept_mistakes(beam: Answer, extended: Array, additions: Array, beam_width: int) -> Answer:
    def changed(**mistake: Any) -> Answer:
        return _kept(beam, extended, additions, beam_width, **mistake)

    nothing = np.zeros_like(additions)
    return {
        "the likeliest are kept; what is added counts for the rank too": changed(rank=lambda row: log_sum(*row[:2])),
        "a rank is the likelier of the two kinds of alignments; they must be summed": changed(
            rank=lambda row: max(row[:2]) + row[2]
        ),
        "what a label adds is not counted": _kept(beam, extended, nothing, beam_width),
        "what was added to a prefix before is forgotten when a label extends it": changed(forgets=True),
        "what a label adds to the rank is counted as probability": changed(counts_added=True),
        "what a label extends is said to end in a blank": changed(ends_in=0),
        "what a label extends is said to end in a blank as well": changed(ends_in=None),
        "the smallest ranks are kept": changed(rank=lambda row: -log_sum(*row[:2]) - row[2]),
        "what stays is not among the candidates": changed(stays=False),
        "what a label extends is not among the candidates": changed(extends=False),
        "more are kept than beam_width": _kept(beam, extended, additions, 1000),
        "prefixes of rank -inf are kept": changed(keeps_impossible=True),
    }


def _kept(
    beam: Answer,
    extended: Array,
    additions: Array,
    beam_width: int,
    *,
    rank: Callable[[tuple[float, float, float]], float] = lambda row: log_sum(*row[:2]) + row[2],
    forgets: bool = False,
    counts_added: bool = False,
    ends_in: int | None = 1,
    stays: bool = True,
    extends: bool = True,
    keeps_impossible: bool = False,
) -> Answer:
    """Sort all candidates by their ranks, and the kept ones by their labels; the keyword arguments are mistakes."""
    found: dict[Labels, tuple[float, float, float]] = {}
    for row, prefix in enumerate(beam["prefixes"]):
        in_blank, in_label, added = (float(beam[name][row]) for name in BEAM)
        if stays:
            found[prefix] = in_blank, in_label, added
        for label in range(extended.shape[1]) if extends else ():
            log_prob, more = float(extended[row, label]), float(additions[row, label])
            if counts_added:
                log_prob, more = log_prob + more, 0.0
            ends = [log_prob if ends_in in (kind, None) else UNCERTAIN for kind in (0, 1)]
            found[*prefix, label] = ends[0], ends[1], more + added * (not forgets)
    possible = [prefix for prefix in found if keeps_impossible or log_sum(*found[prefix][:2]) > UNCERTAIN]
    best = sorted(sorted(possible, key=lambda prefix: rank(found[prefix]), reverse=True)[:beam_width])
    columns = zip(BEAM, np.array([found[prefix] for prefix in best]).reshape(-1, 3).T, strict=True)
    return {"prefixes": best, **dict(columns)}


# A language model


@truth
def next_log_probs(table: Array, sos_id: int, given: list[list[Labels]]) -> Answer:
    """Compute the log-probabilities after each prefix."""
    return _next_log_probs(table, given, lambda prefix, longest: [sos_id, *prefix])


def next_log_probs_mistakes(table: Array, sos_id: int, given: list[list[Labels]]) -> Answer:
    def changed(**mistake: Any) -> Answer:
        return _next_log_probs(table, **{"given": given, "row": lambda prefix, longest: [sos_id, *prefix], **mistake})

    return {
        "these are logits; their log-softmax is asked for": changed(normalise=lambda logits: logits),
        "these are probabilities; their logarithms are asked for": changed(normalise=lambda logits: logits.softmax(-1)),
        "the softmax runs over the prefixes; it must run over what follows each": changed(
            normalise=lambda logits: logits.log_softmax(0)
        ),
        "the rows do not begin with sos_id": changed(row=lambda prefix, longest: [*prefix, sos_id]),
        "the labels are asked about in the opposite order": changed(
            row=lambda prefix, longest: [sos_id, *prefix[::-1]]
        ),
        "shorter prefixes are padded; the rows of a call must be equally long without": changed(
            row=lambda prefix, longest: [sos_id, *prefix] + [0] * (longest - len(prefix))
        ),
        "the answers are in the order of the prefixes' lengths; they must be in the order that was asked for": changed(
            given=[sorted(call, key=len) for call in given]
        ),
    }


def _next_log_probs(
    table: Array,
    given: list[list[Labels]],
    row: Callable[[Labels, int], list[int]],
    normalise: Callable[[torch.Tensor], torch.Tensor] = lambda logits: logits.log_softmax(-1),
) -> Answer:
    rows = [[row_in(table, row(prefix, max(map(len, call)))) for prefix in call] for call in given]
    return {"log_probs": [normalise(torch.tensor(table[call])).numpy() for call in rows]}


def rows_of(sos_id: int, given: list[list[Labels]], repeats: bool = False) -> list[list[int]]:
    """List the rows that score_fn must score, sorted; with `repeats`, a row each time that its prefix is given."""
    prefixes = [prefix for call in given for prefix in call]
    return sorted([sos_id, *prefix] for prefix in (prefixes if repeats else set(prefixes)))


def row_in(table: Array, row: list[int]) -> int:
    """Find the row of the table for what follows these tokens."""
    return int(row_of(torch.tensor([row]), len(table))[0])


# Whole utterances


class Weights:
    """Terms that a language model and the length bonus add to the rank of labels, and to that of labels that end."""

    def __init__(
        self, table: Array | None, lm_weight: float, length_bonus: float, sos_id: int | None, eos_id: int | None
    ) -> None:
        self.log_probs = None if table is None else torch.tensor(table).log_softmax(-1).numpy()
        self.lm_weight, self.length_bonus, self.sos_id, self.eos_id = lm_weight, length_bonus, sos_id, eos_id
        self.labels = functools.cache(self._labels)

    def _labels(self, labels: Labels) -> float:
        return self.labels(labels[:-1]) + self.next(labels[:-1], labels[-1]) + self.length_bonus if labels else 0.0

    def end(self, labels: Labels) -> float:
        return 0.0 if self.eos_id is None else self.next(labels, self.eos_id)

    def next(self, labels: Labels, token: int) -> float:
        if self.log_probs is None or self.sos_id is None:
            return 0.0
        return self.lm_weight * float(self.log_probs[row_in(self.log_probs, [self.sos_id, *labels]), token])


@truth
def all_alignments(log_probs: Array, lengths: Array, blank: int, beam_width: int, **weighed: Any) -> Answer:
    """Rank all labels there are: the probabilities of the alignments that spell them are summed one by one."""
    weights, results = Weights(**weighed), []
    for row, length in enumerate(lengths):
        frames, found = log_probs[:length, row], dict[Labels, float]()
        for path in itertools.product(range(log_probs.shape[2]), repeat=int(length)):
            labels = tuple(merged(path, blank))
            log_prob = float(frames[np.arange(length), np.array(path, dtype=int)].sum())
            found[labels] = log_sum(found.get(labels, UNCERTAIN), log_prob)
        results.append(
            ranked({labels: log_prob + weights.labels(labels) for labels, log_prob in found.items()}, weights)
        )
    return {"results": results}


def ranked(found: dict[Labels, float], weights: Weights) -> Ranked:
    """Sort what is possible, the end counted, best first."""
    ranks = {labels: rank + weights.end(labels) for labels, rank in found.items() if rank > UNCERTAIN}
    return [(list(labels), ranks[labels]) for labels in sorted(ranks, key=lambda labels: -ranks[labels])]


@truth
def by_torch(log_probs: Array, lengths: Array, blank: int, **rest: Any) -> Answer:
    """Rank all labels there are by torch's CTC loss."""
    vocab, results = log_probs.shape[2], []
    symbols = [symbol for symbol in range(vocab) if symbol != blank]
    for row, length in enumerate(lengths):
        every = [labels for count in range(length + 1) for labels in itertools.product(symbols, repeat=count)]
        found = dict(zip(every, log_probabilities(log_probs[:length, row], every, blank), strict=True))
        results.append(ranked(found, Weights(None, 0.0, 0.0, None, None)))
    return {"results": results}


def log_probabilities(frames: Array, every: list[Labels], blank: int) -> list[float]:
    """Compute log P(labels | frames (t, v)) for each of these labels, by torch's CTC loss."""
    lengths = torch.tensor([len(labels) for labels in every])
    loss = functional.ctc_loss(
        torch.tensor(frames)[:, None].expand(-1, len(every), -1).contiguous(),
        torch.tensor([label for labels in every for label in labels], dtype=torch.long),
        torch.full((len(every),), len(frames)),
        lengths,
        blank,
        reduction="none",
    )
    return [float(number) for number in -loss]


@truth
def decoded(log_probs: Array, lengths: Array, blank: int, beam_width: int, **weighed: Any) -> Answer:
    return {"results": _decoded(log_probs, lengths, blank, beam_width, **weighed)}


def decode_mistakes(log_probs: Array, lengths: Array, blank: int, beam_width: int, **weighed: Any) -> Answer:
    def changed(**mistake: Any) -> list[Ranked]:
        return _decoded(log_probs, lengths, blank, beam_width, **{**weighed, **mistake})

    lm_weight, length_bonus = weighed["lm_weight"], weighed["length_bonus"]
    right = changed()
    mistakes = {
        "length_bonus is not counted": changed(length_bonus=0.0),
        "the language model is not counted": changed(counts_labels=False),
        "lm_weight is multiplied twice": changed(lm_weight=lm_weight**2),
        "length_bonus is multiplied by lm_weight": changed(length_bonus=length_bonus * lm_weight),
        "it is not counted that the labels end": changed(eos_id=None),
        "the end gets length_bonus too": changed(rewards_end=True),
        "the order is that before the end was counted": changed(sorts_again=False),
        "the first frame is not read": changed(pieces=slice(1, None)),
        "the last frame is not read": changed(pieces=slice(None, -1)),
        "the frames are read from the last to the first": changed(pieces=slice(None, None, -1)),
        "the worst comes first": [result[::-1] for result in right],
        "only the best is returned": [result[:1] for result in right],
        "the ranks leave out what is added to log P": changed(tells_added=False),
        "these are probabilities; their logarithms are asked for": [
            [(labels, math.exp(rank)) for labels, rank in result] for result in right
        ],
    }
    return {sentence: {"results": results} for sentence, results in mistakes.items()}


def _decoded(
    log_probs: Array,
    lengths: Array,
    blank: int,
    beam_width: int,
    *,
    pieces: slice = slice(None),
    counts_labels: bool = True,
    rewards_end: bool = False,
    sorts_again: bool = True,
    tells_added: bool = True,
    **weighed: Any,
) -> list[Ranked]:
    """Search each utterance; the keyword arguments are mistakes."""
    weights = Weights(**weighed)
    adds = weights if counts_labels else Weights(**{**weighed, "table": None})
    results = []
    for row, length in enumerate(lengths):
        beam = _searched(log_probs[:length, row][pieces], blank, beam_width, adds)
        ends = {labels: weights.end(labels) + weights.length_bonus * rewards_end for labels in beam}
        ranks = {labels: log_prob + adds.labels(labels) + ends[labels] for labels, log_prob in beam.items()}
        order = sorted(ranks, key=lambda labels: -ranks[labels]) if sorts_again else list(beam)
        told = ranks if tells_added else beam
        results.append([(list(labels), told[labels]) for labels in order])
    return results


def _searched(frames: Array, blank: int, beam_width: int, adds: Weights) -> dict[Labels, float]:
    """Compute log P of the prefixes that are left, best first; so many are kept at every frame."""
    beam: dict[Labels, list[float]] = {(): [0.0, UNCERTAIN]}
    for symbols in frames.tolist():
        following: dict[Labels, list[float]] = {}

        def count(prefix: Labels, kind: int, log_prob: float, following: dict[Labels, list[float]] = following) -> None:
            ends = following.setdefault(prefix, [UNCERTAIN, UNCERTAIN])
            ends[kind] = log_sum(ends[kind], log_prob)

        for prefix, (in_blank, in_label) in beam.items():
            either = log_sum(in_blank, in_label)
            for symbol, log_prob in enumerate(symbols):
                if symbol == blank:
                    count(prefix, 0, either + log_prob)
                elif prefix and symbol == prefix[-1]:
                    count(prefix, 1, in_label + log_prob)
                    count((*prefix, symbol), 1, in_blank + log_prob)
                else:
                    count((*prefix, symbol), 1, either + log_prob)
        ranks = {prefix: log_sum(*ends) + adds.labels(prefix) for prefix, ends in following.items()}
        possible = [prefix for prefix, rank in ranks.items() if rank > UNCERTAIN]
        best = sorted(possible, key=lambda prefix: -ranks[prefix])[:beam_width]
        beam = {prefix: following[prefix] for prefix in best}
    return {prefix: log_sum(*ends) for prefix, ends in beam.items()}

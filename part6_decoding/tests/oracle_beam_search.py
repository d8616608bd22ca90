"""Whole beam searches in plain Python, one prompt and one candidate at a time, and single steps of them."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array
from part6_decoding.tests.oracle_beam_functions import (
    BY_SCORE,
    Group,
    Hypothesis,
    arrays,
    best_first,
    filled,
    flat,
    groups_of,
    only_results,
    settled,
)
from part6_decoding.tests.probe_score_table import row_of

PLAIN = {
    "temperature": 1.0,
    "repeat_penalty": 1.0,
    "length_penalty": 0.0,
    "num_groups": 1,
    "diversity_penalty": 0.0,
}
Divisor = Callable[[Hypothesis], float]


class Model(NamedTuple):
    """A table of logits (m, v), read with repetition penalty and temperature."""

    table: Array
    eos_id: int
    repeat_penalty: float
    temperature: float

    def log_probs(self, tokens: Sequence[int]) -> list[float]:
        """Compute the log-probability of each token after these."""
        # As row_of, ten times faster.
        row = sum(token * place**2 + place for place, token in enumerate(tokens, start=1))
        logits = self.table[row % len(self.table)].tolist()
        for token in set(tokens):
            logits[token] *= 1 / self.repeat_penalty if logits[token] > 0 else self.repeat_penalty
        scaled = [logit / self.temperature for logit in logits]
        log_sum = math.log(sum(map(math.exp, scaled)))
        return [logit - log_sum for logit in scaled]

    def extensions(self, one: Hypothesis, log_probs: Sequence[float] = ()) -> Group:
        """List all that a sequence may become with a token more, by its own log-probabilities or by others."""
        if one.is_finished:
            return [one._replace(tokens=(*one.tokens, self.eos_id))]
        return [
            Hypothesis((*one.tokens, token), one.score + gained, one.length + 1, token == self.eos_id, one.source)
            for token, gained in enumerate(log_probs or self.log_probs(one.tokens))
            if gained > -math.inf
        ]


class Search(NamedTuple):
    """The beams of each prompt after each step, the results of each, and the smallest gap between competing ranks."""

    steps: list[list[Group]]
    results: list[Group]
    gap: float


def model_of(table: Array, eos_id: int, settings: Answer) -> Model:
    return Model(table, eos_id, settings["repeat_penalty"], settings["temperature"])


def run(table: Array, eos_id: int, prompts: Array, max_length: int, settings: Answer) -> Search:
    """Search for each prompt until all have ended."""
    model, width, number = model_of(table, eos_id, settings), settings["beam_width"], settings["num_groups"]
    groups = [[[Hypothesis(tuple(prompt), 0.0, 0, False)] for _ in range(number)] for prompt in prompts.tolist()]
    ended: list[Group] = [[] for _ in groups]
    steps, gaps = [], [math.inf]
    for _ in range(prompts.shape[1], max_length):
        if all(one.is_finished for each in groups for group in each for one in group):
            break
        for row, each in enumerate(groups):
            groups[row], gap = advanced(model, each, settings)
            gaps.append(gap)
            before = [one._replace(tokens=(*one.tokens, eos_id)) for one in ended[row]]
            ended[row] = before + [one for group in groups[row] for one in group if one.is_finished]
        steps.append([flat(each, width) for each in groups])
    penalty, results = settings["length_penalty"], []
    for each, pool in zip(groups, ended, strict=True):
        beams = [one for group in each for one in group]
        gaps.append(gap_of({one.tokens: one.rank(penalty) for one in beams + pool}.values()))
        results.append(filled(best_first(beams, pool, penalty), width, len(beams[0].tokens)))
    return Search(steps, results, min(gaps))


def advanced(
    model: Model,
    groups: Sequence[Group],
    settings: Answer,
    divisor: Divisor | None = None,
    ended_grow: bool = False,
    ended_count: bool = False,
    log_probs: Sequence[Sequence[float]] = (),
) -> tuple[list[Group], float]:
    """Give one prompt's groups a token more, best first, and the smallest gap between competing ranks.

    A `divisor` of a candidate's score, computed from what it continues, is a mistake, and so are ended beams that grow
    or that count for the penalty, and log-probabilities of each place that are not its beam's.
    """
    size, length_penalty = settings["beam_width"] // settings["num_groups"], settings["length_penalty"]
    used: Counter[int] = Counter()
    chosen, gaps = [], []
    for group in groups:
        candidates = []
        for one in group:
            for longer in model.extensions(one, log_probs[one.source] if log_probs else ()):
                if one.is_finished and ended_grow:
                    longer = longer._replace(length=longer.length + 1)
                rank = longer.score / divisor(one) ** length_penalty if divisor else longer.rank(length_penalty)
                is_spared = one.is_finished and not ended_count
                penalty = 0 if is_spared else settings["diversity_penalty"] * used[longer.tokens[-1]]
                candidates.append((rank - penalty, is_spared, longer))
        candidates.sort(key=lambda candidate: -candidate[0])
        gaps.append(gap_of(rank for rank, _, _ in candidates))
        used.update(longer.tokens[-1] for _, is_spared, longer in candidates[:size] if not is_spared)
        chosen.append([longer for _, _, longer in candidates[:size]])
    return chosen, min(gaps)


def gap_of(ranks: Iterable[float]) -> float:
    """Measure how far apart the closest two are."""
    return min((after - before for before, after in itertools.pairwise(sorted(ranks))), default=math.inf)


# Whole searches


def gap_of_search(table: Array, eos_id: int, prompts: Array, max_length: int, settings: Answer) -> float:
    return run(table, eos_id, prompts, max_length, settings).gap


@truth
def steps(table: Array, eos_id: int, prompts: Array, max_length: int, settings: Answer) -> list[Answer]:
    """Give tokens, scores and is_finished after each step."""
    found = run(table, eos_id, prompts, max_length, settings)
    names = ("tokens", "scores", "is_finished")
    return [settled({name: arrays(beams)[name] for name in names}, settings["num_groups"]) for beams in found.steps]


@truth
def results(table: Array, eos_id: int, prompts: Array, max_length: int, settings: Answer) -> Answer:
    """Give the results of the search, best first."""
    return only_results(arrays(run(table, eos_id, prompts, max_length, settings).results))


def other_settings(table: Array, eos_id: int, prompts: Array, max_length: int, settings: Answer) -> Answer:
    """Give the steps that ignore some settings."""

    def without(*names: str) -> list[Answer]:
        return steps(table, eos_id, prompts, max_length, {**settings, **{name: PLAIN[name] for name in names}})

    return {
        f"candidates are {BY_SCORE}": without("length_penalty"),
        "the diversity penalty is ignored": without("diversity_penalty"),
        "the filters are ignored: temperature and repetition penalty": without("temperature", "repeat_penalty"),
    }


@truth
def greedy(table: Array, eos_id: int, prompts: Array, max_length: int, settings: Answer) -> Answer:
    """Continue each prompt with the likeliest token again and again, as beams of width 1."""
    model, ends = model_of(table, eos_id, settings), []
    for prompt in prompts.tolist():
        one = Hypothesis(tuple(prompt), 0.0, 0, False)
        while len(one.tokens) < max_length and not one.is_finished:
            one = max(model.extensions(one), key=lambda longer: longer.score)
        ends.append(one)
    time = max(len(one.tokens) for one in ends)
    padded = [[one._replace(tokens=one.tokens + (eos_id,) * (time - len(one.tokens)))] for one in ends]
    return only_results(arrays(padded))


@truth
def everything(table: Array, eos_id: int, prompts: Array, max_length: int, settings: Answer) -> Answer:
    """Find every sequence there is, best first; the width must be their number."""
    model, found = model_of(table, eos_id, settings), []
    for prompt in prompts.tolist():
        leaves = [Hypothesis(tuple(prompt), 0.0, 0, False)]
        for _ in range(len(prompt), max_length):
            leaves = [longer for one in leaves for longer in model.extensions(one)]
        found.append(filled(best_first(leaves, [], settings["length_penalty"]), settings["beam_width"], max_length))
    return only_results(arrays(found))


@truth
def best_of_pool(table: Array, eos_id: int, prompts: Array, max_length: int, settings: Answer) -> Array:
    """Find the best score (b,) of a search that puts what ends among the w best candidates into a pool, and goes on
    with the w best others."""
    model, width, best = model_of(table, eos_id, settings), settings["beam_width"], []
    for prompt in prompts.tolist():
        going, pool = [Hypothesis(tuple(prompt), 0.0, 0, False)], []
        for _ in range(len(prompt), max_length):
            candidates = sorted(
                (longer for one in going for longer in model.extensions(one)), key=lambda one: -one.score
            )
            pool += [one for one in candidates[:width] if one.is_finished]
            going = [one for one in candidates if not one.is_finished][:width]
        best.append(max(one.score for one in pool + going))
    return np.array(best)


def gap_where_pushed_out(**problem: Any) -> float:
    """Find the smallest gap between competing ranks; 0 where no result was pushed out of the beams."""
    found = run(**problem)
    last = found.steps[-1]
    is_out = any(
        one.score > -math.inf and one.tokens not in {beam.tokens for beam in beams}
        for results, beams in zip(found.results, last, strict=True)
        for one in results
    )
    return found.gap if is_out else 0.0


def logits(table: Array, tokens: Array) -> Array:
    """Look up the logits after these tokens (rows, t)."""
    return table[row_of(torch.tensor(tokens), len(table)).numpy()]


def rescored(table: Array, eos_id: int, prompts: Array, settings: Answer, tokens: Array) -> Array:
    """Score these sequences (b, w): sum the log-probabilities of their new tokens up to the first EOS."""
    model, start = model_of(table, eos_id, settings), prompts.shape[1]

    def score(sequence: list[int]) -> float:
        total = 0.0
        for end in range(start, len(sequence)):
            total += model.log_probs(sequence[:end])[sequence[end]]
            if sequence[end] == eos_id:
                break
        return total

    return np.array([[score(sequence) for sequence in row] for row in tokens.tolist()]).reshape(tokens.shape[:2])


# One step


@truth
def one_step(table: Array, eos_id: int, beams: Answer, scored: int, settings: Answer) -> Answer:
    return stepped(table, eos_id, beams, settings)[0]


def gap_of_step(table: Array, eos_id: int, beams: Answer, scored: int, settings: Answer) -> float:
    return stepped(table, eos_id, beams, settings)[1]


def step_mistakes(table: Array, eos_id: int, beams: Answer, scored: int, settings: Answer) -> Answer:
    right = one_step(table, eos_id, beams, scored, settings)
    last = right["tokens"][..., -1]
    is_finished, each = beams["is_finished"], np.arange(len(last))[:, None]

    def changed(**fields: Array) -> Answer:
        return {**right, **fields}

    def ignoring(*names: str) -> Answer:
        return stepped(table, eos_id, beams, {**settings, **{name: PLAIN[name] for name in names}})[0]

    def other(**mistake: Any) -> Answer:
        return stepped(table, eos_id, beams, settings, **mistake)[0]

    mistakes = {
        f"candidates are {BY_SCORE}": ignoring("length_penalty"),
        "the diversity penalty is ignored": ignoring("diversity_penalty"),
        "the filters are ignored: temperature and repetition penalty": ignoring("temperature", "repeat_penalty"),
        "a candidate's length is one too small: the new token counts": other(divisor=lambda one: max(one.length, 1)),
        "an ended beam grows in length by the EOS that fills it": other(ended_grow=True),
        "ended beams are penalised and counted for diversity": other(ended_count=True),
        "the groups are ignored: all beams choose together": ignoring("num_groups"),
        "the scores are ranks, divided by the length; they must be sums of log-probabilities": changed(
            scores=right["scores"] / np.maximum(right["lengths"], 1) ** settings["length_penalty"]
        ),
        "no beam ends: one that has chosen EOS must": changed(is_finished=is_finished[each, right["sources"]]),
        "the tokens before the last are not those of the beam that is continued": changed(
            tokens=np.concatenate([beams["tokens"], last[..., None]], axis=2)
        ),
        "is_finished is not that of the beam that is continued": changed(is_finished=is_finished | (last == eos_id)),
        "the length is not that of the beam that is continued": changed(lengths=beams["lengths"] + ~is_finished),
    }
    if scored > 1:
        mistakes["score_fn's rows are beams first; all beams of the first prompt come first"] = other(
            log_probs=of_beams_first(model_of(table, eos_id, settings), beams["tokens"])
        )
    return {sentence: settled(changes, settings["num_groups"]) for sentence, changes in mistakes.items()}


def of_beams_first(model: Model, tokens: Array) -> list[list[list[float]]]:
    """Give each beam (b, w) the log-probabilities of the row in its place where beams come before prompts."""
    batch, width, time = tokens.shape
    rows = [model.log_probs(row) for row in tokens.swapaxes(0, 1).reshape(batch * width, time).tolist()]
    return [rows[first : first + width] for first in range(0, len(rows), width)]


def stepped(
    table: Array,
    eos_id: int,
    beams: Answer,
    settings: Answer,
    log_probs: Sequence[Sequence[Sequence[float]]] = (),
    **mistake: Any,
) -> tuple[Answer, float]:
    """Give the beams a token more, with what they continue, and the smallest gap between competing ranks."""
    model, width = model_of(table, eos_id, settings), settings["beam_width"]
    each = [
        advanced(
            model,
            groups_of(beams, row, settings["num_groups"]),
            settings,
            log_probs=log_probs[row] if log_probs else (),
            **mistake,
        )
        for row in range(len(beams["tokens"]))
    ]
    return arrays([flat(groups, width) for groups, _ in each]), min(gap for _, gap in each)

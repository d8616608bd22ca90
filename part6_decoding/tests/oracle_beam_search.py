"""Beam search in plain Python, one prompt and one candidate at a time, and what known mistakes would give."""

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
from part6_decoding.tests.probe_score_table import row_of

ARBITRARY = -1  # the tokens of a spare beam, and where it comes from
PLAIN = {
    "temperature": 1.0,
    "repeat_penalty": 1.0,
    "length_penalty": 0.0,
    "num_groups": 1,
    "diversity_penalty": 0.0,
}
BY_SCORE = "ordered by the scores themselves; they must be ordered by rank, score / length**length_penalty"


class Hypothesis(NamedTuple):
    """A sequence, the sum of its new tokens' log-probabilities, how many they are, whether it has ended, and the place
    of the beam that it continues."""

    tokens: tuple[int, ...]
    score: float
    length: int
    is_finished: bool
    source: int = 0

    def rank(self, length_penalty: float) -> float:
        return self.score / max(self.length, 1) ** length_penalty


Group = list[Hypothesis]
Divisor = Callable[[Hypothesis], float]


class Model(NamedTuple):
    """A table of logits (m, v), read with repetition penalty and temperature."""

    table: Array
    eos_id: int
    repeat_penalty: float
    temperature: float

    def log_probs(self, tokens: Sequence[int]) -> list[float]:
        """The log-probability of each token after these."""
        row = sum(
            token * place**2 + place for place, token in enumerate(tokens, start=1)
        )  # as row_of, ten times faster
        logits = self.table[row % len(self.table)].tolist()
        for token in set(tokens):
            logits[token] *= 1 / self.repeat_penalty if logits[token] > 0 else self.repeat_penalty
        scaled = [logit / self.temperature for logit in logits]
        log_sum = math.log(sum(map(math.exp, scaled)))
        return [logit - log_sum for logit in scaled]

    def extensions(self, one: Hypothesis) -> Group:
        """All that a sequence may become with a token more."""
        if one.is_finished:
            return [one._replace(tokens=(*one.tokens, self.eos_id))]
        return [
            Hypothesis((*one.tokens, token), one.score + gained, one.length + 1, token == self.eos_id, one.source)
            for token, gained in enumerate(self.log_probs(one.tokens))
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
    model: Model, groups: Sequence[Group], settings: Answer, divisor: Divisor | None = None, ended_grow: bool = False
) -> tuple[list[Group], float]:
    """The groups of one prompt a token later, best first, and the smallest gap between competing ranks.

    A `divisor` of a candidate's score, told by what it continues, is a mistake, and so are ended beams that grow.
    """
    size, length_penalty = settings["beam_width"] // settings["num_groups"], settings["length_penalty"]
    used: Counter[int] = Counter()
    chosen, gaps = [], []
    for group in groups:
        candidates = []
        for one in group:
            for longer in model.extensions(one):
                if one.is_finished and ended_grow:
                    longer = longer._replace(length=longer.length + 1)
                rank = longer.score / divisor(one) ** length_penalty if divisor else longer.rank(length_penalty)
                penalty = 0 if one.is_finished else settings["diversity_penalty"] * used[longer.tokens[-1]]
                candidates.append((rank - penalty, one.is_finished, longer))
        candidates.sort(key=lambda candidate: -candidate[0])
        gaps.append(gap_of(rank for rank, _, _ in candidates))
        used.update(longer.tokens[-1] for _, had_ended, longer in candidates[:size] if not had_ended)
        chosen.append([longer for _, _, longer in candidates[:size]])
    return chosen, min(gaps)


def best_first(beams: Group, ended: Group, length_penalty: float) -> Group:
    """The beams, and the best of what ever ended if it is none of them; as many as there are beams or one more."""
    best = sorted(ended, key=lambda one: -one.rank(length_penalty))[:1]
    known = {one.tokens for one in beams}
    return sorted(beams + [one for one in best if one.tokens not in known], key=lambda one: -one.rank(length_penalty))


def gap_of(ranks: Iterable[float]) -> float:
    """How far apart the closest two are."""
    return min((after - before for before, after in itertools.pairwise(sorted(ranks))), default=math.inf)


# Whole searches


def gap_of_search(table: Array, eos_id: int, prompts: Array, max_length: int, settings: Answer) -> float:
    return run(table, eos_id, prompts, max_length, settings).gap


@truth
def steps(table: Array, eos_id: int, prompts: Array, max_length: int, settings: Answer) -> list[Answer]:
    """Tokens, scores and is_finished after each step."""
    found = run(table, eos_id, prompts, max_length, settings)
    names = ("tokens", "scores", "is_finished")
    return [settled({name: arrays(beams)[name] for name in names}, settings["num_groups"]) for beams in found.steps]


@truth
def results(table: Array, eos_id: int, prompts: Array, max_length: int, settings: Answer) -> Answer:
    """What the search gives, best first."""
    return only_results(arrays(run(table, eos_id, prompts, max_length, settings).results))


def other_settings(table: Array, eos_id: int, prompts: Array, max_length: int, settings: Answer) -> Answer:
    """What the steps would be if some settings were ignored."""

    def without(*names: str) -> list[Answer]:
        return steps(table, eos_id, prompts, max_length, {**settings, **{name: PLAIN[name] for name in names}})

    return {
        f"candidates are {BY_SCORE}": without("length_penalty"),
        "the diversity penalty is ignored": without("diversity_penalty"),
        "the filters are ignored: temperature and repetition penalty": without("temperature", "repeat_penalty"),
    }


@truth
def greedy(table: Array, eos_id: int, prompts: Array, max_length: int, settings: Answer) -> Answer:
    """Each prompt with the likeliest token again and again, as beams of width 1."""
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
    """Every sequence there is, best first; the width must be their number."""
    model, found = model_of(table, eos_id, settings), []
    for prompt in prompts.tolist():
        leaves = [Hypothesis(tuple(prompt), 0.0, 0, False)]
        for _ in range(len(prompt), max_length):
            leaves = [longer for one in leaves for longer in model.extensions(one)]
        found.append(filled(best_first(leaves, [], settings["length_penalty"]), settings["beam_width"], max_length))
    return only_results(arrays(found))


@truth
def best_of_pool(table: Array, eos_id: int, prompts: Array, max_length: int, settings: Answer) -> Array:
    """The best score (b,) of a search that puts what ends among the w best candidates into a pool, and goes on with the
    w best others."""
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
    """The smallest gap between competing ranks; 0 where no result was pushed out of the beams."""
    found = run(**problem)
    last = found.steps[-1]
    is_out = any(
        one.score > -math.inf and one.tokens not in {beam.tokens for beam in beams}
        for results, beams in zip(found.results, last, strict=True)
        for one in results
    )
    return found.gap if is_out else 0.0


def logits(table: Array, tokens: Array) -> Array:
    """What the table says after these (rows, t)."""
    return table[row_of(torch.tensor(tokens), len(table)).numpy()]


def rescored(table: Array, eos_id: int, prompts: Array, settings: Answer, tokens: Array) -> Array:
    """The scores (b, w) of these sequences: the log-probabilities of their new tokens up to the first EOS."""
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
def one_step(table: Array, eos_id: int, beams: Answer, asked: int, settings: Answer) -> Answer:
    return stepped(table, eos_id, beams, settings)[0]


def gap_of_step(table: Array, eos_id: int, beams: Answer, asked: int, settings: Answer) -> float:
    return stepped(table, eos_id, beams, settings)[1]


def step_mistakes(table: Array, eos_id: int, beams: Answer, asked: int, settings: Answer) -> Answer:
    right = one_step(table, eos_id, beams, asked, settings)
    last = right["tokens"][..., -1]
    is_finished, each = beams["is_finished"], np.arange(len(last))[:, None]

    def changed(**fields: Array) -> Answer:
        return {**right, **fields}

    def ignoring(*names: str) -> Answer:
        return stepped(table, eos_id, beams, {**settings, **{name: PLAIN[name] for name in names}})[0]

    def divided(divisor: Divisor | None = None, ended_grow: bool = False) -> Answer:
        return stepped(table, eos_id, beams, settings, divisor, ended_grow)[0]

    mistakes = {
        f"candidates are {BY_SCORE}": ignoring("length_penalty"),
        "the diversity penalty is ignored": ignoring("diversity_penalty"),
        "the filters are ignored: temperature and repetition penalty": ignoring("temperature", "repeat_penalty"),
        "a candidate's length is one too small: the new token counts": divided(lambda one: max(one.length, 1)),
        "an ended beam grows in length by the EOS that fills it": divided(ended_grow=True),
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
    return {sentence: settled(changes, settings["num_groups"]) for sentence, changes in mistakes.items()}


def stepped(
    table: Array,
    eos_id: int,
    beams: Answer,
    settings: Answer,
    divisor: Divisor | None = None,
    ended_grow: bool = False,
) -> tuple[Answer, float]:
    """The beams a token later, with what they continue, and the smallest gap between competing ranks."""
    model, width = model_of(table, eos_id, settings), settings["beam_width"]
    each = [
        advanced(model, groups_of(beams, row, settings["num_groups"]), settings, divisor, ended_grow)
        for row in range(len(beams["tokens"]))
    ]
    return arrays([flat(groups, width) for groups, _ in each]), min(gap for _, gap in each)


def groups_of(beams: Answer, row: int, num_groups: int) -> list[Group]:
    """A prompt's beams by group, without spare ones."""
    fields = (beams[name][row].tolist() for name in ("tokens", "scores", "lengths", "is_finished"))
    all_of_row = [
        Hypothesis(tuple(tokens), score, int(length), is_finished, place)
        for place, (tokens, score, length, is_finished) in enumerate(zip(*fields, strict=True))
    ]
    size = len(all_of_row) // num_groups
    groups = [all_of_row[first : first + size] for first in range(0, len(all_of_row), size)]
    return [[one for one in group if one.score > -math.inf] for group in groups]


# Its functions


@truth
def candidate_scores(beams: Answer, log_probs: Array, eos_id: int) -> Answer:
    return _candidates(beams, log_probs, eos_id)


def candidate_mistakes(beams: Answer, log_probs: Array, eos_id: int) -> Answer:
    def changed(**mistake: float) -> Answer:
        return _candidates(beams, log_probs, eos_id, **mistake)

    running = {**beams, "is_finished": np.zeros_like(beams["is_finished"])}
    inverted = {**beams, "is_finished": ~beams["is_finished"]}
    first, last = _candidates(beams, log_probs, 0), _candidates(beams, log_probs, log_probs.shape[-1] - 1)
    at_eos = np.where(beams["is_finished"][..., None], log_probs, 0)
    right = _candidates(beams, log_probs, eos_id)["candidates"]
    return {
        "a beam that has ended goes on like the others": _candidates(running, log_probs, eos_id),
        "the beams that go on are frozen, and not those that have ended": _candidates(inverted, log_probs, eos_id),
        "the scores of the beams are missing": _candidates(
            {**beams, "scores": np.zeros_like(beams["scores"])}, log_probs, eos_id
        ),
        "EOS costs its log-probability after a beam that has ended; it must cost nothing": {
            "candidates": right + at_eos
        },
        "nothing may follow a beam that has ended, not even EOS": changed(at_eos=-math.inf),
        "tokens other than EOS may follow a beam that has ended": changed(elsewhere=0.0),
        "the token 0 is taken for EOS": first,
        "the last token is taken for EOS": last,
        "log-probabilities are subtracted; they must be added": _candidates(beams, -log_probs, eos_id),
    }


def _candidates(
    beams: Answer, log_probs: Array, eos_id: int, at_eos: float = 0.0, elsewhere: float = -math.inf
) -> Answer:
    candidates = np.empty_like(log_probs)
    for row, beam, token in np.ndindex(*log_probs.shape):
        frozen = at_eos if token == eos_id else elsewhere
        gained = frozen if beams["is_finished"][row, beam] else log_probs[row, beam, token]
        candidates[row, beam, token] = beams["scores"][row, beam] + gained
    return {"candidates": candidates}


@truth
def selected(ranks: Array, is_finished: Array, num_groups: int, diversity_penalty: float) -> Answer:
    return _selected(ranks, is_finished, num_groups, diversity_penalty)


def select_mistakes(ranks: Array, is_finished: Array, num_groups: int, diversity_penalty: float) -> Answer:
    def changed(**mistake: bool) -> Answer:
        return _selected(ranks, is_finished, num_groups, diversity_penalty, **mistake)

    def of_other_index(divisor: int) -> Answer:
        """The flat index taken apart by another divisor than v."""
        index = right["sources"] * ranks.shape[2] + right["tokens"]
        return {"sources": index // divisor, "tokens": index % divisor}

    right = selected(ranks, is_finished, num_groups, diversity_penalty)
    width = ranks.shape[1]
    size = width // num_groups
    group = np.arange(width) // size
    mistakes = {
        "the beam and the token are mixed up": {"sources": right["tokens"], "tokens": right["sources"]},
        "the index is taken apart by the number of beams; it must be by that of tokens": of_other_index(width),
        "the lowest ranks are taken; the highest are asked for": changed(lowest=True),
        "the beams are counted from their group's first": {**right, "sources": right["sources"] - group * size},
        "groups choose from all beams; each must from its own": changed(from_all=True),
        "the diversity penalty is missing": _selected(ranks, is_finished, num_groups, 0.0),
        "the diversity penalty is added; it must be subtracted": _selected(
            ranks, is_finished, num_groups, -diversity_penalty
        ),
        "a token that several beams chose is penalised once; it must be for each of them": changed(once=True),
        "a token that a group chose twice counts once": changed(once_a_group=True),
        "only the group just before counts; all groups before must": changed(forgets=True),
        "ended beams are penalised too": changed(penalises_ended=True),
        "ended beams count for the penalty": changed(counts_ended=True),
    }
    if num_groups == 1:  # in groups, one candidate of each beam is often right, and what is wrong is something else
        mistakes["the best candidate of each beam is taken; one beam may have several"] = changed(one_of_each=True)
    return mistakes


def _selected(
    ranks: Array,
    is_finished: Array,
    num_groups: int,
    diversity_penalty: float,
    *,
    one_of_each: bool = False,
    lowest: bool = False,
    from_all: bool = False,
    once: bool = False,
    once_a_group: bool = False,
    forgets: bool = False,
    penalises_ended: bool = False,
    counts_ended: bool = False,
) -> Answer:
    """The candidates that are chosen, best first in each group; what is otherwise is a mistake."""
    batch, width, vocab = ranks.shape
    size, pairs = width // num_groups, []
    for row in range(batch):
        used: Counter[int] = Counter()
        for first in range(0, width, size):
            found = []
            for beam, token in itertools.product(
                range(width) if from_all else range(first, first + size), range(vocab)
            ):
                times = min(used[token], 1) if once else used[token]
                is_spared = is_finished[row, beam] and not penalises_ended
                rank = ranks[row, beam, token] - (0 if is_spared else diversity_penalty * times)
                if rank > -math.inf:
                    found.append((rank, beam, token))
            found.sort(reverse=not lowest)
            if one_of_each:
                found = [max(of_beam) for _, of_beam in itertools.groupby(sorted(found, key=_beam_of), _beam_of)]
            chosen = [(beam, token) for _, beam, token in found[:size]]
            if forgets:
                used.clear()
            counted = [token for beam, token in chosen if counts_ended or not is_finished[row, beam]]
            used.update(set(counted) if once_a_group else counted)
            pairs.append(chosen + [(ARBITRARY, ARBITRARY)] * (size - len(chosen)))
    chosen_of_all = np.array(pairs, dtype=np.int64).reshape(batch, width, 2)
    return {"sources": chosen_of_all[..., 0], "tokens": chosen_of_all[..., 1]}


def _beam_of(candidate: tuple[float, int, int]) -> int:
    return candidate[1]


@truth
def better(best: Answer, beams: Answer, length_penalty: float) -> Answer:
    """The best that has ended; of one that is none, only the score is said."""
    return _better(best, beams, length_penalty)


def better_mistakes(best: Answer, beams: Answer, length_penalty: float) -> Answer:
    nothing = {
        name: {**each, "scores": np.full_like(each["scores"], -math.inf)}
        for name, each in (("best", best), ("beams", beams))
    }
    newest = _better(nothing["best"], beams, length_penalty)
    return {
        f"the ended beams are {BY_SCORE}": _better(best, beams, 0.0),
        "a beam that goes on is taken for one that has ended": _better(best, beams, length_penalty, all_ended=True),
        "the best one before is forgotten": newest,
        "the best one before is kept, though a better one has ended": _better(best, nothing["beams"], length_penalty),
        "the worst of what has ended is taken": _better(best, beams, length_penalty, sign=-1),
    }


def _better(best: Answer, beams: Answer, length_penalty: float, sign: int = 1, all_ended: bool = False) -> Answer:
    both = {name: np.concatenate([best[name], beams[name]], axis=1) for name in beams}
    places = []
    for row in range(len(both["scores"])):
        ended = [one for one in groups_of(both, row, 1)[0] if one.is_finished or all_ended]
        found = max(ended, key=lambda one: sign * one.rank(length_penalty), default=None)
        places.append([found.source if found else 0])
    return blanked({name: value[np.arange(len(places))[:, None], places] for name, value in both.items()})


@truth
def ranked(beams: Answer, best: Answer, length_penalty: float) -> Answer:
    return _ranked(beams, best, length_penalty)


def ranked_mistakes(beams: Answer, best: Answer, length_penalty: float) -> Answer:
    return {
        f"the results are {BY_SCORE}": _ranked(beams, best, 0.0),
        "the worst comes first": _ranked(beams, best, length_penalty, sign=-1),
        "the best ended one is counted twice where it is one of the beams": _ranked(
            beams, best, length_penalty, twice=True
        ),
        "the best ended one is left out where it is none of the beams": _ranked(
            beams, {**best, "scores": np.full_like(best["scores"], -math.inf)}, length_penalty
        ),
    }


def _ranked(beams: Answer, best: Answer, length_penalty: float, sign: int = 1, twice: bool = False) -> Answer:
    width, results = beams["scores"].shape[1], []
    for row in range(len(beams["scores"])):
        kept, found = groups_of(beams, row, 1)[0], groups_of(best, row, 1)[0]
        everything = kept + found if twice else best_first(kept, found, length_penalty)
        everything.sort(key=lambda one: -sign * one.rank(length_penalty))
        results.append(filled(everything[:width], width, beams["tokens"].shape[2]))
    return only_results(arrays(results))


# As arrays


def flat(groups: Sequence[Group], width: int) -> Group:
    """The beams of all groups, each filled with spare ones."""
    return [one for group in groups for one in filled(group, width // len(groups), len(groups[0][0].tokens))]


def filled(group: Group, size: int, time: int) -> Group:
    """So many beams: the first ones, and then spare ones."""
    spare = Hypothesis((ARBITRARY,) * time, -math.inf, 0, True, ARBITRARY)
    return (group + [spare] * size)[:size]


def arrays(batch: Sequence[Group]) -> Answer:
    """The fields of a batch of as many beams each; lengths as the scores are, numbers with a point."""
    dtypes = {
        "tokens": np.int64,
        "score": np.float64,
        "length": np.float64,
        "is_finished": np.bool_,
        "source": np.int64,
    }
    names = {"score": "scores", "length": "lengths", "source": "sources"}
    return {
        names.get(name, name): np.array([[getattr(one, name) for one in group] for group in batch], dtype=dtype)
        for name, dtype in dtypes.items()
    }


def only_results(fields: Answer) -> Answer:
    """What a search gives."""
    return {name: fields[name] for name in ("tokens", "scores")}


def blanked(beams: Answer) -> Answer:
    """The same beams, and what is arbitrary of spare ones put alike."""
    arbitrary = {"tokens": ARBITRARY, "sources": ARBITRARY, "lengths": 0, "is_finished": True}
    is_spare = np.asarray(np.isneginf(beams["scores"]))
    return {
        name: np.where(of_each(is_spare, value), arbitrary.get(name, -math.inf), value).astype(value.dtype)
        for name, value in beams.items()
    }


def settled(beams: Answer, num_groups: int) -> Answer:
    """The same beams, each group sorted by tokens and score: the order in a group is not said."""
    beams = blanked(beams)
    batch, width = beams["scores"].shape
    group = np.arange(width) // (width // num_groups)
    order = [
        np.lexsort((scores, *tokens.T[::-1], group))
        for scores, tokens in zip(beams["scores"], beams["tokens"], strict=True)
    ]
    places = np.array(order, dtype=np.int64).reshape(batch, width)
    return {name: value[np.arange(batch)[:, None], places] for name, value in beams.items()}


def settled_choice(choice: Answer, ranks: Array, num_groups: int) -> Answer:
    """The same candidates, each group sorted; which impossible ones fill a group is not said."""
    batch, width, vocab = ranks.shape
    sources, tokens = choice["sources"], choice["tokens"]
    inside = (sources >= 0) & (sources < width) & (tokens >= 0) & (tokens < vocab)
    rank = ranks[np.arange(batch)[:, None], np.where(inside, sources, 0), np.where(inside, tokens, 0)]
    found = settled({"scores": np.where(inside, rank, 0), "tokens": np.stack([sources, tokens], axis=-1)}, num_groups)
    return {"sources": found["tokens"][..., 0], "tokens": found["tokens"][..., 1]}


def of_each(of_beams: Array, value: Array) -> Array:
    """An array (b, w) with as many axes as another that has b and w first."""
    return of_beams.reshape(of_beams.shape + (1,) * (value.ndim - 2))

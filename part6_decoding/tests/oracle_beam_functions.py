"""The functions of beam search in plain Python, what known mistakes would give, and beams as arrays."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array

ARBITRARY = -1  # the tokens of a spare beam, and where it comes from
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
        "probabilities are added; their logarithms must be": _candidates(beams, np.exp(log_probs), eos_id),
        "what may not follow costs -1e9; it must be -inf": changed(elsewhere=-1e9),
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
        """Take the flat index apart by another divisor than v."""
        index = right["sources"] * ranks.shape[2] + right["tokens"]
        return {"sources": index // divisor, "tokens": index % divisor}

    right = selected(ranks, is_finished, num_groups, diversity_penalty)
    width = ranks.shape[1]
    each = width // num_groups
    group = np.arange(width) // each
    mistakes = {
        "the beam and the token are mixed up": {"sources": right["tokens"], "tokens": right["sources"]},
        "the index is taken apart by the number of beams; it must be by that of tokens": of_other_index(width),
        "the lowest ranks are taken; the highest are asked for": changed(lowest=True),
        "the beams are counted from their group's first": {**right, "sources": right["sources"] - group * each},
        "groups choose from all beams; each must from its own": changed(from_all=True),
        "a token that several beams chose is penalised once; it must be for each of them": changed(once=True),
        "the diversity penalty is missing": _selected(ranks, is_finished, num_groups, 0.0),
        "the diversity penalty is added; it must be subtracted": _selected(
            ranks, is_finished, num_groups, -diversity_penalty
        ),
        "only the group just before counts; all groups before must": changed(forgets=True),
        "ended beams are penalised too": changed(penalises_ended=True),
        "ended beams count for the penalty": changed(counts_ended=True),
        "tokens that other prompts chose are penalised too": changed(of_all_prompts=True),
        "the groups are ignored: all beams choose together": _selected(ranks, is_finished, 1, diversity_penalty),
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
    forgets: bool = False,
    penalises_ended: bool = False,
    counts_ended: bool = False,
    of_all_prompts: bool = False,
) -> Answer:
    """Choose candidates, best first in each group; the flags are mistakes."""
    (batch, width), vocab = ranks.shape[:2], ranks.shape[2]
    each, pairs = width // num_groups, []
    used_in: list[Counter[int]] = [Counter() for _ in range(batch)]
    for begin in range(0, width, each):
        used_before = sum(used_in, Counter())
        for row, used in enumerate(used_in):
            found = []
            for beam, token in itertools.product(
                range(width) if from_all else range(begin, begin + each), range(vocab)
            ):
                times = (used_before if of_all_prompts else used)[token]
                times = min(times, 1) if once else times
                is_spared = is_finished[row, beam] and not penalises_ended
                rank = ranks[row, beam, token] - (0 if is_spared else diversity_penalty * times)
                if rank > -math.inf:
                    found.append((rank, beam, token))
            found.sort(reverse=not lowest)
            if one_of_each:
                found = [max(of_beam) for _, of_beam in itertools.groupby(sorted(found, key=_beam_of), _beam_of)]
            chosen = [(beam, token) for _, beam, token in found[:each]]
            if forgets:
                used.clear()
            counted = [token for beam, token in chosen if counts_ended or not is_finished[row, beam]]
            used.update(counted)
            pairs.append(chosen + [(ARBITRARY, ARBITRARY)] * (each - len(chosen)))
    in_groups = np.array(pairs, dtype=np.int64).reshape(num_groups, batch, each, 2)
    chosen_of_all = in_groups.swapaxes(0, 1).reshape(batch, width, 2)
    return {"sources": chosen_of_all[..., 0], "tokens": chosen_of_all[..., 1]}


def _beam_of(candidate: tuple[float, int, int]) -> int:
    return candidate[1]


@truth
def better(best: Answer, beams: Answer, length_penalty: float) -> Answer:
    """Find the best that has ended; where there is none, only the score counts."""
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
        "the place of the best of all prompts is taken in each; each has its own best": _better(
            best, beams, length_penalty, same_place=True
        ),
    }


def _better(
    best: Answer,
    beams: Answer,
    length_penalty: float,
    sign: int = 1,
    all_ended: bool = False,
    same_place: bool = False,
) -> Answer:
    both = {name: np.concatenate([best[name], beams[name]], axis=1) for name in beams}
    rows = [groups_of(both, row, 1)[0] for row in range(len(both["scores"]))]
    ended = [[one for one in row if one.is_finished or all_ended] for row in rows]
    if same_place:
        ended = [list(itertools.chain.from_iterable(ended))] * len(ended)
    found = [max(row, key=lambda one: sign * one.rank(length_penalty), default=None) for row in ended]
    places = [[one.source if one else 0] for one in found]
    return blanked({name: value[np.arange(len(places))[:, None], places] for name, value in both.items()})


@truth
def ranked(beams: Answer, best: Answer, length_penalty: float) -> Answer:
    return _ranked(beams, best, length_penalty)


def ranked_mistakes(beams: Answer, best: Answer, length_penalty: float) -> Answer:
    return {
        "the beams come as they stand; sort them, with the best ended one": only_results(blanked(beams)),
        f"the results are {BY_SCORE}": _ranked(beams, best, 0.0),
        "the worst comes first": _ranked(beams, best, length_penalty, sign=-1),
        "the best ended one is counted twice where it is one of the beams": _ranked(
            beams, best, length_penalty, twice=True
        ),
        "the best ended one is left out where a beam has the same last token; all tokens must be the same": _ranked(
            beams, best, length_penalty, known_by_last=True
        ),
        "ranks are returned; scores are asked for": _ranked(beams, best, length_penalty, gives_ranks=True),
        "the best ended one is left out where it is none of the beams": _ranked(
            beams, {**best, "scores": np.full_like(best["scores"], -math.inf)}, length_penalty
        ),
    }


def _ranked(
    beams: Answer,
    best: Answer,
    length_penalty: float,
    sign: int = 1,
    twice: bool = False,
    known_by_last: bool = False,
    gives_ranks: bool = False,
) -> Answer:
    width, results = beams["scores"].shape[1], []
    for row in range(len(beams["scores"])):
        kept, found = groups_of(beams, row, 1)[0], groups_of(best, row, 1)[0]
        if known_by_last:
            last = {one.tokens[-1] for one in kept}
            found = [one for one in found if one.tokens[-1] not in last]
        everything = kept + found if twice else best_first(kept, found, length_penalty)
        everything.sort(key=lambda one: -sign * one.rank(length_penalty))
        if gives_ranks:
            everything = [one._replace(score=one.rank(length_penalty)) for one in everything]
        results.append(filled(everything[:width], width, beams["tokens"].shape[2]))
    return only_results(arrays(results))


def best_first(beams: Group, ended: Group, length_penalty: float) -> Group:
    """Sort the beams, and the best of what ever ended if it is none of them; as many as there are beams or one more."""
    best = sorted(ended, key=lambda one: -one.rank(length_penalty))[:1]
    known = {one.tokens for one in beams}
    return sorted(beams + [one for one in best if one.tokens not in known], key=lambda one: -one.rank(length_penalty))


# As arrays


def groups_of(beams: Answer, row: int, num_groups: int) -> list[Group]:
    """Split a prompt's beams into groups, without spare ones."""
    fields = (beams[name][row].tolist() for name in ("tokens", "scores", "lengths", "is_finished"))
    all_of_row = [
        Hypothesis(tuple(tokens), score, int(length), is_finished, place)
        for place, (tokens, score, length, is_finished) in enumerate(zip(*fields, strict=True))
    ]
    size = len(all_of_row) // num_groups
    groups = [all_of_row[first : first + size] for first in range(0, len(all_of_row), size)]
    return [[one for one in group if one.score > -math.inf] for group in groups]


def flat(groups: Sequence[Group], width: int) -> Group:
    """List the beams of all groups, each filled with spare ones."""
    return [one for group in groups for one in filled(group, width // len(groups), len(groups[0][0].tokens))]


def filled(group: Group, size: int, time: int) -> Group:
    """Take so many beams: the first ones, and then spare ones."""
    spare = Hypothesis((ARBITRARY,) * time, -math.inf, 0, True, ARBITRARY)
    return (group + [spare] * size)[:size]


def arrays(batch: Sequence[Group]) -> Answer:
    """Give the fields of a batch of as many beams each; lengths are floats, as the scores are."""
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
    """Keep what a search returns."""
    return {name: fields[name] for name in ("tokens", "scores")}


def blanked(beams: Answer) -> Answer:
    """Set what is arbitrary of spare beams to fixed values."""
    arbitrary = {"tokens": ARBITRARY, "sources": ARBITRARY, "lengths": 0, "is_finished": True}
    is_spare = np.asarray(np.isneginf(beams["scores"]))
    return {
        name: np.where(of_each(is_spare, value), arbitrary.get(name, -math.inf), value).astype(value.dtype)
        for name, value in beams.items()
    }


def settled(beams: Answer, num_groups: int) -> Answer:
    """Sort each group by tokens and score: the order in a group is free."""
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
    """Sort the candidates of each group; which impossible ones fill a group is free."""
    (batch, width), vocab = ranks.shape[:2], ranks.shape[2]
    sources, tokens = choice["sources"], choice["tokens"]
    inside = (sources >= 0) & (sources < width) & (tokens >= 0) & (tokens < vocab)
    rank = ranks[np.arange(batch)[:, None], np.where(inside, sources, 0), np.where(inside, tokens, 0)]
    found = settled({"scores": np.where(inside, rank, 0), "tokens": np.stack([sources, tokens], axis=-1)}, num_groups)
    return {"sources": found["tokens"][..., 0], "tokens": found["tokens"][..., 1]}


def of_each(of_beams: Array, value: Array) -> Array:
    """Give an array (b, w) as many axes as another that has b and w first."""
    return of_beams.reshape(of_beams.shape + (1,) * (value.ndim - 2))

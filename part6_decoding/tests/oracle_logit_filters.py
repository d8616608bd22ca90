"""The filters by their definitions, one row and one token at a time, and what known mistakes would give."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array


def probabilities(logits: Array) -> Array:
    """Compute the softmax of each row, in float64."""
    shifted = np.exp(logits.astype("float64") - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def likeliest_first(row: Array) -> list[int]:
    """Sort the tokens of a row by falling logit; of equal ones the lowest index first."""
    return sorted(range(len(row)), key=lambda token: (-row[token], token))


def of_equal_ones_the_last(row: Array) -> list[int]:
    """Sort them likewise, but of equal ones the highest index first."""
    return sorted(range(len(row)), key=lambda token: (-row[token], -token))


def kept(logits: Array, keeps: Callable[[Array], set[int]]) -> Answer:
    """Keep the logits of these tokens of each row, -inf for the others."""
    filtered = np.full_like(logits, -math.inf)
    for number, row in enumerate(logits):
        for token in keeps(row):
            filtered[number, token] = row[token]
    return {"logits": filtered}


# The repetition penalty


@truth
def repetition_penalty(logits: Array, sequences: Array, penalty: float) -> Answer:
    penalized = logits.copy()
    for row, tokens in zip(penalized, sequences, strict=True):
        for token in set(tokens.tolist()):
            row[token] = row[token] / penalty if row[token] > 0 else row[token] * penalty
    return {"logits": penalized}


def repetition_penalty_mistakes(logits: Array, sequences: Array, penalty: float) -> Answer:
    used = np.zeros(logits.shape, dtype=bool)
    for row, tokens in zip(used, sequences, strict=True):
        row[tokens] = True
    less = np.where(logits > 0, logits / penalty, logits * penalty)
    often = logits.copy()
    for row, tokens in zip(often, sequences, strict=True):
        for token in tokens.tolist():
            row[token] = row[token] / penalty if row[token] > 0 else row[token] * penalty
    last = repetition_penalty(logits, sequences[:, -1:], penalty)["logits"]
    other = np.where(used, np.where(logits > 0, logits * penalty, logits / penalty), logits)
    penalized = {
        "negative logits are divided too, which makes them more likely": np.where(used, logits / penalty, logits),
        "positive logits are multiplied and negative ones divided; it must be the other way round": other,
        "a token is penalised each time it occurs; it must be once": often,
        "every token is penalised; only those of the row must be": less,
        "tokens of other rows are penalised too": np.where(used.any(axis=0), less, logits),
        "tokens that the row does not have are penalised; it must be those that it has": np.where(used, logits, less),
        "the penalty is subtracted; it must divide or multiply": np.where(used, logits - penalty, logits),
        "only the last token of each row is penalised": last,
    }
    return {sentence: {"logits": value} for sentence, value in penalized.items()}


def impossible_penalty_mistakes(logits: Array, sequences: Array, penalty: float) -> Answer:
    penalized = repetition_penalty(logits, sequences, penalty)["logits"]
    return {
        "what was -inf is nan, as 0 · -inf and -inf + inf are": {
            "logits": np.where(np.isneginf(logits), logits.dtype.type(math.nan), penalized)
        }
    }


# The temperature


@truth
def temperature(logits: Array, temperature: float) -> Answer:
    return {"logits": logits / logits.dtype.type(temperature)}


def temperature_mistakes(logits: Array, temperature: float) -> Answer:
    shares = probabilities(logits / temperature).astype(logits.dtype)
    return {
        "the logits are multiplied by the temperature; they must be divided": {"logits": logits * temperature},
        "these are probabilities; logits are asked for": {"logits": shares},
    }


# What is kept


@truth
def top_k(logits: Array, k: int) -> Answer:
    return kept(logits, lambda row: set(likeliest_first(row)[: k or None]))


def top_k_mistakes(logits: Array, k: int) -> Answer:
    return {
        "one token too many is kept; k must stay": top_k(logits, k + 1),
        "one token too few is kept; k must stay": kept(logits, lambda row: set(likeliest_first(row)[: k - 1])),
        "the k smallest are kept; it must be the largest": kept(logits, lambda row: set(likeliest_first(row)[-k:])),
        "the k largest are dropped; they must be kept": kept(logits, lambda row: set(likeliest_first(row)[k:])),
        "the bound is that of the whole batch; each row must have its own": {
            "logits": np.where(logits >= np.sort(logits, axis=None)[-k], logits, -math.inf).astype(logits.dtype)
        },
        "what is dropped is 0; it must be -inf": zeros_for_dropped(top_k(logits, k)),
    }


def tied_top_k_mistakes(logits: Array, k: int) -> Answer:
    def as_large_as_the_kth(row: Array) -> set[int]:
        return {token for token in range(len(row)) if row[token] >= row[likeliest_first(row)[k - 1]]}

    return {
        "all logits equal to the k-th largest are kept; exactly k must stay": kept(logits, as_large_as_the_kth),
        "of equal logits the last are kept; it must be the first": kept(
            logits, lambda row: set(of_equal_ones_the_last(row)[:k])
        ),
    }


def crossing(row: Array, p: float, further: int = 0, order: Sequence[int] = ()) -> set[int]:
    """Take the likeliest tokens, or in another order, until their probabilities reach p, and so many more."""
    order, total = order or likeliest_first(row), 0.0
    for number, token in enumerate(order, start=1):
        total += probabilities(row)[token]
        if total >= p:
            return set(order[: number + further])
    return set(order)


@truth
def top_p(logits: Array, p: float) -> Answer:
    return kept(logits, lambda row: crossing(row, p))


def top_p_mistakes(logits: Array, p: float) -> Answer:
    def with_probability(keeps: Callable[[Array], Array]) -> Answer:
        return {"logits": np.where(keeps(probabilities(logits)), logits, -math.inf).astype(logits.dtype)}

    def before_logits_reach_p(row: Array) -> set[int]:
        order = likeliest_first(row)
        likelier = np.cumsum(row[order]) - row[order]
        return {token for token, total in zip(order, likelier, strict=True) if total < p}

    return {
        "the token that crosses p is dropped; it must stay": kept(logits, lambda row: crossing(row, p, further=-1)),
        "one token more than the one that crosses p is kept": kept(logits, lambda row: crossing(row, p, further=1)),
        "the least likely tokens are kept, until they reach p": kept(
            logits, lambda row: crossing(row, p, order=likeliest_first(row)[::-1])
        ),
        "tokens less likely than p are dropped; what counts is the sum of all that are likelier": with_probability(
            lambda each: each >= p
        ),
        "probabilities are added in the order of the tokens; it must be from the likeliest on": with_probability(
            lambda each: np.cumsum(each, axis=-1) - each < p
        ),
        "what is dropped is 0; it must be -inf": zeros_for_dropped(top_p(logits, p)),
        "logits are added up; probabilities must be": kept(logits, before_logits_reach_p),
        "places in the sorted order are taken for tokens: the order is not undone": kept(
            logits, lambda row: set(range(len(crossing(row, p))))
        ),
    }


def tied_top_p_mistakes(logits: Array, p: float) -> Answer:
    return {
        "of equal probabilities the last are kept; it must be the first": kept(
            logits, lambda row: crossing(row, p, order=of_equal_ones_the_last(row))
        )
    }


@truth
def min_p(logits: Array, min_p: float) -> Answer:
    def keeps(row: Array) -> set[int]:
        each = probabilities(row)
        return {token for token in range(len(row)) if each[token] >= min_p * each.max()}

    return kept(logits, keeps)


kept_by_min_p = min_p


def min_p_mistakes(logits: Array, min_p: float) -> Answer:
    each = probabilities(logits)
    largest = each.max(axis=-1, keepdims=True)

    def where(keeps: Array) -> Answer:
        return {"logits": np.where(keeps, logits, -math.inf).astype(logits.dtype)}

    return {
        "the bound is min_p itself; it must be min_p times the largest probability": where(each >= min_p),
        "what is less likely than the bound is kept, and the rest dropped": where(each < min_p * largest),
        "the bound is that of the likeliest token of the whole batch; each row must have its own": where(
            each >= min_p * largest.max()
        ),
        "logits are compared; probabilities must be": where(logits >= min_p * logits.max(axis=-1, keepdims=True)),
        "what is dropped is 0; it must be -inf": zeros_for_dropped(kept_by_min_p(logits, min_p)),
    }


def tied_min_p_mistakes(logits: Array, min_p: float) -> Answer:
    each = probabilities(logits)
    above = np.where(each > min_p * each.max(axis=-1, keepdims=True), logits, -math.inf)
    return {"what is just as likely as the bound is dropped; it must stay": {"logits": above}}


def zeros_for_dropped(answer: Answer) -> Answer:
    return {"logits": np.where(np.isinf(answer["logits"]), 0, answer["logits"])}

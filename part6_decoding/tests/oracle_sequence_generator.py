"""Generation in plain Python, row by row and token by token, and what known mistakes would give.

Every solution may draw in its own way, so a sequence that was drawn is never compared with another.  How often one is
drawn follows the binomial distribution, whose tails are computed exactly.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.special import bdtr, bdtrc

from autograder.testing import assert_same, truth
from part6_decoding.tests.probe_score_table import row_of

Answer = dict[str, Any]
Array = np.ndarray
Filters = Mapping[str, float]
Logits = list[float]

# How often a count of a right solution lies below its bounds, and how often above.  All problems of a grading together
# make fewer than 3000 counts: chance fails a right solution in less than one of 10⁹ gradings.
CHANCE = 1e-13
NOT_LOG = "these are probabilities; their logarithms are asked for"
NOT_NORMALISED = "these are filtered logits; log_softmax is missing"
NO_CALLBACK = "the callback sees no step: it is not handed on"
LAST_TOKEN = "repeat_penalty sees the last token only; it concerns all tokens of the row"
ORDERS = {
    "repeat_penalty comes after top_k; it comes first": ("temperature", "top_k", "repeat_penalty", "top_p", "min_p"),
    "temperature comes after top_p; it comes before top_k": (
        "repeat_penalty",
        "top_k",
        "top_p",
        "temperature",
        "min_p",
    ),
    "temperature comes last; it comes before top_k": ("repeat_penalty", "top_k", "top_p", "min_p", "temperature"),
    "top_p comes before top_k; it comes after": ("repeat_penalty", "temperature", "top_p", "top_k", "min_p"),
    "min_p comes before top_p; it comes after": ("repeat_penalty", "temperature", "top_k", "min_p", "top_p"),
}

# The filters, on the logits of one row


def penalized(logits: Logits, penalty: float, row: Sequence[int]) -> Logits:
    return [(x / penalty if x > 0 else x * penalty) if token in set(row) else x for token, x in enumerate(logits)]


def tempered(logits: Logits, temperature: float, _: Sequence[int]) -> Logits:
    return [x / temperature for x in logits]


def top_k(logits: Logits, k: float, _: Sequence[int]) -> Logits:
    return kept(logits, falling(logits)[: int(k)] if k else range(len(logits)))


def top_p(logits: Logits, p: float, _: Sequence[int]) -> Logits:
    nucleus: list[int] = []
    shares = probabilities(logits)
    for token in falling(logits):
        if p < 1 and math.fsum(shares[one] for one in nucleus) >= p:
            break
        nucleus.append(token)
    return kept(logits, nucleus)


def min_p(logits: Logits, least: float, _: Sequence[int]) -> Logits:
    shares = probabilities(logits)
    return kept(logits, [token for token, share in enumerate(shares) if share >= least * max(shares)])


FILTERS: dict[str, Callable[[Logits, float, Sequence[int]], Logits]] = {
    "repeat_penalty": penalized,
    "temperature": tempered,
    "top_k": top_k,
    "top_p": top_p,
    "min_p": min_p,
}


def falling(logits: Logits) -> list[int]:
    """Sort the tokens, the likeliest first."""
    return sorted(range(len(logits)), key=lambda token: -logits[token])


def kept(logits: Logits, tokens: Sequence[int]) -> Logits:
    return [x if token in tokens else -math.inf for token, x in enumerate(logits)]


def probabilities(logits: Logits) -> list[float]:
    exps = [math.exp(x - max(logits)) for x in logits]
    return [each / math.fsum(exps) for each in exps]


def log(probability: float) -> float:
    return math.log(probability) if probability else -math.inf


# The next token


def logits_after(table: Array, tokens: Array) -> Array:
    """Look up the logits (b, v) after each row."""
    return table[row_of(torch.tensor(tokens), len(table)).numpy()]


def filtered(
    table: Array, row: Sequence[int], filters: Filters, order: Sequence[str] = tuple(FILTERS), seen: int = 0
) -> Logits:
    """Filter the logits after a row; the penalty sees its tokens from `seen` on."""
    logits: Logits = logits_after(table, np.array([row]))[0].tolist()
    for name in order:
        if name in filters:
            logits = FILTERS[name](logits, filters[name], row[seen:])
    return logits


def next_log_probs(table: Array, row: Sequence[int], filters: Filters) -> list[float]:
    return [log(share) for share in probabilities(filtered(table, row, filters))]


@truth
def log_probs(table: Array, tokens: Array, filters: Answer) -> Answer:
    return {"log_probs": _log_probs(table, tokens, filters)}


def log_probs_mistakes(table: Array, tokens: Array, filters: Answer) -> Answer:
    right = _log_probs(table, tokens, filters)
    known = {f"{name} has no effect": _log_probs(table, tokens, without(filters, name)) for name in filters}
    if len(filters) > 1:
        known |= {mistake: _log_probs(table, tokens, filters, order) for mistake, order in ORDERS.items()}
    if "repeat_penalty" in filters:
        known[LAST_TOKEN] = _log_probs(table, tokens, filters, seen=-1)
    known[NOT_LOG] = np.exp(right)
    known[NOT_NORMALISED] = _filtered(table, tokens, filters)
    known["log_softmax goes along the rows; it must go along the tokens"] = log_softmax(known[NOT_NORMALISED], 0)
    known["log_softmax comes before the filters; it comes last"] = _filtered(log_softmax(table, 1), tokens, filters)
    return {mistake: {"log_probs": each} for mistake, each in known.items()}


def log_softmax(numbers: Array, axis: int) -> Array:
    return torch.tensor(numbers).log_softmax(axis).numpy()


def _filtered(table: Array, tokens: Array, filters: Filters) -> Array:
    return np.array([filtered(table, row, filters) for row in tokens.tolist()])


def _log_probs(table: Array, tokens: Array, filters: Filters, *order: Any, **mistake: Any) -> Array:
    rows = [probabilities(filtered(table, row, filters, *order, **mistake)) for row in tokens.tolist()]
    return np.array([[log(share) for share in row] for row in rows])


def without(filters: Filters, *names: str) -> Filters:
    return {name: value for name, value in filters.items() if name not in names}


# Whole sequences


class Row(NamedTuple):
    """A prompt's continuation, the log-probabilities of its tokens and the largest in their places, and if it ended."""

    tokens: list[int]
    gains: list[float]
    largest: list[float]
    has_ended: bool


Read = Callable[[list[int], list[int]], list[int]]


def continue_row(
    table: Array,
    eos_id: int,
    prompt: list[int],
    max_length: int,
    filters: Filters,
    rank: int = 0,
    read: Read = operator.add,
) -> Row:
    """Continue one row with the token of this rank, 0 for the likeliest, until it ends.

    Another row that is read than the prompt and the new tokens is a mistake.
    """
    row = Row([], [], [], False)
    while len(prompt) + len(row.tokens) < max_length and not row.has_ended:
        log_probs = next_log_probs(table, read(prompt, row.tokens), filters)
        token = falling(log_probs)[rank]
        gains, largest = [*row.gains, log_probs[token]], [*row.largest, max(log_probs)]
        row = Row([*row.tokens, token], gains, largest, token == eos_id)
    return row


def together(x: Array, eos_id: int, rows: Sequence[Row]) -> Answer:
    """Join rows that stay until the last has ended: the sequences, the scores, and each step."""
    steps = [after(x, eos_id, rows, step) for step in range(1, 1 + max((len(row.tokens) for row in rows), default=0))]
    last = steps[-1] if steps else {"tokens": x, "scores": np.zeros(len(x), np.float32)}
    return {"sequences": last["tokens"], "scores": last["scores"], "steps": steps}


def after(x: Array, eos_id: int, rows: Sequence[Row], step: int) -> Answer:
    """Cut the rows after so many steps."""
    new = [(row.tokens + [eos_id] * step)[:step] for row in rows]
    return {
        "tokens": np.concatenate([x, np.array(new, dtype=np.int64)], axis=1),
        "scores": np.array([math.fsum(row.gains[:step]) for row in rows]),
        "is_finished": np.array([row.has_ended and len(row.tokens) <= step for row in rows]),
    }


@truth
def continued(table: Array, eos_id: int, x: Array, max_length: int, filters: Answer, rank: int = 0) -> Answer:
    return together(x, eos_id, _rows(table, eos_id, x, max_length, filters, rank))


def _rows(
    table: Array, eos_id: int, x: Array, max_length: int, filters: Filters, rank: int = 0, read: Read = operator.add
) -> list[Row]:
    return [continue_row(table, eos_id, prompt, max_length, filters, rank, read) for prompt in x.tolist()]


def calls(sequences: Array, prompt_length: int) -> list[Array]:
    """List the calls of score_fn: with the prompts, and with what they are after each step but the last."""
    return [sequences[:, :length] for length in range(prompt_length, sequences.shape[1])]


def extend_mistakes(table: Array, eos_id: int, x: Array, max_length: int, filters: Answer, rank: int) -> Answer:
    """Give what known mistakes would, where the log-probabilities of a row that has ended are uniform."""
    rows = _rows(table, eos_id, x, max_length, filters, rank)
    right = together(x, eos_id, rows)
    padding = [len(right["steps"]) - len(row.tokens) for row in rows]
    filled = [
        [*prompt, *row.tokens, *[rank] * more] for prompt, row, more in zip(x.tolist(), rows, padding, strict=True)
    ]

    def changed(change: Callable[[Row], Row], among: Callable[[list[int]], bool] = bool) -> Answer:
        pairs = zip(x.tolist(), rows, strict=True)
        return together(x, eos_id, [change(row) if among(prompt) else row for prompt, row in pairs])

    def has_eos(prompt: list[int]) -> bool:
        return eos_id in prompt

    def with_others(**others: Any) -> Answer:
        """Continue with other arguments than these."""
        given = {"table": table, "eos_id": eos_id, "max_length": max_length, "filters": filters, "rank": rank}
        return together(x, eos_id, _rows(**{**given, **others}, x=x))

    def put_before(prompt: list[int], new: list[int]) -> list[int]:
        return new[::-1] + prompt

    before = _rows(table, eos_id, x, max_length, filters, rank, put_before)
    longest = max((len(row.tokens) for row in before), default=0)
    first = min(rows, key=lambda row: len(row.tokens), default=Row([], [], [], False))
    shortest = len(first.tokens)
    return {
        "the score of a row that has ended goes on changing": {
            "scores": right["scores"] - np.array(padding) * math.log(table.shape[1])
        },
        "the EOS that ends a row is missing from its score": changed(
            lambda row: row._replace(gains=row.gains[: len(row.gains) - row.has_ended])
        ),
        "the scores are those of the last token; they add up": changed(
            lambda row: row._replace(gains=[*np.diff(row.gains, prepend=0.0)])
        ),
        "the scores are those of the likeliest token; the chosen one counts": changed(
            lambda row: row._replace(gains=row.largest)
        ),
        "a row that has ended gets what is chosen for it; it must get EOS": {"sequences": np.array(filled)},
        "a row with EOS in its prompt is taken as ended; a new EOS ends it": changed(
            lambda row: Row([], [], [], True), has_eos
        ),
        "a row with EOS in its prompt ends after one token; a new EOS ends it": changed(
            lambda row: Row(row.tokens[:1], row.gains[:1], row.largest[:1], True), has_eos
        ),
        "the filters have no effect": with_others(filters={}),
        "log_probs is told which rows have ended; it must be told which go on": with_others(table=np.zeros_like(table)),
        "no row ends: one that gets EOS must": with_others(eos_id=-1),
        "all rows end with the first that does; each has its own end": changed(
            lambda row: Row(row.tokens[:shortest], row.gains[:shortest], row.largest[:shortest], first.has_ended)
        ),
        "the new token is put before the others; it comes after them": {
            "sequences": np.array(
                [
                    put_before(prompt, row.tokens + [eos_id] * (longest - len(row.tokens)))
                    for prompt, row in zip(x.tolist(), before, strict=True)
                ]
            ),
            "scores": together(x, eos_id, before)["scores"],
        },
        "choose is not asked: the likeliest token is taken": with_others(rank=0),
        "probabilities are added up; their logarithms must be": changed(
            lambda row: row._replace(gains=np.exp(row.gains).tolist())
        ),
        "log_probs gets the last token only; it needs all of the row": with_others(
            read=lambda prompt, new: (prompt + new)[-1:]
        ),
        "there is one token more than max_length allows": with_others(max_length=max_length + 1),
    }


def greedy_mistakes(table: Array, eos_id: int, x: Array, max_length: int, filters: Answer) -> Answer:
    exchanged = dict(zip(filters, reversed(filters.values()), strict=True))
    known: dict[str, tuple[Filters, int]] = {
        "the least likely token is taken; take the likeliest": (filters, -1),
        **{f"{name} has no effect": (without(filters, name), 0) for name in filters},
        **({"temperature and repeat_penalty are exchanged": (exchanged, 0)} if filters else {}),
    }
    return {
        NO_CALLBACK: {"steps": []},
        **{
            mistake: together(x, eos_id, _rows(table, eos_id, x, max_length, *others))
            for mistake, others in known.items()
        },
    }


# What is drawn


def outcomes(
    table: Array, eos_id: int, row: list[int], steps: int, filters: Filters
) -> Iterator[tuple[list[int], float]]:
    """Yield every sequence of so many tokens more, padded with EOS, and its probability, which may be 0."""
    if not steps:
        yield row, 1.0
        return
    for token, share in enumerate(probabilities(filtered(table, row, filters))):
        if token == eos_id:
            yield row + [eos_id] * steps, share
        else:
            rest = outcomes(table, eos_id, [*row, token], steps - 1, filters)
            yield from ((sequence, share * probability) for sequence, probability in rest)


def assert_counts(sequences: Array, table: Array, eos_id: int, prompt: list[int], filters: Filters) -> None:
    """Check that each sequence (b, t) is there about as often as its probability says, and name a known mistake."""

    def shares(filters: Filters, table: Array = table) -> tuple[Array, Array]:
        steps = sequences.shape[1] - len(prompt)
        possible, probabilities = zip(*outcomes(table, eos_id, prompt, steps, filters), strict=True)
        return np.array(possible), np.array(probabilities)

    possible, right = shares(filters)
    counts = (sequences[:, None] == possible).all(axis=2).sum(axis=0)

    def nearest_likely(shares: Array) -> Answer:
        return {
            f"counts in {len(sequences)} draws": counts.clip(*bounds(len(sequences), shares)),
            "sequences that cannot be": 0,
        }

    greedy = continue_row(table, eos_id, prompt, sequences.shape[1], filters)
    likeliest = (prompt + greedy.tokens + [eos_id] * sequences.shape[1])[: sequences.shape[1]]
    known = {
        "the likeliest token is always taken; draw one": (possible == likeliest).all(axis=1).astype(float),
        "all tokens are drawn equally often": shares({}, np.zeros_like(table))[1],
        **{f"{name} has no effect": shares(without(filters, name))[1] for name in filters},
        "all rows get the same tokens; each must draw its own": (np.arange(len(counts)) == counts.argmax()) * 1.0,
    }
    assert_same(
        {f"counts in {len(sequences)} draws": counts, "sequences that cannot be": len(sequences) - int(counts.sum())},
        nearest_likely(right),
        mistakes={mistake: nearest_likely(others) for mistake, others in known.items()},
    )


def bounds(draws: int, shares: Array) -> tuple[Array, Array]:
    """Bound the number of draws of something with this probability: the smallest and the largest possible by chance."""
    counts, shares = np.arange(draws + 1), shares[:, None]
    low = (bdtr(counts, draws, shares) <= CHANCE).sum(axis=1)
    high = (bdtrc(counts, draws, shares) > CHANCE).sum(axis=1)
    return low, high


def scores_of(sequences: Array, table: Array, eos_id: int, prompt: list[int], filters: Filters) -> Array:
    """Sum the log-probabilities of each sequence's (b, t) tokens after the prompt, up to the first EOS."""

    def score(row: tuple[int, ...]) -> float:
        new = row[len(prompt) :]
        steps = new.index(eos_id) + 1 if eos_id in new else len(new)
        return sum(
            next_log_probs(table, row[:end], filters)[row[end]] for end in range(len(prompt), len(prompt) + steps)
        )

    rows = [tuple(row) for row in sequences.tolist()]
    known = {row: score(row) for row in set(rows)}
    return np.array([known[row] for row in rows])


# After generation


def cut(row: Array, eos_id: int) -> Array:
    """Cut the row after its first EOS."""
    tokens = row.tolist()
    return row[: tokens.index(eos_id) + 1] if eos_id in tokens else row


def cut_mistakes(row: Array, eos_id: int) -> dict[str, Array]:
    tokens = row.tolist()
    known = {"a row without EOS is lost; it stays whole": row[:0]}
    if eos_id in tokens:
        known = {
            "EOS itself is missing; it stays": row[: tokens.index(eos_id)],
            "the row is cut after its last EOS; cut after the first": row[: len(tokens) - tokens[::-1].index(eos_id)],
            "the row is not cut after EOS": row,
            "every EOS is taken out; what follows the first goes too": row[row != eos_id],
        }
    return known

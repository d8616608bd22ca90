"""Problems of CTC decoding: distributions over symbols for every frame, beams, and language models.

Whatever competes for a rank differs, also where the same is drawn, so that neither ties nor rounding decide.
"""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from autograder.testing.strategies import DTYPES, Draw, Problem, Shape, array, integers

FEW_SYMBOLS, SYMBOLS = st.sampled_from([3, 2, 3]), st.sampled_from([3, 4, 2, 5])
FEW_FRAMES, FRAMES = st.sampled_from([4, 3, 5, 2]), st.sampled_from([5, 4, 7, 3, 8])
BATCHES = st.sampled_from([1, 2, 3])
NONE, ONE = st.just(0), st.just(1)  # for edge cases alone
NARROW = st.sampled_from([2, 3, 1, 4])
ALL = st.just(1000)  # a beam in which every prefix of a few frames has a place
NO_MODEL: Problem = {"table": None, "lm_weight": 0.0, "length_bonus": 0.0, "sos_id": None, "eos_id": None}
NO_MODELS = st.just(NO_MODEL)
IMPOSSIBLE = -np.inf
ROWS = 23  # of a language model's table

Label = int
Labels = tuple[Label, ...]

# Utterances


@st.composite
def utterances(
    draw: Draw,
    symbols: st.SearchStrategy[int] = FEW_SYMBOLS,
    frames: st.SearchStrategy[int] = FEW_FRAMES,
    batches: st.SearchStrategy[int] = BATCHES,
) -> Problem:
    """Draw log-probabilities of a few utterances, of which no two are equally likely, and how long each is."""
    vocab, time, batch = draw(symbols), draw(frames), draw(batches)
    return {
        "log_probs": log_softmax(apart(draw, (time, batch, vocab))),
        "lengths": integers(draw, (batch,), 1, time + 1),
        "blank": draw(st.integers(0, vocab - 1)),
    }


@st.composite
def paths(draw: Draw) -> Problem:
    """Draw utterances whose best path has repetitions and blanks, most of them with the same label across a blank."""
    vocab, time, batch = draw(FEW_SYMBOLS), draw(st.sampled_from([6, 5, 8, 12])), draw(BATCHES)
    best = integers(draw, (time, batch), 0, vocab)
    logits = array(draw, (time, batch, vocab)) / 8 + 3 * (best[..., None] == np.arange(vocab))
    return {
        "log_probs": log_softmax(logits).astype(draw(DTYPES)),
        "lengths": integers(draw, (batch,), 1, time + 1),
        "blank": draw(st.integers(0, vocab - 1)),
    }


@st.composite
def searches(
    draw: Draw,
    problems: st.SearchStrategy[Problem],
    beam_widths: st.SearchStrategy[int] = NARROW,
    models: st.SearchStrategy[Problem] | None = None,
) -> Problem:
    """Draw all arguments of a search: utterances, a width, and a language model or none."""
    problem = draw(problems)
    weighed = draw(language_models(problem["log_probs"].shape[2]) if models is None else models)
    return {**problem, "beam_width": draw(beam_widths), **weighed}


@st.composite
def language_models(draw: Draw, vocab: int) -> Problem:
    """Draw a table of logits, the weights of it and of each label, and the tokens at which its rows begin and end."""
    return {
        "table": apart(draw, (ROWS, vocab)),
        "lm_weight": draw(st.sampled_from([0.5, 1.5, 0.75])),
        "length_bonus": draw(st.sampled_from([0.5, -0.75, 1.25])),
        "sos_id": draw(st.integers(1, vocab)),
        "eos_id": draw(st.sampled_from([vocab - 1, 0, None])),
    }


@st.composite
def with_impossible_symbols(draw: Draw, problems: st.SearchStrategy[Problem]) -> Problem:
    """Change the problem: some symbols have log-probability -inf at some frames, and the language model excludes some
    tokens after some prefixes, but not that the labels end.

    With a language model the blank is always possible, or no labels at all might be.
    """
    problem = draw(problems)
    log_probs, table, eos_id = problem["log_probs"], problem.get("table"), problem.get("eos_id")
    symbol = draw(st.integers(0, log_probs.shape[2] - 1)) if table is None else problem["blank"]
    changed = {"log_probs": np.where(all_but(draw, log_probs.shape, symbol), IMPOSSIBLE, log_probs)}
    if table is not None:
        token = draw(st.integers(0, table.shape[1] - 1)) if eos_id is None else eos_id
        changed["table"] = np.where(all_but(draw, table.shape, token), IMPOSSIBLE, table)
    return {**problem, **changed}


@st.composite
def with_nothing_to_read(draw: Draw, problems: st.SearchStrategy[Problem]) -> Problem:
    """Give one utterance of the problem at least length 0."""
    problem = draw(problems)
    lengths = np.where(array(draw, problem["lengths"].shape, "booleans"), 0, problem["lengths"])
    lengths[draw(st.integers(0, len(lengths) - 1))] = 0
    return {**problem, "lengths": lengths}


@st.composite
def with_other_endings(draw: Draw, problems: st.SearchStrategy[Problem]) -> Problem:
    """Let one utterance of the problem at least end before the frames do; what follows is no number."""
    problem = draw(problems)
    log_probs = np.concatenate([problem["log_probs"], problem["log_probs"][:1]])
    is_read = np.arange(len(log_probs))[:, None, None] < problem["lengths"][:, None]
    return {**problem, "log_probs": np.where(is_read, log_probs, draw(st.sampled_from([np.nan, np.inf, IMPOSSIBLE])))}


# What cannot be decoded


@st.composite
def refused_utterances(draw: Draw) -> Problem:
    """Draw utterances that cannot be decoded, and the argument that the error must name."""
    problem = draw(utterances())
    log_probs, lengths = problem["log_probs"], problem["lengths"]
    name, value = draw(
        st.sampled_from(
            [
                ("log_probs", log_probs[0]),
                ("log_probs", with_first(log_probs, np.nan)),
                ("log_probs", with_first(log_probs, np.inf)),
                ("log_probs", np.full_like(log_probs, IMPOSSIBLE)),
                ("lengths", np.append(lengths, 1)),
                ("lengths", with_first(lengths, len(log_probs) + 1)),
                ("lengths", with_first(lengths, -1)),
                ("blank", log_probs.shape[2]),
                ("blank", -1),
            ]
        )
    )
    return {"problem": {**problem, name: value}, "name": name}


@st.composite
def refused_searches(draw: Draw) -> Problem:
    """Draw a search that cannot be made, and the argument that the error must name."""
    refused, search = draw(refused_utterances()), draw(searches(utterances()))
    table = search["table"]
    name, change = draw(
        st.sampled_from(
            [
                ("beam_width", {"beam_width": 0}),
                ("sos_id", {"sos_id": None}),
                ("score_fn", {"table": np.concatenate([table, table], axis=1)}),
                ("score_fn", {"table": np.full_like(table, np.nan)}),
                ("score_fn", {"table": np.full_like(table, np.inf)}),
                (refused["name"], refused["problem"]),
            ]
        )
    )
    return {"problem": {**search, **change}, "name": name}


# Beams


@st.composite
def beams(draw: Draw, extends: bool = False) -> Problem:
    """Draw a beam and the frame to read: one whose prefixes all or none extend another one of it, but for a first."""
    vocab = draw(st.sampled_from([3, 2, 4]))
    blank = draw(st.integers(0, vocab - 1))
    prefixes = draw(families(vocab, blank) if extends else strangers(vocab, blank))
    return {"beam": beam_of(draw, prefixes), "frame": log_softmax(apart(draw, (vocab,))), "blank": blank}


@st.composite
def families(draw: Draw, vocab: int, blank: int) -> list[Labels]:
    """Draw prefixes that grow one out of another, in any order."""
    prefixes = [draw(labels(vocab, blank, most=1))]
    for parent, label in draw(st.lists(st.tuples(st.integers(0, 5), label_of(vocab, blank)), min_size=1, max_size=5)):
        longer = (*prefixes[parent % len(prefixes)], label)
        prefixes += [longer] * (longer not in prefixes)
    return draw(st.permutations(prefixes))


@st.composite
def strangers(draw: Draw, vocab: int, blank: int) -> list[Labels]:
    """Draw different prefixes of which none is another one and a label."""
    prefixes = draw(st.lists(labels(vocab, blank, most=4), min_size=2, max_size=6, unique=True))
    return [prefix for prefix in prefixes if not prefix or prefix[:-1] not in prefixes]


@st.composite
def candidates(draw: Draw, beam_widths: st.SearchStrategy[int] = NARROW) -> Problem:
    """Draw a beam, its extensions of which some are impossible, what each adds to the rank, and how many are kept."""
    vocab = draw(st.sampled_from([3, 2, 4]))
    blank = draw(st.integers(0, vocab - 1))
    prefixes = draw(strangers(vocab, blank))
    log_probs, additions = apart(draw, (2, len(prefixes), vocab))
    extended = np.where(array(draw, log_probs.shape, "rarely", "bool"), IMPOSSIBLE, log_probs - 3)
    extended[:, blank] = IMPOSSIBLE
    return {
        "beam": beam_of(draw, prefixes),
        "extended": extended,
        "additions": additions,
        "beam_width": draw(beam_widths),
    }


def shifted(problems: st.SearchStrategy[Problem], by: float) -> st.SearchStrategy[Problem]:
    """Add this to every log-probability of the problem."""

    def changed(problem: Problem) -> Problem:
        beam, extended = problem["beam"], {name: problem[name] + by for name in ("extended",) if name in problem}
        lower = {name: beam[name] + by for name in ("log_blank", "log_label")}
        return {**problem, **extended, "beam": {**beam, **lower}}

    return problems.map(changed)


def beam_of(draw: Draw, prefixes: list[Labels]) -> Problem:
    """Draw numbers for the prefixes: of some no alignment ends in a blank, of the empty one none ends in a label."""
    shape = (len(prefixes),)
    blankless = array(draw, shape, "rarely", "bool") & np.array([len(prefix) > 0 for prefix in prefixes])
    log_blank, log_label, added = apart(draw, (3, *shape))
    return {
        "prefixes": prefixes,
        "log_blank": np.where(blankless, IMPOSSIBLE, log_blank - 3),
        "log_label": np.where([len(prefix) > 0 for prefix in prefixes], log_label - 3, IMPOSSIBLE),
        "added": added,
    }


def labels(vocab: int, blank: int, most: int) -> st.SearchStrategy[Labels]:
    """Draw a few labels."""
    return st.lists(label_of(vocab, blank), max_size=most).map(tuple)


def label_of(vocab: int, blank: int) -> st.SearchStrategy[Label]:
    """Draw a symbol that is not the blank."""
    return st.integers(0, vocab - 2).map(lambda number: number + (number >= blank))


# Prefixes for a language model


@st.composite
def prefixes_to_score(draw: Draw) -> Problem:
    """Draw a language model, and the different prefixes of each call, some of them again."""
    vocab = draw(SYMBOLS)
    some = st.lists(st.lists(st.integers(0, vocab - 1), max_size=3).map(tuple), min_size=2, max_size=5, unique=True)
    first, further = draw(some), draw(some)
    again = draw(st.permutations(list(dict.fromkeys([*first[:2], *further]))))
    return {"table": apart(draw, (ROWS, vocab)), "sos_id": draw(st.integers(1, vocab)), "given": [first, again]}


@st.composite
def with_excluded_tokens(draw: Draw, problems: st.SearchStrategy[Problem]) -> Problem:
    """Make some logits of the table -inf."""
    problem = draw(problems)
    table = problem["table"]
    excluded = all_but(draw, table.shape, draw(st.integers(0, table.shape[1] - 1)))
    return {**problem, "table": np.where(excluded, IMPOSSIBLE, table)}


# What they consist of


def apart(draw: Draw, shape: Shape) -> np.ndarray:
    """Draw numbers, and add a fixed one to each: sums of different ones differ, also where the same is drawn.

    What is added up in one rank must come from one call or from shapes of different sizes: the same size gives the same
    fixed numbers.
    """
    fixed = np.random.default_rng(math.prod(shape)).normal(size=shape)
    return array(draw, shape) / 2 + fixed / 4


def all_but(draw: Draw, shape: Shape, spared: int) -> np.ndarray:
    """Draw about a third of the entries, and none of this column."""
    return np.asarray(array(draw, shape, "rarely", "bool") & (np.arange(shape[-1]) != spared))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Shift logits so that their exponentials sum to one along the last axis."""
    return logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)


def with_first(numbers: np.ndarray, number: float) -> np.ndarray:
    """Copy an array, so that it begins with this number."""
    changed = numbers.copy()
    changed.flat[0] = number
    return changed

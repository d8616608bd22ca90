"""Probes of beam search: each of its functions on given beams, and whole searches over score tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from part6_decoding.sequence_generator import (
    Beams,
    Filters,
    SequenceGenerator,
    Step,
    better_ended,
    candidate_scores,
    ranked,
    select,
)
from part6_decoding.tests.probe_answers import named
from part6_decoding.tests.probe_score_table import EndsWith, TableScorer

Array = np.ndarray
Named = dict[str, Any]

RESULTS = ("tokens", "scores")
STEP = ("tokens", "scores", "is_finished", "sources")
BEAMS = ("tokens", "scores", "lengths", "is_finished")


def scores_of_candidates(beams: Named, log_probs: Array, eos_id: int) -> Named:
    """Call candidate_scores(beams, log_probs, eos_id)."""
    return {"candidates": candidate_scores(_beams(beams), torch.tensor(log_probs), eos_id)}


def selected(ranks: Array, is_finished: Array, num_groups: int, diversity_penalty: float) -> Named:
    """Call select(ranks, is_finished, num_groups, diversity_penalty)."""
    answer = select(torch.tensor(ranks), torch.tensor(is_finished), num_groups, diversity_penalty)
    return named("select", answer, ("sources", "tokens"))


def better(best: Named, beams: Named, length_penalty: float) -> Named:
    """Call better_ended(best, beams, length_penalty)."""
    return named("better_ended", better_ended(_beams(best), _beams(beams), length_penalty), BEAMS)


def in_order(beams: Named, best: Named, length_penalty: float) -> Named:
    """Call ranked(beams, best, length_penalty)."""
    return named("ranked", ranked(_beams(beams), _beams(best), length_penalty), RESULTS)


def one_step(table: Array, eos_id: int, beams: Named, scored: int, settings: Named) -> Named:
    """Call beam_step: the new beams, which ones they continue, and the calls of score_fn and of reorder."""
    scorer = TableScorer(torch.tensor(table))
    generator = SequenceGenerator(scorer, EndsWith(eos_id), max_length=100)
    filters = Filters(settings["repeat_penalty"], settings["temperature"])
    options = {name: settings[name] for name in ("length_penalty", "num_groups", "diversity_penalty")}
    answer = named("beam_step", generator.beam_step(_beams(beams), scored, filters, **options), ("beams", "sources"))
    return {**named("beams", answer["beams"], BEAMS), "sources": answer["sources"], **_used(scorer)}


def search(table: Array, eos_id: int, prompts: Array, max_length: int, settings: Named) -> Named:
    """Call generate_beam: its results, what each step's callback saw, and the calls of score_fn and of reorder."""
    scorer, seen = TableScorer(torch.tensor(table)), list[Step]()
    given = named("generate_beam", _search(scorer, eos_id, prompts, max_length, settings, seen.append), RESULTS)
    return {**given, "steps": [dict(zip(STEP, step, strict=True)) for step in seen], **_used(scorer)}


def results(table: Array, eos_id: int, prompts: Array, max_length: int, settings: Named) -> Named:
    """Call generate_beam with a score_fn that is a plain function."""
    scorer = TableScorer(torch.tensor(table))
    return named("generate_beam", _search(scorer.__call__, eos_id, prompts, max_length, settings), RESULTS)


def results_of_each(table: Array, eos_id: int, prompts: Array, max_length: int, settings: Named) -> list[Named]:
    """Call generate_beam with each prompt alone."""
    return [results(table, eos_id, prompts[row : row + 1], max_length, settings) for row in range(len(prompts))]


def results_where_the_rest_is_nan(table: Array, eos_id: int, prompts: Array, max_length: int, settings: Named) -> Named:
    """Call generate_beam with a score_fn that gives nan for what has a new EOS."""
    scorer, start = TableScorer(torch.tensor(table)), prompts.shape[1]

    def score(tokens: Tensor) -> Tensor:
        has_ended = (tokens[:, start:] == eos_id).any(dim=1)
        return scorer(tokens).masked_fill(has_ended[:, None], torch.nan)

    return named("generate_beam", _search(score, eos_id, prompts, max_length, settings), RESULTS)


def _search(
    score_fn: Callable[[Tensor], Tensor],
    eos_id: int,
    prompts: Array,
    max_length: int,
    settings: Named,
    callback: Callable[[Step], object] | None = None,
) -> tuple[Tensor, Tensor]:
    generator = SequenceGenerator(score_fn, EndsWith(eos_id), max_length)
    return generator.generate_beam(torch.tensor(prompts), **settings, callback=callback)


def _beams(fields: Mapping[str, Array]) -> Beams:
    return Beams(**{name: torch.tensor(value) for name, value in fields.items()})


def _used(scorer: TableScorer) -> Named:
    """Give the calls of score_fn, its logits (as they are now), and the calls of reorder."""
    return {"calls": scorer.calls, "logits": scorer.logits, "reordered": scorer.reordered}

"""Probes of SequenceGenerator: they continue prompts, with logits from a drawn table."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from part6_decoding.sequence_generator import Filters, SequenceGenerator, Step, post_process_sequence
from part6_decoding.tests.probe_score_table import EndsWith, TableScorer, row_of

Array = np.ndarray
Named = dict[str, Any]


class Recorder:
    """A callback that keeps what it sees."""

    def __init__(self) -> None:
        self.steps: list[Named] = []

    def __call__(self, step: Step) -> None:
        shown = {"tokens": step.tokens, "scores": step.scores, "is_finished": step.is_finished}
        self.steps.append({name: value.clone() for name, value in shown.items()})


class OnlyTemperature(SequenceGenerator):
    """A generator whose one filter is the temperature, so that extend is tested alone."""

    def log_probs(self, tokens: Tensor, filters: Filters, goes_on: Tensor) -> Tensor:
        """Give uniform ones where a row does not go on."""
        logits = self.score_fn(tokens) / filters.temperature
        return logits.masked_fill(~goes_on[:, None], 0).log_softmax(dim=-1)


# log_probs


def log_probs(table: Array, tokens: Array, filters: Named) -> Named:
    """Compute the log-probabilities after these tokens."""
    return {"log_probs": _log_probs(TableScorer(torch.tensor(table)), tokens, filters)}


def log_probs_and_calls(table: Array, tokens: Array, filters: Named) -> Named:
    """Record the calls of score_fn, and the logits that it gave, as they are afterwards."""
    scorer = TableScorer(torch.tensor(table))
    _log_probs(scorer, tokens, filters)
    return {"calls": scorer.calls, "logits": scorer.logits}


def log_probs_of(logits: Array, tokens: Array, filters: Named) -> Named:
    """Compute the log-probabilities where score_fn gives these logits."""
    return {"log_probs": _log_probs(lambda tokens: torch.tensor(logits), tokens, filters)}


def _log_probs(score_fn: Callable[[Tensor], Tensor], tokens: Array, filters: Named) -> Tensor:
    generator = SequenceGenerator(score_fn, EndsWith(0), tokens.shape[1])
    return generator.log_probs(torch.tensor(tokens), Filters(**filters), torch.ones(len(tokens), dtype=torch.bool))


# extend


def extend(table: Array, eos_id: int, x: Array, max_length: int, filters: Named, rank: int) -> Named:
    """Continue with the token of this rank: the sequences, the scores, the steps, and the calls of score_fn."""
    scorer, recorder, prompt = TableScorer(torch.tensor(table)), Recorder(), torch.tensor(x)
    generator = OnlyTemperature(scorer, EndsWith(eos_id), max_length)
    sequences, scores = generator.extend(prompt, _of_rank(rank), Filters(**filters), recorder)
    return {
        "sequences": sequences,
        "scores": scores,
        "steps": recorder.steps,
        "calls": scorer.calls,
        "prompt afterwards": prompt,
    }


def extend_with_nan_after_ends(
    table: Array, eos_id: int, x: Array, max_length: int, filters: Named, rank: int
) -> Named:
    """Continue likewise where score_fn gives nan after a new EOS, and log_probs is the generator's own."""
    scorer = TableScorer(torch.tensor(table))

    def score_fn(tokens: Tensor) -> Tensor:
        has_ended = (tokens[:, x.shape[1] :] == eos_id).any(dim=1)
        return scorer(tokens).masked_fill(has_ended[:, None], math.nan)

    generator = SequenceGenerator(score_fn, EndsWith(eos_id), max_length)
    sequences, scores = generator.extend(torch.tensor(x), _of_rank(rank), Filters(**filters))
    return {"sequences": sequences, "scores": scores}


def _of_rank(rank: int) -> Callable[[Tensor], Tensor]:
    return lambda log_probs: log_probs.argsort(dim=-1, descending=True, stable=True)[:, rank]


# generate_greedy and generate_sample


def greedy(table: Array, eos_id: int, x: Array, max_length: int, filters: Named) -> Named:
    """Continue with the likeliest token: the sequences, the scores, and the steps."""
    recorder = Recorder()
    generator = SequenceGenerator(TableScorer(torch.tensor(table)), EndsWith(eos_id), max_length)
    sequences, scores = generator.generate_greedy(torch.tensor(x), **filters, callback=recorder)
    return {"sequences": sequences, "scores": scores, "steps": recorder.steps}


def greedy_of_a_function(table: Array, eos_id: int, x: Array, max_length: int, filters: Named) -> Named:
    """Continue likewise by a function whose logits have a gradient, and say whether the scores have one."""
    logits = torch.tensor(table, requires_grad=True)
    generator = SequenceGenerator(lambda tokens: logits[row_of(tokens, len(logits))], EndsWith(eos_id), max_length)
    sequences, scores = generator.generate_greedy(torch.tensor(x), **filters)
    return {"sequences": sequences, "scores": scores, "scores have a gradient": scores.requires_grad}


def sample(
    table: Array, eos_id: int, x: Array, max_length: int, filters: Named, seed: int, is_own: bool = True
) -> Named:
    """Draw: the sequences, filled with EOS up to max_length, the scores, and the steps, by a generator of its own or by
    torch's."""
    recorder = Recorder()
    sequences, scores = _sampler(table, eos_id, max_length).generate_sample(
        torch.tensor(x), **filters, generator=_seeded(seed, is_own), callback=recorder
    )
    more = (0, max_length - sequences.shape[1])
    return {"sequences": functional.pad(sequences, more, value=eos_id), "scores": scores, "steps": recorder.steps}


def sample_of_seeds(
    table: Array, eos_id: int, x: Array, max_length: int, seeds: list[int], is_own: bool
) -> list[Tensor]:
    """Draw the sequences of each seed."""
    sampler, prompt = _sampler(table, eos_id, max_length), torch.tensor(x)
    return [sampler.generate_sample(prompt, generator=_seeded(seed, is_own))[0] for seed in seeds]


def changes_of_generators(table: Array, eos_id: int, x: Array, max_length: int, seed: int) -> Named:
    """Say whether sampling with a generator moves it, and torch's own."""
    generator = torch.Generator().manual_seed(seed)
    before, given_before = torch.get_rng_state(), generator.get_state()
    _sampler(table, eos_id, max_length).generate_sample(torch.tensor(x), generator=generator)
    return {
        "the given one has moved": not torch.equal(generator.get_state(), given_before),
        "torch's own has moved": not torch.equal(torch.get_rng_state(), before),
    }


def _sampler(table: Array, eos_id: int, max_length: int) -> SequenceGenerator:
    return SequenceGenerator(TableScorer(torch.tensor(table)), EndsWith(eos_id), max_length)


def _seeded(seed: int, is_own: bool) -> torch.Generator | None:
    """Seed a generator of its own, or torch's and return none."""
    torch.manual_seed(0 if is_own else seed)
    return torch.Generator().manual_seed(seed) if is_own else None


# post_process_sequence


def post_process(sequence: Array, eos_id: int) -> Named:
    """Cut a row, or several."""
    return {"cut": post_process_sequence(torch.tensor(sequence), EndsWith(eos_id))}

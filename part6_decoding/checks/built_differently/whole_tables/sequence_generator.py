"""Continue token sequences with any function that scores the next token: greedy, by chance, and by beam search.

A row ends with its first new EOS; an EOS in the prompt is a token like others.  Shapes: `b` prompts, `w` beams, `t`
tokens, `v` vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from part6_decoding.logit_filters import (
    apply_repetition_penalty,
    apply_temperature,
    filter_min_p,
    filter_top_k,
    filter_top_p,
)


class Filters(NamedTuple):
    """The settings of the logit filters, in the order in which these are applied."""

    repeat_penalty: float = 1.0
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0


class Step(NamedTuple):
    """A step as a callback sees it; `sources` (b, w) are the beams that were continued, None without beams."""

    tokens: Tensor
    scores: Tensor
    is_finished: Tensor
    sources: Tensor | None = None


class Beams(NamedTuple):
    """tokens (b, w, t); sums of the new tokens' log-probabilities, counts of new tokens, and what has ended, (b, w)."""

    tokens: Tensor
    scores: Tensor
    lengths: Tensor
    is_finished: Tensor

    def ranks(self, length_penalty: float) -> Tensor:
        """Rank beams by score / (new tokens)**length_penalty     (as Wu et al. 2016, less a constant)."""
        return self.scores / self.lengths.clamp(min=1) ** length_penalty

    def pick(self, rows: Tensor) -> Beams:
        """Pick the beams of these numbers (b, w), in this order."""
        each = torch.arange(len(rows), device=rows.device)[:, None]
        return Beams(*(field[each, rows] for field in self))

    def beside(self, others: Beams) -> Beams:
        """Put each prompt's beams and these others of it into one."""
        return Beams(*(torch.cat(pair, dim=1) for pair in zip(self, others, strict=True)))


Callback = Callable[[Step], object]


def candidate_scores(beams: Beams, log_probs: Tensor, eos_id: int) -> Tensor:
    """Score each beam with each token after it, (b, w, v).  After a beam that has ended, EOS costs nothing, and nothing
    else may follow.

    Shapes: log_probs (b, w, v).
    """
    is_eos = functional.one_hot(torch.tensor(eos_id, device=log_probs.device), log_probs.shape[-1]).bool()
    goes_on = beams.scores.unsqueeze(-1) + log_probs
    stays = beams.scores.unsqueeze(-1).where(is_eos, -math.inf)
    return goes_on.where(~beams.is_finished.unsqueeze(-1), stays)


def select(ranks: Tensor, is_finished: Tensor, num_groups: int, diversity_penalty: float) -> tuple[Tensor, Tensor]:
    """Choose the best candidates of each group: which beam each continues, and with which token, both (b, w).

    From each rank of a beam that goes on, diversity_penalty is subtracted for every beam of the groups before that goes
    on with the same token in this step     (Vijayakumar et al. 2016).

    Shapes: ranks (b, w, v), is_finished (b, w).
    """
    batch, width, vocab = ranks.shape
    ranks = torch.unflatten(ranks, 1, (num_groups, -1))  # (b, groups, w / groups, v)
    goes_on = ~torch.unflatten(is_finished, 1, (num_groups, -1))
    used = torch.zeros(batch, 1, vocab, dtype=ranks.dtype, device=ranks.device)
    choices = []
    for group in range(num_groups):
        penalised = ranks[:, group] - diversity_penalty * used * goes_on[:, group, :, None]
        values, order = penalised.flatten(1).sort(dim=1, descending=True, stable=True)
        best = order[:, : width // num_groups]
        counts = functional.one_hot(best, penalised[0].numel()).sum(dim=1).reshape(penalised.shape)
        used = used + (counts * goes_on[:, group, :, None] * penalised.isfinite()).sum(dim=1, keepdim=True)
        choices.append(best + group * penalised[0].numel())
    chosen = torch.cat(choices, dim=1)
    return chosen.div(vocab, rounding_mode="floor"), chosen.remainder(vocab)


def better_ended(best: Beams, beams: Beams, length_penalty: float) -> Beams:
    """Find the best beam (b, 1, t) among those that have ended, in `best` (b, 1, t) or now in `beams` (b, w, t).

    Others may push an ended beam out and then end worse than it.  The score is -inf where none has ended.
    """
    both = beams.beside(best)
    scores = both.scores.where(both.is_finished, -math.inf)
    order = both._replace(scores=scores).ranks(length_penalty).sort(dim=1, descending=True).indices
    return both._replace(scores=scores).pick(order[:, :1])


def ranked(beams: Beams, best: Beams, length_penalty: float) -> tuple[Tensor, Tensor]:
    """Sort the w beams and `best`, which may be one of them: the w best's tokens (b, w, t) and scores (b, w)."""
    both = best.beside(beams)
    is_same = (best.tokens == beams.tokens).all(dim=2) & best.scores.isfinite()
    is_first = is_same & (is_same.cumsum(dim=1) == 1)  # other groups may have it too
    is_double = functional.pad(is_first, (1, 0))
    once = both._replace(scores=both.scores.masked_fill(is_double, -math.inf))
    _, order = once.ranks(length_penalty).topk(beams.scores.shape[1], dim=1)
    tokens, scores, *_ = once.pick(order)
    return tokens, scores


def first_beams(x: Tensor, beam_width: int, num_groups: int) -> Beams:
    """Make beams of the prompts (b, t), each once in every group; the other beams are spare, with score -inf."""
    is_spare = torch.arange(beam_width, device=x.device) % (beam_width // num_groups) > 0
    scores = torch.zeros(len(x), beam_width, device=x.device).masked_fill(is_spare, -math.inf)
    return Beams(x[:, None].repeat(1, beam_width, 1), scores, torch.zeros_like(scores), torch.zeros_like(scores).bool())


class SequenceGenerator:
    """Continuations by `score_fn(tokens (rows, t))`, the logits (rows, v) of the next token, up to `tokenizer.eos_id`.

    The first call has a row for each prompt.  Where beams are used, later ones have `b · w` rows, batch-major; if
    score_fn has `reorder(rows)`, it is told after every step which old row each new row continues.
    """

    def __init__(
        self, score_fn: Callable[[Tensor], Tensor], tokenizer: Any, max_length: int, device: str = "cpu"
    ) -> None:
        self.score_fn, self.eos_id, self.max_length, self.device = score_fn, tokenizer.eos_id, max_length, device

    def log_probs(self, tokens: Tensor, filters: Filters, goes_on: Tensor) -> Tensor:
        """Compute the next token's log-probabilities (rows, v) after all filters.

        They are uniform in rows that do not go on (rows,): score_fn's logits after an end may be anything.
        """
        logits = checked(self.score_fn(tokens), goes_on)
        logits = apply_repetition_penalty(logits, tokens, filters.repeat_penalty)
        logits = filter_top_k(apply_temperature(logits, filters.temperature), filters.top_k)
        log_probs = filter_top_p(logits, filters.top_p).log_softmax(dim=-1)
        log_probs = filter_min_p(log_probs, filters.min_p)
        return log_probs - log_probs.logsumexp(dim=-1, keepdim=True)

    def extend(
        self, x: Tensor, choose: Callable[[Tensor], Tensor], filters: Filters, callback: Callback | None = None
    ) -> tuple[Tensor, Tensor]:
        """Continue each row with what `choose` takes from its log-probabilities (rows, v), until all have ended.

        The scores are sums in the dtype of the log-probabilities.
        """
        tokens = self.checked_prompt(x)
        scores = torch.zeros(len(tokens), device=tokens.device)
        is_finished = torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
        while tokens.shape[1] < self.max_length and not is_finished.all():
            log_probs = self.log_probs(tokens, filters, ~is_finished)
            chosen = torch.where(is_finished, self.eos_id, choose(log_probs))
            is_chosen = functional.one_hot(chosen, log_probs.shape[1]).bool()
            gained = log_probs.where(is_chosen & ~is_finished[:, None], 0)
            scores = scores + gained.sum(dim=1)
            tokens = torch.hstack([tokens, chosen[:, None]])
            is_finished = torch.logical_or(is_finished, chosen == self.eos_id)
            if callback is not None:
                callback(Step(tokens, scores, is_finished))
        return tokens, scores

    @torch.no_grad()
    def generate_greedy(
        self, x: Tensor, temperature: float = 1.0, repeat_penalty: float = 1.0, callback: Callback | None = None
    ) -> tuple[Tensor, Tensor]:
        """Continue each row with its likeliest token: sequences (b, t), scores (b,)."""
        return self.extend(
            x, lambda log_probs: log_probs.argmax(dim=-1), Filters(repeat_penalty, temperature), callback
        )

    @torch.no_grad()
    def generate_sample(
        self,
        x: Tensor,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        repeat_penalty: float = 1.0,
        generator: torch.Generator | None = None,
        callback: Callback | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Continue each row with a token drawn from the filtered distribution: sequences (b, t), scores (b,)."""
        filters = Filters(repeat_penalty, temperature, top_k, top_p, min_p)

        def draw(log_probs: Tensor) -> Tensor:
            noise = torch.empty_like(log_probs).exponential_(generator=generator)
            return (log_probs - noise.log()).argmax(dim=-1)  # Gumbel's way to draw

        return self.extend(x, draw, filters, callback)

    @torch.no_grad()
    def generate_beam(
        self,
        x: Tensor,
        beam_width: int,
        temperature: float = 1.0,
        repeat_penalty: float = 1.0,
        length_penalty: float = 0.0,
        num_groups: int = 1,
        diversity_penalty: float = 0.0,
        callback: Callback | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Keep the `beam_width` best continuations of each row: sequences (b, w, t), scores (b, w), best first.

        Candidates are ranked by `Beams.ranks`.  Groups share the width evenly and differ by `select`'s penalty.
        """
        x = self.checked_prompt(x)
        if beam_width < 1 or num_groups < 1 or beam_width % num_groups:
            raise ValueError(
                f"num_groups must divide beam_width, both at least 1; got num_groups={num_groups} and "
                f"beam_width={beam_width}."
            )
        filters = Filters(repeat_penalty, temperature)
        beams = first_beams(x, beam_width, num_groups)
        best = beams.pick(torch.zeros_like(x[:, :1]))
        best = best._replace(scores=torch.full_like(best.scores, -math.inf))
        scored = 1  # score_fn scores each prompt once, and each of its beams from then on
        while beams.tokens.shape[2] < self.max_length and not (beams.is_finished | beams.scores.isinf()).all():
            beams, sources = self.beam_step(beams, scored, filters, length_penalty, num_groups, diversity_penalty)
            scored = beam_width
            best = best._replace(tokens=functional.pad(best.tokens, (0, 1), value=self.eos_id))
            best = better_ended(best, beams, length_penalty)
            if callback is not None:
                callback(Step(beams.tokens, beams.scores, beams.is_finished, sources))
        return ranked(beams, best, length_penalty)

    def beam_step(
        self,
        beams: Beams,
        scored: int,
        filters: Filters,
        length_penalty: float,
        num_groups: int,
        diversity_penalty: float,
    ) -> tuple[Beams, Tensor]:
        """Give every beam a token more: the new beams, and which one each continues (b, w).

        score_fn scores the first `scored` beams of each prompt: 1 while all are the same, then all.
        """
        batch, width, time = beams.tokens.shape
        goes_on = (beams.scores > -math.inf) & ~beams.is_finished
        rows = beams.tokens.narrow(1, 0, scored).reshape(batch * scored, time)
        log_probs = self.log_probs(rows, filters, goes_on.narrow(1, 0, scored).reshape(-1))
        log_probs = torch.unflatten(log_probs, 0, (batch, scored)).repeat(1, width // scored, 1)  # (b, w, v)
        lengths = torch.where(beams.is_finished, beams.lengths, beams.lengths + 1)
        scores = candidate_scores(beams, log_probs, self.eos_id)
        ranks = scores / lengths.unsqueeze(2).pow(length_penalty)
        sources, chosen = select(ranks, beams.is_finished, num_groups, diversity_penalty)
        if (reorder := getattr(self.score_fn, "reorder", None)) is not None:
            row_of = torch.arange(batch * scored, device=rows.device).reshape(batch, scored)
            reorder(row_of.repeat(1, width // scored).gather(1, sources).flatten())
        continued = beams._replace(lengths=lengths).pick(sources)
        tokens = torch.cat([continued.tokens, chosen.unsqueeze(2)], dim=2)
        gained = scores.flatten(1).gather(1, sources * scores.shape[2] + chosen)
        return Beams(tokens, gained, continued.lengths, continued.is_finished | chosen.eq(self.eos_id)), sources

    def checked_prompt(self, x: Tensor) -> Tensor:
        """Return the prompt (b, t) on the device.  Raises ValueError or TypeError for what cannot be continued."""
        if x.is_floating_point() or x.ndim != 2 or x.shape[1] == 0:
            raise ValueError(
                f"x must hold token ids of shape (b, t), at least one to a row; got {tuple(x.shape)} {x.dtype}."
            )
        if x.shape[1] > self.max_length:
            raise ValueError(f"max_length must be at least the prompt's length, {x.shape[1]}; got {self.max_length}.")
        return x.to(self.device)


def checked(logits: Tensor, goes_on: Tensor) -> Tensor:
    """Return the logits (rows, v), zeros in rows that do not go on.

    Raises ValueError for another shape, and in a row that goes on for nan, +inf, and nothing above -inf.
    """
    if logits.ndim != 2 or len(logits) != len(goes_on) or not logits.shape[1]:
        raise ValueError(f"score_fn must return logits of shape ({len(goes_on)}, v); got {tuple(logits.shape)}.")
    logits = logits.masked_fill(~goes_on[:, None], 0)
    largest = logits.amax(dim=1)  # nan if any is
    if not largest.isfinite().all():
        row = int((~largest.isfinite()).nonzero()[0, 0])
        raise ValueError(
            f"score_fn must return logits without nan and +inf, and one above -inf in each row; row {row} has largest "
            f"{largest[row].item()}."
        )
    return logits


def post_process_sequence(sequence: Tensor, tokenizer: Any) -> Tensor | list[Tensor]:
    """Cut after the first EOS: a tensor for one row (t,), a list of tensors for several (b, t)."""
    if sequence.ndim == 2:
        return [post_process_sequence(row, tokenizer) for row in sequence]  # type: ignore[misc]
    is_end = (sequence == tokenizer.eos_id).long()
    return sequence[is_end.cumsum(dim=0) == is_end]  # no end before it

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
    # YOUR CODE HERE
    raise NotImplementedError(
        "beam.candidate_scores: score + log-probability; for an ended beam 0 at EOS and -inf elsewhere. "
        "See part6_decoding/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def select(ranks: Tensor, is_finished: Tensor, num_groups: int, diversity_penalty: float) -> tuple[Tensor, Tensor]:
    """Choose the best candidates of each group: which beam each continues, and with which token, both (b, w).

    From each rank of a beam that goes on, diversity_penalty is subtracted for every beam of the groups before that goes
    on with the same token in this step     (Vijayakumar et al. 2016).

    Shapes: ranks (b, w, v), is_finished (b, w).
    """
    # YOUR CODE HERE
    raise NotImplementedError(
        "beam.select: for each group the largest w / num_groups, less the penalty for what others chose. "
        "See part6_decoding/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def better_ended(best: Beams, beams: Beams, length_penalty: float) -> Beams:
    """Find the best beam (b, 1, t) among those that have ended, in `best` (b, 1, t) or now in `beams` (b, w, t).

    Others may push an ended beam out and then end worse than it.  The score is -inf where none has ended.
    """
    # YOUR CODE HERE
    raise NotImplementedError(
        "beam.better_ended: the largest rank of what has ended. "
        "See part6_decoding/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def ranked(beams: Beams, best: Beams, length_penalty: float) -> tuple[Tensor, Tensor]:
    """Sort the w beams and `best`, which may be one of them: the w best's tokens (b, w, t) and scores (b, w)."""
    # YOUR CODE HERE
    raise NotImplementedError(
        "beam.ranked: by falling rank; the best ended one once, spare beams last. "
        "See part6_decoding/README.md; SFRATORCH_CODE=solution runs the reference."
    )


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
        # YOUR CODE HERE
        raise NotImplementedError(
            "generator.log_probs: penalty, temperature, top-k, top-p, min-p, log-softmax. "
            "See part6_decoding/README.md; SFRATORCH_CODE=solution runs the reference."
        )

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
            # YOUR CODE HERE
            raise NotImplementedError(
                "generator.extend: choose; an ended row gets EOS and keeps its score. "
                "See part6_decoding/README.md; SFRATORCH_CODE=solution runs the reference."
            )
            if callback is not None:
                callback(Step(tokens, scores, is_finished))
        return tokens, scores

    @torch.no_grad()
    def generate_greedy(
        self, x: Tensor, temperature: float = 1.0, repeat_penalty: float = 1.0, callback: Callback | None = None
    ) -> tuple[Tensor, Tensor]:
        """Continue each row with its likeliest token: sequences (b, t), scores (b,)."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "generator.greedy: extend by the largest log-probability. "
            "See part6_decoding/README.md; SFRATORCH_CODE=solution runs the reference."
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

        # YOUR CODE HERE
        raise NotImplementedError(
            "generator.sample: extend by what is drawn. "
            "See part6_decoding/README.md; SFRATORCH_CODE=solution runs the reference."
        )

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
        # YOUR CODE HERE
        raise NotImplementedError(
            "beam.step: score, rank, select, follow, and tell score_fn. "
            "See part6_decoding/README.md; SFRATORCH_CODE=solution runs the reference."
        )

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
    # YOUR CODE HERE
    raise NotImplementedError(
        "generator.post_process: up to the first EOS, with it. "
        "See part6_decoding/README.md; SFRATORCH_CODE=solution runs the reference."
    )

"""From CTC's log-probabilities to labels: the best path, and the labels likeliest over all their alignments."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

ScoreFn = Callable[[Tensor], Tensor]
Labels = tuple[int, ...]


def greedy_decode(log_probs: Tensor, lengths: Tensor, blank: int = 0) -> list[list[int]]:
    """Take the likeliest symbol of each frame, then merge repetitions, then drop blanks     (Graves et al. 2006).

    Shapes: log_probs (t, b, v), lengths (b,).
    """
    log_probs = checked_log_probs(log_probs, lengths, blank)
    time = log_probs.shape[0]
    paths = log_probs.argmax(dim=-1)
    is_new = torch.cat([torch.ones_like(paths[:1], dtype=torch.bool), paths[1:] != paths[:-1]])
    is_kept = is_new & (paths != blank) & (torch.arange(time)[:, None] < lengths.cpu())
    return [path[kept].tolist() for path, kept in zip(paths.T, is_kept.T, strict=True)]


class Beam(NamedTuple):
    """Prefixes; the log-probabilities (w,) of all alignments of each that end in a blank, and of those that end in its
    last label; and what a language model and the length bonus add to its rank (w,).
    """

    prefixes: list[Labels]
    log_blank: Tensor
    log_label: Tensor
    added: Tensor

    def ranks(self) -> Tensor:
        """Rank prefixes by log(p_blank + p_label) and what is added."""
        return torch.logaddexp(self.log_blank, self.log_label) + self.added


def read_frame(beam: Beam, frame: Tensor, blank: int) -> tuple[Beam, Tensor]:
    """Read one frame more: the same prefixes, and each with each label after it.

    stay, blank:  (p_blank + p_label) · p(blank)                 stay, label:  p_label · p(last)
    extended by c: (p_blank + p_label) · p(c), but p_blank · p(c) where c is the last label     (Hannun et al. 2014)

    An extension that is another prefix of the beam is added to that one's p_label, and is -inf itself, as blank is.
    Shapes: frame (v,), the extensions (w, v).
    """
    symbols = torch.arange(len(frame))
    last = torch.tensor([prefix[-1] if prefix else blank for prefix in beam.prefixes], dtype=torch.long)
    is_last = (symbols == last[:, None]) & (symbols != blank)  # (w, v)
    before = torch.where(is_last, beam.log_blank[:, None], beam.ranks()[:, None] - beam.added[:, None])
    extended = (before + frame).masked_fill(symbols == blank, -math.inf)
    is_child = torch.tensor(
        [[longer[:-1] == prefix and longer != () for longer in beam.prefixes] for prefix in beam.prefixes]
    ).reshape(len(last), len(last))
    into_last = extended[:, last].masked_fill(~is_child, -math.inf)  # (w, w): what a row adds to another
    again = (beam.log_label + frame[last])[None]
    is_merged = (is_child[:, :, None] & is_last).any(dim=1)
    merged = Beam(
        beam.prefixes,
        torch.logaddexp(beam.log_blank, beam.log_label) + frame[blank],
        torch.cat([again, into_last]).logsumexp(dim=0),
        beam.added,
    )
    return merged, extended.masked_fill(is_merged, -math.inf)


def keep_best(beam: Beam, extended: Tensor, additions: Tensor, beam_width: int) -> Beam:
    """Keep the prefixes of the largest ranks above -inf, of those that stay and those that one label extends.

    Shapes: extended (w, v), as read_frame gives it; additions (w, v), what each label adds to the rank.
    """
    width, vocab = extended.shape
    stays = torch.stack([beam.log_blank, beam.log_label, beam.added], dim=1)[:, None]
    longer = torch.stack([torch.full_like(extended, -math.inf), extended, beam.added[:, None] + additions], dim=2)
    numbers = torch.cat([stays, longer], dim=1).flatten(0, 1)  # (w · (1 + v), 3): each prefix, then its extensions
    ranks = numbers[:, 0].logaddexp(numbers[:, 1]) + numbers[:, 2]
    places = ranks.topk(min(beam_width, int((ranks > -math.inf).sum()))).indices
    prefixes = [
        beam.prefixes[place // (1 + vocab)] + (() if place % (1 + vocab) == 0 else (place % (1 + vocab) - 1,))
        for place in places.tolist()
    ]
    return Beam(prefixes, *numbers[places].unbind(dim=1))


class LanguageModel:
    """Log-probabilities of what follows a prefix, by score_fn(tokens (rows, t)) -> logits (rows, v).

    Rows begin with sos_id; all of a call are equally long; each prefix is scored once.
    """

    def __init__(self, score_fn: ScoreFn, sos_id: int, vocab: int, device: torch.device) -> None:
        self.score_fn, self.sos_id, self.vocab, self.device = score_fn, sos_id, vocab, device
        self.known: dict[Labels, Tensor] = {}

    def log_probs(self, prefixes: Sequence[Labels]) -> Tensor:
        """Compute the log-probabilities (w, v) of each label after each of these different prefixes."""
        lengths = {len(prefix) for prefix in prefixes if prefix not in self.known}
        for length in lengths:
            alike = [prefix for prefix in prefixes if len(prefix) == length and prefix not in self.known]
            log_probs = self.logits([[self.sos_id, *prefix] for prefix in alike]).softmax(dim=1).log()
            self.known |= dict(zip(alike, log_probs.unbind(), strict=True))
        return torch.stack([self.known[prefix] for prefix in prefixes])

    def logits(self, rows: list[list[int]]) -> Tensor:
        """Return score_fn's logits, in float64 on the CPU.  Raises ValueError for another shape, nan and +inf."""
        logits = self.score_fn(torch.tensor(rows, device=self.device))
        if logits.shape != (len(rows), self.vocab):
            raise ValueError(f"score_fn must return logits ({len(rows)}, {self.vocab}); got {tuple(logits.shape)}.")
        return finite_above("score_fn's logits", logits.detach().cpu().double())


@torch.no_grad()
def prefix_beam_decode(
    log_probs: Tensor,
    lengths: Tensor,
    beam_width: int,
    blank: int = 0,
    score_fn: ScoreFn | None = None,
    lm_weight: float = 0.0,
    length_bonus: float = 0.0,
    sos_id: int | None = None,
    eos_id: int | None = None,
) -> list[list[tuple[list[int], float]]]:
    """Find the labels of each utterance that are likeliest over all their alignments, best first; each with

    log P(labels | x) + lm_weight · log P_lm(labels) + length_bonus · |labels|     (Hannun et al. 2014)

    P_lm is the softmax of score_fn(tokens (rows, t)) along rows that begin with sos_id; with eos_id, it counts that the
    labels end.  With an attention decoder's score_fn, one utterance at a time, it is joint decoding (Hori et al. 2017).
    Shapes: log_probs (t, b, v), lengths (b,), score_fn's logits (rows, v).
    """
    checked = checked_log_probs(log_probs, lengths, blank)
    if beam_width < 1:
        raise ValueError(f"beam_width must be at least 1; got {beam_width}.")
    if score_fn is not None and sos_id is None:
        raise ValueError("sos_id must be the token that begins score_fn's rows; got None.")
    model = None  # lm_weight 0 would make nan of a label that score_fn rules out
    if score_fn is not None and sos_id is not None and lm_weight:
        model = LanguageModel(score_fn, sos_id, log_probs.shape[2], log_probs.device)
    return [
        search(checked[:length, i], beam_width, blank, model, lm_weight, length_bonus, eos_id)
        for i, length in enumerate(lengths.tolist())
    ]


def search(
    frames: Tensor,
    beam_width: int,
    blank: int,
    model: LanguageModel | None,
    lm_weight: float,
    length_bonus: float,
    eos_id: int | None,
) -> list[tuple[list[int], float]]:
    """Find the likeliest labels of one utterance, best first, with the score that prefix_beam_decode defines.

    At most beam_width of them, and none of score -inf.  Shapes: frames (t, v).
    """

    def weighed(prefixes: Sequence[Labels]) -> Tensor:
        """Compute lm_weight · log P_lm of each label after each prefix, (w, v)."""
        if model is None or not prefixes:
            return frames.new_zeros(len(prefixes), frames.shape[1])
        return lm_weight * model.log_probs(prefixes)

    log_zero, log_one, no_addition = frames.new_full((1,), -math.inf), frames.new_zeros(1), frames.new_zeros(1)
    beam = Beam([()], log_one, log_zero, no_addition)
    for frame in frames:
        beam, extended = read_frame(beam, frame, blank)
        beam = keep_best(beam, extended, weighed(beam.prefixes) + length_bonus, beam_width)
    if eos_id is not None:
        beam = beam._replace(added=beam.added + weighed(beam.prefixes)[:, eos_id])
    ranks, best = beam.ranks().sort(descending=True, stable=True)
    return [(list(beam.prefixes[i]), rank) for i, rank in zip(best.tolist(), ranks.tolist(), strict=True)]


def checked_log_probs(log_probs: Tensor, lengths: Tensor, blank: int) -> Tensor:
    """Return the log-probabilities (t, b, v) in float64 on the CPU.  Raises ValueError for what cannot be decoded."""
    if log_probs.ndim != 3 or lengths.shape != log_probs.shape[1:2]:
        raise ValueError(
            f"log_probs must be (t, b, v) and lengths (b,); got {tuple(log_probs.shape)} and {tuple(lengths.shape)}."
        )
    time, _, vocab = log_probs.shape
    if len(lengths) and not 0 <= int(lengths.min()) <= int(lengths.max()) <= time:
        raise ValueError(f"lengths must lie between 0 and {time}, the frames; got {lengths.tolist()}.")
    if not 0 <= blank < vocab:
        raise ValueError(f"blank must be one of the {vocab} symbols, from 0; got {blank}.")
    is_read = torch.arange(time)[:, None] < lengths.cpu()
    log_probs = log_probs.detach().cpu().double()
    finite_above("log_probs", log_probs[is_read])
    return log_probs


def finite_above(name: str, numbers: Tensor) -> Tensor:
    """Return the numbers (rows, v).  Raises ValueError for nan, +inf and a row of which all are -inf."""
    bad = (~numbers.amax(dim=1).isfinite()).nonzero()  # the largest is nan if any is
    if len(bad):
        row = int(bad[0, 0])
        raise ValueError(
            f"{name} must be without nan and +inf, and above -inf somewhere in each row; row {row} has largest "
            f"{numbers[row].amax().item()}."
        )
    return numbers

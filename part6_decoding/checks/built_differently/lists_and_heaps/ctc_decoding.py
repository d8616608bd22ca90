"""From CTC's log-probabilities to labels: the best path, and the labels likeliest over all their alignments."""

from __future__ import annotations

import heapq
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
    decoded: list[list[int]] = []
    for utterance, length in enumerate(lengths.tolist()):
        path = [blank, *log_probs[:length, utterance].argmax(dim=1).tolist()]
        decoded.append([label for before, label in itertools.pairwise(path) if label not in (before, blank)])
    return decoded


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
    symbols = frame.tolist()
    blank_ends: dict[Labels, list[float]] = {prefix: [] for prefix in beam.prefixes}
    label_ends: dict[Labels, list[float]] = {prefix: [] for prefix in beam.prefixes}
    numbers = beam.log_blank.tolist(), beam.log_label.tolist()
    for prefix, log_blank, log_label in zip(beam.prefixes, *numbers, strict=True):
        for symbol, log_prob in enumerate(symbols):
            if symbol == blank:
                blank_ends[prefix] += [log_blank + log_prob, log_label + log_prob]
                continue
            longer = label_ends.setdefault((*prefix, symbol), [])
            longer.append(log_blank + log_prob)
            is_again = prefix[-1:] == (symbol,)
            (label_ends[prefix] if is_again else longer).append(log_label + log_prob)
    stays = beam._replace(
        log_blank=frame.new_tensor([log_sum(blank_ends[prefix]) for prefix in beam.prefixes]),
        log_label=frame.new_tensor([log_sum(label_ends[prefix]) for prefix in beam.prefixes]),
    )
    extended = [
        [
            -math.inf if symbol == blank or (*prefix, symbol) in blank_ends else log_sum(label_ends[*prefix, symbol])
            for symbol in range(len(symbols))
        ]
        for prefix in beam.prefixes
    ]
    return stays, frame.new_tensor(extended).reshape(len(extended), len(symbols))


def log_sum(log_probs: Sequence[float]) -> float:
    """Compute log Σ exp."""
    largest = max(log_probs, default=-math.inf)
    if largest == -math.inf:
        return largest
    return largest + math.log(sum(math.exp(log_prob - largest) for log_prob in log_probs))


def keep_best(beam: Beam, extended: Tensor, additions: Tensor, beam_width: int) -> Beam:
    """Keep the prefixes of the largest ranks above -inf, of those that stay and those that one label extends.

    Shapes: extended (w, v), as read_frame gives it; additions (w, v), what each label adds to the rank.
    """
    added, more = beam.added.tolist(), additions.tolist()
    candidates = [*zip(beam.prefixes, beam.log_blank.tolist(), beam.log_label.tolist(), added, strict=True)]
    for row, log_probs in enumerate(extended.tolist()):
        for label, log_prob in enumerate(log_probs):
            longer = (*beam.prefixes[row], label)
            candidates.append((longer, -math.inf, log_prob, added[row] + more[row][label]))
    ranked = [
        (log_sum([log_blank, log_label]) + bonus, i) for i, (_, log_blank, log_label, bonus) in enumerate(candidates)
    ]
    best = heapq.nlargest(beam_width, [(rank, -i) for rank, i in ranked if rank > -math.inf])
    kept = [candidates[-i] for _, i in best]
    numbers = torch.tensor([fields[1:] for fields in kept], dtype=extended.dtype).reshape(-1, 3)
    return Beam([fields[0] for fields in kept], *numbers.unbind(dim=1))


class LanguageModel:
    """Log-probabilities of what follows a prefix, by score_fn(tokens (rows, t)) -> logits (rows, v).

    Rows begin with sos_id; all of a call are equally long; each prefix is scored once.
    """

    def __init__(self, score_fn: ScoreFn, sos_id: int, vocab: int, device: torch.device) -> None:
        self.score_fn, self.sos_id, self.vocab, self.device = score_fn, sos_id, vocab, device
        self.known: dict[Labels, Tensor] = {}

    def log_probs(self, prefixes: Sequence[Labels]) -> Tensor:
        """Compute the log-probabilities (w, v) of each label after each of these different prefixes."""
        for prefix in prefixes:
            if prefix not in self.known:
                logits = self.logits([[self.sos_id, *prefix]])[0]
                self.known[prefix] = logits - logits.logsumexp(dim=0)
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

    beam = Beam([()], frames.new_tensor([0.0]), frames.new_tensor([-math.inf]), frames.new_tensor([0.0]))
    for frame in frames:
        read, extended = read_frame(beam, frame, blank)
        beam = keep_best(read, extended, weighed(read.prefixes) + length_bonus, beam_width)
    ranks = beam.ranks()
    if eos_id is not None:
        ranks = ranks + weighed(beam.prefixes)[:, eos_id]
    found = zip(map(list, beam.prefixes), ranks.tolist(), strict=True)
    return sorted(found, key=lambda result: result[1], reverse=True)


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

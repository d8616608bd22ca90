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
    # YOUR CODE HERE
    raise NotImplementedError(
        "ctc.greedy: the best path, without repetitions and then without blanks. "
        "See part6_decoding/README.md; SFRATORCH_CODE=solution runs the reference."
    )


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
    # YOUR CODE HERE
    raise NotImplementedError(
        "ctc.read_frame: stay by blank, stay by the last label, extend; then merge what is the same prefix. "
        "See part6_decoding/README.md; SFRATORCH_CODE=solution runs the reference."
    )


def keep_best(beam: Beam, extended: Tensor, additions: Tensor, beam_width: int) -> Beam:
    """Keep the prefixes of the largest ranks above -inf, of those that stay and those that one label extends.

    Shapes: extended (w, v), as read_frame gives it; additions (w, v), what each label adds to the rank.
    """
    # YOUR CODE HERE
    raise NotImplementedError(
        "ctc.keep_best: all prefixes in one beam; the largest ranks of those that are possible. "
        "See part6_decoding/README.md; SFRATORCH_CODE=solution runs the reference."
    )


class LanguageModel:
    """Log-probabilities of what follows a prefix, by score_fn(tokens (rows, t)) -> logits (rows, v).

    Rows begin with sos_id; all of a call are equally long; each prefix is scored once.
    """

    def __init__(self, score_fn: ScoreFn, sos_id: int, vocab: int, device: torch.device) -> None:
        self.score_fn, self.sos_id, self.vocab, self.device = score_fn, sos_id, vocab, device
        self.known: dict[Labels, Tensor] = {}

    def log_probs(self, prefixes: Sequence[Labels]) -> Tensor:
        """Compute the log-probabilities (w, v) of each label after each of these different prefixes."""
        # YOUR CODE HERE
        raise NotImplementedError(
            "ctc.language_model: score what is not known, by length; log-softmax. "
            "See part6_decoding/README.md; SFRATORCH_CODE=solution runs the reference."
        )

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

    # YOUR CODE HERE
    raise NotImplementedError(
        "ctc.prefix_beam: from the empty prefix, read a frame and keep the best; the end counts too. "
        "See part6_decoding/README.md; SFRATORCH_CODE=solution runs the reference."
    )


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

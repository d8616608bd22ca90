"""From CTC's log-probabilities to labels: the best path, and the labels likeliest over all their alignments."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import torch
from torch import Tensor

Labels = tuple[int, ...]


def greedy_decode(log_probs: Tensor, lengths: Tensor, blank: int = 0) -> list[list[int]]:
    """Take the likeliest symbol of each frame, then merge repetitions, then drop blanks     (Graves et al. 2006).

    Shapes: log_probs (t, b, v), lengths (b,).
    """
    ### BEGIN SOLUTION ctc.greedy: the best path, without repetitions and then without blanks
    paths = log_probs.argmax(dim=-1).T.tolist()
    return [
        [label for label, _ in itertools.groupby(path[:length]) if label != blank]
        for path, length in zip(paths, lengths.tolist(), strict=True)
    ]
    ### END SOLUTION


class Beam(NamedTuple):
    """Prefixes, and the log-probabilities (w,) of all alignments of each that end in a blank, and in its last label."""

    prefixes: list[Labels]
    log_blank: Tensor
    log_label: Tensor


def read_frame(beam: Beam, frame: Tensor, blank: int) -> tuple[Beam, Tensor]:
    """What one frame more makes of the prefixes: the same prefixes, and each with each label after it.

    stay, blank:  (p_blank + p_label) · p(blank)                 stay, label:  p_label · p(last)
    extended by c: (p_blank + p_label) · p(c), but p_blank · p(c) where c is the last label     (Hannun et al. 2014)

    What extends one prefix to another of the beam counts for that one, and is -inf among the extensions.
    Shapes: frame (v,), the extensions (w, v).
    """
    ### BEGIN SOLUTION ctc.read_frame: stay by blank, stay by the last label, extend; then merge what is the same prefix
    rows = torch.arange(len(beam.prefixes))
    last = torch.tensor([prefix[-1] if prefix else blank for prefix in beam.prefixes])
    total = torch.logaddexp(beam.log_blank, beam.log_label)
    stay_blank, stay_label = total + frame[blank], beam.log_label + frame[last]
    extended = total[:, None] + frame
    extended[rows, last] = beam.log_blank + frame[last]  # the same label again needs a blank between
    extended[:, blank] = -math.inf
    row_of = {prefix: row for row, prefix in enumerate(beam.prefixes)}
    for row, prefix in enumerate(beam.prefixes):
        parent = row_of.get(prefix[:-1]) if prefix else None
        if parent is not None:
            stay_label[row] = torch.logaddexp(stay_label[row], extended[parent, prefix[-1]])
            extended[parent, prefix[-1]] = -math.inf
    return Beam(beam.prefixes, stay_blank, stay_label), extended
    ### END SOLUTION

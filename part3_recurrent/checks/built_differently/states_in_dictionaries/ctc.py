"""CTC: the probability of a label sequence, summed over every way to spread it over time     (Graves et al. 2006).

A path names a symbol for each frame.  It spells the target if taking out repetitions and then blanks leaves it.
With a blank before, between and after the labels (the extended target, 2·labels + 1 states) a path is a walk that at
each frame stays, goes on by one state, or skips a blank between two different labels.  All of it in log space.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy import ndarray

from part2_layers.module import (
    Module,
    array_result,
    check_floats,
    check_grad_output,
    check_reduction,
    check_shape,
    integer,
)
from part3_recurrent.lengths import checked_lengths

Labels = ndarray | Sequence[int]
States = dict[int, Any]  # the states that a walk can be in at a frame -> log-probability


def extend_target_with_blank(target: Labels, blank: int = 0) -> tuple[ndarray, ndarray]:
    """Put a blank before, between and after the labels; and say where two states back may be skipped from.

    extended = (blank, y₁, blank, y₂, …, blank).  can_skip[s] says whether a walk may come from s - 2: at a label that
    differs from the one before it.  An empty target becomes one blank.
    Shapes: target (labels,), results (2·labels + 1,) of int64 and of bool.
    """
    target = np.asarray(target, dtype=np.int64)
    extended = np.insert(target, np.arange(len(target) + 1), blank)
    differs = (extended[2:] != blank) & (extended[2:] != extended[:-2])
    return extended, np.append([False, False], differs)[: len(extended)]


def log_forward(log_probs: ndarray, target: Labels, blank: int = 0) -> ndarray:
    """Compute log α[t, s]: the log-probability of frames 0 to t, over all walks that are in state s at frame t.

    α[0, s] = p[0, extended[s]] for s = 0 and 1, and 0 for all others
    α[t, s] = (α[t-1, s] + α[t-1, s-1] + [can_skip[s]] · α[t-1, s-2]) · p[t, extended[s]]

    Shapes: log_probs (t, v) with t ≥ 1, result (t, 2·labels + 1).  What cannot be reached is -inf.
    """
    extended, can_skip = extend_target_with_blank(target, blank)
    moves = moves_between_states(can_skip)

    def advance(reached: States, frame: ndarray) -> States:
        return pushed((after, reached[before] + frame[extended[after]]) for before, after in moves if before in reached)

    start = {state: log_probs[0, extended[state]] for state in range(min(2, len(extended)))}
    return table_of(accumulate(log_probs[1:], advance, initial=start), log_probs, len(extended))


def log_backward(log_probs: ndarray, target: Labels, blank: int = 0) -> ndarray:
    """Compute log β[t, s]: the log-probability of the frames after t, over all walks that are in state s at frame t.

    β[T-1, s] = 1 for the last two states s, and 0 for all others
    β[t, s] = b[s] + b[s+1] + [can_skip[s+2]] · b[s+2]        with b[s] = p[t+1, extended[s]] · β[t+1, s]

    So Σ over s of α[t, s] β[t, s] is P(target) at every frame t.  (In Graves et al. 2006 β counts frame t, too.)
    Shapes: log_probs (t, v) with t ≥ 1, result (t, 2·labels + 1).  What cannot reach an end is -inf.
    """
    extended, can_skip = extend_target_with_blank(target, blank)
    moves = moves_between_states(can_skip)

    def retreat(reached: States, frame: ndarray) -> States:
        return pushed((before, reached[after] + frame[extended[after]]) for before, after in moves if after in reached)

    end = dict.fromkeys(range(len(extended))[-2:], log_probs.dtype.type(0))
    return table_of(accumulate(log_probs[:0:-1], retreat, initial=end), log_probs, len(extended))[::-1]


def log_posteriors(log_probs: ndarray, target: Labels, blank: int = 0) -> ndarray:
    """Compute log γ[t, s]: the log-probability that a walk which spells the target stands in state s at frame t.

    γ[t, s] = α[t, s] β[t, s] / Σ over s of α[t, s] β[t, s]
    Shapes: log_probs (t, v), result (t, 2·labels + 1).  A target that cannot be spelled in t frames: all -inf.
    """
    log_walks = log_forward(log_probs, target, blank) + log_backward(log_probs, target, blank)
    log_p = np.logaddexp.reduce(log_walks, axis=1)
    possible = np.isfinite(log_p)
    log_walks[possible] -= log_p[possible, None]
    return log_walks


# Walks in dictionaries


def moves_between_states(can_skip: ndarray) -> list[tuple[int, int]]:
    """List every move from one frame to the next: stay, go on by one state, skip a blank."""
    states = range(len(can_skip))
    return [(s - by, s) for s in states for by in range(3) if s >= by and (by < 2 or can_skip[s])]


def pushed(contributions: Iterable[tuple[int, Any]]) -> States:
    """Add up probabilities by state."""
    reached: States = {}
    for state, log_p in contributions:
        reached[state] = np.logaddexp(reached[state], log_p) if state in reached else log_p
    return reached


def table_of(frames: Iterable[States], like: ndarray, states: int) -> ndarray:
    """Write a dictionary for each frame into a table (t, s), -inf where no walk is."""
    table = np.full((len(like), states), -np.inf, like.dtype)
    for row, reached in zip(table, frames, strict=True):
        row[list(reached)] = list(reached.values())
    return table


class CTCLoss(Module):
    """-log P(target | log_probs) for each example, and its mean, sum, or neither.

    "mean" divides each loss by its target's length (1 for an empty target), then averages over the batch, as torch.
    An infeasible target, longer than its frames allow or with an impossible symbol, has loss inf, or 0 with
    zero_infinity, and a zero gradient.  Without a frame every target is infeasible but the empty one, whose loss is 0.
    Raises ValueError for an unknown reduction and a negative blank.
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__()
        self.blank = integer("blank", blank, minimum=0)
        self.reduction = check_reduction(reduction)
        self.zero_infinity = zero_infinity
        self.dtype = np.dtype(np.float32)

    @array_result
    def forward(self, log_probs: ndarray, targets: Labels, input_lengths: Labels, target_lengths: Labels) -> ndarray:
        """Compute the loss.

        Shapes: log_probs (t, b, v), logarithms of probabilities; targets (b, longest), padded, or (Σ target_lengths,),
        one after another; input_lengths and target_lengths (b,); result () or, for "none", (b,).
        Raises TypeError for log_probs that are not floats and targets that are not integers, ValueError for another
        shape, lengths that do not fit, and labels that are the blank or outside 0 to v - 1.
        """
        check_floats("log_probs", log_probs)
        check_shape("log_probs", log_probs, ("time", "batch", "classes"))
        time, batch, classes = log_probs.shape
        if batch == 0:
            raise ValueError("log_probs must hold one example at least; got a batch of 0.")
        labels = split_targets(targets, target_lengths, batch, classes, self.blank)
        self.frames = checked_lengths("input_lengths", input_lengths, time, batch, minimum=0)
        self.labels = labels
        self.output_shape = log_probs.shape[1:2] if self.reduction == "none" else ()
        self.dtype = log_probs.dtype
        losses = self.example_losses(log_probs)
        self.is_infeasible = np.isposinf(losses)
        if self.zero_infinity:
            losses = np.nan_to_num(losses, posinf=0)
        if self.reduction == "mean":
            return np.mean([loss / max(1, len(target)) for loss, target in zip(losses, self.labels, strict=True)])
        return losses.sum() if self.reduction == "sum" else losses

    def example_losses(self, log_probs: ndarray) -> ndarray:
        """Compute -log P of each example, for the labels self.labels[b] and the first self.frames[b] of its frames.

        Shapes: log_probs (t, b, v), result (b,).
        """
        self.log_probs = log_probs
        losses = [
            -np.logaddexp.reduce(log_forward(log_probs[:frames, b], target, self.blank)[-1, -2:])
            if frames
            else (np.inf if len(target) else 0)  # without a frame the empty target alone is spelled
            for b, (frames, target) in enumerate(zip(self.frames, self.labels, strict=True))
        ]
        return np.array(losses, log_probs.dtype)

    def backward(self, grad_output: ndarray | float = 1.0) -> ndarray:
        """Compute dL/dlog_probs[t, b, v] = -g · Σ over the states s with label v of γ[t, s], the partial derivative.

        Zero after an example's frames, and for an infeasible target.  Shapes: g as the loss, result (t, b, v).
        """
        is_number = isinstance(grad_output, (int, float)) and self.output_shape in ((), None)
        grad_output = np.asarray(grad_output, self.dtype) if is_number else grad_output
        check_grad_output(grad_output, self.output_shape)
        losses_grad = np.broadcast_to(grad_output, len(self.labels))
        if self.reduction == "mean":
            losses_grad = losses_grad / [max(1, len(target)) * len(self.labels) for target in self.labels]
        return self.example_losses_backward(losses_grad.astype(self.dtype))

    def example_losses_backward(self, losses_grad: ndarray) -> ndarray:
        """Compute dL/dlog_probs from the gradient of each example's own loss; zero where self.is_infeasible[b].

        Shapes: losses_grad (b,), result (t, b, v).
        """
        log_probs_grad = np.zeros_like(self.log_probs)
        for b in np.flatnonzero((self.frames > 0) & ~self.is_infeasible):
            frames, target = self.frames[b], self.labels[b]
            extended, _ = extend_target_with_blank(target, self.blank)
            gamma = np.exp(log_posteriors(self.log_probs[:frames, b], target, self.blank))  # (t, s)
            np.subtract.at(log_probs_grad[:, b], (np.arange(frames)[:, None], extended), losses_grad[b] * gamma)
        return log_probs_grad


# Checks, given


def split_targets(targets: Labels, target_lengths: Labels, batch: int, classes: int, blank: int) -> list[ndarray]:
    """Split the labels of each example, from padded targets or from targets that stand one after another."""
    lengths, array = np.asarray(target_lengths), np.asarray(targets)
    for name, value in (("targets", array), ("target_lengths", lengths)):
        if value.dtype.kind not in "iu" and value.size:
            raise TypeError(f"{name} must be integers; got {value.dtype}.")
    check_shape("target_lengths", lengths, (batch,))
    if lengths.size and lengths.min() < 0:
        raise ValueError(f"target_lengths must not be negative; got {lengths.min()}.")
    lengths = lengths.astype(np.int64)
    if array.ndim == 1:
        if array.size != lengths.sum():
            raise ValueError(f"targets must hold the sum of target_lengths, {lengths.sum()} labels; got {array.size}.")
        labels = np.split(array.astype(np.int64), np.cumsum(lengths)[:-1])
    elif array.ndim == 2 and len(array) == batch and lengths.max(initial=0) <= array.shape[1]:
        labels = [row[:length] for row, length in zip(array.astype(np.int64), lengths, strict=True)]
    else:
        raise ValueError(
            f"targets must have shape (batch, longest target) or (sum of target_lengths,); got {array.shape} for "
            f"batch {batch} and target_lengths {lengths.tolist()}."
        )
    for b, label in enumerate(labels):
        wrong = label[(label < 0) | (label >= classes) | (label == blank)]
        if wrong.size:
            raise ValueError(
                f"targets must be labels from 0 to {classes - 1} but the blank {blank}; got {wrong[0]} in {b}."
            )
    return labels

"""CTC: the probability of a label sequence, summed over every way to spread it over time     (Graves et al. 2006).

A path names a symbol for each frame.  It spells the target if taking out repetitions and then blanks leaves it.
With a blank before, between and after the labels (the extended target, e = 2·labels + 1 states) a path is a walk that
at each frame stays, goes on by one state, or skips a blank between two different labels.  All of it in log space.
"""

from __future__ import annotations

from collections.abc import Sequence

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
from part3_recurrent.lengths import checked_lengths, turned

Labels = ndarray | Sequence[int]


def extend_target_with_blank(target: Labels, blank: int = 0) -> tuple[ndarray, ndarray]:
    """The target with a blank before, between and after its labels; and where two states back may be skipped from.

    extended = (blank, y₁, blank, y₂, …, blank).  can_skip[s] says whether a walk may come from s - 2: at a label that
    differs from the one before it.  An empty target becomes one blank.
    Shapes: target (labels,), results (2·labels + 1,) of int64 and of bool.
    """
    target = np.asarray(target, dtype=np.int64)
    ### BEGIN SOLUTION ctc.extend: blanks between the labels, and where a blank may be skipped
    extended = np.full(2 * len(target) + 1, blank, dtype=np.int64)
    extended[1::2] = target
    can_skip = np.zeros(len(extended), dtype=bool)
    can_skip[3::2] = target[1:] != target[:-1]
    return extended, can_skip
    ### END SOLUTION


def log_forward(log_probs: ndarray, target: Labels, blank: int = 0) -> ndarray:
    """log α[t, s]: the log-probability of all beginnings of walks that stand in state s at frame t, t included.

    α[t, s] = (α[t-1, s] + α[t-1, s-1] + α[t-1, s-2] if can_skip[s]) · p[t, extended[s]], from states 0 and 1 at t = 0
    Shapes: log_probs (t, v), result (t, 2·labels + 1).  What cannot be reached is -inf.
    """
    extended, can_skip = extend_target_with_blank(target, blank)
    ### BEGIN SOLUTION ctc.log_forward: the recursion, in log space
    emissions = log_probs[:, extended]
    return (log_arrivals(emissions[:, None], can_skip[None]) + emissions[:, None])[:, 0]
    ### END SOLUTION


def log_backward(log_probs: ndarray, target: Labels, blank: int = 0) -> ndarray:
    """log β[t, s]: the log-probability of all ends of walks that stand in state s at frame t, t left out.

    β[t, s] = Σ over the next states n of s, at frame t + 1, of p[t+1, extended[n]] · β[t+1, n]; β = 1 in the last two
    states at the last frame.  So the logsumexp of α[t] + β[t] over the states is the same at every frame.
    Shapes: log_probs (t, v), result (t, 2·labels + 1).  What cannot reach an end is -inf.
    """
    extended, _ = extend_target_with_blank(target, blank)
    ### BEGIN SOLUTION ctc.log_backward: the recursion from the last frame, in log space
    # Read from its end, a walk through the target is a walk through the reversed target.
    _, can_skip = extend_target_with_blank(np.asarray(target)[::-1], blank)
    emissions = log_probs[::-1, extended[::-1]]
    return log_arrivals(emissions[:, None], can_skip[None])[::-1, 0, ::-1]
    ### END SOLUTION


def log_posteriors(log_probs: ndarray, target: Labels, blank: int = 0) -> ndarray:
    """log γ[t, s]: the log-probability that a walk which spells the target stands in state s at frame t.

    γ[t, s] = α[t, s] β[t, s] / Σ over s of α[t, s] β[t, s]
    Shapes: log_probs (t, v), result (t, 2·labels + 1).  A target that cannot be spelled in t frames: all -inf.
    """
    log_walks = log_forward(log_probs, target, blank) + log_backward(log_probs, target, blank)
    ### BEGIN SOLUTION ctc.log_posteriors: α β, divided by its sum over the states
    total = log_sum(log_walks, axis=1)
    return np.where(np.isneginf(total), -np.inf, log_walks - np.where(np.isneginf(total), 0, total))
    ### END SOLUTION


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
        """The loss.

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
        ### BEGIN SOLUTION ctc.loss_forward: -log P of every example, reduced; keep the posteriors
        losses, self.posteriors = losses_and_posteriors(log_probs, self.labels, self.frames, self.blank)
        self.is_infeasible = np.isposinf(losses)
        if self.zero_infinity:
            losses = np.where(self.is_infeasible, 0, losses)
        if self.reduction == "mean":
            losses = losses / np.array([max(1, len(labels)) for labels in self.labels], losses.dtype)
            return losses.mean()
        return losses.sum() if self.reduction == "sum" else losses
        ### END SOLUTION

    def backward(self, grad_output: ndarray | float = 1.0) -> ndarray:
        """dL/dlog_probs[t, b, v] = -g · Σ over the states s with label v of γ[t, s]: the true partial derivative.

        Zero after an example's frames, and for an infeasible target.  Shapes: g as the loss, result (t, b, v).
        """
        is_number = isinstance(grad_output, (int, float)) and self.output_shape in ((), None)
        grad_output = np.asarray(grad_output, self.dtype) if is_number else grad_output
        check_grad_output(grad_output, self.output_shape)
        ### BEGIN SOLUTION ctc.loss_backward: minus the posterior of each symbol, times g, divided as the loss was
        scale = np.asarray(grad_output) * np.ones(len(self.labels), self.posteriors.dtype)
        if self.reduction == "mean":
            scale = scale / (len(self.labels) * np.array([max(1, len(labels)) for labels in self.labels], scale.dtype))
        scale = np.where(self.is_infeasible, 0, -scale).astype(self.posteriors.dtype)
        return self.posteriors * scale[:, None]
        ### END SOLUTION


# A whole batch at once, padded to the longest. Optional: nothing but your own code above calls these two, and one
# example after another earns as much; it is slower.


def log_arrivals(emissions: ndarray, can_skip: ndarray) -> ndarray:
    """The log-probability of all walks that arrive in state s at frame t, before the frame's own emission.

    Shapes: emissions (t, b, s), the log-probability of each state's symbol; can_skip (b, s); result (t, b, s).
    One pass serves both directions: log α is this plus the emissions, log β is this for time and states reversed.
    """
    ### BEGIN SOLUTION ctc.log_forward: optional, log(Σ of the three ways to arrive) for every frame
    time, batch, states = emissions.shape
    arrivals = np.full((time, batch, states), -np.inf, emissions.dtype)
    arrivals[0, :, :2] = 0
    skips = np.where(can_skip[:, 2:], 0, -np.inf).astype(emissions.dtype)
    ways = np.full((3, batch, states), -np.inf, emissions.dtype)
    largest, shares = np.empty_like(ways[0]), np.empty_like(ways)
    with np.errstate(divide="ignore"):  # log 0 = -inf is meant
        for t in range(1, time):
            before = np.add(arrivals[t - 1], emissions[t - 1], out=ways[0])
            ways[1, :, 1:] = before[:, :-1]
            np.add(before[:, :-2], skips, out=ways[2, :, 2:])
            np.maximum(ways[0], ways[1], out=largest)
            np.maximum(largest, ways[2], out=largest)
            np.maximum(largest, np.finfo(largest.dtype).min, out=largest)  # -inf - -inf would be nan
            np.exp(np.subtract(ways, largest, out=shares), out=shares)
            total = np.add(shares[0], shares[1], out=arrivals[t])
            total += shares[2]
            np.log(total, out=total)
            total += largest
    return arrivals
    ### END SOLUTION


def losses_and_posteriors(
    log_probs: ndarray, labels: list[ndarray], frames: ndarray, blank: int
) -> tuple[ndarray, ndarray]:
    """-log P of every example, and for every frame the probability that its walks name each symbol there.

    Shapes: log_probs (t, b, v), results (b,) and (t, b, v).
    """
    ### BEGIN SOLUTION ctc.loss_forward: optional, α and β of the whole batch, then -log P and Σ γ by symbol
    time, batch, classes = log_probs.shape
    states = np.array([2 * len(target) + 1 for target in labels], dtype=np.int64)
    extended = np.full((2 * batch, int(states.max(initial=1))), blank)
    can_skip = np.zeros(extended.shape, dtype=bool)
    for b, target in enumerate(labels):
        # Read from its end, a walk through the target is a walk through the reversed target: row batch + b.
        for row, sequence in ((b, target), (batch + b, target[::-1])):
            extended[row, : states[b]], can_skip[row, : states[b]] = extend_target_with_blank(sequence, blank)
    frame = np.concatenate([np.tile(np.arange(time)[:, None], batch), turned(time, frames)], axis=1)
    place = (frame * batch + np.tile(np.arange(batch), 2))[:, :, None] * classes + extended
    emissions = log_probs.ravel().take(place)  # every state's symbol, at every frame
    arrivals = log_arrivals(emissions, can_skip)
    alpha = arrivals[:, :batch] + emissions[:, :batch]
    state = turned(extended.shape[1], states).T
    beta = arrivals[turned(time, frames)[:, :, None], np.arange(batch, 2 * batch)[:, None], state]
    inside = (np.arange(time)[:, None] < frames)[:, :, None] & (np.arange(extended.shape[1]) < states[:, None])
    walks = np.where(inside, alpha + beta, -np.inf)
    log_p = log_sum(walks[0], axis=1)
    log_p[(frames == 0) & (states == 1)] = 0  # without a frame, the empty target is all that can be spelled
    gamma = np.exp(walks - np.where(np.isneginf(log_p), 0, log_p))
    is_symbol = (extended[:batch, :, None] == np.arange(classes)).astype(log_probs.dtype)
    posteriors = np.matmul(gamma.swapaxes(0, 1), is_symbol).swapaxes(0, 1)
    return -log_p[:, 0], posteriors
    ### END SOLUTION


def log_sum(x: ndarray, axis: int) -> ndarray:
    """log Σ eˣ along an axis, which stays with length 1; -inf for the sum of nothing."""
    largest = np.maximum(x.max(axis=axis, keepdims=True), np.finfo(x.dtype).min)  # -inf - -inf would be nan
    with np.errstate(divide="ignore"):
        return np.log(np.exp(x - largest).sum(axis=axis, keepdims=True)) + largest


# Checks, given


def split_targets(targets: Labels, target_lengths: Labels, batch: int, classes: int, blank: int) -> list[ndarray]:
    """The labels of each example, from padded targets or from targets that stand one after another."""
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

"""CTC: the probability of a label sequence, summed over every way to spread it over time     (Graves et al. 2006).

β is α of the target and the frames read from their ends, without the frame's own symbol.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import ndarray
from scipy.special import logsumexp

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


def extend_target_with_blank(target: Labels, blank: int = 0) -> tuple[ndarray, ndarray]:
    """Put a blank before, between and after the labels; and say where two states back may be skipped from.

    extended = (blank, y₁, blank, y₂, …, blank).  can_skip[s] says whether a walk may come from s - 2: at a label that
    differs from the one before it.  An empty target becomes one blank.
    Shapes: target (labels,), results (2·labels + 1,) of int64 and of bool.
    """
    target = np.asarray(target, dtype=np.int64)
    extended = np.full((len(target), 2), blank, np.int64)
    extended[:, 1] = target
    can_skip = np.zeros_like(extended, dtype=bool)
    can_skip[1:, 1] = np.diff(target) != 0
    return np.append(extended, blank), np.append(can_skip, False)


def log_forward(log_probs: ndarray, target: Labels, blank: int = 0) -> ndarray:
    """Compute log α[t, s]: the log-probability of frames 0 to t, over all walks that are in state s at frame t.

    α[0, s] = p[0, extended[s]] for s = 0 and 1, and 0 for all others
    α[t, s] = (α[t-1, s] + α[t-1, s-1] + [can_skip[s]] · α[t-1, s-2]) · p[t, extended[s]]

    Shapes: log_probs (t, v) with t ≥ 1, result (t, 2·labels + 1).  What cannot be reached is -inf.
    """
    extended, can_skip = extend_target_with_blank(target, blank)
    return log_arrivals(log_probs, extended, can_skip) + log_probs[:, extended]


def log_arrivals(log_probs: ndarray, extended: ndarray, can_skip: ndarray) -> ndarray:
    """Return log α without the frame's own symbol.  Shape: (t, 2·labels + 1)."""
    arrivals = np.full((len(log_probs), len(extended)), -np.inf, log_probs.dtype)
    arrivals[0, :2] = 0
    for t in range(1, len(log_probs)):
        walks = arrivals[t - 1] + log_probs[t - 1, extended]
        arrivals[t] = walks
        np.logaddexp(arrivals[t, 1:], walks[:-1], out=arrivals[t, 1:])
        np.logaddexp(arrivals[t, 2:], walks[:-2], out=arrivals[t, 2:], where=can_skip[2:])
    return arrivals


def log_backward(log_probs: ndarray, target: Labels, blank: int = 0) -> ndarray:
    """Compute log β[t, s]: the log-probability of the frames after t, over all walks that are in state s at frame t.

    β[T-1, s] = 1 for the last two states s, and 0 for all others
    β[t, s] = b[s] + b[s+1] + [can_skip[s+2]] · b[s+2]        with b[s] = p[t+1, extended[s]] · β[t+1, s]

    So Σ over s of α[t, s] β[t, s] is P(target) at every frame t.  (In Graves et al. 2006 β counts frame t, too.)
    Shapes: log_probs (t, v) with t ≥ 1, result (t, 2·labels + 1).  What cannot reach an end is -inf.
    """
    extended, _ = extend_target_with_blank(target, blank)
    reversed_extended, can_skip = extend_target_with_blank(extended[-2::-2], blank)
    return log_arrivals(log_probs[::-1], reversed_extended, can_skip)[::-1, ::-1]


def log_posteriors(log_probs: ndarray, target: Labels, blank: int = 0) -> ndarray:
    """Compute log γ[t, s]: the log-probability that a walk which spells the target stands in state s at frame t.

    γ[t, s] = α[t, s] β[t, s] / Σ over s of α[t, s] β[t, s]
    Shapes: log_probs (t, v), result (t, 2·labels + 1).  A target that cannot be spelled in t frames: all -inf.
    """
    log_walks = log_forward(log_probs, target, blank) + log_backward(log_probs, target, blank)
    log_p = logsumexp(log_walks, axis=1, keepdims=True)
    return np.where(np.isfinite(log_p), log_walks - np.nan_to_num(log_p, neginf=0), -np.inf).astype(log_walks.dtype)


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
            losses[self.is_infeasible] = 0
        match self.reduction:
            case "none":
                return losses
            case "sum":
                return losses.sum()
            case _:
                return np.mean(losses / self.divisors(losses.dtype))

    def divisors(self, dtype: np.dtype) -> ndarray:
        """Return the length of each target, 1 for an empty one."""
        return np.maximum([len(target) for target in self.labels], 1).astype(dtype)

    def example_losses(self, log_probs: ndarray) -> ndarray:
        """Compute -log P of each example, for the labels self.labels[b] and the first self.frames[b] of its frames.

        Shapes: log_probs (t, b, v), result (b,).
        """
        self.log_probs = log_probs
        losses = np.empty(len(self.labels), log_probs.dtype)
        for b, (frames, target) in enumerate(zip(self.frames, self.labels, strict=True)):
            if frames:
                losses[b] = -np.logaddexp.reduce(log_forward(log_probs[:frames, b], target, self.blank)[-1, -2:])
            else:
                losses[b] = np.inf if len(target) else 0
        return losses

    def backward(self, grad_output: ndarray | float = 1.0) -> ndarray:
        """Compute dL/dlog_probs[t, b, v] = -g · Σ over the states s with label v of γ[t, s], the partial derivative.

        Zero after an example's frames, and for an infeasible target.  Shapes: g as the loss, result (t, b, v).
        """
        is_number = isinstance(grad_output, (int, float)) and self.output_shape in ((), None)
        grad_output = np.asarray(grad_output, self.dtype) if is_number else grad_output
        check_grad_output(grad_output, self.output_shape)
        losses_grad = np.resize(grad_output, len(self.labels))
        if self.reduction == "mean":
            losses_grad = losses_grad / self.divisors(losses_grad.dtype) / len(self.labels)
        return self.example_losses_backward(losses_grad)

    def example_losses_backward(self, losses_grad: ndarray) -> ndarray:
        """Compute dL/dlog_probs from the gradient of each example's own loss; zero where self.is_infeasible[b].

        Shapes: losses_grad (b,), result (t, b, v).
        """
        log_probs_grad = np.zeros_like(self.log_probs)
        for b in np.flatnonzero((self.frames > 0) & ~self.is_infeasible):
            frames, target = self.frames[b], self.labels[b]
            gamma = np.exp(log_posteriors(self.log_probs[:frames, b], target, self.blank))
            for posterior, symbol in zip(gamma.T, extend_target_with_blank(target, self.blank)[0], strict=True):
                log_probs_grad[:frames, b, symbol] -= losses_grad[b] * posterior
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

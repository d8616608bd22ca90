"""CTC: the probability of a label sequence, summed over every way to spread it over time     (Graves et al. 2006).

A path names a symbol for each frame.  It spells the target if taking out repetitions and then blanks leaves it.
With a blank before, between and after the labels (the extended target, 2·labels + 1 states) a path is a walk that at
each frame stays, goes on by one state, or skips a blank between two different labels.  All of it in log space.
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
from part3_recurrent.lengths import checked_lengths

Labels = ndarray | Sequence[int]


def extend_target_with_blank(target: Labels, blank: int = 0) -> tuple[ndarray, ndarray]:
    """Put a blank before, between and after the labels; and say where two states back may be skipped from.

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
    """Compute log α[t, s]: the log-probability of frames 0 to t, over all walks that are in state s at frame t.

    α[0, s] = p[0, extended[s]] for s = 0 and 1, and 0 for all others
    α[t, s] = (α[t-1, s] + α[t-1, s-1] + [can_skip[s]] · α[t-1, s-2]) · p[t, extended[s]]

    Shapes: log_probs (t, v) with t ≥ 1, result (t, 2·labels + 1).  What cannot be reached is -inf.
    """
    extended, can_skip = extend_target_with_blank(target, blank)
    ### BEGIN SOLUTION ctc.log_forward: the recursion, in log space
    emissions = log_probs[:, extended]  # (t, s)
    log_may_skip = np.where(can_skip, 0, -np.inf).astype(log_probs.dtype)  # log 1 or log 0
    outside = np.full(2, -np.inf, log_probs.dtype)  # no walk is in a state before the first
    log_alpha = np.full_like(emissions, -np.inf)
    log_alpha[0, :2] = emissions[0, :2]
    for t in range(1, len(log_probs)):
        before = np.concatenate([outside, log_alpha[t - 1]])
        stay, go_on, skip = before[2:], before[1:-1], before[:-2] + log_may_skip
        log_alpha[t] = np.logaddexp(np.logaddexp(stay, go_on), skip) + emissions[t]
    return log_alpha
    ### END SOLUTION


def log_backward(log_probs: ndarray, target: Labels, blank: int = 0) -> ndarray:
    """Compute log β[t, s]: the log-probability of the frames after t, over all walks that are in state s at frame t.

    β[T-1, s] = 1 for the last two states s, and 0 for all others
    β[t, s] = b[s] + b[s+1] + [can_skip[s+2]] · b[s+2]        with b[s] = p[t+1, extended[s]] · β[t+1, s]

    So Σ over s of α[t, s] β[t, s] is P(target) at every frame t.  (In Graves et al. 2006 β counts frame t, too.)
    Shapes: log_probs (t, v) with t ≥ 1, result (t, 2·labels + 1).  What cannot reach an end is -inf.
    """
    extended, can_skip = extend_target_with_blank(target, blank)
    ### BEGIN SOLUTION ctc.log_backward: the recursion from the last frame, in log space
    emissions = log_probs[:, extended]  # (t, s)
    can_skip_from = np.append(can_skip, [False, False])[2:]  # can_skip[s + 2]; past the end, False
    log_may_skip = np.where(can_skip_from, 0, -np.inf).astype(log_probs.dtype)  # log 1 or log 0
    outside = np.full(2, -np.inf, log_probs.dtype)  # no walk is in a state after the last
    log_beta = np.full_like(emissions, -np.inf)
    log_beta[-1, -2:] = 0
    for t in reversed(range(len(log_probs) - 1)):
        after = np.concatenate([emissions[t + 1] + log_beta[t + 1], outside])  # log b
        stay, go_on, skip = after[:-2], after[1:-1], after[2:] + log_may_skip
        log_beta[t] = np.logaddexp(np.logaddexp(stay, go_on), skip)
    return log_beta
    ### END SOLUTION


def log_posteriors(log_probs: ndarray, target: Labels, blank: int = 0) -> ndarray:
    """Compute log γ[t, s]: the log-probability that a walk which spells the target stands in state s at frame t.

    γ[t, s] = α[t, s] β[t, s] / Σ over s of α[t, s] β[t, s]
    Shapes: log_probs (t, v), result (t, 2·labels + 1).  A target that cannot be spelled in t frames: all -inf.
    """
    log_walks = log_forward(log_probs, target, blank) + log_backward(log_probs, target, blank)
    ### BEGIN SOLUTION ctc.log_posteriors: α β, divided by its sum over the states
    log_p = np.logaddexp.reduce(log_walks, axis=1, keepdims=True)  # (t, 1)
    return log_walks - np.where(np.isneginf(log_p), 0, log_p)  # -inf - -inf would be nan
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
        ### BEGIN SOLUTION ctc.loss_forward: the losses of the examples, reduced
        self.target_lengths = np.array([max(1, len(target)) for target in labels], losses.dtype)
        if self.zero_infinity:
            losses = np.where(self.is_infeasible, 0, losses)
        if self.reduction == "mean":
            return (losses / self.target_lengths).mean()
        return losses.sum() if self.reduction == "sum" else losses
        ### END SOLUTION

    def example_losses(self, log_probs: ndarray) -> ndarray:
        """Compute -log P of each example, for the labels self.labels[b] and the first self.frames[b] of its frames.

        Shapes: log_probs (t, b, v), result (b,).
        """
        ### BEGIN SOLUTION ctc.loss_forward: -log P of one example after another; keep what backward needs
        self.log_probs, self.log_alphas = log_probs, {}
        self.log_p = np.array([-np.inf if len(target) else 0 for target in self.labels], log_probs.dtype)
        for b in np.flatnonzero(self.frames):  # without a frame the empty target alone is spelled
            self.log_alphas[b] = log_forward(log_probs[: self.frames[b], b], self.labels[b], self.blank)  # (t, s)
            self.log_p[b] = np.logaddexp.reduce(self.log_alphas[b][-1, -2:])
        return -self.log_p
        ### END SOLUTION

    def backward(self, grad_output: ndarray | float = 1.0) -> ndarray:
        """Compute dL/dlog_probs[t, b, v] = -g · Σ over the states s with label v of γ[t, s], the partial derivative.

        Zero after an example's frames, and for an infeasible target.  Shapes: g as the loss, result (t, b, v).
        """
        is_number = isinstance(grad_output, (int, float)) and self.output_shape in ((), None)
        grad_output = np.asarray(grad_output, self.dtype) if is_number else grad_output
        check_grad_output(grad_output, self.output_shape)
        ### BEGIN SOLUTION ctc.loss_backward: g of every example, divided as the loss was
        losses_grad = np.broadcast_to(grad_output, len(self.labels))
        if self.reduction == "mean":
            losses_grad = losses_grad / (self.target_lengths * len(self.labels))
        return self.example_losses_backward(losses_grad)
        ### END SOLUTION

    def example_losses_backward(self, losses_grad: ndarray) -> ndarray:
        """Compute dL/dlog_probs from the gradient of each example's own loss; zero where self.is_infeasible[b].

        Shapes: losses_grad (b,), result (t, b, v).
        """
        ### BEGIN SOLUTION ctc.loss_backward: minus the posterior of each symbol, times the gradient of the loss
        log_probs_grad = np.zeros_like(self.log_probs)
        classes = self.log_probs.shape[2]
        for b, log_alpha in self.log_alphas.items():
            if self.is_infeasible[b]:
                continue
            frames, target = self.frames[b], self.labels[b]
            log_beta = log_backward(self.log_probs[:frames, b], target, self.blank)
            gamma = np.exp(log_alpha + log_beta - self.log_p[b])  # (t, s)
            extended, _ = extend_target_with_blank(target, self.blank)
            is_symbol = extended[:, None] == np.arange(classes)  # (s, v)
            log_probs_grad[:frames, b] = -losses_grad[b] * (gamma @ is_symbol)
        return log_probs_grad
        ### END SOLUTION


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

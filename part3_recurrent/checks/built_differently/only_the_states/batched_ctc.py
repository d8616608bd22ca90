"""CTC of a whole batch at once, one frame of α after another; backward makes α again, and β on its way."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy import ndarray

from part3_recurrent.ctc import CTCLoss, extend_target_with_blank


class BatchedCTCLoss(CTCLoss):
    """CTCLoss with all examples at once; the padding has probability 0."""

    def example_losses(self, log_probs: ndarray) -> ndarray:
        """Compute -log P of each example.  Shapes: log_probs (t, b, v), result (b,)."""
        is_frame = np.arange(len(log_probs))[:, None] < self.frames
        self.log_probs = np.where(is_frame[:, :, None], log_probs, -np.inf)
        self.extend_targets()
        log_p = np.where(self.states == 1, 0, -np.inf).astype(log_probs.dtype)  # without a frame
        for t, log_alpha in enumerate(self.log_alphas()):
            log_p = np.where(self.frames == t + 1, np.logaddexp.reduce(log_alpha + self.log_ends, axis=1), log_p)
        self.log_p = log_p
        return -log_p

    def example_losses_backward(self, losses_grad: ndarray) -> ndarray:
        """Compute dL/dlog_probs.  Shapes: losses_grad (b,), result (t, b, v)."""
        log_p = np.where(self.is_infeasible, 0, self.log_p)[:, None]
        share = np.where(self.is_infeasible, 0, losses_grad)[:, None]
        log_probs_grad, examples = np.zeros_like(self.log_probs), np.arange(len(self.labels))[:, None]
        log_alphas, after = list(self.log_alphas()), np.full_like(self.log_ends, -np.inf)
        for t in reversed(range(len(log_alphas))):
            skip = np.where(self.can_skip, after, -np.inf)
            ways = after, shifted(after, -1), shifted(skip, -2)
            log_beta = np.where(self.frames[:, None] == t + 1, self.log_ends, np.logaddexp.reduce(ways))
            gamma = np.exp(log_alphas[t] + log_beta - log_p)
            np.subtract.at(log_probs_grad[t], (examples, self.extended), share * gamma)
            after = log_beta + self.emissions(t)
        return log_probs_grad

    def extend_targets(self) -> None:
        """Extend all targets, padded to the longest; log_ends is log 1 at each one's last two states, else log 0."""
        tables = [extend_target_with_blank(target, self.blank) for target in self.labels]
        self.states = np.array([len(extended) for extended, _ in tables])
        pads = [(0, self.states.max() - count) for count in self.states]
        self.extended = np.array([np.pad(extended, pad) for (extended, _), pad in zip(tables, pads, strict=True)])
        self.can_skip = np.array([np.pad(skip, pad) for (_, skip), pad in zip(tables, pads, strict=True)])
        before_end = self.states[:, None] - np.arange(self.states.max())  # 1 at the last state
        self.log_ends = np.where((before_end == 1) | (before_end == 2), 0, -np.inf).astype(self.log_probs.dtype)

    def log_alphas(self) -> Iterator[ndarray]:
        """Yield log α of every frame.  Shape: (b, s)."""
        arrivals = np.where(np.arange(self.extended.shape[1]) < 2, 0, -np.inf).astype(self.log_probs.dtype)
        for t in range(len(self.log_probs)):
            log_alpha = arrivals + self.emissions(t)
            yield log_alpha
            skip = np.where(self.can_skip, shifted(log_alpha, 2), -np.inf)
            arrivals = np.logaddexp.reduce((log_alpha, shifted(log_alpha, 1), skip))

    def emissions(self, t: int) -> ndarray:
        """Return the log-probability of each state's symbol.  Shape: (b, s)."""
        return np.take_along_axis(self.log_probs[t], self.extended, axis=1)


def shifted(table: ndarray, by: int) -> ndarray:
    """Move the states to the right, or to the left if negative; what comes in is log 0."""
    moved = np.full_like(table, -np.inf)
    if by > 0:
        moved[:, by:] = table[:, :-by]
    else:
        moved[:, :by] = table[:, -by:]
    return moved

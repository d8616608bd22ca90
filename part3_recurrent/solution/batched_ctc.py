"""CTC of a whole batch at once: a loop over the frames, whose steps take all examples together.

Examples are padded to the most frames, targets to the longest.  Read from its end, a walk through a target is a walk
through the reversed target, so β is α of what is turned round: one loop over twice the batch can serve both.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from part3_recurrent.ctc import CTCLoss, extend_target_with_blank
from part3_recurrent.lengths import turned


class BatchedCTCLoss(CTCLoss):
    """CTCLoss with all examples at once: its checks and its reduction, without its loop over the examples.

    Padding never counts, whatever stands there.
    """

    def example_losses(self, log_probs: ndarray) -> ndarray:
        """Compute -log P of each example, for the labels self.labels[b] and the first self.frames[b] of its frames.

        Shapes: log_probs (t, b, v), result (b,).
        """
        ### BEGIN SOLUTION batched_ctc.forward: α and β of the whole batch in one loop over time; keep the posteriors
        time, batch, classes = log_probs.shape
        states = np.array([2 * len(target) + 1 for target in self.labels])
        extended = np.full((2 * batch, states.max()), self.blank)  # as they are, then read from their ends
        can_skip = np.zeros(extended.shape, dtype=bool)
        for b, target in enumerate(self.labels):
            for row, labels in ((b, target), (batch + b, target[::-1])):
                extended[row, : states[b]], can_skip[row, : states[b]] = extend_target_with_blank(labels, self.blank)
        frame, from_end = np.arange(time)[:, None], turned(time, self.frames)  # (t, 1) and (t, b)
        frames = np.concatenate([np.broadcast_to(frame, from_end.shape), from_end], axis=1)  # (t, 2b)
        place = (frames * batch + np.tile(np.arange(batch), 2))[:, :, None] * classes + extended
        emissions = log_probs.ravel().take(place)  # (t, 2b, s); with an index for each axis it would take longer
        arrivals = log_arrivals(emissions, can_skip)
        log_alpha = arrivals[:, :batch] + emissions[:, :batch]
        state = turned(extended.shape[1], states).T  # (b, s)
        place = (from_end * 2 * batch + np.arange(batch, 2 * batch))[:, :, None] * len(state[0]) + state
        log_beta = arrivals.ravel().take(place)  # (t, b, s)
        inside = (frame < self.frames)[:, :, None] & (np.arange(extended.shape[1]) < states[:, None])  # (t, b, s)
        log_walks = np.where(inside, log_alpha + log_beta, -np.inf)
        log_p = log_sum(log_walks[0], axis=1)  # (b, 1)
        log_p[(self.frames == 0) & (states == 1)] = 0  # without a frame the empty target alone is spelled
        self.gamma = np.exp(log_walks - np.where(np.isneginf(log_p), 0, log_p))  # (t, b, s)
        self.is_symbol = (extended[:batch, :, None] == np.arange(classes)).astype(log_probs.dtype)  # (b, s, v)
        return -log_p[:, 0]
        ### END SOLUTION

    def example_losses_backward(self, losses_grad: ndarray) -> ndarray:
        """Compute dL/dlog_probs from the gradient of each example's own loss; zero where self.is_infeasible[b].

        Shapes: losses_grad (b,), result (t, b, v).
        """
        ### BEGIN SOLUTION batched_ctc.backward: Σ γ over the states of each symbol, as one product for the batch
        posteriors = (self.gamma.swapaxes(0, 1) @ self.is_symbol).swapaxes(0, 1)  # (b, t, s) (b, s, v) -> (t, b, v)
        share = np.where(self.is_infeasible, 0, losses_grad).astype(posteriors.dtype)  # 0 · inf would be nan
        return -share[:, None] * posteriors
        ### END SOLUTION


# Optional: nothing but your own code above calls it.


def log_arrivals(emissions: ndarray, can_skip: ndarray) -> ndarray:
    """Compute the log-probability of all walks that arrive in state s at frame t, before the frame's own emission.

    Shapes: emissions (t, b, s), the log-probability of each state's symbol; can_skip (b, s); result (t, b, s).
    log α is this plus the emissions; of what is turned round, this is log β.
    """
    ### BEGIN SOLUTION batched_ctc.forward: optional, log(Σ of the three ways to arrive) for every frame
    time, batch, states = emissions.shape
    arrivals = np.full((time, batch, states), -np.inf, emissions.dtype)
    arrivals[:1, :, :2] = 0
    log_may_skip = np.where(can_skip[:, 2:], 0, -np.inf).astype(emissions.dtype)
    stay, go_on, skip = ways = np.full((3, batch, states), -np.inf, emissions.dtype)
    for t in range(1, time):
        stay[:] = arrivals[t - 1] + emissions[t - 1]
        go_on[:, 1:] = stay[:, :-1]
        skip[:, 2:] = stay[:, :-2] + log_may_skip
        arrivals[t] = log_sum(ways, axis=0)[0]
    return arrivals
    ### END SOLUTION


# Given


def log_sum(x: ndarray, axis: int) -> ndarray:
    """Compute log Σ eˣ along an axis, which stays with length 1; -inf where all of it is -inf.

    By hand it takes a third of what np.logaddexp does.
    """
    largest = x.max(axis=axis, keepdims=True, initial=np.finfo(x.dtype).min)  # -inf - -inf would be nan
    with np.errstate(divide="ignore"):  # log 0 = -inf is meant
        return np.asarray(np.log(np.exp(x - largest).sum(axis=axis, keepdims=True)) + largest)

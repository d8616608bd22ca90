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
        # YOUR CODE HERE
        raise NotImplementedError(
            "batched_ctc.forward: α and β of the whole batch in one loop over time; keep the posteriors. "
            "See part3_recurrent/README.md; SFRATORCH_CODE=solution runs the reference."
        )

    def example_losses_backward(self, losses_grad: ndarray) -> ndarray:
        """Compute dL/dlog_probs from the gradient of each example's own loss; zero where self.is_infeasible[b].

        Shapes: losses_grad (b,), result (t, b, v).
        """
        # YOUR CODE HERE
        raise NotImplementedError(
            "batched_ctc.backward: Σ γ over the states of each symbol, as one product for the batch. "
            "See part3_recurrent/README.md; SFRATORCH_CODE=solution runs the reference."
        )


# Optional: nothing but your own code above calls it.


def log_arrivals(emissions: ndarray, can_skip: ndarray) -> ndarray:
    """Compute the log-probability of all walks that arrive in state s at frame t, before the frame's own emission.

    Shapes: emissions (t, b, s), the log-probability of each state's symbol; can_skip (b, s); result (t, b, s).
    log α is this plus the emissions; of what is turned round, this is log β.
    """
    # YOUR CODE HERE
    raise NotImplementedError(
        "batched_ctc.forward: optional, log(Σ of the three ways to arrive) for every frame. "
        "See part3_recurrent/README.md; SFRATORCH_CODE=solution runs the reference."
    )


# Given


def log_sum(x: ndarray, axis: int) -> ndarray:
    """Compute log Σ eˣ along an axis, which stays with length 1; -inf where all of it is -inf.

    By hand it takes a third of what np.logaddexp does.
    """
    largest = x.max(axis=axis, keepdims=True, initial=np.finfo(x.dtype).min)  # -inf - -inf would be nan
    with np.errstate(divide="ignore"):  # log 0 = -inf is meant
        return np.asarray(np.log(np.exp(x - largest).sum(axis=axis, keepdims=True)) + largest)

"""What may go wrong in the two pooling layers."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

max_forward = partial(Mistake, exercise="max_pool.forward", file="pool.py")
max_backward = partial(Mistake, exercise="max_pool.backward", file="pool.py")
mean_forward = partial(Mistake, exercise="mean_pool.forward", file="pool.py")
mean_backward = partial(Mistake, exercise="mean_pool.backward", file="pool.py")

STRIDE = "kernel_size if stride is None else stride"
FIRST = "output = x[:, :, first[0], first[1]].copy()"
LARGER = "np.maximum(output, x[:, :, rows, columns], out=output)"
GIVES = "x_grad[:, :, rows, columns] += grad_output * takes"
TAPS = "in self.taps(self.positions(self.x)):"
MEAN = "return output / (self.kernel_size[0] * self.kernel_size[1])"
SHARE = "share = grad_output / (self.kernel_size[0] * self.kernel_size[1])"
SHARES = "x_grad[:, :, rows, columns] += share"

MISTAKES = (
    max_forward("pool: maximum from zero", edits=((FIRST, FIRST.replace("x[", "0 * x[")),)),
    max_forward("pool: maximum written into x", edits=((FIRST, FIRST.replace(".copy()", "")),)),
    max_forward("pool: stride of 1 unless given", edits=((STRIDE, "1 if stride is None else stride"),)),
    max_forward("pool: stride ignored", edits=((STRIDE, "kernel_size"),)),
    max_forward("pool: minimum", edits=((LARGER, LARGER.replace("maximum", "minimum")),)),
    max_backward("pool: all tied maxima take the gradient", edits=(("is_open ^= takes", "pass"),)),
    max_backward("pool: the last maximum takes the gradient", edits=((TAPS, f"in reversed([*{TAPS[3:-1]}]):"),)),
    max_backward(
        "pool: maxima counted column by column",
        edits=((TAPS, f"in sorted({TAPS[3:-1]}, key=lambda tap: tap[1].start):"),),
    ),
    max_backward("pool: a window overwrites another's maximum", edits=((GIVES, GIVES.replace("+=", "=")),)),
    max_backward("pool: every place of the window takes the gradient", edits=((GIVES, GIVES.replace(" * takes", "")),)),
    mean_forward("pool: sum", edits=((MEAN, "return output"),)),
    mean_forward("pool: mean of a square window", edits=((MEAN, "return output / self.kernel_size[0] ** 2"),)),
    mean_forward("pool: stride ignored by the mean", edits=((STRIDE, "kernel_size"),)),
    mean_backward("pool: gradient not shared", edits=((SHARE, "share = grad_output"),)),
    mean_backward("pool: share of a square window", edits=((SHARE, "share = grad_output / self.kernel_size[0] ** 2"),)),
    mean_backward("pool: a window overwrites another's share", edits=((SHARES, SHARES.replace("+=", "=")),)),
    mean_backward("pool: share taken from grad_output itself", edits=((SHARE, f"grad_output /= 4\n        {SHARE}"),)),
)

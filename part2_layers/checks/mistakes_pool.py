"""What may go wrong in the two pooling layers."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

max_forward = partial(mistake, "max_pool.forward")
max_backward = partial(mistake, "max_pool.backward")
mean_forward = partial(mistake, "mean_pool.forward")
mean_backward = partial(mistake, "mean_pool.backward")

STRIDE = "kernel_size if stride is None else stride"
FIRST = "output = x[:, :, first[0], first[1]].copy()"
LARGER = "np.maximum(output, x[:, :, rows, columns], out=output)"
GIVES = "x_grad[:, :, rows, columns] += grad_output * takes"
TAPS = "in self.taps(self.positions(self.x)):"
MEAN = "return output / (self.kernel_size[0] * self.kernel_size[1])"
SHARE = "share = grad_output / (self.kernel_size[0] * self.kernel_size[1])"
SHARES = "x_grad[:, :, rows, columns] += share"

MISTAKES = (
    max_forward("pool: maximum from zero", (FIRST, FIRST.replace("x[", "0 * x["))),
    max_forward("pool: maximum written into x", (FIRST, FIRST.replace(".copy()", ""))),
    max_forward(
        "pool: stride of 1 unless given",
        (STRIDE, "1 if stride is None else stride"),
        says="the windows move by 1, whatever the stride",
    ),
    max_forward(
        "pool: stride ignored", (STRIDE, "kernel_size"), says="the windows move by kernel_size, whatever the stride"
    ),
    max_forward("pool: minimum", (LARGER, LARGER.replace("maximum", "minimum"))),
    max_backward(
        "pool: all tied maxima take the gradient",
        ("is_open ^= takes", "pass"),
        says="where several are the largest, all take the whole gradient; only the first may",
    ),
    max_backward(
        "pool: the last maximum takes the gradient",
        (TAPS, f"in reversed([*{TAPS[3:-1]}]):"),
        says="where several are the largest, the last takes the gradient; the first must",
    ),
    max_backward(
        "pool: maxima counted column by column", (TAPS, f"in sorted({TAPS[3:-1]}, key=lambda tap: tap[1].start):")
    ),
    max_backward(
        "pool: a window overwrites another's maximum",
        (GIVES, GIVES.replace("+=", "=")),
        says="where windows overlap, one overwrites the other; they must add up",
    ),
    max_backward("pool: every place of the window takes the gradient", (GIVES, GIVES.replace(" * takes", ""))),
    mean_forward("pool: sum", (MEAN, "return output"), says="the sum over the window is not divided by its size"),
    mean_forward("pool: mean of a square window", (MEAN, "return output / self.kernel_size[0] ** 2")),
    mean_forward(
        "pool: stride ignored by the mean",
        (STRIDE, "kernel_size"),
        says="the windows move by kernel_size, whatever the stride",
    ),
    mean_backward(
        "pool: gradient not shared",
        (SHARE, "share = grad_output"),
        says="the gradient is not divided by the size of the window",
    ),
    mean_backward("pool: share of a square window", (SHARE, "share = grad_output / self.kernel_size[0] ** 2")),
    mean_backward(
        "pool: a window overwrites another's share",
        (SHARES, SHARES.replace("+=", "=")),
        says="where windows overlap, one overwrites the other; they must add up",
    ),
    mean_backward(
        "pool: share taken from grad_output itself",
        (SHARE, f"grad_output /= 4\n        {SHARE}"),
        says="x_grad is too small by the factor 4",
    ),
)

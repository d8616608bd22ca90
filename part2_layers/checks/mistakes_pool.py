"""Known mistakes in the two pooling layers."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import Whole, mistake

max_forward = partial(mistake, "max_pool.forward")
max_backward = partial(mistake, "max_pool.backward")
mean_forward = partial(mistake, "mean_pool.forward")
mean_backward = partial(mistake, "mean_pool.backward")

LARGEST = "np.max([x[:, :, rows, columns] for rows, columns in self.taps(self.positions(x))], axis=0)"
GIVES = "x_grad[:, :, rows, columns] += grad_output * takes"
TAPS = "in self.taps(self.positions(self.x)):"
ZEROS = "x_grad = np.zeros(self.x.shape, grad_output.dtype)"
MEAN = LARGEST.replace("max", "mean")
SUM = LARGEST.replace("max", "sum")
SHARE = "share = grad_output / (self.kernel_size[0] * self.kernel_size[1])"
SHARES = "x_grad[:, :, rows, columns] += share"
INTO_X = """\
self.x = x
(rows, columns), *others = self.taps(self.positions(x))
self.output = x[:, :, rows, columns]
for rows, columns in others:
    np.maximum(self.output, x[:, :, rows, columns], out=self.output)
return self.output
"""
SHARED = """\
x_grad = np.zeros(self.x.shape, grad_output.dtype)
taps = [*self.taps(self.positions(self.x))]
count = sum((self.x[:, :, rows, columns] == self.output).astype(grad_output.dtype) for rows, columns in taps)
for rows, columns in taps:
    x_grad[:, :, rows, columns] += grad_output / count * (self.x[:, :, rows, columns] == self.output)
return x_grad
"""


def windows(steps: str, reduction: str) -> str:
    """Another way to write forward, with these of all windows."""
    return f"""\
windows = np.lib.stride_tricks.sliding_window_view(x, self.kernel_size, axis=(2, 3)){steps}
return windows.{reduction}(axis=(-2, -1))
"""


MISTAKES = (
    max_forward(
        "pool: maximum from zero",
        (LARGEST, LARGEST.replace("axis=0", "axis=0, initial=0")),
        says="the search for the maximum begins at zero, but a window may be negative",
    ),
    max_forward("pool: maximum written into x", (Whole("MaxPool2d.forward"), INTO_X)),
    max_forward("pool: minimum", (LARGEST, LARGEST.replace("max", "min"))),
    max_forward(
        "pool: every window, whatever the stride",
        (Whole("MaxPool2d.forward"), windows("", "max")),
        says="the windows move by 1, whatever the stride",
    ),
    max_forward(
        "pool: windows side by side, whatever the stride",
        (Whole("MaxPool2d.forward"), windows("[:, :, :: self.kernel_size[0], :: self.kernel_size[1]]", "max")),
        says="the windows move by kernel_size, whatever the stride",
    ),
    max_forward(
        "pool: strides exchanged",
        (Whole("MaxPool2d.forward"), windows("[:, :, :: self.stride[1], :: self.stride[0]]", "max")),
        says="the strides of height and width are mixed up",
    ),
    max_forward(
        "pool: mean for maximum",
        (Whole("MaxPool2d.forward"), windows("[:, :, :: self.stride[0], :: self.stride[1]]", "mean")),
        says="the mean is taken instead of the maximum",
    ),
    max_backward(
        "pool: all tied maxima take the gradient",
        ("is_open &= ~takes", "pass"),
        says="where several are the largest, all take the whole gradient; only the first may",
    ),
    max_backward(
        "pool: the last maximum takes the gradient",
        (TAPS, f"in reversed([*{TAPS[3:-1]}]):"),
        says="where several are the largest, the last takes the gradient; the first must",
    ),
    max_backward(
        "pool: tied maxima share the gradient",
        (Whole("MaxPool2d.backward"), SHARED),
        says="where several are the largest, they share the gradient; the first must take it all",
    ),
    max_backward(
        "pool: maxima counted column by column",
        (TAPS, f"in sorted({TAPS[3:-1]}, key=lambda tap: tap[1].start):"),
        says="where several are the largest, the first is counted column by column; it must be row by row",
    ),
    max_backward(
        "pool: a window overwrites another's maximum",
        (GIVES, GIVES.replace("+=", "=")),
        says="where windows overlap, one overwrites the other; they must add up",
    ),
    max_backward(
        "pool: every place of the window takes the gradient",
        (GIVES, GIVES.replace(" * takes", "")),
        says="every place of the window takes the gradient; only its maximum may",
    ),
    max_backward(
        "pool: x_grad of the first backward is kept",
        (ZEROS, f'x_grad = vars(self).setdefault("x_grad", {ZEROS.removeprefix("x_grad = ")})'),
        says="x_grad adds to that of the backward before; it begins at zero",
    ),
    mean_forward("pool: sum", (MEAN, SUM), says="the sum over the window is not divided by its size"),
    mean_forward(
        "pool: mean of a square window",
        (MEAN, f"{SUM} / self.kernel_size[0] ** 2"),
        says="the sum is divided by the height of the window squared; its size is height · width",
    ),
    mean_forward(
        "pool: maximum for mean",
        (Whole("MeanPool2d.forward"), windows("[:, :, :: self.stride[0], :: self.stride[1]]", "max")),
        says="the maximum is taken instead of the mean",
    ),
    mean_backward(
        "pool: gradient not shared",
        (SHARE, "share = grad_output"),
        says="the gradient is not divided by the size of the window",
    ),
    mean_backward(
        "pool: share of a square window",
        (SHARE, "share = grad_output / self.kernel_size[0] ** 2"),
        says="the gradient is divided by the height of the window squared; its size is height · width",
    ),
    mean_backward(
        "pool: a window overwrites another's share",
        (SHARES, SHARES.replace("+=", "=")),
        says="where windows overlap, one overwrites the other; they must add up",
    ),
    mean_backward(
        "pool: grad_output divided in place",
        (SHARE, "share = grad_output\n        share /= self.kernel_size[0] * self.kernel_size[1]"),
        says="grad_output was changed in place; make a new array",
    ),
    mean_backward(
        "pool: x divided in place",
        (f"return {MEAN}", f"x /= self.kernel_size[0] * self.kernel_size[1]\n        return {SUM}"),
        says="x was changed in place; make a new array",
    ),
)

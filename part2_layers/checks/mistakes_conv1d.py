"""What may go wrong in Conv1d."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

forward = partial(Mistake, exercise="conv1d.forward", file="conv1d.py")
backward = partial(Mistake, exercise="conv1d.backward", file="conv1d.py")

PRODUCT = "self.flat_weight() @ im2col(self.padded(x), self.kernel_size, self.stride)"
BIAS = "output += self.bias[:, None]"
POSITIONS = "(time - kernel_size) // stride + 1"
WEIGHT_GRAD = "(cols @ grad_output.transpose(0, 2, 1)).sum(axis=0).T.reshape(self.weight.shape)"
BIAS_GRAD = "grad_output.sum(axis=(0, 2))"
X_GRAD = "padded_grad[:, :, self.padding : self.padding + self.x.shape[2]]"

MISTAKES = (
    forward("conv1d: no bias", edits=((BIAS, "pass"),)),
    forward(
        "conv1d: flipped kernel",
        edits=((PRODUCT, PRODUCT.replace("flat_weight()", "weight[:, :, ::-1].reshape(self.out_channels, -1)")),),
    ),
    forward(
        "conv1d: flat weight with the kernel before the channels",
        edits=(
            (
                PRODUCT,
                PRODUCT.replace("flat_weight()", "weight.transpose(0, 2, 1).reshape(self.out_channels, -1)"),
            ),
        ),
    ),
    forward("conv1d: no stride", edits=((PRODUCT, PRODUCT.replace("self.stride", "1")),)),
    forward("conv1d: one position too many", edits=((POSITIONS, "-(-(time - kernel_size) // stride) + 1"),)),
    forward("conv1d: stride of 1 in the number of positions", edits=((POSITIONS, "time - kernel_size + 1"),)),
    forward("conv1d: a -1 that an empty batch does not have", edits=(("channels * kernel_size, pos", "-1, pos"),)),
    forward("conv1d: float64 always", edits=((PRODUCT, f"{PRODUCT}.astype(float)"),)),
    backward(
        "conv1d: overwrites the gradients",
        edits=(("self.weight_grad += ", "self.weight_grad[...] = "), ("self.bias_grad += ", "self.bias_grad[...] = ")),
    ),
    backward("conv1d: averages over the batch", edits=((WEIGHT_GRAD, f"{WEIGHT_GRAD} / max(1, len(grad_output))"),)),
    backward("conv1d: bias_grad averages over positions", edits=((BIAS_GRAD, "grad_output.mean(axis=2).sum(axis=0)"),)),
    backward(
        "conv1d: weight_grad not transposed",
        edits=((WEIGHT_GRAD, WEIGHT_GRAD.replace(".T", "")),),
    ),
    backward("conv1d: windows overwrite each other", edits=((" : stride] += cols", " : stride] = cols"),)),
    backward("conv1d: x_grad with the padding", edits=((X_GRAD, "padded_grad"),)),
    backward("conv1d: padding cut off at the end only", edits=((X_GRAD, "padded_grad[:, :, : self.x.shape[2]]"),)),
    backward(
        "conv1d: a padding of 0 cuts everything off",
        edits=((X_GRAD, "padded_grad[:, :, self.padding : -self.padding]"),),
    ),
    backward(
        "conv1d: x_grad as long as the kernel reached",
        edits=(
            ("x = np.zeros(shape, cols.dtype)", "x = np.zeros((*shape[:2], stride * (positions - 1) + kernel_size))"),
        ),
    ),
)

"""What may go wrong in Conv2d."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

forward = partial(Mistake, exercise="conv2d.forward", file="conv2d.py")
backward = partial(Mistake, exercise="conv2d.backward", file="conv2d.py")

PRODUCT = "self.flat_weight() @ cols.reshape"
COLUMNS = "im2col(self.padded(x), self.kernel_size, self.stride)"
OUTPUT = "output.reshape(batch, self.out_channels, *positions)"
X_GRAD = "padded_grad[:, :, top : top + self.x.shape[2], left : left + self.x.shape[3]]"
STRIDE = 'self.stride = pair("stride", stride)'

MISTAKES = (
    forward("conv2d: no bias", edits=(("output += self.bias[:, None]", "pass"),)),
    forward(
        "conv2d: flipped kernel",
        edits=((PRODUCT, PRODUCT.replace("flat_weight()", "weight[:, :, ::-1, ::-1].reshape(self.out_channels, -1)")),),
    ),
    forward(
        "conv2d: flat weight with the kernel before the channels",
        edits=(
            (
                PRODUCT,
                PRODUCT.replace("flat_weight()", "weight.transpose(0, 2, 3, 1).reshape(self.out_channels, -1)"),
            ),
        ),
    ),
    forward("conv2d: stride of the height for both", edits=((STRIDE, f"{STRIDE}[:1] * 2"),)),
    forward("conv2d: no stride", edits=((COLUMNS, COLUMNS.replace("self.stride", "(1, 1)")),)),
    forward("conv2d: stride swapped", edits=((STRIDE, f"{STRIDE}[::-1]"),)),
    forward("conv2d: padding swapped", edits=(("(top, left) = x.shape", "(left, top) = x.shape"),)),
    forward("conv2d: output transposed", edits=((OUTPUT, OUTPUT.replace("*positions", "*positions[::-1]")),)),
    forward(
        "conv2d: a -1 that an empty batch does not have",
        edits=(("cols.reshape(batch, rows, positions[0] * positions[1])", "cols.reshape(batch, rows, -1)"),),
    ),
    backward(
        "conv2d: overwrites the gradients",
        edits=(("self.weight_grad += ", "self.weight_grad[...] = "), ("self.bias_grad += ", "self.bias_grad[...] = ")),
    ),
    backward("conv2d: averages bias_grad over the batch", edits=(("grad.sum(axis=(0, 2))", "grad.mean(0).sum(1)"),)),
    backward("conv2d: weight_grad not transposed", edits=((".sum(axis=0).T.reshape", ".sum(axis=0).reshape"),)),
    backward("conv2d: windows overwrite each other", edits=(("rows, columns] += cols", "rows, columns] = cols"),)),
    backward("conv2d: x_grad with the padding", edits=((X_GRAD, "padded_grad"),)),
    backward("conv2d: padding of the height cut off for both", edits=((X_GRAD, X_GRAD.replace("left", "top")),)),
    backward(
        "conv2d: flipped on the way back",
        edits=(("self.flat_weight().T", "self.weight[:, :, ::-1, ::-1].reshape(self.out_channels, -1).T"),),
    ),
    backward(
        "conv2d: changes grad_output",
        edits=(("grad = grad_output.reshape", "grad_output *= 2\n        grad = grad_output.reshape"),),
    ),
)

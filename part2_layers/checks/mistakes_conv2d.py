"""What may go wrong in Conv2d."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "conv2d.forward")
backward = partial(mistake, "conv2d.backward")

PRODUCT = "self.flat_weight() @ cols.reshape"
COLUMNS = "im2col(self.padded(x), self.kernel_size, self.stride)"
OUTPUT = "output.reshape(batch, self.out_channels, *positions)"
X_GRAD = "padded_grad[:, :, top : top + self.x.shape[2], left : left + self.x.shape[3]]"
STRIDE = 'self.stride = pair("stride", stride)'

MISTAKES = (
    forward("conv2d: no bias", ("output += self.bias[:, None]", "pass"), says="the bias is missing"),
    forward(
        "conv2d: flipped kernel",
        (PRODUCT, PRODUCT.replace("flat_weight()", "weight[:, :, ::-1, ::-1].reshape(self.out_channels, -1)")),
        says="the kernel is flipped; this layer, like torch's, does not flip it",
    ),
    forward(
        "conv2d: flat weight with the kernel before the channels",
        (
            PRODUCT,
            PRODUCT.replace("flat_weight()", "weight.transpose(0, 2, 3, 1).reshape(self.out_channels, -1)"),
        ),
        says="channels and kernel are in another order in the flat weight than in the columns",
    ),
    forward(
        "conv2d: stride of the height for both",
        (STRIDE, f"{STRIDE}[:1] * 2"),
        says="stride of the height is used for the width too",
    ),
    forward("conv2d: no stride", (COLUMNS, COLUMNS.replace("self.stride", "(1, 1)")), says="the stride is ignored"),
    forward("conv2d: stride swapped", (STRIDE, f"{STRIDE}[::-1]"), says="stride is swapped between height and width"),
    forward("conv2d: padding swapped", ("(top, left) = x.shape", "(left, top) = x.shape")),
    forward("conv2d: output transposed", (OUTPUT, OUTPUT.replace("*positions", "*positions[::-1]"))),
    forward(
        "conv2d: a -1 that an empty batch does not have",
        ("cols.reshape(batch, rows, positions[0] * positions[1])", "cols.reshape(batch, rows, -1)"),
    ),
    backward(
        "conv2d: overwrites the gradients",
        ("self.weight_grad += ", "self.weight_grad[...] = "),
        ("self.bias_grad += ", "self.bias_grad[...] = "),
        says="the gradients of the parameters are overwritten by a second backward; each backward must add",
    ),
    backward("conv2d: averages bias_grad over the batch", ("grad.sum(axis=(0, 2))", "grad.mean(0).sum(1)")),
    backward("conv2d: weight_grad not transposed", (".sum(axis=0).T.reshape", ".sum(axis=0).reshape")),
    backward(
        "conv2d: windows overwrite each other",
        ("rows, columns] += cols", "rows, columns] = cols"),
        says="where windows overlap, one overwrites the other; they must add up",
    ),
    backward(
        "conv2d: x_grad with the padding",
        (X_GRAD, "padded_grad"),
        says="x_grad still has the padding, which is no part of x",
    ),
    backward("conv2d: padding of the height cut off for both", (X_GRAD, X_GRAD.replace("left", "top"))),
    backward(
        "conv2d: flipped on the way back",
        ("self.flat_weight().T", "self.weight[:, :, ::-1, ::-1].reshape(self.out_channels, -1).T"),
        says="the kernel is flipped on the way back",
    ),
    backward(
        "conv2d: changes grad_output",
        ("grad = grad_output.reshape", "grad_output *= 2\n        grad = grad_output.reshape"),
    ),
)

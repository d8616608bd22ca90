"""Known mistakes in Conv2d."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "conv2d.forward")
backward = partial(mistake, "conv2d.backward")

PRODUCT = "self.flat_weight() @ im2col"
COLUMNS = "im2col(padded, self.kernel_size, self.stride)"
SIZE = "*output_size(padded.shape, self.kernel_size, self.stride)"
NO_PADDING = ("padded = self.padded(x)", "padded = x")
NO_STRIDE = tuple((f" {call}", f" {call}".replace("self.stride", "(1, 1)")) for call in (f"@ {COLUMNS}  #", SIZE))
X_GRAD = "padded_grad[:, :, top : top + self.x.shape[2], left : left + self.x.shape[3]]"
STRIDE, PADDING = 'self.stride = pair("stride", stride)', "top, left = self.padding\n        return np.pad"
WEIGHT_GRAD = f"(grad @ {COLUMNS}.transpose(0, 2, 1)).sum(axis=0)"
BIAS_GRAD = "grad.sum(axis=(0, 2))"
REACH = "*((p - 1) * s + k for p, s, k in zip(cols.shape[4:], stride, kernel_size, strict=True))"

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
    forward("conv2d: no stride", *NO_STRIDE, says="the stride is ignored"),
    forward("conv2d: stride swapped", (STRIDE, f"{STRIDE}[::-1]"), says="stride is swapped between height and width"),
    forward("conv2d: no padding", NO_PADDING, says="the padding is ignored"),
    forward(
        "conv2d: no stride and no padding",
        NO_PADDING,
        *NO_STRIDE,
        says="stride and padding are both ignored",
    ),
    forward(
        "conv2d: padding swapped",
        (PADDING, PADDING.replace("top, left", "left, top")),
        says="padding is swapped between height and width",
    ),
    forward(
        "conv2d: padding of the height for both",
        (PADDING, PADDING.replace("self.padding", "self.padding[:1] * 2")),
        says="padding of the height is used for the width too",
    ),
    forward(
        "conv2d: output transposed",
        (SIZE, f"{SIZE}[::-1]"),
        says="height and width of the output are swapped",
    ),
    forward(
        "conv2d: a -1 that an empty batch does not have",
        ("channels * kernel_size[0] * kernel_size[1], p * q)", "-1, p * q)"),
    ),
    backward(
        "conv2d: overwrites the gradients",
        ("self.weight_grad += ", "self.weight_grad[...] = "),
        ("self.bias_grad += ", "self.bias_grad[...] = "),
        says="the gradients of the parameters are overwritten by a second backward; each backward must add",
    ),
    backward(
        "conv2d: averages over the batch",
        (WEIGHT_GRAD, f"{WEIGHT_GRAD} / max(1, batch)"),
        (BIAS_GRAD, f"{BIAS_GRAD} / max(1, batch)"),
        says="the gradients are averaged over the batch; only a loss averages, a layer adds up",
    ),
    backward(
        "conv2d: bias_grad averages over positions",
        (BIAS_GRAD, "grad.mean(axis=2).sum(axis=0)"),
        says="bias_grad is averaged over the positions; it is summed over them",
    ),
    backward(
        "conv2d: weight_grad not transposed",
        (WEIGHT_GRAD, f"({COLUMNS} @ grad.transpose(0, 2, 1)).sum(axis=0)"),
        says="Σ cols gᵀ takes the weight's shape without being transposed; its columns are the output channels",
    ),
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
    backward(
        "conv2d: padding cut off at the end only",
        (X_GRAD, "padded_grad[:, :, : self.x.shape[2], : self.x.shape[3]]"),
        says="the padding is cut off at the end alone; it lies before x too",
    ),
    backward(
        "conv2d: padding of the height cut off for both",
        (X_GRAD, X_GRAD.replace("left", "top")),
        says="the padding of the height is cut off from the width too",
    ),
    backward(
        "conv2d: x_grad as large as the kernel reached",
        ("x = np.zeros(shape, cols.dtype)", f"x = np.zeros((*shape[:2], {REACH}), cols.dtype)"),
        says="x_grad ends where the last window does; it has the shape of x",
    ),
    backward(
        "conv2d: flipped on the way back",
        ("self.flat_weight().T", "self.weight[:, :, ::-1, ::-1].reshape(self.out_channels, -1).T"),
        says="the kernel is flipped on the way back",
    ),
)

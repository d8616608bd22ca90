"""Known mistakes in Conv1d."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

forward = partial(mistake, "conv1d.forward")
backward = partial(mistake, "conv1d.backward")

PRODUCT = "self.flat_weight() @ im2col(self.padded(x), self.kernel_size, self.stride)"
BIAS = "output += self.bias[:, None]"
POSITIONS = "(time - kernel_size) // stride + 1"
COLUMNS = "im2col(padded, self.kernel_size, self.stride)"
WEIGHT_GRAD = f"(grad_output @ {COLUMNS}.transpose(0, 2, 1)).sum(axis=0)"
BIAS_GRAD = "grad_output.sum(axis=(0, 2))"
X_GRAD = "padded_grad[:, :, self.padding : self.padding + self.x.shape[2]]"

MISTAKES = (
    forward("conv1d: no bias", (BIAS, "pass"), says="the bias is missing"),
    forward(
        "conv1d: flipped kernel",
        (PRODUCT, PRODUCT.replace("flat_weight()", "weight[:, :, ::-1].reshape(self.out_channels, -1)")),
        says="the kernel is flipped; this layer, like torch's, does not flip it",
    ),
    forward(
        "conv1d: flat weight with the kernel before the channels",
        (
            PRODUCT,
            PRODUCT.replace("flat_weight()", "weight.transpose(0, 2, 1).reshape(self.out_channels, -1)"),
        ),
        says="channels and kernel are in another order in the flat weight than in the columns",
    ),
    forward("conv1d: no stride", (PRODUCT, PRODUCT.replace("self.stride", "1")), says="the stride is ignored"),
    forward("conv1d: no padding", (PRODUCT, PRODUCT.replace("self.padded(x)", "x")), says="the padding is ignored"),
    forward(
        "conv1d: no stride and no padding",
        (PRODUCT, PRODUCT.replace("self.padded(x)", "x").replace("self.stride", "1")),
        says="stride and padding are both ignored",
    ),
    forward("conv1d: one position too many", (POSITIONS, "-(-(time - kernel_size) // stride) + 1")),
    forward("conv1d: stride of 1 in the number of positions", (POSITIONS, "time - kernel_size + 1")),
    forward("conv1d: a -1 that an empty batch does not have", ("channels * kernel_size, pos", "-1, pos")),
    forward(
        "conv1d: float64 always",
        (PRODUCT, f"({PRODUCT}).astype(float)"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    backward(
        "conv1d: a slice that is empty without padding",
        (X_GRAD, "padded_grad[:, :, self.padding : -self.padding]"),
        says="x_grad is empty along axis 2: a slice such as x[p:-p] is empty where p is 0",
    ),
    backward(
        "conv1d: overwrites the gradients",
        ("self.weight_grad += ", "self.weight_grad[...] = "),
        ("self.bias_grad += ", "self.bias_grad[...] = "),
        says="the gradients of the parameters are overwritten by a second backward; each backward must add",
    ),
    backward(
        "conv1d: averages over the batch",
        (WEIGHT_GRAD, f"{WEIGHT_GRAD} / max(1, len(grad_output))"),
        (BIAS_GRAD, f"{BIAS_GRAD} / max(1, len(grad_output))"),
        says="the gradients are averaged over the batch; only a loss averages, a layer adds up",
    ),
    backward(
        "conv1d: bias_grad averages over positions",
        (BIAS_GRAD, "grad_output.mean(axis=2).sum(axis=0)"),
        says="bias_grad is averaged over the positions; it is summed over them",
    ),
    backward(
        "conv1d: weight_grad not transposed",
        (WEIGHT_GRAD, f"({COLUMNS} @ grad_output.transpose(0, 2, 1)).sum(axis=0)"),
        says="Σ cols gᵀ takes the weight's shape without being transposed; its columns are the output channels",
    ),
    backward(
        "conv1d: windows overwrite each other",
        (" : stride] += cols", " : stride] = cols"),
        says="where windows overlap, one overwrites the other; they must add up",
    ),
    backward(
        "conv1d: x_grad with the padding",
        (X_GRAD, "padded_grad"),
        says="x_grad still has the padding, which is no part of x",
    ),
    backward(
        "conv1d: padding cut off at the end only",
        (X_GRAD, "padded_grad[:, :, : self.x.shape[2]]"),
        says="the padding is cut off at the end alone; it lies before x too",
    ),
    backward(
        "conv1d: flipped on the way back",
        ("self.flat_weight().T", "self.weight[:, :, ::-1].reshape(self.out_channels, -1).T"),
        says="the kernel is flipped on the way back",
    ),
    backward(
        "conv1d: a padding of 0 cuts everything off",
        (X_GRAD, "padded_grad[:, :, self.padding : -self.padding]"),
        says="x_grad is empty along axis 2: a slice such as x[p:-p] is empty where p is 0",
    ),
    backward(
        "conv1d: x_grad as long as the kernel reached",
        (
            "x = np.zeros(shape, cols.dtype)",
            "x = np.zeros((*shape[:2], stride * (positions - 1) + kernel_size), cols.dtype)",
        ),
        says="x_grad ends where the last window does; it has the shape of x",
    ),
)

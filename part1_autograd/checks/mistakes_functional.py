"""Known mistakes in the gradient rules."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

unbroadcast = partial(mistake, "functional.unbroadcast")
add = partial(mistake, "functional.add")
exp = partial(mistake, "functional.exp")
mul = partial(mistake, "functional.mul")
pow_ = partial(mistake, "functional.pow")
activations = partial(mistake, "functional.activations")
matmul = partial(mistake, "functional.matmul")
sum_ = partial(mistake, "functional.sum")
max_ = partial(mistake, "functional.max")
reshape = partial(mistake, "functional.reshape")
getitem = partial(mistake, "functional.getitem")
concatenate = partial(mistake, "functional.concatenate")
softmax_cross_entropy = partial(mistake, "functional.softmax_cross_entropy")

MISTAKES = (
    unbroadcast(
        "unbroadcast: mean",
        ("np.asarray(grad.sum(axis", "np.asarray(grad.mean(axis"),
        says="the copies' gradients are averaged; each copy acts on the loss by itself, so they add up",
    ),
    unbroadcast(
        "unbroadcast: new axes only",
        (
            "np.asarray(grad.sum(axis=(*range(new_axes), *stretched_axes))).reshape(shape)",
            "np.asarray(grad.sum(axis=tuple(range(new_axes))))",
        ),
        says="grad is not summed over the axes along which its input was broadcast",
    ),
    unbroadcast(
        "unbroadcast: first copy",
        (
            "return np.asarray(grad.sum(axis=(*range(new_axes), *stretched_axes))).reshape(shape)",
            ("return np.array(grad[tuple([0]*new_axes + [slice(0,1) if s==1 else slice(None) for s in shape])])"),
        ),
        says="only the first copy's gradient is taken; each copy acts on the loss by itself, so they add up",
    ),
    add(
        "add: not unbroadcast",
        ("return unbroadcast_both(grad_output, grad_output, a, b)", "return grad_output, grad_output"),
        says="the gradients have the shape of the output; each must be summed to the shape of its input",
    ),
    add(
        "sub: sign",
        ("unbroadcast_both(grad_output, -grad_output, a, b)", "unbroadcast_both(grad_output, grad_output, a, b)"),
        says="b's gradient has a's sign; d(a - b)/db is -1",
    ),
    add(
        "neg: identity",
        ("return (np.asarray(-grad_output),)", "return (grad_output,)"),
        says="x_grad has the wrong sign",
    ),
    add(
        "add: list, not tuple",
        (
            "return unbroadcast_both(grad_output, grad_output, a, b)",
            "return list(unbroadcast_both(grad_output, grad_output, a, b))",
        ),
    ),
    exp(
        "exp: bare array",
        ("return (np.asarray(grad_output * np.exp(x)),)", "return np.asarray(grad_output * np.exp(x))"),
    ),
    exp(
        "exp: power rule",
        ("grad_output * np.exp(x)", "grad_output * x * np.exp(x - 1)"),
        says="x·eˣ⁻¹ is the rule for a power; the derivative of eˣ is eˣ",
    ),
    exp(
        "log: times",
        ("grad_output / x)", "grad_output * x)"),
        says="the gradient is multiplied by x; the derivative of ln x is 1/x",
    ),
    exp(
        "sqrt: forgot 2",
        ("grad_output / (2 * np.sqrt(x))", "grad_output / np.sqrt(x)"),
        says="the 2 is missing: the derivative of √x is 1 / (2√x)",
    ),
    exp(
        "log: times ln x",
        ("grad_output / x)", "grad_output * np.log(x))"),
        says="the gradient is multiplied by ln x; the derivative of ln x is 1/x",
    ),
    exp(
        "sqrt: times",
        ("grad_output / (2 * np.sqrt(x))", "grad_output * np.sqrt(x) / 2"),
        says="the gradient is multiplied by √x / 2; the derivative of √x is 1 / (2√x)",
    ),
    exp(
        "sqrt: no root",
        ("grad_output / (2 * np.sqrt(x))", "grad_output / (2 * x)"),
        says="the root is missing: the derivative of √x is 1 / (2√x), not 1 / (2x)",
    ),
    mul(
        "mul: swapped",
        (
            "unbroadcast_both(grad_output * b, grad_output * a, a, b)",
            "unbroadcast_both(grad_output * a, grad_output * b, a, b)",
        ),
        says="the factors are swapped: d(a·b)/da is b, and d(a·b)/db is a",
    ),
    mul(
        "mul: in place",
        (
            "return unbroadcast_both(grad_output * b, grad_output * a, a, b)",
            (
                "b_grad = unbroadcast(grad_output * a, b.shape)\n"
                "    if grad_output.shape == b.shape: grad_output *= b\n"
                "    else: grad_output = grad_output * b\n"
                "    return unbroadcast(grad_output, a.shape), b_grad"
            ),
        ),
        says="grad_output is multiplied by b in place; it is the caller's",
    ),
    mul(
        "div: sign",
        ("b_grad = -a_grad * (a / b)", "b_grad = a_grad * (a / b)"),
        says="the minus sign of d(a/b)/db = -a/b² is missing",
    ),
    mul(
        "div: b not squared",
        ("b_grad = -a_grad * (a / b)", "b_grad = -a_grad * a"),
        says="b is not squared in d(a/b)/db = -a/b²",
    ),
    mul(
        "div: no a", ("b_grad = -a_grad * (a / b)", "b_grad = -a_grad / b"), says="a is missing from d(a/b)/db = -a/b²"
    ),
    pow_(
        "pow: exponent not lowered",
        ("base ** (exponent - 1)", "base ** exponent"),
        says="the exponent is not lowered by one in d(bᵉ)/db = e·bᵉ⁻¹",
    ),
    pow_(
        "pow: 0**0 nan",
        ("np.where(exponent == 0, 0, base_grad)", "base_grad"),
        says="base_grad holds NaN where it should be finite, as after 0 / 0, ∞ - ∞ or 0 · ∞",
    ),
    pow_(
        "pow: no exponent grad",
        (
            "exponent_grad = grad_output * base**exponent * np.log(base)",
            "exponent_grad = grad_output * base * exponent * 0",
        ),
        says="the exponent's gradient is zero, as if it were a constant; here it is an input",
    ),
    pow_(
        "pow: no factor",
        ("grad_output * exponent * base", "grad_output * base"),
        ("np.where(exponent == 0, 0, base_grad)", "base_grad"),
        says="the factor e is missing from d(bᵉ)/db = e·bᵉ⁻¹",
    ),
    pow_(
        "pow: no logarithm",
        ("base**exponent * np.log(base)", "base**exponent"),
        says="the logarithm is missing from d(bᵉ)/de = bᵉ·ln b",
    ),
    activations(
        "tanh: of x",
        ("(1 - np.tanh(x) ** 2)", "(1 - x ** 2)"),
        says="1 - y² takes y = tanh(x), not x",
    ),
    activations(
        "sigmoid: of x",
        ("return (np.asarray(grad_output * y * (1 - y)),)", "return (np.asarray(grad_output * x * (1 - x)),)"),
        says="y·(1 - y) takes y = σ(x), not x",
    ),
    activations(
        "sigmoid: overflow",
        ("np.where(x >= 0, 1, decay) / (1 + decay)", "1 / (1 + np.exp(-x))"),
    ),
    activations(
        "tanh: not squared",
        ("(1 - np.tanh(x) ** 2)", "(1 - np.tanh(x))"),
        says="tanh(x) is not squared in 1 - tanh²(x)",
    ),
    activations(
        "sigmoid: no factor",
        ("grad_output * y * (1 - y)", "grad_output * (1 - y)"),
        says="the factor σ(x) is missing from σ(x)·(1 - σ(x))",
    ),
    activations(
        "sigmoid: tanh's rule",
        ("grad_output * y * (1 - y)", "grad_output * (1 - y**2)"),
        says="this is the rule of tanh, 1 - y²; the derivative of σ is y·(1 - y)",
    ),
    activations(
        "relu: >= 0",
        ("np.where(x > 0, grad_output, 0)", "np.where(x >= 0, grad_output, 0)"),
        says="the gradient passes where x = 0 too; the slope there is taken as 0, as in torch",
    ),
    activations(
        "relu: forward",
        ("np.where(x > 0, grad_output, 0)", "np.maximum(x, 0) * grad_output"),
        says="the gradient is multiplied by relu(x); the slope is 1 where x > 0",
    ),
    activations(
        "relu: on gradient",
        ("np.where(x > 0, grad_output, 0)", "np.maximum(grad_output, 0) * (x > 0)"),
        says="a negative gradient is cut off; what counts is the sign of x, not of the gradient",
    ),
    matmul(
        "matmul: b not transposed",
        (
            "grad_output @ columns.mT",
            ("(grad_output @ columns if columns.shape[-1] == columns.shape[-2] else grad_output @ columns.mT)"),
        ),
        says="b is not transposed in dL/da = dL/dy bᵀ",
    ),
    matmul(
        "matmul: a not transposed",
        (
            "rows.mT @ grad_output",
            "(rows @ grad_output if rows.shape[-1] == rows.shape[-2] else rows.mT @ grad_output)",
        ),
        says="a is not transposed in dL/db = aᵀ dL/dy",
    ),
    matmul(
        "matmul: dL/da in the wrong order",
        (
            "grad_output @ columns.mT",
            (
                "(columns.mT @ grad_output if rows.shape == columns.shape == grad_output.shape "
                "else grad_output @ columns.mT)"
            ),
        ),
        says="the factors stand in the wrong order: dL/da = dL/dy bᵀ",
    ),
    matmul(
        "matmul: dL/db in the wrong order",
        (
            "rows.mT @ grad_output",
            "(grad_output @ rows.mT if grad_output.shape == columns.shape == rows.shape else rows.mT @ grad_output)",
        ),
        says="the factors stand in the wrong order: dL/db = aᵀ dL/dy",
    ),
    matmul("matmul: .T on stacks", ("columns.mT", "columns.T"), ("rows.mT", "rows.T")),
    matmul(
        "matmul: 2-D only",
        ("    rows = a[np.newaxis", ("    return grad_output @ b.T, a.T @ grad_output\n    rows = a[np.newaxis")),
    ),
    matmul(
        "matmul: not unbroadcast",
        ("unbroadcast(grad_output @ columns.mT, rows.shape)", "(grad_output @ columns.mT)"),
        (
            "return a_grad.reshape(a.shape), b_grad.reshape(b.shape)",
            ("return (a_grad.reshape(a.shape) if a_grad.size == a.size else a_grad), b_grad.reshape(b.shape)"),
        ),
        says="a_grad is not summed over the axes along which its input was broadcast",
    ),
    sum_("sum: keepdims ignored", ("if keepdims or axis is None:", "if axis is None:")),
    sum_(
        "mean: not divided",
        ("x_grad / (x.size // max(grad_output.size, 1))", "x_grad"),
        says="the gradient is not divided by the number of averaged values: this is the rule of sum",
    ),
    sum_(
        "mean: by all",
        ("x_grad / (x.size // max(grad_output.size, 1))", "x_grad / x.size"),
        says="the gradient is divided by the number of all values, not of those along the axis",
    ),
    max_(
        "max: all ties",
        ("if isinstance(axis, int | np.integer):", "if False:"),
        ("grad_output * is_maximum / maxima", "grad_output * is_maximum"),
        says="every one of several equal maxima gets the whole gradient",
    ),
    max_(
        "max: even along axis",
        ("if isinstance(axis, int | np.integer):", "if False:"),
        says="equal maxima share the gradient; along one axis the first maximum gets all of it",
    ),
    max_(
        "max: last",
        ("x.argmax(axis, keepdims=True)", "(x.shape[axis] - 1 - np.flip(x, axis).argmax(axis, keepdims=True))"),
        says="the last of several equal maxima gets the gradient; it belongs to the first",
    ),
    max_(
        "max: first of all",
        (
            "    is_maximum = x == x.max(axis, keepdims=True)",
            (
                "    if axis is None:\n"
                "        g = np.zeros(x.shape, grad_output.dtype); g.flat[x.argmax()] = "
                "grad_output.reshape(()) ; return (g,)\n"
                "    is_maximum = x == x.max(axis, keepdims=True)"
            ),
        ),
        says="the first of several equal maxima gets the whole gradient; over several axes they share it",
    ),
    reshape(
        "transpose: forward again",
        ("grad_output.transpose(np.argsort([axis % x.ndim for axis in axes]))", "grad_output.transpose(axes)"),
        says="the axes are moved forward once more; the way back is the inverse order",
    ),
    reshape(
        "transpose: negative axes",
        ("np.argsort([axis % x.ndim for axis in axes])", "np.argsort(axes)"),
        says="negative axes are put in order as they are; first count them from the front: axis % ndim",
    ),
    reshape(
        "reshape: Fortran order",
        ("grad_output.reshape(x.shape)", "grad_output.reshape(x.shape, order='F')"),
        says="the numbers are read column by column; reshape takes them row by row",
    ),
    getitem(
        "getitem: assigned",
        ("np.add.at(x_grad, index, grad_output)", "x_grad[index] = grad_output"),
        says="an entry that was taken twice keeps only one of its gradients; they add up (np.add.at)",
    ),
    getitem(
        "getitem: float64 always",
        ("x_grad = np.zeros(x.shape, grad_output.dtype)\n    np.add", "x_grad = np.zeros(x.shape)\n    np.add"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    concatenate(
        "concatenate: equal pieces",
        ("np.split(grad_output, ends[:-1], axis)", "np.array_split(grad_output, len(arrays), axis)"),
        says="the pieces are as equal as can be; each must be as long as its array",
    ),
    concatenate(
        "where: swapped",
        (
            ("a_grad = np.where(condition, grad_output, 0)\n    b_grad = np.where(condition, 0, grad_output)"),
            ("b_grad = np.where(condition, grad_output, 0)\n    a_grad = np.where(condition, 0, grad_output)"),
        ),
        says="a and b are swapped: a is taken where the condition holds",
    ),
    softmax_cross_entropy(
        "sce: sum",
        ("scale = grad_output / max(len(logits), 1)", "scale = grad_output"),
        says="the gradient is not divided by the batch size, although the loss averages over the batch",
    ),
    softmax_cross_entropy(
        "sce: summed loss",
        ("-terms.sum() / len(logits)", "-terms.sum()"),
        says="the loss is summed over the batch; it is the average",
    ),
    softmax_cross_entropy(
        "sce: by all logits",
        ("max(len(logits), 1)", "max(logits.size, 1)"),
        says="the gradient is divided by the number of all logits, not by the batch size",
    ),
    softmax_cross_entropy(
        "sce: targets not subtracted",
        ("* total - probabilities)", "* total)"),
        says="the targets are not subtracted: (softmax - targets) / batch",
    ),
    softmax_cross_entropy(
        "sce: no upstream",
        ("scale = grad_output / max(len(logits), 1)", "scale = np.ones_like(grad_output) / max(len(logits), 1)"),
        says="grad_output is left out",
    ),
    softmax_cross_entropy(
        "sce: overflow",
        ("shifted = logits - logits.max(axis=-1, keepdims=True)", "shifted = logits * 1"),
    ),
    softmax_cross_entropy(
        "sce: no probabilities' gradient",
        ("None if targets.ndim == 1 else -scale * log_predicted", "None"),
        says="targets that are probabilities get no gradient; the loss depends on them too",
    ),
)

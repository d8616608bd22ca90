"""Known mistakes in the optimisers."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

sgd = partial(mistake, "sgd.step")
adam = partial(mistake, "adam.step")
adamw = partial(mistake, "adamw.step")
clip = partial(mistake, "optim.clip_grad_norm")

MOMENTUM = 'state["momentum_buffer"] *= self.momentum\n                state["momentum_buffer"] += grad'
NESTEROV = "grad + self.momentum * momentum if self.nesterov else momentum"
SGD_STEP = "value -= self.lr * grad"
ADAM_STEP = "value -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)"
ROOT = "np.sqrt(v_hat) + self.eps"
COUNT = "        t += 1\n"
MEAN, SQUARE = '"exp_avg": np.zeros_like(value)', '"exp_avg_sq": np.zeros_like(value)'
DECAY = "        if self.weight_decay:\n            grad = grad + self.weight_decay * value\n"
SHRINK = "        value *= 1 - self.lr * self.decoupled_weight_decay\n"
ADAM_AFTER = "        super().update(value, grad, state)\n"
NORM = "np.sqrt(sum(np.vdot(grad, grad) for grad in gradients))"
BY_ITSELF = "grad *= min(1, max_norm / (np.linalg.norm(grad) + 1e-6))"

MISTAKES = (
    sgd(
        "optim: uphill",
        (SGD_STEP, "value += self.lr * grad"),
        says="the parameters move along their gradient instead of against it",
    ),
    sgd(
        "optim: moves another array",
        (SGD_STEP, "value = value - self.lr * grad"),
        says="no parameter moves: value -= … writes into the array, value = … only makes another",
    ),
    sgd("optim: no weight decay", (DECAY, ""), says="the weight decay is missing"),
    sgd(
        "optim: adds the weight decay to the gradient itself",
        ("grad = grad + self.w", "grad += self.w"),
        says="the weight decay is added to the gradient's own array; make a new one",
    ),
    sgd(
        "optim: weight decay past the momentum",
        (DECAY, ""),
        (SGD_STEP, "value -= self.lr * (grad + self.weight_decay * value)"),
        says="the weight decay does not pass through the momentum",
    ),
    sgd(
        "optim: momentum for nesterov only",
        ("if self.nesterov else momentum", "if self.nesterov else grad"),
        says="the momentum is missing",
    ),
    sgd(
        "optim: lr inside the momentum",
        ("        if self.momentum:\n", "        grad = self.lr * grad\n        if self.momentum:\n"),
        (SGD_STEP, "value -= grad"),
        says="the learning rate is inside the momentum; it is a factor of the step alone",
    ),
    sgd(
        "optim: the first momentum is the gradient's own array",
        ("= grad.copy()", "= grad"),
        (MOMENTUM, 'state["momentum_buffer"] = self.momentum * state["momentum_buffer"] + grad'),
        says="the first momentum is the gradient's own array, into which the next gradient is written",
    ),
    sgd(
        "optim: momentum holds the gradient's own array",
        ("= grad.copy()", "= grad"),
        says="the momentum is the gradient's own array, into which the next gradient is written",
    ),
    sgd(
        "optim: parameters rounded to float32",
        (SGD_STEP, "value[...] = (value - self.lr * grad).astype(np.float32)"),
        says="the numbers are float32's: on the way, or at the end, they were rounded to seven digits",
    ),
    sgd(
        "optim: momentum in float32",
        ("= grad.copy()", "= grad.astype(np.float32)"),
        says="the momentum is kept in float32; it has the dtype of its parameter",
    ),
    sgd(
        "optim: momentum averages",
        (" += grad", " += (1 - self.momentum) * grad"),
        ("= grad.copy()", "= (1 - self.momentum) * grad"),
        says="the gradient enters the momentum with the factor 1 - momentum; here it has none",
    ),
    sgd(
        "optim: momentum averages after the first step",
        (" += grad", " += (1 - self.momentum) * grad"),
        says="after the first step the gradient enters the momentum with the factor 1 - momentum; here it has none",
    ),
    sgd(
        "optim: momentum adds up",
        ('state["momentum_buffer"] *= self.momentum', "pass"),
        says="the momentum adds up all gradients: what it was before is not multiplied by momentum",
    ),
    sgd("optim: no nesterov", (NESTEROV, "momentum"), says="nesterov makes no difference"),
    sgd(
        "optim: nesterov without the gradient",
        ("grad + self.momentum * momentum", "self.momentum * momentum"),
        says="the gradient is missing from nesterov's step, g + momentum · m",
    ),
    sgd("optim: state by the last part of the name", ("default(name,", 'default(name.split(".")[-1],')),
    adam(
        "optim: no correction",
        (" / (1 - beta2 ** int(t))", ""),
        (" / (1 - beta1 ** int(t))", ""),
        says="m and v are not divided by 1 - βᵗ: they begin at zero, and are too small at first",
    ),
    adam(
        "optim: m not corrected",
        (" / (1 - beta1 ** int(t))", ""),
        says="m is not divided by 1 - β₁ᵗ: it begins at zero, and is too small at first",
    ),
    adam(
        "optim: v not corrected",
        (" / (1 - beta2 ** int(t))", ""),
        says="v is not divided by 1 - β₂ᵗ: it begins at zero, and is too small at first",
    ),
    adam(
        "optim: eps under the root",
        (ROOT, "np.sqrt(v_hat + self.eps)"),
        says="ε is under the root",
    ),
    adam("optim: no eps", (" + self.eps", ""), says="ε is missing"),
    adam(
        "optim: eps corrected too",
        (ROOT, "(np.sqrt(v) + self.eps) / np.sqrt(1 - beta2 ** int(t))"),
        says="ε is divided by √(1 - β₂ᵗ) too",
    ),
    adam(
        "optim: no root",
        (ROOT, "v_hat + self.eps"),
        says="the root of v is missing",
    ),
    adam(
        "optim: parameters of Adam rounded to float32",
        (ADAM_STEP, f"{ADAM_STEP}\n        value[...] = value.astype(np.float32)"),
    ),
    adam("optim: m in float32", (MEAN, '"exp_avg": np.zeros(value.shape, np.float32)')),
    adam("optim: v in float32", (SQUARE, '"exp_avg_sq": np.zeros(value.shape, np.float32)')),
    adam("optim: betas exchanged", ("(beta1, beta2), t", "(beta2, beta1), t"), says="the two betas are exchanged"),
    adam("optim: t stays 1", (COUNT, "        t = t + 1\n"), says="t is 1 in every step"),
    adam(
        "optim: t counts parameters",
        (COUNT, '        t[...] = vars(self)["t"] = vars(self).get("t", 0) + 1\n'),
        says="t counts parameters; all of them take step t together",
    ),
    adam(
        "optim: t is not saved",
        (
            COUNT,
            '        steps = vars(self).setdefault("t", {})\n        t = steps[id(m)] = steps.get(id(m), 0) + 1\n',
        ),
    ),
    adam(
        "optim: decoupled weight decay in Adam",
        (DECAY, ""),
        (ADAM_STEP, f"{ADAM_STEP} + self.lr * self.weight_decay * value"),
        says="the weight decay does not pass through the averages, as in AdamW",
    ),
    adamw(
        "optim: coupled weight decay in AdamW",
        (SHRINK, "        grad = grad + self.decoupled_weight_decay * value\n"),
        says="the weight decay passes through the averages, as in Adam",
    ),
    adamw("optim: AdamW is Adam", (SHRINK, ""), says="the weight decay is missing"),
    adamw(
        "optim: AdamW shrinks without lr",
        ("1 - self.lr * self.d", "1 - self.d"),
        says="the weight decay is not multiplied by the learning rate",
    ),
    adamw(
        "optim: AdamW shrinks afterwards",
        (SHRINK + ADAM_AFTER, ADAM_AFTER + SHRINK),
        says="the weight decay comes after Adam's step instead of before it",
    ),
    adamw(
        "optim: parameters of AdamW rounded to float32",
        (SHRINK, f"{SHRINK}        value[...] = value.astype(np.float32)\n"),
    ),
    clip(
        "optim: gradients rounded to float32",
        ("grad *= scale", "grad[...] = (grad * scale).astype(np.float32)"),
        says="the numbers are float32's: on the way, or at the end, they were rounded to seven digits",
    ),
    clip(
        "optim: clips each parameter by itself",
        ("grad *= scale", BY_ITSELF),
        says="each parameter is clipped by itself; all of them are one vector",
    ),
    clip(
        "optim: norm without its root",
        (NORM, "sum(np.vdot(grad, grad) for grad in gradients)"),
        says="the root of the norm is missing",
    ),
    clip(
        "optim: norm of the largest gradient",
        (NORM, "max(np.linalg.norm(grad) for grad in gradients)"),
        says="the norm is the largest of the parameters' norms; it is the root of the sum of all squares",
    ),
    clip(
        "optim: sum of norms",
        (NORM, "sum(np.linalg.norm(grad) for grad in gradients)"),
        says="the norm is the sum of the parameters' norms; it is the root of the sum of all squares",
    ),
    clip(
        "optim: makes short gradients longer",
        ("if scale < 1:", "if scale:"),
        says="gradients are made longer; those that are short enough stay",
    ),
    clip(
        "optim: clips copies",
        ("grad *= scale", "grad = grad * scale"),
        says="the gradients stay as they are: grad *= … writes into the array, grad = … only makes another",
    ),
    clip("optim: division by a norm of zero", ("(norm + 1e-6)", "norm"), says="the 10⁻⁶ below the fraction is missing"),
    clip(
        "optim: returns the norm afterwards",
        ("np.asarray(norm)", f"np.asarray({NORM})"),
        says="the norm is taken after clipping; what it was before is returned",
    ),
    clip(
        "optim: clips each number by itself",
        ("grad *= scale", "np.clip(grad, -max_norm, max_norm, out=grad)"),
        says="each number is clipped by itself; only the length of the vector changes",
    ),
)

"""What may go wrong in the optimisers."""

from __future__ import annotations

from functools import partial

from autograder.testing.mistakes import Mistake

sgd = partial(Mistake, exercise="sgd.step", file="optim.py")
adam = partial(Mistake, exercise="adam.step", file="optim.py")
adamw = partial(Mistake, exercise="adamw.step", file="optim.py")
clip = partial(Mistake, exercise="optim.clip_grad_norm", file="optim.py")

SGD_STEP = "value -= self.lr * grad"
ADAM_STEP = "value -= self.lr / (1 - beta1 ** int(step)) * mean / denominator"
ROOT = "np.sqrt(square / (1 - beta2 ** int(step))) + self.eps"
COUNT = "        step += 1\n"
MEAN, SQUARE = '"exp_avg": np.zeros_like(value)', '"exp_avg_sq": np.zeros_like(value)'
DECAY = "        if self.weight_decay:\n            grad = grad + self.weight_decay * value\n"
SHRINK = "        value *= 1 - self.lr * self.decoupled_weight_decay\n"
ADAM_AFTER = "        super().update(value, grad, state)\n"
NORM = "np.sqrt(sum(np.vdot(grad, grad) for grad in gradients))"
BY_ITSELF = "grad *= min(1, max_norm / (np.linalg.norm(grad) + 1e-6))"

MISTAKES = (
    sgd("optim: uphill", edits=((SGD_STEP, "value += self.lr * grad"),)),
    sgd("optim: moves another array", edits=((SGD_STEP, "value = value - self.lr * grad"),)),
    sgd("optim: no weight decay", edits=((DECAY, ""),)),
    sgd("optim: adds the weight decay to the gradient itself", edits=(("grad = grad + self.w", "grad += self.w"),)),
    sgd("optim: momentum holds the gradient's own array", edits=(("= grad.copy()", "= grad"),)),
    sgd(
        "optim: parameters rounded to float32",
        edits=((SGD_STEP, "value[...] = (value - self.lr * grad).astype(np.float32)"),),
    ),
    sgd("optim: momentum in float32", edits=(("= grad.copy()", "= grad.astype(np.float32)"),)),
    sgd("optim: momentum averages", edits=((" += grad", " += (1 - self.momentum) * grad"),)),
    sgd("optim: momentum forgets", edits=(('state["momentum_buffer"] *= self.momentum', "pass"),)),
    sgd(
        "optim: nesterov without the gradient", edits=(("grad + self.momentum * momentum", "self.momentum * momentum"),)
    ),
    sgd("optim: state by the last part of the name", edits=(("default(name,", 'default(name.split(".")[-1],'),)),
    adam("optim: no correction", edits=((" / (1 - beta2 ** int(step))", ""), (" / (1 - beta1 ** int(step))", ""))),
    adam("optim: v not corrected", edits=((" / (1 - beta2 ** int(step))", ""),)),
    adam("optim: eps under the root", edits=((ROOT, "np.sqrt(square / (1 - beta2 ** int(step)) + self.eps)"),)),
    adam(
        "optim: parameters of Adam rounded to float32",
        edits=((ADAM_STEP, f"{ADAM_STEP}\n        value[...] = value.astype(np.float32)"),),
    ),
    adam("optim: m in float32", edits=((MEAN, '"exp_avg": np.zeros(value.shape, np.float32)'),)),
    adam("optim: v in float32", edits=((SQUARE, '"exp_avg_sq": np.zeros(value.shape, np.float32)'),)),
    adam("optim: betas exchanged", edits=(("(beta1, beta2), step", "(beta2, beta1), step"),)),
    adam("optim: t stays 1", edits=((COUNT, "        step = step + 1\n"),)),
    adam(
        "optim: t counts parameters",
        edits=((COUNT, '        step[...] = vars(self)["t"] = vars(self).get("t", 0) + 1\n'),),
    ),
    adam(
        "optim: t is not saved",
        edits=(
            (
                COUNT,
                '        t = vars(self).setdefault("t", {})\n        step = t[id(mean)] = t.get(id(mean), 0) + 1\n',
            ),
        ),
    ),
    adam(
        "optim: decoupled weight decay in Adam",
        edits=((DECAY, ""), (ADAM_STEP, f"{ADAM_STEP} + self.lr * self.weight_decay * value")),
    ),
    adamw(
        "optim: coupled weight decay in AdamW",
        edits=((SHRINK, "        grad = grad + self.decoupled_weight_decay * value\n"),),
    ),
    adamw("optim: AdamW is Adam", edits=((SHRINK, ""),)),
    adamw("optim: AdamW shrinks without lr", edits=(("1 - self.lr * self.d", "1 - self.d"),)),
    adamw("optim: AdamW shrinks afterwards", edits=((SHRINK + ADAM_AFTER, ADAM_AFTER + SHRINK),)),
    adamw(
        "optim: parameters of AdamW rounded to float32",
        edits=((SHRINK, f"{SHRINK}        value[...] = value.astype(np.float32)\n"),),
    ),
    clip(
        "optim: gradients rounded to float32",
        edits=(("grad *= scale", "grad[...] = (grad * scale).astype(np.float32)"),),
    ),
    clip("optim: clips each parameter by itself", edits=(("grad *= scale", BY_ITSELF),)),
    clip("optim: norm without its root", edits=((NORM, "sum(np.vdot(grad, grad) for grad in gradients)"),)),
    clip("optim: norm of the largest gradient", edits=((NORM, "max(np.linalg.norm(grad) for grad in gradients)"),)),
    clip("optim: sum of norms", edits=((NORM, "sum(np.linalg.norm(grad) for grad in gradients)"),)),
    clip("optim: makes short gradients longer", edits=(("if scale < 1:", "if scale:"),)),
    clip("optim: clips copies", edits=(("grad *= scale", "grad = grad * scale"),)),
    clip("optim: division by a norm of zero", edits=(("(norm + 1e-6)", "norm"),)),
    clip("optim: returns the norm afterwards", edits=(("np.asarray(norm)", "np.asarray(min(norm, max_norm))"),)),
)

"""Torch's optimisers, and what known mistakes would give.

Torch's steps are called as functions: its optimiser classes first import its compiler, which takes longer than all
tests.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array
from part2_layers.tests.oracle import array_of

Arrays = dict[str, Array]
Tensors = list[torch.Tensor]
TakeStep = Callable[[Tensors, float], None]  # with these gradients and this learning rate
Rule = Callable[[Array, Array, float, int, Arrays], Array]  # value, grad, lr, t, state -> the new value
Denominator = Callable[[Array, float, float], Array]  # v, 1 - β₂ᵗ, ε -> what m̂ is divided by


# Steps


@truth
def trajectory(
    optimizer: str, parameters: Arrays, gradients: list[Arrays], lrs: list[float], options: Answer
) -> Answer:
    values = {name: torch.tensor(value) for name, value in parameters.items()}
    take_step = TORCH[optimizer](list(values.values()), **options)
    after = {}
    for step, (given, lr) in enumerate(zip(gradients, lrs, strict=True), start=1):
        take_step([torch.tensor(given[name]) for name in values], lr)
        after[f"step {step}"] = {name: value.clone().numpy() for name, value in values.items()}
    return after


def _sgd(values: Tensors, **options: Any) -> TakeStep:
    chosen = {"maximize": False, "dampening": 0.0, "momentum": 0.0, "weight_decay": 0.0, "nesterov": False, **options}
    momenta: list[torch.Tensor | None] = [None] * len(values)

    def take_step(gradients: Tensors, lr: float) -> None:
        sgd(values, gradients, momenta, foreach=False, lr=lr, **chosen)

    return take_step


def _adam(values: Tensors, betas: tuple[float, float] = (0.9, 0.999), **options: Any) -> TakeStep:
    fixed = {"amsgrad": False, "maximize": False, "beta1": betas[0], "beta2": betas[1]}
    chosen = {**fixed, "eps": 1e-8, "weight_decay": 0.0, **options}
    means, squares = [torch.zeros_like(value) for value in values], [torch.zeros_like(value) for value in values]
    steps = list(torch.zeros(len(values)))

    def take_step(gradients: Tensors, lr: float) -> None:
        adam(values, gradients, means, squares, [], steps, foreach=False, lr=lr, **chosen)

    return take_step


def _adamw(values: Tensors, weight_decay: float = 1e-2, **options: Any) -> TakeStep:
    return _adam(values, weight_decay=weight_decay, decoupled_weight_decay=True, **options)


TORCH: dict[str, Callable[..., TakeStep]] = {"SGD": _sgd, "Adam": _adam, "AdamW": _adamw}


# Known mistakes in steps: the right steps on another problem, or steps by a wrong rule


def trajectory_mistakes(**problem: Any) -> Answer:
    return {
        "no parameter moves: value -= … writes into the array, value = … only makes another": {
            f"step {step}": problem["parameters"] for step in range(1, len(problem["lrs"]) + 1)
        },
        **MISTAKES[problem["optimizer"]](problem, **problem["options"]),
    }


def _sgd_mistakes(problem: Answer, momentum: float = 0.0, weight_decay: float = 0.0, nesterov: bool = False) -> Answer:
    def by(
        share: float = 1.0,
        kept: float = momentum,
        has_lr_inside: bool = False,
        is_decoupled: bool = False,
        has_gradient: bool = True,
    ) -> Answer:
        def rule(value: Array, grad: Array, lr: float, step: int, state: Arrays) -> Array:
            decay = weight_decay * value
            grad = (grad if is_decoupled else grad + decay) * (lr if has_lr_inside else 1)
            state["m"] = kept * state.get("m", np.zeros_like(value)) + share * grad
            move = has_gradient * grad + momentum * state["m"] if nesterov else state["m"]
            return value - move * (1 if has_lr_inside else lr) - (lr * decay if is_decoupled else 0)

        return _walked(rule, problem)

    def aliased(is_kept: bool) -> Answer:
        """m is the gradient's own array: at first, or kept so by m *= … and m += …, which write into it."""

        def rule(value: Array, grad: Array, lr: float, step: int, state: Arrays) -> Array:
            if step == 1:
                state["m"] = grad
            elif is_kept:
                grad = state["m"] = momentum * grad + momentum * grad
            else:
                state["m"] = momentum * (grad if step == 2 else state["m"]) + grad
            return value - lr * (grad + momentum * state["m"] if nesterov else state["m"])

        return _walked(rule, problem)

    def in_float32(value: Array, grad: Array, lr: float, step: int, state: Arrays) -> Array:
        grad = grad + weight_decay * value
        state["m"] = state.get("m", np.zeros(value.shape, np.float32)) * momentum
        state["m"] += grad
        return value - lr * (grad + momentum * state["m"] if nesterov else state["m"])

    mistakes = {"the parameters move along their gradient instead of against it": _uphill(problem)}
    if weight_decay:
        mistakes["the weight decay is missing"] = _with_options(problem, weight_decay=0.0)
    if nesterov:
        mistakes |= {
            "nesterov makes no difference": _with_options(problem, nesterov=False),
            "the gradient is missing from nesterov's step, g + momentum · m": by(has_gradient=False),
        }
    if momentum:
        mistakes |= {
            "the momentum is missing": _with_options(problem, momentum=0.0, nesterov=False),
            "the gradient enters the momentum with the factor 1 - momentum; here it has none": by(share=1 - momentum),
            "after the first step the gradient enters the momentum with the factor 1 - momentum; here it has none": (
                _with_options(problem, dampening=momentum)
            ),
            "the momentum adds up all gradients: what it was before is not multiplied by momentum": by(kept=1.0),
            "the momentum is kept in float32; it has the dtype of its parameter": _walked(in_float32, problem),
            "the learning rate is inside the momentum; it is a factor of the step alone": by(has_lr_inside=True),
        }
    if momentum and not weight_decay:
        mistakes |= {
            "the first momentum is the gradient's own array, into which the next gradient is written": aliased(False),
            "the momentum is the gradient's own array, into which the next gradient is written": aliased(True),
        }
    if momentum and weight_decay:
        mistakes["the weight decay does not pass through the momentum"] = by(is_decoupled=True)
    return mistakes


def _root_plus_eps(v: Array, below: float, eps: float) -> Array:
    return np.sqrt(v / below) + eps


def _adam_mistakes(problem: Answer, weight_decay: float = 0.0, **options: Any) -> Answer:
    def by(denominator: Denominator = _root_plus_eps, corrected: str = "mv") -> Rule:
        return _adam_rule(denominator, corrected, weight_decay, **options)

    mistakes = {
        "the parameters move along their gradient instead of against it": _uphill(problem),
        "m and v are not divided by 1 - βᵗ: they begin at zero, and are too small at first": _walked(
            by(corrected=""), problem
        ),
        "m is not divided by 1 - β₁ᵗ: it begins at zero, and is too small at first": _walked(
            by(corrected="v"), problem
        ),
        "v is not divided by 1 - β₂ᵗ: it begins at zero, and is too small at first": _walked(
            by(corrected="m"), problem
        ),
        "t is 1 in every step": _walked(by(), problem, itertools.repeat(1)),
        "t counts parameters; all of them take step t together": _walked(by(), problem, itertools.count(1)),
        "ε is missing": _walked(by(lambda v, below, eps: np.sqrt(v / below)), problem),
        "ε is under the root": _walked(by(lambda v, below, eps: np.sqrt(v / below + eps)), problem),
        "ε is divided by √(1 - β₂ᵗ) too": _walked(by(lambda v, below, eps: (np.sqrt(v) + eps) / below**0.5), problem),
        "the two betas are exchanged": _with_options(problem, betas=options.get("betas", (0.9, 0.999))[::-1]),
        "the root of v is missing": _walked(by(lambda v, below, eps: v / below + eps), problem),
    }
    if weight_decay:
        mistakes |= {
            "the weight decay is missing": _with_options(problem, weight_decay=0.0),
            "the weight decay does not pass through the averages, as in AdamW": _on(problem, optimizer="AdamW"),
        }
    return mistakes


def _adamw_mistakes(problem: Answer, weight_decay: float = 1e-2, **options: Any) -> Answer:
    adam_step = _adam_rule(_root_plus_eps, **options)

    def without_lr(value: Array, grad: Array, lr: float, step: int, state: Arrays) -> Array:
        return adam_step(value * (1 - weight_decay), grad, lr, step, state)

    def afterwards(value: Array, grad: Array, lr: float, step: int, state: Arrays) -> Array:
        return adam_step(value, grad, lr, step, state) * (1 - lr * weight_decay)

    options_of_adam = {**problem["options"], "weight_decay": weight_decay}
    return {
        "the weight decay passes through the averages, as in Adam": _on(
            problem, optimizer="Adam", options=options_of_adam
        ),
        "the weight decay is missing": _with_options(problem, weight_decay=0.0),
        "the weight decay is not multiplied by the learning rate": _walked(without_lr, problem),
        "the weight decay comes after Adam's step instead of before it": _walked(afterwards, problem),
    }


@truth
def arrays_afterwards(**problem: Any) -> Answer:
    """After the walk the parameters are the arrays that they were, and the gradients those of the last step."""
    return {"is the same array": dict.fromkeys(problem["parameters"], True), "gradient": problem["gradients"][-1]}


def in_place_mistakes(**problem: Any) -> Answer:
    weight_decay, last = problem["options"].get("weight_decay"), problem["gradients"][-1]
    if problem["optimizer"] == "AdamW" or not weight_decay:
        return {}
    before = trajectory(**problem)[f"step {len(problem['lrs']) - 1}"]
    return {
        "the weight decay is added to the gradient's own array; make a new one": {
            "gradient": {name: grad + weight_decay * before[name] for name, grad in last.items()}
        }
    }


MISTAKES: dict[str, Callable[..., Answer]] = {"SGD": _sgd_mistakes, "Adam": _adam_mistakes, "AdamW": _adamw_mistakes}


def _adam_rule(
    denominator: Denominator,
    corrected: str = "mv",
    weight_decay: float = 0.0,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> Rule:
    """Adam's, but for what stands below m̂ and for the division by 1 - βᵗ."""

    def rule(value: Array, grad: Array, lr: float, step: int, state: Arrays) -> Array:
        grad, zeros = grad + weight_decay * value, np.zeros_like(value)
        state["m"] = betas[0] * state.get("m", zeros) + (1 - betas[0]) * grad
        state["v"] = betas[1] * state.get("v", zeros) + (1 - betas[1]) * grad**2
        below_m = 1 - betas[0] ** step if "m" in corrected else 1.0
        below_v = 1 - betas[1] ** step if "v" in corrected else 1.0
        return value - lr * (state["m"] / below_m) / denominator(state["v"], below_v, eps)

    return rule


def _walked(rule: Rule, problem: Answer, counts: Iterator[int] | None = None) -> Answer:
    """Return the trajectory by another rule, to which t is the number of the step, or else the next of the counts."""
    values, after = problem["parameters"], {}
    states: dict[str, Arrays] = {name: {} for name in values}
    for step, (given, lr) in enumerate(zip(problem["gradients"], problem["lrs"], strict=True), start=1):
        after[f"step {step}"] = values = {
            name: rule(value, given[name], lr, step if counts is None else next(counts), states[name])
            for name, value in values.items()
        }
    return after


def _on(problem: Answer, **changed: Any) -> Answer:
    """Return the right steps on a problem that is changed in this."""
    return trajectory(**{**problem, **changed})


def _with_options(problem: Answer, **changed: Any) -> Answer:
    return _on(problem, options={**problem["options"], **changed})


def _uphill(problem: Answer) -> Answer:
    return _on(problem, lrs=[-lr for lr in problem["lrs"]])


# Clipping


@truth
def norms(gradients: list[Arrays], max_norm: float) -> Answer:
    return {"norm": np.array([clip(given, max_norm)["norm"] for given in gradients])}


def norms_mistakes(gradients: list[Arrays], max_norm: float) -> Answer:
    squares = [np.array([np.vdot(grad, grad) for grad in given.values()]) for given in gradients]
    right = np.sqrt([square.sum() for square in squares])
    return {
        "the root of the norm is missing": {"norm": right**2},
        "the norm is the largest of the parameters' norms; it is the root of the sum of all squares": {
            "norm": np.array([np.sqrt(square.max()) for square in squares])
        },
        "the norm is the sum of the parameters' norms; it is the root of the sum of all squares": {
            "norm": np.array([np.sqrt(square).sum() for square in squares])
        },
        "the norm is taken after clipping; what it was before is returned": {
            "norm": right * np.minimum(1, max_norm / (right + 1e-6))
        },
    }


@truth
def clip(gradients: Arrays, max_norm: float) -> Answer:
    parameters = {name: torch.tensor(grad, requires_grad=True) for name, grad in gradients.items()}
    for name, parameter in parameters.items():
        parameter.grad = torch.tensor(gradients[name])
    norm = torch.nn.utils.clip_grad_norm_(parameters.values(), max_norm, foreach=False)
    return {
        "norm": norm.numpy(),
        "gradient": {name: array_of(parameter.grad) for name, parameter in parameters.items()},
    }


def clip_mistakes(gradients: Arrays, max_norm: float) -> Answer:
    squares = {name: np.vdot(grad, grad) for name, grad in gradients.items()}
    norm = np.sqrt(sum(squares.values()))

    def scaled(factors: dict[str, float]) -> Answer:
        return {"gradient": {name: (grad * factors[name]).astype(grad.dtype) for name, grad in gradients.items()}}

    return {
        "the gradients stay as they are: grad *= … writes into the array, grad = … only makes another": {
            "gradient": gradients
        },
        "each parameter is clipped by itself; all of them are one vector": scaled(
            {name: min(1, max_norm / (np.sqrt(square) + 1e-6)) for name, square in squares.items()}
        ),
        "each number is clipped by itself; only the length of the vector changes": {
            "gradient": {name: np.clip(grad, -max_norm, max_norm) for name, grad in gradients.items()}
        },
        "the 10⁻⁶ below the fraction is missing": scaled(dict.fromkeys(gradients, min(1, max_norm / norm))),
        "gradients are made longer; those that are short enough stay": scaled(
            dict.fromkeys(gradients, max_norm / (norm + 1e-6))
        ),
    }

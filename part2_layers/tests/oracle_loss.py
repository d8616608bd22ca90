"""Torch's losses, and what known mistakes would give."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array
from part2_layers.tests.oracle import array_of

Gradient = Array | float | None
SMALL_NUMBERS = tuple(10.0**-power for power in range(4, 17))


@truth
def loss(loss: str, input: Array, target: Array, options: Answer, grad_output: Gradient = None) -> Answer:
    """Return the loss, and the gradient of its input for an upstream gradient; None stands for one."""
    return _run(getattr(torch.nn, loss)(**options), input, target, grad_output)


def mse_mistakes(loss: str, input: Array, target: Array, options: Answer, grad_output: Gradient = None) -> Answer:
    right = _mse(input, target, options, grad_output)
    absolute = torch.nn.L1Loss(reduction=options.get("reduction", "mean"))
    known = {}
    if input.ndim and input.size and options.get("reduction", "mean") == "mean":
        by_the_batch = '"mean" divides by the batch only; it divides by the number of all values'
        known[by_the_batch] = _scaled(right, input.size / len(input))
    known |= _reduction_mistakes(_mse, input, target, options, grad_output, input.size)
    return known | {
        "the difference is not squared: this is |input - target|": _run(absolute, input, target, grad_output),
        "the loss is halved; ½ (input - target)² is another loss": {"output": _scaled(right, 0.5)["output"]},
        "the 2 is missing from the gradient: the derivative of d² is 2d": _gradient(_scaled(right, 0.5)),
        "input and target are swapped in the gradient: dL/dinput = 2 (input - target)": _gradient(_scaled(right, -1)),
    }


def cross_entropy_mistakes(
    loss: str, input: Array, target: Array, options: Answer, grad_output: Gradient = None
) -> Answer:
    problem = input, target, options, grad_output
    is_classes = target.dtype.kind == "i"
    count = (target != options.get("ignore_index", -100)).sum() if is_classes else input.size // _classes(input)
    known = _reduction_mistakes(_cross_entropy, *problem, count) | _smoothing_mistakes(*problem)
    if is_classes and not options.get("label_smoothing"):
        known |= _softmax_mistakes(*problem)
    if is_classes:
        known |= _ignore_mistakes(*problem)
    if options.get("reduction", "mean") == "mean":
        known['"mean" divides by the number of classes too; it averages over the targets'] = _scaled(
            _cross_entropy(*problem), 1 / _classes(input)
        )
    return known


def mistakes_of_nothing(loss: str, input: Array, target: Array, options: Answer) -> Answer:
    if options.get("reduction", "mean") != "mean":
        return {}
    zero = np.zeros((), input.dtype)
    return {"the mean over nothing is 0; it is NaN, as in torch": {"output": zero}}


def logarithm_mistakes(
    got: Answer, loss: str, input: Array, target: Array, options: Answer, grad_output: Gradient = None
) -> Answer:
    """-Σ q log(p + a small number) or its gradient, where that is the answer to all digits: what is only near has other
    reasons."""
    known, rounding = {}, 1e-5 if input.dtype == np.float32 else 1e-11
    for number in SMALL_NUMBERS:
        other = _run(partial(_near_surprise, number=number, **options), input, target, grad_output)
        exact = {name: value for name, value in got.items() if _is_to_all_digits(value, other[name], rounding)}
        if exact:
            sentence = f"log(p + {number:g}) adds a small number inside the logarithm; log p = s - log Σ eˢ needs none"
            known[sentence] = exact
    return known


def _is_to_all_digits(got: Any, value: Array, rounding: float) -> bool:
    is_alike = isinstance(got, np.ndarray) and (got.shape, got.dtype) == (value.shape, value.dtype)
    return is_alike and np.allclose(got, value, rounding, rounding)


def _near_surprise(
    input: torch.Tensor,
    target: torch.Tensor,
    number: float,
    reduction: str = "mean",
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    """-Σ q log(p + number) over the classes, reduced."""
    axis = _class_axis(input)
    log_probs = torch.log(torch.softmax(input, axis) + number)
    classes, counts, q = input.shape[axis], torch.ones_like(input.select(axis, 0)), target
    if not target.is_floating_point():
        counts = (target != ignore_index).to(input.dtype)
        one_hot = torch.nn.functional.one_hot(torch.where(target == ignore_index, 0, target), classes)
        q = one_hot.movedim(-1, axis).to(input.dtype)
    losses = -(((1 - label_smoothing) * q + label_smoothing / classes) * log_probs).sum(axis) * counts
    if reduction == "none":
        return losses
    return losses.sum() / counts.sum() if reduction == "mean" else losses.sum()


def _softmax_mistakes(input: Array, target: Array, options: Answer, grad_output: Gradient) -> Answer:
    """Class numbers with another softmax, or with none."""
    of_log_probs = torch.nn.NLLLoss(**options)
    return {
        "log softmax is missing: the input is taken for log-probabilities": _run(
            of_log_probs, input, target, grad_output
        ),
        "the softmax runs over the last axis; the classes are on axis 1": _run(
            lambda input, target: of_log_probs(torch.log_softmax(input, -1), target), input, target, grad_output
        ),
    }


def _smoothing_mistakes(input: Array, target: Array, options: Answer, grad_output: Gradient) -> Answer:
    """Other smoothings; loss and gradient are linear in label_smoothing."""
    sharp, uniform = (_cross_entropy(input, target, {**options, "label_smoothing": e}, grad_output) for e in (0.0, 1.0))
    smoothing, classes = options.get("label_smoothing", 0.0), _classes(input)
    others = {
        "the target is weighted by ε and the uniform distribution by 1 - ε; it is the other way round": 1 - smoothing
    }
    if smoothing:
        others |= {
            "label_smoothing has no effect": 0.0,
            "ε is shared by the wrong classes only; ε / v goes to each of the v classes": (
                smoothing * classes / (classes - 1)
            ),
        }
    return {
        sentence: {name: np.asarray((1 - other) * sharp[name] + other * uniform[name]) for name in sharp}
        for sentence, other in others.items()
    }


def _ignore_mistakes(input: Array, target: Array, options: Answer, grad_output: Gradient) -> Answer:
    """Give what wrong treatments of ignored targets would."""
    ignore_index, axis = options.get("ignore_index", -100), _class_axis(input)
    ignored, classes = target == ignore_index, _classes(input)
    if not ignored.any():
        return {}
    right, is_mean = _cross_entropy(input, target, options, grad_output), options.get("reduction", "mean") == "mean"
    count = (~ignored).sum() if is_mean else 1
    share = (np.ones(target.shape) if grad_output is None else grad_output) / count
    probs = torch.softmax(torch.tensor(input), axis).numpy()
    pulled = (probs * np.expand_dims(ignored * share, axis)).astype(input.dtype)
    known = {"ignored targets have a gradient; it is zero": {"input_grad": right["input_grad"] + pulled}}
    if options.get("label_smoothing"):  # (1 - ε) q + ε / v where q = 0, and no longer masked
        uniform, epsilon = np.full_like(input, 1 / classes), options["label_smoothing"]
        theirs = _cross_entropy(input, uniform, {"reduction": "none"}, (epsilon * ignored * share).astype(input.dtype))
        losses = (epsilon * ignored * theirs["output"]).astype(input.dtype)
        losses = losses if options.get("reduction") == "none" else losses.sum() / losses.dtype.type(count)
        added = {"output": losses, "input_grad": theirs["input_grad"]}
        known["ignored targets are smoothed too; their q is zero"] = {
            name: np.asarray(right[name] + value) for name, value in added.items()
        }
    if is_mean:
        averages_all = '"mean" divides by the number of all targets; the ignored ones do not count'
        known[averages_all] = _scaled(right, (~ignored).mean())
    if -classes <= ignore_index < classes:  # NumPy takes a negative one for a class too
        as_classes = np.where(ignored, ignore_index % classes, target)
        known["ignore_index has no effect: its targets count like others"] = _cross_entropy(
            input, as_classes, {**options, "ignore_index": -100}, grad_output
        )
    return known


def _reduction_mistakes(
    run: Callable[..., Answer], input: Array, target: Array, options: Answer, grad_output: Gradient, count: int
) -> Answer:
    """Return the other reductions, and an upstream gradient that is not used."""
    reduction = options.get("reduction", "mean")
    known = {"grad_output has no effect": _gradient(run(input, target, options, None))}
    if reduction != "mean":
        known['the gradient is divided by the count, whatever the reduction; only that of "mean" is'] = _gradient(
            _scaled(run(input, target, options, grad_output), 1 / max(1, count))
        )
    if reduction != "none":
        others = {"sum": '"sum" gives the mean', "mean": '"mean" gives the sum: it is not divided by the count'}
        other = {**options, "reduction": "mean" if reduction == "sum" else "sum"}
        known[others[reduction]] = run(input, target, other, grad_output)
    return known


def _mse(input: Array, target: Array, options: Answer, grad_output: Gradient) -> Answer:
    return loss("MSELoss", input, target, options, grad_output)


def _cross_entropy(input: Array, target: Array, options: Answer, grad_output: Gradient) -> Answer:
    return loss("CrossEntropyLoss", input, target, options, grad_output)


def _run(loss: Any, input: Array, target: Array, grad_output: Gradient) -> Answer:
    input_tensor = torch.tensor(input, requires_grad=True)
    output = loss(input_tensor, torch.tensor(target))
    upstream = 1.0 if grad_output is None else torch.as_tensor(grad_output, dtype=output.dtype)
    (output * upstream).sum().backward()
    return {"output": array_of(output), "input_grad": array_of(input_tensor.grad, input_tensor)}


def _scaled(answer: Answer, factor: float) -> Answer:
    return {name: np.asarray(float(factor) * value) for name, value in answer.items()}


def _gradient(answer: Answer) -> Answer:
    return {"input_grad": answer["input_grad"]}


def _class_axis(input: Array | torch.Tensor) -> int:
    return min(1, input.ndim - 1)


def _classes(input: Array) -> int:
    return int(input.shape[_class_axis(input)])

"""Mutants of part 1's reference that mean the same as it: no test of a right answer can tell them apart."""

from __future__ import annotations

_TWO_AXES = "The logits have two axes, which target_probabilities sees to: axis 1 is the last."
_ONLY_SLOWER = "Only speed differs: without an array to add to, add_in_place changes nothing."

EQUAL: dict[tuple[str, str, str], str] = {
    (
        "functional.py",
        "if grad.shape == shape:",
        "if False:",
    ): "A short cut: what follows sums over axes of length 1 alone, and keeps the shape.",
    (
        "functional.py",
        (
            "if new_axes < 0 or any(size not in (1, grown) for size, grown in "
            "zip(shape, grad.shape[new_axes:], strict=True)):"
        ),
        (
            "if new_axes < 0 or any(size not in (1, grown) for size, grown in "
            "zip(shape, grad.shape[new_axes:], strict=False)):"
        ),
    ): "Where new_axes is 0 or more, the two are equally long.",
    (
        "functional.py",
        "return np.asarray(np.where(x >= 0, 1, decay) / (1 + decay))",
        "return np.asarray(np.where((x > 0), 1, decay) / (1 + decay))",
    ): "At x = 0 decay is 1 itself, whichever of the two is taken.",
    (
        "functional.py",
        "shifted = logits - logits.max(axis=-1, keepdims=True)  # the same softmax; exp overflows above 709 in float64",
        "shifted = logits - logits.max(axis=1, keepdims=True)  # the same softmax; exp overflows above 709 in float64",
    ): _TWO_AXES,
    (
        "functional.py",
        "return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))",
        "return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))",
    ): _TWO_AXES,
    (
        "functional.py",
        "total = probabilities.sum(axis=-1, keepdims=True)",
        "total = probabilities.sum(axis=1, keepdims=True)",
    ): _TWO_AXES,
    (
        "functional.py",
        "logits_grad = scale * (np.exp(log_predicted) * total - probabilities)",
        "logits_grad = scale * ((np.exp(log_predicted) / total) - probabilities)",
    ): "Targets are probabilities, whose total in every row is 1.",
    (
        "autograd_engine.py",
        "if len(receivers) != len(inputs):",
        "if False:",
    ): "zip(strict=True) raises a ValueError below, before anything is recorded: only its text is another.",
    (
        "autograd_engine.py",
        "for array, receiver in zip(inputs, receivers, strict=True):",
        "for array, receiver in zip(inputs, receivers, strict=False):",
    ): "Tuples of another length were refused before: the two are equally long.",
    (
        "autograd_engine.py",
        "produced = {id(output) for _, output, _, _ in self.operation_list} if self._adds_in_place else set()",
        "produced = {id(output) for _, output, _, _ in self.operation_list} if True else set()",
    ): _ONLY_SLOWER,
    (
        "autograd_engine.py",
        "if self._adds_in_place:",
        "if True:",
    ): _ONLY_SLOWER,
    (
        "autograd_engine.py",
        "self._adds_in_place = False",
        "self._adds_in_place = True",
    ): _ONLY_SLOWER,
    (
        "autograd_engine.py",
        "for position, (receiver, contribution) in enumerate(zip(gradients_to_update, contributions, strict=True)):",
        "for position, (receiver, contribution) in enumerate(zip(gradients_to_update, contributions, strict=False)):",
    ): "A rule that gives another number of gradients was refused before: the two are equally long.",
    (
        "tensor.py",
        "inputs = [value if isinstance(value, Tensor) else Tensor(value) for value in tensors]",
        "inputs = [value if True else Tensor(value) for value in tensors]",
    ): "arrays_of and record take an array as it is, and of a constant the rule reads the shape alone.",
    (
        "tensor.py",
        "if not (a.requires_grad and b.requires_grad and engine is b.autograd and _is_recording):",
        "if True:",
    ): "Only speed differs: what follows is what record does.",
}

"""Speech embeddings by torch's modules, of each utterance alone and without its padding; and what known mistakes would
give.

No oracle here masks or packs: the steps of an utterance are put into an array of zeros at the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array, gradients, tensors, with_state
from part5_transformers.tests.oracle_transformers import part_of

FACTORS = {1: (1,), 2: (2,), 3: (3,), 4: (2, 2), 6: (3, 2)}

Activation = Callable[[Tensor], Tensor]


# The helpers


@truth
def reduced(lengths: Array, factor: int) -> Answer:
    """Count a step for every frame at which a group begins."""
    return {"lengths": np.array([len(range(0, length, factor)) for length in lengths], dtype=np.int64)}


def reduced_mistakes(lengths: Array, factor: int) -> Answer:
    answers = {
        "the division rounds down; an utterance's last frames need a step too, even if they are few": lengths // factor,
        "there is a step too many where the factor divides the length": lengths // factor + 1,
        "the division rounds to the nearest; it must round up": np.round(lengths / factor).astype(np.int64),
        "the lengths are fractions; they must be integers": (lengths / factor).astype(np.float32),
        "the lengths are rounded up, but they must be integers too": np.ceil(lengths / factor).astype(np.float32),
        "the lengths are those of the input": lengths,
    }
    return {sentence: {"lengths": answer} for sentence, answer in answers.items()}


@truth
def without_padding(x: Array, lengths: Array, grad_output: Array | None = None) -> Answer:
    """Put zeros at and after each length; the gradient of x is the upstream gradient with the same zeros."""
    known = {"output": x} if grad_output is None else {"output": x, "x_grad": grad_output}
    return {name: _cut(value, lengths) for name, value in known.items()}


def without_padding_mistakes(x: Array, lengths: Array, grad_output: Array | None = None) -> Answer:
    inside = (np.arange(x.shape[1]) < lengths[:, None])[:, :, None]
    outputs = {
        "x is returned as it is": x,
        "the steps are zero and the padding is kept": np.where(inside, 0, x),
        "the zeros begin one step late": _cut(x, lengths + 1),
        "the zeros begin one step early": _cut(x, lengths - 1),
    }
    return {sentence: {"output": output.astype(x.dtype)} for sentence, output in outputs.items()}


@truth
def group(x: Array, factor: int, grad_output: Array | None = None) -> Answer:
    """Put frames side by side; the gradient of x splits that of the groups again."""
    frames = tensors(x=x)
    groups = _groups(frames["x"], factor)
    known = {"groups": groups.detach().numpy()}
    return known if grad_output is None else known | gradients(groups, grad_output, frames)


def group_mistakes(x: Array, factor: int, grad_output: Array | None = None) -> Answer:
    right = group(x, factor)["groups"]
    frames = right.reshape(len(x), -1, factor, x.shape[2])
    missing = -x.shape[1] % factor
    answers = {
        "the frames are mixed feature by feature; a whole frame must follow the other": frames.swapaxes(2, 3),
        "frames that lie far apart are grouped; those of a group must follow one another": frames.reshape(
            len(x), factor, -1, x.shape[2]
        ).swapaxes(1, 2),
        "the zeros stand before the first frame; they must follow the last one": np.pad(
            x, ((0, 0), (missing, 0), (0, 0))
        ),
        "the last frame is repeated; the last group must be filled up with zeros": np.pad(
            x, ((0, 0), (0, missing), (0, 0)), mode="edge"
        ),
    }
    mistakes = {sentence: {"groups": answer.reshape(right.shape)} for sentence, answer in answers.items()}
    whole, further = right[:, : x.shape[1] // factor], np.zeros_like(right[:, :1])
    return {
        **mistakes,
        "the frames that fill no whole group are dropped": {"groups": whole},
        "a group of zeros follows where every group is whole": {"groups": np.concatenate([right, further], axis=1)},
    }


# One layer


@truth
def layer(kind: str, factor: int, state: Answer, x: Array, lengths: Array, grad_output: Array | None = None) -> Answer:
    """Return what the layer gives; with an upstream gradient also its gradients, that of x within each length."""
    return _run_layer(kind, factor, state, x, lengths, grad_output)


def layer_mistakes(
    kind: str, factor: int, state: Answer, x: Array, lengths: Array, grad_output: Array | None = None
) -> Answer:
    right = _run_layer(kind, factor, state, x, lengths, grad_output)["output"]
    own = Layer.of(kind, factor, state)
    steps, together = -(-lengths // factor), own(torch.tensor(x)).detach().numpy()
    mistakes: Answer = {
        "the lengths are those of the input; they must be those of the output": {"lengths": lengths},
        "the steps after the longest utterance's are missing": {"output": right[:, : steps.max()]},
    }
    if kind == "lstm":
        order = np.argsort(-lengths, kind="stable")
        mistakes["the utterances stand in the order of their lengths; bring them back into that of the batch"] = {
            "output": right[order]
        }
        behind = "the LSTM reads the padding; its way back must begin at each utterance's own end"
        return {
            **mistakes,
            behind: {"output": together},
            f"{behind}, and zeros afterwards do not help": {"output": _cut(together, steps)},
        }

    def with_other(activation: Activation) -> Answer:
        return _run_layer(kind, factor, state, x, lengths, grad_output, activation)

    mixed = own(torch.tensor(x.reshape(len(x), x.shape[2], -1).swapaxes(1, 2))).detach().numpy()
    return {
        **mistakes,
        "the steps beyond each length are not zero: mask after the convolution, which has a bias": {"output": together},
        "time and features are mixed by a reshape; they must be transposed": {"output": _cut(mixed, steps)},
        "the activation is ReLU; it must be GELU": with_other(functional.relu),
        "the activation is missing": with_other(lambda y: y),
        "the activation is GELU's approximation by tanh; it must be the exact one": with_other(
            lambda y: functional.gelu(y, approximate="tanh")
        ),
    }


# The embedding


def layers_of(method: str, time_reduction: int) -> list[tuple[str, int]]:
    """Return the kind and the factor of every layer."""
    first, *others = FACTORS[time_reduction]
    if method == "both":
        return [("convolution", first), *(("lstm", factor) for factor in others or [1])]
    kind = {"conv": "convolution", "lstm": "lstm"}[method]
    return [(kind, factor) for factor in (first, *others)]


@truth
def embedding(sizes: Answer, state: Answer, x: Array, lengths: Array, grad_output: Array | None = None) -> Answer:
    """Return what the embedding gives; with an upstream gradient also the gradients of x and of all parameters."""
    return _run(sizes, state, x, lengths, grad_output)


def embedding_mistakes(
    sizes: Answer, state: Answer, x: Array, lengths: Array, grad_output: Array | None = None
) -> Answer:
    right = _run(sizes, state, x, lengths)
    inside = (np.arange(right["output"].shape[1]) < right["lengths"][:, None])[:, :, None]
    biased = np.where(inside, right["output"], state["linear.bias"])
    return {
        "the linear layer's bias stays beyond each length: mask after it": {"output": biased},
        "the first layer reads the padding: mask before it": _run(sizes, state, x, lengths, grad_output, spills=True),
        "the linear layer is missing": _run(sizes, state, x, lengths, has_linear=False),
        "only the first layer is used": _run(sizes, state, x, lengths, depth=1),
        "the lengths are those of the input; they must be those of the output": {"lengths": lengths},
    }


def dropped_in_evaluation(output: Array, right: Answer) -> Answer:
    """Return what dropout at rate 1/2 leaves of the right output, where it has dropped what is zero in this one."""
    left = np.where(output == 0, 0, 2 * right["output"]).astype(output.dtype)
    return {"numbers are dropped in evaluation too": {**right, "output": left}}


def dropout_mistakes(output: Array, right: Array) -> Answer:
    answers = {
        "nothing is dropped in training": right,
        "what is kept is not divided by 1 - p": np.where(output == 0, 0, right),
    }
    return {sentence: {"output": answer.astype(right.dtype)} for sentence, answer in answers.items()}


# Every utterance by itself


class Layer(NamedTuple):
    """Torch's module and what is done before and after it."""

    kind: str
    factor: int
    module: nn.Module
    activation: Activation = functional.gelu

    @classmethod
    def of(cls, kind: str, factor: int, state: Answer, activation: Activation = functional.gelu) -> Layer:
        """Return the layer with its part of the parameters."""
        own = part_of(state, f"{kind}.")
        if kind == "convolution":
            outputs, inputs, _ = own["weight"].shape
            module: nn.Module = nn.Conv1d(inputs, outputs, 3, stride=factor, padding=1)
        else:
            gates, inputs = own["weight_ih_l0"].shape
            module = nn.LSTM(inputs, gates // 4, batch_first=True, bidirectional=True)
        return cls(kind, factor, with_state(module, own), activation)

    def __call__(self, x: Tensor) -> Tensor:
        if self.kind == "lstm":
            return self.module(_groups(x, self.factor))[0]
        return self.activation(self.module(x.transpose(1, 2))).transpose(1, 2)

    def spilt(self, x: Tensor, length: int) -> Tensor:
        """Return the steps of an utterance, where what they see of its padding is not zero."""
        steps = -(-length // self.factor)
        return self(x[:, : steps * self.factor + (self.kind == "convolution")])[:, :steps]

    def parameters(self, prefix: str = "") -> dict[str, Tensor]:
        """Return the parameters under our names."""
        return {f"{prefix}{self.kind}.{name}": value for name, value in self.module.named_parameters()}


def _run_layer(
    kind: str,
    factor: int,
    state: Answer,
    x: Array,
    lengths: Array,
    grad_output: Array | None = None,
    activation: Activation = functional.gelu,
) -> Answer:
    own, frames = Layer.of(kind, factor, state, activation), tensors(x=x)
    rows = [own(frames["x"][row : row + 1, :length])[0] for row, length in enumerate(lengths.tolist())]
    answer, output = _answer(rows, x.shape[1], factor)
    if grad_output is None:
        return answer
    found = gradients(output, grad_output, {**frames, **own.parameters()})
    return answer | found | {"x_grad": [grad[:length] for grad, length in zip(found["x_grad"], lengths, strict=True)]}


def _run(
    sizes: Answer,
    state: Answer,
    x: Array,
    lengths: Array,
    grad_output: Array | None = None,
    *,
    spills: bool = False,
    has_linear: bool = True,
    depth: int | None = None,
) -> Answer:
    """Run all layers and the linear one; what spills, is left out or is not so deep is a mistake."""
    kinds = layers_of(sizes["reduction_method"], sizes["time_reduction"])[:depth]
    layers = [Layer.of(*kind, part_of(state, f"layers.{number}.")) for number, kind in enumerate(kinds)]
    last = tensors(**{name: state[name] for name in ("linear.weight", "linear.bias")})
    frames = tensors(x=x)
    rows = []
    for row, length in enumerate(lengths.tolist()):
        own = frames["x"][row : row + 1]
        steps = layers[0].spilt(own, length) if spills else layers[0](own[:, :length])
        for each in layers[1:]:
            steps = each(steps)
        rows.append((functional.linear(steps, *last.values()) if has_linear else steps)[0])
    answer, output = _answer(rows, x.shape[1], math.prod(factor for _, factor in kinds))
    if grad_output is None:
        return answer
    inputs = {**frames, **last}
    for number, each in enumerate(layers):
        inputs |= each.parameters(f"layers.{number}.")
    return answer | gradients(output, grad_output, inputs)


def _answer(rows: Sequence[Tensor], time: int, factor: int) -> tuple[Answer, Tensor]:
    """Return the steps of every utterance in an array of zeros, and how many they are; and the array as a tensor."""
    output = torch.stack([functional.pad(row, (0, 0, 0, -(-time // factor) - len(row))) for row in rows])
    return {"output": output.detach().numpy(), "lengths": np.array([len(row) for row in rows])}, output


def _groups(x: Tensor, factor: int) -> Tensor:
    """Put the first frames of all groups beside the second ones, and so on."""
    filled = torch.cat([x, x.new_zeros(len(x), -x.shape[1] % factor, x.shape[2])], dim=1)
    return torch.cat([filled[:, first::factor] for first in range(factor)], dim=-1)


def _cut(x: Array, lengths: Array) -> Array:
    """Put zeros at and after each length."""
    cut = x.copy()
    for row, length in enumerate(lengths):
        cut[row, length:] = 0
    return cut

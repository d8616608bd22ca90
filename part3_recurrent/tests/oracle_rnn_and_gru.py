"""Torch's RNN and GRU on packed sequences, and by brute force a step after the other, with what mistakes would give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from autograder.testing import Candidate, Probe, assert_same
from autograder.testing.torch_oracle import Answer, Array, with_state
from part3_recurrent.tests.oracle import pull_back
from part3_recurrent.tests.oracle_cell import AVERAGED, OVERWRITTEN, Parameters, Step, leaf

KINDS = {"RNN": torch.nn.RNN, "GRU": torch.nn.GRU}


def over_time(
    module: torch.nn.Module, x: Tensor, h_0: Tensor | None, lengths: Sequence[int] | None, is_sorted: bool = False
) -> tuple[Tensor, Tensor]:
    """Run torch's RNN or GRU: output and h_n; with lengths, of the packed sequences, unpacked to all time steps."""
    if lengths is None:
        return module(x, h_0)
    first = bool(module.batch_first)
    packed = pack_padded_sequence(x, torch.tensor(lengths), batch_first=first, enforce_sorted=is_sorted)
    output, h_n = module(packed, h_0)
    return pad_packed_sequence(output, batch_first=first, total_length=x.shape[1 if first else 0])[0], h_n


def run(
    network: str,
    state: Answer,
    x: Array,
    h_0: Array,
    running: Sequence[int],
    output_grad: Array | None = None,
    h_n_grad: Array | None = None,
) -> Answer:
    """Run one layer and direction of torch's network.  Without upstream gradients: output and h_n alone."""
    kind, (batch, hidden) = KINDS[network], h_0.shape
    module = with_state(kind(x.shape[2], hidden, bias="bias_ih_l0" in state), state, x.dtype)
    inputs, ends = {"x": leaf(x), "h_0": leaf(h_0)}, lengths_of(running, batch)
    packs = [int(end) for end in ends] if min(ends, default=len(x)) < len(x) else None
    output, h_n = over_time(module, inputs["x"], inputs["h_0"][None], packs, is_sorted=True)
    return answer(
        {"output": (output, output_grad), "h_n": (h_n[0], h_n_grad)}, {**inputs, **dict(module.named_parameters())}
    )


def answer(outputs: Mapping[str, tuple[Tensor, Array | None]], inputs: Mapping[str, Tensor]) -> Answer:
    """Compute the outputs, and every input's gradient if any output has an upstream one."""
    if all(grad is None for _, grad in outputs.values()):
        return {name: output.detach().numpy() for name, (output, _) in outputs.items()}
    return pull_back(outputs, **inputs)


def lengths_of(running: Sequence[int], batch: int) -> Array:
    """Count the time steps of each sequence."""
    return (np.array(running)[:, None] > np.arange(batch)).sum(axis=0)


# Brute force


class Roll:
    """A network, one step after another.  A sequence that has ended keeps its state, and gives zeros."""

    def __call__(
        self, step: Step, parameters: Parameters, x: Tensor, h_0: Tensor, lengths: Tensor
    ) -> tuple[Tensor, Tensor]:
        h, outputs = self.begin(h_0), []
        for t, x_t in enumerate(x):
            new, runs = step(parameters, x_t, h), (t < lengths)[:, None]
            h = self.after(new, h, runs)
            outputs.append(self.output(new, h, runs))
        output = torch.stack(outputs)
        return output, self.end(output, h)

    def begin(self, h_0: Tensor) -> Tensor:
        """Give the state before the first step."""
        return h_0

    def after(self, new: Tensor, h: Tensor, runs: Tensor) -> Tensor:
        """Give the state after the step."""
        return torch.where(runs, new, h)

    def output(self, new: Tensor, h: Tensor, runs: Tensor) -> Tensor:
        """Give the output of the step."""
        return torch.where(runs, new, torch.zeros_like(new))

    def end(self, output: Tensor, h: Tensor) -> Tensor:
        """Give h_n."""
        return h


class RollOn(Roll):
    """A network whose state goes on after the end."""

    def after(self, new: Tensor, h: Tensor, runs: Tensor) -> Tensor:
        return new


class RollOnOutwards(RollOn):
    """A network whose state and output go on after the end."""

    def output(self, new: Tensor, h: Tensor, runs: Tensor) -> Tensor:
        return new


class RollHeld(Roll):
    """A network whose output after the end is the last state."""

    def output(self, new: Tensor, h: Tensor, runs: Tensor) -> Tensor:
        return h


class RollFromZeros(Roll):
    """A network whose first step begins with zeros."""

    def begin(self, h_0: Tensor) -> Tensor:
        return 0 * h_0


class RollToLastOutput(Roll):
    """A network whose h_n is the last output."""

    def end(self, output: Tensor, h: Tensor) -> Tensor:
        return output[-1]


class RollWithoutWayBack(Roll):
    """A network in which a state has the gradient of its own output alone."""

    def after(self, new: Tensor, h: Tensor, runs: Tensor) -> Tensor:
        return super().after(new, h, runs).detach()


MISTAKEN_ROLLS: dict[str, Roll] = {
    "h_0 is left out: the first step begins with zeros": RollFromZeros(),
    "h_n is the last of output, which is zero where a sequence has ended; the state must stay": RollToLastOutput(),
    "padding is read: output and state go on after a sequence's end": RollOnOutwards(),
    "h_n is the state at the last time step; it must be the one at each sequence's own end": RollOn(),
    "the output after a sequence's end is its last state; it must be zero": RollHeld(),
    "a state has the gradient of its output alone; add that from the next step, or from h_n": (RollWithoutWayBack()),
}


def mistakes(step: Step, mistaken_steps: Mapping[str, Step], **problem: Any) -> dict[str, Answer]:
    """Give what mistaken steps and mistaken ways over time would, and mistakes with the upstream gradients."""
    found = {sentence: by_hand(roll, step, **problem) for sentence, roll in MISTAKEN_ROLLS.items()}
    found |= {sentence: by_hand(Roll(), mistaken, **problem) for sentence, mistaken in mistaken_steps.items()}
    if problem.get("output_grad") is not None:
        right, batch = by_hand(Roll(), step, **problem), max(1, problem["x"].shape[1])
        found[AVERAGED] = {f"{name}_grad": right[f"{name}_grad"] / batch for name in problem["state"]}
        for name in ("h_n_grad", "output_grad"):
            without = {**problem, name: np.zeros_like(problem[name])}
            found[f"{name} is left out"] = by_hand(Roll(), step, **without)
    return found


def by_hand(
    roll: Roll,
    step: Step,
    state: Answer,
    x: Array,
    h_0: Array,
    running: Sequence[int],
    output_grad: Array | None = None,
    h_n_grad: Array | None = None,
) -> Answer:
    """Compute the same as `run`, a step after the other."""
    inputs = {"x": leaf(x), "h_0": leaf(h_0)}
    parameters = {name: leaf(value) for name, value in state.items()}
    lengths = torch.tensor(lengths_of(running, len(h_0)))
    output, h_n = roll(step, of_direction(parameters, "_l0"), inputs["x"], inputs["h_0"], lengths)
    return answer({"output": (output, output_grad), "h_n": (h_n, h_n_grad)}, {**inputs, **parameters})


def of_direction(parameters: Parameters, suffix: str) -> Parameters:
    """Take the parameters of the layer and direction with this suffix, by the names of a cell's."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return {name: parameters[name + suffix] for name in names if name + suffix in parameters}


# Comparisons


def assert_adds_up(candidate: Candidate, probe: Probe, right: Answer, problem: Answer) -> None:
    """Check that two backward passes double the parameters' gradients, but not x_grad and h_0_grad."""
    of_parameters = {f"{name}_grad": right[f"{name}_grad"] for name in problem["state"]}
    twice = {**right, **{name: value + value for name, value in of_parameters.items()}}
    names = [name for name in right if name.endswith("_grad")]
    assert_same(candidate.run(probe, **problem), twice, names=names, mistakes={OVERWRITTEN: right})


def with_other_padding(problem: Answer) -> Answer:
    """Change the numbers after each end, in x and, where there is one, in output_grad."""
    _, batch, _ = problem["x"].shape
    ended = np.array(problem["running"])[:, None] <= np.arange(batch)
    changed: Answer = {name: problem[name].copy() for name in ("x", "output_grad") if name in problem}
    for value in changed.values():
        value[ended] = 100
    return {**problem, **changed}

"""Torch's RNN and GRU with several layers and directions, and by brute force, with what known mistakes would give."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.special import bdtr, bdtrc
from torch import Tensor

from autograder.testing import assert_same, checked, truth
from autograder.testing.torch_oracle import Answer, Array, with_state
from part3_recurrent.tests import oracle_gru_cell, oracle_rnn_cell
from part3_recurrent.tests.oracle_cell import Parameters, Step, as_if, leaf
from part3_recurrent.tests.oracle_rnn_and_gru import KINDS, Roll, answer, of_direction, over_time

STEPS: dict[str, Step] = {"RNN": oracle_rnn_cell.step, "GRU": oracle_gru_cell.step}


def suffixes(options: Answer) -> tuple[str, ...]:
    """Give the endings of the names of each direction."""
    return ("", "_reverse") if options["bidirectional"] else ("",)


def names(network: str, options: Answer) -> list[str]:
    """List the names in the state dict of torch's network, in their order."""
    return list(KINDS[network](**options).state_dict())


@truth
def recurrent(
    network: str,
    options: Answer,
    state: Answer,
    x: Array,
    h_0: Array | None,
    lengths: Sequence[int] | None = None,
    output_grad: Array | None = None,
    h_n_grad: Array | None = None,
    training: bool = True,
) -> Answer:
    module = with_state(KINDS[network](**options), state, x.dtype).train(training)
    inputs = {"x": leaf(x), "h_0": leaf(_zeros(options, x) if h_0 is None else h_0)}
    ends = None if lengths is None else [int(end) for end in lengths]
    output, h_n = over_time(module, inputs["x"], inputs["h_0"], ends)
    parameters = dict(module.named_parameters())
    return answer({"output": (output, output_grad), "h_n": (h_n, h_n_grad)}, {**inputs, **parameters})


def _zeros(options: Answer, x: Array) -> Array:
    batch = x.shape[0 if options["batch_first"] else 1]
    return np.zeros((options["num_layers"] * len(suffixes(options)), batch, options["hidden_size"]), x.dtype)


# Brute force

Reverse = Callable[[Tensor, Tensor], Tensor]


def each_reversed(x: Tensor, lengths: Tensor) -> Tensor:
    """Reverse every sequence; the padding stays."""
    steps = torch.arange(len(x))[:, None]
    return x[torch.where(steps < lengths, lengths - 1 - steps, steps), torch.arange(x.shape[1])]


class Stack(NamedTuple):
    """Layers above one another; a mistake is another function in the place of one of these."""

    reverse: Reverse = each_reversed  # what the second direction reads
    undo: Reverse = each_reversed  # what is made of its output
    into_first: Callable[[Tensor], Tensor] = lambda x: x
    into_second: Callable[[Tensor], Tensor] = lambda x: x
    join: Callable[[list[Tensor]], Tensor] = lambda outputs: torch.cat(outputs, dim=2)
    place: Callable[[int, int, int, int], int] = lambda layer, of_layers, direction, of_directions: (
        layer * of_directions + direction
    )  # of the states in h_0 and h_n
    begin: Callable[[Tensor, int], Tensor] = lambda h_0, place: h_0[place]
    between: Callable[[Tensor, int], Tensor] = lambda x, layer: x
    last: Callable[[Tensor], Tensor] = lambda x: x

    def __call__(
        self, network: str, options: Answer, parameters: Parameters, x: Tensor, h_0: Tensor, lengths: Tensor
    ) -> tuple[Tensor, Tensor]:
        ends, layers = suffixes(options), options["num_layers"]
        h_n: dict[int, Tensor] = {}
        for layer in range(layers):
            outputs = []
            for direction, suffix in enumerate(ends):
                sequence = self.reverse(self.into_second(x), lengths) if suffix else self.into_first(x)
                place = self.place(layer, layers, direction, len(ends))
                own = of_direction(parameters, f"_l{layer}{suffix}")
                output, h_n[place] = Roll()(STEPS[network], own, sequence, self.begin(h_0, place), lengths)
                outputs.append(self.undo(output, lengths) if suffix else output)
            x = self.join(outputs)
            x = self.between(x, layer) if layer < layers - 1 else self.last(x)
        return x, torch.stack([h_n[place] for place in sorted(h_n)])


def by_hand(
    stack: Stack,
    network: str,
    options: Answer,
    state: Answer,
    x: Array,
    h_0: Array | None,
    lengths: Sequence[int] | None = None,
    output_grad: Array | None = None,
    h_n_grad: Array | None = None,
) -> Answer:
    """Compute the same as `recurrent`, a step after the other."""
    inputs = {"x": leaf(x), "h_0": leaf(_zeros(options, x) if h_0 is None else h_0)}
    parameters = {name: leaf(value) for name, value in state.items()}
    sequence = inputs["x"].transpose(0, 1) if options["batch_first"] else inputs["x"]
    time, batch, _ = sequence.shape
    ends = torch.full((batch,), time) if lengths is None else torch.tensor(np.array(lengths))
    output, h_n = stack(network, options, parameters, sequence, inputs["h_0"], ends)
    output = output.transpose(0, 1) if options["batch_first"] else output
    return answer({"output": (output, output_grad), "h_n": (h_n, h_n_grad)}, {**inputs, **parameters})


# Mistakes


def _same_order(x: Tensor, lengths: Tensor) -> Tensor:
    return x


def _all_reversed(x: Tensor, lengths: Tensor) -> Tensor:
    return x.flip(0)


def _only_value_reversed(x: Tensor, lengths: Tensor) -> Tensor:
    return as_if(each_reversed(x, lengths), x)


def _halved(x: Tensor) -> Tensor:
    return as_if(x, x / 2)


PADDING_FIRST = "the second direction begins in the padding; it must begin at each sequence's end"
MISTAKEN_STACKS = {
    "every layer and direction begins with h_0[0]": Stack(begin=lambda h_0, place: h_0[0]),
    "nothing goes back from a layer to the one below": Stack(between=lambda x, layer: x.detach()),
}
WITH_TWO_DIRECTIONS = {
    "the second direction's output is not reversed again": Stack(undo=_same_order),
    "the second direction reads forwards, too": Stack(reverse=_same_order, undo=_same_order),
    "the second direction reads forwards, and its output is reversed": Stack(reverse=_same_order),
    PADDING_FIRST: Stack(reverse=_all_reversed, undo=_all_reversed),
    "the two directions are joined in the wrong order": Stack(join=lambda outputs: torch.cat(outputs[::-1], dim=2)),
    "h_0 and h_n are ordered by direction first; in torch it is the layer": Stack(
        place=lambda layer, of_layers, direction, of_directions: direction * of_layers + layer
    ),
    "both directions of a layer begin with the same state": Stack(begin=lambda h_0, place: h_0[place // 2]),
    "the second direction's gradient of x is missing": Stack(into_second=Tensor.detach),
    "the directions' gradients of x are averaged; they must add up": Stack(into_first=_halved, into_second=_halved),
    "no gradient of x comes from the first direction": Stack(into_first=Tensor.detach),
    "the second direction's gradient of x is not reversed": Stack(reverse=_only_value_reversed),
    "the gradient of the second direction's output is not reversed": Stack(undo=_only_value_reversed),
}


def recurrent_mistakes(**problem: Any) -> dict[str, Answer]:
    stacks = MISTAKEN_STACKS | (WITH_TWO_DIRECTIONS if problem["options"]["bidirectional"] else {})
    padded = {**problem, "x": _with_zeros_for_padding(**problem)}  # given code has done so
    found = {
        sentence: by_hand(stack, **(padded if sentence == PADDING_FIRST else problem))
        for sentence, stack in stacks.items()
    }
    if problem.get("output_grad") is None:
        found["h_n holds the last state alone; every layer and direction has one"] = {
            "h_n": recurrent(**problem)["h_n"][-1:]
        }
        return found
    found["the gradients of h_0 and h_n are ordered by direction first; in torch it is the layer"] = _by_direction(
        **problem
    )
    if (h_n_grad := problem["h_n_grad"]) is not None:
        directions = len(suffixes(problem["options"]))
        of_the_top = np.concatenate([np.zeros_like(h_n_grad[:-directions]), h_n_grad[-directions:]])
        found |= {
            "h_n_grad is left out": by_hand(Stack(), **{**problem, "h_n_grad": None}),
            "h_n_grad reaches the top layer alone; every layer has a part of it": by_hand(
                Stack(), **{**problem, "h_n_grad": of_the_top}
            ),
        }
    return found


def _with_zeros_for_padding(x: Array, options: Answer, lengths: Sequence[int] | None = None, **_: Any) -> Array:
    if lengths is None:
        return x
    runs = np.arange(x.shape[1 if options["batch_first"] else 0])[:, None] < np.array(lengths)
    return np.where((runs.T if options["batch_first"] else runs)[:, :, None], x, np.zeros_like(x))


def _by_direction(**problem: Any) -> Answer:
    """Compute the gradients if only backward orders the states by direction first."""
    layers, directions = problem["options"]["num_layers"], len(suffixes(problem["options"]))
    places = np.arange(layers * directions).reshape(directions, layers).T.ravel()
    above = problem["h_n_grad"]
    found = by_hand(Stack(), **{**problem, "h_n_grad": None if above is None else above[places]})
    return {**found, "h_0_grad": found["h_0_grad"][np.argsort(places)]}


def dropout_mistakes(training: bool, **problem: Any) -> dict[str, Answer]:
    """Give what mistakes would, for a dropout of everything."""

    def dropped(x: Tensor, layer: int = 0) -> Tensor:
        return 0 * x

    if not training:
        return {}
    mistakes = {
        "there is no dropout between the layers": Stack(),
        "dropout acts on the input, too; it stands between the layers": Stack(
            between=dropped, into_first=dropped, into_second=dropped
        ),
        "backward does not go through the dropout": Stack(between=lambda x, layer: as_if(0 * x, x)),
    }
    return {sentence: by_hand(stack, **problem) for sentence, stack in mistakes.items()}


# Dropout that keeps some

# How often the count of dropped numbers of a right network lies below its bounds, and how often above.  A grading makes
# less than 10⁴ counts: chance fails a right network in less than one of 10⁹ gradings.
CHANCE = 1e-14


def with_masks(problem: Answer, h_n: Any) -> Answer:
    """Compute what is right for a network of one unit and one time step, and the masks that explain the given h_n.

    A layer's output is its entry in h_n, so that a mask is seen in what the layer above makes of it.  Where h_n is
    wrong, the likelier of both is taken.
    """
    options = problem["options"]
    states = checked(h_n, _zeros(options, problem["x"]), "h_n")
    masks = list(_masks(problem, states))
    scales = [torch.tensor(mask / (1 - options["dropout"])) for mask in masks]
    arguments = {name: value for name, value in problem.items() if name != "seed"}
    right = by_hand(Stack(between=lambda x, layer: x * scales[layer]), **arguments)
    return {**right, "masks": np.stack(masks)}


def _masks(problem: Answer, states: Array) -> Iterator[Array]:
    state, p = problem["state"], problem["options"]["dropout"]
    for layer in range(1, len(states)):
        weight, bias = state[f"weight_ih_l{layer}"], state[f"bias_ih_l{layer}"] + state[f"bias_hh_l{layer}"]
        kept, dropped = np.tanh(states[layer - 1] / (1 - p) @ weight.T + bias), np.tanh(bias)
        yield (np.abs(states[layer] - kept) < np.abs(states[layer] - dropped))[None].astype(states.dtype)


def assert_dropped(masks: Array, p: float) -> None:
    """Check that there are as many zeros in the masks as chance allows."""
    low, high = bounds(masks.size, p)
    count, name = int((masks == 0).sum()), f"the number of dropped values among {masks.size}"
    assert_same({name: f"{count}"}, {name: f"{count}" if low <= count <= high else f"{low} to {high}"})


@functools.cache
def bounds(trials: int, probability: float) -> tuple[int, int]:
    """Bound the successes in independent trials: the smallest and the largest number possible by chance."""
    counts = np.arange(trials + 1)
    low = np.argmax(bdtr(counts, trials, probability) > CHANCE)
    high = np.argmax(bdtrc(counts, trials, probability) <= CHANCE)
    return int(low), int(high)

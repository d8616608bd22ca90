"""The same model built from torch's modules, its probabilities, and what known mistakes would give.

Every solution may draw in its own way, so a text is never compared with another one that was drawn.  How often
something is drawn follows the binomial distribution, whose tails are computed exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from scipy.special import bdtr, bdtrc

from autograder.testing import assert_same, truth
from autograder.testing.strategies import Shape
from autograder.testing.torch_oracle import Answer, Array, with_state
from part3_recurrent.tests.oracle import pull_back

# How often a count of a right solution lies below its bounds, and how often above.  All problems of a grading together
# make fewer than 200 counts: chance fails a right solution in less than one of 10⁹ gradings.
CHANCE = 1e-12
# A character less probable than this is not drawn: a grading draws fewer than 10³ in the tests that rely on it.
NEVER = 1e-14

STATE_FORGOTTEN = "of what was drawn only the last character is read; hand on the state"
NOT_READ = "what is drawn is not read: each character is drawn as the first was"
ONLY_THE_LAST = "of the prompt only the last character is read"
ONLY_THE_FIRST = "the logits after the prompt's first character are taken; those after its last count"


class Predictor(torch.nn.Module):
    """An Embedding, a GRU and a Linear."""

    def __init__(self, vocab_size: int, hidden_size: int, num_layers: int) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(vocab_size, hidden_size)
        self.gru = torch.nn.GRU(hidden_size, hidden_size, num_layers)
        self.linear = torch.nn.Linear(hidden_size, vocab_size)

    def forward(self, x: torch.Tensor, h_0: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        output, h_n = self.gru(self.embedding(x), h_0)
        return self.linear(output), h_n


@cache
def state_shapes(**sizes: int) -> dict[str, Shape]:
    """Give the shape of everything in the model's state dict."""
    return {name: tuple(value.shape) for name, value in Predictor(**sizes).state_dict().items()}


# Forward and backward


@truth
def predictor(
    sizes: Answer,
    state: Answer,
    x: Array,
    h_0: Array | None,
    logits_grad: Array | None = None,
    h_n_grad: Array | None = None,
) -> Answer:
    return _run(sizes, state, x, h_0, logits_grad, h_n_grad)


def forward_mistakes(sizes: Answer, state: Answer, x: Array, h_0: Array | None) -> Answer:
    right = _run(sizes, state, x, h_0)
    mistakes = {
        "only the last character has logits; every one has": {"logits": right["logits"][-1]},
        "h_n is that of the top layer alone": {"h_n": right["h_n"][-1]},
    }
    if h_0 is not None:
        mistakes["h_0 has no effect"] = _run(sizes, state, x, None)
    return mistakes


def backward_mistakes(
    sizes: Answer, state: Answer, x: Array, h_0: Array | None, logits_grad: Array, h_n_grad: Array | None
) -> Answer:
    right = _run(sizes, state, x, h_0, logits_grad, h_n_grad)
    mistakes = {
        "the gradient does not reach the embedding": {
            "embedding.weight_grad": np.zeros_like(right["embedding.weight_grad"])
        }
    }
    if h_n_grad is not None:
        mistakes["h_n_grad has no effect"] = _run(sizes, state, x, h_0, logits_grad)
    return mistakes


def _run(
    sizes: Any,
    state: Any,
    x: Array,
    h_0: Array | None,
    logits_grad: Array | None = None,
    h_n_grad: Array | None = None,
) -> Answer:
    model = with_state(Predictor(**sizes), state, state["linear.weight"].dtype)
    if h_0 is None:
        h_0 = np.zeros((sizes["num_layers"], x.shape[1], sizes["hidden_size"]), state["linear.weight"].dtype)
    h = torch.tensor(h_0, requires_grad=True)
    logits, h_n = model(torch.tensor(x), h)
    if logits_grad is None:
        return {"logits": logits.detach().numpy(), "h_n": h_n.detach().numpy()}
    outputs = {"logits": (logits, logits_grad), "h_n": (h_n, h_n_grad)}
    return pull_back(outputs, h_0=h, **dict(model.named_parameters()))


# What is written when the temperature is near zero


@truth
def probabilities(sizes: Answer, state: Answer, texts: Array, temperature: float) -> Array:
    """Compute the next character's probabilities, after each of the texts.  Shapes: texts (t, b), result (t, b, v)."""
    logits = _run(sizes, state, texts, None)["logits"]
    return torch.softmax(torch.tensor(logits, dtype=torch.float64) / temperature, -1).numpy()


def nearest_possible(
    sizes: Answer, state: Answer, prompt: Array | list[int], length: int, temperature: float, text: Array
) -> Array:
    """Replace each character that could not be drawn by the most probable one."""
    possible = np.array([*prompt, *text[len(prompt) :].clip(0, sizes["vocab_size"] - 1)])
    if length:
        after = probabilities(sizes, state, possible[:-1, None], temperature)[len(prompt) - 1 :, 0]
        drawn = possible[len(prompt) :]
        is_possible = after[np.arange(length), drawn] > NEVER
        possible[len(prompt) :] = np.where(is_possible, drawn, after.argmax(axis=-1))
    return possible


def most_probable_mistakes(sizes: Answer, state: Answer, prompt: Array | list[int], length: int) -> Answer:
    """Give the texts of the most probable characters, if something else is read than all that came before."""
    begin = list(prompt)

    def write(read: Callable[[list[int]], list[int]], start: list[int] = begin) -> Array:
        text = list(start)
        while len(text) < len(start) + length:
            text.append(int(_run(sizes, state, np.array(read(text))[:, None], None)["logits"][-1, 0].argmax()))
        return np.array([*begin, *text[len(start) :]])

    def forgetful(text: list[int]) -> list[int]:
        return text if len(text) == len(begin) else text[-1:]

    return {
        STATE_FORGOTTEN: {"text": write(forgetful)},
        ONLY_THE_LAST: {"text": write(list, begin[-1:])},
        ONLY_THE_FIRST: {"text": write(list, begin[:1])},
        NOT_READ: {"text": write(lambda text: text[: len(begin)])},
    }


# How often characters are drawn


def assert_counts(name: str, counts: Array, draws: int, probabilities: Array, mistakes: Mapping[str, Array]) -> None:
    """Check that each is drawn about as often as probable; `mistakes` maps a sentence to other probabilities."""

    def nearest_likely(probabilities: Array) -> dict[str, Array]:
        return {name: counts.clip(*bounds(draws, probabilities))}

    known = {sentence: nearest_likely(others) for sentence, others in mistakes.items()}
    assert_same({name: counts}, nearest_likely(probabilities), mistakes=known)


def bounds(draws: int, probabilities: Array) -> tuple[Array, Array]:
    """Bound the number of draws of something so probable: the smallest and the largest possible by chance."""
    counts, probabilities = np.arange(draws + 1), probabilities[..., None]
    low = np.argmax(bdtr(counts, draws, probabilities) > CHANCE, axis=-1)
    high = np.argmax(bdtrc(counts, draws, probabilities) <= CHANCE, axis=-1)
    return low, high


def drawing_mistakes(sizes: Answer, state: Answer, prompt: list[int], temperature: float) -> dict[str, Array]:
    """Compute the next character's probabilities after the prompt that known mistakes would give."""
    tempered = {t: probabilities(sizes, state, np.array(prompt)[:, None], t)[-1, 0] for t in (1.0, 1 / temperature)}
    right = probabilities(sizes, state, np.array(prompt)[:, None], temperature)[-1, 0]
    last, first = (
        probabilities(sizes, state, np.array(part)[:, None], temperature)[-1, 0] for part in (prompt[-1:], prompt[:1])
    )
    known = {
        "the most probable character is always taken; draw one": np.eye(len(right))[right.argmax()],
        "all characters are drawn equally often": np.full(len(right), 1 / len(right)),
        ONLY_THE_LAST: last,
        ONLY_THE_FIRST: first,
    }
    if temperature != 1:
        known["temperature has no effect"] = tempered[1.0]
        known["the logits are multiplied by the temperature; divide them"] = tempered[1 / temperature]
    return known

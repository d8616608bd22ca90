"""The reference's logit filters beside Hugging Face's logits processors, on logits of which no two are equal."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from part6_decoding.solution.logit_filters import (
    apply_repetition_penalty,
    apply_temperature,
    filter_min_p,
    filter_top_k,
    filter_top_p,
)

processors = pytest.importorskip(
    "transformers.generation.logits_process", reason="needs python autograder/run.py --install peers"
)

ROWS, VOCAB = 5, 40


@pytest.fixture
def logits() -> Tensor:
    """Draw logits (rows, v) a quarter apart or more, from steep rows to flat ones."""
    generator = torch.Generator().manual_seed(7)
    rising = torch.arange(VOCAB) + torch.rand(ROWS, VOCAB, generator=generator) / 2
    order = torch.rand(ROWS, VOCAB, generator=generator).argsort(dim=-1)
    steepness = torch.linspace(0.5, 0.05, ROWS)[:, None]
    return (rising - VOCAB / 2).gather(-1, order).double() * steepness


@pytest.fixture
def sequences() -> Tensor:
    """Draw tokens (rows, t) among which some occur several times."""
    return torch.randint(VOCAB // 2, (ROWS, 30), generator=torch.Generator().manual_seed(8))


@pytest.mark.parametrize("penalty", [0.5, 1.0, 1.2, 3.0])
def test_repetition_penalty(logits: Tensor, sequences: Tensor, penalty: float) -> None:
    expected = processors.RepetitionPenaltyLogitsProcessor(penalty)(sequences, logits.clone())
    torch.testing.assert_close(apply_repetition_penalty(logits, sequences, penalty), expected)


@pytest.mark.parametrize("temperature", [0.1, 0.7, 1.0, 2.0])
def test_temperature(logits: Tensor, sequences: Tensor, temperature: float) -> None:
    expected = processors.TemperatureLogitsWarper(temperature)(sequences, logits.clone())
    torch.testing.assert_close(apply_temperature(logits, temperature), expected)


@pytest.mark.parametrize("k", [1, 7, VOCAB - 1, VOCAB, VOCAB + 1])
def test_top_k(logits: Tensor, sequences: Tensor, k: int) -> None:
    torch.testing.assert_close(filter_top_k(logits, k), processors.TopKLogitsWarper(k)(sequences, logits.clone()))


@pytest.mark.parametrize("p", [0.01, 0.3, 0.9, 0.99, 1.0])
def test_top_p(logits: Tensor, sequences: Tensor, p: float) -> None:
    torch.testing.assert_close(filter_top_p(logits, p), processors.TopPLogitsWarper(p)(sequences, logits.clone()))


@pytest.mark.parametrize("least", [0.0, 0.05, 0.5, 1.0])
def test_min_p(logits: Tensor, sequences: Tensor, least: float) -> None:
    torch.testing.assert_close(
        filter_min_p(logits, least), processors.MinPLogitsWarper(least)(sequences, logits.clone())
    )


def test_all_in_turn(logits: Tensor, sequences: Tensor) -> None:
    in_turn = [
        processors.RepetitionPenaltyLogitsProcessor(1.3),
        processors.TemperatureLogitsWarper(0.8),
        processors.TopKLogitsWarper(10),
        processors.TopPLogitsWarper(0.9),
        processors.MinPLogitsWarper(0.1),
    ]
    expected = logits.clone()
    for processor in in_turn:
        expected = processor(sequences, expected)
    filtered = apply_temperature(apply_repetition_penalty(logits, sequences, 1.3), 0.8)
    filtered = filter_min_p(filter_top_p(filter_top_k(filtered, 10), 0.9), 0.1)
    torch.testing.assert_close(filtered, expected)

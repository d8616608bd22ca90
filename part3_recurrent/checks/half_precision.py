"""float16 stays float16 through cells, networks and CTC, as in torch.  Run by autograder/tests/test_float16.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from part2_layers.checks.half_precision import HALF, SIZES, assert_as_torch
from part3_recurrent.batched_ctc import BatchedCTCLoss
from part3_recurrent.ctc import CTCLoss
from part3_recurrent.embedding import Embedding
from part3_recurrent.gru import GRU
from part3_recurrent.gru_cell import GRUCell
from part3_recurrent.gru_ctc import GRUCTC
from part3_recurrent.rnn import RNN
from part3_recurrent.rnn_cell import RNNCell

RNG = np.random.default_rng(0)
torch.manual_seed(0)  # of its first weights


def halves(*shape: int, size: float = 1.0) -> np.ndarray:
    return (size * RNG.standard_normal(shape)).astype(HALF)


def assert_gradients_as_torch(layer: Any, in_torch: torch.nn.Module) -> None:
    theirs = dict(in_torch.named_parameters())
    for name, _, grad in layer.named_parameters():
        assert_as_torch(grad, theirs[name].grad)


@SIZES
@pytest.mark.parametrize(("ours", "theirs"), [(RNNCell, torch.nn.RNNCell), (GRUCell, torch.nn.GRUCell)])
def test_a_cell(ours: Any, theirs: Any, size: float) -> None:
    layer, in_torch = ours(40, 5, dtype=HALF), theirs(40, 5).half()
    layer.load_state_dict({name: value.numpy() for name, value in in_torch.state_dict().items()})
    x, h, grad = halves(3, 40, size=size), halves(3, 5), halves(3, 5)
    x_torch, h_torch = (torch.tensor(value, requires_grad=True) for value in (x, h))
    output = in_torch(x_torch, h_torch)
    output.backward(torch.tensor(grad))
    assert_as_torch(layer.forward(x, h), output)
    for ours_grad, of in zip(layer.backward(grad), (x_torch, h_torch), strict=True):
        assert_as_torch(ours_grad, of.grad)
    assert_gradients_as_torch(layer, in_torch)


@pytest.mark.parametrize(("ours", "theirs"), [(RNN, torch.nn.RNN), (GRU, torch.nn.GRU)])
def test_a_network(ours: Any, theirs: Any) -> None:
    options = {"num_layers": 2, "bidirectional": True}
    layer, in_torch = ours(40, 4, dtype=HALF, **options), theirs(40, 4, **options).half()
    layer.load_state_dict({name: value.numpy() for name, value in in_torch.state_dict().items()})
    x, grad = halves(6, 3, 40), halves(6, 3, 8)
    x_torch = torch.tensor(x, requires_grad=True)
    output, h_n = in_torch(x_torch)
    output.backward(torch.tensor(grad))
    for got, expected in zip(layer.forward(x), (output, h_n), strict=True):
        assert_as_torch(got, expected)
    x_grad, h_0_grad = layer.backward(grad)
    assert_as_torch(x_grad, x_torch.grad)
    assert h_0_grad.dtype == HALF
    assert_gradients_as_torch(layer, in_torch)


@pytest.mark.parametrize("loss", [CTCLoss(), BatchedCTCLoss()])
def test_ctc(loss: CTCLoss) -> None:
    """torch has it in float32 only."""
    log_probs = torch.tensor(halves(12, 2, 5)).float().log_softmax(-1).half()
    targets, frames, labels = np.array([[1, 2, 2], [3, 1, 0]]), [12, 9], [3, 2]
    wide = log_probs.float().requires_grad_()
    expected = torch.nn.functional.ctc_loss(wide, torch.tensor(targets), torch.tensor(frames), torch.tensor(labels))
    assert_as_torch(loss.forward(log_probs.numpy(), targets, frames, labels), expected.half())
    assert loss.backward().dtype == HALF


def test_an_embedding_and_a_whole_network() -> None:
    embedding = Embedding(7, 4, dtype=HALF)
    assert embedding.forward(np.array([1, 2])).dtype == HALF
    embedding.backward(halves(2, 4))
    assert embedding.weight_grad.dtype == HALF
    network = GRUCTC(6, 4, 2, 5, dtype=HALF)
    log_probs = network.forward(halves(7, 2, 6))
    assert log_probs.dtype == network.backward(halves(*log_probs.shape)).dtype == HALF

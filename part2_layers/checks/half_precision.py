"""float16 stays float16 through every layer, finite where torch's is.  Run by autograder/tests/test_float16.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from part2_layers.activation import GELU, Identity, ReLU, Sigmoid, Softmax, Tanh
from part2_layers.batchnorm import BatchNorm1d
from part2_layers.conv1d import Conv1d
from part2_layers.conv2d import Conv2d
from part2_layers.dropout import Dropout
from part2_layers.flatten import Flatten
from part2_layers.linear import Linear
from part2_layers.loss import CrossEntropyLoss, MSELoss
from part2_layers.mlp import MLP0, MLP1, MLP4
from part2_layers.pool import MaxPool2d, MeanPool2d
from part2_layers.sequential import Sequential

HALF = np.float16
torch.manual_seed(0)  # of its first weights
LAYERS: dict[str, tuple[Any, Any, tuple[int, ...]]] = {
    "Linear": (Linear(64, 3, dtype=HALF), torch.nn.Linear(64, 3), (5, 64)),
    "Identity": (Identity(), torch.nn.Identity(), (3, 4)),
    "Sigmoid": (Sigmoid(), torch.nn.Sigmoid(), (3, 4)),
    "Tanh": (Tanh(), torch.nn.Tanh(), (3, 4)),
    "ReLU": (ReLU(), torch.nn.ReLU(), (3, 4)),
    "GELU": (GELU(), torch.nn.GELU(), (3, 4)),
    "GELU with tanh": (GELU("tanh"), torch.nn.GELU("tanh"), (3, 4)),
    "Softmax": (Softmax(), torch.nn.Softmax(-1), (3, 4)),
    "BatchNorm1d": (BatchNorm1d(4, dtype=HALF), torch.nn.BatchNorm1d(4), (6, 4)),
    "BatchNorm1d over time": (BatchNorm1d(4, dtype=HALF), torch.nn.BatchNorm1d(4), (6, 4, 50)),
    "Conv1d": (Conv1d(2, 3, 3, dtype=HALF), torch.nn.Conv1d(2, 3, 3), (4, 2, 9)),
    "Conv2d": (Conv2d(2, 3, 3, dtype=HALF), torch.nn.Conv2d(2, 3, 3), (4, 2, 6, 6)),
    "MaxPool2d": (MaxPool2d(2), torch.nn.MaxPool2d(2), (2, 2, 4, 4)),
    "MeanPool2d": (MeanPool2d(4), torch.nn.AvgPool2d(4), (2, 2, 8, 8)),
    "Dropout": (Dropout(0.0), torch.nn.Dropout(0.0), (3, 4)),
    "Flatten": (Flatten(), torch.nn.Flatten(), (3, 2, 4)),
    "Sequential": (
        Sequential(Linear(8, 4, dtype=HALF), ReLU(), Linear(4, 2, dtype=HALF)),
        torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)),
        (3, 8),
    ),
}
SIZES = pytest.mark.parametrize("size", [1.0, 300.0], ids=["of size 1", "in the hundreds"])


def assert_as_torch(ours: Any, theirs: torch.Tensor | None) -> None:
    """Finite where torch is, and there the same, to the digits that a few sums of halves leave."""
    assert theirs is not None
    expected = theirs.detach().numpy()
    assert (ours.dtype, ours.shape) == (HALF, expected.shape)
    finite = np.isfinite(expected)
    assert np.isfinite(ours[finite]).all()
    scale = max(1.0, float(np.abs(expected[finite].astype(float)).max(initial=0.0)))
    np.testing.assert_allclose(ours[finite].astype(float), expected[finite].astype(float), rtol=0, atol=1e-2 * scale)


@SIZES
@pytest.mark.parametrize(("layer", "in_torch", "shape"), LAYERS.values(), ids=LAYERS)
def test_a_layer_of_float16_is_as_torchs(layer: Any, in_torch: Any, shape: tuple[int, ...], size: float) -> None:
    in_torch = in_torch.half()
    rng = np.random.default_rng(0)
    x = (size * rng.standard_normal(shape)).astype(HALF)
    layer.load_state_dict({name: value.numpy() for name, value in in_torch.state_dict().items()})
    layer.zero_grad()
    in_torch.zero_grad()
    x_torch = torch.tensor(x, requires_grad=True)
    output_torch = in_torch(x_torch)
    output = layer.forward(x)
    assert_as_torch(output, output_torch)
    grad_output = rng.standard_normal(output.shape).astype(HALF)
    output_torch.backward(torch.tensor(grad_output))
    assert_as_torch(layer.backward(grad_output), x_torch.grad)
    grads = {name: grad for name, _, grad in layer.named_parameters()}
    for name, parameter in in_torch.named_parameters():
        assert_as_torch(grads[name], parameter.grad)
    for name, value in in_torch.state_dict().items():
        if value.dtype == torch.float16:
            assert_as_torch(layer.state_dict()[name], value)


@SIZES
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize(
    ("loss", "in_torch", "target"),
    [
        (MSELoss, torch.nn.functional.mse_loss, np.zeros((40, 3), HALF)),
        (CrossEntropyLoss, torch.nn.functional.cross_entropy, np.arange(40) % 3),
        (CrossEntropyLoss, torch.nn.functional.cross_entropy, np.full((40, 3), 1 / 3, HALF)),
    ],
    ids=["MSELoss", "CrossEntropyLoss", "CrossEntropyLoss of probabilities"],
)
def test_a_loss_of_float16_is_as_torchs(
    loss: Callable[..., Any], in_torch: Callable[..., Any], target: np.ndarray, reduction: str, size: float
) -> None:
    input = (size * np.random.default_rng(1).standard_normal((40, 3))).astype(HALF)
    input_torch = torch.tensor(input, requires_grad=True)
    value_torch = in_torch(input_torch, torch.tensor(target), reduction=reduction)
    ours = loss(reduction=reduction)
    assert_as_torch(ours.forward(input, target), value_torch)
    value_torch.backward(torch.ones_like(value_torch))
    assert_as_torch(ours.backward(np.ones(value_torch.shape, HALF)), input_torch.grad)


@pytest.mark.parametrize(
    "network", [MLP0(8, 6, 3, dtype=HALF), MLP1(8, [6, 5], 3, dtype=HALF), MLP4(8, 6, 3, dtype=HALF)], ids=repr
)
def test_a_network_of_float16_stays_float16(network: Any) -> None:
    rng = np.random.default_rng(2)
    output = network.forward(rng.standard_normal((4, 8)).astype(HALF))
    assert output.dtype == HALF
    assert network.backward(rng.standard_normal(output.shape).astype(HALF)).dtype == HALF
    assert {grad.dtype for _, _, grad in network.named_parameters()} == {np.dtype(HALF)}


def test_float16_beside_wider_floats_follows_numpy() -> None:
    x = np.ones((2, 4), HALF)
    layer = Linear(4, 3)
    output = layer.forward(x)
    assert output.dtype == np.float32
    assert layer.backward(np.ones_like(output)).dtype == np.float32
    assert Linear(4, 3, dtype=HALF).forward(x.astype(np.float64)).dtype == np.float64


def test_a_loss_without_an_upstream_gradient_gives_float16_back() -> None:
    loss = MSELoss()
    loss.forward(np.ones((2, 3), HALF), np.zeros((2, 3), HALF))
    assert loss.backward().dtype == HALF


def test_a_layer_that_gave_float16_gives_float64_the_next_time() -> None:
    layer = ReLU()
    assert layer.forward(np.ones(3, HALF)).dtype == HALF
    assert layer.forward(np.ones(3)).dtype == np.float64
    assert layer.backward(np.ones(3)).dtype == np.float64

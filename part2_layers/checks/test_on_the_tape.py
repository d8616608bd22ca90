"""Every layer joins part 1's tape: beside other operations, and with torch's gradients."""

from __future__ import annotations

from pathlib import Path

from part2_layers.checks.test_real_use import run

ON_THE_TAPE = """
import numpy as np
import torch
from torch import nn
from part1_autograd.autograd_engine import Autograd
from part1_autograd.tensor import Tensor
from part2_layers.activation import GELU, Identity, ReLU, Sigmoid, Softmax, Tanh
from part2_layers.batchnorm import BatchNorm1d
from part2_layers.conv1d import Conv1d
from part2_layers.conv2d import Conv2d
from part2_layers.dropout import Dropout
from part2_layers.flatten import Flatten
from part2_layers.linear import Linear
from part2_layers.mlp import Residual
from part2_layers.pool import MaxPool2d, MeanPool2d
from part2_layers.sequential import Sequential

LAYERS = [
    (Linear(3, 4), nn.Linear(3, 4), (5, 3)),
    (Identity(), nn.Identity(), (5, 3)),
    (Sigmoid(), nn.Sigmoid(), (5, 3)),
    (Tanh(), nn.Tanh(), (5, 3)),
    (ReLU(), nn.ReLU(), (5, 3)),
    (GELU(), nn.GELU(), (5, 3)),
    (GELU("tanh"), nn.GELU("tanh"), (5, 3)),
    (Softmax(0), nn.Softmax(0), (5, 3)),
    (BatchNorm1d(3), nn.BatchNorm1d(3), (5, 3)),
    (Conv1d(2, 3, 2, 2, 1), nn.Conv1d(2, 3, 2, 2, 1), (2, 2, 6)),
    (Conv2d(2, 3, (2, 1), 2, 1), nn.Conv2d(2, 3, (2, 1), 2, 1), (2, 2, 6, 5)),
    (MaxPool2d(3, 2), nn.MaxPool2d(3, 2), (2, 2, 6, 5)),
    (MeanPool2d(3, 2), nn.AvgPool2d(3, 2), (2, 2, 6, 5)),
    (Flatten(), nn.Flatten(), (2, 2, 3)),
    (Dropout(0.5).eval(), nn.Dropout(0.5).eval(), (5, 3)),
    (
        Sequential(Linear(3, 4), Tanh(), Sequential(Linear(4, 2))),
        nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Sequential(nn.Linear(4, 2))),
        (2, 5, 3),
    ),
]

rng = np.random.default_rng(0)
for ours, theirs, shape in LAYERS:
    theirs.double()
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    x, name = rng.normal(size=shape), type(ours).__name__
    tensor, leaf = Tensor(x, requires_grad=True, autograd=Autograd()), torch.tensor(x, requires_grad=True)
    output = Tensor.apply(ours, tensor.exp())
    expected = theirs(leaf.exp())
    assert np.allclose(output.numpy(), expected.detach().numpy()), name
    grad_output = rng.normal(size=output.shape)
    (output * output).backward(grad_output)
    (expected * expected).backward(torch.from_numpy(grad_output))
    assert np.allclose(tensor.grad, leaf.grad.numpy()), name
    for (_, _, grad), parameter in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert np.allclose(grad, parameter.grad.numpy()), name

x, grad_output = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
tensor, twin = (Tensor(x, requires_grad=True, autograd=Autograd()) for _ in range(2))
Tensor.apply(Residual(Tanh()), tensor).backward(grad_output)
(twin + twin.tanh()).backward(grad_output)
assert np.allclose(tensor.grad, twin.grad), "Residual"
"""


def test_every_layer_joins_the_tape_with_torchs_gradients(tmp_path: Path) -> None:
    run("-c", ON_THE_TAPE, folder=tmp_path)

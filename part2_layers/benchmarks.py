"""Benchmarks of the layers beside torch: `python -m part2_layers.benchmarks`.

Every row is forward and backward, with the gradients of the input and of all parameters, in float32.
Before anything is timed, the results are compared with torch's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from autograder.scripts import side_by_side
from autograder.scripts.side_by_side import Row, Step, beside, compare, peak_of

if TYPE_CHECKING:
    import numpy as np
    import torch

    from part2_layers.module import Module

Goals = tuple[float, float] | None


def steps(rounds: int) -> list[Step]:
    """Return every row of the table."""
    from torch import nn

    from part2_layers.activation import GELU
    from part2_layers.batchnorm import BatchNorm1d
    from part2_layers.conv1d import Conv1d
    from part2_layers.conv2d import Conv2d
    from part2_layers.pool import MaxPool2d, MeanPool2d

    pixels, features, samples = (8, 16, 32, 32), (8, 32, 32, 32), (16, 64, 256)
    layers: list[tuple[str, Module, torch.nn.Module, tuple[int, ...], Goals]] = [
        ("Conv2d 16→32, 8×32×32, k3 p1", Conv2d(16, 32, 3, 1, 1), nn.Conv2d(16, 32, 3, 1, 1), pixels, (2.2, 1.9)),
        ("the same, stride 2", Conv2d(16, 32, 3, 2, 1), nn.Conv2d(16, 32, 3, 2, 1), pixels, (1.5, 1.25)),
        ("Conv1d 64→128, 16×256, k5 p2", Conv1d(64, 128, 5, 1, 2), nn.Conv1d(64, 128, 5, 1, 2), samples, (1.6, 1.3)),
        ("the same, stride 2", Conv1d(64, 128, 5, 2, 2), nn.Conv1d(64, 128, 5, 2, 2), samples, (1.6, 1.3)),
        ("MaxPool2d 8×32×32×32, k2 s2", MaxPool2d(2), nn.MaxPool2d(2), features, (0.8, 0.55)),
        ("MaxPool2d, k3 s2", MaxPool2d(3, 2), nn.MaxPool2d(3, 2), features, (1.2, 0.9)),
        ("MeanPool2d, k2 s2", MeanPool2d(2), nn.AvgPool2d(2), features, None),
        ("MeanPool2d, k3 s2", MeanPool2d(3, 2), nn.AvgPool2d(3, 2), features, None),
        ("BatchNorm1d 128×512", BatchNorm1d(512), nn.BatchNorm1d(512), (128, 512), (1.5, 1.1)),
        ("BatchNorm1d 16×128×256", BatchNorm1d(128), nn.BatchNorm1d(128), (16, 128, 256), (2.3, 1.4)),
        ("GELU 128×512", GELU(), nn.GELU(), (128, 512), (5.5, 3.0)),
        ("GELU(tanh) 128×512", GELU("tanh"), nn.GELU("tanh"), (128, 512), (1.3, 1.0)),
    ]
    return [
        partial(mlp_step, rounds),
        partial(mlp_products, rounds),
        *(partial(layer_beside_torch, rounds, *each) for each in layers),
        conv2d_memory,
    ]


# A training step


SIZES, BATCH = (784, 512, 512, 10), 128


def mlp_step(rounds: int) -> list[Row]:
    """zero_grad, forward, cross-entropy, backward with the gradient of the input, SGD."""
    import numpy as np
    import torch
    from torch import nn

    from part2_layers.activation import ReLU
    from part2_layers.linear import Linear
    from part2_layers.loss import CrossEntropyLoss
    from part2_layers.optim import SGD
    from part2_layers.sequential import Sequential

    first, second, third = pairwise(SIZES)
    model = Sequential(Linear(*first), ReLU(), Linear(*second), ReLU(), Linear(*third))
    torch_model = nn.Sequential(nn.Linear(*first), nn.ReLU(), nn.Linear(*second), nn.ReLU(), nn.Linear(*third))
    model.load_state_dict(torch_model.state_dict())
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((BATCH, SIZES[0]), np.float32), rng.integers(0, SIZES[-1], BATCH)
    loss, optimizer = CrossEntropyLoss(), SGD(model, lr=0.01)
    torch_x, torch_target = torch.tensor(x, requires_grad=True), torch.from_numpy(target)
    torch_loss, torch_optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(torch_model.parameters(), lr=0.01)

    def ours() -> list[np.ndarray]:
        optimizer.zero_grad()
        value = loss.forward(model.forward(x), target)
        x_grad = model.backward(loss.backward())
        optimizer.step()
        return [value, x_grad]

    def theirs() -> list[Any]:
        torch_optimizer.zero_grad()
        torch_x.grad = None
        value = torch_loss(torch_model(torch_x), torch_target)
        value.backward()
        torch_optimizer.step()
        return [value.detach(), torch_x.grad]

    for _ in range(3):
        compare(ours(), theirs(), ["loss", "x_grad"])
    compare(list(model.state_dict().values()), list(torch_model.state_dict().values()), list(model.state_dict()))
    return [beside("MLP 784-512-512-10, batch 128, SGD step", ours, theirs, rounds, (1.35, 1.15))]


def mlp_products(rounds: int) -> list[Row]:
    """Measure the products of that step alone: what the two BLAS libraries differ by, and a floor for the row above."""
    import numpy as np
    import torch

    rng = np.random.default_rng(0)
    shapes = [
        shapes
        for inner, outer in pairwise(SIZES)
        for shapes in (
            ((BATCH, inner), (inner, outer)),
            ((outer, BATCH), (BATCH, inner)),
            ((BATCH, outer), (outer, inner)),
        )
    ]
    pairs = [[rng.standard_normal(shape, np.float32) for shape in pair] for pair in shapes]
    tensors = [[torch.from_numpy(factor) for factor in pair] for pair in pairs]

    def ours() -> list[np.ndarray]:
        return [a @ b for a, b in pairs]

    def theirs() -> list[torch.Tensor]:
        return [a @ b for a, b in tensors]

    compare(ours(), theirs(), [str(shape) for shape in shapes])
    return [beside("its nine matrix products alone, the same on both sides", ours, theirs, rounds)]


# Layers


def layer_beside_torch(
    rounds: int, work: str, layer: Module, torch_layer: torch.nn.Module, shape: tuple[int, ...], goals: Goals
) -> list[Row]:
    """zero_grad, forward and backward of a layer with torch's parameters."""
    import numpy as np
    import torch

    rng = np.random.default_rng(0)
    layer.load_state_dict(torch_layer.state_dict())
    x = rng.standard_normal(shape, np.float32)
    torch_x = torch.tensor(x, requires_grad=True)
    grad_output = rng.standard_normal(torch_layer(torch_x).shape, np.float32)
    torch_grad_output = torch.from_numpy(grad_output)

    def ours() -> list[Any]:
        layer.zero_grad()
        output = layer.forward(x)
        return [output, layer.backward(grad_output), *(grad for _, _, grad in layer.named_parameters())]

    def theirs() -> list[Any]:
        torch_layer.zero_grad()
        torch_x.grad = None
        output = torch_layer(torch_x)
        output.backward(torch_grad_output)
        return [output.detach(), torch_x.grad, *(parameter.grad for parameter in torch_layer.parameters())]

    names = ["output", "x_grad", *(name for name, _, _ in layer.named_parameters())]
    compare(ours(), theirs(), names)
    return [beside(work, ours, theirs, rounds, goals)]


def conv2d_memory() -> list[Row]:
    """Measure the peak of Conv2d's backward beside kernel² times its padded input: one im2col buffer."""
    import numpy as np

    from part2_layers.conv2d import Conv2d

    layer, rng = Conv2d(16, 32, 3, 1, 1), np.random.default_rng(0)
    x = rng.standard_normal((8, 16, 32, 32), np.float32)
    grad_output = rng.standard_normal(layer.forward(x).shape, np.float32)
    forward = peak_of(lambda: layer.forward(x))
    backward = peak_of(lambda: layer.backward(grad_output))
    buffer = 9 * x.nbytes
    name = "kernel² × input"
    return [
        Row("Conv2d 16→32, k3 p1: peak of forward, MB", forward / 1e6, buffer / 1e6, name, forward / buffer),
        Row("Conv2d 16→32, k3 p1: peak of backward, MB", backward / 1e6, buffer / 1e6, name, backward / buffer),
    ]


if __name__ == "__main__":
    sys.exit(side_by_side.main("part2_layers", __doc__, steps))

"""The speed of recurrent layers and CTC, beside torch: `python -m part3_recurrent.benchmarks`.

Every row is forward and backward, in float32.  Before anything is timed, the results are compared with torch's.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from autograder.scripts import side_by_side
from autograder.scripts.side_by_side import Row, Step, beside, compare

if TYPE_CHECKING:
    import numpy as np
    import torch

    from part3_recurrent.ctc import CTCLoss
    from part3_recurrent.recurrent import Recurrent

TIME, BATCH, FEATURES = 100, 16, 128
CLASSES, LABELS = 30, 20


def steps(rounds: int) -> list[Step]:
    """List what measures each row of the table."""
    from torch import nn

    from part3_recurrent.batched_ctc import BatchedCTCLoss
    from part3_recurrent.ctc import CTCLoss
    from part3_recurrent.gru import GRU
    from part3_recurrent.rnn import RNN

    size = f"T{TIME} N{BATCH} {FEATURES}→{FEATURES}, 2 layers"
    layers: list[tuple[str, Recurrent, torch.nn.Module, bool, tuple[float, float] | None]] = [
        (f"GRU {size}", GRU(FEATURES, FEATURES, 2), nn.GRU(FEATURES, FEATURES, 2), False, (0.85, 0.65)),
        (
            "the same in both directions",
            GRU(FEATURES, FEATURES, 2, bidirectional=True),
            nn.GRU(FEATURES, FEATURES, 2, bidirectional=True),
            False,
            None,
        ),
        ("the same in one, lengths 50 to 100", GRU(FEATURES, FEATURES, 2), nn.GRU(FEATURES, FEATURES, 2), True, None),
        (f"RNN {size}", RNN(FEATURES, FEATURES, 2), nn.RNN(FEATURES, FEATURES, 2), False, None),
    ]
    losses = [("with log-softmax", CTCLoss(), (4.6, 3.5)), ("the whole batch at once", BatchedCTCLoss(), (1.1, 0.8))]
    return [
        *(partial(recurrent_beside_torch, rounds, *each) for each in layers),
        *(partial(ctc_beside_torch, rounds, *each) for each in losses),
    ]


def recurrent_beside_torch(
    rounds: int,
    work: str,
    layer: Recurrent,
    torch_layer: torch.nn.Module,
    with_lengths: bool,
    goals: tuple[float, float] | None,
) -> list[Row]:
    """Measure zero_grad, forward and backward with torch's parameters; with lengths, torch packs and unpacks."""
    import numpy as np
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    rng = np.random.default_rng(0)
    layer.load_state_dict(torch_layer.state_dict())
    x = rng.standard_normal((TIME, BATCH, FEATURES), np.float32)
    lengths = np.linspace(TIME, TIME // 2, BATCH).astype(int) if with_lengths else None
    grad_output = rng.standard_normal(layer.forward(x)[0].shape, np.float32)
    torch_x, torch_grad = torch.tensor(x, requires_grad=True), torch.from_numpy(grad_output)

    def ours() -> list[Any]:
        layer.zero_grad()
        output, _ = layer.forward(x, lengths=lengths)
        x_grad, _ = layer.backward(grad_output)
        return [output, x_grad, *(grad for _, _, grad in layer.named_parameters())]

    def theirs() -> list[Any]:
        torch_layer.zero_grad()
        torch_x.grad = None
        if lengths is None:
            output, _ = torch_layer(torch_x)
        else:
            packed, _ = torch_layer(pack_padded_sequence(torch_x, torch.from_numpy(lengths)))
            output, _ = pad_packed_sequence(packed, total_length=TIME)
        output.backward(torch_grad)
        return [output.detach(), torch_x.grad, *(parameter.grad for parameter in torch_layer.parameters())]

    names = ["output", "x_grad", *(name for name, _, _ in layer.named_parameters())]
    compare(ours(), theirs(), names)
    return [beside(work, ours, theirs, rounds, goals)]


def ctc_beside_torch(rounds: int, how: str, loss: CTCLoss, goals: tuple[float, float]) -> list[Row]:
    """Measure log-softmax, loss, and the gradient of the logits."""
    import numpy as np
    import torch
    from torch.nn import functional

    rng = np.random.default_rng(0)
    logits = rng.standard_normal((TIME, BATCH, CLASSES), np.float32)
    targets = rng.integers(1, CLASSES, (BATCH, LABELS))
    frames, lengths = np.full(BATCH, TIME), np.full(BATCH, LABELS)
    torch_logits = torch.tensor(logits, requires_grad=True)
    torch_targets, torch_frames, torch_lengths = (torch.from_numpy(each) for each in (targets, frames, lengths))

    def ours() -> list[np.ndarray]:
        shifted = logits - logits.max(axis=-1, keepdims=True)
        probs = np.exp(shifted)
        total = probs.sum(axis=-1, keepdims=True)
        value = loss.forward(shifted - np.log(total), targets, frames, lengths)
        grad = loss.backward()
        return [value, grad - probs / total * grad.sum(axis=-1, keepdims=True)]

    def theirs() -> list[torch.Tensor | None]:
        torch_logits.grad = None
        value = functional.ctc_loss(torch_logits.log_softmax(-1), torch_targets, torch_frames, torch_lengths)
        value.backward()  # type: ignore[no-untyped-call]
        return [value.detach(), torch_logits.grad]

    compare(ours(), theirs(), ["loss", "logits_grad"])
    work = f"CTC T{TIME} N{BATCH} V{CLASSES} S{LABELS}, {how}"
    return [beside(work, ours, theirs, rounds, goals)]


if __name__ == "__main__":
    sys.exit(side_by_side.main("part3_recurrent", __doc__, steps))

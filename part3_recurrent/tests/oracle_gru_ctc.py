"""The same model built from torch's modules, and what known mistakes would give."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from autograder.testing import truth
from autograder.testing.strategies import Shape
from autograder.testing.torch_oracle import Answer, Array, with_state
from part3_recurrent.tests.oracle import pull_back
from part3_recurrent.tests.oracle_cell import as_if

Lengths = Array | list[int] | None
Last = Callable[[torch.Tensor], torch.Tensor]


class Network(torch.nn.Module):
    """A GRU, a Linear, and a last operation on the logits."""

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int, num_classes: int, bidirectional: bool = True
    ) -> None:
        super().__init__()
        self.gru = torch.nn.GRU(input_size, hidden_size, num_layers, bidirectional=bidirectional)
        self.linear = torch.nn.Linear(hidden_size * (2 if bidirectional else 1), num_classes)

    def forward(self, x: torch.Tensor, lengths: Lengths, last: Last) -> torch.Tensor:
        if lengths is None:
            return last(self.linear(self.gru(x)[0]))
        packed, _ = self.gru(pack_padded_sequence(x, torch.as_tensor(lengths), enforce_sorted=False))
        return last(self.linear(pad_packed_sequence(packed, total_length=len(x))[0]))


def log_softmax(logits: torch.Tensor) -> torch.Tensor:
    """Normalise over the classes."""
    return torch.log_softmax(logits, dim=-1)


@cache
def state_shapes(**sizes: Any) -> dict[str, Shape]:
    """Give the shape of everything in the network's state dict."""
    return {name: tuple(value.shape) for name, value in Network(**sizes).state_dict().items()}


@truth
def network(sizes: Answer, state: Answer, x: Array, lengths: Lengths, log_probs_grad: Array | None = None) -> Answer:
    return _run(sizes, state, x, lengths, log_probs_grad)


def forward_mistakes(sizes: Answer, state: Answer, x: Array, lengths: Lengths) -> Answer:
    others: dict[str, Last] = {
        "log softmax is missing: these are the logits": lambda logits: logits,
        "the logarithm is missing: these are probabilities": lambda logits: logits.softmax(dim=-1),
        "the softmax runs over the batch; the classes are the last axis": lambda logits: logits.log_softmax(dim=1),
        "the softmax runs over time; the classes are the last axis": lambda logits: logits.log_softmax(dim=0),
    }
    mistakes = {sentence: _run(sizes, state, x, lengths, last=last) for sentence, last in others.items()}
    if lengths is not None:
        mistakes["lengths has no effect: the padding is read too"] = _run(sizes, state, x, None)
    return mistakes


def backward_mistakes(sizes: Answer, state: Answer, x: Array, lengths: Lengths, log_probs_grad: Array) -> Answer:
    others: dict[str, Last] = {
        "backward leaves the log-softmax out: the Linear gets g as it is": lambda logits: logits,
        "the gradient is that of softmax, p (g - Σ g p); of its logarithm it is g - p Σ g": lambda logits: (
            logits.softmax(dim=-1)
        ),
        "p stands for the probabilities, here it is their logarithms: it is g - p Σ g": _with_log_for_p,
    }
    return {sentence: _run(sizes, state, x, lengths, log_probs_grad, last) for sentence, last in others.items()}


def _with_log_for_p(logits: torch.Tensor) -> torch.Tensor:
    log_p = log_softmax(logits)
    return as_if(log_p, logits - (log_p.detach() * logits).sum(dim=-1, keepdim=True))


def _run(
    sizes: Any, state: Any, x: Array, lengths: Lengths, log_probs_grad: Array | None = None, last: Last = log_softmax
) -> Answer:
    model, tensor = with_state(Network(**sizes), state, x.dtype), torch.tensor(x, requires_grad=True)
    log_probs = model(tensor, lengths, last)
    if log_probs_grad is None:
        return {"log_probs": log_probs.detach().numpy()}
    return pull_back({"log_probs": (log_probs, log_probs_grad)}, x=tensor, **dict(model.named_parameters()))
